"""One step of the two-player game."""

from __future__ import annotations

from typing import NamedTuple

from tinygan.nn import Module
from tinygan.ops.loss import GANLoss
from tinygan.optim import Optimizer
from tinygan.tensor import Tensor


class StepResult(NamedTuple):
    """Both losses, and D's mean output (logits) on real and on generated images."""

    loss_d: float
    loss_g: float
    logit_real: float
    logit_fake: float


def gan_step(
    generator: Module,
    discriminator: Module,
    optimizer_g: Optimizer,
    optimizer_d: Optimizer,
    loss: GANLoss,
    real: Tensor,
    latent: Tensor,
) -> StepResult:
    """Trains D on real and generated images, then G through the new D (Goodfellow 2014, alg. 1).

    The images are generated once and used for both: D sees them detached from G.
    """
    fake = generator(latent)

    output_real, output_fake = discriminator(real), discriminator(fake.detach())
    loss_d = loss.discriminator(output_real, output_fake)
    optimizer_d.zero_grad()
    loss_d.backward()
    optimizer_d.step()

    # D's own gradients are not wanted now, and without them backward does half the work.
    discriminator.requires_grad_(False)
    loss_g = loss.generator(discriminator(fake))
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_g.step()
    discriminator.requires_grad_(True)

    return StepResult(
        loss_d.item(), loss_g.item(), output_real.detach().mean().item(),
        output_fake.detach().mean().item(),
    )  # fmt: skip
