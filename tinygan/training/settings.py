"""What a run's result depends on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from tinygan.ops.loss import GANLoss, gan_loss
from tinygan.tensor import Tensor
from tinygan.training.stabilisers import (
    chain,
    diff_augment,
    gradient_penalty,
    instance_noise,
    pack,
    r1_penalty,
)
from tinygan.training.step import Critic, Penalty, View


@dataclass(frozen=True)
class Settings:
    """All that a run's result depends on, besides model and data.

    Attributes:
        batch_size: images per step.
        lr, beta1, beta2: of both Adam optimizers.
        lr_d: D's rate where it is not lr (two time scales: Heusel 2017, arXiv:1706.08500).
        decay: (first, last): both rates fall linearly to zero from the end of epoch `first` to the
            end of epoch `last`. None: they stay.
        loss: a name in `tinygan.functional.GAN_LOSSES`.
        real_label: below 1, one-sided label smoothing.
        r1: weight gamma of `r1_penalty`.
        gradient_penalty: weight of `gradient_penalty` (WGAN-GP).
        penalty_every: the penalties are computed in one step out of so many, with as many times
            the weight (lazy regularisation: Karras 2020, arXiv:1912.04958, appendix B).
        augment: the policy of `diff_augment`.
        noise: (std, epochs): instance noise that falls linearly to zero within so many epochs.
        pack: images that D judges together; its first layer has as many times the channels.
        average_decay: of the moving average of G's weights, which samples are drawn from.
        seed: of the initialisation, the order of the images, the latent vectors.

    Raises:
        ValueError: a value that cannot be; the message names it.
    """

    batch_size: int = 128
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    lr_d: float | None = None
    decay: tuple[float, float] | None = None
    loss: str = "non-saturating"
    real_label: float = 1.0
    r1: float = 0.0
    gradient_penalty: float = 0.0
    penalty_every: int = 1
    augment: tuple[str, ...] = ()
    noise: tuple[float, float] | None = None
    pack: int = 1
    average_decay: float = 0.999
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "penalty_every", "pack"):
            if getattr(self, name) < 1:
                raise ValueError(f"Settings: {name} must be at least 1, got {getattr(self, name)}")
        for name in ("lr", "lr_d", "r1", "gradient_penalty"):
            if (getattr(self, name) or 0.0) < 0:
                raise ValueError(f"Settings: {name} must be >= 0, got {getattr(self, name)}")
        if self.batch_size % self.pack:
            raise ValueError(
                f"Settings: batch_size must be a multiple of pack, got {self.batch_size} and "
                f"{self.pack}"
            )
        if self.decay is not None and not 0 <= self.decay[0] < self.decay[1]:
            raise ValueError(f"Settings: decay must be (first, later) epochs, got {self.decay}")
        if self.noise is not None and (self.noise[0] < 0 or self.noise[1] <= 0):
            raise ValueError(f"Settings: noise must be (std >= 0, epochs > 0), got {self.noise}")
        self.gan_loss()

    def facts(self) -> dict[str, Any]:
        """All values, as JSON has them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def gan_loss(self) -> GANLoss:
        """The losses of both players."""
        return gan_loss(self.loss, self.real_label)

    def rates(self, epochs: float) -> tuple[float, float]:
        """The learning rates of G and D after so many epochs."""
        factor = 1.0
        if self.decay is not None:
            first, last = self.decay
            factor = min(max((last - epochs) / (last - first), 0.0), 1.0)
        return factor * self.lr, factor * (self.lr if self.lr_d is None else self.lr_d)

    @property
    def repeats(self) -> bool:
        """Whether all steps do the same, but for the penalties of every so many: noise falls."""
        return self.noise is None

    def view(self, epochs: float) -> View:
        """What D sees of images after so many epochs: augmented, then noisy, then packed."""
        views: list[View] = []
        if self.augment:
            views.append(partial(diff_augment, policy=self.augment))
        if self.noise is not None and epochs < self.noise[1]:
            views.append(partial(instance_noise, std=self.noise[0] * (1 - epochs / self.noise[1])))
        if self.pack > 1:
            views.append(partial(pack, count=self.pack))
        return chain(views)

    def penalty(self, step: int) -> Penalty | None:
        """What is added to D's loss at a step, counted from 0."""
        weighted = [(r1_penalty, self.r1), (gradient_penalty, self.gradient_penalty)]
        chosen = [(function, weight) for function, weight in weighted if weight]
        if not chosen or step % self.penalty_every:
            return None

        def total(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
            terms = [function(critic, real, fake) * weight for function, weight in chosen]
            return sum(terms[1:], start=terms[0]) * float(self.penalty_every)

        return total
