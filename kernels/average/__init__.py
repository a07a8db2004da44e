"""The moving average of a model's weights, all at once, in place:

    average = average + (1 - d) (value - average),    d = min(decay, (1 + t) / (10 + t))

at update t = 1, 2, ...: at first d is small, and the average forgets where it began.

    average(averages, values, decay=, updates=) -> averages

Both are lists of arrays of the same shapes; a value may have another memory order. Rungs on a GPU
that take a `clock`, one float64 number in the device's memory, read t - 1 from there and count it
up.
"""

from tinygan.kernels.ladder import Ladder


def make(rng, dtype, shapes, updates):
    averages, values = ([rng.standard_normal(s).astype(dtype) for s in shapes] for _ in range(2))
    return (averages, values), dict(decay=0.99, updates=updates)


average = Ladder(
    "average",
    make=make,
    flops=lambda averages, values, **options: 3 * sum(a.size for a in averages),
    traffic=lambda averages, values, **options: 3 * sum(a.nbytes for a in averages),
    shapes={
        "one number": dict(shapes=[(1,)], updates=1),
        "two parameters": dict(shapes=[(3, 5), (7,)], updates=2000),
        "a convolution": dict(shapes=[(4, 3, 5, 5), (4,), (0,)], updates=5),
        "a model": dict(shapes=[(5,), (6, 3, 2, 2), (1,), (3, 0)] * 8 + [(4100,)], updates=7),
    },
    bench_shapes={
        "mnist.g": dict(shapes=[(6272, 100), (128,), (128,), (128, 64, 4, 4), (64,)], updates=5),
    },
    peer="average.peer:average",
)
average.rung("reference", "average.reference:average")
average.rung("numpy", "average.cpu:average_numpy")
average.rung("fused", "average.gpu:average_fused", device="cuda")
