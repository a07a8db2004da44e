"""Example inputs of batch normalisation, its FLOPs and its bytes."""

import numpy as np

from ..ladder import Case, Cases

EPS = 1e-5

_SHAPES: dict[str, Case] = {
    "1x1": dict(m=1, c=1),
    "one row": dict(m=1, c=7),
    "one channel": dict(m=37, c=1),
    "odd": dict(m=29, c=5),
    "leaky": dict(m=31, c=9, slope=0.2),
    "relu": dict(m=33, c=4, slope=0.0),
    "parts of unequal length": dict(m=150, c=3),
    "far from zero": dict(m=50, c=3, shift=100.0),
    "two blocks of columns": dict(m=130, c=35),
    "two tasks": dict(m=3000, c=50),
    "running": dict(m=41, c=6, momentum=0.1),
    "running, two blocks": dict(m=530, c=37, slope=0.2, momentum=0.3),
}
_BENCH_SHAPES = {
    "mnist.g": dict(m=128 * 14 * 14, c=64, slope=0.0, momentum=0.1),
    "mnist.d": dict(m=128 * 7 * 7, c=128, slope=0.2, momentum=0.1),
    "dcgan64": dict(m=64 * 32 * 32, c=64, slope=0.0, momentum=0.1),
}


def make(rng, dtype, m, c, shift=0.0, slope=1.0, momentum=None):
    x = rng.standard_normal((m, c)) * 2 + shift
    weight, bias = rng.uniform(0.5, 1.5, c), rng.standard_normal(c)
    running = None
    if momentum is not None:
        mean, var = rng.standard_normal(c), rng.uniform(0.5, 5.0, c)
        running = mean.astype(dtype), var.astype(dtype), momentum
    return (x.astype(dtype), weight.astype(dtype), bias.astype(dtype), EPS, slope, running), {}


def make_backward(rng, dtype, m, c, shift=0.0, slope=1.0, momentum=None):
    (x, weight, bias, eps, slope, _), _ = make(rng, dtype, m, c, shift, slope)
    grad = rng.standard_normal((m, c)).astype(dtype)
    mean, var = x.mean(0, dtype=np.float64), x.var(0, dtype=np.float64)
    return (x, grad, weight, bias, mean.astype(dtype), var.astype(dtype), eps, slope), {}


_LARGE = (dict(m=9001, c=40),)
BATCH_NORM = Cases(
    make=make,
    flops=lambda x, *rest: 7 * x.size,
    traffic=lambda x, *rest: 3 * x.nbytes,
    shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
BATCH_NORM_BACKWARD = Cases(
    make=make_backward,
    flops=lambda x, *rest: 13 * x.size,
    traffic=lambda x, *rest: 5 * x.nbytes,
    shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
