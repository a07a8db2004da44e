"""Transforms by chance. Each image draws from tinygan's own stream, which `manual_seed` starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tinygan.devices import generator
from tinygan.vision.transforms import functional as F
from tinygan.vision.transforms.compose import Transform
from tinygan.vision.transforms.geometry import Fill, InterpolationMode, pair

Range = float | Sequence[float]


def _chance(p: float) -> bool:
    return generator.numpy.random() < p


def _check_probability(name: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p is {p}; expected 0 to 1")


class RandomHorizontalFlip(Transform):
    """Left and right exchanged, with probability p."""

    def __init__(self, p: float = 0.5):
        _check_probability("RandomHorizontalFlip", p)
        self.p = p

    def __call__(self, img: Any) -> Any:
        return F.hflip(img) if _chance(self.p) else img


class RandomVerticalFlip(Transform):
    """Top and bottom exchanged, with probability p."""

    def __init__(self, p: float = 0.5):
        _check_probability("RandomVerticalFlip", p)
        self.p = p

    def __call__(self, img: Any) -> Any:
        return F.vflip(img) if _chance(self.p) else img


class RandomGrayscale(Transform):
    """Grey with the same number of channels, with probability p."""

    def __init__(self, p: float = 0.1):
        _check_probability("RandomGrayscale", p)
        self.p = p

    def __call__(self, img: Any) -> Any:
        if not _chance(self.p):
            return img
        return F.rgb_to_grayscale(img, F.get_image_num_channels(img))


class RandomApply(Transform):
    """All of the given transforms, one after another, with probability p."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: float = 0.5):
        _check_probability("RandomApply", p)
        self.transforms, self.p = transforms, p

    def __call__(self, img: Any) -> Any:
        if _chance(self.p):
            for transform in self.transforms:
                img = transform(img)
        return img


class RandomCrop(Transform):
    """A rectangle of (height, width), or a square, at a random place.

    Args:
        padding: added at the edges first, as of `functional.pad`.
        pad_if_needed: also pad an image that is too small, at both its edges.
        fill, padding_mode: as of `functional.pad`.

    Raises:
        ValueError: when called, if the image is smaller than the rectangle.
    """

    def __init__(
        self, size: int | Sequence[int], padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False, fill: Fill = 0, padding_mode: str = "constant",
    ):  # fmt: skip
        self.size = pair("RandomCrop", size)
        self.padding, self.pad_if_needed = padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a random rectangle."""
        _, h, w = F.get_dimensions(img)
        height, width = output_size
        if h < height or w < width:
            raise ValueError(f"RandomCrop: the image has {h} x {w} pixels; size is {output_size}")
        if (h, w) == (height, width):
            return 0, 0, height, width
        top = int(generator.numpy.integers(h - height + 1))
        left = int(generator.numpy.integers(w - width + 1))
        return top, left, height, width

    def __call__(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            _, h, w = F.get_dimensions(img)
            missing = [max(self.size[1] - w, 0), max(self.size[0] - h, 0)]
            if any(missing):
                img = F.pad(img, missing, self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))


class RandomResizedCrop(Transform):
    """A random part of a picture, resized.

    Args:
        size: (height, width) of the result, or the edge of a square.
        scale: least and largest share of the picture's area.
        ratio: least and largest width / height of the part; its logarithm is uniform. Where ten
            draws fit nowhere, the largest part in the middle with a ratio in this range is taken.
    """

    def __init__(
        self, size: int | Sequence[int], scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):  # fmt: skip
        self.size = pair("RandomResizedCrop", size)
        for name, (low, high) in (("scale", scale), ("ratio", ratio)):
            if not 0 < low <= high:
                raise ValueError(f"RandomResizedCrop: {name} is {(low, high)}; expected 0 < a <= b")
        self.scale, self.ratio = scale, ratio
        self.interpolation, self.antialias = interpolation, antialias

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a random part."""
        _, h, w = F.get_dimensions(img)
        random = generator.numpy
        for _ in range(10):
            area = h * w * random.uniform(scale[0], scale[1])
            proportion = math.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
            width, height = round(math.sqrt(area * proportion)), round(math.sqrt(area / proportion))
            if 0 < width <= w and 0 < height <= h:
                top = int(random.integers(h - height + 1))
                return top, int(random.integers(w - width + 1)), height, width
        height = min(h, round(w / ratio[0]))
        width = min(w, round(h * ratio[1]))
        return (h - height) // 2, (w - width) // 2, height, width

    def __call__(self, img: Any) -> Any:
        part = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *part, self.size, self.interpolation, self.antialias)


class RandomRotation(Transform):
    """A picture turned by an angle uniform in -degrees ... degrees, or in the given range.

    The other arguments are those of `functional.rotate`.
    """

    def __init__(
        self, degrees: Range,
        interpolation: InterpolationMode | int = InterpolationMode.NEAREST, expand: bool = False,
        center: Sequence[float] | None = None, fill: Fill = 0,
    ):  # fmt: skip
        if isinstance(degrees, (int, float)):
            if degrees < 0:
                raise ValueError(f"RandomRotation: degrees is {degrees}; expected 0 or more")
            degrees = (-degrees, degrees)
        if len(degrees) != 2:
            raise ValueError(f"RandomRotation: degrees is {degrees}; expected one or two numbers")
        self.degrees, self.interpolation = [float(d) for d in degrees], interpolation
        self.expand, self.center, self.fill = expand, center, fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return float(generator.numpy.uniform(degrees[0], degrees[1]))

    def __call__(self, img: Any) -> Any:
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue of a picture changed by chance, in a random order.

    Args:
        brightness, contrast, saturation: x for a factor uniform in max(0, 1 - x) ... 1 + x, or the
            least and largest factor.
        hue: x for a factor uniform in -x ... x, or the least and largest, from -0.5 to 0.5.
    """

    def __init__(
        self, brightness: Range = 0, contrast: Range = 0, saturation: Range = 0, hue: Range = 0
    ):
        self.brightness = _around("brightness", brightness, 1, (0, math.inf))
        self.contrast = _around("contrast", contrast, 1, (0, math.inf))
        self.saturation = _around("saturation", saturation, 1, (0, math.inf))
        self.hue = _around("hue", hue, 0, (-0.5, 0.5))

    def __call__(self, img: Any) -> Any:
        adjustments = [
            (F.adjust_brightness, self.brightness), (F.adjust_contrast, self.contrast),
            (F.adjust_saturation, self.saturation), (F.adjust_hue, self.hue),
        ]  # fmt: skip
        for place in generator.numpy.permutation(4):
            adjust, limits = adjustments[place]
            if limits is not None:
                img = adjust(img, float(generator.numpy.uniform(*limits)))
        return img


def _around(
    name: str, value: Range, center: float, bounds: tuple[float, float]
) -> tuple[float, float] | None:
    """The least and largest factor; None where nothing changes."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"ColorJitter: {name} is {value}; expected 0 or more")
        low, high = center - value, center + value
        low = max(low, 0) if center else low
    else:
        low, high = value
    if not bounds[0] <= low <= high <= bounds[1]:
        raise ValueError(
            f"ColorJitter: {name} goes from {low} to {high}; expected within {bounds[0]} to "
            f"{bounds[1]}"
        )
    return None if low == high == center else (low, high)
