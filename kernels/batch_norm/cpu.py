"""CPU rungs of batch normalisation."""

import numpy as np

from ..cpu.parallel import parallel
from ..integers import ceil_div
from .reference import with_running

ELEMENTS_PER_TASK = 65536
# Rows that are summed in the dtype of x before they are added in float64: a conversion of every
# value would take longer than its sum, and eight values lose no more than one rounding each.
ROWS = 8


def batch_norm_threads(x, weight, bias, eps, slope, running=None):
    """Rung 2. Changed: one pass for both sums, one for the result, each over cache-sized tasks.
    Faster: x is read twice and y written once, on all cores. Bound: memory traffic.

    The sums are of d = x - pivot with the first row as the pivot, in float64:
    mean = pivot + sum(d) / m and var = sum(d^2) / m - (sum(d) / m)^2 lose no digits when the
    values lie far from zero."""
    x = np.ascontiguousarray(x)
    m, c = x.shape
    step, count = _tasks(m, c)
    sums = np.empty((count, 2, c))
    _shifted_sums(count, x, step, sums)
    first, second = sums.sum(0) / m
    var = np.maximum(second - first * first, 0)
    mean = (x[0] + first).astype(x.dtype)
    scale = (weight / np.sqrt(var + eps)).astype(x.dtype)
    y = np.empty_like(x)
    _normalise(count, x, step, mean, scale, bias, x.dtype.type(slope), y)
    return with_running((y, mean, var.astype(x.dtype)), m, running)


def batch_norm_backward_threads(x, grad_y, weight, bias, mean, var, eps, slope):
    """Rung 2: as the forward pass; x and grad_y are read twice, grad_x is written once."""
    x, grad = np.ascontiguousarray(x), np.ascontiguousarray(grad_y)
    m, c = x.shape
    step, count = _tasks(m, c)
    sums = np.empty((count, 2, c))
    inverse = (1 / np.sqrt(var.astype(np.float64) + eps)).astype(x.dtype)
    activation = mean, weight * inverse, bias, x.dtype.type(slope)
    _gradient_sums(count, x, grad, step, activation, inverse, sums)
    grad_bias, grad_weight = sums.sum(0)
    grad_x = np.empty_like(x)
    mean_grad, mean_product = (grad_bias / m).astype(x.dtype), (grad_weight / m).astype(x.dtype)
    _input_gradient(count, x, grad, step, activation, inverse, mean_grad, mean_product, grad_x)
    return grad_x, grad_weight.astype(x.dtype), grad_bias.astype(x.dtype)


def _tasks(m, c):
    """(rows of a task, number of tasks), from the shape alone."""
    step = max(1, ELEMENTS_PER_TASK // c)
    return step, ceil_div(m, step)


@parallel
def _shifted_sums(task, x, step, sums):
    total = sums[task]
    total[...] = 0
    stop = min(x.shape[0], (task + 1) * step)
    for start in range(task * step, stop, ROWS):
        if start + ROWS <= stop:
            for j in range(x.shape[1]):
                first = second = x[0, j] * 0
                for i in range(ROWS):
                    difference = x[start + i, j] - x[0, j]
                    first += difference
                    second += difference * difference
                total[0, j] += first
                total[1, j] += second
        else:
            for i in range(start, stop):
                for j in range(x.shape[1]):
                    difference = x[i, j] - x[0, j]
                    total[0, j] += difference
                    total[1, j] += difference * difference


# (x - mean) * scale: the form x * scale + shift would cancel when the mean is large.
@parallel
def _normalise(task, x, step, mean, scale, bias, slope, y):
    for i in range(task * step, min(x.shape[0], (task + 1) * step)):
        for j in range(x.shape[1]):
            u = (x[i, j] - mean[j]) * scale[j] + bias[j]
            y[i, j] = u if u > 0 else slope * u


@parallel
def _gradient_sums(task, x, grad, step, activation, inverse, sums):
    mean, scale, bias, slope = activation
    total = sums[task]
    total[...] = 0
    stop = min(x.shape[0], (task + 1) * step)
    for start in range(task * step, stop, ROWS):
        if start + ROWS <= stop:
            for j in range(x.shape[1]):
                first = second = mean[j] * 0
                for i in range(ROWS):
                    centred, g = x[start + i, j] - mean[j], grad[start + i, j]
                    g = g if centred * scale[j] + bias[j] > 0 else slope * g
                    first += g
                    second += g * centred
                total[0, j] += first
                total[1, j] += second * inverse[j]
        else:
            for i in range(start, stop):
                for j in range(x.shape[1]):
                    centred, g = x[i, j] - mean[j], grad[i, j]
                    g = g if centred * scale[j] + bias[j] > 0 else slope * g
                    total[0, j] += g
                    total[1, j] += g * centred * inverse[j]


@parallel
def _input_gradient(task, x, grad, step, activation, inverse, mean_grad, mean_product, grad_x):
    mean, scale, bias, slope = activation
    for i in range(task * step, min(x.shape[0], (task + 1) * step)):
        for j in range(x.shape[1]):
            centred, g = x[i, j] - mean[j], grad[i, j]
            g = g if centred * scale[j] + bias[j] > 0 else slope * g
            grad_x[i, j] = scale[j] * (g - mean_grad[j] - centred * inverse[j] * mean_product[j])
