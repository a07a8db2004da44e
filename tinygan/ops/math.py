"""Arithmetic and elementwise functions.

In the formulas g is the gradient of the loss by the op's output. Where an op broadcast its inputs,
their gradients are summed back to their shapes (`sum_to`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from tinygan.autograd import Array, Function
from tinygan.devices import array_module, beside, number_beside
from tinygan.kernels.layout import elementwise
from tinygan.ops.shape import sum_to
from tinygan.tensor import Tensor, bool_, float32, int64


def as_tensor(value, model: Tensor | None = None) -> Tensor:
    """A Tensor as it is; a number as a 0-d tensor of `model`'s dtype and device.

    Raises:
        TypeError: `value` is neither a Tensor, a number nor a NumPy array.
    """
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (bool, int, float, np.generic)) or (
        isinstance(value, np.ndarray) and value.ndim == 0
    ):
        if model is None:
            raise TypeError(f"expected a Tensor, got {type(value).__name__}")
        dtype = model.dtype
        if dtype.kind != "f" and isinstance(value, (float, np.floating)):
            dtype = float32  # as PyTorch: integers meet a float as float32
        elif dtype == bool_ and not isinstance(value, (bool, np.bool_)):
            dtype = int64  # a bool array could not hold the number
        return Tensor(number_beside(model.array, value, dtype))
    if isinstance(value, np.ndarray):
        return Tensor(value)
    raise TypeError(f"expected a Tensor, a number or an array, got {type(value).__name__}")


def promoted(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Integers and bools become the other operand's floating dtype."""
    if a.dtype.kind == "f" and b.dtype.kind != "f":
        b = b.to(a.dtype)
    elif b.dtype.kind == "f" and a.dtype.kind != "f":
        a = a.to(b.dtype)
    return a, b


def broadcast_together(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether arrays of these shapes do; in a fifth of the time of `numpy.broadcast_shapes`."""
    return all(m == n or m == 1 or n == 1 for m, n in zip(reversed(a), reversed(b), strict=False))


def _pair(name: str, a, b) -> tuple[Tensor, Tensor]:
    """Both operands of `name` as tensors of one dtype whose shapes broadcast."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        x, y = a.array, b.array
        if x.dtype == y.dtype and (x.shape == y.shape or broadcast_together(x.shape, y.shape)):
            return a, b  # nothing to do, in most cases
    model = a if isinstance(a, Tensor) else b if isinstance(b, Tensor) else None
    a, b = promoted(as_tensor(a, model), as_tensor(b, model))
    if not broadcast_together(a.shape, b.shape):
        raise ValueError(f"{name}: shapes {a.shape} and {b.shape} do not broadcast together")
    return a, b


def floating(x: Tensor) -> Tensor:
    """x itself, or as float32 when it holds integers or bools (NumPy would take float64)."""
    return x if x.dtype.kind == "f" else x.float()


def by_element(forward: Callable[..., Array]) -> Callable[..., Array]:
    """Decorates a `forward` that computes element by element: it sees its arrays as they lie in
    memory, which is how its result will lie (`tinygan.kernels.layout.elementwise`)."""

    @functools.wraps(forward)
    def run(self, *arrays):
        for array in arrays:
            if array.ndim > 1 and not array.flags.c_contiguous:
                return elementwise(functools.partial(forward, self), *arrays)
        return forward(self, *arrays)

    return run


def _number(value):
    """A NumPy scalar as a Python number: a float64 scalar would turn float32 into float64."""
    return value.item() if isinstance(value, (np.generic, np.ndarray)) else value


# Arithmetic


class Add(Function):
    """a + b;  g, g"""

    @by_element
    def forward(self, a, b):
        return a + b

    def backward(self, grad_output):
        return tuple(
            sum_to(grad_output, shape) if needed else None
            for needed, shape in zip(self.needs_input_grad, self.input_shapes, strict=True)
        )


class Sub(Function):
    """a - b;  g, -g"""

    @by_element
    def forward(self, a, b):
        return a - b

    def backward(self, grad_output):
        (shape_a, shape_b), (need_a, need_b) = self.input_shapes, self.needs_input_grad
        return (
            sum_to(grad_output, shape_a) if need_a else None,
            sum_to(-grad_output, shape_b) if need_b else None,
        )


class Mul(Function):
    """a b;  g b, g a"""

    saves_inputs = True

    @by_element
    def forward(self, a, b):
        return a * b

    def backward(self, grad_output):
        (a, b), (need_a, need_b) = self.inputs, self.needs_input_grad
        return (
            sum_to(grad_output * b, a.shape) if need_a else None,
            sum_to(grad_output * a, b.shape) if need_b else None,
        )


class Div(Function):
    """a / b;  g / b, -g a / b^2"""

    saves_inputs = True

    @by_element
    def forward(self, a, b):
        return a / b

    def backward(self, grad_output):
        (a, b), (need_a, need_b) = self.inputs, self.needs_input_grad
        return (
            sum_to(grad_output / b, a.shape) if need_a else None,
            sum_to(-grad_output * a / (b * b), b.shape) if need_b else None,
        )


class Neg(Function):
    """-x;  -g"""

    @by_element
    def forward(self, x):
        return -x

    def backward(self, grad_output):
        return (-grad_output,)


class Pow(Function):
    """x^p for a number p;  g p x^(p - 1)"""

    saves_inputs = True

    def __init__(self, exponent: float):
        self.exponent = exponent

    @by_element
    def forward(self, x):
        return x**self.exponent

    def backward(self, grad_output):
        (x,) = self.inputs
        if self.exponent == 0:
            return (grad_output * 0.0,)
        return (grad_output * (x ** (self.exponent - 1) * self.exponent),)


class PowTensor(Function):
    """x^p;  g p x^(p - 1), g x^p ln x (0 where x = 0 and p >= 0, as its limit is for p > 0)"""

    saves_inputs = True

    @by_element
    def forward(self, x, p):
        with np.errstate(invalid="ignore", divide="ignore"):  # NaN and inf, in silence
            return x**p

    def backward(self, grad_output):
        (x, p), (need_x, need_p) = self.inputs, self.needs_input_grad
        grad_x = grad_p = None
        if need_x:
            # Where p is 0 the factor is 0, although x^(p - 1) may be infinite.
            power = PowTensor()(x, where(p == 0, 1.0, p) - 1.0) * p
            grad_x = sum_to(grad_output * power, x.shape)
        if need_p:
            at_zero = (x == 0) & (p >= 0)
            power = PowTensor()(x, p) * log(where(at_zero, 1.0, x))
            grad_p = sum_to(grad_output * power, p.shape)
        return grad_x, grad_p


# Elementwise functions


class Exp(Function):
    """e^x;  g e^x"""

    saves_output = True

    @by_element
    def forward(self, x):
        return array_module(x).exp(x)

    def backward(self, grad_output):
        return (grad_output * self.output,)


class Log(Function):
    """ln x;  g / x"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        with np.errstate(invalid="ignore"):  # NaN of negative numbers, in silence
            return array_module(x).log(x)

    def backward(self, grad_output):
        return (grad_output / self.inputs[0],)


class Sqrt(Function):
    """sqrt(x);  g / (2 sqrt(x))"""

    saves_output = True

    @by_element
    def forward(self, x):
        return array_module(x).sqrt(x)

    def backward(self, grad_output):
        return (grad_output / (self.output * 2.0),)


class Abs(Function):
    """|x|;  g sign(x), 0 at the kink"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        return array_module(x).abs(x)

    def backward(self, grad_output):
        x = self.inputs[0].array
        return (grad_output * Tensor(elementwise(array_module(x).sign, x)),)


class Clip(Function):
    """min(max(x, low), high);  g inside (bounds included), 0 outside"""

    saves_inputs = True

    def __init__(self, low, high):
        self.low, self.high = low, high

    @by_element
    def forward(self, x):
        return array_module(x).clip(x, self.low, self.high)

    def backward(self, grad_output):
        return (grad_output * Tensor(elementwise(self._inside, self.inputs[0].array)),)

    def _inside(self, x):
        inside = array_module(x).clip(x, self.low, self.high) == x
        return inside.astype(x.dtype)


class Where(Function):
    """a where the condition holds, b elsewhere;  g where it holds, g elsewhere"""

    saves_inputs = True

    @by_element
    def forward(self, condition, a, b):
        return array_module(a).where(condition, a, b)

    def backward(self, grad_output):
        _, need_a, need_b = self.needs_input_grad
        condition, a, b = self.inputs
        mask = condition.to(grad_output.dtype)
        return (
            None,
            sum_to(grad_output * mask, a.shape) if need_a else None,
            sum_to(grad_output * (1.0 - mask), b.shape) if need_b else None,
        )


def add(a, b, alpha=1) -> Tensor:
    """a + alpha b"""
    return Add()(*_pair("add", a, b if alpha == 1 else b * alpha))


def sub(a, b, alpha=1) -> Tensor:
    """a - alpha b"""
    return Sub()(*_pair("sub", a, b if alpha == 1 else b * alpha))


def mul(a, b) -> Tensor:
    """a b"""
    return Mul()(*_pair("mul", a, b))


def div(a, b) -> Tensor:
    """a / b; of integers float32"""
    a, b = _pair("div", a, b)
    return Div()(floating(a), floating(b))


def neg(x: Tensor) -> Tensor:
    """-x"""
    return Neg()(x)


def pow(x, exponent) -> Tensor:
    """x ** exponent, of a tensor and a number, a number and a tensor, or two tensors."""
    if isinstance(exponent, Tensor):
        x, exponent = _pair("pow", x, exponent)
        if x.dtype.kind == "f":
            return PowTensor()(x, exponent)
        with beside(x.array):
            return Tensor(elementwise(array_module(x.array).power, x.array, exponent.array))
    x, exponent = as_tensor(x), _number(exponent)
    # An integer has no integer power with a negative or a fractional exponent.
    whole = isinstance(exponent, int) and exponent >= 0
    return Pow(exponent)(x if whole else floating(x))


def exp(x: Tensor) -> Tensor:
    """e^x"""
    return Exp()(floating(x))


def log(x: Tensor) -> Tensor:
    """The natural logarithm."""
    return Log()(floating(x))


def sqrt(x: Tensor) -> Tensor:
    """The square root."""
    return Sqrt()(floating(x))


def abs(x: Tensor) -> Tensor:
    """|x|"""
    return Abs()(x)


def clip(x: Tensor, min=None, max=None) -> Tensor:
    """x limited to [min, max], each a number or a tensor that broadcasts with x; either may be
    None. Gradients go to where a value comes from.

    Raises:
        ValueError: both are None, or both are numbers and min > max.
    """
    if min is None and max is None:
        raise ValueError("clip: at least one of min and max must be given")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        x = x if min is None else where(x < min, min, x)
        return x if max is None else where(x > max, max, x)
    if min is not None and max is not None and min > max:
        raise ValueError(f"clip: min {min} is greater than max {max}")
    min, max = _number(min), _number(max)
    return Clip(min, max)(floating(x) if isinstance(min, float) or isinstance(max, float) else x)


def where(condition: Tensor, a, b) -> Tensor:
    """a where `condition` (a bool tensor) holds, b elsewhere; all three broadcast.

    Raises:
        TypeError: `condition` is not a bool tensor, or neither a nor b is a tensor.
    """
    if not isinstance(condition, Tensor) or condition.dtype != bool_:
        raise TypeError("where: condition must be a bool tensor")
    return Where()(condition, *_pair("where", a, b))


def logical(a, b, name: str) -> Tensor:
    """The NumPy function `name`, of bits: ``bitwise_and`` and its kin, on bools and integers."""
    a, b = _pair(name, a, b)
    if a.dtype.kind == "f" or b.dtype.kind == "f":
        raise TypeError(f"{name}: needs bools or integers, got {a.dtype} and {b.dtype}")
    with beside(a.array):
        return Tensor(elementwise(getattr(array_module(a.array), name), a.array, b.array))


def compare(a, b, name: str) -> Tensor:
    """A bool tensor: the NumPy comparison `name` of a and b, element by element."""
    a, b = _pair(name, a, b)
    with beside(a.array):
        return Tensor(elementwise(getattr(array_module(a.array), name), a.array, b.array))
