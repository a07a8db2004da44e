"""Rung 1, on both devices: every group by itself, and of kernels with gaps every phase.

Changed: the ladders of `kernels/conv2d` compute the parts, one after the other.
Faster: as much as they are; no product with a zero between the taps is computed.
Bound: as they are, where a group has many channels; else the calls, and the copies of channels that
lie apart.

How a kernel with gaps becomes ordinary ones: with h = stride * p + dilation * r - top, all taps of
an output row p read rows h of one remainder mod dilation. The rows p with the same remainder lie
dilation / g apart, with g the greatest common divisor of stride and dilation. Those rows of y, and
every dilation-th row of x, are a convolution of stride / g without gaps.
"""

import itertools
import math

import numpy as np

from .. import conv2d as plain
from ..cuda.source import empty as empty_on_gpu
from ..layout import inverse


def grouped_conv2d(
    x, weight, bias, *, stride, padding, dilation, groups, output_size, slope=1.0,
    precision=None,
):  # fmt: skip
    y = _empty((x.shape[0], *output_size, weight.shape[0]), x)
    phases = _phases(x.shape[1:3], output_size, stride, padding, dilation)
    for in_x, in_y in _groups(x.shape[3], weight.shape[0], groups):
        taps, offsets = weight[in_y], None if bias is None else bias[in_y]
        for of_x, of_y, how in phases:
            part, result = x[..., in_x][of_x], y[..., in_y][of_y]
            if 0 in part.shape[1:3]:  # windows of nothing but padding
                result[...] = _of_padding(offsets, slope)
            else:
                size = result.shape[1:3]
                result[...] = plain.conv2d(
                    part, taps, offsets, **how, output_size=size, slope=slope,
                    precision=precision,
                )  # fmt: skip
    return y


def grouped_conv_transpose2d(
    y, weight, bias, *, stride, padding, dilation, groups, output_size, precision=None
):
    x = _empty((y.shape[0], *output_size, weight.shape[1] * groups), y)
    if tuple(dilation) != (1, 1):  # some pixels may be reached by no window
        x[...] = _of_padding(bias, 1.0)
    phases = _phases(output_size, y.shape[1:3], stride, padding, dilation)
    for in_x, in_y in _groups(x.shape[3], y.shape[3], groups):
        taps, offsets = weight[in_y], None if bias is None else bias[in_x]
        for of_x, of_y, how in phases:
            part, result = y[..., in_y][of_y], x[..., in_x][of_x]
            size = result.shape[1:3]
            if 0 not in size:
                result[...] = plain.conv_transpose2d(
                    part, taps, offsets, **how, output_size=size, precision=precision
                )
    return x


def grouped_conv2d_weight_grad(
    x, y, *, stride, padding, dilation, groups, kernel_size,
    order=(2, 3, 1, 0), precision=None,
):  # fmt: skip
    shape = y.shape[3], x.shape[3] // groups, *kernel_size
    weight = _empty([shape[i] for i in order], x).transpose(inverse(order))
    weight[...] = 0
    phases = _phases(x.shape[1:3], y.shape[1:3], stride, padding, dilation)
    for in_x, in_y in _groups(x.shape[3], y.shape[3], groups):
        for of_x, of_y, how in phases:
            parts = x[..., in_x][of_x], y[..., in_y][of_y]
            if 0 not in parts[0].shape[1:3]:
                sums = plain.conv2d_weight_grad(
                    *parts, **how, kernel_size=kernel_size, order=order, precision=precision
                )
                taps = weight[in_y]
                taps += sums
    return weight


def _empty(shape, model):
    make = np.empty if isinstance(model, np.ndarray) else empty_on_gpu
    return make(shape, model.dtype)


def _of_padding(bias, slope):
    """What a convolution computes where it sees nothing."""
    return 0 if bias is None else bias.clip(0, None) + slope * bias.clip(None, 0)


def _groups(c, k, groups):
    """For each group its channels of x and of y."""
    c, k = c // groups, k // groups
    return [(slice(g * c, (g + 1) * c), slice(g * k, (g + 1) * k)) for g in range(groups)]


def _phases(size, output_size, stride, padding, dilation):
    """For each phase its rows and columns of x, those of y, and its stride and padding."""
    found = []
    dimensions = zip(size, output_size, stride, padding, dilation, strict=True)
    for phase in itertools.product(*(list(_phases_along(*each)) for each in dimensions)):
        of_x, of_y, steps, before = zip(*phase, strict=True)
        every_image = (slice(None),)
        how = dict(stride=steps, padding=before)
        found.append((every_image + of_x, every_image + of_y, how))
    return found


def _phases_along(size, outputs, stride, padding, dilation):
    """Along one dimension: (which elements of x, which of y, stride, padding)."""
    common = math.gcd(stride, dilation)
    for start in range(min(dilation // common, outputs)):
        first = stride * start - padding  # what tap 0 of the first window reads
        before = max(0, -(first // dilation))
        of_x = slice(first + before * dilation, None, dilation)
        yield of_x, slice(start, None, dilation // common), stride // common, before
