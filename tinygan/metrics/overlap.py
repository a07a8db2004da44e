"""How far the samples of two sets lie among each other: two-sample accuracy, precision, recall."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygan.metrics.checks import as_two_sets, positive
from tinygan.metrics.neighbours import BLOCK_ELEMENTS, SearchPoints, nearest_neighbours


class TwoSampleAccuracy(NamedTuple):
    """`accuracy`, the mean of the fractions of `real` and of `generated` that are recognised."""

    accuracy: float
    real: float
    generated: float


def two_sample_accuracy(real: np.ndarray, generated: np.ndarray) -> TwoSampleAccuracy:
    """How well the nearest other sample tells real from generated: 0.5 is best.

    Each sample of both sets together is classified by its nearest neighbour among all others
    (leave-one-out); a tie between the two sets counts half. 0.5: the sets cannot be told apart;
    1: they lie apart; below 0.5: generated samples lie closer to single real ones than real ones
    to each other, as copies do (identical sets: 0). `real` alone is low when real samples have
    generated ones around them, `generated` alone is high when the generator repeats itself.

    (Lopez-Paz, Oquab 2017, arXiv:1610.06545; the two parts: Xu 2018, arXiv:1806.07755, section 3.)

    Args:
        real, generated: (n, d), equally many.

    Raises:
        ValueError: shapes differ, fewer than two rows, or values that are not finite.
    """
    name = "two_sample_accuracy"
    real, generated = as_two_sets(name, ("real", "generated"), real, generated, 2)
    if len(real) != len(generated):
        raise ValueError(
            f"{name}: {len(real)} real and {len(generated)} generated samples; with unequal "
            "numbers chance is not 0.5"
        )
    fractions = []
    for own, other in ((real, generated), (generated, real)):
        to_own = nearest_neighbours(own).distances[:, 0]
        to_other = nearest_neighbours(own, other).distances[:, 0]
        fractions.append(float((to_own < to_other).mean() + 0.5 * (to_own == to_other).mean()))
    return TwoSampleAccuracy((fractions[0] + fractions[1]) / 2, *fractions)


class PrecisionRecall(NamedTuple):
    """Both in [0, 1]: how much of the generated is real, and how much of the real is generated."""

    precision: float
    recall: float


def precision_recall(
    real: np.ndarray, generated: np.ndarray, k: int = 3, block_elements: int = BLOCK_ELEMENTS // 2
) -> PrecisionRecall:
    """Improved precision and recall.

    A set of samples stands for the union of balls, one around each sample, that reach to its k-th
    nearest neighbour in the set. Precision is the fraction of generated samples in a ball of a
    real one; recall the fraction of real samples in a ball of a generated one.

    (Kynkaanniemi 2019, arXiv:1904.06991, eqs. 1 and 2; there 50,000 samples and k = 3.) Both depend
    on the numbers of samples: more samples, smaller balls.

    Args:
        real: (n, d).
        generated: (m, d).
        block_elements: of the matrix of pairs, that are in memory at a time.

    Raises:
        ValueError: shapes do not fit, values are not finite, or no more than k rows.
    """
    name = "precision_recall"
    positive(name, k=k, block_elements=block_elements)
    real, generated = as_two_sets(name, ("real", "generated"), real, generated, k + 1)
    return PrecisionRecall(
        _inside(generated, real, k, block_elements), _inside(real, generated, k, block_elements)
    )


def _inside(queries: np.ndarray, samples: np.ndarray, k: int, block_elements: int) -> float:
    """The fraction of the queries that lie in a sample's ball, or on it up to rounding."""
    radii = nearest_neighbours(samples, k=k).distances[:, -1]
    points = SearchPoints(samples, samples.mean(0), np.float64)
    limits = 0.5 * radii**2
    rows, inside = max(1, block_elements // len(samples)), 0
    for start in range(0, len(queries), rows):
        block = points.shifted(queries[start : start + rows])
        half_norms = 0.5 * np.einsum("ij,ij->i", block, block)[:, None]
        halves = points.gaps(block)  # |x - y|^2 / 2, less |x|^2 / 2
        halves += half_norms - points.bound(block)
        inside += int((halves <= limits).any(1).sum())
    return inside / len(queries)
