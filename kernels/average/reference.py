"""Rung 0 of the moving average: one number at a time."""

import numpy as np


def average(averages, values, count, *, decay):
    count[0] += 1
    t = float(count[0])
    d = min(decay, (1 + t) / (10 + t))
    for mean, value in zip(averages, values, strict=True):
        for i in np.ndindex(mean.shape):
            mean[i] = d * mean[i] + (1 - d) * value[i]
    return averages
