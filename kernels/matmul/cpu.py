"""CPU rungs of matmul."""

import numpy as np

from ..cpu.parallel import parallel
from ..cpu.pointers import at, hold, pointer_to
from .gemm import COLUMNS, ROWS, copy_rows, multiply_tile, pack_panel

# A task computes up to this many rows of the result, from pieces of this length along k: the piece
# of a stays in the second-level cache. (Longer sums in one go would also lose digits.)
ROWS_PER_TASK, TERMS = 256, 256
PANELS_PER_TASK = 4  # its columns, at most: rows of a are used for all of them while near
TASKS = 16  # at least, if there is enough to do: to keep some threads busy
SPLIT_TERMS = 8 * TERMS  # from here on, parts of the sums may be tasks of their own
# Up to here a panel would be almost empty, and plain dot products are faster.
NARROW = 4
NARROW_TASK = 1 << 16  # elements of a per task of dot products
# Rows a multiple of 4 KiB apart share few sets of the cache: they are moved apart.
_PAGE = 4096


def matmul_panels(a, b):
    """Rung 2. Changed: each task packs its panels of b; our register tile, our threads.
    Faster: near the multiply-add peak of each core, no second thread pool.
    Bound: arithmetic for large matrices; memory for few rows or few terms."""
    if b.shape[1] <= NARROW and a.shape[1] > 1 and not a.T.flags.c_contiguous:
        return _narrow(a, b)
    return product(a, b[None])


def product(a, b, *, bias=None, slope=1.0, taps_are_columns=True):
    """activation(a @ b + bias) for some matrices b[tap] side by side, or one below the other.

    a (m, taps * k), b (taps, k, n), both of any strides; the result is (m, n), or with
    `taps_are_columns` a (m, k) and the result (m, taps * n). bias is for n columns.
    activation(v) = v where v > 0, slope * v elsewhere.
    """
    m, (taps, k, n) = a.shape[0], b.shape
    across, along = (taps, 1) if taps_are_columns else (1, taps)
    if m * n * k == 0:
        return _activated(np.zeros((m, across * n), a.dtype), bias, slope)
    if along * k == 1:
        return _activated(a * b.reshape(1, -1), bias, slope)
    by_columns = a.T.flags.c_contiguous and not a.flags.c_contiguous
    a = a.T if by_columns else np.ascontiguousarray(a)
    panels, groups, pieces = -(-n // COLUMNS), -(-m // ROWS_PER_TASK), along * -(-k // TERMS)
    group = min(PANELS_PER_TASK, max(1, across * panels * groups // TASKS))
    tasks = across * -(-panels // group) * groups
    step = max(1, pieces * tasks // TASKS) if along * k >= SPLIT_TERMS else pieces
    parts = -(-pieces // step)
    c = np.empty((parts, m, across * n), a.dtype)
    plain = np.zeros(0 if parts > 1 or bias is None else n, a.dtype)
    if plain.size:
        plain[:] = bias
    # One type for b of any memory order: less to compile.
    start = np.lib.stride_tricks.as_strided(b, (1,), (b.itemsize,))
    _multiply(
        parts * tasks, a, by_columns, start, (*b.shape, *b.strides), c, plain,
        slope if parts == 1 else 1.0, group, step,
    )  # fmt: skip
    return c[0] if parts == 1 else _activated(c.sum(0), bias, slope)


def _activated(c, bias, slope):
    if bias is not None:
        c.reshape(-1, bias.size)[...] += bias
    return c if slope == 1 else np.where(c > 0, c, c.dtype.type(slope) * c)


@parallel
def _multiply(
    task, a, by_columns, b, shape_and_strides, c, bias, slope, panels_per_task, pieces_per_part
):
    """Rows and columns of c[part] = activation(terms of this part of a @ b + bias)."""
    taps, k, n, of_tap, of_row, of_column = shape_and_strides
    _, m, columns = c.shape
    across = columns // n
    column_groups = (n + COLUMNS * panels_per_task - 1) // (COLUMNS * panels_per_task)
    row_groups = (m + ROWS_PER_TASK - 1) // ROWS_PER_TASK
    rest, row_group = divmod(task, row_groups)
    rest, column_group = divmod(rest, column_groups)
    part, tap_across = divmod(rest, across)
    first_row, first = row_group * ROWS_PER_TASK, column_group * panels_per_task * COLUMNS
    rows = min(ROWS_PER_TASK, m - first_row)
    width = min(panels_per_task * COLUMNS, n - first)

    size = b.itemsize
    of_tap, of_row, of_column = of_tap // size, of_row // size, of_column // size
    a_stride = a.shape[1]
    far_apart = by_columns or (a_stride * size) % _PAGE == 0
    # Rows of b that are used for a few rows of a only are read where they lie.
    direct = of_column == 1 and rows <= 4 * ROWS
    terms = min(TERMS, k)
    space = np.empty(
        ROWS * COLUMNS + COLUMNS + panels_per_task * terms * COLUMNS
        + far_apart * (rows + COLUMNS) * (terms + COLUMNS), a.dtype
    )  # fmt: skip
    scratch, zeros = pointer_to(space, 0), pointer_to(space, ROWS * COLUMNS)
    packed = at(zeros, COLUMNS)
    near = at(packed, panels_per_task * terms * COLUMNS)
    for i in range(COLUMNS):
        zeros[i] = 0

    per_tap = (k + TERMS - 1) // TERMS
    first_piece = part * pieces_per_part
    last_piece = min(per_tap * (taps // across), first_piece + pieces_per_part) - 1
    for piece in range(first_piece, last_piece + 1):
        tap_along, first_term = piece // per_tap, piece % per_tap * TERMS
        length = min(TERMS, k - first_term)
        weights = pointer_to(b, (tap_across + tap_along) * of_tap + first_term * of_row)
        for column in range(0, width, COLUMNS):
            if not direct or width - column < COLUMNS:
                pack_panel(
                    at(weights, (first + column) * of_column), of_row, of_column, length,
                    min(COLUMNS, width - column), at(packed, column * terms),
                )  # fmt: skip
        term = tap_along * k + first_term
        left, left_stride = pointer_to(a, first_row * a_stride + term), a_stride
        if by_columns:
            left = pointer_to(a, term * a_stride + first_row)
        if far_apart:
            left_stride = (rows if by_columns else length) + COLUMNS
            if by_columns:
                copy_rows(left, a_stride, near, left_stride, length, rows)
            else:
                copy_rows(left, a_stride, near, left_stride, rows, length)
            left = near
        for i in range(0, rows, ROWS):
            for column in range(0, width, COLUMNS):
                place = (part * m + first_row + i) * columns + tap_across * n + first + column
                target = pointer_to(c, place)
                start, start_stride = target, columns
                if piece == first_piece:
                    start, start_stride = zeros, 0
                    if bias.size > 0:
                        start = pointer_to(bias, first + column)
                right, right_stride = at(packed, column * terms), COLUMNS
                if direct and width - column >= COLUMNS:
                    right, right_stride = at(weights, first + column), of_row
                multiply_tile(
                    at(left, i if by_columns else i * left_stride), by_columns, left_stride,
                    right, right_stride, length, start, start_stride, target, columns,
                    min(ROWS, rows - i), min(COLUMNS, width - column),
                    slope if piece == last_piece else 1.0, scratch,
                )  # fmt: skip
    hold(space)


def _narrow(a, b):
    (m, k), n = a.shape, b.shape[1]
    c = np.empty((m, n), a.dtype)
    if m * n:
        step = max(1, NARROW_TASK // k)
        _dot_products(-(-m // step), np.ascontiguousarray(a), np.ascontiguousarray(b.T), c, step)
    return c


@parallel
def _dot_products(task, a, columns, c, step):
    for i in range(task * step, min(c.shape[0], (task + 1) * step)):
        for j in range(columns.shape[0]):
            total = a[i, 0] * columns[j, 0]
            for l in range(1, a.shape[1]):  # noqa: E741
                total += a[i, l] * columns[j, l]
            c[i, j] = total
