"""Example inputs of the moving average, its FLOPs and its bytes."""

import numpy as np

from ..ladder import Cases


def make(rng, dtype, shapes, update):
    averages, values = ([rng.standard_normal(s).astype(dtype) for s in shapes] for _ in range(2))
    return (averages, values, np.array([update - 1.0])), dict(decay=0.99)


AVERAGE = Cases(
    make=make,
    flops=lambda averages, *rest, **options: 3 * sum(a.size for a in averages),
    traffic=lambda averages, *rest, **options: 3 * sum(a.nbytes for a in averages),
    shapes={
        "one number": dict(shapes=[(1,)], update=1),
        "two parameters": dict(shapes=[(3, 5), (7,)], update=2000),
        "a convolution": dict(shapes=[(4, 3, 5, 5), (4,), (0,)], update=5),
        "a model": dict(shapes=[(5,), (6, 3, 2, 2), (1,), (3, 0)] * 8 + [(4100,)], update=7),
    },
    bench_shapes={
        "mnist.g": dict(shapes=[(6272, 100), (128,), (128,), (128, 64, 4, 4), (64,)], update=5),
    },
    large=(dict(shapes=[(150_001,), (300, 400)], update=2),),
)
