"""Example inputs of the transposition, its FLOPs and its bytes."""

from ..ladder import Cases


def make(rng, dtype, n, a, b):
    return (rng.standard_normal((n, a, b)).astype(dtype),), {}


SWAP_INNER = Cases(
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
    large=(dict(n=40, a=70, b=66), dict(n=1, a=500, b=300)),
)
