"""One step of the two-player game."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tinygan.nn import Module
from tinygan.ops import stack
from tinygan.ops.loss import GANLoss
from tinygan.optim import Optimizer
from tinygan.tensor import Tensor

Critic = Callable[[Tensor], Tensor]
"""D as a function of what it sees alone; labels, where there are any, are bound."""

View = Callable[[Tensor], Tensor]
"""What D sees of images: augmented, noisy, packed. Random views are drawn anew at each call."""

Penalty = Callable[[Critic, Tensor, Tensor], Tensor]
"""(D, viewed real images, viewed generated images) -> a number that is added to D's loss."""


class StepResult(NamedTuple):
    """Both losses, and D's mean output (logits) on real and on generated images."""

    loss_d: float
    loss_g: float
    logit_real: float
    logit_fake: float


class StepTensors(NamedTuple):
    """What a `StepResult` is made of, still where it was computed."""

    loss_d: Tensor
    loss_g: Tensor
    output_real: Tensor
    output_fake: Tensor

    def numbers(self) -> Tensor:
        """Those of a `StepResult`, in one tensor: one copy brings them to the host."""
        return stack([self.loss_d, self.loss_g, self.output_real.mean(), self.output_fake.mean()])

    def result(self) -> StepResult:
        """The numbers; waits for a GPU to have computed them."""
        return StepResult(*self.numbers().tolist())


def unchanged(images: Tensor) -> Tensor:
    """The view of a D that sees the images as they are."""
    return images


def _critic(discriminator: Module, labels: Tensor | None) -> Critic:
    return discriminator if labels is None else lambda seen: discriminator(seen, labels)


def discriminator_step(
    discriminator: Module,
    optimizer: Optimizer,
    loss: GANLoss,
    real: Tensor,
    fake: Tensor,
    labels: Tensor | None = None,
    *,
    view: View = unchanged,
    penalty: Penalty | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Trains D to tell `real` from `fake` images; returns its loss and both of its outputs."""
    critic = _critic(discriminator, labels)
    seen_real, seen_fake = view(real), view(fake.detach())
    output_real, output_fake = critic(seen_real), critic(seen_fake)
    loss_d = loss.discriminator(output_real, output_fake)
    total = loss_d if penalty is None else loss_d + penalty(critic, seen_real, seen_fake)
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    return loss_d.detach(), output_real.detach(), output_fake.detach()


def generator_step(
    discriminator: Module,
    optimizer: Optimizer,
    loss: GANLoss,
    fake: Tensor,
    labels: Tensor | None = None,
    *,
    view: View = unchanged,
    regulariser: Callable[[], Tensor] | None = None,
) -> Tensor:
    """Trains the G that made `fake` images to please D; returns its loss."""
    # D's own gradients are not wanted now, and without them backward does half the work.
    discriminator.requires_grad_(False)
    loss_g = loss.generator(_critic(discriminator, labels)(view(fake)))
    total = loss_g if regulariser is None else loss_g + regulariser()
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    discriminator.requires_grad_(True)
    return loss_g.detach()


def gan_step(
    generator: Module,
    discriminator: Module,
    optimizer_g: Optimizer,
    optimizer_d: Optimizer,
    loss: GANLoss,
    real: Tensor,
    latent: Tensor,
    labels: Tensor | None = None,
    *,
    view: View = unchanged,
    penalty: Penalty | None = None,
    regulariser: Callable[[], Tensor] | None = None,
) -> StepResult:
    """Trains D on real and generated images, then G through the new D (Goodfellow 2014, alg. 1).

    The images are generated once and used for both: D sees them detached from G.

    Args:
        labels: (n,) classes of the real images, for class-conditional nets; the generated images
            are of the same classes.
        view: what D sees of images, real and generated (`tinygan.training.stabilisers`).
        penalty: is added to D's loss (`r1_penalty`, `gradient_penalty`).
        regulariser: is added to G's loss, for terms that do not depend on D.
    """
    return gan_step_tensors(
        generator, discriminator, optimizer_g, optimizer_d, loss, real, latent, labels, view=view,
        penalty=penalty, regulariser=regulariser,
    ).result()  # fmt: skip


def gan_step_tensors(
    generator: Module,
    discriminator: Module,
    optimizer_g: Optimizer,
    optimizer_d: Optimizer,
    loss: GANLoss,
    real: Tensor,
    latent: Tensor,
    labels: Tensor | None = None,
    *,
    view: View = unchanged,
    penalty: Penalty | None = None,
    regulariser: Callable[[], Tensor] | None = None,
) -> StepTensors:
    """`gan_step`, of which no number comes to the host: `tinygan.capture` can record it."""
    fake = generator(latent) if labels is None else generator(latent, labels)
    loss_d, output_real, output_fake = discriminator_step(
        discriminator, optimizer_d, loss, real, fake, labels, view=view, penalty=penalty
    )
    loss_g = generator_step(
        discriminator, optimizer_g, loss, fake, labels, view=view, regulariser=regulariser
    )
    return StepTensors(loss_d, loss_g, output_real, output_fake)
