"""Attributes of digits that can be measured on the image itself: slant, thickness, bars.

Images are (n, c, h, w) in [-1, 1], -1 the background. An image without ink has slant 0, thickness 0
and no bars.
"""

from __future__ import annotations

import numpy as np

from tinygan.explore.nets import pictures, positive


def ink(images) -> np.ndarray:
    """How much of each image is ink, from 0 to 1: the mean of (x + 1) / 2. (n, ...) -> (n,)."""
    return _ink("ink", images).mean((1, 2))


def _ink(caller: str, images) -> np.ndarray:
    """(n, h, w) from 0 to 1, the mean of the channels."""
    return (pictures(f"{caller}: images", images).mean(1, dtype=np.float64) + 1) / 2


def slant(images) -> np.ndarray:
    """The tangent of the angle by which each digit leans to the right: (n, c, h, w) -> (n,).

        - sum ink (x - mean x) (y - mean y) / sum ink (y - mean y)^2,    y downwards

    Shearing the digit by that much makes it upright, which is how MNIST is commonly deslanted.
    """
    mass = _ink("slant", images)
    total = np.maximum(mass.sum((1, 2)), 1e-12)
    x = np.arange(mass.shape[2]) - (mass.sum(1) @ np.arange(mass.shape[2]) / total)[:, None]
    y = np.arange(mass.shape[1]) - (mass.sum(2) @ np.arange(mass.shape[1]) / total)[:, None]
    cross = np.einsum("nyx,ny,nx->n", mass, y, x)
    height = np.einsum("nyx,ny,ny->n", mass, y, y)
    return -cross / np.maximum(height, 1e-12)


def thickness(images) -> np.ndarray:
    """The width of the pen in pixels: 2 area / perimeter. (n, c, h, w) -> (n,).

    A stroke of length l and width t has the area l t and, if l is much larger than t, the perimeter
    2 l. The area is the sum of the ink, the perimeter its total variation (sum of |gradient|),
    which is right for soft edges, too.
    """
    mass = _ink("thickness", images)
    padded = np.pad(mass, ((0, 0), (0, 1), (0, 1)), mode="edge")
    down, right = padded[:, 1:, :-1] - mass, padded[:, :-1, 1:] - mass
    perimeter = np.sqrt(down**2 + right**2).sum((1, 2))
    return 2 * mass.sum((1, 2)) / np.maximum(perimeter, 1e-12)


def bars(images, length: int = 9) -> np.ndarray:
    """The boxes of all horizontal bars: int (m, 5) of image, top, left, bottom, right, the last
    two exclusive.

    A bar is a run of at least `length` inked pixels side by side in a row; a pixel is inked where
    the image is above 0. A thick bar is several boxes, one for each of its rows. The vertical bars
    are those of the images with rows and columns exchanged, ``images.transpose(0, 1, 3, 2)``.
    """
    positive("bars: length", length)
    inked = pictures("bars: images", images).mean(1) > 0
    edges = np.diff(np.pad(inked, ((0, 0), (0, 0), (1, 1))).astype(np.int8), axis=2)
    # Row by row, the k-th start and the k-th end belong to one run.
    image, row, start = np.nonzero(edges == 1)
    end = np.nonzero(edges == -1)[2]
    boxes = np.stack([image, row, start, row + 1, end], axis=1)
    return boxes[end - start >= length]


def has_bar(images, length: int = 9) -> np.ndarray:
    """Whether each image has a horizontal bar: (n, c, h, w) -> bool (n,)."""
    return np.isin(np.arange(len(images)), bars(images, length)[:, 0])
