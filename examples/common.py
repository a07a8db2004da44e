"""What the examples that train share: their data, their trainer, and the end of a run."""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from command_line import NAMED, RECIPES, Parser, callbacks_of, checking, positive, rate, stop

from tinygan.creation import tensor
from tinygan.data import Dataset, DataUnavailableError, load_dataset, synthetic_digits
from tinygan.devices import Generator
from tinygan.files import atomic_write
from tinygan.images import grid, save_png
from tinygan.metrics import Scorer, classifier_for, format_scores, hold_out
from tinygan.metrics.report import check_sets
from tinygan.metrics.scores import SCORES
from tinygan.models import DCGAN
from tinygan.nn import Module
from tinygan.training import (
    GameTrainer,
    Settings,
    Trainer,
    TrainingDiverged,
    load_generator,
    sample,
    write_report,
)

COUNT = 10_000  # samples that are scored, if there are as many real images


def load_data(arguments: argparse.Namespace) -> tuple[Dataset, Dataset | None]:
    """The training and the test set, of a folder with labels a part of it, of one without None.
    The synthetic digits when MNIST cannot be had, and a few of them with --quick."""
    if arguments.quick:
        return synthetic_digits(1000, 0), synthetic_digits(500, 1)
    source = arguments.data
    with checking(f"--data {source}: "):
        try:
            train = load_dataset(source, skip_unreadable=arguments.skip_unreadable)
        except DataUnavailableError as error:
            print(f"{str(error).splitlines()[0].rstrip(':')}; training on synthetic digits instead")
            source, train = "synthetic", load_dataset("synthetic")
        if source in NAMED:
            return train, load_dataset(source, "test")
        print(train.describe())
        return (train, None) if train.labels is None else hold_out(train)


def digits_options(options: Parser) -> None:
    """What dcgan_mnist.py and time_to_quality.py can be told about the nets and the training."""
    add = options.add_argument
    add("--epochs", type=positive, default=8, help="epochs in all (%(default)s)")
    add("--width", type=positive, default=48, help="channels next to the image (%(default)s)")
    add("--batch-size", type=positive, default=64, help="images per step (%(default)s)")
    add("--lr", type=rate, default=1e-3, help="G's rate in Adam (%(default)s)")
    add("--recipe", choices=("r1", "relativistic"), default="relativistic", help="%(default)s")
    constant_rate_option(options)


def constant_rate_option(options: Parser) -> None:
    """Of a recipe whose rates fall to zero in the second half: a run cannot go on beyond that."""
    options.add_argument("--constant-rate", action="store_true",
                         help="the rates do not fall in the second half of --epochs, so that the "
                         "run can go on to more of them")  # fmt: skip


def digits_settings(options: argparse.Namespace) -> Settings:
    """The recipe of dcgan_mnist.py: the rate falls to zero in the second half."""
    decay = None if options.constant_rate else (options.epochs / 2, options.epochs)
    return Settings(options.batch_size, options.lr, decay=decay, seed=options.seed,
                    **RECIPES[options.recipe])  # fmt: skip


def load_digits(arguments: argparse.Namespace) -> tuple[Dataset, Dataset]:
    """As `load_data`, for what needs labels and a test set."""
    train, test = load_data(arguments)
    if test is None:
        stop(
            f"--data {arguments.data}: these pictures have no labels, which are needed here; put "
            "them in sub-folders, one for each class, or use one of " + ", ".join(NAMED)
        )
    return train, test


def classes_of(train: Dataset, test: Dataset) -> int:
    """How many classes the labels of both sets tell apart."""
    return int(max(train.require_labels().max(), test.require_labels().max())) + 1


def draw_samples(arguments: argparse.Namespace, label: int | None = None) -> None:
    """Writes a picture of --sample samples of the trained (averaged) DCGAN in --out, of the class
    `label` where the run is class-conditional."""
    out, count = arguments.out, arguments.sample
    with checking(f"--out {out}: "):
        model = model_of(out, DCGAN)
        load_generator(out / "checkpoint.npz", model.generator)
    if (model.classes is None) != (label is None):
        program, kind = ("dcgan_mnist.py", "no") if label is not None else (
            "dcgan_conditional_mnist.py", f"{model.classes}")  # fmt: skip
        stop(f"--sample: the run in --out {out} has {kind} classes; draw from it by {program}")
    if label is not None and model.classes is not None and label >= model.classes:
        stop(f"--digit: the run in --out {out} has the classes 0 to {model.classes - 1}, "
             f"got {label}")  # fmt: skip
    latent = model.latent(count, Generator(arguments.seed + 2))
    labels = None if label is None else tensor(np.full(count, label))
    path = out / f"sample_{count}_seed_{arguments.seed}.png"
    save_png(grid(sample(model.generator, latent, labels)), path, zoom=2)
    print(f"wrote {path}")


def model_of(folder: Path, kind: Callable[..., Any]) -> Any:
    """The model of a run, with new weights.

    Raises:
        ValueError: it is none of this kind.
    """
    settings = read_json(folder / "run.json").get("settings")
    options = settings.get("model") if isinstance(settings, dict) else None
    with contextlib.suppress(TypeError):  # options of other nets
        if isinstance(options, dict):
            return kind(**options)
    raise ValueError(f"{folder} holds a run of other nets than a {kind.__name__}'s")


APART = {"out", "device", "threads", "resume", "only", "seeds"}  # options that change no result


class Results:
    """results.json in --out, which belongs to one program with one set of options.

    Attributes:
        found: what an earlier run has left there; it ends the program if that was another one.

    Args:
        of: the options that count; all by default, but those that say where and how, and which of
            several parts.
    """

    def __init__(self, options: argparse.Namespace, of: Sequence[str] | None = None):
        self.path = options.out / "results.json"
        names = [name for name in vars(options) if name not in APART] if of is None else of
        settings = {"program": Path(sys.argv[0]).name,
                    **{name: getattr(options, name) for name in names}}  # fmt: skip
        self.settings = json.loads(json.dumps(settings, default=str))
        self.found = read_json(self.path)
        before = self.found.get("settings")
        if self.found and before != self.settings:
            if isinstance(before, dict):
                before = {k: v for k, v in before.items() if self.settings.get(k) != v}
            stop(f"--out {options.out} holds other results ({before}); choose another folder")

    def write(self, **content: Any) -> None:
        """Whole or not at all."""
        write_json(self.path, {"settings": self.settings, **content})


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one where there is no file.

    Raises:
        ValueError: it holds something else; the message names it.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as problem:  # brackets, thousands deep
        raise ValueError(f"{path} is damaged ({problem}); move it away") from problem
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged (no object); move it away")
    return content


def write_json(path: Path, content: Any) -> None:
    """Writes `content` whole or not at all."""
    with atomic_write(path, "w") as file:
        json.dump(content, file, indent=1)


def check_counts(
    data: Dataset, batch_size: int, arguments: argparse.Namespace,
    scored: tuple[Dataset, Dataset] | None, scores: Sequence[str],
) -> None:  # fmt: skip
    """Whether there are enough pictures for a batch and for the scores, before minutes go into a
    classifier for these."""
    count = len(data)
    if count < batch_size:
        stop(
            f"--data {arguments.data}: {count} pictures to train on are fewer than a batch of "
            f"{batch_size}; type --batch-size {count} or less, or add pictures"
        )
    if scored is not None:
        with checking(f"--data {arguments.data}: add pictures. "):
            check_sets(*scored, COUNT, scores)


def make_trainer(
    model: Any, data: Dataset, settings: Settings, arguments: argparse.Namespace,
    scored: tuple[Dataset, Dataset] | None = None, **options: Any,
) -> Trainer:  # fmt: skip
    """The trainer of a run in --out, which may be gone on with by --resume. It is made before the
    scorer, which takes minutes, as it finds out whether all fits. `scored` are the real images that
    samples will be compared with, the training set and the test set."""
    check_counts(data, settings.batch_size, arguments, scored, list(SCORES))
    options.setdefault("callbacks", callbacks_of(arguments))
    options.setdefault("samples", COUNT if scored is None else min(COUNT, len(scored[1])))
    with resuming(arguments):
        return Trainer(model, data, arguments.out, settings, device=arguments.device,
                       resume=arguments.resume, **options)  # fmt: skip


@contextlib.contextmanager
def resuming(arguments: argparse.Namespace) -> Iterator[None]:
    """What keeps a run from going on is told with the command that began it."""
    try:
        yield
    except ValueError as problem:
        command: list[str] = []
        with contextlib.suppress(ValueError, OSError):
            command = read_json(arguments.out / "run.json").get("command", [])
        if not arguments.resume or not command:
            raise
        raise ValueError(f"--resume: {problem}; it was started by: {shlex.join(command)}") from None


def scorer_for(
    train: Dataset, test: Dataset, arguments: argparse.Namespace, count: int = COUNT
) -> Scorer:
    """Scores through a classifier of the training set, which is trained at the first time."""
    classifier = classifier_for(train, arguments.device, print)
    print(f"classifier: {100 * classifier.accuracy(test):.2f} % right on the test set")
    return Scorer(classifier, train, test, count)


def train(trainer: GameTrainer, arguments: argparse.Namespace) -> float:
    """Trains until --epochs are done and returns the minutes; leaves the program when Ctrl-C came
    first."""
    for name, net in trainer.game.parts.items():
        if isinstance(net, Module):
            print(f"{name} {net}")
    start = time.monotonic()
    try:
        finished = trainer.train(arguments.epochs)
    except TrainingDiverged as problem:
        raise SystemExit(str(problem)) from None
    if not finished:
        again = [*sys.argv, *["--resume"] * (not arguments.resume)]
        raise SystemExit(f"stopped and saved; go on with: python {shlex.join(again)}")
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
    keep_scores(arguments.out, content)


def keep_scores(out: Path, scores: dict[str, Any]) -> None:
    """Writes scores.json, and the page of the run once more, with them."""
    write_json(out / "scores.json", scores)
    print(f"all of it on one page: {write_report(out)}")


def label_accuracy(scorer: Scorer, images: np.ndarray, labels: np.ndarray) -> float:
    """How often the classifier reads the class that was asked for."""
    _, probabilities = scorer.classifier.predict(images)
    return float((probabilities.argmax(1) == labels[: len(images)]).mean())
