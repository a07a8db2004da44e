"""CPU rungs of matmul."""

import numpy as np

from tinygan.kernels.jit import jit
from tinygan.kernels.matmul.gemm import (
    add_columns_times_panels,
    empty_panels,
    pack_panels,
    rows_times_panels,
)
from tinygan.kernels.threads import run_tasks

# A task computes this many rows of the result; its part of a stays in the second-level cache.
ROWS_PER_TASK = 96
# Up to here a panel would be almost empty, and plain dot products are faster.
NARROW = 4
# Elements of a per task of dot products: with fewer, handing them to a thread takes longer.
NARROW_TASK = 1 << 19
# From here on the padded rows pay: rows a multiple of 4 KiB apart share one cache set.
_PAGE = 4096


def matmul_numpy(a, b):
    """Rung 1. Changed: the BLAS that NumPy brings. Faster: tiles, vectors, threads.
    Bound: the BLAS's own threads, which wait in busy loops between calls and so take cores away
    from every other kernel of a training step."""
    return np.matmul(a, b)


def matmul_panels(a, b):
    """Rung 2. Changed: b packed in panels, our register tile, our thread pool.
    Faster: near the multiply-add peak of each core, no second thread pool.
    Bound: arithmetic for large matrices; packing b for few rows of a."""
    (m, k), n = a.shape, b.shape[1]
    if m * n == 0 or k == 0:
        return np.zeros((m, n), a.dtype)
    if k == 1:
        return a * b
    if n <= NARROW:
        return _narrow(a, b)
    panels = empty_panels(1, k, n, a.dtype)[0]
    tasks = -(-panels.shape[0] // 4)
    run_tasks(lambda t: pack_panels(b[:, t * 4 * panels.shape[2] :], panels[t * 4 : t * 4 + 4], 0),
              tasks)  # fmt: skip
    c = np.empty((m, n), a.dtype)
    count = -(-m // ROWS_PER_TASK)
    if a.T.flags.c_contiguous and not a.flags.c_contiguous:
        columns = a.T

        def task(index):
            part = slice(index * ROWS_PER_TASK, min(m, (index + 1) * ROWS_PER_TASK))
            c[part] = 0
            block = np.ascontiguousarray(columns[:, part])
            add_columns_times_panels(block, block.shape[1], panels, c[part])
    else:
        rows = _rows_apart(a)
        no_bias = np.empty(0, a.dtype)

        def task(index):
            part = slice(index * ROWS_PER_TASK, min(m, (index + 1) * ROWS_PER_TASK))
            rows_times_panels(rows[part], k, panels, no_bias, c[part])

    run_tasks(task, count)
    return c


def _rows_apart(a):
    """`a` with contiguous rows that do not all fall into the same cache sets."""
    if (a.shape[1] * a.itemsize) % _PAGE:
        return np.ascontiguousarray(a)
    padded = np.empty((a.shape[0], a.shape[1] + 64 // a.itemsize), a.dtype)
    padded[:, : a.shape[1]] = a
    return padded


def _narrow(a, b):
    columns = np.ascontiguousarray(b.T)
    c = np.empty((a.shape[0], b.shape[1]), a.dtype)
    if a.T.flags.c_contiguous:
        kernel, a = _sums_of_columns, a.T
    else:
        kernel, a = _dot_products, np.ascontiguousarray(a)
    step = max(ROWS_PER_TASK, NARROW_TASK // b.shape[0])

    def task(index):
        part = slice(index * step, (index + 1) * step)
        kernel(a[:, part] if kernel is _sums_of_columns else a[part], columns, c[part])

    run_tasks(task, -(-c.shape[0] // step))
    return c


@jit
def _sums_of_columns(a, columns, c):
    """c = a.T @ columns.T, one row of a after the other: consecutive reads, no sum over lanes."""
    for j in range(columns.shape[0]):
        for i in range(a.shape[1]):
            c[i, j] = a[0, i] * columns[j, 0]
        for l in range(1, a.shape[0]):  # noqa: E741
            for i in range(a.shape[1]):
                c[i, j] += a[l, i] * columns[j, l]


@jit
def _dot_products(a, columns, c):
    for i in range(a.shape[0]):
        for j in range(columns.shape[0]):
            total = a[i, 0] * columns[j, 0]
            for l in range(1, a.shape[1]):  # noqa: E741
                total += a[i, l] * columns[j, l]
            c[i, j] = total
