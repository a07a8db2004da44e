"""Rung 0 of the sums of lists: one number at a time."""

import numpy as np


def add_all(a, b):
    results = []
    for x, y in zip(a, b, strict=True):
        result = np.empty_like(x)
        for i in np.ndindex(x.shape):
            result[i] = x[i] + y[i]
        results.append(result)
    return results
