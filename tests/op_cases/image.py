"""Ops that move images."""

from __future__ import annotations

import numpy as np

from op_cases.case import OpCase, normal
from tinygan.ops.image import translate

DOWN, RIGHT = np.array([1, -2]), np.array([0, 3])


def moved(x):
    y = np.zeros_like(x)
    for i, c, row, column in np.ndindex(x.shape):
        source = row - DOWN[i], column - RIGHT[i]
        if 0 <= source[0] < x.shape[2] and 0 <= source[1] < x.shape[3]:
            y[i, c, row, column] = x[i, c, source[0], source[1]]
    return y


CASES = [
    OpCase("translate", lambda x: translate(x, DOWN, RIGHT), [normal(2, 2, 4, 5)], numpy=moved),
]
