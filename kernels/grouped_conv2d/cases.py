"""Example inputs of the grouped convolutions, their FLOPs and bytes."""

from ..ladder import Cases

# c and k are channels of one group. Edges first: what a rung must survive.
_SHAPES = {
    "1x1": dict(n=1, groups=1, c=1, k=1, size=(1, 1), kernel=(1, 1), dilation=(2, 3)),
    "batch 0": dict(n=0, groups=2, c=2, k=3, size=(5, 5), kernel=(3, 3), dilation=(2, 1)),
    "two groups": dict(n=2, groups=2, c=3, k=2, size=(5, 4), kernel=(2, 3), padding=(1, 1)),
    "two groups, odd": dict(
        n=2, groups=2, c=5, k=7, size=(7, 9), kernel=(3, 3), stride=(2, 1), padding=(1, 2),
        dilation=(1, 2), after=(0, 1),
    ),
    "three groups, wide": dict(
        n=2, groups=3, c=20, k=17, size=(6, 5), kernel=(3, 2), stride=(1, 2), padding=(1, 0)
    ),
    "dilation 2": dict(
        n=2, groups=1, c=3, k=5, size=(9, 8), kernel=(3, 3), padding=(2, 2), dilation=(2, 2)
    ),
    "dilation 2, stride 2": dict(
        n=1, groups=1, c=4, k=3, size=(9, 10), kernel=(3, 2), stride=(2, 2), padding=(1, 2),
        dilation=(2, 2), after=(2, 1),
    ),
    "dilation 3, stride 2, odd": dict(
        n=2, groups=1, c=3, k=4, size=(11, 13), kernel=(3, 2), stride=(2, 3), padding=(4, 1),
        dilation=(3, 2), after=(0, 3),
    ),
    "dilation 4, stride 6": dict(
        n=1, groups=1, c=2, k=3, size=(17, 15), kernel=(3, 2), stride=(6, 4), padding=(3, 2),
        dilation=(4, 6), after=(5, 0),
    ),
    "phases without pixels": dict(
        n=2, groups=2, c=5, k=4, size=(2, 1), kernel=(2, 2), padding=(4, 5), dilation=(4, 5),
        after=(3, 2),
    ),
    "windows far inside": dict(
        n=2, groups=1, c=2, k=2, size=(9, 8), kernel=(1, 1), stride=(5, 7), dilation=(3, 2)
    ),
    "depthwise": dict(n=1, groups=3, c=1, k=1, size=(4, 5), kernel=(3, 3), padding=(1, 1)),
    "depthwise, odd": dict(
        n=2, groups=19, c=1, k=1, size=(9, 7), kernel=(3, 5), stride=(2, 3), padding=(1, 2),
        dilation=(2, 1), after=(0, 3),
    ),
    "depthwise, two outputs each": dict(
        n=2, groups=11, c=1, k=2, size=(5, 6), kernel=(3, 2), stride=(1, 2), padding=(2, 0)
    ),
    "depthwise, wide padding": dict(
        n=1, groups=5, c=1, k=1, size=(2, 3), kernel=(2, 3), padding=(4, 6), after=(3, 7)
    ),
    "depthwise, rows left over": dict(
        n=2, groups=8, c=1, k=1, size=(10, 9), kernel=(2, 1), stride=(3, 4), dilation=(1, 3)
    ),
    "depthwise, parts of unequal length": dict(
        n=3, groups=4, c=1, k=1, size=(22, 17), kernel=(2, 2), padding=(1, 0), dilation=(1, 2)
    ),
    "narrow groups": dict(
        n=2, groups=9, c=2, k=2, size=(6, 7), kernel=(3, 3), stride=(2, 1), padding=(1, 1),
        dilation=(1, 3), after=(2, 3),
    ),
}  # fmt: skip
_BENCH_SHAPES = {
    "depthwise 3x3": dict(n=32, groups=64, c=1, k=1, size=(28, 28), kernel=(3, 3), padding=(1, 1)),
    "depthwise 3x3 stride 2": dict(
        n=32, groups=64, c=1, k=1, size=(28, 28), kernel=(3, 3), stride=(2, 2), padding=(1, 1)
    ),
    "32 groups of 4": dict(n=16, groups=32, c=4, k=4, size=(14, 14), kernel=(3, 3), padding=(1, 1)),
    "2 groups of 64": dict(
        n=16, groups=2, c=64, k=64, size=(14, 14), kernel=(3, 3), padding=(1, 1)
    ),
    "dilation 2": dict(
        n=32, groups=1, c=64, k=64, size=(28, 28), kernel=(3, 3), padding=(2, 2), dilation=(2, 2)
    ),
}  # fmt: skip


def _arrays(
    rng, dtype, n, groups, c, k, size, kernel, stride=(1, 1), padding=(0, 0), dilation=(1, 1),
    after=None,
):  # fmt: skip
    """Random x, weight, y, bias of k and of c, and the options that connect their shapes."""
    after = padding if after is None else after
    p, q = (
        (size[i] + padding[i] + after[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1
        for i in range(2)
    )
    draw = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
    weight = draw(*kernel, c, groups * k).transpose(3, 2, 0, 1)
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    x, y = draw(n, *size, groups * c), draw(n, p, q, groups * k)
    return x, weight, y, draw(groups * k), draw(groups * c), options


def make_forward(rng, dtype, slope=1.0, **case):
    x, weight, y, bias, _, options = _arrays(rng, dtype, **case)
    return (x, weight, bias), options | dict(output_size=y.shape[1:3], slope=slope)


def make_transposed(rng, dtype, **case):
    x, weight, y, _, bias, options = _arrays(rng, dtype, **case)
    return (y, weight, bias), options | dict(output_size=x.shape[1:3])


def make_weight_grad(rng, dtype, **case):
    x, weight, y, _, _, options = _arrays(rng, dtype, **case)
    return (x, y), options | dict(kernel_size=weight.shape[2:])


# Counted without padding: every tap of every y.
def flops_forward(x, weight, bias, *, output_size, **options):
    return 2 * x.shape[0] * output_size[0] * output_size[1] * weight.size


def flops_transposed(y, weight, bias, **options):
    return 2 * y.shape[0] * y.shape[1] * y.shape[2] * weight.size


def flops_weight_grad(x, y, *, groups, kernel_size, **options):
    return 2 * y.size * (x.shape[3] // groups) * kernel_size[0] * kernel_size[1]


def traffic_forward(x, weight, bias, *, output_size, **options):
    outputs = x.shape[0] * output_size[0] * output_size[1] * weight.shape[0]
    return (x.size + weight.size + outputs) * x.itemsize


def traffic_transposed(y, weight, bias, *, groups, output_size, **options):
    outputs = y.shape[0] * output_size[0] * output_size[1] * weight.shape[1] * groups
    return (y.size + weight.size + outputs) * y.itemsize


def traffic_weight_grad(x, y, *, groups, kernel_size, **options):
    weights = x.shape[3] // groups * y.shape[3] * kernel_size[0] * kernel_size[1]
    return (x.size + y.size + weights) * x.itemsize


_ACTIVATED = {
    f"{name}, slope {slope}": dict(_SHAPES[name], slope=slope)
    for name, slope in {
        "two groups": 0.2, "phases without pixels": 0.3, "depthwise": 0.0, "narrow groups": 0.2,
    }.items()
}  # fmt: skip
_LARGE = (
    dict(n=16, groups=20, c=1, k=1, size=(16, 18), kernel=(3, 3), padding=(1, 1)),
    dict(n=8, groups=5, c=2, k=2, size=(12, 13), kernel=(3, 2), stride=(2, 1), dilation=(1, 2)),
    dict(n=16, groups=2, c=20, k=35, size=(16, 18), kernel=(4, 4), stride=(2, 2), padding=(1, 1)),
    dict(n=16, groups=1, c=20, k=35, size=(16, 18), kernel=(3, 3), dilation=(2, 2)),
)

CONV2D = Cases(
    make=make_forward, flops=flops_forward, traffic=traffic_forward,
    shapes={**_SHAPES, **_ACTIVATED}, bench_shapes=_BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
CONV_TRANSPOSE2D = Cases(
    make=make_transposed, flops=flops_transposed, traffic=traffic_transposed,
    shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
CONV2D_WEIGHT_GRAD = Cases(
    make=make_weight_grad, flops=flops_weight_grad, traffic=traffic_weight_grad,
    shapes=_SHAPES, bench_shapes=_BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
