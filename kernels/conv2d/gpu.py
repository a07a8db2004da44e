"""CUDA rungs of the convolutions: which kernel, in how large tiles, for which sizes."""

from __future__ import annotations

import numpy as np

from ..copies import aligned, contiguous, dense
from ..cuda.source import ENOUGH_BLOCKS, Source, empty, largest_tile, name_of
from ..cuda.tensor_cores import KINDS, SIDES, flag, pipeline_bytes
from ..integers import ceil_div
from ..layout import flat, inverse, memory_order

_NAMES = ("conv2d", "conv_transpose2d", "conv2d_weight_grad")
_TYPES = ("float", "double")
_PLAIN = [f"{name}<{dtype}>" for name in _NAMES for dtype in _TYPES]
_SUMS = [f"sum_parts<{dtype}>" for dtype in _TYPES]
NAIVE = Source("conv2d/1_naive.cu", _PLAIN)
COALESCED = Source("conv2d/2_coalesced.cu", _PLAIN)
TILES = Source("conv2d/3_tiles.cu", _PLAIN + _SUMS)
REGISTERS = Source(
    "conv2d/4_registers.cu",
    [f"{name}<{dtype}, {tile}, {tile}>" for name in _NAMES for dtype in _TYPES
     for tile in (64, 128)] + _SUMS,
    in_steps=True,
)  # fmt: skip
TENSOR_CORES = Source(
    "conv2d/5_tensor_cores.cu",
    [f"{name}<{kind}>" for name in _NAMES for kind in KINDS.values()] + ["sum_parts<float>"],
    in_steps=True,
)
PIPELINE = Source(
    "conv2d/6_pipeline.cu",
    [f"{name}<{kind}, {side}, {weight_along}>" for name in _NAMES[:2] for kind in KINDS.values()
     for side in SIDES for weight_along in ("true", "false")]
    + [f"conv2d_weight_grad<{kind}, {side}>" for kind in KINDS.values() for side in SIDES]
    + ["sum_parts<float>"],
    in_steps=True,
)  # fmt: skip
DOTS = Source("conv2d/7_dots.cu", [f"conv2d<{dtype}>" for dtype in _TYPES], in_steps=True)
SHAPE = np.dtype(
    [(name, np.int32) for name in (*"nhwcpqkrs", "stride_h", "stride_w", "top", "left")]
    + [(f"weight_{name}", np.int64) for name in "kcrs"],
    align=True,
)


def _shape(x_shape, y_shape, kernel, stride, padding, weight=None):
    """The structure Shape of shape.cuh."""
    shape = np.zeros((), SHAPE)
    shape["n"], shape["h"], shape["w"], shape["c"] = x_shape
    _, shape["p"], shape["q"], shape["k"] = y_shape
    shape["r"], shape["s"] = kernel
    shape["stride_h"], shape["stride_w"] = stride
    shape["top"], shape["left"] = padding
    if weight is not None:
        for name, step in zip("kcrs", weight.strides, strict=True):
            shape[f"weight_{name}"] = step // weight.itemsize
    return shape


class _Version:
    """What a rung asks of its arrays, and how it cuts a matrix of rows and columns into blocks.

    Args:
        tiles: rows and columns of a block's tile; squares where there are several to choose from.
        products: whether it computes matrix products, so that transposed convolutions are cut into
            phases and weight gradients into parts.
    """

    def __init__(self, source, block, tiles, kind=None, products=True):
        self.source, self.block, self.tiles = source, block, tiles
        self.kind, self.products = kind, products

    contiguous = staticmethod(contiguous)
    dense = staticmethod(dense)  # a weight, without gaps in whichever order

    def launch(self, name, rows, columns, args, dtype, depth=1, weight=None, sums_of=None):
        tile, template = self.tiles[0], self.kind or name_of(dtype)
        if len(self.tiles) > 1:
            tile = (largest_tile(rows, columns, [side for side, _ in self.tiles], depth),) * 2
            template += f", {tile[0]}, {tile[1]}"
        grid = (ceil_div(rows, tile[0]), ceil_div(columns, tile[1]), depth)
        self.source.launch(f"{name}<{template}>", grid, self.block, args)


class _Pipeline(_Version):
    """The rung whose launch can return what a batch norm sums up over the rows of the result: an
    array with a part for each tile of rows.

    ``sums_of``: () for the moments (batch_norm/part.cuh); (x, weight, bias, mean, var, eps, slope)
    of a batch norm for the sums of its backward pass, whose gradient the result is.
    """

    def __init__(self, kind):
        super().__init__(PIPELINE, None, [(side, side) for side in SIDES], kind)

    contiguous = staticmethod(aligned)

    def dense(self, weight):
        """The weight without gaps, with channels as neighbours in memory."""
        order = memory_order(weight)
        if order[-1] > 1 or not weight.transpose(order).flags.c_contiguous:
            order = (2, 3, 1, 0)
        return aligned(weight.transpose(order)).transpose(inverse(order))

    def launch(self, name, rows, columns, args, dtype, depth=1, weight=None, sums_of=None):
        side = largest_tile(rows, columns, SIDES, depth)
        grid = (ceil_div(rows, side), ceil_div(columns, side), depth)
        template, along = f"{KINDS[self.kind]}, {side}", (False, False)
        if weight is not None:
            summed = 1 if name == "conv2d" else 0  # which of its channels
            along = (True, weight.strides[summed] == weight.itemsize)
            template += f", {flag(along[1])}"
        shared_bytes = pipeline_bytes(self.kind, side, *along)
        result, null = None, np.uintp(0)
        if sums_of is not None:
            result = empty((grid[0] * depth, 2 * columns + (not sums_of)), np.float64)
        if weight is not None:
            *arrays, eps, slope = sums_of or [*5 * [null], 0, 1]
            args = (*args, null if result is None else result, *arrays, dtype.type(eps),
                    dtype.type(slope))  # fmt: skip
        self.source.launch(f"{name}<{template}>", grid, (2 * side,), args, shared_bytes)
        return result


VERSIONS = {
    "naive": _Version(NAIVE, (32, 8), [(32, 8)], products=False),
    "coalesced": _Version(COALESCED, (32, 8), [(8, 32)], products=False),
    "tiles": _Version(TILES, (32, 32), [(32, 32)]),
    "registers": _Version(REGISTERS, (256,), [(64, 64), (128, 128)]),
    **{name: _Version(TENSOR_CORES, (256,), [(64, 64)], kind) for name, kind in KINDS.items()},
    **{f"{name} pipeline": _Pipeline(name) for name in KINDS},
    "dots": _Version(DOTS, (128,), [(1, 4)]),
}


def conv2d(x, weight, bias, *, version, stride, padding, output_size, slope=1.0,
           sums_of=None):  # fmt: skip
    rung = VERSIONS[version]
    x, weight = rung.contiguous(x), rung.dense(weight)
    y = empty((x.shape[0], *output_size, weight.shape[0]), x.dtype)
    if y.size:
        shape = _shape(x.shape, y.shape, weight.shape[2:], stride, padding, weight)
        bias = np.uintp(0) if bias is None else contiguous(bias)
        args = (x, flat(weight), bias, y, shape, x.dtype.type(slope))
        found = rung.launch(
            "conv2d", y.size // y.shape[3], y.shape[3], args, x.dtype, 1, weight, sums_of
        )
    return y if sums_of is None else (y, found)


def conv_transpose2d(y, weight, bias, *, version, stride, padding, output_size, sums_of=None):
    rung = VERSIONS[version]
    y, weight = rung.contiguous(y), rung.dense(weight)
    x = empty((y.shape[0], *output_size, weight.shape[1]), y.dtype)
    if x.size:
        shape = _shape(x.shape, y.shape, weight.shape[2:], stride, padding, weight)
        bias = np.uintp(0) if bias is None else contiguous(bias)
        args = (y, flat(weight), bias, x, shape)
        rows, phases = x.size // x.shape[3], 1
        if rung.products:
            phases = stride[0] * stride[1]
            rows = x.shape[0] * ceil_div(x.shape[1], stride[0]) * ceil_div(x.shape[2], stride[1])
        found = rung.launch(
            "conv_transpose2d", rows, x.shape[3], args, y.dtype, phases, weight, sums_of
        )
    return x if sums_of is None else (x, found)


def conv2d_weight_grad(x, y, *, version, stride, padding, kernel_size, order=(2, 3, 1, 0)):
    rung = VERSIONS[version]
    x, y = rung.contiguous(x), rung.contiguous(y)
    r, s = kernel_size
    c, k, taps = x.shape[3], y.shape[3], r * s * x.shape[3]
    pixels = y.size // k if k else 0
    memory = empty([(k, c, r, s)[i] for i in order], x.dtype)
    grad = memory.transpose(inverse(order))
    if not (k * taps and pixels):
        memory.fill(0)
        return grad
    shape = _shape(x.shape, y.shape, kernel_size, stride, padding, grad)
    if not rung.products:
        rung.launch("conv2d_weight_grad", k, taps, (x, y, memory, shape), x.dtype)
        return grad
    # Few values of many terms: the pixels are cut into as many parts as give enough blocks.
    side = rung.tiles[0][0]
    blocks = ceil_div(k, side) * ceil_div(taps, side)
    count = max(1, min(ceil_div(ENOUGH_BLOCKS, blocks), ceil_div(pixels, 256)))
    each = ceil_div(pixels, count)
    count = ceil_div(pixels, each)
    partial = empty((count, *memory.shape), x.dtype) if count > 1 else memory
    args = (x, y, partial, shape, np.int32(each))
    rung.launch("conv2d_weight_grad", k, taps, args, x.dtype, count)
    if count > 1:
        rung.source.launch(
            f"sum_parts<{name_of(x.dtype)}>", (ceil_div(grad.size, 256),), (256,),
            (partial, memory, np.int32(count), np.int64(grad.size)),
        )  # fmt: skip
    return grad
