"""CPU rungs of the activations.

Rung 2, but for tanh: one pass over the memory, cut into tasks that fit the second-level cache.
Faster because nothing intermediate is stored and all cores take part; bound by memory traffic.
"""

import numpy as np

from ..copies import dense, like
from ..cpu.jit import jit
from ..cpu.parallel import parallel
from ..integers import ceil_div
from ..layout import flat

ELEMENTS_PER_TASK = 65536


def relu_threads(x):
    return _by_parts(_relu, dense(x))


def relu_backward_threads(grad, y):
    return leaky_relu_backward_threads(grad, y, 0.0)


def leaky_relu_threads(x, slope):
    return _by_parts(_leaky_relu, dense(x), x.dtype.type(slope))


def leaky_relu_(x, slope):
    """In place."""
    _leaky_relu(ceil_div(x.size, ELEMENTS_PER_TASK), flat(x), flat(x), x.dtype.type(slope))
    return x


def leaky_relu_backward_threads(grad, y, slope):
    y = dense(y)
    return _by_parts(_leaky_relu_backward, y, like(grad, y), y.dtype.type(slope))


def tanh_backward_threads(grad, y):
    y = dense(y)
    return _by_parts(_tanh_backward, y, like(grad, y))


def _by_parts(kernel, x, *others):
    """Runs ``kernel(task, out, x, *others)`` on arrays of one memory order and on numbers."""
    result = np.empty_like(x)
    arguments = [flat(other) if isinstance(other, np.ndarray) else other for other in others]
    kernel(ceil_div(x.size, ELEMENTS_PER_TASK), flat(result), flat(x), *arguments)
    return result


# Loops that begin at 0 are the ones that become vector instructions: from elsewhere, each index
# might be negative, and so counted from the end.
@jit
def _part(task, array):
    return array[task * ELEMENTS_PER_TASK : (task + 1) * ELEMENTS_PER_TASK]


@parallel
def _relu(task, out, x):
    out, x = _part(task, out), _part(task, x)
    for i in range(x.size):
        out[i] = 0 if x[i] <= 0 else x[i]  # NaN stays NaN


@parallel
def _leaky_relu(task, out, x, slope):
    out, x = _part(task, out), _part(task, x)
    for i in range(x.size):
        out[i] = x[i] if x[i] > 0 else slope * x[i]


@parallel
def _leaky_relu_backward(task, out, y, grad, slope):
    out, y, grad = _part(task, out), _part(task, y), _part(task, grad)
    for i in range(y.size):
        out[i] = grad[i] if y[i] > 0 else slope * grad[i]


@parallel
def _tanh_backward(task, out, y, grad):
    out, y, grad = _part(task, out), _part(task, y), _part(task, grad)
    for i in range(y.size):
        out[i] = grad[i] * (1 - y[i] * y[i])
