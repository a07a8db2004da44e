"""CUDA rungs of the activations: which kernel, how many threads, in which memory order."""

import numpy as np

from ..copies import dense, like
from ..cuda.source import Source, empty_like, name_of
from ..integers import ceil_div
from ..layout import flat

THREADS = 256
MOST_BLOCKS = 2048  # of rung 2: enough to fill any GPU that there is a few times over

_KERNELS = [
    f"{name}<{dtype}>"
    for name in ("relu", "relu_backward", "leaky_relu", "leaky_relu_backward", "tanh_forward",
                 "tanh_backward")
    for dtype in ("float", "double")
]  # fmt: skip
SOURCES = {
    "naive": Source("activation/1_naive.cu", _KERNELS),
    "vectors": Source("activation/2_vectors.cu", _KERNELS, in_steps=True),
}


def relu(x, *, version):
    return _launch(version, "relu", x)


def relu_backward(grad, y, *, version):
    return _launch(version, "relu_backward", grad, y)


def leaky_relu(x, slope, *, version):
    return _launch(version, "leaky_relu", x, scalars=(slope,))


def leaky_relu_backward(grad, y, slope, *, version):
    return _launch(version, "leaky_relu_backward", grad, y, scalars=(slope,))


def tanh(x, *, version):
    return _launch(version, "tanh_forward", x)


def tanh_backward(grad, y, *, version):
    return _launch(version, "tanh_backward", grad, y)


def _launch(version, kernel, *arrays, scalars=()):
    """result[i] = kernel(arrays[0][i], ..., scalars) over all elements as they lie in memory: in
    the order of the last array."""
    last = dense(arrays[-1])
    inputs = [flat(like(array, last)) for array in arrays[:-1]] + [flat(last)]
    result = empty_like(last)
    if not result.size:
        return result
    if version == "vectors" and any(array.data.ptr % 16 for array in inputs):
        version = "naive"  # for views, which may begin anywhere
    dtype, blocks = result.dtype, ceil_div(result.size, THREADS)
    if version == "vectors":
        blocks = min(ceil_div(result.size, THREADS * (16 // dtype.itemsize)), MOST_BLOCKS)
    SOURCES[version].launch(
        f"{kernel}<{name_of(dtype)}>", (blocks,), (THREADS,),
        (*inputs, flat(result), *map(dtype.type, scalars), np.int64(result.size)),
    )  # fmt: skip
    return result
