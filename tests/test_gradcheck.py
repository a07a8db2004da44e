"""The checker must be able to fail: wrong gradients of every kind, and right ones."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tinygan import Function, GradcheckError, Tensor, gradcheck, gradgradcheck, tensor
from tinygan import functional as F

# 16 x 16 Jacobian entries are all checked; 4900 x 4900 are not, but directions are.
SMALL, LARGE = (4, 4), (70, 70)


def away_from_zero(rng, shape) -> Tensor:
    """Between 0.5 and 1.5 in size, of both signs: no kink and no vanishing slope is near."""
    array = rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)
    return tensor(array, requires_grad=True)


class Cube(Function):
    """x^3, whose gradient goes through `fault` on its way out."""

    saves_inputs = True

    def __init__(self, fault):
        self.fault = fault

    def forward(self, x):
        return x * x * x

    def backward(self, grad_output):
        (x,) = self.inputs
        return (self.fault(grad_output * (x * x) * 3.0),)


def one_element(g: Tensor) -> Tensor:
    array = g.array.copy()
    array[2, 1] *= 1.5
    return Tensor(array)


def one_nan(g: Tensor) -> Tensor:
    array = g.array.copy()
    array[2, 1] = np.nan
    return Tensor(array)


def stale():
    """A fault that remembers the first gradient it sees."""
    memory = []

    def fault(g):
        memory.append(g)
        return memory[0]

    return fault


FAULTS = {
    "scaled by 1.01": lambda g: g * 1.01,
    "scaled by 1.0001": lambda g: g * 1.0001,
    "zero": lambda g: g * 0.0,
    "none": lambda g: None,
    "transposed": lambda g: g.T,
    "sign": lambda g: -g,
    "stale": None,
    "nan": lambda g: g * float("nan"),
    "one nan": one_nan,
    "inf": lambda g: g + float("inf"),
    "shifted": lambda g: Tensor(np.roll(g.array, 1)),
    "right in sum": lambda g: g.mean().expand(g.shape),
    "one element": one_element,
    "a constant added": lambda g: g + 1e-3,
}  # fmt: skip


@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["Jacobian", "directions"])
@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_gradients_are_rejected(fault, shape, rng):
    x = away_from_zero(rng, shape)
    function = FAULTS[fault] or stale()
    with pytest.raises(GradcheckError, match=r"is wrong|the gradient by input 0 is -?(nan|inf) at"):
        gradcheck(lambda x: Cube(function)(x), x)


@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["Jacobian", "directions"])
def test_the_right_gradient_is_accepted(shape, rng):
    x = away_from_zero(rng, shape)
    assert gradcheck(lambda x: Cube(lambda g: g)(x), x) is True
    assert x.grad is None


def test_a_stale_gradient_of_a_scalar_is_rejected(rng):
    """A 1 x 1 Jacobian has one row: only another cotangent shows that it is remembered."""
    fault = stale()
    with pytest.raises(GradcheckError, match="the gradient is wrong along a random direction"):
        gradcheck(lambda x: Cube(fault)(x), away_from_zero(rng, ()))


class ZeroGradientBatchNorm(Function):
    """Standardises columns. Each column of the result sums to zero, whatever x is, so a check that
    sums the outputs would be content with this gradient."""

    def forward(self, x):
        return (x - x.mean(0)) / x.std(0)

    def backward(self, grad_output):
        return (grad_output * 0.0,)


@pytest.mark.parametrize("shape", [(5, 3), (60, 20)], ids=["Jacobian", "directions"])
def test_batch_norm_with_a_zero_gradient_is_rejected(shape, rng):
    x = tensor(rng.standard_normal(shape), requires_grad=True)
    with pytest.raises(GradcheckError, match="is wrong"):
        gradcheck(lambda x: ZeroGradientBatchNorm()(x), x)


def test_a_wrong_gradient_of_one_of_several_inputs_or_outputs_is_rejected(rng):
    a, b = away_from_zero(rng, (3,)), away_from_zero(rng, (3,))
    with pytest.raises(GradcheckError, match="d output / d input 1 is wrong in 3 of 18 entries"):
        gradcheck(lambda a, b: (a * 2.0, a * Cube(FAULTS["sign"])(b)), [a, b])


# What the messages say

NUMBER = r"(-?[\d.]+(?:e-?\d+)?)"


def test_the_message_names_the_worst_element_of_a_jacobian(rng):
    x = away_from_zero(rng, SMALL)
    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda x: Cube(one_element)(x), x)
    found = re.search(
        r"d input 0 is wrong in 1 of 256 entries; worst: output element (\d+) .*, "
        rf"input element \((\d+), (\d+)\): numerical {NUMBER}, analytical {NUMBER}$",
        str(caught.value),
    )
    assert found, caught.value
    assert found.groups()[:3] == (str(2 * 4 + 1), "2", "1")
    slope = 3 * x.array[2, 1] ** 2
    # Differences with a step of 1e-6 are good to nine digits or so.
    np.testing.assert_allclose([*map(float, found.groups()[3:])], [slope, 1.5 * slope], rtol=1e-7)


def test_the_message_names_the_worst_element_along_a_direction(rng):
    x = away_from_zero(rng, (8, 8))  # at most 64 elements are tried one by one: all of these
    matrix = tensor(rng.standard_normal((8, 16)))
    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda x: Cube(one_element)(x) @ matrix, x)
    found = re.search(
        rf"wrong along a random direction: numerical {NUMBER}, analytical {NUMBER}; worst element "
        rf"tried: input 0, element \((\d+), (\d+)\): numerical {NUMBER}, analytical {NUMBER}$",
        str(caught.value),
    )
    assert found, caught.value
    assert found.groups()[2:4] == ("2", "1")
    numerical, analytical = map(float, found.groups()[4:])
    assert analytical == pytest.approx(1.5 * numerical, rel=1e-6)


@pytest.mark.parametrize("fault", ["nan", "inf"])
def test_the_message_says_where_a_gradient_is_not_finite(fault, rng):
    with pytest.raises(GradcheckError, match=rf"gradient by input 0 is {fault} at \(0, 0\)"):
        gradcheck(lambda x: Cube(FAULTS[fault])(x), away_from_zero(rng, SMALL))


# What cannot be checked


def test_randomness_is_rejected(rng):
    with pytest.raises(GradcheckError, match=r"output 0 differs between two calls .* by up to"):
        gradcheck(lambda x: x * tensor(rng.standard_normal(3)), away_from_zero(rng, (3,)))


KINKS = {"relu": F.relu, "abs": abs, "clip": lambda x: x.clip(0.0, 9.0)}


@pytest.mark.parametrize("function", KINKS)
@pytest.mark.parametrize("distance", [0.0, 1e-7, -1e-7])
def test_kinks_near_the_point_are_found(function, distance, rng):
    x = away_from_zero(rng, SMALL)
    x.array[1, 3] = distance
    message = r"output 0 has a kink within 1e-06 of the inputs, at element \(1, 3\)"
    with pytest.raises(GradcheckError, match=message):
        gradcheck(KINKS[function], x)


@pytest.mark.parametrize("function", KINKS)
def test_kinks_are_found_along_directions(function, rng):
    """Only those at the point itself: a step along a direction moves one element by little."""
    x = away_from_zero(rng, LARGE)
    x.array[1, 3] = 0
    with pytest.raises(GradcheckError, match=r"output 0 has a kink .* at element \(1, 3\)"):
        gradcheck(KINKS[function], x)


def test_steep_but_smooth_functions_have_no_kink(rng):
    x = away_from_zero(rng, SMALL)
    assert gradcheck(lambda x: (x * 5.0).exp() * 10.0, x, atol=1e-3)


def test_float32_and_missing_requires_grad_are_rejected():
    x = tensor([1.0], requires_grad=True)
    with pytest.raises(TypeError, match="gradcheck: input 0 is float32; differences need float64"):
        gradcheck(lambda x: x * x, x)
    with pytest.raises(TypeError, match="gradcheck: no input has requires_grad=True"):
        gradcheck(lambda x: x * x, tensor([1.0], "float64"))
    with pytest.raises(TypeError, match="differences need float64"):
        gradgradcheck(lambda x: x * x, x)


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_functions_that_are_not_finite_are_rejected():
    with pytest.raises(GradcheckError, match=r"output 0 is not finite$"):
        gradcheck(lambda x: x.log(), tensor([0.0, 1.0], "float64", requires_grad=True))
    with pytest.raises(GradcheckError, match="output 0 is not finite at a distance of 1e-06"):
        gradcheck(lambda x: x.log(), tensor([1e-7, 1.0], "float64", requires_grad=True))


# What must be accepted


def test_several_outputs_unused_and_constant_inputs(rng):
    x, unused = away_from_zero(rng, (2, 3)), away_from_zero(rng, (2,))
    constant = tensor(rng.standard_normal((2, 3)))
    index = tensor([2, 0, 2])

    def function(x, unused, constant, index):
        return x * constant, x[:, index], constant + 1.0

    assert gradcheck(function, [x, unused, constant, index])
    assert gradgradcheck(function, [x, unused, constant, index])


@pytest.mark.parametrize("size", [5, 80], ids=["Jacobian", "directions"])
def test_linear_functions_need_no_small_step(size, rng):
    """Differences of a linear function are exact: with eps=1 only rounding is left (1e-16 times
    the square root of 80 terms)."""
    x, w = away_from_zero(rng, (size, size)), tensor(rng.standard_normal((size, size)))
    assert gradcheck(lambda x: x @ w, x, eps=1.0, atol=1e-12, rtol=1e-12)
    with pytest.raises(GradcheckError, match="is wrong"):
        gradcheck(lambda x: Cube(lambda g: g)(x), x, eps=1.0)


def test_kinked_functions_pass_away_from_the_kink(rng):
    assert gradcheck(lambda x: abs(F.leaky_relu(x, 0.2)), away_from_zero(rng, (6, 6)))


# Derivatives of derivatives


def test_a_function_without_any_gradient_is_rejected(rng):
    x = away_from_zero(rng, (3,))
    with pytest.raises(GradcheckError, match="is wrong in 3 of 9 entries"):
        gradcheck(lambda x: x.detach() * 2.0, x)
    with pytest.raises(GradcheckError, match="no gradient reaches an input"):
        gradgradcheck(lambda x: x.detach() * 2.0, x)


class ConstantOutputTanh(Function):
    """A right derivative that forgets that its output depends on x."""

    saves_output = True

    def forward(self, x):
        return np.tanh(x)

    def backward(self, grad_output):
        y = Tensor(self._output)
        return (grad_output * (1.0 - y * y),)


class UnrecordedTanh(ConstantOutputTanh):
    """Forgets that its derivative depends on the gradient that comes in."""

    def backward(self, grad_output):
        y = self.output
        return (Tensor(grad_output.array) * (1.0 - y * y),)


class WrongSecondDerivative(Function):
    """x^3, then 3 x^2, then 5 x instead of 6 x."""

    saves_inputs = True

    def __init__(self, order=0):
        self.order = order

    def forward(self, x, g=None):
        return x**3 if self.order == 0 else 3 * x**2 * g

    def backward(self, grad_output):
        if self.order == 0:
            return (WrongSecondDerivative(1)(self.inputs[0], grad_output),)
        x, g = self.inputs
        return grad_output * g * x * 5.0, grad_output * x * x * 3.0


@pytest.mark.parametrize("op", [ConstantOutputTanh, UnrecordedTanh, WrongSecondDerivative])
@pytest.mark.parametrize("shape", [(4,), (70,)], ids=["Jacobian", "directions"])
def test_wrong_second_derivatives_are_rejected(op, shape, rng):
    x = away_from_zero(rng, shape)
    assert gradcheck(lambda x: op()(x), x)  # the first derivative is right
    with pytest.raises(GradcheckError, match="is wrong"):
        gradgradcheck(lambda x: op()(x), x)


def test_right_second_derivatives_are_accepted(rng):
    x, w = away_from_zero(rng, (4, 3)), away_from_zero(rng, (3,))
    assert gradgradcheck(lambda x: x.tanh(), x)
    assert gradgradcheck(lambda x: Cube(lambda g: g)(x), x)
    assert gradgradcheck(lambda x, w: (x * w, (x / w).sum(0)), [x, w])
    assert gradgradcheck(lambda x: x * 2.0, x)  # the second derivative is zero
    large = away_from_zero(rng, (70, 3))
    assert gradgradcheck(lambda x, w: F.batch_norm(x, None, None, w, w, training=True), [large, w])
