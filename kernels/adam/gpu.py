"""CUDA rungs of Adam."""

import numpy as np

from tinygan.kernels.cuda import Source, name_of
from tinygan.kernels.layout import like
from tinygan.kernels.memory import parts

NAIVE = Source("adam/1_naive.cu", ["adam<float>", "adam<double>"])
FUSED = Source("adam/2_fused.cu", ["adam<float>", "adam<double>", "tick"])
THREADS = 256
MOST, VALUES_PER_BLOCK = 24, 4096  # of 2_fused.cu


def _flat(array):
    """The memory of an array without gaps, as a contiguous view."""
    order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    view = array.transpose(order)
    if not view.flags.c_contiguous:
        raise ValueError(
            f"adam: array of shape {array.shape} and strides {array.strides} has gaps"
        )
    return view


def adam_naive(params, grads, m, v, *, lr, beta1, beta2, eps, step, clock=None):
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


def _table(dtype) -> np.dtype:
    """The structure Table of 2_fused.cu."""
    addresses = [(name, "u8") for name in ("p", "grad", "m", "v")]
    entry = [*addresses, ("size", "i8"), ("first_block", "i4"), ("aligned", "i4")]
    scalars = [(name, dtype.str) for name in ("beta1", "rest1", "beta2", "rest2", "eps")]
    exact = [(name, "f8") for name in ("exact_beta1", "exact_beta2", "lr", "step")]
    return np.dtype(
        [("entries", np.dtype(entry, align=True), (MOST,)), ("count", "i4"), *scalars, *exact],
        align=True,
    )


def adam_fused(params, grads, m, v, *, lr, beta1, beta2, eps, step, clock=None):
    if clock is not None:
        FUSED.launch("tick", (1,), (1,), (clock,))
    groups: dict[np.dtype, list] = {}
    for p, grad, mean, square in zip(params, grads, m, v, strict=True):
        memory = [_flat(p), _flat(like(grad, p)), _flat(mean), _flat(square)]
        if p.size:
            groups.setdefault(p.dtype, []).append(memory)
    for dtype, entries in groups.items():
        for start in range(0, len(entries), MOST):
            some = entries[start : start + MOST]
            table = np.zeros((), _table(dtype))
            table["count"], blocks = len(some), 0
            for row, memory in zip(table["entries"], some, strict=False):
                addresses = [array.data.ptr for array in memory]
                row["p"], row["grad"], row["m"], row["v"] = addresses
                row["size"], row["first_block"] = memory[0].size, blocks
                row["aligned"] = all(a % min(16, 4 * dtype.itemsize) == 0 for a in addresses)
                blocks += parts(memory[0].size, VALUES_PER_BLOCK)
            table["beta1"], table["rest1"], table["beta2"] = beta1, 1 - beta1, beta2
            table["rest2"], table["eps"] = 1 - beta2, eps
            table["exact_beta1"], table["exact_beta2"] = beta1, beta2
            if clock is None:
                table["lr"], table["step"] = lr, step
            args = (table, np.uintp(0) if clock is None else clock)
            FUSED.launch(f"adam<{name_of(dtype)}>", (blocks,), (THREADS,), args)
    return params + m + v
