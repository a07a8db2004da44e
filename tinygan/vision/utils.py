"""Many images as one, and images as files: the names of torchvision.utils."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from tinygan.devices import Array, array_module, beside
from tinygan.tensor import Tensor
from tinygan.vision.pillow import pillow

__all__ = ["make_grid", "save_image"]


def make_grid(
    tensor: Tensor | Sequence[Tensor], nrow: int = 8, padding: int = 2, normalize: bool = False,
    value_range: tuple[float, float] | None = None, scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:  # fmt: skip
    """One image of many: (n, c, h, w) -> (c, rows (h + padding) + padding, and so for columns).

    The images follow one another row by row. Grey ones, of one channel, get three equal ones. One
    image alone gets no border. The result has no graph. (As torchvision.utils.make_grid.)

    Args:
        tensor: (n, c, h, w); one image (c, h, w) or (h, w); or a list of images of one shape.
        nrow: images in a row.
        padding: pixels between images and around them.
        normalize: scale values to [0, 1]: (clip(x, low, high) - low) / max(high - low, 1e-5).
        value_range: (low, high); by default the smallest and the largest value.
        scale_each: find low and high of each image, not of all together.
        pad_value: what the pixels between images are.

    Raises:
        TypeError: not tensors; integers with `normalize`; a `value_range` that is no tuple.
        ValueError: another shape, no image, or `nrow` or `padding` too small.
    """
    if nrow < 1 or padding < 0:
        raise ValueError(
            f"make_grid: nrow must be 1 or more and padding 0 or more, got {nrow} and {padding}"
        )
    array = _images(tensor)
    with beside(array):
        if normalize:
            array = _normalized(array, value_range, scale_each)
        return Tensor(_grid(array, nrow, padding, pad_value))


def save_image(
    tensor: Tensor | Sequence[Tensor], fp: str | os.PathLike | BinaryIO, format: str | None = None,
    **kwargs: Any,
) -> None:  # fmt: skip
    """Writes `make_grid` of the images to a file, where 0 is black and 1 is white.

    A pixel is 255 x, rounded to the nearest integer, halves up, and clipped to 0 ... 255; NaN is 0.
    (As torchvision.utils.save_image.)

    Args:
        fp: the path, or a file that is open for binary writing.
        format: Pillow's name of the file format; by default what the path's ending says.
        kwargs: of `make_grid`.

    Raises:
        TypeError: images of integers; and as `make_grid`.
        ImportError: Pillow is missing.
    """
    pil = pillow("save_image")
    grid = make_grid(tensor, **kwargs).cpu().numpy()
    if grid.dtype.kind != "f":
        raise TypeError(
            f"save_image: expected floating images, from 0 to 1, got {grid.dtype}; for bytes write "
            "x.float() / 255"
        )
    shades = np.clip(grid * grid.dtype.type(255) + grid.dtype.type(0.5), 0, 255)
    pixels = np.nan_to_num(shades).astype(np.uint8).transpose(1, 2, 0)
    pil.fromarray(np.ascontiguousarray(pixels)).save(fp, format=format)


def _images(tensor: Tensor | Sequence[Tensor]) -> Array:
    """The images as an array (n, c, h, w), where c is never 1."""
    images = [tensor] if isinstance(tensor, Tensor) else list(tensor)
    for image in images:
        if not isinstance(image, Tensor):
            raise TypeError(
                f"make_grid: expected a Tensor or a list of them, got {type(image).__name__}"
            )
    shapes = {image.shape for image in images}
    if len(shapes) != 1:
        raise ValueError(f"make_grid: expected images of one shape, got {sorted(shapes)}")
    array = images[0].array
    xp = array_module(array)
    with beside(array):
        if not isinstance(tensor, Tensor):
            array = xp.stack([image.array for image in images])
        if array.ndim == 2:
            array = array[None]
        if array.ndim == 3:
            array = array[None]
        if array.ndim != 4 or len(array) == 0:
            raise ValueError(
                f"make_grid: expected (n, c, h, w) with n >= 1, (c, h, w) or (h, w), got "
                f"{array.shape}"
            )
        return xp.concatenate([array] * 3, 1) if array.shape[1] == 1 else array


def _normalized(array: Array, value_range: Any, scale_each: bool) -> Array:
    if array.dtype.kind != "f":
        raise TypeError(f"make_grid: normalize needs floating images, got {array.dtype}")
    if value_range is not None and not isinstance(value_range, tuple):
        raise TypeError(f"make_grid: value_range must be a tuple (low, high), got {value_range!r}")
    xp = array_module(array)

    def scaled(x: Array) -> Array:
        low, high = value_range or (float(x.min()), float(x.max()))
        return (xp.clip(x, low, high) - low) / max(high - low, 1e-5)

    return xp.stack([scaled(image) for image in array]) if scale_each else scaled(array)


def _grid(array: Array, nrow: int, padding: int, pad_value: float) -> Array:
    count, channels, height, width = array.shape
    if count == 1:
        return array[0].copy()
    columns = min(nrow, count)
    rows = -(-count // columns)
    down, right = height + padding, width + padding
    shape = (channels, rows * down + padding, columns * right + padding)
    grid = array_module(array).full(shape, pad_value, array.dtype)
    for index, image in enumerate(array):
        top, left = index // columns * down + padding, index % columns * right + padding
        grid[:, top : top + height, left : left + width] = image
    return grid
