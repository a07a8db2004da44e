"""The algorithm of the package's docstring, one number at a time."""

import math

import numpy as np


def adam(params, grads, m, v, state, *, beta1, beta2, eps):
    state[0] += 1
    step, lr = (float(number) for number in state)
    for p, g, first, second in zip(params, grads, m, v, strict=True):
        for i in np.ndindex(p.shape):
            first[i] = beta1 * first[i] + (1 - beta1) * g[i]
            second[i] = beta2 * second[i] + (1 - beta2) * g[i] ** 2
            denominator = math.sqrt(second[i] / (1 - beta2**step)) + eps
            p[i] -= lr / (1 - beta1**step) * first[i] / denominator
    return [*params, *m, *v]
