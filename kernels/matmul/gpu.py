"""CUDA rungs of the matrix product: which kernel, in how large tiles."""

import numpy as np

from ..copies import aligned, contiguous, dense
from ..cuda.source import Source, empty, largest_tile, name_of
from ..cuda.tensor_cores import KINDS, SIDES, flag, pipeline_bytes
from ..integers import ceil_div
from ..layout import flat, is_transposed

_TYPES = ("float", "double")
_PLAIN = [f"matmul<{dtype}>" for dtype in _TYPES]
NAIVE = Source("matmul/1_naive.cu", _PLAIN)
COALESCED = Source("matmul/2_coalesced.cu", _PLAIN)
TILES = Source("matmul/3_tiles.cu", _PLAIN)
REGISTERS = Source(
    "matmul/4_registers.cu",
    [f"matmul<{dtype}, {tile}, {tile}>" for dtype in _TYPES for tile in (64, 128)],
    in_steps=True,
)
TENSOR_CORES = Source(
    "matmul/5_tensor_cores.cu", [f"matmul<{kind}>" for kind in KINDS.values()], in_steps=True
)
# Of a and b: whether they lie along k. b along k beside an a that does not is
# copied: only the product of two transposed matrices wants it.
_ALONG = ((True, True), (True, False), (False, False))
PIPELINE = Source(
    "matmul/6_pipeline.cu",
    [f"matmul<{kind}, {side}, {flag(a)}, {flag(b)}>" for kind in KINDS.values() for side in SIDES
     for a, b in _ALONG],
    in_steps=True,
)  # fmt: skip
DOTS = Source("matmul/7_dots.cu", _PLAIN, in_steps=True)
DOT_THREADS = 128  # as in dots.cuh


def _launch(source, kernel, grid, block, a, b, shared_bytes=0):
    """c = kernel(a, b); any strides."""
    a, b = dense(a), dense(b)
    (m, k), n = a.shape, b.shape[1]
    c = empty((m, n), a.dtype)
    if c.size:
        strides = [np.int64(s // a.itemsize) for s in (*a.strides, *b.strides)]
        sizes = [np.int32(s) for s in (m, n, k)]
        args = (flat(a), flat(b), c, *sizes, *strides)
        source.launch(kernel, grid, block, args, shared_bytes)
    return c


def matmul_naive(a, b):
    m, n = a.shape[0], b.shape[1]
    grid = (ceil_div(m, 32), ceil_div(n, 8))
    return _launch(NAIVE, f"matmul<{name_of(a.dtype)}>", grid, (32, 8), a, b)


def matmul_coalesced(a, b):
    m, n = a.shape[0], b.shape[1]
    grid = (ceil_div(n, 32), ceil_div(m, 8))
    return _launch(COALESCED, f"matmul<{name_of(a.dtype)}>", grid, (32, 8), a, b)


def matmul_tiles(a, b):
    grid = (ceil_div(a.shape[0], 32), ceil_div(b.shape[1], 32))
    return _launch(TILES, f"matmul<{name_of(a.dtype)}>", grid, (32, 32), a, b)


def matmul_registers(a, b):
    return _in_tiles(REGISTERS, name_of(a.dtype), a, b)


def _in_tiles(source, template, a, b):
    m, n = a.shape[0], b.shape[1]
    side = largest_tile(m, n, (64, 128))
    kernel = f"matmul<{template}, {side}, {side}>"
    return _launch(source, kernel, (ceil_div(m, side), ceil_div(n, side)), (256,), a, b)


def matmul_tensor_cores(a, b, *, kind):
    grid = (ceil_div(a.shape[0], 64), ceil_div(b.shape[1], 64))
    return _launch(TENSOR_CORES, f"matmul<{KINDS[kind]}>", grid, (256,), a, b)


def matmul_pipeline(a, b, *, kind):
    a_along, b_along = not is_transposed(a), is_transposed(b)
    if (a_along, b_along) not in _ALONG:
        b, b_along = contiguous(b), False
    a, b = (aligned(x) if not is_transposed(x) else aligned(x.T).T for x in (a, b))
    m, n = a.shape[0], b.shape[1]
    side = largest_tile(m, n, SIDES)
    return _launch(
        PIPELINE, f"matmul<{KINDS[kind]}, {side}, {flag(a_along)}, {flag(b_along)}>",
        (ceil_div(m, side), ceil_div(n, side)), (2 * side,), a, b,
        pipeline_bytes(kind, side, a_along, b_along),
    )  # fmt: skip


def matmul_dots(a, b):
    return _launch(DOTS, f"matmul<{name_of(a.dtype)}>", (a.shape[0],), (DOT_THREADS,), a, b)
