"""Rung 1 of matmul, in NumPy."""

import numpy as np


def matmul(a, b):
    """Rung 1. Changed: the BLAS that NumPy brings. Faster: tiles, vectors, threads.
    Bound: the BLAS's own threads, which wait in busy loops between calls and so take cores away
    from every other kernel of a training step."""
    return np.matmul(a, b)
