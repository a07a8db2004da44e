"""The losses of the two nets of a GAN."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tinygan.autograd import Function, is_grad_enabled
from tinygan.kernels.cross_entropy import bce_with_logits, bce_with_logits_backward
from tinygan.ops.activation import relu, sigmoid
from tinygan.ops.math import log
from tinygan.ops.reduction import mean
from tinygan.tensor import Tensor

__all__ = ["GAN_LOSSES", "GANLoss", "gan_loss"]


# D(x) is the discriminator's output without an activation (logits).


class MeanCrossEntropy(Function):
    """mean of softplus(x) - t x over all logits x;  g (sigmoid(x) - t) / n

    The cross-entropy of sigmoid(x) and one target probability t for all.
    """

    saves_inputs = True

    def __init__(self, target: float):
        self.target = target

    def forward(self, x):
        return bce_with_logits(x, self.target)

    def backward(self, grad_output):
        (x,) = self.inputs
        if is_grad_enabled():
            return (grad_output * (sigmoid(x) - self.target) * (1.0 / x.numel()),)
        return (Tensor(bce_with_logits_backward(x.array, grad_output.array, self.target)),)


def _cross_entropy_to(logits: Tensor, target: float) -> Tensor:
    """-E (t log D + (1 - t) log(1 - D)), D = sigmoid(logits)"""
    if logits.numel() == 0:
        raise ValueError(f"gan_loss: no logits, got shape {logits.shape}")
    return MeanCrossEntropy(target)(logits)


class GANLoss(NamedTuple):
    """Both nets' losses: ``discriminator(real, fake)`` and ``generator(fake)``, from D's
    outputs without an activation, any shape; scalars out. Where D's loss `has_floor`, it is near
    its least value, and never below, when D tells all images apart. One that is `relativistic`
    compares the two also for G: ``generator(fake, real)``."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[..., Tensor]
    has_floor: bool = True
    relativistic: bool = False


def _cross_entropy_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(G(z))), D = sigmoid(logits)"""
    return _cross_entropy_to(real, 1.0) + _cross_entropy_to(fake, 0.0)


def _more_real(one: Tensor, other: Tensor) -> Tensor:
    """E softplus(-(one - other)): small where each image of the one looks more real than that of
    the other at its place."""
    if one.shape != other.shape:
        raise ValueError(f"gan_loss: as many real as generated, got {one.shape} and {other.shape}")
    return _cross_entropy_to(one - other, 1.0)


GAN_LOSSES = {
    # Goodfellow 2014 (arXiv:1406.2661), eq. 1: G minimises E log(1 - D(G(z))).
    "minimax": GANLoss(_cross_entropy_discriminator, lambda fake: -_cross_entropy_to(fake, 0.0)),
    # The same paper, section 3: G maximises E log D(G(z)), whose gradient does not saturate.
    "non-saturating": GANLoss(
        _cross_entropy_discriminator, lambda fake: _cross_entropy_to(fake, 1.0)
    ),
    # As many tutorials write it: logarithms of probabilities, unguarded. A sigmoid that has rounded
    # to 0 or 1 makes the loss infinite. Here to show it; use "non-saturating".
    "log-probability": GANLoss(
        lambda real, fake: -mean(log(sigmoid(real)) + log(1.0 - sigmoid(fake))),
        lambda fake: -mean(log(sigmoid(fake))),
    ),
    # Mao 2017 (arXiv:1611.04076), eq. 9 with a = 0, b = c = 1.
    "least-squares": GANLoss(
        lambda real, fake: (mean((real - 1.0) ** 2) + mean(fake**2)) * 0.5,
        lambda fake: mean((fake - 1.0) ** 2) * 0.5,
    ),
    # Lim and Ye 2017 (arXiv:1705.02894).
    "hinge": GANLoss(
        lambda real, fake: mean(relu(1.0 - real)) + mean(relu(1.0 + fake)),
        lambda fake: -mean(fake),
    ),
    # Arjovsky 2017 (arXiv:1701.07875), eq. 2; D must be kept Lipschitz by other means.
    "wasserstein": GANLoss(
        lambda real, fake: mean(fake) - mean(real), lambda fake: -mean(fake), has_floor=False
    ),
    # Jolicoeur-Martineau 2018 (arXiv:1807.00734), as R3GAN pairs it (Huang 2024, arXiv:2501.05441,
    # eq. 2): D is asked which of two images is the real one. It needs r1 and r2 to converge.
    "relativistic": GANLoss(
        _more_real, lambda fake, real: _more_real(fake, real), relativistic=True
    ),
}


def gan_loss(name: str, real_label: float = 1.0) -> GANLoss:
    """The losses of both nets by name, see `GAN_LOSSES`.

    Args:
        real_label: below 1, D's target for real images: one-sided label smoothing (Salimans 2016,
            arXiv:1606.03498, section 3.4; 0.9 is usual). D stops short of certainty where the data
            is; the target for generated images stays 0, which would otherwise attract D's optimum.

    Raises:
        ValueError: there is no such loss (the message lists them), real_label is not in (0, 1], or
            it is not 1 for a loss without target probabilities.
    """
    if name not in GAN_LOSSES:
        raise ValueError(f"gan_loss: no loss {name!r}; there are {', '.join(GAN_LOSSES)}")
    loss = GAN_LOSSES[name]
    if real_label == 1.0:
        return loss
    if not 0 < real_label < 1:
        raise ValueError(f"gan_loss: real_label must be in (0, 1], got {real_label}")
    if loss.discriminator is not _cross_entropy_discriminator:
        raise ValueError(
            f"gan_loss: real_label is {real_label}, but the loss {name!r} has no target "
            "probabilities; use 'minimax' or 'non-saturating'"
        )

    def smoothed(real: Tensor, fake: Tensor) -> Tensor:
        # t softplus(-x) + (1 - t) softplus(x) = softplus(-x) + (1 - t) x
        return loss.discriminator(real, fake) + mean(real) * (1.0 - real_label)

    return GANLoss(smoothed, loss.generator)
