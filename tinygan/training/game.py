"""What a `Trainer` trains: the nets of a game, one step of it, and what is to be seen of it.

The trainer keeps the loop, the checkpoints, the log and the alarms; a game says what happens within
a step. `LatentGame` is the usual one, a generator of latent vectors against a discriminator; games
of other forms are in `translation.py`, or your own: a subclass of `Game`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np

from tinygan.capture import capture
from tinygan.creation import tensor
from tinygan.data import Dataset
from tinygan.devices import Generator
from tinygan.nn import Module
from tinygan.ops.adversarial import GANLoss
from tinygan.optim import Adam, ExponentialMovingAverage, Optimizer
from tinygan.tensor import Tensor
from tinygan.training import checks
from tinygan.training.sampling import sample
from tinygan.training.settings import Settings
from tinygan.training.step import StepNumbers, gan_step

GRID = 64  # samples in the picture of an epoch


class Game:
    """The nets that are trained together.

    Attributes:
        data: what an epoch goes through once, in random order.
        others: further data, for the digest of the checkpoint.
        settings: of the run.
        device: where the nets are.
        loss: of the nets; where it has no floor, no alarm says that D's is too low.
        optimizers: by name; the trainer lowers their rates as `settings.decay` says.
        options: of the model, for ``run.json`` and to make the like of it.
        sample_count: images in `samples`, for the alarm of missing classes.
        columns: of the grid of `pictures`; None for a square.
    """

    data: Dataset
    others: tuple[Dataset, ...] = ()
    settings: Settings
    device: str
    loss: GANLoss
    optimizers: dict[str, Optimizer]
    options: dict[str, Any] | None = None
    sample_count: int = 0
    columns: int | None = None

    @property
    def parts(self) -> dict[str, Any]:
        """All that a step changes, by name, each with ``state_dict`` and ``load_state_dict``: the
        nets, their averages, the optimizers, histories, streams of its own."""
        raise NotImplementedError

    def step(self, indices: np.ndarray, number: int) -> dict[str, float]:
        """Step `number`, counted from 0, on `indices` of the data; returns its numbers for the log,
        with ``loss_d`` and ``loss_g`` among them."""
        raise NotImplementedError

    def pictures(self) -> np.ndarray:
        """Images (n, c, h, w) in [-1, 1] that show where the game stands: made of the same inputs
        each time. A grid of them becomes the picture of an epoch."""
        raise NotImplementedError

    def for_collapse(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Made images and real ones, whose spreads an alarm compares, out of what `pictures` has
        returned; None where there is nothing to compare."""
        return None

    def samples(self) -> Any:
        """What the trainer's `evaluate` is called with."""
        raise NotImplementedError


class TwoNets(Game):
    """A game of a generator, of which a moving average is kept, against a discriminator."""

    generator: Module
    discriminator: Module
    average: ExponentialMovingAverage

    def _take(self, generator: Module, discriminator: Module) -> None:
        """Moves the nets to the device and gives each its Adam, by the settings."""
        settings = self.settings
        self.generator = generator.to(self.device)
        self.discriminator = discriminator.to(self.device)
        betas = (settings.beta1, settings.beta2)
        lr_d = settings.lr if settings.lr_d is None else settings.lr_d
        self.optimizers = {
            "optimizer_g": Adam(generator.parameters(), settings.lr, betas),
            "optimizer_d": Adam(discriminator.parameters(), lr_d, betas),
        }
        self.average = ExponentialMovingAverage(generator, settings.average_decay)

    @property
    def parts(self) -> dict[str, Any]:
        return {"generator": self.generator, "discriminator": self.discriminator,
                "average": self.average, **self.optimizers}  # fmt: skip


class Model(Protocol):
    """A model that can be trained: two nets, and the distribution of latent vectors.

    Where ``classes`` is a number, both nets take labels as their second argument.
    """

    @property
    def generator(self) -> Module: ...

    @property
    def discriminator(self) -> Module: ...

    @property
    def classes(self) -> int | None: ...

    def latent(self, count: int, generator: Generator = ..., /) -> Tensor: ...


class LatentGame(TwoNets):
    """A generator of latent vectors, and of labels where the model has classes, against a
    discriminator; the images that are shown are those of the generator's moving average.

    Args:
        samples: how many `samples` makes, of the same latent vectors each time.
        regulariser: is added to G's loss in each step.

    Raises:
        ValueError, TypeError: as `Trainer`.
    """

    def __init__(
        self, model: Model, data: Dataset, settings: Settings, device: str, samples: int,
        regulariser: Callable[[], Tensor] | None = None,
    ):  # fmt: skip
        checks.check_labels(model, data, settings)
        self.model, self.data, self.settings, self.device = model, data, settings, device
        self.regulariser, self.options = regulariser, getattr(model, "options", None)
        self.loss = settings.gan_loss()
        self._take(model.generator, model.discriminator)
        checks.check_nets(model, data, settings)
        self._steps: dict[bool, Callable[..., Tensor]] = {}  # with and without a penalty
        latent_stream = Generator(settings.seed + 1)  # of its own: pictures do not disturb the run
        self.fixed_latent = model.latent(GRID, latent_stream)
        self.evaluation_latent = model.latent(samples, latent_stream)
        self.sample_count = samples
        self._labels = self.fixed_labels = self.evaluation_labels = None
        if model.classes is not None and data.labels is not None:
            self._labels = data.labels
            present = np.unique(self._labels)  # no others can be asked for
            self.fixed_labels = tensor(present[np.arange(GRID) % len(present)])
            drawn = latent_stream.numpy.integers(len(data), size=samples)
            self.evaluation_labels = tensor(self._labels[drawn])  # as frequent as in the data

    def step(self, indices: np.ndarray, number: int) -> dict[str, float]:
        real = tensor(self.data.batch(indices), device=self.device)
        latent = self.model.latent(len(indices)).to(self.device)
        labels = None
        if self._labels is not None:
            labels = tensor(self._labels[indices], device=self.device)
        numbers = self._step_at(number, len(self.data) // len(indices))(real, latent, labels)
        return StepNumbers(*numbers.tolist())._asdict()

    def _step_at(self, number: int, steps_per_epoch: int) -> Callable[..., Tensor]:
        """A function of (real, latent, labels) that returns the numbers of a `StepNumbers`; on a
        GPU captured, where it can be."""
        penalty = self.settings.penalty(number)
        key = penalty is not None
        if key in self._steps:
            return self._steps[key]
        one_step = partial(
            gan_step, self.model.generator, self.model.discriminator,
            self.optimizers["optimizer_g"], self.optimizers["optimizer_d"], self.loss,
            penalty=penalty, regulariser=self.regulariser,
            transform=self.settings.transform(number / steps_per_epoch),
        )  # fmt: skip

        def numbers_of_step(real: Tensor, latent: Tensor, labels: Tensor | None) -> Tensor:
            numbers = one_step(real, latent, labels).numbers()
            self.average.update()
            return numbers

        if not self.settings.repeats:
            return numbers_of_step
        self._steps[key] = capture(numbers_of_step, device=self.device)
        return self._steps[key]

    def pictures(self) -> np.ndarray:
        return self.generate(self.fixed_latent, self.fixed_labels)

    def for_collapse(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return pictures, self.data.batch(np.arange(min(len(self.data), 1000)))

    def samples(self) -> np.ndarray:
        return self.generate(self.evaluation_latent, self.evaluation_labels)

    def generate(self, latent: Tensor, labels: Tensor | None = None) -> np.ndarray:
        """Images of the averaged generator for `latent` vectors, in evaluation mode."""
        labels = None if labels is None else labels.to(self.device)
        return sample(self.average.module, latent.to(self.device), labels)
