"""Recognises and names the faults of a GAN's training.

Each function returns None, or a sentence that names the symptom and its usual cause.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygan.ops.adversarial import GANLoss

STUCK_LOSS = 0.02  # both terms of a cross-entropy below 0.01: D is right with 99 % certainty
STUCK_STEPS = 200
COLLAPSED_SPREAD = 0.3  # of the real images' spread; even one class alone has more than half
# Steps before which nobody can tell a collapse from a beginning: untrained samples have no spread,
# and nets that learn well pass the line above after 100 (DCGAN) to 1,000 steps (fully connected).
FEWEST_STEPS = 1000
CERTAIN = 10  # samples of a class that are expected


class TrainingDiverged(RuntimeError):
    """A loss is NaN or infinite: the weights are lost, the last checkpoint is not."""


def divergence(loss_d: float, loss_g: float) -> str | None:
    """A loss that is not finite."""
    if math.isfinite(loss_d) and math.isfinite(loss_g):
        return None
    return (
        f"a loss is not finite (D {loss_d}, G {loss_g}). Usual causes: a learning rate that is too "
        "high, a logarithm of a probability that rounded to 0 (use losses on logits), or images "
        "that are not in [-1, 1]. Try a tenth of the rate from the last checkpoint"
    )


class StuckDiscriminator:
    """Watches for a discriminator that has won: its loss is almost zero for many steps.

    Args:
        loss: the losses. One without a floor tells nothing about D by being near zero.
    """

    def __init__(self, loss: GANLoss) -> None:
        self.loss, self.steps = loss, 0

    def __call__(self, loss_d: float) -> str | None:
        won = self.loss.has_floor and 0 <= loss_d < STUCK_LOSS
        self.steps = self.steps + 1 if won else 0
        if self.steps == 0 or self.steps % STUCK_STEPS:
            return None
        return (
            f"D's loss has been below {STUCK_LOSS} for {self.steps} steps: D tells all samples "
            "from real images, and G gets almost no gradient. Usual causes: a minimax loss "
            "(use non-saturating), a D that is too large or trained too often, or real and "
            "generated images in different value ranges. Try a smaller lr_d, or r1=5"
        )


def collapse(samples: np.ndarray, real: np.ndarray, steps: int) -> str | None:
    """Samples that are almost one and the same image, after `steps` of training.

    The spread is the standard deviation over images, averaged over pixels. An untrained G, whose
    weights are small, makes the same grey image of every latent vector: there is nothing to have
    collapsed before it has learned for a while, however many epochs of a small folder that takes.
    """
    spread, expected = samples.std(0).mean(), real.std(0).mean()
    if steps < FEWEST_STEPS or spread >= COLLAPSED_SPREAD * expected:
        return None
    return (
        f"the samples look alike: their spread is {spread:.3f}, that of real images "
        f"{expected:.3f}. G has collapsed to a few images. Usual causes: a D that is too weak or "
        "too strong, no batch norm in G, or a learning rate that is too high. Try half the rates, "
        "a penalty (r1=5), or an earlier checkpoint"
    )


def missing_classes(
    scores: dict[str, Any], steps: int, samples: int, labels: np.ndarray | None = None
) -> str | None:
    """Samples that show less than half of the data's classes, or one class far too often.

    Classes are as frequent as in the data: two classes, or one that most pictures show, are no
    collapse. Those that few samples can miss by chance are not counted; before G has learned for a
    while, see `collapse`, its images are no digits yet, whatever a classifier makes of them.

    Args:
        scores: with a ``histogram`` (classes,) of the samples, if there are classes.
        steps: of training.
        samples: how many the histogram is of.
        labels: of the data (None: all classes are as frequent).
    """
    histogram = scores.get("histogram")
    if histogram is None or steps < FEWEST_STEPS:
        return None
    share = np.asarray(histogram, np.float64)
    data = np.full(len(share), 1 / len(share))
    if labels is not None and int(labels.max()) < len(share):
        data = np.bincount(labels, minlength=len(share)) / len(labels)
    certain = data * samples >= CERTAIN  # none of them by chance: less than once in 20,000
    present = (share > data / 10) & certain
    most = int(np.argmax(share - data))
    chance = 3 * math.sqrt(data[most] * (1 - data[most]) / samples)
    too_often = share[most] > (1 + data[most]) / 2 + chance
    if present.sum() >= certain.sum() / 2 and not too_often:
        return None
    return (
        f"only {present.sum()} of {certain.sum()} classes are generated, class {most} in "
        f"{100 * share[most]:.0f} % of the samples: mode collapse. Usual causes: an "
        "initialisation or learning rate that lets D win early, or no batch norm in G. Try half "
        "the rates, pack=2, or a class-conditional model"
    )
