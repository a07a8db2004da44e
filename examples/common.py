"""What the examples share: options, digits, and the end of a run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import tinygan
from tinygan.data import Dataset, DataUnavailableError, load_dataset, synthetic_digits
from tinygan.files import atomic_write


def parser(doc: str | None, out: str) -> argparse.ArgumentParser:
    """The options of every example; `out` is the default folder of its results."""
    options = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    options.add_argument("--out", type=Path, default=Path(out), help="results (%(default)s)")
    options.add_argument("--threads", type=int, help="CPU threads (all cores)")
    options.add_argument("--quick", action="store_true", help="a tiny run, in less than a minute")
    return options


def training_parser(
    doc: str | None, out: str, *, epochs: int, batch_size: int, lr: float, data: str = "mnist"
) -> argparse.ArgumentParser:
    """The options of the examples that train a GAN of images, with their defaults."""
    options = parser(doc, out)
    add = options.add_argument
    add("--data", default=data, help="mnist, fashion, synthetic or a folder (%(default)s)")
    add("--epochs", type=int, default=epochs, help="epochs in all (%(default)s)")
    add("--batch-size", type=int, default=batch_size, help="images per step (%(default)s)")
    add("--lr", type=float, default=lr, help="G's rate in Adam (%(default)s)")
    add("--device", default="cpu", help="cpu or cuda (%(default)s)")
    add("--resume", action="store_true", help="go on with the run in --out")
    return options


def parse(options: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments, checked; starts the random stream and sets the threads."""
    arguments = options.parse_args()
    for name, value in vars(arguments).items():
        if isinstance(value, int) and not isinstance(value, bool) and value < (name != "seed"):
            least = 0 if name == "seed" else 1
            options.error(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
    if arguments.threads:
        tinygan.set_num_threads(arguments.threads)
    tinygan.manual_seed(arguments.seed)
    return arguments


def load_data(arguments: argparse.Namespace) -> tuple[Dataset, Dataset | None]:
    """The training and the test set; a folder has no test set. The synthetic digits when MNIST
    cannot be had, and a few of them with --quick."""
    if arguments.quick:
        return synthetic_digits(1000, 0), synthetic_digits(500, 1)
    source = arguments.data
    try:
        train = load_dataset(source)
    except DataUnavailableError as error:
        print(f"{str(error).splitlines()[0].rstrip(':')}; training on synthetic digits instead")
        source, train = "synthetic", load_dataset("synthetic")
    return train, load_dataset(source, "test") if train.labels is not None else None


def write_json(path: Path, content: Any) -> None:
    """Writes `content` whole or not at all."""
    with atomic_write(path, "w") as file:
        json.dump(content, file, indent=1)
