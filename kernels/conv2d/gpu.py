"""CUDA rungs of the convolutions: which kernel, in how large tiles, for which sizes."""

from __future__ import annotations

import functools

import numpy as np

from tinygan.kernels.cuda import Source, contiguous, empty, name_of, zeros
from tinygan.kernels.memory import parts

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
)  # fmt: skip
KINDS = {"tf32": "Kind::tf32", "bf16": "Kind::bf16", "fp16": "Kind::f16"}
TENSOR_CORES = Source(
    "conv2d/5_tensor_cores.cu",
    [f"{name}<{kind}, {tile}, {tile}>" for name in _NAMES for kind in KINDS.values()
     for tile in (64, 128)] + ["sum_parts<float>"],
)  # fmt: skip

ENOUGH_BLOCKS = 128  # about as many as a large GPU has multiprocessors
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


def _in_memory(weight):
    """A contiguous view of the weight's memory; its strides go to the kernel in the shape."""
    order = sorted(range(4), key=lambda i: -weight.strides[i])
    return weight.transpose(order)


def _dense(weight):
    """The weight without gaps, in whichever order."""
    view = _in_memory(weight)
    return weight if view.flags.c_contiguous else contiguous(weight)


class _Rung:
    """How a rung cuts a matrix of rows and columns into blocks."""

    def __init__(self, source, block, tiles, kind=None):
        self.source, self.block, self.tiles, self.kind = source, block, tiles, kind

    def launch(self, name, rows, columns, args, dtype, depth=1):
        tile = self.tiles[-1]
        for tile in self.tiles:  # the largest first
            if parts(rows, tile[0]) * parts(columns, tile[1]) * depth >= ENOUGH_BLOCKS:
                break
        template = self.kind or name_of(dtype)
        if len(self.tiles) > 1:
            template += f", {tile[0]}, {tile[1]}"
        grid = (parts(rows, tile[0]), parts(columns, tile[1]), depth)
        self.source.launch(f"{name}<{template}>", grid, self.block, args)


_RUNGS = {
    "naive": _Rung(NAIVE, (32, 8), [(32, 8)]),
    "coalesced": _Rung(COALESCED, (32, 8), [(8, 32)]),
    "tiles": _Rung(TILES, (32, 32), [(32, 32)]),
    "registers": _Rung(REGISTERS, (256,), [(128, 128), (64, 64)]),
    **{name: _Rung(TENSOR_CORES, (256,), [(128, 128), (64, 64)], kind)
       for name, kind in KINDS.items()},
}


def conv2d(rung, x, weight, bias, *, stride, padding, output_size, slope=1.0):
    x, weight = contiguous(x), _dense(weight)
    y = empty((x.shape[0], *output_size, weight.shape[0]), x.dtype)
    if y.size:
        shape = _shape(x.shape, y.shape, weight.shape[2:], stride, padding, weight)
        bias = np.uintp(0) if bias is None else contiguous(bias)
        args = (x, _in_memory(weight), bias, y, shape, x.dtype.type(slope))
        _RUNGS[rung].launch("conv2d", y.size // y.shape[3], y.shape[3], args, x.dtype)
    return y


def conv_transpose2d(rung, y, weight, bias, *, stride, padding, output_size):
    y, weight = contiguous(y), _dense(weight)
    x = empty((y.shape[0], *output_size, weight.shape[1]), y.dtype)
    if x.size:
        shape = _shape(x.shape, y.shape, weight.shape[2:], stride, padding, weight)
        bias = np.uintp(0) if bias is None else contiguous(bias)
        args = (y, _in_memory(weight), bias, x, shape)
        by_phase = rung not in ("naive", "coalesced")
        phases = stride[0] * stride[1] if by_phase else 1
        pixels = x.shape[0] * parts(x.shape[1], stride[0]) * parts(x.shape[2], stride[1])
        rows = pixels if by_phase else x.size // x.shape[3]
        _RUNGS[rung].launch("conv_transpose2d", rows, x.shape[3], args, y.dtype, phases)
    return x


def conv2d_weight_grad(rung, x, y, *, stride, padding, kernel_size):
    x, y = contiguous(x), contiguous(y)
    r, s = kernel_size
    c, k, taps = x.shape[3], y.shape[3], r * s * x.shape[3]
    pixels = y.size // k if k else 0
    if not (k * taps and pixels):
        return zeros((k, r, s, c), x.dtype).transpose(0, 3, 1, 2)
    shape = _shape(x.shape, y.shape, kernel_size, stride, padding)
    grad = empty((k, r, s, c), x.dtype)
    if rung in ("naive", "coalesced"):
        _RUNGS[rung].launch("conv2d_weight_grad", k, taps, (x, y, grad, shape), x.dtype)
        return grad.transpose(0, 3, 1, 2)
    # Few values of many terms: the pixels are cut into as many parts as give enough blocks.
    tile = _RUNGS[rung].tiles[-1][0]
    blocks = parts(k, tile) * parts(taps, tile)
    count = max(1, min(parts(ENOUGH_BLOCKS, blocks), parts(pixels, 256)))
    each = parts(pixels, count)
    count = parts(pixels, each)
    partial = empty((count, k, r, s, c), x.dtype) if count > 1 else grad
    args = (x, y, partial, shape, np.int32(each))
    _RUNGS[rung].launch("conv2d_weight_grad", k, taps, args, x.dtype, count)
    if count > 1:
        _RUNGS[rung].source.launch(
            f"sum_parts<{name_of(x.dtype)}>", (parts(grad.size, 256),), (256,),
            (partial, grad, np.int32(count), np.int64(grad.size)),
        )  # fmt: skip
    return grad.transpose(0, 3, 1, 2)


for _rung in _RUNGS:
    for _function in (conv2d, conv_transpose2d, conv2d_weight_grad):
        globals()[f"{_function.__name__}_{_rung}"] = functools.partial(_function, _rung)
