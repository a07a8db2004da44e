"""The formulas. Everything here is NumPy on arrays; float64 inside."""

from __future__ import annotations

import numpy as np


def class_histogram(labels: np.ndarray, classes: int) -> np.ndarray:
    """How often each class occurs: (n,) integers -> (classes,) fractions that sum to 1."""
    labels = np.asarray(labels)
    if labels.size == 0:
        raise ValueError("class_histogram: no labels")
    return np.bincount(labels, minlength=classes) / labels.size


def kl_to_uniform(histogram: np.ndarray) -> float:
    """KL(histogram || uniform) = sum_k p_k ln(p_k K), in nats; an empty class adds 0."""
    p = np.asarray(histogram, np.float64)
    present = p[p > 0]
    return float((present * np.log(present * p.size)).sum())


def inception_score(probabilities: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """exp(E_x KL(p(y|x) || p(y))), the mean and standard deviation over `splits` parts.

    (Salimans 2016, arXiv:1606.03498, section 4.) 1 at worst; the number of classes at best.

    Args:
        probabilities: (n, classes), the classifier's prediction for each image.

    Raises:
        ValueError: fewer images than splits.
    """
    p = np.asarray(probabilities, np.float64)
    if len(p) < splits:
        raise ValueError(f"inception_score: {len(p)} images are too few for {splits} splits")
    scores = []
    for part in np.array_split(p, splits):
        marginal = part.mean(0)
        ratio = np.log(np.maximum(part, 1e-12)) - np.log(np.maximum(marginal, 1e-12))
        scores.append(np.exp((part * ratio).sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def frechet_distance(features: np.ndarray, reference: np.ndarray) -> float:
    """The Frechet distance of two Gaussians fitted to two sets of features.

        |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

    With features of a classifier this is the FID (Heusel 2017, arXiv:1706.08500, eq. 6). It falls
    with the number of images, so that only scores of equal numbers compare.

    Args:
        features: (n, d).
        reference: (m, d).

    Raises:
        ValueError: shapes do not fit, fewer than two rows, or values that are not finite.
    """
    a, b = np.asarray(features, np.float64), np.asarray(reference, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"frechet_distance: expected (n, d) and (m, d) with n, m >= 2, got {a.shape}, {b.shape}"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("frechet_distance: features are not finite")
    difference = a.mean(0) - b.mean(0)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    cov_a, cov_b = np.atleast_2d(cov_a), np.atleast_2d(cov_b)
    # tr (C1 C2)^(1/2) = tr (C1^(1/2) C2 C1^(1/2))^(1/2), whose matrix is symmetric.
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_b @ root), 0)).sum()
    distance = difference @ difference + np.trace(cov_a) + np.trace(cov_b) - 2 * cross
    return float(max(distance, 0.0))
