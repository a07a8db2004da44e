"""Example inputs of a convolution with a batch norm after it, FLOPs and bytes."""

import numpy as np

from ..batch_norm.cases import EPS
from ..conv2d import cases as convolutions
from ..ladder import Cases

# A normalised value is off by as much as h is, over the deviation of h, which may be small.
_SHAPES = {
    "odd": dict(n=3, c=3, k=5, size=(7, 9), kernel=(3, 3), padding=(1, 1)),
    "relu": dict(n=4, c=9, k=7, size=(5, 4), kernel=(1, 1), slope=0.0, momentum=0.1),
    "multiples of 4": dict(n=4, c=4, k=8, size=(5, 5), kernel=(1, 1)),
    "multiples of 4, far from zero": dict(
        n=5, c=8, k=4, size=(8, 9), kernel=(2, 1), stride=(3, 4), momentum=0.3, shift=30.0
    ),
    "multiples of 4, more columns than a tile": dict(
        n=2, c=68, k=68, size=(3, 4), kernel=(1, 1), slope=0.2, momentum=0.1
    ),
    "multiples of 4, stride 2": dict(
        n=4, c=12, k=20, size=(7, 6), kernel=(4, 4), stride=(2, 2), padding=(1, 1), after=(2, 1),
        slope=0.0,
    ),
    "multiples of 4, smaller than the stride": dict(
        n=8, c=4, k=4, size=(1, 2), kernel=(2, 3), stride=(3, 4), padding=(1, 0), after=(0, 1),
        slope=0.2,  # so that the gradient of gamma does not cancel, nor that of beta
    ),
    "multiples of 4, many phases": dict(  # so many that two launches put their moments together
        n=8, c=4, k=4, size=(13, 11), kernel=(2, 1), stride=(13, 11), slope=0.2, momentum=0.1
    ),
}  # fmt: skip
_STRIDED = dict(kernel=(4, 4), stride=(2, 2), padding=(1, 1), momentum=0.1)
_BENCH_SHAPES = {
    "mnist.2": dict(n=128, c=64, k=128, size=(14, 14), slope=0.2, **_STRIDED),
    "dcgan64.2": dict(n=64, c=64, k=128, size=(32, 32), slope=0.2, **_STRIDED),
}


def _make(make, channels):
    def draw(rng, dtype, slope=1.0, momentum=None, shift=0.0, **case):
        (x, weight, bias), options = make(rng, dtype, **case)
        options.pop("slope", None)
        c = weight.shape[channels]
        gamma, beta = rng.uniform(0.5, 1.5, c).astype(dtype), rng.standard_normal(c).astype(dtype)
        running = None
        if momentum is not None:
            mean, var = rng.standard_normal(c), rng.uniform(0.5, 5.0, c)
            running = mean.astype(dtype), var.astype(dtype), momentum
        return (x, weight, (bias + shift).astype(dtype), gamma, beta, EPS, slope, running), options

    return draw


def _make_backward(make, channels):
    def draw(rng, dtype, slope=1.0, momentum=None, shift=0.0, **case):
        (x, weight, _), options = make(rng, dtype, **case)
        options.pop("slope", None)
        c = weight.shape[channels]
        shape = (x.shape[0], *options["output_size"], c)
        h = (rng.standard_normal(shape) * 2 + shift).astype(dtype)
        gamma, beta = rng.uniform(0.5, 1.5, c).astype(dtype), rng.standard_normal(c).astype(dtype)
        mean, var = (f(h, (0, 1, 2), dtype=np.float64).astype(dtype) for f in (np.mean, np.var))
        return (x, weight, h, gamma, beta, mean, var, EPS, slope), options

    return draw


def _flops(flops, each):
    def count(x, weight, third, gamma, *rest, **options):
        pixels = x.shape[0] * options["output_size"][0] * options["output_size"][1]
        return flops(x, weight, None, **options) + each * pixels * gamma.size

    return count


def _traffic(traffic):
    def count(x, weight, bias, gamma, *rest, **options):
        pixels = x.shape[0] * options["output_size"][0] * options["output_size"][1]
        # h is written and y is; h must be read once more.
        return traffic(x, weight, bias, **options) + 2 * pixels * gamma.size * x.itemsize

    return count


def _traffic_backward(traffic):
    def count(y, weight, h, *rest, **options):
        # The convolution's result is written and read, as h is, twice, and its gradient is written.
        return traffic(y, weight, None, **options) + h.nbytes * 4

    return count


_LARGE = convolutions.CONV2D.large[:1]


def _forward(convolution, channels):
    return Cases(
        make=_make(convolution.make, channels),
        flops=_flops(convolution.flops, 7),
        traffic=_traffic(convolution.traffic),
        shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
    )  # fmt: skip


def _backward(convolution, channels):
    return Cases(
        make=_make_backward(convolution.make, channels),
        flops=_flops(convolution.flops, 13),
        traffic=_traffic_backward(convolution.traffic),
        shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
    )  # fmt: skip


# The dimension of the weight that holds the channels of the result.
CONV2D_BATCH_NORM = _forward(convolutions.CONV2D, 0)
CONV2D_BATCH_NORM_BACKWARD = _backward(convolutions.CONV2D, 0)
CONV_TRANSPOSE2D_BATCH_NORM = _forward(convolutions.CONV_TRANSPOSE2D, 1)
CONV_TRANSPOSE2D_BATCH_NORM_BACKWARD = _backward(convolutions.CONV_TRANSPOSE2D, 1)
