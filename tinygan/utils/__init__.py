"""Data sets and their loader, as `tinygan.utils.data`, where PyTorch's programs look for them."""

from tinygan.utils import data

__all__ = ["data"]
