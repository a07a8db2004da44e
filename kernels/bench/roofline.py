"""The roofline: the most that this machine can do for a kernel, measured on the spot.

A kernel that computes F FLOPs on B bytes can be limited by arithmetic or by memory:

    attainable FLOP/s = min(peak FLOP/s, bytes per second * F / B)

(Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785). Both limits are measured, not
taken from a data sheet: clocks fall under load, virtual machines share their memory, and a limit
that no program on this machine can reach would teach nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..cpu.parallel import parallel
from ..cpu.pointers import pointer_to
from ..cpu.threads import get_num_threads
from ..ladder import LOW_PRECISIONS
from ..matmul.gemm import COLUMNS, ROWS, tile_from_rows
from ..matmul.gemm_bf16 import bf16_tile_from_rows
from .peaks import gpu as peaks

LARGE_BYTES = 64 * 2**20  # more than the last-level cache of common processors
_TRIES = 15  # of which the best counts: a limit is what the machine can do when nothing disturbs
_TILES = 20_000
_TILE_BYTES = 24 * 1024  # what the micro-kernel reads; first-level caches hold 32 KiB and more


@dataclass(frozen=True)
class Roofline:
    """The two limits of a device for one dtype (and, of a CPU, for one number of threads)."""

    flops_per_second: float
    bytes_per_second: float

    def attainable(self, flops: int, traffic: int) -> float:
        """FLOP/s that a computation of `flops` FLOPs on `traffic` bytes can reach at most."""
        if traffic == 0:
            return self.flops_per_second
        return min(self.flops_per_second, self.bytes_per_second * flops / traffic)

    def is_memory_bound(self, flops: int, traffic: int) -> bool:
        return self.attainable(flops, traffic) < self.flops_per_second


def measure_roofline(device: str, dtype: str) -> Roofline:
    """Measures both limits; about half a second on a CPU, with the threads of
    `tinygan.kernels.cpu.threads`, and one or two on a GPU."""
    array_dtype = "float32" if dtype in LOW_PRECISIONS else dtype
    if device == "cuda":
        return Roofline(peaks.peak_flops(dtype), peaks.peak_bandwidth(array_dtype))
    return Roofline(_peak_flops(dtype), _peak_bandwidth(array_dtype))


def _peak_flops(dtype: str) -> float:
    """FLOP/s of the register tile that all our products use, on operands in the first cache."""
    low = dtype == "bfloat16"
    itemsize = 2 if low else np.dtype(dtype).itemsize
    terms = _TILE_BYTES // ((COLUMNS + 2 * ROWS) * itemsize)
    threads = get_num_threads()
    if low:
        a, panel = np.zeros((2 * ROWS, terms), np.uint16), np.zeros((terms, COLUMNS), np.uint16)
        tiles = np.empty((threads, ROWS * COLUMNS), np.float32)
        seconds = _best_seconds(lambda: _many_bf16_tiles(threads, a, panel, tiles, _TILES))
    else:
        a, panel = np.ones((2 * ROWS, terms), dtype), np.ones((terms, COLUMNS), dtype)
        tiles = np.empty((threads, ROWS * COLUMNS), dtype)
        seconds = _best_seconds(lambda: _many_tiles(threads, a, panel, tiles, _TILES))
    return threads * _TILES * 2 * ROWS * COLUMNS * terms / seconds


def _peak_bandwidth(dtype: str) -> float:
    """Bytes per second of a = b + c over arrays that no cache holds.

    Counted are two arrays read and one written. That the processor also reads what it is about to
    overwrite is not counted, here as in the ladders' `traffic`.
    """
    size = LARGE_BYTES // np.dtype(dtype).itemsize
    a, b, c = (np.ones(size, dtype) for _ in range(3))
    threads = get_num_threads()
    return 3 * LARGE_BYTES / _best_seconds(lambda: _add(threads, a, b, c, -(-size // threads)))


def _best_seconds(work: Callable[[], object]) -> float:
    work()  # compiles
    best = float("inf")
    for _ in range(_TRIES):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


# A tile from the first ROWS rows of a and one from the others in turn, so that no compiler may
# take the product out of the loop.
@parallel
def _many_tiles(task, a, panel, tiles, count):
    tile = tiles[task]
    for i in range(count):
        first = pointer_to(a, (i & 1) * ROWS * a.shape[1])
        tile_from_rows(
            first, pointer_to(panel, 0), pointer_to(tile, 0), panel.shape[0], a.shape[1], ROWS
        )


@parallel
def _many_bf16_tiles(task, a, panel, tiles, count):
    tile = tiles[task]
    pairs = a.shape[1] // 2
    for i in range(count):
        first = pointer_to(a, (i & 1) * ROWS * a.shape[1])
        bf16_tile_from_rows(first, pointer_to(panel, 0), pointer_to(tile, 0), pairs, pairs, ROWS)


@parallel
def _add(task, a, b, c, part):
    first, last = task * part, (task + 1) * part
    a, b, c = a[first:last], b[first:last], c[first:last]
    for i in range(a.size):
        a[i] = b[i] + c[i]
