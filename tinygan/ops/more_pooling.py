"""Pooling of sequences, adaptive maxima, and the way back from a maximum's place."""

from __future__ import annotations

import math

from tinygan.autograd import Function
from tinygan.devices import array_module, beside
from tinygan.ops.pooling import adaptive_avg_pool2d, adaptive_counts, avg_pool2d, max_pool2d
from tinygan.ops.shape import check_range, flatten, gather, reshape, squeeze, unsqueeze
from tinygan.ops.windows import Padding, Pair, check_image, pair, single
from tinygan.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "adaptive_max_pool2d", "avg_pool1d",
    "max_pool1d", "max_unpool2d",
]  # fmt: skip


def _row(name: str, argument: str, value, least: int, along_height: int) -> Pair:
    """An argument of a sequence as that of an image one pixel high."""
    return along_height, *single(name, argument, value, least)


def max_pool1d(
    input: Tensor, kernel_size: int, stride: int | None = None, padding: int = 0,
    dilation: int = 1, ceil_mode: bool = False, return_indices: bool = False,
):  # fmt: skip
    """`max_pool2d` of sequences (n, c, l) or (c, l). (As torch.nn.functional.max_pool1d.)

    Raises:
        ValueError: as max_pool2d.
    """
    name = "max_pool1d"
    check_image(name, "input", input, (2, 3))
    stride = kernel_size if stride is None else stride
    found = max_pool2d(
        unsqueeze(input, -2), _row(name, "kernel_size", kernel_size, 1, 1),
        _row(name, "stride", stride, 1, 1), _row(name, "padding", padding, 0, 0),
        _row(name, "dilation", dilation, 1, 1), ceil_mode, return_indices,
    )  # fmt: skip
    return tuple(squeeze(x, -2) for x in found) if return_indices else squeeze(found, -2)


def avg_pool1d(
    input: Tensor, kernel_size: int, stride: int | None = None, padding: int = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """`avg_pool2d` of sequences (n, c, l) or (c, l). (As torch.nn.functional.avg_pool1d.)

    Raises:
        ValueError: as avg_pool2d.
    """
    name = "avg_pool1d"
    check_image(name, "input", input, (2, 3))
    stride = kernel_size if stride is None else stride
    found = avg_pool2d(
        unsqueeze(input, -2), _row(name, "kernel_size", kernel_size, 1, 1),
        _row(name, "stride", stride, 1, 1), _row(name, "padding", padding, 0, 0), ceil_mode,
        count_include_pad,
    )  # fmt: skip
    return squeeze(found, -2)


def adaptive_avg_pool1d(input: Tensor, output_size: int) -> Tensor:
    """`adaptive_avg_pool2d` of sequences (n, c, l) or (c, l).

    Raises:
        ValueError: the input is no sequence, or output_size no size.
    """
    name = "adaptive_avg_pool1d"
    check_image(name, "input", input, (2, 3))
    size = _row(name, "output_size", output_size, 1, 1)
    return squeeze(adaptive_avg_pool2d(unsqueeze(input, -2), size), -2)


def adaptive_max_pool1d(input: Tensor, output_size: int, return_indices: bool = False):
    """`adaptive_max_pool2d` of sequences (n, c, l) or (c, l).

    Raises:
        ValueError: the input is no sequence, or output_size no size.
    """
    name = "adaptive_max_pool1d"
    check_image(name, "input", input, (2, 3))
    size = _row(name, "output_size", output_size, 1, 1)
    found = adaptive_max_pool2d(unsqueeze(input, -2), size, return_indices)
    return tuple(squeeze(x, -2) for x in found) if return_indices else squeeze(found, -2)


def adaptive_max_pool2d(
    input: Tensor, output_size: int | Pair, return_indices: bool = False
):
    """The maxima of the windows of `adaptive_avg_pool2d`; the gradient goes to the first largest
    element. (As torch.nn.functional.adaptive_max_pool2d.)

    Args:
        input: (n, c, h, w) or (c, h, w).
        output_size: an integer or (p, q), where None stands for the size of the input.
        return_indices: whether the places of the maxima, flat in h * w, are returned, too.

    Raises:
        ValueError: the input is no image, or output_size no size.
    """
    name = "adaptive_max_pool2d"
    check_image(name, "input", input)
    size = input.shape[-2:]
    rows, columns = (
        [(i * s // count, -(-(i + 1) * s // count)) for i in range(count)]
        for s, count in zip(size, adaptive_counts(name, size, output_size), strict=True)
    )
    with beside(input.array):
        xp = array_module(input.array)
        found = []
        for top, bottom in rows:
            for left, right in columns:
                window = input.array[..., top:bottom, left:right]
                place = window.reshape(*window.shape[:-2], -1).argmax(-1)
                width = right - left
                found.append((top + place // width) * size[1] + left + place % width)
        index = Tensor(xp.stack(found, -1))
    shape = (*input.shape[:-2], len(rows), len(columns))
    output = reshape(gather(flatten(input, -2), input.ndim - 2, index), shape)
    return (output, reshape(index, shape)) if return_indices else output


class Unpool(Function):
    """Zeros with x at the flat places `index` of the last dimension;  g at those places"""

    def __init__(self, index, size: int):
        self.index, self.size = index, size

    def forward(self, x):
        xp = array_module(x)
        result = xp.zeros((*x.shape[:-1], self.size), x.dtype)
        rows = result.reshape(-1, self.size)
        number = xp.arange(len(rows))[:, None]
        rows[number, self.index.reshape(len(rows), -1)] = x.reshape(len(rows), -1)
        return result

    def backward(self, grad_output):
        return (gather(grad_output, grad_output.ndim - 1, Tensor(self.index)),)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: int | Pair, stride: int | Pair | None = None,
    padding: Padding = 0, output_size: tuple[int, ...] | None = None,
) -> Tensor:  # fmt: skip
    """Zeros with the maxima of `max_pool2d` where they came from. (As
    torch.nn.functional.max_unpool2d.)

    Args:
        input: (n, c, p, q) or (c, p, q), the maxima.
        indices: int64 of the same shape: what ``max_pool2d(..., return_indices=True)`` returned.
        kernel_size, stride, padding: those of the pooling.
        output_size: (h, w), or a whole shape that ends so: that of the pooling's input, where
            several sizes have windows of this number.

    Raises:
        ValueError: shapes do not fit, or an index lies outside of the image.
    """
    name = "max_unpool2d"
    check_image(name, "input", input)
    if indices.shape != input.shape:
        raise ValueError(
            f"{name}: indices of shape {indices.shape} must have input's shape, {input.shape}"
        )
    kernel = pair(name, "kernel_size", kernel_size, 1)
    steps = pair(name, "stride", kernel if stride is None else stride, 1)
    around = pair(name, "padding", padding, 0)
    smallest = tuple(
        (input.shape[i - 2] - 1) * steps[i] + kernel[i] - 2 * around[i] for i in range(2)
    )
    size = smallest if output_size is None else tuple(output_size)[-2:]
    if len(size) != 2 or any(abs(size[i] - smallest[i]) >= steps[i] for i in range(2)):
        raise ValueError(
            f"{name}: output_size {output_size} is further from {smallest} than stride {steps}"
        )
    pixels = math.prod(size)
    check_range(f"{name}: an index", indices, pixels)
    flat = flatten(input, -2)
    output = Unpool(indices.array.reshape(flat.shape), pixels)(flat)
    return reshape(output, (*input.shape[:-2], *size))
