"""CUDA rungs of the activations: which kernel, how many threads, in which memory order."""

import functools

import numpy as np

from tinygan.kernels.cuda import Source, empty, in_memory_order, name_of
from tinygan.kernels.memory import parts

THREADS = 256
MOST_BLOCKS = 2048  # of rung 2: enough to fill any GPU that there is a few times over

_KERNELS = [
    f"{name}<{dtype}>"
    for name in ("relu", "relu_backward", "leaky_relu", "leaky_relu_backward", "tanh_forward",
                 "tanh_backward")
    for dtype in ("float", "double")
]  # fmt: skip
NAIVE = Source("activation/1_naive.cu", _KERNELS)
VECTORS = Source("activation/2_vectors.cu", _KERNELS)


def _launch(source, kernel, *args):
    """result[i] = kernel(args[0][i], ...) over all elements as they lie in memory; what is no array
    is handed to the kernel as it is."""
    numbers = [arg for arg in args if not hasattr(arg, "shape")]
    inputs, back = in_memory_order([arg for arg in args if hasattr(arg, "shape")])
    result = empty(inputs[0].shape, inputs[0].dtype)
    size, dtype = result.size, result.dtype
    if any(array.data.ptr % 16 for array in inputs):  # views that begin anywhere
        source = NAIVE
    per_thread = 16 // dtype.itemsize if source is VECTORS else 1
    blocks = max(1, parts(size, THREADS * per_thread))
    blocks = min(blocks, MOST_BLOCKS) if source is VECTORS else blocks
    if size:
        scalars = [dtype.type(number) for number in numbers]
        source.launch(
            f"{kernel}<{name_of(dtype)}>", (blocks,), (THREADS,),
            (*inputs, result, *scalars, np.int64(size)),
        )  # fmt: skip
    return result.transpose(back)


# The functions that the ladders' rungs name: relu_naive(x), ..., tanh_backward_vectors(grad, y).
for _name in ("relu", "relu_backward", "leaky_relu", "leaky_relu_backward", "tanh",
              "tanh_backward"):  # fmt: skip
    _kernel = "tanh_forward" if _name == "tanh" else _name
    globals()[f"{_name}_naive"] = functools.partial(_launch, NAIVE, _kernel)
    globals()[f"{_name}_vectors"] = functools.partial(_launch, VECTORS, _kernel)
