"""Distances of two distributions of features: the formulas of FID and KID."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygan.metrics.checks import as_two_sets, positive

KERNEL_ELEMENTS = 2**22  # of the kernel's matrix that are held at a time: 32 MB


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
    a, b = as_two_sets("frechet_distance", ("features", "reference"), features, reference, 2)
    a, b = a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)
    difference = a.mean(0) - b.mean(0)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    cov_a, cov_b = np.atleast_2d(cov_a), np.atleast_2d(cov_b)
    # tr (C1 C2)^(1/2) = tr (C1^(1/2) C2 C1^(1/2))^(1/2), whose matrix is symmetric.
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_b @ root), 0)).sum()
    distance = difference @ difference + np.trace(cov_a) + np.trace(cov_b) - 2 * cross
    return float(max(distance, 0.0))


class KernelDistance(NamedTuple):
    """The mean over subsets, and its standard error (NaN when there is one subset)."""

    distance: float
    standard_error: float


def kernel_distance(
    features: np.ndarray, reference: np.ndarray, subsets: int = 10, seed: int = 0
) -> KernelDistance:
    """The squared maximum mean discrepancy of two sets of features, with a cubic kernel.

        MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),   k(x, y) = (x . y / d + 1)^3

    estimated without bias: k(x, x') and k(y, y') are averaged over pairs of different rows. With
    features of a classifier this is the KID (Binkowski 2018, arXiv:1801.01401, section 4; the
    estimator is eq. 3 of Gretton 2012, JMLR 13). Its expectation does not depend on the number of
    images; for equal distributions it is 0, so that half of the estimates are negative.

    Both sets are shuffled and cut into `subsets` parts that share no row: their estimates are
    independent, and their spread gives an honest standard error. (The paper draws 100 subsets of
    1,000 that overlap; 10,000 images in 10 parts have the same size.)

    Args:
        features: (n, d).
        reference: (m, d).
        subsets: how many parts; 1 uses all pairs of rows, and knows no standard error.
        seed: of the shuffling.

    Raises:
        ValueError: shapes do not fit, values are not finite, or a subset has less than two rows.
    """
    positive("kernel_distance", subsets=subsets)
    names = ("features", "reference")
    a, b = as_two_sets("kernel_distance", names, features, reference, 2 * subsets)
    shuffle = np.random.default_rng(seed).permutation
    parts_a = np.array_split(shuffle(len(a)), subsets)
    parts_b = np.array_split(shuffle(len(b)), subsets)
    values = [
        _squared_mmd(a[i].astype(np.float64), b[j].astype(np.float64))
        for i, j in zip(parts_a, parts_b, strict=True)
    ]
    error = np.std(values, ddof=1) / np.sqrt(subsets) if subsets > 1 else np.nan
    return KernelDistance(float(np.mean(values)), float(error))


def _squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    return _own_mean(x) + _own_mean(y) - 2 * _kernel_sum(x, y) / (len(x) * len(y))


def _own_mean(x: np.ndarray) -> float:
    """The mean of k(x_i, x_j) over i != j."""
    diagonal = float((((x * x).sum(1) / x.shape[1] + 1) ** 3).sum())
    return (_kernel_sum(x, x) - diagonal) / (len(x) * (len(x) - 1))


def _kernel_sum(x: np.ndarray, y: np.ndarray) -> float:
    """sum_ij (x_i . y_j / d + 1)^3, a block of rows at a time."""
    rows, total = max(1, KERNEL_ELEMENTS // len(y)), 0.0
    for start in range(0, len(x), rows):
        base = x[start : start + rows] @ y.T / x.shape[1] + 1
        total += float(np.einsum("ij,ij,ij->", base, base, base))
    return total
