"""Layout changes: the order of elements in memory, without a change of what they mean.

    swap_inner(x)[n, j, i] = x[n, i, j]          x (n, a, b) -> y (n, b, a), contiguous

Activations lie channels-last in memory (NHWC) under their name NCHW. Where a layer needs the other
order, as a Linear layer behind a Flatten does, `contiguous` makes it: channels and pixels change
places, image by image.
"""

from tinygan.kernels.ladder import Ladder


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


def contiguous(x):
    """`x` in the order of its dimensions in memory, the last one densest: itself, or a copy."""
    if x.flags.c_contiguous:
        return x
    if x.ndim == 4 and x.size:
        n, a, b, c = x.shape
        if x.transpose(0, 2, 3, 1).flags.c_contiguous:  # NCHW by name, NHWC in memory
            return swap_inner(x.transpose(0, 2, 3, 1).reshape(n, b * c, a)).reshape(x.shape)
        if x.transpose(0, 3, 1, 2).flags.c_contiguous:  # the other way round
            return swap_inner(x.transpose(0, 3, 1, 2).reshape(n, c, a * b)).reshape(x.shape)
    return x.copy(order="C")
