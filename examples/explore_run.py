"""The subject of examples/explore_dcgan.py, a trained DCGAN with its data; and its report."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import command_line
import common
import numpy as np

import tinygan
from tinygan import explore
from tinygan.data import BatchSampler, Dataset, load_dataset, synthetic_digits
from tinygan.devices import Generator
from tinygan.functional import gan_loss
from tinygan.images import grid, save_png
from tinygan.metrics import Classifier, classifier_for, nearest_neighbours, train_classifier
from tinygan.models import DCGAN
from tinygan.nn import Module
from tinygan.training import gan_step

# What was found: {name of a number: {"ours": it, what to compare it with: that, ...}}.
Found = dict[str, dict[str, explore.Rate | float]]


@dataclass
class Subject:
    """The nets, and what every look at them needs.

    Attributes:
        train, test_set: what the nets were trained on, and what they were not.
        classifier: of that data.
        out: the folder for pictures and results.
        seed: of whatever is random.
        many, few: how many samples to look at, and how many trials to make.
    """

    model: DCGAN
    train: Dataset
    test_set: Dataset
    classifier: Classifier
    out: Path
    seed: int
    many: int = 5000
    few: int = 1000

    def __post_init__(self) -> None:
        self.generator, self.discriminator = self.model.generator, self.model.discriminator
        z = self.model.latent(self.many + self.few, Generator(self.seed + 3)).array
        self.z, self.fresh = z[: self.many], z[self.many :]
        self.images = explore.outputs(self.generator, self.z)
        self.real, self.real_labels = _first(self.train, self.many)
        self.test, self.test_labels = _first(self.test_set, self.many)
        # How many labels a linear classifier gets; other images must be left to draw anew from.
        self.label_counts = [count for count in (100, 1000) if 2 * count <= len(self.real)]

    @cached_property
    def untrained(self) -> Module:
        """A discriminator of the same shape that has learned nothing."""
        return explore.untrained(self.discriminator, self.real, self.seed + 1)

    def read(self, images: np.ndarray) -> np.ndarray:
        """The class of each image."""
        return self.classifier.predict(images)[1].argmax(1)

    def jumps(self, legs: list[np.ndarray]) -> list[float]:
        """Largest / mean step of walks with the nearest training image in the place of each image:
        what a net would show that has memorised them. Walks on which it stays the same are left
        out."""
        copies = [self.real[nearest_neighbours(leg, self.real).indices[:, 0]] for leg in legs]
        return [explore.smoothness(copy).ratio for copy in copies if (copy != copy[0]).any()]

    def save(self, name: str, images: np.ndarray, columns: int, zoom: int = 2) -> None:
        """Writes a grid of images into the folder."""
        save_png(grid(images, columns), self.out / name, zoom)

    def report(self, found: Found) -> None:
        """Prints each number above those to compare it with, and writes all to results.json."""
        for name, numbers in found.items():
            print(f"{name:36}{_text(numbers['ours']):>16}")
            for what, number in numbers.items():
                if what != "ours":
                    print(f"    {what:32}{_text(number):>16}")
        common.write_json(self.out / "results.json", found)
        print(f"pictures and results.json are in {self.out}")


def _text(number: explore.Rate | float) -> str:
    if isinstance(number, explore.Rate):
        return f"{number.mean:.3f} ± {number.error:.3f}"
    return f"{number:.3f}" + " " * 8  # so that the points stand below each other


def _first(data: Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    return data.batch(np.arange(min(count, len(data)))), data.require_labels()[:count]


def subject(description: str | None) -> Subject:
    """What the command line asks for."""
    packages = *command_line.PICTURES, "sklearn"
    parser = command_line.parser(description, "runs/explore_dcgan", packages)
    parser.add_argument("--run", type=Path, default=Path("runs/dcgan_mnist"), help="%(default)s")
    options = command_line.parse(parser)
    if options.quick:
        print("--quick: a tiny net, trained for seconds; the numbers show only that all of it runs")
        return _quick(options)
    if not (options.run / "checkpoint.npz").exists():
        parser.error(f"--run: {options.run} has no checkpoint.npz; dcgan_mnist.py makes one")
    return _from_run(options)


def _from_run(options: argparse.Namespace) -> Subject:
    """The nets of a folder that examples/dcgan_mnist.py has written, G with averaged weights."""
    with command_line.checking(f"--run {options.run}: "):
        settings = common.read_json(options.run / "run.json").get("settings", {})
        kind, name = settings.get("model"), str(settings.get("data"))
        source = name.removesuffix("-mnist")  # the set "fashion-mnist" is loaded as "fashion"
        if not isinstance(kind, dict) or kind.get("classes"):
            command_line.stop(f"--run {options.run}: not a run of dcgan_mnist.py")
        if source not in command_line.NAMED:
            sets = ", ".join(command_line.NAMED)
            command_line.stop(f"--run {options.run}: it was trained on {name}; most looks need the "
                              f"labels of digits: train one on {sets}")  # fmt: skip
        parts = tinygan.load(options.run / "checkpoint.npz")["parts"]
        g, d = parts["average"]["module"], parts["discriminator"]
        model = DCGAN(**kind)
        model.generator.to(options.device).load_state_dict(g)
        model.discriminator.to(options.device).load_state_dict(d)
        train, test = load_dataset(source), load_dataset(source, "test")
    classifier = classifier_for(train, options.device, print)
    return Subject(model, train, test, classifier, options.out, options.seed)


def _quick(options: argparse.Namespace) -> Subject:
    """Nets of width 8 after 250 steps on 2,000 synthetic digits."""
    device, seed, model = options.device, options.seed, DCGAN(width=8)
    train, test = synthetic_digits(2000, seed), synthetic_digits(500, seed + 1)
    nets = model.generator.to(device), model.discriminator.to(device)
    adam_g, adam_d = (tinygan.optim.Adam(net.parameters(), 2e-3, (0.5, 0.99)) for net in nets)
    loss, sampler = gan_loss("non-saturating"), BatchSampler(len(train), 40, seed)
    while sampler.epoch < 5:
        for chosen in sampler:
            real = tinygan.tensor(train.batch(chosen), device=device)
            gan_step(*nets, adam_g, adam_d, loss, real, model.latent(40).to(device))
    classifier = train_classifier(train, epochs=3, batch_size=50, device=device)
    return Subject(model, train, test, classifier, options.out, seed, many=600, few=100)
