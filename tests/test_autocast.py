"""autocast: which products are rounded, when, and what is said where the CPU cannot."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

import tinygan
import tinygan.functional as F
from tinygan import precision as module
from tinygan.kernels.ladder import relative_error

BOUND = 1e-2  # two factors of 8 binary digits; sums of random signs are off by much less


@pytest.fixture
def supported(monkeypatch):
    """As if this CPU could: the rungs work everywhere, only slower."""
    monkeypatch.setattr("tinygan.precision._supported", lambda dtype: True)


def multiply(a, b):
    return a @ b


def convolve(x, weight):
    return F.conv2d(x, weight, stride=2, padding=1)


def convolve_transposed(y, weight):
    return F.conv_transpose2d(y, weight, stride=2, padding=1)


def convolve_groups(x, weight):
    return F.conv2d(x, weight, stride=2, padding=1, groups=2)


def convolve_dilated(x, weight):
    return F.conv2d(x, weight, padding=2, dilation=2)


def convolve_groups_transposed(y, weight):
    return F.conv_transpose2d(y, weight, stride=2, padding=1, groups=2)


OPS = [
    (multiply, (40, 70), (70, 50)),
    (convolve, (4, 40, 16, 16), (48, 40, 4, 4)),
    (convolve_transposed, (4, 48, 8, 8), (48, 40, 4, 4)),
    (convolve_groups, (4, 80, 16, 16), (96, 40, 4, 4)),
    (convolve_dilated, (4, 40, 24, 24), (48, 40, 3, 3)),
    (convolve_groups_transposed, (4, 96, 8, 8), (96, 40, 4, 4)),
]
CASES = [pytest.param(*case, id=case[0].__name__) for case in OPS]


def outputs_and_gradients(op, shapes, inside, dtype="float32", backward_inside=True):
    tinygan.manual_seed(3)
    x, y = (tinygan.randn(*shape, dtype=dtype, requires_grad=True) for shape in shapes)
    with module.autocast(enabled=inside):
        result = op(x, y)
        weight = tinygan.randn(*result.shape, dtype=dtype)
        loss = (result * weight).sum()
        if backward_inside:
            loss.backward()
    if not backward_inside:
        loss.backward()
    assert x.grad is not None and y.grad is not None
    return [array.detach().numpy() for array in (result, x.grad, y.grad)]


@pytest.mark.parametrize(("op", "first", "second"), CASES)
def test_products_and_their_gradients_are_rounded(op, first, second, supported):
    exact = outputs_and_gradients(op, (first, second), False)
    rounded = outputs_and_gradients(op, (first, second), True)
    for a, b in zip(rounded, exact, strict=True):
        assert a.dtype == np.float32
        assert 1e-4 < relative_error(a, b) < BOUND


@pytest.mark.parametrize(("op", "first", "second"), CASES)
def test_gradients_are_computed_as_the_op_was_recorded(op, first, second, supported):
    within = outputs_and_gradients(op, (first, second), True)
    after = outputs_and_gradients(op, (first, second), True, backward_inside=False)
    assert all((a == b).all() for a, b in zip(within, after, strict=True))


@pytest.mark.parametrize(("op", "first", "second"), CASES)
def test_float64_is_not_touched(op, first, second, supported):
    outside = outputs_and_gradients(op, (first, second), False, "float64")
    inside = outputs_and_gradients(op, (first, second), True, "float64")
    assert all((a == b).all() for a, b in zip(outside, inside, strict=True))


def test_blocks_nest_and_end(supported):
    assert module.product_precision("cpu") is None
    with tinygan.autocast("bfloat16"):
        assert module.product_precision("cpu") == "bfloat16"
        with tinygan.autocast(enabled=False):
            assert module.product_precision("cpu") is None
        assert module.product_precision("cpu") == "bfloat16"
        with pytest.raises(KeyError), tinygan.autocast(enabled=False):
            raise KeyError
        assert module.product_precision("cpu") == "bfloat16"
    assert module.product_precision("cpu") is None


def test_a_function_can_be_decorated(supported):
    @tinygan.autocast()
    def precision():
        return module.product_precision("cpu")

    assert precision() == precision() == "bfloat16"


def test_without_the_instruction_it_says_so_and_computes_in_float32(monkeypatch):
    monkeypatch.setattr("tinygan.precision._supported", lambda dtype: False)
    op, *shapes = OPS[0]
    expected = outputs_and_gradients(op, shapes, False)
    with pytest.warns(UserWarning, match="no bfloat16 arithmetic .*; computing in float32"):
        result = outputs_and_gradients(op, shapes, True)
    assert all((a == b).all() for a, b in zip(result, expected, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64", None, 16])
def test_other_dtypes_are_refused(dtype):
    message = "autocast: dtype must be 'bfloat16' or 'float16', got"
    with pytest.raises(ValueError, match=message), tinygan.autocast(dtype):
        pass


# The tensor cores of a GPU

DIGITS = {"bfloat16": (1e-4, BOUND), "float16": (1e-5, BOUND / 8), "tf32": (1e-5, BOUND / 8)}


@contextlib.contextmanager
def rounding(precision):
    """As a user asks for it."""
    if precision == "tf32":
        module.set_float32_matmul_precision("high")
        try:
            yield
        finally:
            module.set_float32_matmul_precision("highest")
    else:
        with tinygan.autocast(precision):
            yield


@pytest.mark.parametrize("precision", DIGITS)
@pytest.mark.parametrize(("op", "first", "second"), CASES)
def test_a_gpu_rounds_products_and_their_gradients(op, first, second, precision, gpu):
    results = []
    for inside in (False, True):
        rng = np.random.default_rng(5)
        x, y = (tinygan.tensor(rng.standard_normal(shape).astype("f4"), device=gpu,
                               requires_grad=True) for shape in (first, second))  # fmt: skip
        with rounding(precision) if inside else contextlib.nullcontext():
            result = op(x, y)
        weight = rng.standard_normal(result.shape).astype("f4")
        (result * tinygan.tensor(weight, device=gpu)).sum().backward()
        assert x.grad is not None and y.grad is not None
        results.append([each.detach().cpu().numpy() for each in (result, x.grad, y.grad)])
    least, most = DIGITS[precision]
    for exact, rounded in zip(*results, strict=True):
        assert least < relative_error(rounded, exact) < most


def test_high_precision_changes_nothing_on_a_cpu():
    assert module.get_float32_matmul_precision() == "highest"
    op, *shapes = OPS[1]
    exact = outputs_and_gradients(op, shapes, False)
    with rounding("tf32"):
        assert module.product_precision("cpu") == "tf32"
        high = outputs_and_gradients(op, shapes, False)
    assert all((a == b).all() for a, b in zip(exact, high, strict=True))
    with pytest.raises(ValueError, match="precision must be 'highest' or 'high', got 'medium'"):
        module.set_float32_matmul_precision("medium")
