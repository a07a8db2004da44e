"""Rung 0 of the layout changes: loops over indices."""

import numpy as np


def swap_inner(x):
    n, a, b = x.shape
    y = np.empty((n, b, a), x.dtype)
    for image in range(n):
        for i in range(a):
            for j in range(b):
                y[image, j, i] = x[image, i, j]
    return y
