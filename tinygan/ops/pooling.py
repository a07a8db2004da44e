"""Pooling: one number for each window of an image."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tinygan.devices import array_module, beside, to_device
from tinygan.ops.conv import Conv2d
from tinygan.ops.reduction import mean
from tinygan.ops.shape import flatten, gather, reshape, squeeze, stack, unsqueeze
from tinygan.ops.windows import Padding, Pair, check_image, extent, four_sides, pair
from tinygan.tensor import Tensor

__all__ = ["adaptive_avg_pool2d", "avg_pool2d", "max_pool2d"]


def _output_size(
    name: str, size: Pair, window: Pair, stride: Pair, sides, padding: Padding, ceil_mode: bool
) -> Pair:
    """How many windows there are; with `ceil_mode` those that begin inside and end outside, too."""
    top, bottom, left, right = sides
    padded = size[0] + top + bottom, size[1] + left + right
    if max(top, bottom) >= window[0] or max(left, right) >= window[1]:
        raise ValueError(f"{name}: padding {padding!r} must be smaller than window {window}")
    found = []
    for i in range(2):
        rounding = stride[i] - 1 if ceil_mode else 0
        count = (padded[i] - window[i] + rounding) // stride[i] + 1
        if ceil_mode and (count - 1) * stride[i] >= size[i] + sides[2 * i]:
            count -= 1  # it would begin in the padding at the end
        found.append(count)
    if min(found) < 1:
        raise ValueError(f"{name}: the window {window} is larger than the input {padded}")
    return tuple(found)


@functools.cache  # without a bound: a captured step goes on using the array
def _positions(
    size: Pair, out_size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair,
    device: str,
):  # fmt: skip
    """Positions, flat in h * w, of all elements of all windows, (p q, r s). In place of those
    outside of the image stands the window's first row or column inside: the maximum is the same."""
    along = []
    for i in range(2):
        found = np.arange(out_size[i])[:, None] * stride[i] - padding[i]
        found = found + np.arange(kernel[i]) * dilation[i]
        inside = (found >= 0) & (found < size[i])
        if not inside.any(1).all():
            raise ValueError(
                f"max_pool2d: a window lies in the padding alone (input {size}, kernel {kernel}, "
                f"padding {padding}, dilation {dilation})"
            )
        first = np.take_along_axis(found, inside.argmax(1)[:, None], 1)
        along.append(np.where(inside, found, first))
    rows, columns = along
    positions = rows[:, None, :, None] * size[1] + columns[None, :, None, :]
    return to_device(positions.reshape(out_size[0] * out_size[1], -1), device)


def max_pool2d(
    input: Tensor, kernel_size: int | Pair, stride: int | Pair | None = None, padding: Padding = 0,
    dilation: int | Pair = 1, ceil_mode: bool = False, return_indices: bool = False,
):  # fmt: skip
    """The maximum of each window; the gradient goes to the first largest element.

    (As torch.nn.functional.max_pool2d.)

    Args:
        input: (n, c, h, w) or (c, h, w).
        kernel_size: an integer or a pair.
        stride: as kernel_size; by default the windows do not overlap.
        padding: as for conv2d; the padding never wins.
        dilation: the distance between the elements of a window.
        ceil_mode: whether there are windows that begin inside and end outside.
        return_indices: whether the places of the maxima, flat in h * w, are returned, too.

    Returns:
        (n, c, p, q), and with return_indices a pair of it and int64 of the same shape.

    Raises:
        ValueError: the window is larger than the padded input, or lies in the padding alone.
    """
    check_image("max_pool2d", "input", input)
    if input.ndim == 3:
        found = max_pool2d(
            unsqueeze(input, 0), kernel_size, stride, padding, dilation, ceil_mode, return_indices
        )
        return tuple(squeeze(x, 0) for x in found) if return_indices else squeeze(found, 0)
    kernel = pair("max_pool2d", "kernel_size", kernel_size, 1)
    stride = pair("max_pool2d", "stride", kernel if stride is None else stride, 1)
    dilation = pair("max_pool2d", "dilation", dilation, 1)
    (n, c), size = input.shape[:2], input.shape[2:]
    window = extent(kernel, dilation)
    sides = four_sides("max_pool2d", padding, size, window, stride)
    out = _output_size("max_pool2d", size, window, stride, sides, padding, ceil_mode)
    before = sides[0], sides[2]
    positions = _positions(size, out, kernel, stride, before, dilation, input.device)
    with beside(input.array):
        flat = input.array.reshape(n, c, size[0] * size[1])
        xp = array_module(flat)
        largest = flat[:, :, positions].argmax(-1)
        index = positions[xp.arange(len(positions)), largest]
    index = Tensor(index)
    output = reshape(gather(flatten(input, 2), 2, index), (n, c, *out))
    return (output, reshape(index, output.shape)) if return_indices else output


def avg_pool2d(
    input: Tensor, kernel_size: int | Pair, stride: int | Pair | None = None, padding: Padding = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window. (As torch.nn.functional.avg_pool2d.)

    Args:
        input: (n, c, h, w) or (c, h, w).
        kernel_size, stride, padding, ceil_mode: as for max_pool2d.
        count_include_pad: whether the padding's zeros count as elements of the mean.
        divisor_override: what sums are divided by, in place of the number of elements.

    Raises:
        ValueError: the window is larger than the padded input, or lies in the padding alone;
            divisor_override is 0.
    """
    check_image("avg_pool2d", "input", input)
    if divisor_override is not None and divisor_override == 0:
        raise ValueError("avg_pool2d: divisor_override must not be 0")
    if input.ndim == 3:
        batch = avg_pool2d(
            unsqueeze(input, 0), kernel_size, stride, padding, ceil_mode, count_include_pad,
            divisor_override,
        )  # fmt: skip
        return squeeze(batch, 0)
    kernel = pair("avg_pool2d", "kernel_size", kernel_size, 1)
    stride = pair("avg_pool2d", "stride", kernel if stride is None else stride, 1)
    channels, size = input.shape[1], input.shape[2:]
    sides = four_sides("avg_pool2d", padding, size, kernel, stride)
    out = _output_size("avg_pool2d", size, kernel, stride, sides, padding, ceil_mode)
    # The sums are a depthwise convolution with a kernel of ones.
    sums = Conv2d(stride, (sides[0], sides[2]), None, (1, 1), channels, out)
    with beside(input.array):
        xp = array_module(input.array)
        ones = Tensor(xp.ones((channels, 1, *kernel), input.dtype))
    if divisor_override is not None:
        return sums(input, ones) / float(divisor_override)
    borders = sides if count_include_pad else (0, 0, 0, 0)
    counts = [
        _counts(size[i], out[i], kernel[i], stride[i], sides[2 * i], borders[2 * i : 2 * i + 2])
        for i in range(2)
    ]
    count = np.multiply.outer(*counts).astype(input.dtype)
    return sums(input, ones) / Tensor(to_device(count, input.device))


def _counts(size: int, outputs: int, kernel: int, stride: int, before: int, borders):
    """How many elements of each window count, along one dimension."""
    start = np.arange(outputs) * stride - before
    return np.minimum(start + kernel, size + borders[1]) - np.maximum(start, -borders[0])


def adaptive_counts(name: str, size: tuple[int, ...], output_size: Any) -> Pair:
    """Rows and columns of what an adaptive pooling makes of an image of this size."""
    if isinstance(output_size, (tuple, list)) and len(output_size) == 2:
        both = zip(output_size, size, strict=True)
        output_size = tuple(s if count is None else count for count, s in both)
    return pair(name, "output_size", output_size, 1)


def adaptive_avg_pool2d(input: Tensor, output_size: int | Pair) -> Tensor:
    """The means of output_size windows, which cover the image: along a dimension of `size`,
    window i of `count` goes from floor(i size / count) to ceil((i + 1) size / count).

    (As torch.nn.functional.adaptive_avg_pool2d.)

    Args:
        input: (n, c, h, w) or (c, h, w).
        output_size: an integer or (p, q), where None stands for the size of the input.

    Raises:
        ValueError: the input is no image, or output_size no size.
    """
    name = "adaptive_avg_pool2d"
    check_image(name, "input", input)
    size = input.shape[-2:]
    counts = adaptive_counts(name, size, output_size)
    if all(s % count == 0 for s, count in zip(size, counts, strict=True)):
        return avg_pool2d(input, tuple(s // count for s, count in zip(size, counts, strict=True)))
    for dim in (-2, -1):
        input = _adaptive_mean(input, input.ndim + dim, counts[dim])
    return input


def _adaptive_mean(x: Tensor, dim: int, count: int) -> Tensor:
    size, all_before = x.shape[dim], (slice(None),) * dim
    windows = [slice(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
    return stack([mean(x[(*all_before, window)], dim) for window in windows], dim)
