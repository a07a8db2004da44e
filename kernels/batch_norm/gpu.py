"""CUDA rungs of batch normalisation."""

import numpy as np

from ..copies import contiguous
from ..cuda.source import Source, empty, name_of
from ..integers import ceil_div
from ..reduction.gpu import MOST_PARTS, cut
from .reference import with_running

_TYPES = ("float", "double")
NAIVE = Source(
    "batch_norm/1_naive.cu",
    [f"{name}<{dtype}>" for name in ("batch_norm", "batch_norm_backward") for dtype in _TYPES],
)
PARTS = Source(
    "batch_norm/2_parts.cu",
    [f"{name}<{dtype}>" for dtype in _TYPES for name in (
        "moments", "merge_moments", "normalise", "grad_sums", "merge_grad_sums", "grad_x")],
)  # fmt: skip
COLUMNS = Source(
    "batch_norm/3_columns.cu",
    [f"{name}<{dtype}>" for dtype in _TYPES
     for name in ("moments", "normalise", "grad_sums", "grad_x")] + ["merge", "merge_sums"],
    in_steps=True,
)  # fmt: skip
THREADS = 256


def batch_norm_naive(x, weight, bias, eps, slope, running=None):
    x, weight, bias = map(contiguous, (x, weight, bias))
    (m, c), t = x.shape, x.dtype.type
    y, mean, var = empty((m, c), x.dtype), empty(c, x.dtype), empty(c, x.dtype)
    NAIVE.launch(
        f"batch_norm<{name_of(x.dtype)}>", (ceil_div(c, THREADS),), (THREADS,),
        (x, weight, bias, y, mean, var, np.int64(m), np.int32(c), t(eps), t(slope)),
    )  # fmt: skip
    return with_running((y, mean, var), m, running)


def batch_norm_backward_naive(x, grad_y, weight, bias, mean, var, eps, slope):
    arrays = [contiguous(array) for array in (x, grad_y, weight, bias, mean, var)]
    (m, c), t = x.shape, x.dtype.type
    results = empty((m, c), x.dtype), empty(c, x.dtype), empty(c, x.dtype)
    NAIVE.launch(
        f"batch_norm_backward<{name_of(x.dtype)}>", (ceil_div(c, THREADS),), (THREADS,),
        (*arrays, *results, np.int64(m), np.int32(c), t(eps), t(slope)),
    )  # fmt: skip
    return results


def batch_norm_parts(x, weight, bias, eps, slope, running=None):
    x, weight, bias = map(contiguous, (x, weight, bias))
    (m, c), t, name = x.shape, x.dtype.type, name_of(x.dtype)
    y, mean, var = empty((m, c), x.dtype), empty(c, x.dtype), empty(c, x.dtype)
    count, rows = cut(m)
    partial = empty((count, 1 + 2 * c), np.float64)
    sizes = np.int64(m), np.int32(c), np.int64(rows)
    PARTS.launch(f"moments<{name}>", (ceil_div(c, 32), count), (32, 8), (x, partial, *sizes))
    PARTS.launch(
        f"merge_moments<{name}>", (ceil_div(c, 32),), (32, 8),
        (partial, mean, var, np.int32(count), np.int32(c)),
    )  # fmt: skip
    PARTS.launch(
        f"normalise<{name}>", (ceil_div(x.size, THREADS),), (THREADS,),
        (x, weight, bias, mean, var, y, np.int64(x.size), np.int32(c), t(eps), t(slope)),
    )  # fmt: skip
    return with_running((y, mean, var), m, running)


def batch_norm_backward_parts(x, grad_y, weight, bias, mean, var, eps, slope):
    arrays = [contiguous(array) for array in (x, grad_y, weight, bias, mean, var)]
    (m, c), t, name = x.shape, x.dtype.type, name_of(x.dtype)
    result, grad_weight, grad_bias = empty((m, c), x.dtype), empty(c, x.dtype), empty(c, x.dtype)
    count, rows = cut(m)
    partial = empty((count, 2, c), np.float64)
    PARTS.launch(
        f"grad_sums<{name}>", (ceil_div(c, 32), count), (32, 8),
        (*arrays, partial, np.int64(m), np.int32(c), np.int64(rows), t(eps), t(slope)),
    )  # fmt: skip
    PARTS.launch(
        f"merge_grad_sums<{name}>", (ceil_div(c, THREADS),), (THREADS,),
        (partial, grad_weight, grad_bias, np.int32(count), np.int32(c)),
    )  # fmt: skip
    PARTS.launch(
        f"grad_x<{name}>", (ceil_div(x.size, THREADS),), (THREADS,),
        (*arrays, grad_weight, grad_bias, result, np.int64(x.size), np.int32(c), t(m), t(eps),
         t(slope)),
    )  # fmt: skip
    return result, grad_weight, grad_bias


# In rung 3 each block puts all parts together, so there are fewer than in rung 2.
_MOST_PARTS = 64


def _blocks(m, c):
    """The grid of the second kernel, and the rows of each block."""
    count, rows = cut(m, most=MOST_PARTS)
    return (ceil_div(c, 32), count), np.int64(rows)


def batch_norm_columns(x, weight, bias, eps, slope, running=None):
    x = contiguous(x)
    (m, c), name = x.shape, name_of(x.dtype)
    count, rows = cut(m, most=_MOST_PARTS)
    moments = empty((count, 1 + 2 * c), np.float64)
    COLUMNS.launch(
        f"moments<{name}>", (ceil_div(c, 32), count), (32, 8),
        (x, moments, np.int64(m), np.int32(c), np.int64(rows)),
    )  # fmt: skip
    return normalised(x, moments, weight, bias, eps, slope, running)


def _few(kernel, many, c):
    """As many parts as each block of the next kernel may read."""
    if len(many) <= 2 * _MOST_PARTS:
        return many
    each = ceil_div(len(many), _MOST_PARTS)
    few = empty((ceil_div(len(many), each), many.shape[1]), np.float64)
    COLUMNS.launch(
        kernel, (ceil_div(c, 32), len(few)), (32, 8),
        (many, few, np.int32(len(many)), np.int32(each), np.int32(c)),
    )  # fmt: skip
    return few


def normalised(x, moments, weight, bias, eps, slope, running):
    """The results of `batch_norm` from the moments of parts of the rows (sums.cuh)."""
    weight, bias = contiguous(weight), contiguous(bias)
    (m, c), t, name = x.shape, x.dtype.type, name_of(x.dtype)
    moments = _few("merge", moments, c)
    y, mean, var = empty((m, c), x.dtype), empty(c, x.dtype), empty(c, x.dtype)
    grid, rows_of_block = _blocks(m, c)
    here = running is not None and all(
        array.dtype == x.dtype and array.flags.c_contiguous for array in running[:2]
    )
    *moved, momentum = running if here else (np.uintp(0), np.uintp(0), 0)
    COLUMNS.launch(
        f"normalise<{name}>", grid, (32, 8),
        (x, weight, bias, moments, mean, var, *moved, y, np.int32(len(moments)), np.int64(m),
         np.int32(c), rows_of_block, t(eps), t(slope), t(momentum)),
    )  # fmt: skip
    return (y, mean, var, *moved) if here else with_running((y, mean, var), m, running)


def batch_norm_backward_columns(x, grad_y, weight, bias, mean, var, eps, slope):
    x, grad_y = contiguous(x), contiguous(grad_y)
    weight, bias, mean, var = map(contiguous, (weight, bias, mean, var))
    (m, c), t, name = x.shape, x.dtype.type, name_of(x.dtype)
    count, rows = cut(m, most=_MOST_PARTS)
    sums = empty((count, 2 * c), np.float64)
    COLUMNS.launch(
        f"grad_sums<{name}>", (ceil_div(c, 32), count), (32, 8),
        (x, grad_y, weight, bias, mean, var, sums, np.int64(m), np.int32(c), np.int64(rows),
         t(eps), t(slope)),
    )  # fmt: skip
    return gradients(x, grad_y, sums, weight, bias, mean, var, eps, slope)


def gradients(x, grad_y, sums, weight, bias, mean, var, eps, slope):
    """The results of `batch_norm_backward` from the sums of parts of the rows (sums.cuh). Arrays
    are contiguous."""
    (m, c), t, name = x.shape, x.dtype.type, name_of(x.dtype)
    sums = _few("merge_sums", sums, c)
    result, grad_weight, grad_bias = empty((m, c), x.dtype), empty(c, x.dtype), empty(c, x.dtype)
    grid, rows_of_block = _blocks(m, c)
    COLUMNS.launch(
        f"grad_x<{name}>", grid, (32, 8),
        (x, grad_y, weight, bias, mean, var, sums, grad_weight, grad_bias, result,
         np.int32(len(sums)), np.int64(m), np.int32(c), rows_of_block, t(eps), t(slope)),
    )  # fmt: skip
    return result, grad_weight, grad_bias
