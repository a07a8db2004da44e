"""Rung 1 of batch normalisation, in NumPy."""

import numpy as np

from .reference import with_running


def batch_norm(x, weight, bias, eps, slope, running=None):
    """Rung 1. Changed: whole-array expressions. Faster: compiled passes.
    Bound: memory; x is read four times and three temporaries of its size are written."""
    mean = x.mean(0, dtype=np.float64)
    var = np.square(x - mean).mean(0)
    scale = weight / np.sqrt(var + eps)
    u = ((x - mean) * scale + bias).astype(x.dtype)
    y = np.where(u > 0, u, x.dtype.type(slope) * u)
    return with_running((y, mean.astype(x.dtype), var.astype(x.dtype)), x.shape[0], running)


def batch_norm_backward(x, grad_y, weight, bias, mean, var, eps, slope):
    """Rung 1: as the forward pass."""
    inverse = 1 / np.sqrt(var.astype(np.float64) + eps)
    z = (x - mean) * inverse
    grad = np.where(weight * z + bias > 0, grad_y, slope * grad_y)
    grad_bias = grad.sum(0, dtype=np.float64)
    grad_weight = (grad * z).sum(0)
    m = x.shape[0]
    grad_x = weight * inverse * (grad - grad_bias / m - z * (grad_weight / m))
    return tuple(array.astype(x.dtype) for array in (grad_x, grad_weight, grad_bias))
