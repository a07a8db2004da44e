"""Rung 2 of the gradient by the weight: windows.T @ y, a block of pixels at a time.

Changed, faster, bound: as in `panels.py`.
"""

import numpy as np

from ..copies import in_order
from ..cpu.parallel import parallel
from ..cpu.pointers import at, hold, pointer_to
from ..matmul.cpu import product
from ..matmul.gemm import COLUMNS, LANES, ROWS, multiply_tile, pack_panel
from .windows import gather_windows

PIXELS = 128  # gathered at once, and the terms of a sum before it is added to the others
ROWS_PER_TASK = 128  # rows of the weight (r * s * c, k), about; whole taps
COLUMNS_PER_TASK = 4 * COLUMNS
FEW = 4  # output channels
TASKS = 16  # at least, if there are enough pixels


def conv2d_weight_grad(x, y, *, stride, padding, kernel_size, order=(2, 3, 1, 0)):
    """weight = windows.T @ y.

    A task computes the rows of a few taps, over all pixels or a part of them: no two tasks add to
    the same result, and the order of the sums is always the same.
    """
    (r, s), (n, height, width, c), k = kernel_size, x.shape, y.shape[3]
    x = np.ascontiguousarray(x)
    rows = np.ascontiguousarray(y).reshape(-1, k)
    if rows.shape[0] == 0:
        return in_order(np.zeros((r, s, c, k), x.dtype).transpose(3, 2, 0, 1), order)
    if y.shape[1:3] == (1, 1) and (r, s) == (height, width) and tuple(padding) == (0, 0):
        weight = product(x.reshape(n, r * s * c).T, rows[None])
        return in_order(weight.reshape(r, s, c, k).transpose(3, 2, 0, 1), order)
    back = (r - 1 - padding[0], s - 1 - padding[1])
    if tuple(stride) == (1, 1) and k <= FEW < c and min(back) >= 0:
        # Columns of a product are worth a vector register each: the many channels become those. In
        # weight[k, c, r, s] = sum of x[p + r - top] y[p], the places h = p + r - top are counted:
        # the windows are now cut out of y, from the last tap to the first.
        turned = conv2d_weight_grad(y, x, stride=stride, padding=back, kernel_size=kernel_size)
        return in_order(turned.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1], order)
    taps = min(r * s, max(1, ROWS_PER_TASK // c))
    tasks = -(-r * s // taps) * -(-k // COLUMNS_PER_TASK)
    blocks = -(-rows.shape[0] // PIXELS)
    step = -(-blocks // min(blocks, -(-TASKS // tasks)))
    parts = -(-blocks // step)
    sums = np.empty((parts, r * s * c, k), x.dtype)
    _add_blocks(
        tasks * parts, x, rows, sums, y.shape[1:3], s, tuple(stride), tuple(padding), taps, step
    )
    weight = sums[0] if parts == 1 else sums.sum(0)
    return in_order(weight.reshape(r, s, c, k).transpose(3, 2, 0, 1), order)


@parallel
def _add_blocks(task, x, y, sums, size, s, stride, padding, taps_per_task, blocks_per_part):
    """Some taps and some columns of sums[part]."""
    c = x.shape[3]
    pixels, k = y.shape
    _, all_rows, _ = sums.shape
    taps = all_rows // c
    tap_groups = (taps + taps_per_task - 1) // taps_per_task
    column_groups = (k + COLUMNS_PER_TASK - 1) // COLUMNS_PER_TASK
    rest, tap_group = divmod(task, tap_groups)
    part, column_group = divmod(rest, column_groups)
    first_tap = tap_group * taps_per_task
    last_tap = min(taps, first_tap + taps_per_task)
    first, last = column_group * COLUMNS_PER_TASK, min(k, (column_group + 1) * COLUMNS_PER_TASK)

    rows = (last_tap - first_tap) * c
    row = rows + LANES  # not a power of two apart
    space = np.empty(PIXELS * (row + COLUMNS) + ROWS * COLUMNS + COLUMNS, x.dtype)
    windows, packed = pointer_to(space, 0), pointer_to(space, PIXELS * row)
    scratch = at(packed, PIXELS * COLUMNS)
    zeros = at(scratch, ROWS * COLUMNS)
    for i in range(COLUMNS):
        zeros[i] = 0

    first_pixel = part * blocks_per_part * PIXELS
    last_pixel = min(pixels, first_pixel + blocks_per_part * PIXELS)
    for pixel in range(first_pixel, last_pixel, PIXELS):
        count = min(PIXELS, last_pixel - pixel)
        gather_windows(
            x, windows, row, size[0], size[1], s, first_tap, last_tap, stride[0], stride[1],
            -padding[0], -padding[1], pixel, count,
        )  # fmt: skip
        for column in range(first, last, COLUMNS):
            width = min(COLUMNS, last - column)
            right, right_stride = pointer_to(y, pixel * k + column), k
            if width < COLUMNS or rows > 8 * ROWS:  # else it is not worth a copy
                pack_panel(right, k, 1, count, width, packed)
                right, right_stride = packed, COLUMNS
            for i in range(0, rows, ROWS):
                place = (part * all_rows + first_tap * c + i) * k + column
                target = pointer_to(sums, place)
                start, start_stride = target, k
                if pixel == first_pixel:
                    start, start_stride = zeros, 0
                multiply_tile(
                    at(windows, i), True, row, right, right_stride, count, start, start_stride,
                    target, k, min(ROWS, rows - i), width, 1.0, scratch,
                )  # fmt: skip
    hold(space)
