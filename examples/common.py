"""What the examples share: options, digits, and the end of a run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygan
from tinygan.creation import tensor
from tinygan.data import Dataset, DataUnavailableError, load_dataset, synthetic_digits
from tinygan.devices import Generator, check_device
from tinygan.files import atomic_write
from tinygan.images import grid, save_png
from tinygan.metrics import Scorer, classifier_for, format_scores, hold_out
from tinygan.models import DCGAN
from tinygan.training import Trainer, load_generator, sample


def positive(text: str) -> int:
    """An integer from 1 on, as the type of an option."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text}")
    return int(text)


def parser(doc: str | None, out: str) -> argparse.ArgumentParser:
    """The options of every example; `out` is the default folder of its results."""
    options = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    options.add_argument("--out", type=Path, default=Path(out), help="results (%(default)s)")
    options.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    options.add_argument("--threads", type=positive, help="CPU threads (all cores)")
    options.add_argument("--quick", action="store_true", help="a tiny run, in less than a minute")
    return options


def training_parser(
    doc: str | None, out: str, *, batch_size: int, lr: float, epochs: int | None = None
) -> argparse.ArgumentParser:
    """The options of the examples that train a GAN of images, with their defaults."""
    options = parser(doc, out)
    add = options.add_argument
    add("--data", default="mnist", help="mnist, fashion, synthetic or a folder (%(default)s)")
    add("--skip-unreadable", action="store_true", help="leave out pictures that cannot be read")
    if epochs is not None:
        add("--epochs", type=positive, default=epochs, help="epochs in all (%(default)s)")
    add("--batch-size", type=positive, default=batch_size, help="images per step (%(default)s)")
    add("--lr", type=float, default=lr, help="G's rate in Adam (%(default)s)")
    add("--resume", action="store_true", help="go on with the run in --out")
    return options


def dcgan_options(options: argparse.ArgumentParser, width: int) -> None:
    """The options of the examples with a DCGAN that samples can be drawn from later."""
    add = options.add_argument
    add("--width", type=positive, default=width, help="channels next to the image (%(default)s)")
    add("--sample", type=positive, metavar="N", help="only draw N samples from --out")


def parse(options: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments; starts the random stream and sets the threads."""
    arguments = options.parse_args()
    try:
        check_device(arguments.device)
    except (RuntimeError, ValueError) as problem:
        options.error(f"--device: {problem}")
    if arguments.threads:
        tinygan.set_num_threads(arguments.threads)
    tinygan.manual_seed(arguments.seed)
    return arguments


def check_folder(arguments: argparse.Namespace) -> None:
    """Leaves the program if --out holds a run already, or none where --resume or --sample needs
    one: before the classifier is trained, which takes minutes."""
    out = arguments.out
    checkpoint = out / "checkpoint.npz"
    sampling = getattr(arguments, "sample", None)
    if out.exists() and not out.is_dir():
        raise SystemExit(f"--out {out}: not a folder")
    if (arguments.resume or sampling) and not checkpoint.exists():
        option = "--sample" if sampling else "--resume"
        raise SystemExit(f"{option}: --out {out} holds no run (no {checkpoint}); train one first")
    if checkpoint.exists() and not (arguments.resume or sampling):
        raise SystemExit(
            f"--out {out} holds a run already; go on with it by --resume, or choose another folder"
        )


def start(main: Callable[[], object]) -> None:
    """Runs an example; Ctrl-C ends it with a sentence and a shell's status for that, 130."""
    try:
        main()
    except KeyboardInterrupt:
        print("interrupted before the end", file=sys.stderr)
        raise SystemExit(130) from None


def load_data(arguments: argparse.Namespace) -> tuple[Dataset, Dataset | None]:
    """The training and the test set, of a folder with labels a part of it, of one without None.
    The synthetic digits when MNIST cannot be had, and a few of them with --quick."""
    if arguments.quick:
        return synthetic_digits(1000, 0), synthetic_digits(500, 1)
    source = arguments.data
    try:
        train = load_dataset(source, skip_unreadable=arguments.skip_unreadable)
    except DataUnavailableError as error:
        print(f"{str(error).splitlines()[0].rstrip(':')}; training on synthetic digits instead")
        source, train = "synthetic", load_dataset("synthetic")
    if Path(source).is_dir():
        print(train.describe())
        return (train, None) if train.labels is None else hold_out(train)
    return train, load_dataset(source, "test")


def load_digits(arguments: argparse.Namespace) -> tuple[Dataset, Dataset]:
    """As `load_data`, for what needs labels and a test set."""
    train, test = load_data(arguments)
    if test is None:
        raise SystemExit(f"--data {arguments.data}: these images have no labels; use a named set")
    return train, test


def draw_samples(arguments: argparse.Namespace, label: int | None = None) -> None:
    """Writes a picture of --sample samples of the trained (averaged) DCGAN in --out."""
    run = json.loads((arguments.out / "run.json").read_text(encoding="utf-8"))
    model = DCGAN(**run["settings"]["model"])
    load_generator(arguments.out / "checkpoint.npz", model.generator)
    count = arguments.sample
    latent = model.latent(count, Generator(arguments.seed + 2))
    labels = None if label is None else tensor(np.full(count, label))
    path = arguments.out / f"sample_{count}_seed_{arguments.seed}.png"
    save_png(grid(sample(model.generator, latent, labels)), path, zoom=2)
    print(f"wrote {path}")


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
    more: dict[str, tuple[float, float]],
    arguments: argparse.Namespace,
    minutes: float,
) -> None:
    """Prints all scores of generated images beside those of real ones, and keeps them in
    scores.json. `more` are further rows, name: (generated, real)."""
    scores = scorer.all(images)
    print(format_scores(scores, scorer.floor))
    for name, (generated, real) in more.items():
        print(f"{name:18}{generated:>12.3f}{real:>14.3f}")
    content = {
        "generated": {**scores, **{name: generated for name, (generated, _) in more.items()}},
        "real": {**scorer.floor, **{name: real for name, (_, real) in more.items()}},
        "minutes": minutes,
    }
    write_json(arguments.out / "scores.json", content)


def label_accuracy(scorer: Scorer, images: np.ndarray, labels: np.ndarray) -> float:
    """How often the classifier reads the class that was asked for."""
    _, probabilities = scorer.classifier.predict(images)
    return float((probabilities.argmax(1) == labels[: len(images)]).mean())
