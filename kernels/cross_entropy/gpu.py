"""CUDA rungs of the cross-entropy."""

import numpy as np

from tinygan.kernels.cuda import Source, empty, in_memory_order, name_of
from tinygan.kernels.memory import parts

_TYPES = ("float", "double")
NAIVE = Source("cross_entropy/1_naive.cu", [f"{kernel}<{dtype}>" for dtype in _TYPES
                                            for kernel in ("bce", "bce_backward")])  # fmt: skip
BLOCK = Source("cross_entropy/2_block.cu", [f"bce<{dtype}>" for dtype in _TYPES])
THREADS = 256


def _mean(source, threads, x, target):
    (x,), _ = in_memory_order([x])  # a sum does not care
    result = empty(1, x.dtype)
    args = (x, result, np.int64(x.size), x.dtype.type(target))
    source.launch(f"bce<{name_of(x.dtype)}>", (1,), (threads,), args)
    return result.reshape(())


def bce_with_logits_naive(x, target):
    return _mean(NAIVE, 1, x, target)


def bce_with_logits_block(x, target):
    return _mean(BLOCK, THREADS, x, target)


def bce_with_logits_backward(x, grad, target):
    (x,), back = in_memory_order([x])
    result = empty(x.shape, x.dtype)
    NAIVE.launch(
        f"bce_backward<{name_of(x.dtype)}>", (parts(x.size, THREADS),), (THREADS,),
        (x, grad.reshape(1), result, np.int64(x.size), x.dtype.type(target)),
    )  # fmt: skip
    return result.transpose(back)
