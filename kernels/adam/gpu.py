"""CUDA rungs of Adam."""

import numpy as np

from tinygan.kernels.cuda import Source, name_of
from tinygan.kernels.layout import like
from tinygan.kernels.memory import parts

NAIVE = Source("adam/1_naive.cu", ["adam<float>", "adam<double>"])
THREADS = 256


def _flat(array):
    """The memory of an array without gaps, as a contiguous view."""
    order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    view = array.transpose(order)
    if not view.flags.c_contiguous:
        raise ValueError(
            f"adam: array of shape {array.shape} and strides {array.strides} has gaps"
        )
    return view


def adam_naive(params, grads, m, v, *, lr, beta1, beta2, eps, step):
    for arrays in zip(params, grads, m, v, strict=True):
        p, grad, mean, square = arrays
        memory = [_flat(p), _flat(like(grad, p)), _flat(mean), _flat(square)]
        scalars = (beta1, 1 - beta1, beta2, 1 - beta2, eps, lr / (1 - beta1**step),
                   (1 - beta2**step) ** -0.5)  # fmt: skip
        if p.size:
            NAIVE.launch(
                f"adam<{name_of(p.dtype)}>", (parts(p.size, THREADS),), (THREADS,),
                (*memory, np.int64(p.size), *map(p.dtype.type, scalars)),
            )  # fmt: skip
    return params + m + v
