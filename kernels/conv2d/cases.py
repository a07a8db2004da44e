"""Example inputs of the convolutions, their FLOPs and bytes."""

import numpy as np

from ..ladder import Cases

# Edges first: what a rung must survive. Then ordinary small shapes.
_SHAPES = {
    "1x1": dict(n=1, c=1, k=1, size=(1, 1), kernel=(1, 1)),
    "1x1 kernel": dict(n=2, c=5, k=7, size=(4, 3), kernel=(1, 1)),
    "batch 0": dict(n=0, c=3, k=4, size=(5, 5), kernel=(3, 3)),
    "odd": dict(n=2, c=3, k=5, size=(7, 9), kernel=(3, 3), padding=(1, 1)),
    "stride > kernel": dict(n=2, c=3, k=4, size=(8, 9), kernel=(2, 1), stride=(3, 4)),
    "asymmetric padding": dict(
        n=1, c=2, k=3, size=(7, 7), kernel=(5, 5), stride=(2, 2), padding=(2, 2), after=(1, 2)
    ),
    "same 28": dict(
        n=2, c=1, k=33, size=(14, 14), kernel=(5, 5), stride=(2, 2), padding=(1, 1), after=(2, 2)
    ),
    "one output channel": dict(
        n=3, c=40, k=1, size=(6, 6), kernel=(4, 4), stride=(2, 2), padding=(1, 1)
    ),
    "three input channels": dict(
        n=2, c=3, k=64, size=(8, 8), kernel=(4, 4), stride=(2, 2), padding=(1, 1)
    ),
    "kernel = input": dict(n=5, c=20, k=6, size=(4, 4), kernel=(4, 4)),
    "kernel = input, batch 0": dict(n=0, c=3, k=4, size=(2, 2), kernel=(2, 2)),
    "kernel = input, many terms": dict(n=11, c=130, k=36, size=(4, 4), kernel=(4, 4)),
    "few values of many terms": dict(n=3, c=130, k=3, size=(2, 2), kernel=(2, 2)),
    "one value per image": dict(n=33, c=9, k=1, size=(4, 3), kernel=(4, 3)),
    "one value per image, padded": dict(
        n=3, c=9, k=2, size=(4, 3), kernel=(4, 3), stride=(2, 2), padding=(1, 0), after=(0, 1)
    ),
    "few channels, many rows": dict(
        n=2, c=8, k=3, size=(30, 40), kernel=(5, 5), padding=(2, 2)
    ),
    "one channel of many": dict(
        n=2, c=18, k=1, size=(9, 12), kernel=(7, 4), padding=(2, 0), after=(0, 3)
    ),
    "few channels, stride 3": dict(
        n=3, c=7, k=4, size=(13, 17), kernel=(5, 4), stride=(2, 3), padding=(3, 1), after=(1, 2)
    ),
    "rows left over": dict(n=2, c=6, k=34, size=(10, 9), kernel=(3, 2), stride=(3, 2)),
    "wide padding": dict(n=1, c=2, k=2, size=(2, 2), kernel=(3, 3), padding=(4, 3), after=(3, 5)),
    "4x4 stride 2": dict(
        n=3, c=33, k=37, size=(8, 8), kernel=(4, 4), stride=(2, 2), padding=(1, 1)
    ),
    "4x4 odd": dict(
        n=19, c=33, k=37, size=(13, 17), kernel=(4, 4), stride=(2, 2), padding=(1, 2), after=(2, 0)
    ),
    "4x4 batch 1": dict(
        n=1, c=70, k=40, size=(64, 70), kernel=(4, 4), stride=(2, 2), padding=(1, 1)
    ),
    "4x4 few outputs": dict(
        n=180, c=36, k=50, size=(4, 6), kernel=(4, 4), stride=(2, 2), padding=(1, 1)
    ),
    "4x4 wide padding": dict(
        n=19, c=40, k=66, size=(16, 12), kernel=(4, 4), stride=(2, 2), padding=(3, 0), after=(0, 5)
    ),
    "3x3 odd": dict(
        n=9, c=27, k=45, size=(23, 19), kernel=(3, 3), padding=(2, 0), after=(0, 1)
    ),
    "3x3 batch 1": dict(n=1, c=40, k=33, size=(30, 31), kernel=(3, 3), padding=(1, 1)),
    "3x3 deep": dict(n=2, c=300, k=65, size=(9, 7), kernel=(3, 3), padding=(1, 1)),
    "5x5 odd": dict(
        n=11, c=35, k=50, size=(17, 14), kernel=(5, 5), stride=(2, 2), padding=(1, 2), after=(2, 1)
    ),
    "5x5 batch 1": dict(
        n=1, c=64, k=48, size=(45, 40), kernel=(5, 5), stride=(2, 2), padding=(2, 2)
    ),
    "5x6 stride 2": dict(
        n=30, c=33, k=26, size=(14, 18), kernel=(5, 6), stride=(2, 2), padding=(0, 3), after=(3, 0)
    ),
    "7x7 stride 3": dict(
        n=20, c=18, k=40, size=(23, 25), kernel=(7, 7), stride=(3, 3), padding=(3, 3)
    ),
    "2x2": dict(n=14, c=43, k=70, size=(18, 16), kernel=(2, 2), padding=(1, 0)),
    "smaller than the stride": dict(
        n=2, c=3, k=4, size=(1, 2), kernel=(2, 3), stride=(3, 4), padding=(1, 0), after=(0, 1)
    ),
    "parts of unequal length": dict(n=1, c=2, k=3, size=(16, 20), kernel=(2, 2), padding=(1, 0)),
    "multiples of 4": dict(n=1, c=4, k=8, size=(5, 3), kernel=(1, 1)),
    "multiples of 4, weight in the other order": dict(
        n=2, c=20, k=12, size=(5, 4), kernel=(3, 2), padding=(1, 0), other_order=True
    ),
    "multiples of 4, stride 2": dict(
        n=3, c=12, k=20, size=(7, 6), kernel=(4, 4), stride=(2, 2), padding=(1, 1), after=(2, 1)
    ),
    "multiples of 4, stride 2, weight in the other order": dict(
        n=2, c=68, k=76, size=(8, 10), kernel=(4, 4), stride=(2, 2), padding=(1, 1),
        other_order=True,
    ),
    "multiples of 4, stride > kernel": dict(
        n=3, c=8, k=4, size=(8, 9), kernel=(2, 1), stride=(3, 4)
    ),
    "multiples of 4, smaller than the stride": dict(
        n=2, c=4, k=4, size=(1, 2), kernel=(2, 3), stride=(3, 4), padding=(1, 0), after=(0, 1)
    ),
    "multiples of 4, parts of unequal length": dict(
        n=1, c=4, k=8, size=(16, 20), kernel=(2, 2), padding=(1, 0)
    ),
    "unequal": dict(n=2, c=9, k=5, size=(5, 11), kernel=(2, 5), stride=(1, 3), padding=(0, 2)),
}
_STRIDED = dict(kernel=(4, 4), stride=(2, 2), padding=(1, 1))
_BENCH_SHAPES = {
    "mnist.1": dict(n=128, c=1, k=64, size=(28, 28), **_STRIDED),
    "mnist.2": dict(n=128, c=64, k=128, size=(14, 14), **_STRIDED),
    "dcgan64.1": dict(n=64, c=3, k=64, size=(64, 64), **_STRIDED),
    "dcgan64.2": dict(n=64, c=64, k=128, size=(32, 32), **_STRIDED),
    "dcgan64.3": dict(n=64, c=128, k=256, size=(16, 16), **_STRIDED),
    "dcgan64.4": dict(n=64, c=256, k=512, size=(8, 8), **_STRIDED),
    "3x3": dict(n=64, c=64, k=64, size=(28, 28), kernel=(3, 3), padding=(1, 1)),
    "5x5 stride 2": dict(
        n=64, c=64, k=128, size=(14, 14), kernel=(5, 5), stride=(2, 2), padding=(1, 1), after=(2, 2)
    ),
    "1x1": dict(n=64, c=128, k=128, size=(16, 16), kernel=(1, 1)),
    "dcgan64.projection": dict(n=64, c=512, k=100, size=(4, 4), kernel=(4, 4)),
}


def _arrays(rng, dtype, n, c, k, size, kernel, stride=(1, 1), padding=(0, 0), after=None):
    """Random x, weight, y, bias of k and of c, and the options that connect their shapes."""
    after = padding if after is None else after
    p, q = (
        (size[i] + padding[i] + after[i] - kernel[i]) // stride[i] + 1 for i in range(2)
    )
    draw = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
    weight = draw(*kernel, c, k).transpose(3, 2, 0, 1)
    return draw(n, *size, c), weight, draw(n, p, q, k), draw(k), draw(c), stride, padding


def _suiting_transposed(weight):
    return np.ascontiguousarray(weight.transpose(2, 3, 0, 1)).transpose(2, 3, 0, 1)


# other_order: whether the weight's memory suits the other convolution, whose gradient this one is.
def make_forward(rng, dtype, slope=1.0, other_order=False, **case):
    x, weight, y, bias, _, stride, padding = _arrays(rng, dtype, **case)
    options = dict(stride=stride, padding=padding, output_size=y.shape[1:3], slope=slope)
    return (x, _suiting_transposed(weight) if other_order else weight, bias), options


def make_transposed(rng, dtype, other_order=False, **case):
    x, weight, y, _, bias, stride, padding = _arrays(rng, dtype, **case)
    options = dict(stride=stride, padding=padding, output_size=x.shape[1:3])
    return (y, weight if other_order else _suiting_transposed(weight), bias), options


def make_weight_grad(rng, dtype, other_order=False, order=None, **case):
    x, weight, y, _, _, stride, padding = _arrays(rng, dtype, **case)
    options = dict(stride=stride, padding=padding, kernel_size=weight.shape[2:])
    return (x, y), options if order is None else options | dict(order=order)


# Counted without padding: every tap of every y. A transposed convolution that multiplies inserted
# zeros does more work for the same count.
def flops_forward(x, weight, bias, *, stride, padding, output_size, slope=1.0):
    return 2 * x.shape[0] * output_size[0] * output_size[1] * weight.size


def flops_transposed(y, weight, bias, *, stride, padding, output_size):
    return 2 * y.shape[0] * y.shape[1] * y.shape[2] * weight.size


def flops_weight_grad(x, y, *, stride, padding, kernel_size, order=None):
    return 2 * y.size * x.shape[3] * kernel_size[0] * kernel_size[1]


def traffic_forward(x, weight, bias, *, stride, padding, output_size, slope=1.0):
    outputs = x.shape[0] * output_size[0] * output_size[1] * weight.shape[0]
    return (x.size + weight.size + outputs) * x.itemsize


def traffic_transposed(y, weight, bias, *, stride, padding, output_size):
    outputs = y.shape[0] * output_size[0] * output_size[1] * weight.shape[1]
    return (y.size + weight.size + outputs) * y.itemsize


def traffic_weight_grad(x, y, *, stride, padding, kernel_size, order=None):
    weights = x.shape[3] * y.shape[3] * kernel_size[0] * kernel_size[1]
    return (x.size + y.size + weights) * x.itemsize


# With a LeakyReLU or a ReLU in the same pass.
_ACTIVATED = {
    f"{name}, slope {slope}": dict(_SHAPES[name], slope=slope)
    for name, slope in {
        "1x1 kernel": 0.2, "same 28": 0.2, "three input channels": 0.1, "one output channel": 0.0,
        "kernel = input": 0.2, "4x4 stride 2": 0.2, "4x4 odd": 0.0,
    }.items()
}  # fmt: skip
_LARGE = (
    dict(n=16, c=40, k=70, size=(16, 18), kernel=(4, 4), stride=(2, 2), padding=(1, 1)),
    dict(n=64, c=33, k=32, size=(28, 28), kernel=(4, 4), stride=(2, 2), padding=(1, 1)),
    dict(n=8, c=40, k=70, size=(16, 18), kernel=(5, 4), stride=(2, 2), padding=(1, 1)),
    dict(n=40, c=3, k=1, size=(16, 18), kernel=(3, 3), padding=(1, 1)),
    dict(n=20, c=130, k=40, size=(4, 4), kernel=(4, 4)),
)

CONV2D = Cases(
    make=make_forward,
    flops=flops_forward,
    traffic=traffic_forward,
    shapes={**_SHAPES, **_ACTIVATED}, bench_shapes=_BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
CONV_TRANSPOSE2D = Cases(
    make=make_transposed,
    flops=flops_transposed,
    traffic=traffic_transposed,
    shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
CONV2D_WEIGHT_GRAD = Cases(
    make=make_weight_grad,
    flops=flops_weight_grad,
    traffic=traffic_weight_grad,
    shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
