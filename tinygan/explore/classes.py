"""Grids with one row per class, for `tinygan.images.grid(images, columns)`."""

from __future__ import annotations

import numpy as np

from tinygan import nn
from tinygan.explore.nets import outputs, pictures, positive, values

BACKGROUND = -1.0  # fills the places of images that are missing


def conditional_grid(generator: nn.Module, latent, classes: int) -> np.ndarray:
    """Row k shows class k of ``generator(z, labels)``; a column has one z, in all classes.

    latent (columns, d) -> images (classes * columns, c, h, w).
    """
    z = values("conditional_grid: latent", latent, 2)
    positive("conditional_grid: classes", classes)
    labels = np.repeat(np.arange(classes, dtype=np.int64), len(z))
    return outputs(generator, np.tile(z, (classes, 1)), labels)


def sorted_grid(images, labels, classes: int, columns: int) -> np.ndarray:
    """Row k shows the first `columns` images whose label is k, in the order in which they came.

    For a generator without classes, with the labels that a classifier reads. They are not chosen by
    how sure it is, which would show only the cleanest. Where a class has too few, the places stay
    empty. images (n, c, h, w), labels (n,) -> (classes * columns, c, h, w).
    """
    x, read = pictures("sorted_grid: images", images), values("sorted_grid: labels", labels, 1)
    positive("sorted_grid: classes", classes)
    positive("sorted_grid: columns", columns)
    if len(read) != len(x) or read.dtype.kind not in "iu":
        raise ValueError(
            f"sorted_grid: labels: expected {len(x)} integers, one per image, got {len(read)} of "
            f"{read.dtype}"
        )
    if read.min() < 0 or read.max() >= classes:
        raise ValueError(
            f"sorted_grid: labels: expected 0 to {classes - 1}, got {read.min()} to {read.max()}"
        )
    rows = np.full((classes, columns, *x.shape[1:]), BACKGROUND, x.dtype)
    for k in range(classes):
        chosen = x[read == k][:columns]
        rows[k, : len(chosen)] = chosen
    return rows.reshape(-1, *x.shape[1:])
