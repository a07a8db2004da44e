"""Which rung of the matrix product applies to which matrices."""

from ..layout import is_transposed

MOST_BLOCKS = 65_535  # along the grid's y axis, of 8 rows or columns in the first two rungs
MOST_DOTS, FEWEST_TERMS = 4, 512


def enough_for_bf16(a, b):
    """Whether the conversions take less time than they save."""
    return a.dtype == "f" and min(*a.shape, b.shape[1]) >= 16


def columns_fit_the_grid(a, b):
    return b.shape[1] <= 8 * MOST_BLOCKS


def rows_fit_the_grid(a, b):
    return a.shape[0] <= 8 * MOST_BLOCKS


def multiples_of_4(a, b):
    """Whether the values that lie side by side in memory, of a, b and the result, are multiples of
    4. (What has gaps is copied row by row.)"""
    beside = a.shape[0] if is_transposed(a) else a.shape[1]
    return a.dtype == "f" and not (beside % 4 or b.shape[0] % 4 or b.shape[1] % 4)


def few_columns(a, b):
    """Whether the sums are long and few, and a lies along them."""
    return b.shape[1] <= MOST_DOTS and a.shape[1] >= FEWEST_TERMS and not is_transposed(a)
