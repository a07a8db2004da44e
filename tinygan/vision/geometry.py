"""Transforms that move pixels: sizes, crops, borders, mirror images."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygan.creation import full
from tinygan.devices import generator
from tinygan.functions import flip
from tinygan.vision.pillow import height_and_width, is_picture, pillow


class InterpolationMode(enum.Enum):
    """How `Resize` computes a pixel from its neighbours. (As
    torchvision.transforms.InterpolationMode.)"""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


class Resize:
    """A PIL image in another size.

    Args:
        size: (height, width); or one integer, the shorter side, where the shape is kept.
        interpolation: an `InterpolationMode`, or Pillow's constant. Pillow always takes all
            pixels into account when it makes a picture smaller.
        max_size: the longer side is to be at most this, where `size` is one integer.
        antialias: for torchvision's tensors; of no effect on a PIL image.

    Raises:
        TypeError: not a PIL image: put `Resize` before `ToTensor`.
        ValueError: a size that is not positive, or `max_size` that is not above `size`.
    """

    def __init__(
        self, size: int | Sequence[int],
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        max_size: int | None = None, antialias: bool | None = True,
    ):  # fmt: skip
        self.size = (size,) if isinstance(size, int) else tuple(size)
        if len(self.size) not in (1, 2) or min(self.size) < 1:
            raise ValueError(f"Resize: size must be one or two positive integers, got {size}")
        if max_size is not None and (len(self.size) == 2 or max_size <= self.size[0]):
            raise ValueError(
                f"Resize: max_size must be above size, one integer; got {max_size} and {size}"
            )
        self.interpolation, self.max_size = interpolation, max_size

    def __call__(self, image: Any) -> Any:
        pil = pillow("Resize")
        if not is_picture(image):
            raise TypeError(
                f"Resize: expected a PIL image, got {type(image).__name__}; put Resize before "
                "ToTensor, or use tinygan.functional.interpolate for tensors"
            )
        how = self.interpolation
        if isinstance(how, InterpolationMode):
            how = pil.Resampling[how.name.removesuffix("_EXACT")]
        height, width = self._target(image.height, image.width)
        return image.resize((width, height), how)

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if len(self.size) == 2:
            return self.size
        short, long = self.size[0], int(self.size[0] * max(height, width) / min(height, width))
        if self.max_size is not None and long > self.max_size:
            short, long = int(self.max_size * short / long), self.max_size
        return (long, short) if height > width else (short, long)

    def __repr__(self) -> str:
        return f"Resize(size={self.size}, interpolation={self.interpolation})"


class Pad:
    """The image with a border.

    Args:
        padding: the widths in pixels: of all sides; of (left and right, top and bottom); or of
            (left, top, right, bottom).
        fill: the border's value where it is constant; for PIL images also one for each channel.
        padding_mode: "constant"; "edge" repeats the last pixel; "reflect" mirrors the image at its
            last pixel, "symmetric" behind it.
    """

    def __init__(
        self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"
    ):
        widths = (padding,) if isinstance(padding, int) else tuple(padding)
        if len(widths) not in (1, 2, 4) or min(widths) < 0:
            raise ValueError(
                f"Pad: padding must be one, two or four integers of 0 or more, got {padding}"
            )
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError(
                "Pad: padding_mode must be 'constant', 'edge', 'reflect' or 'symmetric', got "
                f"{padding_mode!r}"
            )
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode
        self._widths = widths * (4 // len(widths))

    def __call__(self, image: Any) -> Any:
        height, width = height_and_width("Pad", image)
        left, top, right, bottom = self._widths
        mode: Any = self.padding_mode
        if is_picture(image):
            if mode == "constant":
                size = (left + width + right, top + height + bottom)
                fill = self.fill
                if isinstance(fill, (int, float)) and len(image.getbands()) > 1:
                    fill = (int(fill),) * len(image.getbands())
                padded = pillow("Pad").new(image.mode, size, fill)
                if image.mode == "P":
                    padded.putpalette(image.palette)
                padded.paste(image, (left, top))
                return padded
            pixels = np.asarray(image)
            borders = [(top, bottom), (left, right), (0, 0)][: pixels.ndim]
            return _with_pixels(image, np.pad(pixels, borders, mode))
        if mode == "constant":
            shape = (*image.shape[:-2], top + height + bottom, left + width + right)
            padded = full(shape, self.fill, image.dtype, image.device)
            padded[..., top : top + height, left : left + width] = image  # type: ignore[index]
            return padded
        rows = np.pad(np.arange(height), (top, bottom), mode)
        columns = np.pad(np.arange(width), (left, right), mode)
        return image[..., rows, :][..., columns]


class CenterCrop:
    """The middle of the image, size x size or (height, width); where the image is smaller, with a
    border of zeros."""

    def __init__(self, size: int | Sequence[int]):
        self.size = _pair("CenterCrop", size)

    def __call__(self, image: Any) -> Any:
        (height, width), (new_height, new_width) = height_and_width("CenterCrop", image), self.size
        more, wider = max(new_height - height, 0), max(new_width - width, 0)
        if more or wider:
            image = Pad((wider // 2, more // 2, (wider + 1) // 2, (more + 1) // 2))(image)
            height, width = height + more, width + wider
        top, left = round((height - new_height) / 2), round((width - new_width) / 2)
        return _crop(image, top, left, new_height, new_width)

    def __repr__(self) -> str:
        return f"CenterCrop(size={self.size})"


class RandomCrop:
    """A part of the image at a random place, size x size or (height, width).

    Args:
        padding, fill, padding_mode: a border that is put around the image first, as `Pad` does.
        pad_if_needed: widen an image that is too small, on both sides.

    Raises:
        ValueError: the image is smaller than `size`.
    """

    def __init__(
        self, size: int | Sequence[int], padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False, fill: Any = 0, padding_mode: str = "constant",
    ):  # fmt: skip
        self.size = _pair("RandomCrop", size)
        self.padding, self.pad_if_needed = padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    def __call__(self, image: Any) -> Any:
        new_height, new_width = self.size
        if self.padding is not None:
            image = self._pad(image, self.padding)
        height, width = height_and_width("RandomCrop", image)
        if self.pad_if_needed:
            more = max(new_width - width, 0), max(new_height - height, 0)
            image = self._pad(image, more) if any(more) else image
            height, width = height_and_width("RandomCrop", image)
        if height < new_height or width < new_width:
            raise ValueError(
                f"RandomCrop: the image is {height} x {width}, smaller than {self.size}; "
                "pad_if_needed=True widens it"
            )
        top = int(generator.numpy.integers(height - new_height + 1))
        left = int(generator.numpy.integers(width - new_width + 1))
        return _crop(image, top, left, new_height, new_width)

    def _pad(self, image: Any, padding: int | Sequence[int]) -> Any:
        return Pad(padding, self.fill, self.padding_mode)(image)


class RandomHorizontalFlip:
    """The image, with probability p its mirror image."""

    def __init__(self, p: float = 0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"RandomHorizontalFlip: p must be from 0 to 1, got {p}")
        self.p = p

    def __call__(self, image: Any) -> Any:
        height_and_width("RandomHorizontalFlip", image)
        if generator.numpy.random() >= self.p:
            return image
        if is_picture(image):
            return image.transpose(pillow("RandomHorizontalFlip").Transpose.FLIP_LEFT_RIGHT)
        return flip(image, -1)


def _crop(image: Any, top: int, left: int, height: int, width: int) -> Any:
    if is_picture(image):
        return image.crop((left, top, left + width, top + height))
    return image[..., top : top + height, left : left + width]


def _with_pixels(picture: Any, pixels: np.ndarray) -> Any:
    """A picture of the same mode and palette."""
    changed = pillow("Pad").fromarray(pixels)
    if picture.mode == "P":
        changed.putpalette(picture.palette)
    elif changed.mode != picture.mode:
        changed = pillow("Pad").frombytes(picture.mode, changed.size, pixels.tobytes())
    return changed


def _pair(transform: str, size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width; of one integer a square."""
    pair = (size, size) if isinstance(size, int) else tuple(size)
    pair = pair * 2 if len(pair) == 1 else pair
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(f"{transform}: size must be one or two positive integers, got {size}")
    return pair
