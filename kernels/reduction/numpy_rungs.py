"""Rung 1 of the sums over rows, in NumPy."""

import numpy as np


def column_sums(x):
    """Rung 1. Changed: NumPy's sum. Faster: compiled. Bound: one core, converting each value."""
    return x.sum(0, dtype=np.float64).astype(x.dtype)
