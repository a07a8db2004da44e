"""Example inputs of the activations, their FLOPs and bytes."""

import numpy as np

from ..ladder import Case, Cases

_SHAPES: dict[str, Case] = {
    "1x1": dict(shape=(1, 1)),
    "a number": dict(shape=()),
    "empty": dict(shape=(0, 3, 2, 2)),
    "odd": dict(shape=(3, 5, 7, 1)),
    "channels last": dict(shape=(2, 5, 3, 4), channels_last=True),
    "large enough for two tasks": dict(shape=(70001,)),
}
_BENCH_SHAPES = {
    "mnist": dict(shape=(128, 128, 7, 7), channels_last=True),
    "dcgan64": dict(shape=(64, 64, 32, 32), channels_last=True),
}
_LARGE = (dict(shape=(9, 5, 50, 100)),)


def _values(rng, dtype, shape, channels_last=False):
    values = np.asarray(rng.standard_normal(shape)).astype(dtype)
    if channels_last:
        return np.ascontiguousarray(values.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return values


def _forward(flops_per_element: int, *options: float) -> Cases:
    return Cases(
        make=lambda rng, dtype, **case: ((_values(rng, dtype, **case), *options), {}),
        flops=lambda x, *options: flops_per_element * x.size,
        traffic=lambda x, *options: 2 * x.nbytes,
        shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
    )  # fmt: skip


def _backward(flops_per_element: int, *options: float) -> Cases:
    def make(rng, dtype, **case):
        # The gradient arrives in another memory order than the output: both must work.
        gradient = _values(rng, dtype, **case).copy(order="C")
        return (gradient, np.asarray(np.tanh(_values(rng, dtype, **case))), *options), {}

    return Cases(
        make=make,
        flops=lambda grad, y, *options: flops_per_element * y.size,
        traffic=lambda grad, y, *options: 3 * y.nbytes,
        shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
    )  # fmt: skip


RELU, RELU_BACKWARD = _forward(1), _backward(1)
LEAKY_RELU, LEAKY_RELU_BACKWARD = _forward(2, 0.2), _backward(2, 0.2)
TANH, TANH_BACKWARD = _forward(3), _backward(3)
