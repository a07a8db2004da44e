"""Losses."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

import tinygan.functional as F
from op_cases.activation import FAR, log_softmax, sigmoid, softplus
from op_cases.case import TF, OpCase, away, integers, normal, torch, unit
from tinygan import tensor, zeros

NUMPY = {
    "mse_loss": lambda x, t: (x - t) ** 2,
    "cross_entropy": lambda x, t: -log_softmax(x)[np.arange(len(t)), t],
    "binary_cross_entropy": lambda p, t: -t * np.log(p) - (1 - t) * np.log(1 - p),
    "binary_cross_entropy_with_logits": lambda x, t: t * softplus(-x) + (1 - t) * softplus(x),
}

INPUTS = {
    "mse_loss": [normal(2, 3), normal(2, 3)],
    "cross_entropy": [normal(2, 3), integers(3, 2)],
    "binary_cross_entropy": [unit(2, 3), unit(2, 3)],
    "binary_cross_entropy_with_logits": [normal(2, 3), unit(2, 3)],
}

ERRORS = {
    "mse_loss": [
        (lambda: F.mse_loss(zeros(2, 1), zeros(2)),
         "mse_loss: input has shape (2, 1), target has (2,"),
        (lambda: F.mse_loss(zeros(2), zeros(2), "max"),
         "mse_loss: reduction must be 'mean', 'sum' or 'none', got 'max'"),
    ],
    "binary_cross_entropy_with_logits": [
        (lambda: F.binary_cross_entropy_with_logits(zeros(2), zeros(1)),
         "binary_cross_entropy_with_logits: input has shape (2,), target has (1,)"),
    ],
    "binary_cross_entropy": [
        (lambda: F.binary_cross_entropy(zeros(2), zeros(3)),
         "binary_cross_entropy: input has shape"),
        (lambda: F.binary_cross_entropy(tensor([1.5]), zeros(1)),
         "binary_cross_entropy: input must be probabilities in [0, 1]"),
        (lambda: F.binary_cross_entropy(tensor([float("nan")]), zeros(1)),
         "binary_cross_entropy: input must be probabilities"),
    ],
    "cross_entropy": [
        (lambda: F.cross_entropy(zeros(2, 3), tensor([0])),
         "cross_entropy: expected input (n, classes) and target (n,), got (2, 3) and (1,)"),
        (lambda: F.cross_entropy(zeros(2, 3), tensor([0, 3])),
         "cross_entropy: a class index is 3, which is outside 0 ... 2"),
        (lambda: F.cross_entropy(zeros(2, 3), zeros(2)),
         "cross_entropy: target must be of integers, got float32", TypeError),
    ],
}  # fmt: skip


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
}

GAN_LOSS_ERRORS = [
    (lambda: F.gan_loss("cross"), "gan_loss: no loss 'cross'; there are minimax, non-saturating, "
     "log-probability, least-squares, hinge, wasserstein"),
]  # fmt: skip


def losses() -> Iterator[OpCase]:
    for reduction in ("mean", "sum", "none"):
        reduce = {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction]
        for name, inputs in INPUTS.items():
            yield OpCase(
                f"{name} {reduction}",
                lambda x, t, n=name, r=reduction: getattr(F, n)(x, t, reduction=r), inputs,
                numpy=lambda x, t, n=name, reduce=reduce: reduce(NUMPY[n](x, t)),
                torch=lambda x, t, n=name, r=reduction: getattr(TF, n)(x, t, reduction=r),
                errors=ERRORS[name] if reduction == "mean" else (),
            )  # fmt: skip


def gan_losses() -> Iterator[OpCase]:
    for name, loss in F.GAN_LOSSES.items():
        discriminator, generator = NUMPY_GAN_LOSSES[name]
        yield OpCase(
            f"gan_loss {name} discriminator", loss.discriminator, [logits, logits],
            numpy=discriminator, errors=GAN_LOSS_ERRORS if name == "minimax" else (),
        )  # fmt: skip
        yield OpCase(
            f"gan_loss {name} generator", loss.generator, [logits], numpy=generator
        )


def against(right: bool):
    """The loss of logits with targets on their own side of 0, or on the other one."""
    return lambda x: F.binary_cross_entropy_with_logits(
        x, (x.detach() > 0) if right else (x.detach() <= 0), "none"
    )


CASES = [
    *losses(),
    OpCase(
        "binary_cross_entropy_with_logits right", against(True), [away(3)],
        numpy=lambda x: softplus(-np.abs(x)), extreme=(FAR, [0, math.log(2), 0], [0, 0.5, 0]),
    ),
    OpCase(
        "binary_cross_entropy_with_logits wrong", against(False), [away(3)],
        numpy=lambda x: softplus(np.abs(x)),
        extreme=(FAR, [1000, math.log(2), 1000], [-1, -0.5, 1]),
    ),
    OpCase(
        "binary_cross_entropy_with_logits of a sigmoid",
        lambda x, t: F.binary_cross_entropy_with_logits(x, F.sigmoid(t)), [normal(5, 1)] * 2,
        numpy=lambda x, t: NUMPY["binary_cross_entropy_with_logits"](x, sigmoid(t)).mean(),
        torch=lambda x, t: TF.binary_cross_entropy_with_logits(x, torch.sigmoid(t)),
    ),
    OpCase(
        "binary_cross_entropy of a sigmoid",
        lambda x: F.binary_cross_entropy(F.sigmoid(x), (x * 0.0) + 0.25, "sum"), [normal(5, 1)],
        numpy=lambda x: NUMPY["binary_cross_entropy"](sigmoid(x), 0.25).sum(),
        torch=lambda x: TF.binary_cross_entropy(
            torch.sigmoid(x), (x * 0.0) + 0.25, reduction="sum"
        ),
    ),
    *gan_losses(),
]  # fmt: skip
