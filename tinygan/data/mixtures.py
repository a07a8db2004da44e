"""Gaussian mixtures on a line or in the plane: data whose density is known exactly.

A GAN's picture of a mixture shows at a glance which modes it has lost, and every score of it has a
closed form to be checked against.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np


class GaussianMixture:
    """p(x) = sum_k weights_k N(x; means_k, std^2 I), for points of d coordinates.

    Attributes:
        means: (k, d), float64: the centres of the modes.
        std: the standard deviation of each mode in each coordinate.
        weights: (k,), float64: the modes' shares, which sum to 1; equal ones by default.

    Raises:
        ValueError: means are not (k, d), std is not positive, or weights are not k shares.
    """

    def __init__(
        self, means: Sequence[Sequence[float]] | np.ndarray, std: float,
        weights: Sequence[float] | np.ndarray | None = None,
    ):  # fmt: skip
        self.means = np.array(means, np.float64)
        if self.means.ndim != 2 or self.means.size == 0 or not np.isfinite(self.means).all():
            raise ValueError(
                f"means must be finite numbers of shape (k, d), got shape {self.means.shape}"
            )
        if not (std > 0 and math.isfinite(std)):
            raise ValueError(f"std must be positive and finite, got {std}")
        count = len(self.means)
        self.std = float(std)
        self.weights = np.full(count, 1 / count) if weights is None else np.array(weights, float)
        if (
            self.weights.shape != (count,)
            or not (self.weights > 0).all()
            or abs(self.weights.sum() - 1) > 1e-9
        ):
            raise ValueError(
                f"weights must be {count} positive numbers that sum to 1, got {weights}"
            )

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """`count` points (count, d), float32: a mode by its weight, then a normal step from it."""
        modes = rng.choice(len(self.means), count, p=self.weights)
        steps = self.std * rng.standard_normal((count, self.means.shape[1]))
        return (self.means[modes] + steps).astype(np.float32)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """ln p(x) in float64: (n, d) -> (n,), also where p(x) itself would round to 0.

            ln sum_k exp(ln weights_k - |x - means_k|^2 / (2 std^2)) - d ln(std sqrt(2 pi))

        Raises:
            ValueError: x has another shape.
        """
        x, dimensions = np.asarray(x, np.float64), self.means.shape[1]
        if x.ndim != 2 or x.shape[1] != dimensions:
            raise ValueError(f"x has shape {x.shape}; expected (n, {dimensions})")
        squares = ((x[:, None] - self.means) ** 2).sum(2)  # (n, k)
        terms = np.log(self.weights) - squares / (2 * self.std**2)
        constant = dimensions * math.log(self.std * math.sqrt(2 * math.pi))
        return np.logaddexp.reduce(terms, axis=1) - constant

    def density(self, x: np.ndarray) -> np.ndarray:
        """p(x) in float64: (n, d) -> (n,)."""
        return np.exp(self.log_density(x))


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> GaussianMixture:
    """Modes at equal distances on a circle around 0, the first on the x axis.

    The defaults are the "2D-ring" of PacGAN (Lin 2018, arXiv:1712.04086, section 4.1) and of its
    published code: a mode is 76 times narrower than the way to its neighbour.
    """
    if modes < 1:
        raise ValueError(f"modes must be at least 1, got {modes}")
    angle = 2 * np.pi * np.arange(modes) / modes
    return GaussianMixture(radius * np.stack([np.cos(angle), np.sin(angle)], 1), std)


def square_grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> GaussianMixture:
    """side^2 modes on a square grid around 0.

    The defaults are PacGAN's "2D-grid" (section 4.1): 25 modes at -4, -2, 0, 2, 4.
    """
    if side < 1:
        raise ValueError(f"side must be at least 1, got {side}")
    places = spacing * (np.arange(side) - (side - 1) / 2)
    return GaussianMixture(list(itertools.product(places, places)), std)


def deligan_unimodal(dimensions: int = 2) -> GaussianMixture:
    """N(0, 0.3^2 I): the first toy data of DeLiGAN (Gurumurthy 2017, arXiv:1706.02071, section
    5.2), which are two-dimensional."""
    return GaussianMixture(np.zeros((1, dimensions)), 0.3)


def deligan_bimodal(dimensions: int = 2) -> GaussianMixture:
    """N(0.6, 0.15^2 I) and N(-0.6, 0.15^2 I) in equal parts: the second toy data of DeLiGAN.

    Its published code shifts every coordinate, so that in the plane the modes lie on the diagonal,
    at (0.6, 0.6) and (-0.6, -0.6).
    """
    return GaussianMixture([[0.6] * dimensions, [-0.6] * dimensions], 0.15)
