"""Every op's gradient, and the gradient of its gradient, against differences in float64.

One table holds a case or more for each op, functional and Tensor method with a gradient. A case's
inputs are drawn away from kinks and ties, where a derivative does not exist.
"""

from __future__ import annotations

import inspect
import pkgutil
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NamedTuple

import numpy as np
import pytest

import tinygan
import tinygan.functional as F
import tinygan.ops
from tinygan import Function, Tensor, cat, grad, gradcheck, gradgradcheck, stack, where
from tinygan.autograd import graph_nodes
from tinygan.ops.conv import Conv2d, ConvTranspose2d
from tinygan.ops.image import translate
from tinygan.ops.norm import ConvBatchNorm

Maker = Callable[[np.random.Generator], np.ndarray]


class Case(NamedTuple):
    """`function` of the arrays that `makers` draw; the floating ones are differentiated by."""

    name: str  # first word: the functional, op or method; then what is special
    function: Callable[..., Tensor | list[Tensor]]
    makers: list[Maker]


def normal(*shape: int) -> Maker:
    return lambda rng: rng.standard_normal(shape)


def positive(*shape: int) -> Maker:
    return lambda rng: rng.uniform(0.5, 2.0, shape)


def unit(*shape: int) -> Maker:
    """Inside (0, 1), away from both ends."""
    return lambda rng: rng.uniform(0.1, 0.9, shape)


def away(*shape: int) -> Maker:
    """Of both signs, at least 0.2 from zero, where relu and abs have their kinks."""
    return lambda rng: rng.uniform(0.2, 2.0, shape) * rng.choice([-1, 1], shape)


def distinct(*shape: int) -> Maker:
    """All at least 0.1 apart and none near zero: no two can tie for the maximum."""

    def draw(rng):
        count = int(np.prod(shape))
        return (rng.permutation(count).reshape(shape) - count / 2 + 0.37) * 0.1

    return draw


def integers(high: int, *shape: int) -> Maker:
    return lambda rng: rng.integers(0, high, shape)


def bools(*shape: int) -> Maker:
    return lambda rng: rng.random(shape) < 0.5


def logits(rng) -> np.ndarray:
    """Of D: at least 0.1 from +-1, where the hinge loss bends."""
    return rng.choice([-1.6, -0.7, 0.3, 1.4], (3, 1)) + rng.uniform(-0.2, 0.2, (3, 1))


def seeded_dropout(x: Tensor) -> Tensor:
    tinygan.manual_seed(3)  # the same mask at every call: else there is nothing to differentiate
    return F.dropout(x, 0.4)


def evaluation(x, mean, var, weight, bias):
    return F.batch_norm(x, mean, var, weight, bias, training=False)


def training(x, weight, bias):
    return F.batch_norm(x, None, None, weight, bias, training=True)


def arithmetic() -> Iterator[Case]:
    operators = {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
    }
    shapes = {
        "": [(2, 3), (2, 3)],
        "broadcast left": [(3,), (2, 3)],
        "broadcast right": [(2, 3), (2, 1)],
        "broadcast both": [(2, 1), (1, 3)],
        "0-d": [(), (2,)],
    }
    for name, operator in operators.items():
        for note, (a, b) in shapes.items():
            yield Case(f"{name} {note}".strip(), operator, [normal(*a), away(*b)])
        yield Case(f"{name} number right", lambda x, f=operator: f(x, 1.7), [normal(2, 2)])
        yield Case(f"{name} number left", lambda x, f=operator: f(1.7, x), [away(2, 2)])
        yield Case(f"{name} itself", lambda x, f=operator: f(x, x * x), [away(3)])
    yield Case("neg", lambda x: -x, [normal(2, 3)])
    for exponent in (0, 1, 2, 3, 0.5, -1, -0.5):
        yield Case(f"pow {exponent}", lambda x, e=exponent: x**e, [positive(2, 3)])
    yield Case("pow method", lambda x: x.pow(2), [normal(3)])
    yield Case("pow tensors", lambda x, e: x**e, [positive(2, 3), normal(3)])
    yield Case("pow number left", lambda x: 2.0**x, [normal(3)])


ELEMENTWISE = [
    Case("exp", lambda x: x.exp(), [normal(2, 3)]),
    Case("log", lambda x: x.log(), [positive(2, 3)]),
    Case("sqrt", lambda x: x.sqrt(), [positive(2, 3)]),
    Case("abs", lambda x: x.abs(), [away(2, 3)]),
    Case("abs builtin", lambda x: abs(x), [away(2, 3)]),
    Case("clip", lambda x: x.clip(-1.01, 1.02), [distinct(5, 6)]),
    Case("clip min", lambda x: x.clip(0.0), [away(2, 3)]),
    Case("clamp max", lambda x: x.clamp(max=0.0), [away(2, 3)]),
    Case("where", lambda c, a, b: where(c, a, b), [bools(2, 3), normal(2, 3), normal(2, 3)]),
    Case("where broadcast", where, [bools(2, 1), normal(3), normal(2, 3)]),
    Case("where number", lambda c, a: where(c, a, 0.5), [bools(2, 3), normal(2, 3)]),
    Case("to and back", lambda x: (x.to("float64") * 2).double().cpu(), [normal(3)]),
    Case("clone", lambda x: x.clone() * x, [normal(3)]),
    Case("relu", F.relu, [away(2, 3)]),
    Case("relu method", lambda x: x.relu(), [away(2, 2, 2, 2)]),
    Case("leaky_relu", lambda x: F.leaky_relu(x, 0.2), [away(2, 3)]),
    Case("leaky_relu 0", lambda x: F.leaky_relu(x, 0.0), [away(2, 3)]),
    Case("tanh", F.tanh, [normal(2, 3)]),
    Case("tanh method", lambda x: x.tanh(), [normal(3)]),
    Case("sigmoid", F.sigmoid, [normal(2, 3)]),
    Case("sigmoid method", lambda x: x.sigmoid(), [normal(3)]),
    Case("softplus", F.softplus, [normal(2, 3)]),
    Case("log_softmax", F.log_softmax, [normal(2, 3)]),
    Case("log_softmax dim 0", lambda x: F.log_softmax(x, 0), [normal(3, 2)]),
    Case("softmax", F.softmax, [normal(2, 3)]),
    Case("softmax dim 1 of 3", lambda x: F.softmax(x, 1), [normal(2, 3, 2)]),
    Case("maxout", lambda x: F.maxout(x, 2), [distinct(2, 6)]),
    Case("maxout dim -1", lambda x: F.maxout(x, 3, dim=-1), [distinct(2, 2, 3)]),
    Case("dropout", seeded_dropout, [normal(3, 4)]),
    Case("dropout evaluation", lambda x: F.dropout(x, training=False) * x, [normal(3)]),
]


def reductions() -> Iterator[Case]:
    for name in ("sum", "mean", "var", "std", "amax", "amin"):
        for dim in (None, 0, -1, (0, 2), (-1, 1)):
            for keepdim in (False, True):
                yield Case(
                    f"{name} dim={dim} keepdim={keepdim}",
                    lambda x, n=name, d=dim, k=keepdim: getattr(x, n)(dim=d, keepdim=k),
                    [distinct(2, 3, 2)],
                )
    yield Case("var correction", lambda x: x.var(1, correction=0), [normal(2, 3)])
    yield Case("sum of nothing", lambda x: x.sum(()), [normal(2)])
    for name in ("max", "min"):
        yield Case(name, lambda x, n=name: getattr(x, n)(), [distinct(2, 3)])
        for dim, keepdim in ((0, False), (1, True), (-1, False)):
            yield Case(
                f"{name} dim={dim} keepdim={keepdim}",
                lambda x, n=name, d=dim, k=keepdim: getattr(x, n)(d, k)[0],
                [distinct(2, 3, 2)],
            )


def matrix_products() -> Iterator[Case]:
    for a, b in (
        ((2, 3), (3, 4)), ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 2, 3), (3,)),
        ((3,), (2, 3, 2)), ((2, 2, 3), (2, 3, 2)), ((2, 3), (2, 3, 2)), ((2, 2, 3), (3, 2)),
        ((2, 1, 2, 3), (3, 3, 2)), ((1, 1), (1, 1)), ((2, 1), (1, 3)),
    ):  # fmt: skip
        yield Case(f"matmul {a} @ {b}", lambda x, y: x @ y, [normal(*a), normal(*b)])
    inputs = [normal(2, 3), normal(4, 3), normal(4)]
    yield Case("linear", F.linear, inputs)
    yield Case("linear no bias", F.linear, inputs[:2])
    yield Case("linear vector", F.linear, [normal(3), *inputs[1:]])
    yield Case("linear 3-D", F.linear, [normal(2, 2, 3), *inputs[1:]])


SHAPES = [
    Case("reshape", lambda x: x.reshape(3, -1), [normal(2, 3)]),
    Case("view", lambda x: x.view((6,)) * 2, [normal(2, 3)]),
    Case("permute", lambda x: x.permute(2, 0, -2), [normal(2, 3, 2)]),
    Case("transpose", lambda x: x.transpose(0, -1), [normal(2, 3, 2)]),
    Case("T", lambda x: x.T, [normal(2, 3)]),
    Case("flatten", lambda x: x.flatten(1), [normal(2, 3, 2)]),
    Case("flatten permuted", lambda x: x.transpose(1, 2).flatten(), [normal(2, 3, 2)]),
    Case("squeeze", lambda x: x.squeeze(1) * 2, [normal(2, 1, 2)]),
    Case("unsqueeze", lambda x: x.unsqueeze(-1), [normal(2, 3)]),
    Case("expand", lambda x: x.expand(2, 3, 2), [normal(3, 1)]),
    Case("expand 0-d", lambda x: x.expand(3), [normal()]),
    Case("getitem int", lambda x: x[1], [normal(3, 2)]),
    Case("getitem basic", lambda x: x[1:, None, ..., ::-2], [normal(3, 2, 3)]),
    Case("getitem duplicates", lambda x, i: x[i], [normal(3, 2), lambda rng: np.array([2, 0, 2])]),
    Case("getitem list", lambda x: x[[0, 0], [1, 1]], [normal(2, 2)]),
    Case("getitem mixed", lambda x, i: x[:, i, 1:], [normal(2, 3, 3), integers(3, 2, 2)]),
    Case("getitem mask", lambda x: x[tinygan.tensor([True, False, True])], [normal(3, 2)]),
    Case("iterate", lambda x: sum(row * i for i, row in enumerate(x)), [normal(3, 2)]),
    Case("gather", lambda x, i: x.gather(0, i), [normal(2, 3), integers(2, 4, 3)]),
    Case("gather dim -1", lambda x, i: x.gather(-1, i), [normal(2, 3), integers(3, 2, 5)]),
    Case("cat", lambda a, b: cat([a, b, a], 1), [normal(2, 1), normal(2, 3)]),
    Case("cat dim -2", lambda a, b: cat([a, b], -2), [normal(1, 2), normal(2, 2)]),
    Case("stack", lambda a, b: stack([a, b], 1), [normal(2, 3), normal(2, 3)]),
    Case("stack last", lambda a, b: stack([a, b], -1), [normal(2), normal(2)]),
    Case("embedding", lambda w, i: F.embedding(i, w), [normal(4, 2), integers(4, 2, 3)]),
]


def convolutions() -> Iterator[Case]:
    def case(name, size, kernel, channels=(2, 3), batch=2, bias=True, **options):
        function = F.conv2d if name.startswith("conv2d") else F.conv_transpose2d
        c, k = channels
        weight = (k, c, *kernel) if function is F.conv2d else (c, k, *kernel)
        makers = [normal(batch, c, *size), normal(*weight), normal(k)]
        return Case(
            name, lambda *inputs: function(*inputs, **options), makers if bias else makers[:2]
        )

    yield case("conv2d", (3, 4), (2, 3))
    yield case("conv2d no bias", (3, 3), (2, 2), bias=False)
    yield case("conv2d batch 1", (4, 4), (4, 4), batch=1, channels=(1, 1), stride=2, padding=1)
    yield case("conv2d 1x1", (2, 3), (1, 1))
    yield case("conv2d stride 2", (5, 4), (2, 3), stride=2)
    yield case("conv2d strides", (5, 4), (2, 2), stride=(1, 2), padding=(0, 1))
    yield case("conv2d asymmetric", (3, 3), (3, 2), stride=2, padding=(0, 2, 1, 0))
    yield case("conv2d same", (5, 4), (3, 3), stride=2, padding="same", channels=(1, 2))
    yield case("conv2d same stride 1", (3, 2), (2, 4), padding="same", channels=(1, 2))
    yield case("conv2d stride > kernel", (5, 5), (1, 2), stride=3)
    yield case("conv2d rows left over", (6, 5), (3, 3), stride=2, channels=(1, 2))
    yield case("conv2d leaky", (5, 4), (2, 3), stride=2, activation_slope=0.3)
    yield case("conv2d wide padding", (1, 1), (2, 2), padding=3, channels=(1, 1))
    yield case("conv_transpose2d", (2, 3), (2, 3))
    yield case("conv_transpose2d no bias", (2, 2), (3, 3), bias=False)
    yield case("conv_transpose2d batch 1", (1, 1), (4, 4), channels=(3, 1), batch=1)
    yield case("conv_transpose2d 1x1", (2, 3), (1, 1))
    yield case("conv_transpose2d stride 2", (2, 2), (4, 4), (1, 2), stride=2, padding=1)
    yield case("conv_transpose2d strides", (2, 3), (2, 2), (2, 1), stride=(3, 1), padding=(0, 1))
    yield case(
        "conv_transpose2d asymmetric", (2, 2), (3, 3), (1, 2), stride=2, padding=(0, 2, 1, 0)
    )
    yield case(
        "conv_transpose2d output_padding", (2, 2), (3, 3), (2, 1),
        stride=(2, 3), padding=1, output_padding=(1, 2),
    )  # fmt: skip
    yield case(
        "conv_transpose2d output_size", (2, 3), (3, 3), (1, 2),
        stride=2, padding=1, output_size=(4, 5),
    )  # fmt: skip
    yield case("conv_transpose2d same", (2, 2), (3, 3), (1, 2), stride=2, padding="same")
    yield case(
        "conv_transpose2d same output_size", (2, 2), (5, 5), (1, 1),
        stride=2, padding="same", output_size=(3, 4),
    )  # fmt: skip
    yield case("conv_transpose2d stride > kernel", (2, 2), (1, 2), stride=3)
    yield Case("max_pool2d", lambda x: F.max_pool2d(x, 2), [distinct(2, 2, 4, 2)])
    yield Case(
        "translate", lambda x: translate(x, np.array([1, -2]), np.array([0, 3])),
        [normal(2, 2, 4, 5)],
    )  # fmt: skip
    yield Case("max_pool2d overlap", lambda x: F.max_pool2d(x, 3, 2, 1), [distinct(1, 2, 5, 4)])
    yield Case(
        "max_pool2d same", lambda x: F.max_pool2d(x, (2, 3), 2, "same"), [distinct(1, 1, 3, 4)]
    )


def normalisations() -> Iterator[Case]:
    for note, shape in {"2-D": (4, 2), "3-D": (2, 2, 3), "4-D": (2, 2, 2, 2)}.items():
        c = shape[1]
        yield Case(f"batch_norm {note}", training, [normal(*shape), normal(c), normal(c)])
        statistics = [normal(c), positive(c), normal(c), normal(c)]
        yield Case(f"batch_norm evaluation {note}", evaluation, [normal(*shape), *statistics])
    yield Case("batch_norm plain", lambda x: training(x, None, None), [normal(3, 2)])

    def activated(x, weight, bias):
        return F.batch_norm(x, None, None, weight, bias, training=True, activation_slope=0.3)

    convolutions = {
        "conv2d": (Conv2d((2, 1), (1, 0), None, (2, 2)), (3, 2, 3, 2)),
        "transposed": (ConvTranspose2d((2, 1), (1, 0), None, (3, 4)), (2, 3, 3, 2)),
    }
    for note, (convolution, shape) in convolutions.items():
        # As `batch_norm_of`, which in float64 would be two ops.
        yield Case(
            f"batch_norm_of {note}",
            lambda x, w, b, weight, bias, c=convolution: ConvBatchNorm(c, 1e-5, 1.0)(
                x, w, b, weight, bias
            ),
            [normal(2, 2, 3, 3), normal(*shape), normal(3), normal(3), normal(3)],
        )

    # Three samples have |z| <= sqrt(2): with such weights and biases no u comes near the kink.
    weight, bias = (lambda rng: rng.uniform(0.3, 0.6, 2)), (lambda rng: np.array([1.0, -1.0]))
    yield Case("batch_norm with activation", activated, [normal(3, 2), weight, bias])


def losses() -> Iterator[Case]:
    for reduction in ("mean", "sum", "none"):
        for name, makers in {
            "mse_loss": [normal(2, 3), normal(2, 3)],
            "cross_entropy": [normal(2, 3), integers(3, 2)],
            "binary_cross_entropy": [unit(2, 3), unit(2, 3)],
            "binary_cross_entropy_with_logits": [normal(2, 3), unit(2, 3)],
        }.items():
            yield Case(
                f"{name} {reduction}",
                lambda x, t, n=name, r=reduction: getattr(F, n)(x, t, reduction=r),
                makers,
            )
    for name, loss in F.GAN_LOSSES.items():
        yield Case(f"gan_loss {name} discriminator", loss.discriminator, [logits, logits])
        yield Case(f"gan_loss {name} generator", loss.generator, [logits])


CASES = [
    *arithmetic(), *ELEMENTWISE, *reductions(), *matrix_products(), *SHAPES, *convolutions(),
    *normalisations(), *losses(),
]  # fmt: skip
parametrize_cases = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def draw_inputs(case: Case, device: str) -> list[Tensor]:
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))  # the same alone and in the table
    inputs = [tinygan.tensor(maker(rng), device=device) for maker in case.makers]
    return [x.requires_grad_(x.dtype == tinygan.float64) for x in inputs]


# gradcheck's own tolerances hold: truncation and rounding of central differences in float64 are
# about 1e-9 of values of size 1, the tolerance is 1e-6.
@parametrize_cases
def test_gradient(case, device):
    assert gradcheck(case.function, draw_inputs(case, device))


@parametrize_cases
def test_gradient_of_gradient(case, device):
    assert gradgradcheck(case.function, draw_inputs(case, device))


def test_names_are_unique():
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)


def nodes_of(case: Case) -> set[type]:
    """The ops in the graphs of the outputs, of their gradients, and of the gradients of those."""
    inputs = draw_inputs(case, "cpu")
    wanted = [x for x in inputs if x.requires_grad]
    outputs = case.function(*inputs)
    tensors = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    found: set[type] = set()
    for _ in range(3):
        found |= {type(node) for node in graph_nodes(tensors)}
        tensors = [x for x in tensors if x.requires_grad]
        if not tensors:
            break
        cotangents = [(x.detach() * 0 + 1).requires_grad_() for x in tensors]
        results = grad(tensors, wanted, cotangents, create_graph=True, allow_unused=True)
        wanted += cotangents
        tensors = [x for x in results if x is not None]
    return found


def test_the_table_holds_every_op():
    """An op added without a case here fails."""
    defined: dict[type, str] = {}
    for module_info in pkgutil.iter_modules(tinygan.ops.__path__, "tinygan.ops."):
        module = import_module(module_info.name)
        for _, value in inspect.getmembers(module, inspect.isclass):
            is_op = issubclass(value, Function) and "forward" in vars(value)
            if is_op and value.__module__ == module.__name__:
                defined[value] = f"{module.__name__}.{value.__name__}"
    assert len(defined) > 30
    # Not visible above: float64 stays float64 in the table, so To is tested apart, below.
    seen = set().union(*(nodes_of(case) for case in CASES)) | {tinygan.ops.shape.To}
    assert sorted(name for op, name in defined.items() if op not in seen) == []


def test_the_table_holds_every_function_and_method():
    first_words = {case.name.split()[0] for case in CASES}
    values = {"GANLoss", "GAN_LOSSES", "one_hot"}  # no functions, or without a gradient
    assert sorted(set(F.__all__) - values - first_words) == []
    without_gradient = {
        "all", "any", "argmax", "argmin", "backward", "data", "detach", "device", "dtype", "grad",
        "grad_fn", "is_leaf", "item", "ndim", "numel", "numpy", "requires_grad", "requires_grad_",
        "shape", "size", "tolist", "version",
    }  # fmt: skip
    same = {"float", "double", "cpu"}  # tested with `to`
    methods = {name for name in dir(Tensor) if not name.startswith("_")}
    assert sorted(methods - without_gradient - same - first_words) == []
    elsewhere = {"ValuesAndIndices", "compare", "max_along"}  # no gradient; behind max and min
    assert sorted(set(tinygan.ops.__all__) - elsewhere - first_words) == []


def test_to_takes_gradients_back_to_the_first_dtype(device):
    # Differences in float32 are too coarse for gradcheck; powers of two make this exact instead.
    x = tinygan.tensor([0.5, -2.0, 4.0], device=device, requires_grad=True)
    y = x.double()
    (first,) = grad((y * y * y).sum(), x, create_graph=True)
    (second,) = grad(first.sum(), x)
    assert (y.dtype, first.dtype, second.dtype) == (np.float64, np.float32, np.float32)
    assert first.tolist() == [0.75, 12.0, 48.0]
    assert second.tolist() == [3.0, -12.0, 24.0]
    assert [type(node) for node in graph_nodes([y])] == [tinygan.ops.shape.To]
    z = tinygan.tensor([3.0], dtype="float64", device=device, requires_grad=True)
    (z.float() * 2.0).backward()
    assert (z.grad.dtype, z.grad.tolist()) == (np.float64, [2.0])
