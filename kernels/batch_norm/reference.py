"""The formulas of the package's docstring, loop by loop."""

import math

import numpy as np


def with_running(results, m, running):
    """(y, mean, var), and the running statistics moved, where there are any."""
    if running is None:
        return results
    _, mean, var = results
    running_mean, running_var, momentum = running
    for moved, batch in ((running_mean, mean), (running_var, var * (m / (m - 1)))):
        moved *= 1 - momentum
        moved += (momentum * batch).astype(moved.dtype)
    return *results, running_mean, running_var


def batch_norm(x, weight, bias, eps, slope, running=None):
    m, c = x.shape
    y, mean, var = np.empty_like(x), np.empty(c, x.dtype), np.empty(c, x.dtype)
    for j in range(c):
        mean[j] = math.fsum(x[:, j]) / m
        var[j] = math.fsum((x[i, j] - mean[j]) ** 2 for i in range(m)) / m
        for i in range(m):
            u = weight[j] * (x[i, j] - mean[j]) / math.sqrt(var[j] + eps) + bias[j]
            y[i, j] = u if u > 0 else slope * u
    if running is None:
        return y, mean, var
    running_mean, running_var, momentum = running
    for j in range(c):
        running_mean[j] = (1 - momentum) * running_mean[j] + momentum * mean[j]
        running_var[j] = (1 - momentum) * running_var[j] + momentum * var[j] * m / (m - 1)
    return y, mean, var, running_mean, running_var


def batch_norm_backward(x, grad_y, weight, bias, mean, var, eps, slope):
    m, c = x.shape
    grad_x, grad_weight, grad_bias = np.empty_like(x), np.empty(c, x.dtype), np.empty(c, x.dtype)
    for j in range(c):
        deviation = math.sqrt(var[j] + eps)
        z = [(x[i, j] - mean[j]) / deviation for i in range(m)]
        grad = [
            grad_y[i, j] if weight[j] * z[i] + bias[j] > 0 else slope * grad_y[i, j]
            for i in range(m)
        ]
        grad_bias[j] = math.fsum(grad)
        grad_weight[j] = math.fsum(grad[i] * z[i] for i in range(m))
        for i in range(m):
            centred = grad[i] - grad_bias[j] / m - z[i] * grad_weight[j] / m
            grad_x[i, j] = weight[j] / deviation * centred
    return grad_x, grad_weight, grad_bias
