"""Example inputs of the sums, their FLOPs and bytes."""

from ..ladder import Cases


def make(rng, dtype, m, c, shift=0.0):
    return ((rng.standard_normal((m, c)) + shift).astype(dtype),), {}


COLUMN_SUMS = Cases(
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
    large=(dict(m=9001, c=40), dict(m=300_001, c=3)),
)
