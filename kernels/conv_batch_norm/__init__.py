"""A convolution, a batch norm of what it computes, and an activation: what most layers of a DCGAN
are.

    conv2d_batch_norm(x, weight, bias, gamma, beta, eps, slope, running, *, stride, padding,
                      output_size)                -> h, y, mean, var
        h = conv2d(x, weight, bias);  y, mean, var = batch_norm(h, gamma, beta, eps, slope, running)

    conv_transpose2d_batch_norm: likewise, with h = conv_transpose2d(x, weight, bias)

And on the way back, where a convolution computes the gradient of what a batch norm has computed:

    conv2d_batch_norm_backward(y, weight, h, gamma, beta, mean, var, eps, slope, *, stride, padding,
                               output_size)       -> grad, grad_h, grad_gamma, grad_beta
        grad = conv2d(y, weight)
        grad_h, grad_gamma, grad_beta = batch_norm_backward(h, grad, gamma, beta, mean, var, eps,
                                                            slope)

    conv_transpose2d_batch_norm_backward: likewise, with grad = conv_transpose2d(y, weight)

as `kernels/conv2d` and `kernels/batch_norm` define them, but on images: h, y, grad, grad_h
(n, height, width, c). With `running`, its two arrays are moved and returned, too. There are at
least two pixels. The op is used where `is_one` says that it is more than two.
"""

import numpy as np

from tinygan.kernels import conv2d as convolutions
from tinygan.kernels.batch_norm import EPS
from tinygan.kernels.ladder import Ladder
from tinygan.kernels.tensor_cores import PRECISIONS

# A normalised value is off by as much as h is, over the deviation of h, which may be small.
_SHAPES = {
    "odd": dict(n=3, c=3, k=5, size=(7, 9), kernel=(3, 3), padding=(1, 1)),
    "relu": dict(n=4, c=9, k=7, size=(5, 4), kernel=(1, 1), slope=0.0, momentum=0.1),
    "in fours": dict(n=4, c=4, k=8, size=(5, 5), kernel=(1, 1)),
    "in fours, far from zero": dict(
        n=5, c=8, k=4, size=(8, 9), kernel=(2, 1), stride=(3, 4), momentum=0.3, shift=30.0
    ),
    "in fours, more columns than a tile": dict(
        n=2, c=68, k=68, size=(3, 4), kernel=(1, 1), slope=0.2, momentum=0.1
    ),
    "in fours, stride 2": dict(
        n=4, c=12, k=20, size=(7, 6), kernel=(4, 4), stride=(2, 2), padding=(1, 1), after=(2, 1),
        slope=0.0,
    ),
    "in fours, smaller than the stride": dict(
        n=8, c=4, k=4, size=(1, 2), kernel=(2, 3), stride=(3, 4), padding=(1, 0), after=(0, 1),
        slope=0.2,  # so that the gradient of gamma does not cancel, nor that of beta
    ),
    "in fours, many phases": dict(  # so many that their moments are put together in two launches
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


_CONVOLUTIONS = {
    "conv2d": (
        0, convolutions.make_forward, convolutions.flops_forward, convolutions.traffic_forward
    ),
    "conv_transpose2d": (
        1, convolutions.make_transposed, convolutions.flops_transposed,
        convolutions.traffic_transposed,
    ),
}  # fmt: skip


def _ladders(name):
    channels, make, flops, traffic = _CONVOLUTIONS[name]
    forward = Ladder(
        f"{name}_batch_norm",
        make=_make(make, channels),
        flops=_flops(flops, 7),
        traffic=_traffic(traffic),
        shapes=_SHAPES,
        bench_shapes=_BENCH_SHAPES,
        peer=f"conv_batch_norm.peer:{name}_batch_norm",
    )
    backward = Ladder(
        f"{name}_batch_norm_backward",
        make=_make_backward(make, channels),
        flops=_flops(flops, 13),
        traffic=_traffic_backward(traffic),
        shapes=_SHAPES,
        bench_shapes=_BENCH_SHAPES,
        peer=f"conv_batch_norm.peer:{name}_batch_norm_backward",
    )
    return forward, backward


conv2d_batch_norm, conv2d_batch_norm_backward = _ladders("conv2d")
conv_transpose2d_batch_norm, conv_transpose2d_batch_norm_backward = _ladders("conv_transpose2d")


def _in_fours(x, weight, *rest, **options):
    """Whether the convolution's images have channels in fours."""
    return x.dtype == "f" and not (weight.shape[0] % 4 or weight.shape[1] % 4)


def is_one(ladder, x, weight, precision):
    """Whether there is a rung for these that is more than both kernels, one after the other."""
    return ladder.pick(x, weight, precision=precision).precision is not None


for _ladder in (
    conv2d_batch_norm, conv_transpose2d_batch_norm, conv2d_batch_norm_backward,
    conv_transpose2d_batch_norm_backward,
):  # fmt: skip
    _ladder.rung("reference", f"conv_batch_norm.reference:{_ladder.name}")
    _ladder.rung("two kernels", f"conv_batch_norm.composed:{_ladder.name}")
    _ladder.rung("two kernels", f"conv_batch_norm.composed:{_ladder.name}", device="cuda")
    for _kind, _precision in PRECISIONS.items():
        _ladder.rung(
            f"{_kind} pipeline", f"conv_batch_norm.gpu:{_ladder.name}_{_kind}", device="cuda",
            precision=_precision, covers=_in_fours,
        )  # fmt: skip
