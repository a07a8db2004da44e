"""Rung 2: the groups lie side by side, and are computed as one vector.

Changed: no matrix product. x (n, h, w, groups, channels of a group) is copied so that the channels
of equal number of all groups are neighbours; those of a depthwise convolution are neighbours
anyway. A row of pixels is then a sum of rows, each times one tap, group by group.
Faster: vectors are full however few channels a group has, and there is one call for all groups.
Bound: the first-level cache, which is read three times and written once for each multiply-add.
"""

import numpy as np

from ..copies import in_order
from ..cpu.jit import subroutine
from ..cpu.parallel import parallel
from ..cpu.pointers import pointer_to
from ..integers import ceil_div

ROWS_PER_PART = 64  # rows of y whose products are summed before they are added to the others'
PARTS = 16  # of all rows, at least, where there are enough


def grouped_conv2d(
    x, weight, bias, *, stride, padding, dilation, groups, output_size, slope=1.0
):
    k = weight.shape[0]
    y = np.empty((k // groups, x.shape[0], *output_size, groups), x.dtype)
    start = np.zeros(k, x.dtype) if bias is None else bias
    start = np.ascontiguousarray(start.reshape(groups, -1).T)
    _rows_of_y(
        y.shape[0] * y.shape[1] * y.shape[2], _split(x, groups), _taps(weight, groups), start, y,
        tuple(stride), tuple(padding), tuple(dilation), x.dtype.type(slope),
    )  # fmt: skip
    return _joined(y)


def grouped_conv_transpose2d(
    y, weight, bias, *, stride, padding, dilation, groups, output_size
):
    c = weight.shape[1]
    x = np.empty((c, y.shape[0], *output_size, groups), y.dtype)
    start = np.zeros(c * groups, y.dtype) if bias is None else bias
    start = np.ascontiguousarray(start.reshape(groups, -1).T)
    _rows_of_x(
        c * x.shape[1] * x.shape[2], _split(y, groups), _taps(weight, groups), start, x,
        tuple(stride), tuple(padding), tuple(dilation),
    )  # fmt: skip
    return _joined(x)


def grouped_conv2d_weight_grad(
    x, y, *, stride, padding, dilation, groups, kernel_size, order=(2, 3, 1, 0)
):
    c, k = x.shape[3] // groups, y.shape[3] // groups
    rows = y.shape[0] * y.shape[1]
    each = max(1, min(ROWS_PER_PART, ceil_div(rows, PARTS)))
    parts = ceil_div(rows, each)
    sums = np.zeros((parts, *kernel_size, c, k, groups), x.dtype)
    _products(
        parts, _split(x, groups), _split(y, groups), sums, tuple(stride), tuple(padding),
        tuple(dilation), each,
    )  # fmt: skip
    weight = sums.sum(0).transpose(4, 3, 2, 0, 1)  # (groups, k, c, r, s)
    return in_order(weight.reshape(groups * k, c, *kernel_size), order)


def _split(image, groups):
    """(n, h, w, groups * c) as (c, n, h, w, groups)."""
    n, h, w, c = image.shape
    parts = image.reshape(n, h, w, groups, c // groups).transpose(4, 0, 1, 2, 3)
    return np.ascontiguousarray(parts)


def _joined(image):
    """The inverse of `_split`."""
    c, n, h, w, groups = image.shape
    return np.ascontiguousarray(image.transpose(1, 2, 3, 4, 0)).reshape(n, h, w, groups * c)


def _taps(weight, groups):
    """(groups * k, c, r, s) as (r, s, c, k, groups)."""
    k, c, r, s = weight.shape
    parts = weight.reshape(groups, k // groups, c, r, s).transpose(3, 4, 2, 1, 0)
    return np.ascontiguousarray(parts)


@subroutine
def _first_and_last(offset, step, size, count):
    """Those i in 0 ... count - 1 for which 0 <= offset + step * i < size."""
    first = max(0, (step - 1 - offset) // step)
    return first, max(first, min(count, (size - offset + step - 1) // step))


@subroutine
def _add_products(target, target_step, source, source_step, taps, pixels, channels):
    """target[i, :] += source[i, :] * taps for each pixel, at these distances."""
    for i in range(pixels):
        for g in range(channels):
            target[i * target_step + g] += source[i * source_step + g] * taps[g]


@parallel
def _rows_of_y(task, x, taps, start, y, stride, padding, dilation, slope):
    """One row of pixels of y, in one channel of all groups."""
    _, images, height, width, groups = y.shape
    _, _, x_height, x_width, _ = x.shape
    rest, p = divmod(task, height)
    k, n = divmod(rest, images)
    row = y[k, n, p]
    for q in range(width):
        for g in range(groups):
            row[q, g] = start[k, g]
    for r in range(taps.shape[0]):
        h = stride[0] * p + dilation[0] * r - padding[0]
        if h < 0 or h >= x_height:
            continue
        for s in range(taps.shape[1]):
            offset = dilation[1] * s - padding[1]
            first, last = _first_and_last(offset, stride[1], x_width, width)
            if first == last:
                continue
            for c in range(taps.shape[2]):
                place = ((c * images + n) * x_height + h) * x_width + offset + stride[1] * first
                tap = ((r * taps.shape[1] + s) * taps.shape[2] + c) * taps.shape[3] + k
                _add_products(
                    pointer_to(row, first * groups), groups, pointer_to(x, place * groups),
                    stride[1] * groups, pointer_to(taps, tap * groups), last - first, groups,
                )  # fmt: skip
    if slope != 1:
        for q in range(width):
            for g in range(groups):
                row[q, g] = row[q, g] if row[q, g] > 0 else slope * row[q, g]


@parallel
def _rows_of_x(task, y, taps, start, x, stride, padding, dilation):
    """One row of pixels of x, in one channel of all groups."""
    _, images, height, width, groups = x.shape
    _, _, y_height, y_width, _ = y.shape
    rest, h = divmod(task, height)
    c, n = divmod(rest, images)
    row = x[c, n, h]
    for w in range(width):
        for g in range(groups):
            row[w, g] = start[c, g]
    for r in range(taps.shape[0]):
        p, between = divmod(h + padding[0] - dilation[0] * r, stride[0])
        if between or p < 0 or p >= y_height:
            continue
        for s in range(taps.shape[1]):
            offset = dilation[1] * s - padding[1]
            first, last = _first_and_last(offset, stride[1], width, y_width)
            if first == last:
                continue
            for k in range(taps.shape[3]):
                place = ((k * images + n) * y_height + p) * y_width + first
                tap = ((r * taps.shape[1] + s) * taps.shape[2] + c) * taps.shape[3] + k
                _add_products(
                    pointer_to(row, (offset + stride[1] * first) * groups), stride[1] * groups,
                    pointer_to(y, place * groups), groups, pointer_to(taps, tap * groups),
                    last - first, groups,
                )  # fmt: skip


@parallel
def _products(task, x, y, sums, stride, padding, dilation, rows_per_part):
    """sums[part], which is zero before."""
    _, images, height, width, groups = y.shape
    _, _, x_height, x_width, _ = x.shape
    part = sums[task]
    for row in range(
        task * rows_per_part, min(images * height, (task + 1) * rows_per_part)
    ):
        n, p = divmod(row, height)
        for r in range(part.shape[0]):
            h = stride[0] * p + dilation[0] * r - padding[0]
            if h < 0 or h >= x_height:
                continue
            for s in range(part.shape[1]):
                offset = dilation[1] * s - padding[1]
                first, last = _first_and_last(offset, stride[1], x_width, width)
                for c in range(part.shape[2]):
                    for k in range(part.shape[3]):
                        left, right = x[c, n, h], y[k, n, p]
                        sum = part[r, s, c, k]
                        for q in range(first, last):
                            w = offset + stride[1] * q
                            for g in range(groups):
                                sum[g] += left[w, g] * right[q, g]
