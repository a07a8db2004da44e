"""Losses of the two nets of a GAN."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygan.functional as F
from op_cases.activation import sigmoid
from op_cases.case import OpCase
from tinygan import zeros


def logits(rng) -> np.ndarray:
    """Of D: at least 0.1 from +-1, where the hinge loss bends."""
    return rng.choice([-1.6, -0.7, 0.3, 1.4], (3, 1)) + rng.uniform(-0.2, 0.2, (3, 1))


def real_or_fake(real, fake):
    return -np.log(sigmoid(real)).mean() - np.log(1 - sigmoid(fake)).mean()


# Of the papers named in `GAN_LOSSES`, with D = sigmoid(logits).
NUMPY_GAN_LOSSES = {
    "minimax": (real_or_fake, lambda fake: np.log(1 - sigmoid(fake)).mean()),
    "non-saturating": (real_or_fake, lambda fake: -np.log(sigmoid(fake)).mean()),
    "log-probability": (real_or_fake, lambda fake: -np.log(sigmoid(fake)).mean()),
    "least-squares": (
        lambda real, fake: ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2,
        lambda fake: ((fake - 1) ** 2).mean() / 2,
    ),
    "hinge": (
        lambda real, fake: np.maximum(1 - real, 0).mean() + np.maximum(1 + fake, 0).mean(),
        lambda fake: -fake.mean(),
    ),
    "wasserstein": (lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean()),
    "relativistic": (
        lambda real, fake: -np.log(sigmoid(real - fake)).mean(),
        lambda fake, real: -np.log(sigmoid(fake - real)).mean(),
    ),
}

GAN_LOSS_ERRORS = [
    (lambda: F.gan_loss("cross"), "gan_loss: no loss 'cross'; there are minimax, non-saturating, "
     "log-probability, least-squares, hinge, wasserstein, relativistic"),
    (lambda: F.gan_loss("relativistic").generator(zeros(4), zeros(3)),
     "gan_loss: as many real as generated, got (4,) and (3,)"),
]  # fmt: skip


def gan_losses() -> Iterator[OpCase]:
    for name, loss in F.GAN_LOSSES.items():
        discriminator, generator = NUMPY_GAN_LOSSES[name]
        yield OpCase(
            f"gan_loss {name} discriminator", loss.discriminator, [logits, logits],
            numpy=discriminator, errors=GAN_LOSS_ERRORS if name == "minimax" else (),
        )  # fmt: skip
        yield OpCase(
            f"gan_loss {name} generator", loss.generator,
            [logits] * (2 if loss.relativistic else 1), numpy=generator,
        )  # fmt: skip


CASES = list(gan_losses())
