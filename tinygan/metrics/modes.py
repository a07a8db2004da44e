"""How many modes of a distribution a generator reaches: points around centres, stacked digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygan.metrics.checks import as_images, as_two_sets
from tinygan.metrics.classes import class_histogram, kl_divergence, kl_to_uniform
from tinygan.metrics.classifier import Classifier
from tinygan.metrics.neighbours import nearest_neighbours

REACH = 3  # standard deviations


def mode_coverage(points: np.ndarray, means: np.ndarray, std: float) -> dict[str, Any]:
    """Which modes of a mixture of equally frequent, round Gaussians generated points have found.

    A point belongs to the mode whose centre is nearest. It is of high quality when it lies within 3
    standard deviations of that centre; a mode is found when a point of high quality belongs to it.

    (Lin 2018, PacGAN, arXiv:1712.04086, section 4.1, after Srivastava 2017, VEEGAN,
    arXiv:1705.07761.) In the plane 98.9 % of the real points are of high quality.

    Args:
        points: (n, d).
        means: (modes, d), the centres.
        std: the standard deviation in each direction.

    Returns:
        ``modes``, how many are found; ``high_quality``, the fraction of such points; ``kl``, the
        divergence KL(histogram || uniform) in nats ("reverse KL"); ``histogram``, (modes,) the
        fraction of all points that belong to each.

    Raises:
        ValueError: shapes do not fit, values are not finite, std is not positive.
    """
    points, means = as_two_sets("mode_coverage", ("points", "means"), points, means)
    if not (np.ndim(std) == 0 and np.isfinite(std) and std > 0):
        raise ValueError(f"mode_coverage: std must be a positive number, got {std!r}")
    indices, distances = nearest_neighbours(points, means)
    nearest, good = indices[:, 0], distances[:, 0] <= REACH * std
    histogram = class_histogram(nearest, len(means))
    return {
        "modes": len(np.unique(nearest[good])),
        "high_quality": float(good.mean()),
        "kl": kl_to_uniform(histogram),
        "histogram": histogram,
    }


def stacked_labels(images: np.ndarray, classifier: Classifier) -> np.ndarray:
    """The modes of images whose channels are digits: (n, c, 28, 28) in [-1, 1] -> (n,) integers.

    Each channel is read by the classifier; the first is the most significant digit. Three channels
    and ten classes make 1,000 modes: stacked MNIST (Che 2017, arXiv:1612.02136; Metz 2017,
    arXiv:1611.02163).

    Raises:
        ValueError: not images, or values that are not finite.
    """
    images = as_images("stacked_labels", images, 1)
    labels = np.zeros(len(images), np.int64)
    for channel in range(images.shape[1]):
        _, probabilities = classifier.predict(images[:, channel : channel + 1])
        labels = labels * probabilities.shape[1] + probabilities.argmax(1)
    return labels


def mode_histogram_scores(
    labels: np.ndarray, modes: int = 1000, reference: np.ndarray | None = None
) -> dict[str, Any]:
    """How many modes occur, and how evenly.

    (Lin 2018, PacGAN, arXiv:1712.04086, section 4.2: 26,000 samples of stacked MNIST.) The
    divergence of samples from the uniform distribution itself is not 0 but about
    (modes - 1) / (2 n): 0.019 for 26,000.

    Args:
        labels: (n,), the mode of each sample, as `stacked_labels` returns.
        reference: (modes,), the histogram of the data; None for the uniform one.

    Returns:
        ``modes``, how many occur; ``kl``, KL(histogram || reference) in nats.

    Raises:
        ValueError: labels out of range; a reference that is no distribution, or 0 at a mode that
            occurs.
    """
    histogram = class_histogram(labels, modes)
    kl = kl_to_uniform(histogram) if reference is None else kl_divergence(histogram, reference)
    return {"modes": int((histogram > 0).sum()), "kl": kl}
