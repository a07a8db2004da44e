"""CUDA rungs of Adam."""

import numpy as np

from tinygan.kernels.cuda import Source, name_of
from tinygan.kernels.layout import like
from tinygan.kernels.lists import THREADS, memory_of, tables
from tinygan.kernels.memory import parts

NAIVE = Source("adam/1_naive.cu", ["adam<float>", "adam<double>"])
FUSED = Source("adam/2_fused.cu", ["adam<float>", "adam<double>", "tick"])


def adam_naive(params, grads, m, v, *, lr, beta1, beta2, eps, step, clock=None):
    for arrays in zip(params, grads, m, v, strict=True):
        p, grad, mean, square = arrays
        memory = [memory_of("adam", x) for x in (p, like(grad, p), mean, square)]
        scalars = (beta1, 1 - beta1, beta2, 1 - beta2, eps, lr / (1 - beta1**step),
                   (1 - beta2**step) ** -0.5)  # fmt: skip
        if p.size:
            NAIVE.launch(
                f"adam<{name_of(p.dtype)}>", (parts(p.size, THREADS),), (THREADS,),
                (*memory, np.int64(p.size), *map(p.dtype.type, scalars)),
            )  # fmt: skip
    return params + m + v


_SCALARS = [("beta1", ""), ("rest1", ""), ("beta2", ""), ("rest2", ""), ("eps", ""),
            ("exact_beta1", "f8"), ("exact_beta2", "f8"), ("lr", "f8"),
            ("step", "f8")]  # fmt: skip


def adam_fused(params, grads, m, v, *, lr, beta1, beta2, eps, step, clock=None):
    if clock is not None:
        FUSED.launch("tick", (1,), (1,), (clock,))
    entries = [
        [memory_of("adam", x) for x in (p, like(grad, p), mean, square)]
        for p, grad, mean, square in zip(params, grads, m, v, strict=True)
    ]
    for table, blocks, dtype in tables(entries, _SCALARS):
        table["beta1"], table["rest1"], table["beta2"] = beta1, 1 - beta1, beta2
        table["rest2"], table["eps"] = 1 - beta2, eps
        table["exact_beta1"], table["exact_beta2"] = beta1, beta2
        if clock is None:
            table["lr"], table["step"] = lr, step
        args = (table, np.uintp(0) if clock is None else clock)
        FUSED.launch(f"adam<{name_of(dtype)}>", (blocks,), (THREADS,), args)
    return params + m + v
