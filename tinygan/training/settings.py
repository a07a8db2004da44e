"""The settings on which a run's result depends."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from tinygan.ops.adversarial import GANLoss, gan_loss
from tinygan.optim import LinearLR, Optimizer
from tinygan.tensor import Tensor
from tinygan.training import checks, stabilisers
from tinygan.training.step import Critic, Penalty, Transform


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
        r1, r2: weights gamma of `r1_penalty` and `r2_penalty`.
        gradient_penalty: weight of `gradient_penalty` (WGAN-GP).
        penalty_every: the penalties are computed in one step out of this many, with as many times
            the weight (lazy regularisation: Karras 2020, arXiv:1912.04958, appendix B).
        augment: the policy of `diff_augment`.
        noise: (std, epochs): instance noise that falls linearly to zero within this many epochs.
        pack: images that D judges together; its first layer has as many times the channels.
        average_decay: of the moving average of G's weights, which samples are drawn from.
        seed: of the initialisation, the order of the images, the latent vectors.

    Raises:
        ValueError, TypeError: a value that cannot be; the message names it.
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
    r2: float = 0.0
    gradient_penalty: float = 0.0
    penalty_every: int = 1
    augment: tuple[str, ...] = ()
    noise: tuple[float, float] | None = None
    pack: int = 1
    average_decay: float = 0.999
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("penalty_every", 1), ("pack", 1), ("seed", 0)):
            checks.check_whole("Settings", name, getattr(self, name), least)
        for name in ("lr", "r1", "r2", "gradient_penalty", "real_label"):
            checks.check_number("Settings", name, getattr(self, name))
        for name in ("beta1", "beta2", "average_decay"):
            checks.check_number("Settings", name, getattr(self, name), below=1)
        if self.lr_d is not None:
            checks.check_number("Settings", "lr_d", self.lr_d)
        checks.check_augmentations("Settings", self.augment)
        if self.batch_size % self.pack:
            raise ValueError(
                f"Settings: batch_size must be a multiple of pack, got {self.batch_size} and "
                f"{self.pack}"
            )
        if self.decay is not None:
            first, last = checks.check_pair("Settings", "decay", self.decay, "(first, later) epoch")
            if first >= last:
                raise ValueError(f"Settings: decay must be (first, later) epoch, got {self.decay}")
        if self.noise is not None:
            _, epochs = checks.check_pair("Settings", "noise", self.noise, "(std, epochs)")
            if epochs == 0:
                raise ValueError(f"Settings: noise must be (std, epochs > 0), got {self.noise}")
        self.gan_loss()

    def facts(self) -> dict[str, Any]:
        """All values, as JSON has them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def gan_loss(self) -> GANLoss:
        """The losses of both nets."""
        return gan_loss(self.loss, self.real_label)

    def schedule(self, optimizer: Optimizer, steps_per_epoch: int) -> LinearLR:
        """How the optimizer's rate falls: to zero, from the end of epoch `first` of `decay` to
        that of `last`; without a decay it stays."""
        if self.decay is None:
            return LinearLR(optimizer, 1.0, 1.0)
        first, last = (epochs * steps_per_epoch for epochs in self.decay)
        return LinearLR(optimizer, 1.0, 0.0, total_iters=last - first, begin=first)

    @property
    def repeats(self) -> bool:
        """Whether all steps do the same, except for occasional penalties: noise falls."""
        return self.noise is None

    def transform(self, epochs: float) -> Transform:
        """The images as D sees them at this epoch: augmented, then noisy, then packed."""
        chosen: list[Transform] = []
        if self.augment:
            chosen.append(partial(stabilisers.diff_augment, policy=self.augment))
        if self.noise is not None and epochs < self.noise[1]:
            std = self.noise[0] * (1 - epochs / self.noise[1])
            chosen.append(partial(stabilisers.instance_noise, std=std))
        if self.pack > 1:
            chosen.append(partial(stabilisers.pack, count=self.pack))
        return stabilisers.chain(chosen)

    def penalty(self, step: int) -> Penalty | None:
        """The penalty that is added to D's loss at a step, counted from 0."""
        weights = {stabilisers.r1_penalty: self.r1, stabilisers.r2_penalty: self.r2,
                   stabilisers.gradient_penalty: self.gradient_penalty}  # fmt: skip
        chosen = [(function, weight) for function, weight in weights.items() if weight]
        if not chosen or step % self.penalty_every:
            return None

        def total(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
            terms = [function(critic, real, fake) * weight for function, weight in chosen]
            return sum(terms[1:], start=terms[0]) * float(self.penalty_every)

        return total
