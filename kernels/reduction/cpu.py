"""CPU rungs of the sums over rows."""

import numpy as np

from ..cpu.parallel import parallel
from ..integers import ceil_div

ELEMENTS_PER_TASK = 65536
WIDE = 16  # columns from which on a row fills vectors; else as many rows lie side by side
ROWS = 8  # summed in the dtype of x, before they are added in float64


def column_sums_threads(x):
    """Rung 2. Changed: tasks of rows on all cores, eight rows for each conversion to float64.
    Faster: x is read once, at the speed of memory. Bound: memory traffic."""
    x = np.ascontiguousarray(x)
    m, c = x.shape
    if c < WIDE and m * c:
        whole = m // WIDE * WIDE
        sums = _sums(x[:whole].reshape(-1, WIDE * c)).reshape(WIDE, c).sum(0)
        return (sums + x[whole:].sum(0, dtype=np.float64)).astype(x.dtype)
    return _sums(x).astype(x.dtype)


def _sums(x):
    m, c = x.shape
    step = max(1, ELEMENTS_PER_TASK // max(1, c))
    sums = np.empty((ceil_div(m, step), c))
    _add_rows(len(sums), x, step, sums)
    return sums.sum(0)


@parallel
def _add_rows(task, x, step, sums):
    total = sums[task]
    total[...] = 0
    stop = min(x.shape[0], (task + 1) * step)
    for start in range(task * step, stop, ROWS):
        if start + ROWS <= stop:
            for j in range(x.shape[1]):
                part = x[start, j]
                for i in range(1, ROWS):
                    part += x[start + i, j]
                total[j] += part
        else:
            for i in range(start, stop):
                for j in range(x.shape[1]):
                    total[j] += x[i, j]
