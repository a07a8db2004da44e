"""The trained DCGAN that examples/make_dataset.py and inpaint.py use: of a run, or trained now."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import command_line
import common

from tinygan.data import Dataset, load_dataset, synthetic_digits
from tinygan.metrics import Classifier, classifier_for, train_classifier
from tinygan.models import DCGAN
from tinygan.training import (
    Settings,
    Trainer,
    TrainingDiverged,
    load_checkpoint,
    load_generator,
)

DEFAULT = Path("runs/dcgan_conditional_mnist")
QUICK: dict[str, Any] = {"epochs": 3, "batch_size": 50}  # of the classifiers with --quick


@dataclass
class Trained:
    """The nets, G with averaged weights, and the name of the data that they were trained on."""

    model: DCGAN
    data: str


def run_options(parser: command_line.Parser) -> None:
    """The option of the examples that use a run."""
    parser.add_argument(
        "--run", type=Path, help=f"of a DCGAN ({DEFAULT}; where that is none, one is trained)"
    )


def trained(options: argparse.Namespace) -> Trained:
    """The nets of --run; without it those of `DEFAULT`, or of a training in --out."""
    folder = options.run or DEFAULT
    there = (folder / "checkpoint.npz").exists()
    if options.run is not None and not there:
        command_line.stop(f"--run: {folder} has no checkpoint.npz; dcgan_mnist.py or "
                          "dcgan_conditional_mnist.py makes one")  # fmt: skip
    if options.run is None and (options.quick or not there):
        folder = train_now(options)
    with command_line.checking(f"--run {folder}: "):
        settings = common.read_json(folder / "run.json").get("settings", {})
        model, name = common.model_of(folder, DCGAN), str(settings.get("data"))
        if settings.get("pack", 1) != 1:
            command_line.stop(f"--run {folder}: its D judges several images together")
        checkpoint = folder / "checkpoint.npz"
        load_generator(checkpoint, model.generator)
        parts: dict[str, Any] = {"discriminator": model.discriminator}
        load_checkpoint(checkpoint, parts, {})
        for net in (model.generator, model.discriminator):
            net.to(options.device)
    return Trained(model, name.removesuffix("-mnist"))


def train_now(options: argparse.Namespace) -> Path:
    """Trains the nets of dcgan_conditional_mnist.py, smaller and shorter than there, in --out; a
    training that was stopped goes on. The folder of the run."""
    folder, epochs, width, batch_size, rate = options.out / "run", 10, 32, 64, 5e-4
    if options.quick:
        epochs, width, batch_size, rate = 3, 8, 40, 2e-3
        print("--quick: a tiny net, trained for seconds; the numbers show only that all of it runs")
    with command_line.checking():
        train, _ = digits(options, "mnist")
        model = DCGAN(width=width, classes=10, batch_norm_d=False)
        settings = Settings(
            batch_size, rate, beta1=0.0, beta2=0.99, r1=1.0, penalty_every=4,
            decay=(epochs / 2, epochs), seed=options.seed,
        )  # fmt: skip
        trainer = Trainer(model, train, folder, settings, device=options.device,
                          resume=(folder / "checkpoint.npz").exists())  # fmt: skip
    print(f"training a DCGAN with classes in {folder}, {epochs} epochs")
    try:
        finished = trainer.train(epochs)
    except TrainingDiverged as problem:
        raise SystemExit(str(problem)) from None
    if not finished:
        raise SystemExit("stopped and saved; the same command goes on")
    trainer.close()
    return folder


def digits(options: argparse.Namespace, source: str) -> tuple[Dataset, Dataset]:
    """The training and the test set; few synthetic digits with --quick."""
    if options.quick:
        return synthetic_digits(1000, 0), synthetic_digits(500, 1)
    if source not in command_line.NAMED:
        sets = ", ".join(command_line.NAMED)
        command_line.stop(f"--run: it was trained on {source}; the labels of its data are needed "
                          f"here: train one on {sets}")  # fmt: skip
    return load_dataset(source), load_dataset(source, "test")


def classifier(options: argparse.Namespace, train: Dataset) -> Classifier:
    """Of real images."""
    if options.quick:
        return train_classifier(train, device=options.device, **QUICK)
    return classifier_for(train, options.device, print)
