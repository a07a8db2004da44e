"""CUDA rungs of the cross-entropy."""

import numpy as np

from ..copies import dense
from ..cuda.source import Source, empty, empty_like, name_of
from ..integers import ceil_div
from ..layout import flat

_TYPES = ("float", "double")
NAIVE = Source(
    "cross_entropy/1_naive.cu",
    [f"{kernel}<{dtype}>" for dtype in _TYPES for kernel in ("bce", "bce_backward")],
    in_steps=True,  # the gradient has no other rung
)
BLOCK = Source("cross_entropy/2_block.cu", [f"bce<{dtype}>" for dtype in _TYPES], in_steps=True)
THREADS = 256


def _mean(source, threads, x, target):
    x = flat(dense(x))  # a sum does not care for the order
    result = empty(1, x.dtype)
    args = (x, result, np.int64(x.size), x.dtype.type(target))
    source.launch(f"bce<{name_of(x.dtype)}>", (1,), (threads,), args)
    return result.reshape(())


def bce_with_logits_naive(x, target):
    return _mean(NAIVE, 1, x, target)


def bce_with_logits_block(x, target):
    return _mean(BLOCK, THREADS, x, target)


def bce_with_logits_backward(x, grad, target):
    x = dense(x)
    result = empty_like(x)
    NAIVE.launch(
        f"bce_backward<{name_of(x.dtype)}>", (ceil_div(x.size, THREADS),), (THREADS,),
        (flat(x), grad.reshape(1), flat(result), np.int64(x.size), x.dtype.type(target)),
    )  # fmt: skip
    return result
