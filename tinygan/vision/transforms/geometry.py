"""Sizes, crops, flips, edges, rotations."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np

from tinygan.creation import full
from tinygan.functions import flip
from tinygan.vision.pillow import is_picture, pillow
from tinygan.vision.transforms.conversion import get_dimensions, picture_of

Fill = float | Sequence[float] | None

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


class InterpolationMode(Enum):
    """How a pixel between pixels is computed: the filters of Pillow."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers of the filters, which older programs pass: Image.BICUBIC is 3.
_NUMBERS = {"nearest": 0, "nearest-exact": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4,
            "hamming": 5}  # fmt: skip


def _filter(name: str, interpolation: InterpolationMode | int) -> int:
    if isinstance(interpolation, InterpolationMode):
        return _NUMBERS[interpolation.value]
    if isinstance(interpolation, int) and interpolation in _NUMBERS.values():
        return int(interpolation)
    raise TypeError(
        f"{name}: interpolation must be an InterpolationMode or one of Pillow's filters, got "
        f"{interpolation!r}"
    )


def resize(
    img: Any, size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    max_size: int | None = None, antialias: bool | None = True,
) -> Any:  # fmt: skip
    """A picture in another size, by Pillow.

    Args:
        size: (height, width); or the length of the shorter edge, the other keeps the proportion.
        max_size: of the longer edge, where `size` is one number: the picture is made smaller still.
        antialias: not used: Pillow always averages over what becomes one pixel.

    Raises:
        TypeError: no picture, or an unknown interpolation.
        ValueError: sizes that are not positive, or `max_size` that is not above `size`.
    """
    number = _filter("resize", interpolation)
    picture = picture_of("resize", img, "write Resize(...) before ToTensor()")
    if antialias is False:
        warnings.warn("resize: antialias=False is not used: Pillow always averages", stacklevel=2)
    width, height = _resized("resize", picture.width, picture.height, size, max_size)
    if (width, height) == picture.size:
        return picture
    return picture.resize((width, height), number)


def _resized(
    name: str, width: int, height: int, size: int | Sequence[int], max_size: int | None
) -> tuple[int, int]:
    """The new width and height."""
    check_size(name, size)
    if not isinstance(size, int) and len(size) == 2:
        if max_size is not None:
            raise ValueError(f"{name}: max_size needs a size of one number, got {size}")
        return int(size[1]), int(size[0])
    short = int(size if isinstance(size, int) else size[0])
    long = int(short * max(width, height) / min(width, height))
    if max_size is not None:
        if max_size <= short:
            raise ValueError(f"{name}: max_size is {max_size}; expected more than size, {short}")
        if long > max_size:
            short, long = int(max_size * short / long), max_size
    return (short, long) if width <= height else (long, short)


def check_size(name: str, size: Any) -> None:
    """Raises a TypeError or ValueError unless `size` is one or two positive integers."""
    numbers = list(size) if isinstance(size, (tuple, list)) else [size]
    if not all(isinstance(n, (int, np.integer)) for n in numbers):
        raise TypeError(f"{name}: size must be an integer or (height, width), got {size!r}")
    if len(numbers) not in (1, 2) or min(numbers) < 1:
        raise ValueError(f"{name}: size must be one or two positive integers, got {size!r}")


def pair(name: str, size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) of one number or two."""
    check_size(name, size)
    numbers = [size] if isinstance(size, int) else list(size)
    return int(numbers[0]), int(numbers[-1])


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The rectangle of a picture or Tensor (..., h, w) whose corner lies at (top, left); what lies
    outside the image is 0."""
    if is_picture(img):
        return img.crop((left, top, left + width, top + height))
    _, h, w = get_dimensions(img)
    part = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    missing = [
        min(max(-left, 0), width), min(max(-top, 0), height),
        min(max(left + width - w, 0), width), min(max(top + height - h, 0), height),
    ]  # fmt: skip
    return pad(part, missing) if any(missing) else part


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of a picture or Tensor; what lies outside one that is too small is 0."""
    height, width = pair("center_crop", output_size)
    _, h, w = get_dimensions(img)
    return crop(img, _before_middle(h, height), _before_middle(w, width), height, width)


def _before_middle(size: int, wanted: int) -> int:
    """Where the middle begins. As in torchvision, half a pixel is rounded to an even number of them
    where some are cut off, and down where some are added."""
    return round((size - wanted) / 2) if size > wanted else -((wanted - size) // 2)


def resized_crop(
    img: Any, top: int, left: int, height: int, width: int, size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:  # fmt: skip
    """`crop`, then `resize`."""
    part = crop(img, top, left, height, width)
    return resize(part, size, interpolation, antialias=antialias)


def hflip(img: Any) -> Any:
    """A picture or Tensor (..., h, w), left and right exchanged."""
    if is_picture(img):
        return img.transpose(pillow("hflip").Transpose.FLIP_LEFT_RIGHT)
    get_dimensions(img)
    return flip(img, -1)


def vflip(img: Any) -> Any:
    """A picture or Tensor (..., h, w), top and bottom exchanged."""
    if is_picture(img):
        return img.transpose(pillow("vflip").Transpose.FLIP_TOP_BOTTOM)
    get_dimensions(img)
    return flip(img, -2)


def pad(
    img: Any, padding: int | Sequence[int], fill: Fill = 0, padding_mode: str = "constant"
) -> Any:
    """A picture or Tensor (..., h, w) with pixels added at its edges.

    Args:
        padding: at all edges; or (left and right, top and bottom); or (left, top, right, bottom).
        fill: the value of new pixels, for a picture also one for each channel.
        padding_mode: "constant"; "edge", the pixel at the edge again and again; "reflect", a mirror
            on the last pixel; "symmetric", a mirror behind it.

    Raises:
        TypeError: padding that is no integer, or for a Tensor a `fill` that is no number.
        ValueError: negative padding, not 1, 2 or 4 numbers, or an unknown mode.
    """
    left, top, right, bottom = _edges(padding)
    if padding_mode not in PADDING_MODES:
        raise ValueError(
            f"pad: padding_mode is {padding_mode!r}; expected one of {', '.join(PADDING_MODES)}"
        )
    if is_picture(img):
        return _padded_picture(img, (top, bottom), (left, right), fill, padding_mode)
    _, height, width = get_dimensions(img)
    if padding_mode != "constant":
        rows = np.pad(np.arange(height), (top, bottom), padding_mode)  # type: ignore[call-overload]
        columns = np.pad(np.arange(width), (left, right), padding_mode)  # type: ignore[call-overload]
        return img[..., rows, :][..., columns]
    value = 0 if fill is None else fill
    if not isinstance(value, (int, float)):
        raise TypeError(f"pad: fill must be a number for a Tensor, got {fill!r}")
    shape = (*img.shape[:-2], top + height + bottom, left + width + right)
    padded = full(shape, value, img.dtype, img.device)
    padded[..., top : top + height, left : left + width] = img  # type: ignore[index]
    return padded


def _edges(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom)."""
    numbers: list[Any] = list(padding) if isinstance(padding, (tuple, list)) else [padding]
    if not all(isinstance(n, (int, np.integer)) for n in numbers):
        raise TypeError(f"pad: padding must be integers, got {padding!r}")
    if len(numbers) not in (1, 2, 4) or min(numbers) < 0:
        raise ValueError(f"pad: padding must be 1, 2 or 4 numbers of at least 0, got {padding!r}")
    left, top, right, bottom = (int(n) for n in (numbers * 4)[:4])
    return left, top, right, bottom


def _padded_picture(
    picture: Any, rows: tuple[int, int], columns: tuple[int, int], fill: Fill, mode: Any
) -> Any:
    """A picture of the same mode and palette with rows added above and below, columns beside."""
    array = np.asarray(picture)
    widths = [rows, columns, (0, 0)][: array.ndim]
    if mode == "constant":
        shape = [size + sum(width) for size, width in zip(array.shape, widths, strict=True)]
        wide = np.empty(shape, array.dtype)
        wide[...] = 0 if fill is None else np.asarray(fill)
        inside = tuple(slice(a, a + n) for (a, _), n in zip(widths, array.shape, strict=True))
        wide[inside] = array
    else:
        wide = np.pad(array, widths, mode)
    result = pillow("pad").fromarray(wide)
    if picture.mode == "P":
        result.putpalette(picture.getpalette())
    elif result.mode != picture.mode:  # one that Pillow does not guess from an array, such as HSV
        result = pillow("pad").frombytes(picture.mode, wide.shape[1::-1], wide.tobytes())
    return result


def rotate(
    img: Any, angle: float,
    interpolation: InterpolationMode | int = InterpolationMode.NEAREST, expand: bool = False,
    center: Sequence[float] | None = None, fill: Fill = None,
) -> Any:  # fmt: skip
    """A picture turned counter-clockwise by `angle` degrees, by Pillow.

    Args:
        expand: make the picture as large as the turned one is.
        center: (x, y) of the point it turns around, from the upper left corner; by default the
            middle.
        fill: the value of pixels outside, or one for each channel; by default 0.
    """
    number = _filter("rotate", interpolation)
    picture = picture_of("rotate", img, "write RandomRotation(...) before ToTensor()")
    bands = len(picture.getbands())
    values = list(fill) if isinstance(fill, (tuple, list)) else [fill or 0]
    if len(values) not in (1, bands):
        raise ValueError(f"rotate: fill has {len(values)} numbers; the picture has {bands} bands")
    color: Any = values * bands if len(values) < bands else values
    if picture.mode not in ("F", "I"):
        color = [int(value) for value in color]
    color = color[0] if bands == 1 else tuple(color)
    around = tuple(center) if center is not None else None
    return picture.rotate(angle, number, expand, around, fillcolor=color)
