"""Recognises and names the faults of a GAN's training.

Each function returns None, or a sentence that names the symptom and its usual cause.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

STUCK_LOSS = 0.02  # both terms of a cross-entropy below 0.01: D is right with 99 % certainty
STUCK_STEPS = 200
COLLAPSED_SPREAD = 0.3  # of the real images' spread; even one class alone has more than half


class TrainingDiverged(RuntimeError):
    """A loss is NaN or infinite: the weights are lost, the last checkpoint is not."""


def divergence(loss_d: float, loss_g: float) -> str | None:
    """A loss that is not finite."""
    if math.isfinite(loss_d) and math.isfinite(loss_g):
        return None
    return (
        f"a loss is not finite (D {loss_d}, G {loss_g}). Usual causes: a learning rate that is too "
        "high, a logarithm of a probability that rounded to 0 (use losses on logits), or images "
        "that are not in [-1, 1]"
    )


class StuckDiscriminator:
    """Watches for a discriminator that has won: its loss is almost zero for many steps."""

    def __init__(self) -> None:
        self.steps = 0

    def __call__(self, loss_d: float) -> str | None:
        self.steps = self.steps + 1 if 0 <= loss_d < STUCK_LOSS else 0
        if self.steps == 0 or self.steps % STUCK_STEPS:
            return None
        return (
            f"D's loss has been below {STUCK_LOSS} for {self.steps} steps: D tells all samples "
            "from real images, and G gets almost no gradient. Usual causes: a minimax loss "
            "(use non-saturating), a D that is too large or trained too often, or real and "
            "generated images in different value ranges"
        )


def collapse(samples: np.ndarray, real: np.ndarray) -> str | None:
    """Samples that are almost one and the same image.

    The spread is the standard deviation over images, averaged over pixels.
    """
    spread, expected = samples.std(0).mean(), real.std(0).mean()
    if spread >= COLLAPSED_SPREAD * expected:
        return None
    return (
        f"the samples look alike: their spread is {spread:.3f}, that of real images "
        f"{expected:.3f}. G has collapsed to a few images. Usual causes: a D that is too weak or "
        "too strong, no batch norm in G, or a learning rate that is too high"
    )


def missing_classes(scores: dict[str, Any]) -> str | None:
    """Samples that show less than half of the classes, or one class most of the time."""
    histogram = scores.get("histogram")
    if histogram is None:
        return None
    present = sum(p > 0.01 for p in histogram)
    most = int(np.argmax(histogram))
    if present >= len(histogram) / 2 and histogram[most] < 0.5:
        return None
    return (
        f"only {present} of {len(histogram)} classes are generated, class {most} in "
        f"{100 * histogram[most]:.0f} % of the samples: mode collapse. Usual causes: an "
        "initialisation or learning rate that lets D win early, or no batch norm in G"
    )
