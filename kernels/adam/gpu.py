"""CUDA rungs of Adam."""

import numpy as np

from ..copies import like
from ..cuda.lists import THREADS, tables
from ..cuda.source import Source, empty, name_of
from ..integers import ceil_div
from ..layout import flat

NAIVE = Source("adam/1_naive.cu", ["adam<float>", "adam<double>", "advance"])
FUSED = Source("adam/2_fused.cu", ["adam<float>", "adam<double>", "advance"], in_steps=True)


def adam_naive(params, grads, m, v, state, *, beta1, beta2, eps):
    entries = _entries(params, grads, m, v)
    sizes = _advance(NAIVE, state, beta1, beta2)
    for arrays in entries:
        size, dtype = arrays[0].size, arrays[0].dtype
        numbers = (beta1, 1 - beta1, beta2, 1 - beta2, eps)
        if size:
            NAIVE.launch(
                f"adam<{name_of(dtype)}>", (ceil_div(size, THREADS),), (THREADS,),
                (*arrays, sizes, np.int64(size), *map(dtype.type, numbers)),
            )  # fmt: skip
    return params + m + v


_SCALARS = [(name, "") for name in
            ("beta1", "one_minus_beta1", "beta2", "one_minus_beta2", "eps")]  # fmt: skip


def adam_fused(params, grads, m, v, state, *, beta1, beta2, eps):
    entries = _entries(params, grads, m, v)
    sizes = _advance(FUSED, state, beta1, beta2)
    for table, blocks, dtype in tables(entries, _SCALARS):
        table["beta1"], table["one_minus_beta1"] = beta1, 1 - beta1
        table["beta2"], table["one_minus_beta2"], table["eps"] = beta2, 1 - beta2, eps
        FUSED.launch(f"adam<{name_of(dtype)}>", (blocks,), (THREADS,), (table, sizes))
    return params + m + v


def _entries(params, grads, m, v):
    """The memory of each parameter, its gradient and its moments, in one order.

    Raises:
        ValueError: an array that is changed has gaps.
    """
    return [
        [flat(p), flat(like(grad, p)), flat(mean), flat(square)]
        for p, grad, mean, square in zip(params, grads, m, v, strict=True)
    ]


def _advance(source, state, beta1, beta2):
    """Counts the step; the two numbers that all weights share (advance.cuh)."""
    sizes = empty(2, np.float64)
    source.launch(
        "advance", (1,), (1,), (state, sizes, np.float64(beta1), np.float64(beta2))
    )
    return sizes
