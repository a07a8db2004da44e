"""Stacked digits: three random digits as the colours of one image, which makes 1,000 modes.

Made for measuring mode collapse (Metz 2017, arXiv:1611.02163, section 3.3.1): a generator of plain
digits hardly loses one of ten classes; of these 1,000, a failing one finds less than a hundred.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from .dataset import Dataset

DIGITS = 3
MODES = 10**DIGITS


class _Stacks:
    """As much of an array uint8 (n, 3, h, w) as `Dataset` uses, its images put together when they
    are asked for: 128,000 of 28x28 would take 300 MB."""

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, images: np.ndarray, table: np.ndarray):
        self._images, self._table = images, table
        self.shape = (*table.shape, *images.shape[2:])

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, index) -> np.ndarray:
        return self._images[self._table[index], 0]


def stacked_digits(digits: Dataset, count: int = 128_000, seed: int = 0) -> Dataset:
    """`count` images (3, h, w), each channel a random one of `digits`, by a table drawn once.

    An image of the digits a, b, c in its channels 0, 1, 2 has the label 100 a + 10 b + c. The same
    seed gives the same images. VEEGAN (Srivastava 2017, arXiv:1705.07761) and after it PacGAN (Lin
    2018, arXiv:1712.04086, section 4.2) train on 128,000; PacGAN's code draws the digits from
    all 70,000 of MNIST, where ``stacked_digits(mnist("train"))`` leaves the test set out.

    Raises:
        ValueError: the digits are not grey or have no labels from 0 to 9; count is below 1 or
            seed below 0.
    """
    labels = digits.labels
    if labels is None or len(labels) == 0 or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"stacked_digits: {digits.name} has no labels from 0 to 9")
    if digits.images.shape[1] != 1:
        raise ValueError(
            f"stacked_digits: {digits.name} has {digits.images.shape[1]} channels; expected 1"
        )
    if count < 1:
        raise ValueError(f"count is {count}; expected at least 1 image")
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected 0 or more")
    table = np.random.default_rng(seed).integers(len(digits), size=(count, DIGITS))
    modes = labels[table] @ np.array([100, 10, 1])
    images = cast(np.ndarray, _Stacks(digits.images, table))
    return Dataset(images, modes, f"stacked {digits.name}")
