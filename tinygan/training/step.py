"""One training step of a GAN: the discriminator, then the generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tinygan.autograd import grad, no_grad
from tinygan.nn import Module
from tinygan.ops import stack
from tinygan.ops.adversarial import GANLoss
from tinygan.optim import Optimizer
from tinygan.tensor import Tensor

Critic = Callable[[Tensor], Tensor]
"""D as a function of what it sees alone; labels, where there are any, are bound."""

Transform = Callable[[Tensor], Tensor]
"""What D sees of images: augmented, noisy, packed. A random one is drawn anew at each call."""

Penalty = Callable[[Critic, Tensor, Tensor], Tensor]
"""(D, transformed real images, transformed generated ones) -> a number to add to D's loss."""


class StepNumbers(NamedTuple):
    """Both losses, and D's mean output (logits) on real and on generated images."""

    loss_d: float
    loss_g: float
    logit_real: float
    logit_fake: float


class StepResult(NamedTuple):
    """Both losses (0-d) and D's outputs, still where they were computed: no number has come to the
    host, so that `tinygan.capture` can record the step."""

    loss_d: Tensor
    loss_g: Tensor
    output_real: Tensor
    output_fake: Tensor

    def numbers(self) -> Tensor:
        """Those of `StepNumbers`, in one tensor: one copy brings them to the host."""
        return stack([self.loss_d, self.loss_g, self.output_real.mean(), self.output_fake.mean()])

    def item(self) -> StepNumbers:
        """The numbers; waits for a GPU to have computed them."""
        return StepNumbers(*self.numbers().tolist())


def unchanged(images: Tensor) -> Tensor:
    """The transform of a D that sees the images as they are."""
    return images


def _critic(discriminator: Callable[..., Tensor], labels: Tensor | None) -> Critic:
    return discriminator if labels is None else lambda seen: discriminator(seen, labels)


def discriminator_step(
    discriminator: Module, optimizer: Optimizer, loss: GANLoss, real: Tensor, fake: Tensor,
    labels: Tensor | None = None, *, transform: Transform = unchanged,
    penalty: Penalty | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Trains D to tell `real` from `fake` images; returns its loss and both of its outputs."""
    critic = _critic(discriminator, labels)
    seen_real, seen_fake = transform(real), transform(fake.detach())
    output_real, output_fake = critic(seen_real), critic(seen_fake)
    loss_d = loss.discriminator(output_real, output_fake)
    total = loss_d if penalty is None else loss_d + penalty(critic, seen_real, seen_fake)
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    return loss_d.detach(), output_real.detach(), output_fake.detach()


def generator_step(
    discriminator: Callable[..., Tensor], optimizer: Optimizer, loss: GANLoss, fake: Tensor,
    labels: Tensor | None = None, *, real: Tensor | None = None,
    transform: Transform = unchanged, regulariser: Callable[[], Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """Trains the G that made `fake` images to please D; returns its loss. A relativistic loss also
    needs as many `real` ones.

    Raises:
        ValueError: they are missing.
    """
    critic = _critic(discriminator, labels)
    if loss.relativistic:
        if real is None:
            raise ValueError("generator_step: a relativistic loss needs real images, got none")
        with no_grad():  # only the generated ones can please D more
            output_real = critic(transform(real))
        loss_g = loss.generator(critic(transform(fake)), output_real)
    else:
        loss_g = loss.generator(critic(transform(fake)))
    total = loss_g if regulariser is None else loss_g + regulariser()
    optimizer.zero_grad()
    # D's own gradients are not wanted now: without them the walk back does half the work.
    wanted = [parameter for parameter in optimizer.params if parameter.requires_grad]
    for parameter, gradient in zip(wanted, grad(total, wanted, allow_unused=True), strict=True):
        parameter.grad = gradient
    optimizer.step()
    return loss_g.detach()


def gan_step(
    generator: Module, discriminator: Module, optimizer_g: Optimizer, optimizer_d: Optimizer,
    loss: GANLoss, real: Tensor, latent: Tensor, labels: Tensor | None = None, *,
    transform: Transform = unchanged, penalty: Penalty | None = None,
    regulariser: Callable[[], Tensor] | None = None,
) -> StepResult:  # fmt: skip
    """Trains D on real and generated images, then G through the new D (Goodfellow 2014, alg. 1).

    The images are generated once and used for both: D sees them detached from G.

    Args:
        labels: (n,) classes of the real images, for class-conditional nets; the generated images
            are of the same classes.
        transform: what D sees of images, real and generated (`tinygan.training.stabilisers`).
        penalty: is added to D's loss (`r1_penalty`, `r2_penalty`, `gradient_penalty`).
        regulariser: is added to G's loss, for terms that do not depend on D.
    """
    fake = generator(latent) if labels is None else generator(latent, labels)
    loss_d, output_real, output_fake = discriminator_step(
        discriminator, optimizer_d, loss, real, fake, labels, transform=transform, penalty=penalty
    )
    loss_g = generator_step(
        discriminator, optimizer_g, loss, fake, labels, real=real, transform=transform,
        regulariser=regulariser,
    )  # fmt: skip
    return StepResult(loss_d, loss_g, output_real, output_fake)
