"""Rung 0 of the cross-entropy: the definition, logit by logit."""

import math

import numpy as np


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def bce_with_logits(x, target):
    terms = [target * _softplus(-v) + (1 - target) * _softplus(v) for v in x.ravel().tolist()]
    return np.array(math.fsum(terms) / x.size, x.dtype)


def bce_with_logits_backward(x, grad, target):
    result = np.empty(x.shape, x.dtype)
    for index in np.ndindex(x.shape):
        p = math.exp(-_softplus(-float(x[index])))
        not_p = math.exp(-_softplus(float(x[index])))
        result[index] = float(grad) * ((1 - target) * p - target * not_p) / x.size
    return result
