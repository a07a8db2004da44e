"""The formulas of the package's docstring, one element at a time."""

import math

import numpy as np


def _map(function, *arrays):
    result = np.empty(arrays[0].shape, arrays[0].dtype)
    for index in np.ndindex(result.shape):
        result[index] = function(*(array[index] for array in arrays))
    return result


def relu(x):
    return _map(lambda value: max(value, 0), x)


def relu_backward(grad, y):
    return _map(lambda g, value: g if value > 0 else 0, grad, y)


def leaky_relu(x, slope):
    return _map(lambda value: value if value > 0 else slope * value, x)


def leaky_relu_backward(grad, y, slope):
    return _map(lambda g, value: g if value > 0 else slope * g, grad, y)


def tanh(x):
    return _map(math.tanh, x)


def tanh_backward(grad, y):
    return _map(lambda g, value: g * (1 - value * value), grad, y)
