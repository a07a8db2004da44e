"""CUDA rungs of the sums."""

import numpy as np

from ..copies import contiguous
from ..cuda.source import Source, empty, name_of
from ..integers import ceil_div

NAIVE = Source("reduction/1_naive.cu", ["column_sums<float>", "column_sums<double>"])
PARTS = Source(
    "reduction/2_parts.cu",
    ["column_sums<float, float>", "column_sums<float, double>", "column_sums<double, double>",
     "sum_parts<float>", "sum_parts<double>"],
    in_steps=True,
)  # fmt: skip
ROWS = 64  # of a part, at least
ONE_PART = 256  # rows that are not cut: their sum takes less time than another launch
MOST_PARTS = 256


def cut(m, rows=ROWS, most=MOST_PARTS):
    """How many parts m rows are cut into, and the rows of each."""
    each = max(rows, ceil_div(m, most))
    return ceil_div(m, each), each


def column_sums_naive(x):
    x = contiguous(x)
    m, c = x.shape
    y = empty(c, x.dtype)
    if c:
        args = (x, y, np.int64(m), np.int32(c))
        NAIVE.launch(f"column_sums<{name_of(x.dtype)}>", (ceil_div(c, 128),), (128,), args)
    return y


def column_sums_parts(x):
    x = contiguous(x)
    m, c = x.shape
    y = empty(c, x.dtype)
    if not c:
        return y
    count, rows = (1, m) if 0 < m <= ONE_PART else cut(m)
    name, one = name_of(x.dtype), count == 1
    partial = y if one else empty((count, c), np.float64)
    if count:
        args = (x, partial, np.int64(m), np.int32(c), np.int64(rows))
        kernel = f"column_sums<{name}, {name_of(partial.dtype)}>"
        PARTS.launch(kernel, (ceil_div(c, 32), count), (32, 8), args)
    if one:
        return y
    sizes = np.int32(count), np.int32(c)
    PARTS.launch(f"sum_parts<{name}>", (ceil_div(c, 128),), (128,), (partial, y, *sizes))
    return y
