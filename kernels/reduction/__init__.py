"""Sums over samples and pixels: the gradient of a bias.

    column_sums(x)[j] = sum over i of x[i, j]          x (m, c) -> (c,), accumulated in float64
"""

from ..ladder import Ladder, is_float
from .cases import COLUMN_SUMS

column_sums = Ladder("column_sums", COLUMN_SUMS, baseline="reduction.baseline:column_sums")
column_sums.rung("reference", "reduction.reference:column_sums")
column_sums.rung("numpy", "reduction.numpy_rungs:column_sums")
column_sums.rung("threads", "reduction.cpu:column_sums_threads", compiled=True, covers=is_float)
column_sums.rung("naive", "reduction.gpu:column_sums_naive", device="cuda")
column_sums.rung("parts", "reduction.gpu:column_sums_parts", device="cuda")
