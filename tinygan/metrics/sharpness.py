"""Noise and blur of images, each a number that needs no other image."""

from __future__ import annotations

import numpy as np

from tinygan.metrics.checks import as_images

IMAGES_AT_A_TIME = 256


def total_variation(images: np.ndarray) -> np.ndarray:
    """Noise: how much neighbouring pixels differ, (n, c, h, w) -> (n,) float64.

        mean |x[i+1, j] - x[i, j]| + mean |x[i, j+1] - x[i, j]|

    over all pairs of neighbours and all channels. (Rudin, Osher, Fatemi 1992, Physica D 60; the
    anisotropic form, as a mean, so that sizes compare.) Twice the contrast, twice the number.

    Raises:
        ValueError: not images of at least 2x2, or values that are not finite.
    """
    images = as_images("total_variation", images, 2)
    return _in_parts(
        images,
        lambda x: (
            np.abs(np.diff(x, axis=2)).mean((1, 2, 3)) + np.abs(np.diff(x, axis=3)).mean((1, 2, 3))
        ),
    )


def laplacian_variance(images: np.ndarray) -> np.ndarray:
    """Sharpness: the variance of the Laplacian, (n, c, h, w) -> (n,) float64; low for blur.

        L[i, j] = x[i-1, j] + x[i+1, j] + x[i, j-1] + x[i, j+1] - 4 x[i, j]

    at all pixels that have four neighbours; the variance over the pixels of a channel, averaged
    over channels. (Pech-Pacheco 2000, ICPR, "LAPV".) Noise raises it too: read it together with
    `total_variation`.

    Raises:
        ValueError: not images of at least 3x3, or values that are not finite.
    """
    images = as_images("laplacian_variance", images, 3)
    return _in_parts(images, lambda x: _laplacian(x).var((2, 3)).mean(1))


def _laplacian(x: np.ndarray) -> np.ndarray:
    vertical = x[:, :, :-2, 1:-1] + x[:, :, 2:, 1:-1]
    return vertical + x[:, :, 1:-1, :-2] + x[:, :, 1:-1, 2:] - 4 * x[:, :, 1:-1, 1:-1]


def _in_parts(images: np.ndarray, measure) -> np.ndarray:
    """The measure of each image, in float64, for as many at a time as stay in the cache."""
    starts = range(0, len(images), IMAGES_AT_A_TIME)
    parts = (images[start : start + IMAGES_AT_A_TIME].astype(np.float64) for start in starts)
    return np.concatenate([measure(part) for part in parts])
