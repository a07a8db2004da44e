"""CUDA rungs of the matrix product: which kernel, in how large tiles."""

import functools

import numpy as np

from tinygan.kernels.cuda import Source, contiguous, empty, largest_tile, name_of
from tinygan.kernels.memory import parts, transposed
from tinygan.kernels.tensor_cores import KINDS, SIDES, aligned, flag, pipeline_bytes

_TYPES = ("float", "double")
_PLAIN = [f"matmul<{dtype}>" for dtype in _TYPES]
NAIVE = Source("matmul/1_naive.cu", _PLAIN)
COALESCED = Source("matmul/2_coalesced.cu", _PLAIN)
TILES = Source("matmul/3_tiles.cu", _PLAIN)
REGISTERS = Source(
    "matmul/4_registers.cu",
    [f"matmul<{dtype}, {tile}, {tile}>" for dtype in _TYPES for tile in (64, 128)],
)
TENSOR_CORES = Source("matmul/5_tensor_cores.cu", [f"matmul<{kind}>" for kind in KINDS.values()])
# Of a and b: whether they lie along their terms. b along its terms beside an a that does not is
# copied: only the product of two transposed matrices wants it.
_ALONG = ((True, True), (True, False), (False, False))
PIPELINE = Source(
    "matmul/6_pipeline.cu",
    [f"matmul<{kind}, {side}, {flag(a)}, {flag(b)}>" for kind in KINDS.values() for side in SIDES
     for a, b in _ALONG],
)  # fmt: skip
DOTS = Source("matmul/7_dots.cu", _PLAIN)
DOT_THREADS = 128  # as in dots.cuh


def _launch(source, kernel, grid, block, a, b, shared_bytes=0):
    """c = kernel(a, b); any strides."""
    a, b = (x if _memory(x).flags.c_contiguous else contiguous(x) for x in (a, b))
    (m, k), n = a.shape, b.shape[1]
    c = empty((m, n), a.dtype)
    if c.size:
        strides = [np.int64(s // a.itemsize) for s in (*a.strides, *b.strides)]
        sizes = [np.int32(s) for s in (m, n, k)]
        args = (_memory(a), _memory(b), c, *sizes, *strides)
        source.launch(kernel, grid, block, args, shared_bytes)
    return c


def _memory(x):
    """The matrix or its transpose, whichever is contiguous: what a kernel gets is an address."""
    return x.T if transposed(x) else x


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
    m, n = a.shape[0], b.shape[1]
    side = largest_tile(m, n, (64, 128))
    kernel = f"matmul<{template}, {side}, {side}>"
    return _launch(source, kernel, (parts(m, side), parts(n, side)), (256,), a, b)


def _tensor_cores(kind, a, b):
    grid = (parts(a.shape[0], 64), parts(b.shape[1], 64))
    return _launch(TENSOR_CORES, f"matmul<{KINDS[kind]}>", grid, (256,), a, b)


def _pipeline(kind, a, b):
    a_along, b_along = not transposed(a), transposed(b)
    if (a_along, b_along) not in _ALONG:
        b, b_along = b.copy(order="C"), False
    a, b = (aligned(x) if not transposed(x) else aligned(x.T).T for x in (a, b))
    m, n = a.shape[0], b.shape[1]
    side = largest_tile(m, n, SIDES)
    return _launch(
        PIPELINE, f"matmul<{KINDS[kind]}, {side}, {flag(a_along)}, {flag(b_along)}>",
        (parts(m, side), parts(n, side)), (2 * side,), a, b,
        pipeline_bytes(kind, side, a_along, b_along),
    )  # fmt: skip


def matmul_dots(a, b):
    return _launch(DOTS, f"matmul<{name_of(a.dtype)}>", (a.shape[0],), (DOT_THREADS,), a, b)


for _kind in KINDS:
    globals()[f"matmul_{_kind}"] = functools.partial(_tensor_cores, _kind)
    globals()[f"matmul_{_kind}_pipeline"] = functools.partial(_pipeline, _kind)
