"""The CUDA rung of the grouped convolutions."""

from __future__ import annotations

import numpy as np

from ..copies import contiguous, dense
from ..cuda.source import ENOUGH_BLOCKS, Source, empty, name_of
from ..integers import ceil_div
from ..layout import flat, inverse

NAIVE = Source(
    "grouped_conv2d/1_naive.cu",
    [f"{name}<{dtype}>" for name in ("conv2d", "conv_transpose2d", "conv2d_weight_grad",
                                     "sum_parts") for dtype in ("float", "double")],
)  # fmt: skip
SHAPE = np.dtype(
    [(name, np.int32) for name in (*"nhwcpqkrs", "group_c", "group_k", "stride_h", "stride_w",
                                   "top", "left", "dilation_h", "dilation_w")]
    + [(f"weight_{name}", np.int64) for name in "kcrs"],
    align=True,
)  # fmt: skip
BLOCK = (32, 8)  # channels, and pixels or taps
ROWS_PER_PART = 32  # of y, at least, whose products a thread sums up


def grouped_conv2d(
    x, weight, bias, *, stride, padding, dilation, groups, output_size, slope=1.0
):
    x, weight = contiguous(x), dense(weight)
    y = empty((x.shape[0], *output_size, weight.shape[0]), x.dtype)
    if y.size:
        shape = _shape(x, y, weight, stride, padding, dilation, groups)
        args = (x, flat(weight), _given(bias), y, shape, x.dtype.type(slope))
        _launch("conv2d", y.size // y.shape[3], y.shape[3], args)
    return y


def grouped_conv_transpose2d(
    y, weight, bias, *, stride, padding, dilation, groups, output_size
):
    y, weight = contiguous(y), dense(weight)
    x = empty((y.shape[0], *output_size, weight.shape[1] * groups), y.dtype)
    if x.size:
        shape = _shape(x, y, weight, stride, padding, dilation, groups)
        args = (y, flat(weight), _given(bias), x, shape)
        _launch("conv_transpose2d", x.size // x.shape[3], x.shape[3], args)
    return x


def grouped_conv2d_weight_grad(
    x, y, *, stride, padding, dilation, groups, kernel_size, order=(2, 3, 1, 0)
):
    x, y = contiguous(x), contiguous(y)
    sizes = y.shape[3], x.shape[3] // groups, *kernel_size
    memory = empty([sizes[i] for i in order], x.dtype)
    grad = memory.transpose(inverse(order))
    rows = y.shape[0] * y.shape[1]
    if not rows:
        memory.fill(0)
        return grad
    # Few values of many terms: the rows are cut into as many parts as give enough blocks.
    taps = grad.size // y.shape[3]
    blocks = ceil_div(taps, BLOCK[1]) * ceil_div(y.shape[3], BLOCK[0])
    each = ceil_div(rows, max(1, min(ceil_div(ENOUGH_BLOCKS, blocks), rows // ROWS_PER_PART)))
    count = ceil_div(rows, each)
    partial = empty((count, *memory.shape), x.dtype) if count > 1 else memory
    shape = _shape(x, y, grad, stride, padding, dilation, groups)
    _launch("conv2d_weight_grad", taps, y.shape[3], (x, y, partial, shape, np.int32(each)), count)
    if count > 1:
        NAIVE.launch(
            f"sum_parts<{name_of(x.dtype)}>", (ceil_div(grad.size, 256),), (256,),
            (partial, memory, np.int32(count), np.int64(grad.size)),
        )  # fmt: skip
    return grad


def _given(bias):
    return np.uintp(0) if bias is None else contiguous(bias)


def _shape(x, y, weight, stride, padding, dilation, groups):
    """The structure Shape of the kernels."""
    shape = np.zeros((), SHAPE)
    shape["n"], shape["h"], shape["w"], shape["c"] = x.shape
    _, shape["p"], shape["q"], shape["k"] = y.shape
    _, _, shape["r"], shape["s"] = weight.shape
    shape["group_c"], shape["group_k"] = x.shape[3] // groups, y.shape[3] // groups
    shape["stride_h"], shape["stride_w"] = stride
    shape["top"], shape["left"] = padding
    shape["dilation_h"], shape["dilation_w"] = dilation
    for name, step in zip("kcrs", weight.strides, strict=True):
        shape[f"weight_{name}"] = step // weight.itemsize
    return shape


def _launch(name, rows, channels, args, depth=1):
    grid = (ceil_div(rows, BLOCK[1]), ceil_div(channels, BLOCK[0]), depth)
    NAIVE.launch(f"{name}<{name_of(args[0].dtype)}>", grid, BLOCK, args)
