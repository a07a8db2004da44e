"""Data sets of images, their transforms, grids of pictures: the names of ``torchvision``."""

from tinygan.vision import datasets, transforms, utils

__all__ = ["datasets", "transforms", "utils"]


def __getattr__(name: str):
    raise AttributeError(
        f"tinygan.vision has no {name!r}: there are datasets, transforms and utils alone"
    )
