"""A GAN on a plane that can be watched: the nets, their training, and what is to be seen of it.

Nothing here draws. `Plane.advance` trains by `tinygan.training.gan_step`, `Plane.look` computes the
arrays of all pictures; the page draws them, and the tests read them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tinygan import nn
from tinygan.autograd import grad, no_grad
from tinygan.creation import tensor
from tinygan.devices import Generator, generator
from tinygan.lab.nets import lattice, make_model
from tinygan.lab.setup import Setup
from tinygan.lab.targets import Bins, target
from tinygan.metrics import mode_coverage
from tinygan.models import DeLiGAN
from tinygan.models.mixture import relu_net
from tinygan.ops.adversarial import gan_loss
from tinygan.optim import Adam
from tinygan.tensor import Tensor
from tinygan.training import discriminator_step, gan_step, sample
from tinygan.training.alarms import divergence

COUNTED = 4096  # samples that are counted in bins and modes
SHOWN = 400  # of them, and of the data, that are drawn
ARROWS = 64
REACH = 0.3  # length of the longest arrow
PROBABILITIES = ("minimax", "non-saturating", "log-probability")  # with D = sigmoid(output)


class Look(NamedTuple):
    """What there is to be seen after a step. Images are (BINS, BINS), the first row at the bottom.

    Attributes:
        step: steps of G since the nets were new.
        loss_d, loss_g: of the last step; NaN before the first.
        data, samples: (SHOWN, 2).
        tails, heads: (ARROWS, 2) each: from a sample to where G's loss falls fastest; the longest
            arrow has the length `REACH`, and stands for the slope `steepest`.
        lattice: (n, 2), G's image of lines through the latent space, NaN between two of them.
        output: D's output over the plane, see `Plane.output`.
        second: what the second D says, in [0, 1].
        best: D* = p / (p + q), NaN where there is neither data nor samples.
        gap, second_gap: mean |D - D*| over the mass of (p + q) / 2, of D and of the second D; D's
            is NaN where its output is no probability.
        jsd, jsd_floor: in nats, of the samples, and of as many points of the data.
        modes: found, or None where the target has none.
        high_quality: the share of samples near a mode.
    """

    step: int
    loss_d: float
    loss_g: float
    data: np.ndarray
    samples: np.ndarray
    tails: np.ndarray
    heads: np.ndarray
    steepest: float
    lattice: np.ndarray
    output: np.ndarray
    second: np.ndarray
    best: np.ndarray
    gap: float
    second_gap: float
    jsd: float
    jsd_floor: float
    modes: int | None
    high_quality: float


class Plane:
    """A GAN on a plane. Its random numbers are its own: the same setup makes the same run, whatever
    else the process trains meanwhile.

    The second D sees what D sees and G never hears of it: it has the same layers, one point at a
    time, no penalty and the cross-entropy loss, whatever the game's. So it goes to D* = p / (p + q)
    of the present G, and shows what D could know.

    Attributes:
        setup: as it is now.
        problem: why it cannot go on, "" where it can.
    """

    def __init__(self, setup: Setup):
        self._take(setup)
        self._take_target()
        self.restart()

    def _take(self, setup: Setup) -> None:
        self.setup, self.settings = setup, setup.settings()
        self.loss = self.settings.gan_loss()

    def _take_target(self) -> None:
        self.target = target(self.setup.target, self.setup.spread, self.setup.strokes)
        self.bins = Bins(self.target.mixture)
        self.jsd_floor = self.bins.jsd_floor(COUNTED)
        self.data = self.target.mixture.sample(SHOWN, np.random.default_rng(0))

    def restart(self) -> None:
        """New nets, from the seed."""
        setup, self.step, self.problem = self.setup, 0, ""
        self._state = Generator(setup.seed).get_state()
        self.rng = np.random.default_rng(setup.seed + 1)
        self.loss_d = self.loss_g = float("nan")
        with self._own_numbers():
            self.model = make_model(setup)
            self.second = relu_net(2, *(setup.width,) * setup.layers, 1)
        self.optimizers = {
            "g": Adam(self.model.generator.parameters(), setup.lr, (setup.beta1, 0.99)),
            "d": Adam(self.model.discriminator.parameters(), setup.lr_d, (setup.beta1, 0.99)),
            "second": Adam(self.second.parameters(), setup.lr_d, (setup.beta1, 0.99)),
        }
        self.fixed = self.model.latent(COUNTED, Generator(setup.seed + 2))
        self._lattice = lattice(self.model)
        self._last: Look | None = None

    def change(self, setup: Setup) -> bool:
        """Goes on with another setup; with new nets, and True, where these do not fit it."""
        old = self.setup
        self._take(setup)
        if (setup.target, setup.spread, setup.strokes) != (old.target, old.spread, old.strokes):
            self._take_target()
        if setup.needs_new_nets(old) or self.problem:
            self.restart()
            return True
        for name, optimizer in self.optimizers.items():
            group = optimizer.param_groups[0]
            group["lr"] = setup.lr if name == "g" else setup.lr_d
            group["betas"] = (setup.beta1, 0.99)
        return False

    @contextlib.contextmanager
    def _own_numbers(self) -> Iterator[None]:
        """tinygan's stream of random numbers is this plane's in the block. NumPy does not warn
        there: what diverges becomes a `problem`."""
        other = generator.get_state()
        generator.set_state(self._state)
        try:
            with np.errstate(all="ignore"):
                yield
        finally:
            self._state = generator.get_state()
            generator.set_state(other)

    # Training

    def advance(self, steps: int) -> None:
        """Steps of G, each after `d_steps` of D; nothing where there is a `problem`."""
        with self._own_numbers():
            for _ in range(steps):
                if self.problem:
                    return
                for _ in range(self.setup.d_steps - 1):
                    self._train_d()
                self._train_both()

    def advance_d(self, steps: int) -> None:
        """Steps of D and of the second D alone: G stands still, and D can come near to D*."""
        with self._own_numbers():
            for _ in range(steps):
                if self.problem:
                    return
                real, fake = self._train_d()
                self._train_second(real, fake)

    def _batch(self) -> tuple[Tensor, Tensor]:
        """Real points and latent rows; G's components have equal shares of them."""
        count = self.setup.batch_size
        return tensor(self.target.mixture.sample(count, self.rng)), self.model.latent(count)

    def _train_both(self) -> None:
        real, latent = self._batch()
        result = gan_step(
            self.model.generator, self.model.discriminator, self.optimizers["g"],
            self.optimizers["d"], self.loss, real, latent,
            transform=self.settings.transform(0), penalty=self.settings.penalty(self.step),
            regulariser=self._sigma if isinstance(self.model, DeLiGAN) else None,
        ).item()  # fmt: skip
        self.step += 1
        self._note(result.loss_d, result.loss_g)
        with no_grad():
            fake = self.model.generator(latent)
        self._train_second(real, fake)

    def _sigma(self) -> Tensor:
        """DeLiGAN's term that keeps the deviations from vanishing, with the paper's weight."""
        assert isinstance(self.model, DeLiGAN)
        return self.model.sigma_regulariser(0.1)

    def _train_d(self) -> tuple[Tensor, Tensor]:
        real, latent = self._batch()
        with no_grad():
            fake = self.model.generator(latent)
        loss_d, _, _ = discriminator_step(
            self.model.discriminator, self.optimizers["d"], self.loss, real, fake,
            transform=self.settings.transform(0), penalty=self.settings.penalty(self.step),
        )  # fmt: skip
        self._note(loss_d.item())
        return real, fake

    def _train_second(self, real: Tensor, fake: Tensor) -> None:
        for _ in range(self.setup.second_steps):
            discriminator_step(
                self.second, self.optimizers["second"], gan_loss("non-saturating"), real, fake
            )

    def _note(self, loss_d: float, loss_g: float | None = None) -> None:
        """Keeps the losses of a step, which had one of G or not."""
        self.loss_d = loss_d
        if loss_g is not None:
            self.loss_g = loss_g
        found = divergence(loss_d, 0.0 if loss_g is None else loss_g)
        if found:
            self.problem = f"Step {self.step}: {found}. Start again with other settings."

    # Looking

    def look(self) -> Look:
        """What there is to be seen; where there is a `problem`, the last that could be."""
        if self.problem and self._last is not None:
            return self._last
        made = sample(self.model.generator, self.fixed, batch_size=COUNTED)
        if not np.isfinite(made).all():
            self.problem = self.problem or "G's samples are not finite. Start again."
            return self._last or self._nothing()
        share = self.bins.share(made)
        best = self.bins.best(share)
        weight = (self.bins.mass + share) / 2
        output, second = self.output(), self._probability(self._values(self.second))
        tails, heads, steepest = self._arrows(made)
        modes, high_quality = None, 0.0
        if self.target.modes is not None:
            scores = mode_coverage(made, self.target.modes, self.target.mixture.std)
            modes, high_quality = scores["modes"], scores["high_quality"]
        points = sample(self.model.generator, self._lattice, batch_size=len(self._lattice))
        self._last = Look(
            self.step, self.loss_d, self.loss_g, self.data, made[:SHOWN], tails, heads,
            steepest, points, output, second, best,
            mean_gap(output, best, weight) if self.is_probability else float("nan"),
            mean_gap(second, best, weight), self.bins.jsd(share), self.jsd_floor, modes,
            high_quality,
        )  # fmt: skip
        return self._last

    def _nothing(self) -> Look:
        none, image = np.empty((0, 2)), np.full((Bins.BINS, Bins.BINS), np.nan)
        nan = float("nan")
        return Look(
            self.step, self.loss_d, self.loss_g, self.data, none, none, none, 0.0, none,
            image, image, image, nan, nan, nan, self.jsd_floor, None, 0.0,
        )  # fmt: skip

    @property
    def is_probability(self) -> bool:
        """Whether D's best output is D* = p / (p + q): of the cross-entropies as a logit, of the
        least squares as it is."""
        return self.setup.loss in (*PROBABILITIES, "least-squares") and self.setup.pack == 1

    def output(self) -> np.ndarray:
        """D over the plane, in [0, 1]. Where its output is a logit, sigmoid(D); of the least
        squares D itself; of the other losses D's output from the least value to the greatest.

        A D that judges several points together sees each square's centre beside data and samples in
        turn: the picture is the mean of both.
        """
        values = self._values(self.model.discriminator)
        if self.setup.loss in PROBABILITIES:
            return self._probability(values)
        if self.setup.loss == "least-squares":
            return np.clip(values, 0, 1)
        low, high = values.min(), values.max()
        return (values - low) / max(high - low, 1e-12)

    def _values(self, d: nn.Module) -> np.ndarray:
        """d's output, with an activation of none, at the centre of each square."""
        centres, size = self.bins.centres, Bins.BINS
        if d is self.second or self.setup.pack == 1:
            return sample(d, tensor(centres), batch_size=len(centres)).reshape(size, size)
        outputs = []
        others = self.setup.pack - 1
        made = sample(self.model.generator, self.fixed[:others])
        for beside in (self.data[:others], made):
            row = np.tile(beside.reshape(1, -1), (len(centres), 1)).astype(np.float32)
            seen = tensor(np.concatenate([centres, row], 1))
            outputs.append(sample(d, seen, batch_size=len(centres)))
        return np.mean(outputs, axis=0).reshape(size, size)

    @staticmethod
    def _probability(logits: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -60, 60)))

    def _arrows(self, made: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """-n dL_G / dx at the first n samples x, as they are packed, and the largest of them."""
        x = tensor(made[:ARROWS], requires_grad=True)
        seen = self.settings.transform(0)
        critic = self.model.discriminator
        more: tuple[Any, ...] = ()
        if self.loss.relativistic:
            more = (critic(seen(tensor(self.data[:ARROWS]))),)
        (slope,) = grad(self.loss.generator(critic(seen(x)), *more), [x])
        assert slope is not None
        pull = -slope.array * ARROWS
        pull = np.where(np.isfinite(pull), pull, 0.0)
        steepest = float(np.linalg.norm(pull, axis=1).max())
        return made[:ARROWS], made[:ARROWS] + pull * (REACH / max(steepest, 1e-12)), steepest


def mean_gap(d: np.ndarray, best: np.ndarray, weight: np.ndarray) -> float:
    """Mean |d - best| with these weights, over the squares where `best` is known."""
    known = np.isfinite(best)
    return float((np.abs(d - best) * weight)[known].sum() / max(weight[known].sum(), 1e-300))
