"""Transforms of images, under the names of ``torchvision.transforms``.

They work on pictures of Pillow's, and where it says so on Tensors.
"""

from tinygan.vision.transforms import functional
from tinygan.vision.transforms.compose import (
    CenterCrop,
    Compose,
    Grayscale,
    Lambda,
    Normalize,
    Pad,
    PILToTensor,
    Resize,
    ToPILImage,
    ToTensor,
)
from tinygan.vision.transforms.geometry import InterpolationMode
from tinygan.vision.transforms.random import (
    ColorJitter,
    RandomApply,
    RandomCrop,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
)

__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "Grayscale", "InterpolationMode", "Lambda",
    "Normalize", "PILToTensor", "Pad", "RandomApply", "RandomCrop", "RandomGrayscale",
    "RandomHorizontalFlip", "RandomResizedCrop", "RandomRotation", "RandomVerticalFlip", "Resize",
    "ToPILImage", "ToTensor", "functional",
]  # fmt: skip

_NEW_NAMES = {"Scale": "Resize", "RandomSizedCrop": "RandomResizedCrop"}


def __getattr__(name: str):
    if name in _NEW_NAMES:
        raise AttributeError(f"transforms.{name} is an old name: write {_NEW_NAMES[name]}")
    raise AttributeError(
        f"transforms.{name} does not exist here; write transforms.Lambda(f) with your own "
        "function, or use one of " + ", ".join(__all__)
    )
