"""Rung 0 of the moving average: one number at a time."""

import numpy as np


def average(averages, values, *, decay, updates):
    d = min(decay, (1 + updates) / (10 + updates))
    for mean, value in zip(averages, values, strict=True):
        for i in np.ndindex(mean.shape):
            mean[i] = d * mean[i] + (1 - d) * value[i]
    return averages
