"""CUDA rungs of the matrix product: which kernel, in how large tiles."""

import numpy as np

from tinygan.kernels.cuda import Source, contiguous, empty, name_of
from tinygan.kernels.memory import parts

_TYPES = ("float", "double")
_PLAIN = [f"matmul<{dtype}>" for dtype in _TYPES]
NAIVE = Source("matmul/1_naive.cu", _PLAIN)
COALESCED = Source("matmul/2_coalesced.cu", _PLAIN)
TILES = Source("matmul/3_tiles.cu", _PLAIN)
REGISTERS = Source(
    "matmul/4_registers.cu",
    [f"matmul<{dtype}, {tile}, {tile}>" for dtype in _TYPES for tile in (64, 128)],
)
KINDS = {"tf32": "Kind::tf32", "bf16": "Kind::bf16", "fp16": "Kind::f16"}
TENSOR_CORES = Source(
    "matmul/5_tensor_cores.cu",
    [f"matmul<{kind}, {tile}, {tile}>" for kind in KINDS.values() for tile in (64, 128)],
)
ENOUGH_TILES = 128  # about as many as a large GPU has multiprocessors


def _launch(source, kernel, grid, block, a, b):
    """c = kernel(a, b); any strides."""
    a, b = (x if _memory(x).flags.c_contiguous else contiguous(x) for x in (a, b))
    (m, k), n = a.shape, b.shape[1]
    c = empty((m, n), a.dtype)
    if c.size:
        strides = [np.int64(s // a.itemsize) for s in (*a.strides, *b.strides)]
        sizes = [np.int32(s) for s in (m, n, k)]
        source.launch(kernel, grid, block, (_memory(a), _memory(b), c, *sizes, *strides))
    return c


def _memory(x):
    """The matrix or its transpose, whichever is contiguous: what a kernel gets is an address."""
    return x if x.flags.c_contiguous else x.T


def matmul_naive(a, b):
    m, n = a.shape[0], b.shape[1]
    return _launch(NAIVE, f"matmul<{name_of(a.dtype)}>", (parts(m, 32), parts(n, 8)), (32, 8), a, b)


def matmul_coalesced(a, b):
    m, n = a.shape[0], b.shape[1]
    grid = (parts(n, 32), parts(m, 8))
    return _launch(COALESCED, f"matmul<{name_of(a.dtype)}>", grid, (32, 8), a, b)


def matmul_tiles(a, b):
    grid = (parts(a.shape[0], 32), parts(b.shape[1], 32))
    return _launch(TILES, f"matmul<{name_of(a.dtype)}>", grid, (32, 32), a, b)


def matmul_registers(a, b):
    return _in_tiles(REGISTERS, name_of(a.dtype), a, b)


def _in_tiles(source, template, a, b):
    """Tiles of 128x128 when there are enough of them to keep the GPU busy, else of 64x64."""
    m, n = a.shape[0], b.shape[1]
    tile = 128 if parts(m, 128) * parts(n, 128) >= ENOUGH_TILES else 64
    kernel = f"matmul<{template}, {tile}, {tile}>"
    return _launch(source, kernel, (parts(m, tile), parts(n, tile)), (256,), a, b)


def matmul_tf32(a, b):
    return _in_tiles(TENSOR_CORES, KINDS["tf32"], a, b)


def matmul_bf16(a, b):
    return _in_tiles(TENSOR_CORES, KINDS["bf16"], a, b)


def matmul_fp16(a, b):
    return _in_tiles(TENSOR_CORES, KINDS["fp16"], a, b)
