"""CUDA rungs of the sums."""

import numpy as np

from tinygan.kernels.cuda import Source, contiguous, empty, name_of
from tinygan.kernels.memory import parts

_SUMS = ["column_sums<float>", "column_sums<double>"]
NAIVE = Source("reduction/1_naive.cu", _SUMS)
PARTS = Source("reduction/2_parts.cu", [*_SUMS, "sum_parts<float>", "sum_parts<double>"])
ROWS = 64  # of a part, at least
MOST_PARTS = 256


def cut(m, rows=ROWS, most=MOST_PARTS):
    """How many parts m rows are cut into, and the rows of each."""
    each = max(rows, parts(m, most))
    return parts(m, each), each


def column_sums_naive(x):
    x = contiguous(x)
    m, c = x.shape
    y = empty(c, x.dtype)
    if c:
        args = (x, y, np.int64(m), np.int32(c))
        NAIVE.launch(f"column_sums<{name_of(x.dtype)}>", (parts(c, 128),), (128,), args)
    return y


def column_sums_parts(x):
    x = contiguous(x)
    m, c = x.shape
    y = empty(c, x.dtype)
    if not c:
        return y
    count, rows = cut(m)
    partial = empty((count, c), np.float64)
    name = name_of(x.dtype)
    if count:
        args = (x, partial, np.int64(m), np.int32(c), np.int64(rows))
        PARTS.launch(f"column_sums<{name}>", (parts(c, 32), count), (32, 8), args)
    sizes = np.int32(count), np.int32(c)
    PARTS.launch(f"sum_parts<{name}>", (parts(c, 128),), (128,), (partial, y, *sizes))
    return y
