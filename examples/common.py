"""What the examples share: options, digits, and the end of a run."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import tinygan
from tinygan.data import Dataset, DataUnavailableError, load_dataset, synthetic_digits
from tinygan.files import atomic_write
from tinygan.metrics import Scorer, classifier_for, format_scores, parzen_score
from tinygan.training import Trainer


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
    doc: str | None, out: str, *, batch_size: int, lr: float, epochs: int | None = None
) -> argparse.ArgumentParser:
    """The options of the examples that train a GAN of images, with their defaults."""
    options = parser(doc, out)
    add = options.add_argument
    add("--data", default="mnist", help="mnist, fashion, synthetic or a folder (%(default)s)")
    if epochs is not None:
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


def load_digits(arguments: argparse.Namespace) -> tuple[Dataset, Dataset]:
    """As `load_data`, for what needs labels and a test set."""
    train, test = load_data(arguments)
    if test is None:
        raise SystemExit(f"--data {arguments.data}: these images have no labels; use a named set")
    return train, test


def write_json(path: Path, content: Any) -> None:
    """Writes `content` whole or not at all."""
    with atomic_write(path, "w") as file:
        json.dump(content, file, indent=1)


def scorer_for(
    train: Dataset, test: Dataset, arguments: argparse.Namespace, count: int = 10_000
) -> Scorer:
    """Scores through a classifier of the training set, which is trained at the first time."""
    classifier = classifier_for(train, arguments.device, print)
    print(f"classifier: {100 * classifier.accuracy(test):.2f} % right on the test set")
    return Scorer(classifier, train, test, count)


def train(trainer: Trainer, arguments: argparse.Namespace) -> float:
    """Trains until --epochs are done and returns the minutes; leaves the program when Ctrl-C came
    first."""
    print(f"generator {trainer.model.generator}\ndiscriminator {trainer.model.discriminator}")
    start = time.monotonic()
    if not trainer.train(arguments.epochs):
        raise SystemExit(f"stopped and saved; go on with: --resume --out {arguments.out}")
    minutes = (time.monotonic() - start) / 60
    print(f"{arguments.epochs} epochs; {minutes:.1f} minutes; pictures and log in {arguments.out}")
    return minutes


def report(
    images: np.ndarray,
    scorer: Scorer,
    more: dict[str, tuple[Any, Any]],
    arguments: argparse.Namespace,
    minutes: float,
) -> None:
    """Prints the scores of generated images beside those of real ones, and keeps them in
    scores.json. `more` are further rows, name: (generated, real)."""
    scores, floor = scorer(images), scorer.floor
    print(format_scores(scores, floor))
    for name, values in more.items():
        print(f"{name:18}" + "".join(f"{v:>12.3f}" if v is not None else " " * 12 for v in values))
    scores = {**scores, **{name: generated for name, (generated, _) in more.items()}}
    floor = {**floor, **{name: real for name, (_, real) in more.items()}}
    content = {"generated": scores, "real": floor, "minutes": minutes}
    write_json(arguments.out / "scores.json", content)


def label_accuracy(scorer: Scorer, images: np.ndarray, labels: np.ndarray) -> float:
    """How often the classifier reads the class that was asked for."""
    _, probabilities = scorer.classifier.predict(images)
    return float((probabilities.argmax(1) == labels[: len(images)]).mean())


def parzen_rows(images: np.ndarray, train: Dataset, test: Dataset) -> dict[str, tuple[Any, Any]]:
    """Goodfellow's protocol, for generated images and for as many real ones."""
    unit = lambda data, indices: (data.batch(indices) + 1) / 2  # noqa: E731  (pixels in [0, 1])
    validation = unit(train, np.arange(len(train) - min(1000, len(train) // 10), len(train)))
    held_out = unit(test, np.arange(len(test)))
    ours = parzen_score((images + 1) / 2, validation, held_out)
    real = parzen_score(unit(train, np.arange(len(images))), validation, held_out)
    names = {"log_likelihood": "Parzen, nats", "standard_error": "  its error", "sigma": "  sigma"}
    return {name: (getattr(ours, key), getattr(real, key)) for key, name in names.items()}
