"""Data sets of images, their transforms, grids of pictures: the names of ``torchvision``."""

from tinygan.vision import datasets, io, transforms, utils

__all__ = ["datasets", "io", "transforms", "utils"]


def __getattr__(name: str):
    raise AttributeError(
        f"tinygan.vision has no {name!r}: there are datasets, io, transforms and utils alone"
    )
