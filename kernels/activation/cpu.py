"""CPU rungs of the activations.

numpy: whole-array expressions. Faster than the loop because each is one compiled pass; bound by
memory, since every intermediate result is written and read again.

threads: one pass over the memory, cut into tasks that fit the second-level cache. Faster because
nothing intermediate is stored and all cores take part; bound by memory traffic.
"""

import numpy as np

from tinygan.kernels.jit import jit
from tinygan.kernels.memory import dense, flat, like, parts
from tinygan.kernels.threads import run_tasks

ELEMENTS_PER_TASK = 65536


def relu_numpy(x):
    return np.maximum(x, 0)


def relu_backward_numpy(grad, y):
    return grad * (y > 0)


def leaky_relu_numpy(x, slope):
    return np.where(x > 0, x, x.dtype.type(slope) * x)


def leaky_relu_backward_numpy(grad, y, slope):
    return np.where(y > 0, grad, y.dtype.type(slope) * grad)


def tanh_numpy(x):
    return np.tanh(x)


def tanh_backward_numpy(grad, y):
    return grad * (1 - y * y)


def relu_threads(x):
    return _by_parts(lambda out, x: np.maximum(x, 0, out=out), dense(x))


def relu_backward_threads(grad, y):
    return leaky_relu_backward_threads(grad, y, 0.0)


def leaky_relu_threads(x, slope):
    return _by_parts(lambda out, x: _leaky_relu(x, x.dtype.type(slope), out), dense(x))


def leaky_relu_backward_threads(grad, y, slope):
    y = dense(y)
    return _by_parts(
        lambda out, grad, y: _leaky_relu_backward(grad, y, y.dtype.type(slope), out),
        like(grad, y),
        y,
    )


def tanh_threads(x):
    # NumPy's own tanh uses vector instructions and releases the GIL: only the threads are ours.
    return _by_parts(lambda out, x: np.tanh(x, out=out), dense(x))


def tanh_backward_threads(grad, y):
    y = dense(y)
    return _by_parts(lambda out, grad, y: _tanh_backward(grad, y, out), like(grad, y), y)


def _by_parts(kernel, *arrays):
    """Runs ``kernel(out, *arrays)`` on parts of the memory of arrays of one memory order."""
    result = np.empty_like(arrays[0])
    views = [flat(array) for array in (result, *arrays)]
    step = ELEMENTS_PER_TASK

    def task(index):
        kernel(*(view[index * step : (index + 1) * step] for view in views))

    run_tasks(task, parts(result.size, step))
    return result


@jit
def _leaky_relu(x, slope, out):
    for i in range(x.size):
        out[i] = x[i] if x[i] > 0 else slope * x[i]


@jit
def _leaky_relu_backward(grad, y, slope, out):
    for i in range(y.size):
        out[i] = grad[i] if y[i] > 0 else slope * grad[i]


@jit
def _tanh_backward(grad, y, out):
    for i in range(y.size):
        out[i] = grad[i] * (1 - y[i] * y[i])
