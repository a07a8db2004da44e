"""Transforms without chance, and the chain of transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygan.tensor import Tensor
from tinygan.vision.transforms import functional as F
from tinygan.vision.transforms.conversion import unit
from tinygan.vision.transforms.geometry import Fill, InterpolationMode, check_size


class Transform:
    """A function of one image whose arguments are its attributes, which its `repr` shows."""

    def __call__(self, img: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, img)")

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}({arguments})"


class Compose:
    """One transform after another.

    Attributes:
        transforms: the list of them.
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        lines = "".join(f"    {transform}\n" for transform in self.transforms)
        return f"{type(self).__name__}(\n{lines})"


class Lambda(Transform):
    """A function of the user's."""

    def __init__(self, lambd: Callable[[Any], Any]):
        if not callable(lambd):
            raise TypeError(f"Lambda: expected a function, got {type(lambd).__name__}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)


class ToTensor(Transform):
    """`functional.to_tensor`: a picture or uint8 array (h, w, c) -> float32 (c, h, w) in [0, 1]."""

    def __call__(self, pic: Any) -> Tensor:
        return F.to_tensor(pic)


class PILToTensor(Transform):
    """`functional.pil_to_tensor`: a picture -> its own values, mostly uint8, (c, h, w)."""

    def __call__(self, pic: Any) -> Tensor:
        return F.pil_to_tensor(pic)


class ToPILImage(Transform):
    """`functional.to_pil_image`: a Tensor (c, h, w) or array (h, w, c) -> a picture."""

    def __init__(self, mode: str | None = None):
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return F.to_pil_image(pic, self.mode)


class Normalize(Transform):
    """`functional.normalize`: (x - mean) / std of a Tensor, channel by channel."""

    def __init__(
        self, mean: float | Sequence[float], std: float | Sequence[float], inplace: bool = False
    ):
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, tensor: Tensor) -> Tensor:
        return F.normalize(tensor, self.mean, self.std, self.inplace)


class Resize(Transform):
    """`functional.resize` of a picture: to (height, width), or its shorter edge to a length."""

    def __init__(
        self, size: int | Sequence[int],
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        max_size: int | None = None, antialias: bool | None = True,
    ):  # fmt: skip
        check_size("Resize", size)
        self.size, self.interpolation = size, interpolation
        self.max_size, self.antialias = max_size, antialias

    def __call__(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """`functional.center_crop`: the middle, of (height, width) or a square."""

    def __init__(self, size: int | Sequence[int]):
        check_size("CenterCrop", size)
        self.size = size

    def __call__(self, img: Any) -> Any:
        return F.center_crop(img, self.size)


class Pad(Transform):
    """`functional.pad`: pixels added at the edges."""

    def __init__(
        self, padding: int | Sequence[int], fill: Fill = 0, padding_mode: str = "constant"
    ):
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def __call__(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class Grayscale(Transform):
    """`functional.rgb_to_grayscale`: grey, with 1 channel or with 3 equal ones."""

    def __init__(self, num_output_channels: int = 1):
        self.num_output_channels = num_output_channels

    def __call__(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)


def split_for_batches(transform: Any) -> tuple[Compose, Compose] | None:
    """`transform` as a part for single images and a part, `ToTensor` and what follows, that
    `apply_to_batch` can do for many at once. None where that is not possible: where there is no
    ToTensor, or more than Normalize after it."""
    steps = _flattened(transform)
    places = [place for place, step in enumerate(steps) if type(step) is ToTensor]
    if len(places) != 1 or any(type(step) is not Normalize for step in steps[places[0] + 1 :]):
        return None
    return Compose(steps[: places[0]]), Compose(steps[places[0] :])


def _flattened(transform: Any) -> list[Any]:
    if type(transform) is not Compose:
        return [transform]
    return [step for inner in transform.transforms for step in _flattened(inner)]


def apply_to_batch(trailing: Compose, images: np.ndarray) -> Tensor:
    """ToTensor and Normalize of all images: uint8 (b, h, w) or (b, h, w, c) -> float32
    (b, c, h, w)."""
    images = images[..., None] if images.ndim == 3 else images
    batch = Tensor(unit(images.transpose(0, 3, 1, 2)))
    for step in trailing.transforms[1:]:
        assert isinstance(step, Normalize)
        batch = F.normalize(batch, step.mean, step.std, inplace=True)
    return batch
