"""Scores from a classifier's output on images: which classes occur, how surely, how varied."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygan.metrics.checks import as_labels, as_probabilities, positive

SMALLEST = 1e-12  # probabilities below are raised to it before their logarithm is taken


def class_histogram(labels: np.ndarray, classes: int) -> np.ndarray:
    """How often each class occurs: (n,) integers -> (classes,) fractions that sum to 1.

    Raises:
        ValueError: no labels, or one that is not in 0 ... classes - 1.
    """
    positive("class_histogram", classes=classes)
    labels = as_labels("class_histogram", "labels", labels)
    if labels.max() >= classes:
        raise ValueError(
            f"class_histogram: labels has {labels.max()}, expected less than classes, {classes}"
        )
    return np.bincount(labels, minlength=classes) / labels.size


def _distribution(function: str, name: str, values: np.ndarray) -> np.ndarray:
    p = np.asarray(values, np.float64)
    if p.ndim != 1 or p.size == 0 or not (p >= 0).all() or not np.isclose(p.sum(), 1):
        raise ValueError(f"{function}: {name} must be (classes,), >= 0 and of sum 1, got {values}")
    return p


def kl_divergence(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p || q) = sum_k p_k ln(p_k / q_k), in nats; where p_k = 0 the term is 0.

    (Kullback, Leibler 1951.) From p generated to q real it is the "reverse" KL of PacGAN.

    Args:
        p, q: (classes,), each of sum 1.

    Raises:
        ValueError: not two distributions of equal length; or a q_k is 0 where p_k is not: the
            divergence is infinite.
    """
    p, q = _distribution("kl_divergence", "p", p), _distribution("kl_divergence", "q", q)
    if p.shape != q.shape:
        raise ValueError(f"kl_divergence: p has {p.size} classes and q {q.size}")
    present = p > 0
    if not q[present].all():
        missing = np.flatnonzero(present & (q == 0))
        raise ValueError(
            f"kl_divergence: infinite, q is 0 and p is not at {missing[:10].tolist()}"
        )
    return float((p[present] * np.log(p[present] / q[present])).sum())


def kl_to_uniform(histogram: np.ndarray) -> float:
    """KL(histogram || uniform) = sum_k p_k ln(p_k K), in nats; an empty class adds 0.

    It is ln K - `class_entropy`: 0 when all K classes are equally frequent, ln K for one class.
    """
    p = _distribution("kl_to_uniform", "histogram", histogram)
    present = p[p > 0]
    return float((present * np.log(present * p.size)).sum())


def class_entropy(histogram: np.ndarray) -> float:
    """H = -sum_k p_k ln p_k, in nats: from 0 for a single class to ln K. (Shannon 1948.)"""
    p = _distribution("class_entropy", "histogram", histogram)
    present = p[p > 0]
    return float(-(present * np.log(present)).sum()) + 0.0  # not -0.0


def inception_score(probabilities: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """exp(E_x KL(p(y|x) || p(y))), the mean and standard deviation over `splits` parts.

    (Salimans 2016, arXiv:1606.03498, section 4.) 1 at worst; the number of classes at best.

    Args:
        probabilities: (n, classes), the classifier's prediction for each image.

    Raises:
        ValueError: not predictions, or fewer images than splits.
    """
    positive("inception_score", splits=splits)
    p = as_probabilities("inception_score", probabilities)
    if len(p) < splits:
        raise ValueError(f"inception_score: {len(p)} images are too few for {splits} splits")
    scores = []
    for part in np.array_split(p, splits):
        marginal = part.mean(0)
        ratio = np.log(np.maximum(part, SMALLEST)) - np.log(np.maximum(marginal, SMALLEST))
        scores.append(np.exp((part * ratio).sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


class ModifiedInceptionScore(NamedTuple):
    """`score`, the mean of `per_class` over the classes that occur; the others are `missing`.

    per_class: (classes,) float64, NaN for a missing class.
    """

    score: float
    per_class: np.ndarray
    missing: list[int]


def modified_inception_score(probabilities: np.ndarray) -> ModifiedInceptionScore:
    """m-IS: how much predictions differ among the images of one class, averaged over classes.

        exp(mean_i mean_j KL(p_i || p_j)), i and j over the images whose likeliest class is the same

    (Gurumurthy 2017, DeLiGAN, arXiv:1706.02071, its modified inception score.) The sum over pairs
    is one over images: mean_j KL(p_i || p_j) is cross-entropy minus entropy, so that

        mean_i mean_j KL(p_i || p_j) = sum_k cov(p_k, ln p_k)

    with covariances over the images of the class. Taken from the first image on, they are exactly 0
    and the score exactly 1 for identical predictions. Zero probabilities are clipped to 1e-12 in
    the logarithm.

    Args:
        probabilities: (n, classes), the classifier's prediction for each image.

    Raises:
        ValueError: not predictions.
    """
    p = as_probabilities("modified_inception_score", probabilities)
    log_p = np.log(np.maximum(p, SMALLEST))
    predicted = p.argmax(1)
    per_class = np.full(p.shape[1], np.nan)
    for label in np.unique(predicted):
        chosen = predicted == label
        a, b = p[chosen], log_p[chosen]
        a, b = a - a[0], b - b[0]
        divergence = (a * b).sum(1).mean() - a.mean(0) @ b.mean(0)
        per_class[label] = np.exp(divergence)
    missing = np.flatnonzero(np.isnan(per_class)).tolist()
    return ModifiedInceptionScore(float(np.nanmean(per_class)), per_class, missing)
