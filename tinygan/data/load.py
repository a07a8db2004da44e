"""One door to every data set, for programs that take its name from their user."""

from __future__ import annotations

from pathlib import Path

from .dataset import Dataset
from .folder import image_folder
from .mnist_family import fashion_mnist, mnist
from .synthetic import synthetic_digits

NAMED = ("mnist", "fashion", "synthetic")
"""The data sets that have a name."""

SYNTHETIC_SPLITS = {"train": (60_000, 0), "test": (10_000, 1)}
"""How many synthetic digits a split has, and the seed they are drawn with."""


def load_dataset(
    source: str | Path, split: str = "train", size: int = 28, channels: int = 1,
    skip_unreadable: bool = False,
) -> Dataset:  # fmt: skip
    """The data set that ``source`` names: "mnist", "fashion", "synthetic", or a folder's path.

    split: "train" or "test"; a folder has no test split. size, channels, skip_unreadable: how
    pictures of a folder are read, see `image_folder`; the named sets are 28 pixels wide and grey,
    and all of theirs are read.

    Raises ValueError when an argument names nothing there is, and what the source's own function
    raises.
    """
    if split not in SYNTHETIC_SPLITS:
        raise ValueError(f"split is {split!r}; expected 'train' or 'test'")
    if source in NAMED:
        if (size, channels) != (28, 1):
            raise ValueError(
                f"size is {size} and channels {channels}; expected 28 and 1 for {source!r}"
            )
        if source == "synthetic":
            return synthetic_digits(*SYNTHETIC_SPLITS[split])
        return mnist(split) if source == "mnist" else fashion_mnist(split)
    if not Path(source).is_dir():
        raise ValueError(
            f"source is {str(source)!r}; expected 'mnist', 'fashion', 'synthetic' or the path of "
            "an existing folder"
        )
    if split != "train":
        raise ValueError(f"split is {split!r}; a folder has only 'train'")
    return image_folder(source, size, channels, skip_unreadable)
