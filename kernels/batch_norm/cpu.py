"""CPU rungs of batch normalisation."""

import numpy as np

from tinygan.kernels.jit import jit
from tinygan.kernels.memory import parts
from tinygan.kernels.threads import run_tasks

ELEMENTS_PER_TASK = 65536


def batch_norm_numpy(x, weight, bias, eps, slope):
    """Rung 1. Changed: whole-array expressions. Faster: compiled passes.
    Bound: memory; x is read four times and three temporaries of its size are written."""
    mean = x.mean(0, dtype=np.float64)
    var = np.square(x - mean).mean(0)
    scale = weight / np.sqrt(var + eps)
    u = ((x - mean) * scale + bias).astype(x.dtype)
    y = np.where(u > 0, u, x.dtype.type(slope) * u)
    return y, mean.astype(x.dtype), var.astype(x.dtype)


def batch_norm_backward_numpy(x, y, grad_y, weight, mean, var, eps, slope):
    """Rung 1: as the forward pass."""
    inverse = 1 / np.sqrt(var.astype(np.float64) + eps)
    grad = np.where(y > 0, grad_y, slope * grad_y)
    z = (x - mean) * inverse
    grad_bias = grad.sum(0, dtype=np.float64)
    grad_weight = (grad * z).sum(0)
    m = x.shape[0]
    grad_x = weight * inverse * (grad - grad_bias / m - z * (grad_weight / m))
    return tuple(array.astype(x.dtype) for array in (grad_x, grad_weight, grad_bias))


def batch_norm_threads(x, weight, bias, eps, slope):
    """Rung 2. Changed: one pass for both sums, one for the result, each over cache-sized tasks.
    Faster: x is read twice and y written once, on all cores. Bound: memory traffic.

    The sums are of d = x - pivot with the first row as the pivot, in float64:
    mean = pivot + sum(d) / m and var = sum(d^2) / m - (sum(d) / m)^2 lose no digits when the
    values lie far from zero."""
    x = np.ascontiguousarray(x)
    m, c = x.shape
    step, count = _tasks(m, c)
    sums = np.zeros((count, 2, c))
    run_tasks(lambda t: _shifted_sums(x[t * step : (t + 1) * step], x[0], sums[t]), count)
    first, second = sums.sum(0) / m
    var = np.maximum(second - first * first, 0)
    mean = x[0] + first
    scale = (weight / np.sqrt(var + eps)).astype(x.dtype)
    mean = mean.astype(x.dtype)
    y = np.empty_like(x)
    slope = x.dtype.type(slope)
    run_tasks(
        lambda t: _scale(
            x[t * step : (t + 1) * step], mean, scale, bias, slope, y[t * step : (t + 1) * step]
        ),
        count,
    )
    return y, mean, var.astype(x.dtype)


def batch_norm_backward_threads(x, y, grad_y, weight, mean, var, eps, slope):
    """Rung 2: as the forward pass; x, y and grad_y are read twice, grad_x is written once."""
    x, y, grad = (np.ascontiguousarray(array) for array in (x, y, grad_y))
    m, c = x.shape
    step, count = _tasks(m, c)
    sums = np.zeros((count, 2, c))
    inverse = (1 / np.sqrt(var.astype(np.float64) + eps)).astype(x.dtype)
    slope = x.dtype.type(slope)

    def part(array, t):
        return array[t * step : (t + 1) * step]

    run_tasks(
        lambda t: _gradient_sums(
            part(x, t), part(y, t), part(grad, t), slope, mean, inverse, sums[t]
        ),
        count,
    )
    grad_bias, grad_weight = sums.sum(0)
    grad_x = np.empty_like(x)
    mean_grad, mean_product = (grad_bias / m).astype(x.dtype), (grad_weight / m).astype(x.dtype)
    run_tasks(
        lambda t: _input_gradient(
            part(x, t), part(y, t), part(grad, t), slope, mean, inverse, weight * inverse,
            mean_grad, mean_product, part(grad_x, t),
        ),
        count,
    )  # fmt: skip
    return grad_x, grad_weight.astype(x.dtype), grad_bias.astype(x.dtype)


def _tasks(m, c):
    """(rows of a task, number of tasks), from the shape alone."""
    step = max(1, ELEMENTS_PER_TASK // c)
    return step, parts(m, step)


@jit
def _shifted_sums(x, pivot, sums):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            difference = np.float64(x[i, j]) - np.float64(pivot[j])
            sums[0, j] += difference
            sums[1, j] += difference * difference


# (x - mean) * scale: the form x * scale + shift would cancel when the mean is large.
@jit
def _scale(x, mean, scale, bias, slope, y):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            u = (x[i, j] - mean[j]) * scale[j] + bias[j]
            y[i, j] = u if u > 0 else slope * u


@jit
def _gradient_sums(x, y, grad, slope, mean, inverse, sums):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            g = np.float64(grad[i, j] if y[i, j] > 0 else slope * grad[i, j])
            sums[0, j] += g
            sums[1, j] += g * ((x[i, j] - mean[j]) * inverse[j])


@jit
def _input_gradient(
    x, y, grad, slope, mean, inverse, factor, mean_grad, mean_product, grad_x
):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            z = (x[i, j] - mean[j]) * inverse[j]
            g = grad[i, j] if y[i, j] > 0 else slope * grad[i, j]
            grad_x[i, j] = factor[j] * (g - mean_grad[j] - z * mean_product[j])
