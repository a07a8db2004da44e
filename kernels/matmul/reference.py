"""c[i, j] = sum_l a[i, l] b[l, j], as it is written."""

import numpy as np

from ..cpu.jit import jit


@jit
def matmul(a, b):
    m, k = a.shape
    n = b.shape[1]
    c = np.empty((m, n), a.dtype)
    for i in range(m):
        for j in range(n):
            total = 0.0
            for l in range(k):  # noqa: E741
                total += a[i, l] * b[l, j]
            c[i, j] = total
    return c
