"""The matrix product with factors rounded to bfloat16, sums in float32.

Rung "bf16 panels". Changed: both matrices are rounded as they are packed.
Faster: 64 operations in an instruction instead of 32, and half the memory to pack.
Bound: arithmetic for large matrices; the conversions for small ones.
"""

import numpy as np

from ..cpu.parallel import parallel
from ..integers import ceil_div
from .gemm_bf16 import (
    add_columns_times_panels_bf16,
    empty_panels_bf16,
    pack_columns_bf16,
    pack_panels_bf16,
    pack_rows_bf16,
    rows_times_panels_bf16,
)

ROWS_PER_TASK = 96  # of the result; its part of a stays in the second-level cache
PANELS_PER_TASK = 4  # to pack
GAP = 16  # pairs between rows: rows a multiple of 4 KiB apart would share one set of the cache
NO_BIAS = np.empty(0, np.float32)


def matmul(a, b):
    (m, k), n = a.shape, b.shape[1]
    panels = empty_panels_bf16(1, k, n)[0]
    _pack(ceil_div(panels.shape[0], PANELS_PER_TASK), b, panels)
    c = np.empty((m, n), np.float32)
    if a.T.flags.c_contiguous and not a.flags.c_contiguous:
        _multiply_columns(ceil_div(m, ROWS_PER_TASK), a.T, panels, c)
    else:
        _multiply_rows(ceil_div(m, ROWS_PER_TASK), a, panels, NO_BIAS, c)
    return c


@parallel
def _pack(task, b, panels):
    first, columns = task * PANELS_PER_TASK, panels.shape[2]
    last = min(panels.shape[0], first + PANELS_PER_TASK)
    pack_panels_bf16(b[:, first * columns : last * columns], panels[first:last], 0)


@parallel
def _multiply_rows(task, a, panels, bias, c):
    start, stop = task * ROWS_PER_TASK, min(c.shape[0], (task + 1) * ROWS_PER_TASK)
    pairs = panels.shape[1]
    rows = np.empty((stop - start, pairs + GAP, 2), np.uint16)
    pack_rows_bf16(a[start:stop], rows)
    rows_times_panels_bf16(rows, pairs, panels, bias, c[start:stop])


@parallel
def _multiply_columns(task, a, panels, c):
    start, stop = task * ROWS_PER_TASK, min(c.shape[0], (task + 1) * ROWS_PER_TASK)
    columns = np.empty((panels.shape[1], stop - start + GAP, 2), np.uint16)
    pack_columns_bf16(a[:, start:stop], columns, 0)
    c[start:stop] = 0
    add_columns_times_panels_bf16(columns, stop - start, panels, c[start:stop])
