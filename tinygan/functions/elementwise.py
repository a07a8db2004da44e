"""Functions of each element, and tests of each."""

from __future__ import annotations

import math

from tinygan import ops
from tinygan.devices import array_module, beside
from tinygan.ops.math import floating
from tinygan.ops.trigonometry import cos, sin, tan
from tinygan.tensor import Scalar, Tensor

__all__ = [
    "addcdiv",
    "addcmul",
    "allclose",
    "ceil",
    "cos",
    "equal",
    "exp2",
    "expm1",
    "floor",
    "floor_divide",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "lerp",
    "log1p",
    "log2",
    "log10",
    "maximum",
    "minimum",
    "reciprocal",
    "remainder",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "square",
    "tan",
    "trunc",
]  # fmt: skip

# Elementwise


def _step(name: str):
    """A function that is constant almost everywhere: its derivative is 0."""

    def step(x: Tensor) -> Tensor:
        with beside(x.array):
            result = Tensor(getattr(array_module(x.array), name)(x.array).astype(x.dtype))
        return result + ops.mul(x, 0.0) if x._requires_grad and x.dtype.kind == "f" else result

    step.__name__ = step.__qualname__ = name
    step.__doc__ = f"``numpy.{name}`` of each element; the derivative is 0."
    return step


floor, ceil, sign = (_step(name) for name in ("floor", "ceil", "sign"))


def trunc(x: Tensor) -> Tensor:
    """The integer part of each element; the derivative is 0."""
    return ops.where(x < 0, ceil(x), floor(x))


def round(x: Tensor, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals, of two the even one; the derivative is 0."""
    if decimals:
        return round(x * 10.0**decimals) / 10.0**decimals
    below = floor(x)
    rest = (x - below).detach()
    odd = remainder(below.detach(), 2) == 1
    return ops.where((rest > 0.5) | ((rest == 0.5) & odd), below + 1, below)


def exp2(x: Tensor) -> Tensor:
    """2^x"""
    return ops.exp(floating(x) * math.log(2))


def expm1(x: Tensor) -> Tensor:
    """e^x - 1, exact for small x: 2 e^(x/2) sinh(x/2), by tanh(x/2)."""
    half = ops.tanh(floating(x) * 0.5)  # t = tanh(x/2): e^x - 1 = 2 t / (1 - t)
    return half * 2.0 / (1.0 - half)


def log1p(x: Tensor) -> Tensor:
    """ln(1 + x)"""
    return ops.log(floating(x) + 1.0)


def log2(x: Tensor) -> Tensor:
    """The logarithm to base 2."""
    return ops.log(x) * (1 / math.log(2))


def log10(x: Tensor) -> Tensor:
    """The logarithm to base 10."""
    return ops.log(x) * (1 / math.log(10))


def square(x: Tensor) -> Tensor:
    """x x"""
    return x * x


def reciprocal(x: Tensor) -> Tensor:
    """1 / x"""
    return 1.0 / floating(x)


def rsqrt(x: Tensor) -> Tensor:
    """1 / sqrt(x)"""
    return 1.0 / ops.sqrt(x)


def floor_divide(a, b) -> Tensor:
    """floor(a / b), of the operands' dtype; no gradient."""
    return _without_gradient("floor_divide", a, b)


def remainder(a, b) -> Tensor:
    """a - b floor(a / b), of the sign of b; the derivative by a is 1."""
    if not isinstance(a, Tensor) or a.dtype.kind != "f":
        return _without_gradient("remainder", a, b)
    return a - floor_divide(a, b) * b


def _without_gradient(name: str, a, b) -> Tensor:
    a, b = ops.math._pair(name, a, b)
    with beside(a.array):
        return Tensor(getattr(array_module(a.array), name)(a.array, b.array))


def maximum(a, b) -> Tensor:
    """The larger of each two elements; of equal ones each gets half of the gradient."""
    return ops.where(a > b, a, ops.where(b > a, b, (a + b) * 0.5 if _floats(a, b) else a))


def minimum(a, b) -> Tensor:
    """The smaller of each two elements; of equal ones each gets half of the gradient."""
    return ops.where(a < b, a, ops.where(b < a, b, (a + b) * 0.5 if _floats(a, b) else a))


def _floats(*tensors: Tensor) -> bool:
    return all(x.dtype.kind == "f" for x in tensors)


def lerp(input: Tensor, end: Tensor, weight) -> Tensor:
    """input + weight (end - input)"""
    return input + (end - input) * weight


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Scalar = 1) -> Tensor:
    """input + value tensor1 tensor2"""
    return input + tensor1 * tensor2 * value


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Scalar = 1) -> Tensor:
    """input + value tensor1 / tensor2"""
    return input + tensor1 / tensor2 * value


# Bools


def _test(name: str):
    def test(x: Tensor) -> Tensor:
        with beside(x.array):
            return Tensor(getattr(array_module(x.array), name)(x.array))

    test.__name__ = test.__qualname__ = name
    test.__doc__ = f"``numpy.{name}`` of each element: a bool tensor."
    return test


isnan, isinf, isfinite = (_test(name) for name in ("isnan", "isinf", "isfinite"))


def isclose(
    a: Tensor, b: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |a - b| <= atol + rtol |b|, for each element."""
    a, b = a.detach(), b.detach()
    close = (a == b) | (isfinite(b) & (ops.abs(a - b) <= ops.abs(b) * rtol + atol))
    return close | (isnan(a) & isnan(b)) if equal_nan else close


def allclose(
    a: Tensor, b: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether `isclose` holds for all elements."""
    return bool(isclose(a, b, rtol, atol, equal_nan).all().item())


def equal(a: Tensor, b: Tensor) -> bool:
    """Whether both have one shape and the same elements."""
    return a.shape == b.shape and bool((a == b).all().item())
