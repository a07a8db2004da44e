"""Sums over samples and pixels: the gradient of a bias.

    column_sums(x)[j] = sum over i of x[i, j]          x (m, c) -> (c,), accumulated in float64
"""

from tinygan.kernels.ladder import Ladder


def make(rng, dtype, m, c, shift=0.0):
    return ((rng.standard_normal((m, c)) + shift).astype(dtype),), {}


column_sums = Ladder(
    "column_sums",
    make=make,
    flops=lambda x: x.size,
    traffic=lambda x: x.nbytes,
    shapes={
        "1x1": dict(m=1, c=1),
        "no rows": dict(m=0, c=3),
        "one column": dict(m=1003, c=1),
        "odd": dict(m=29, c=5),
        "two tasks": dict(m=3001, c=50),
        "wide": dict(m=3, c=70001),
        "long and shifted": dict(m=100_003, c=2, shift=10.0),
    },
    bench_shapes={
        "mnist.1": dict(m=128 * 14 * 14, c=64),
        "one channel": dict(m=128 * 28 * 28, c=1),
    },
    peer="reduction.peer:column_sums",
)
column_sums.rung("reference", "reduction.reference:column_sums")
column_sums.rung("numpy", "reduction.cpu:column_sums_numpy")
column_sums.rung(
    "threads", "reduction.cpu:column_sums_threads", covers=lambda x: x.dtype.char in "fd"
)
for _rung in ("naive", "parts"):
    column_sums.rung(_rung, f"reduction.gpu:column_sums_{_rung}", device="cuda")
