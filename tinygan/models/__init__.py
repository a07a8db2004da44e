"""The models. Each file reads like the paper it follows."""

from tinygan.models.dcgan import DCGAN

__all__ = ["DCGAN"]
