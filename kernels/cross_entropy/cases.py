"""Example inputs of the cross-entropy, its FLOPs and its bytes."""

import numpy as np

from ..ladder import Cases

_SHAPES = {
    "one logit": dict(shape=(1, 1), target=1.0),
    "data": dict(shape=(37, 1), target=1.0),
    "generated": dict(shape=(5, 3, 2), target=0.0),
    "smoothed": dict(shape=(64, 1), target=0.9),
    "sure": dict(shape=(41,), target=1.0, scale=60.0),
    "more than a block": dict(shape=(1500, 1), target=0.0),
}
_BENCH_SHAPES = {"mnist": dict(shape=(128, 1), target=1.0)}


def make(rng, dtype, shape, target, scale=3.0):
    return ((scale * rng.standard_normal(shape)).astype(dtype), target), {}


def make_backward(rng, dtype, shape, target, scale=3.0):
    (x, target), _ = make(rng, dtype, shape, target, scale)
    return (x, np.array(rng.uniform(0.5, 2.0), dtype), target), {}


_LARGE = (dict(shape=(1500, 1), target=1.0),)
BCE = Cases(
    make=make,
    flops=lambda x, *rest: 6 * x.size,
    traffic=lambda x, *rest: x.nbytes,
    shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
BCE_BACKWARD = Cases(
    make=make_backward,
    flops=lambda x, *rest: 6 * x.size,
    traffic=lambda x, *rest: 2 * x.nbytes,
    shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
