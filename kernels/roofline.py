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

from tinygan.kernels.jit import jit
from tinygan.kernels.matmul.gemm import COLUMNS, ROWS, pointer_to, tile_from_rows
from tinygan.kernels.threads import get_num_threads, run_tasks

LARGE_BYTES = 64 * 2**20  # more than the last-level cache of common processors
_TRIES = 15  # of which the best counts: a limit is what the machine can do when nothing disturbs
_TILES = 20_000
_TILE_BYTES = 24 * 1024  # what the micro-kernel reads; first-level caches hold 32 KiB and more


@dataclass(frozen=True)
class Roofline:
    """The two limits of this machine for one dtype and number of threads."""

    flops_per_second: float
    bytes_per_second: float

    def attainable(self, flops: int, traffic: int) -> float:
        """FLOP/s that a computation of `flops` FLOPs on `traffic` bytes can reach at most."""
        if traffic == 0:
            return self.flops_per_second
        return min(self.flops_per_second, self.bytes_per_second * flops / traffic)

    def is_memory_bound(self, flops: int, traffic: int) -> bool:
        return self.attainable(flops, traffic) < self.flops_per_second


def measure_roofline(dtype: str) -> Roofline:
    """Measures both limits with the threads of `tinygan.kernels.threads`; about half a second."""
    return Roofline(_peak_flops(dtype), _peak_bandwidth(dtype))


def _peak_flops(dtype: str) -> float:
    """FLOP/s of the register tile that all our products use, on operands in the first cache."""
    terms = _TILE_BYTES // ((COLUMNS + 2 * ROWS) * np.dtype(dtype).itemsize)
    a, panel = np.ones((2 * ROWS, terms), dtype), np.ones((terms, COLUMNS), dtype)
    threads = get_num_threads()
    tiles = np.empty((threads, ROWS * COLUMNS), dtype)
    seconds = _best_seconds(
        lambda: run_tasks(lambda t: _many_tiles(a, panel, tiles[t], _TILES), threads)
    )
    return threads * _TILES * 2 * ROWS * COLUMNS * terms / seconds


def _peak_bandwidth(dtype: str) -> float:
    """Bytes per second of a = b + c over arrays that no cache holds.

    Counted are two arrays read and one written. That the processor also reads what it is about to
    overwrite is not counted, here as in the ladders' `traffic`.
    """
    size = LARGE_BYTES // np.dtype(dtype).itemsize
    a, b, c = (np.ones(size, dtype) for _ in range(3))
    threads = get_num_threads()
    part = -(-size // threads)

    def add(thread: int) -> None:
        span = slice(thread * part, (thread + 1) * part)
        _add(a[span], b[span], c[span])

    return 3 * LARGE_BYTES / _best_seconds(lambda: run_tasks(add, threads))


def _best_seconds(work: Callable[[], object]) -> float:
    work()  # compiles
    best = float("inf")
    for _ in range(_TRIES):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


@jit
def _many_tiles(a, panel, tile, count):
    """tile = a[:ROWS] @ panel and tile = a[ROWS:] @ panel in turn, `count` in all.

    In turn, so that no compiler may take the product out of the loop.
    """
    for i in range(count):
        first_row = (i & 1) * ROWS
        tile_from_rows(
            pointer_to(a, first_row * a.shape[1]),
            pointer_to(panel, 0),
            pointer_to(tile, 0),
            panel.shape[0],
            a.shape[1],
            ROWS,
        )


@jit
def _add(a, b, c):
    for i in range(a.size):
        a[i] = b[i] + c[i]
