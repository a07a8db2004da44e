"""The data set that every source of images returns, and the two ways in which a source can fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LISTED = 20
"""How many names a message lists."""


class DataUnavailableError(OSError):
    """The files of a data set are neither on this machine nor to be had from its mirrors."""


class DataFormatError(ValueError):
    """A data file is there, but what it holds is not what it should hold."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images held in memory.

    images: uint8 (n, c, h, w). labels: int64 (n,), or None where there are none. name: for
    messages and file names. classes: the name of each label, where they have names. skipped: a
    sentence about each file that could not be read and was left out.

    Raises TypeError or ValueError, naming the field, when a dtype or shape is not as above.
    """

    images: np.ndarray
    labels: np.ndarray | None
    name: str
    classes: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8:
            raise TypeError(f"images have dtype {self.images.dtype}; expected uint8")
        if self.images.ndim != 4:
            raise ValueError(f"images have shape {self.images.shape}; expected (n, c, h, w)")
        if self.labels is None:
            return
        if self.labels.dtype != np.int64:
            raise TypeError(f"labels have dtype {self.labels.dtype}; expected int64")
        if self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                f"labels have shape {self.labels.shape}; expected one per image, "
                f"{self.images.shape[:1]}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def describe(self) -> str:
        """How many images there are, of which classes, and which files were left out."""
        text = f"{self.name}: {len(self)} images"
        if self.labels is not None:
            numbers, counts = np.unique(self.labels, return_counts=True)
            names = self.classes or range(int(numbers.max(initial=-1)) + 1)
            each = [f"{names[k]} ({count})" for k, count in zip(numbers, counts, strict=True)]
            text += f" in {len(each)} classes: {_listed(each, ', ')}"
        if self.skipped:
            text += f"\nunreadable and left out ({len(self.skipped)}):\n  "
            text += _listed(self.skipped, "\n  ")
        return text

    def require_labels(self) -> np.ndarray:
        """The labels, where there must be some.

        Raises ValueError when there are none.
        """
        if self.labels is None:
            raise ValueError(f"the data set {self.name} has no labels, and they are needed here")
        return self.labels

    def batch(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The images at ``indices`` (b,) as float32 (b, c, h, w), scaled from 0..255 to [-1, 1].

        Raises TypeError when ``indices`` is not a row of integers, IndexError when one is out of
        range.
        """
        chosen = np.asarray(indices)
        if chosen.ndim != 1 or not np.issubdtype(chosen.dtype, np.integer):
            raise TypeError(
                f"indices have dtype {chosen.dtype} and shape {chosen.shape}; "
                "expected integers of shape (b,)"
            )
        return self.images[chosen].astype(np.float32) / np.float32(127.5) - np.float32(1)


def _listed(names: Sequence[str], between: str) -> str:
    """The first few names, and how many more there are."""
    more = [f"and {len(names) - LISTED} more"] if len(names) > LISTED else []
    return between.join([*names[:LISTED], *more])
