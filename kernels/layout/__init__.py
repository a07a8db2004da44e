"""Layout changes: the order of elements in memory, without a change of what they mean.

    swap_inner(x)[n, j, i] = x[n, i, j]          x (n, a, b) -> y (n, b, a), contiguous

Activations lie channels-last in memory (NHWC) under their name NCHW. Where a layer needs the other
order, as a Linear layer behind a Flatten does, `contiguous` makes it: channels and pixels change
places, image by image.
"""

import math

from tinygan.kernels.ladder import Ladder
from tinygan.kernels.memory import memory_order, same_order


def make(rng, dtype, n, a, b):
    return (rng.standard_normal((n, a, b)).astype(dtype),), {}


swap_inner = Ladder(
    "swap_inner",
    make=make,
    flops=lambda x: x.size,  # moves, counted as operations
    traffic=lambda x: 2 * x.nbytes,
    shapes={
        "1x1": dict(n=1, a=1, b=1),
        "empty": dict(n=0, a=3, b=4),
        "row": dict(n=3, a=1, b=37),
        "column": dict(n=2, a=41, b=1),
        "odd": dict(n=3, a=35, b=49),
        "one large image": dict(n=1, a=131, b=1027),
        "many small images": dict(n=300, a=17, b=66),
    },
    bench_shapes={
        "mnist": dict(n=128, a=49, b=128),
        "dcgan64": dict(n=64, a=3, b=64 * 64),
    },
    peer="layout.peer:swap_inner",
)
swap_inner.rung("reference", "layout.reference:swap_inner")
swap_inner.rung("numpy", "layout.cpu:swap_inner_numpy")
swap_inner.rung("threads", "layout.cpu:swap_inner_threads", covers=lambda x: x.dtype.char in "fd")
for _rung in ("naive", "tiles"):
    swap_inner.rung(
        _rung, f"layout.gpu:swap_inner_{_rung}", device="cuda",
        covers=lambda x: x.dtype.char in "fd",
    )  # fmt: skip


def contiguous(x):
    """`x` in the order of its dimensions in memory, the last one densest: itself, or a copy."""
    if x.flags.c_contiguous:
        return x
    # The dimensions as they lie in memory. Those of size 1 may be anywhere.
    order = sorted((i for i in range(x.ndim) if x.shape[i] > 1), key=lambda i: -x.strides[i])
    wanted = sorted(order)
    same = next((i for i, (a, b) in enumerate(zip(order, wanted, strict=True)) if a != b), 0)
    cut = len(order) - wanted[same:].index(order[same]) if order else 0
    if order[:same] + order[cut:] + order[same:cut] == wanted and x.size:
        # In memory: dimensions that are where they belong, then two groups in the wrong order.
        memory = x.transpose(*order, *(i for i in range(x.ndim) if x.shape[i] == 1))
        if memory.flags.c_contiguous:
            second = math.prod(x.shape[i] for i in order[same:cut])
            first = math.prod(x.shape[i] for i in order[cut:])
            return swap_inner(memory.reshape(-1, second, first)).reshape(x.shape)
    return x.copy(order="C")


def like(array, model):
    """`array` with the memory order of `model`: itself, or a copy."""
    if same_order(array, model):
        return array
    order = memory_order(model)
    back = sorted(range(model.ndim), key=lambda i: order[i])
    return contiguous(array.transpose(order)).transpose(back)
