"""CPU rungs of the layout changes."""

import numpy as np

from ..cpu.parallel import parallel
from ..cpu.pointers import at, pointer_to
from ..integers import ceil_div
from .transpose import SIDE, transpose_block

ELEMENTS_PER_TASK = 65536


def swap_inner_threads(x):
    """Rung 2. Changed: block by block, on all cores.
    Faster: a cache line that was fetched is used up before it is lost. Bound: memory traffic."""
    x = np.ascontiguousarray(x)
    n, a, b = x.shape
    y = np.empty((n, b, a), x.dtype)
    if x.size == 0:
        return y
    rows = max(SIDE, ELEMENTS_PER_TASK // b // SIDE * SIDE)  # of one image, in a task
    bands = ceil_div(a, rows)
    images = max(1, ELEMENTS_PER_TASK // (a * b))
    _swap(ceil_div(n, images) * bands, x, images, bands, rows, y)
    return y


@parallel
def _swap(task, x, images, bands, rows, y):
    n, a, b = x.shape
    source, target = pointer_to(x, 0), pointer_to(y, 0)
    group, band = divmod(task, bands)
    stop = min(a, (band + 1) * rows)
    for image in range(group * images, min(n, (group + 1) * images)):
        for i in range(band * rows, stop, SIDE):
            for j in range(0, b, SIDE):
                if a >= SIDE and b >= SIDE:
                    # The last block overlaps the one before, whose values it writes again; the
                    # first row of a band never moves into the band before.
                    first, start = min(i, max(stop - SIDE, band * rows)), min(j, b - SIDE)
                    if first + SIDE <= stop:
                        transpose_block(
                            at(source, (image * a + first) * b + start), b,
                            at(target, (image * b + start) * a + first), a,
                        )  # fmt: skip
                        continue
                for column in range(j, min(b, j + SIDE)):
                    for row in range(i, min(stop, i + SIDE)):
                        y[image, column, row] = x[image, row, column]
