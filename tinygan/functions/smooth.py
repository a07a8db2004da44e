"""Angles, hyperbolic functions and errors; remainders and signs: elementwise, as all in PyTorch."""

from __future__ import annotations

import math

import numpy as np

from tinygan import ops
from tinygan.functions.elementwise import floor_divide, isinf, isnan, maximum, minimum, trunc
from tinygan.ops.math import floating
from tinygan.ops.smooth_units import Erf
from tinygan.ops.trigonometry import acos, asin, atan, atan2, cosh, sinh
from tinygan.tensor import Scalar, Tensor

__all__ = [
    "absolute", "acos", "arccos", "arcsin", "arctan", "arctan2", "asin", "atan", "atan2",
    "clamp_max", "clamp_min", "cosh", "deg2rad", "erf", "erfc", "fmod", "frac", "hypot",
    "logaddexp", "nan_to_num", "negative", "positive", "rad2deg", "sgn", "sinh", "xlogy",
]  # fmt: skip

arccos, arcsin, arctan, arctan2 = acos, asin, atan, atan2
absolute, negative = ops.abs, ops.neg


def erf(x: Tensor) -> Tensor:
    """2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x."""
    return Erf()(floating(x))


def erfc(x: Tensor) -> Tensor:
    """1 - erf(x)"""
    return 1.0 - erf(x)


def deg2rad(x: Tensor) -> Tensor:
    """Degrees in radians."""
    return x * (math.pi / 180)


def rad2deg(x: Tensor) -> Tensor:
    """Radians in degrees."""
    return x * (180 / math.pi)


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input^2 + other^2)"""
    return ops.sqrt(input * input + other * other)


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """ln(e^input + e^other), without overflow."""
    largest = maximum(input, other).detach()
    largest = ops.where(isinf(largest), 0.0, largest)
    return ops.log(ops.exp(input - largest) + ops.exp(other - largest)) + largest


def xlogy(input: Tensor, other: Tensor) -> Tensor:
    """input ln(other), 0 where input is 0."""
    zero = input == 0
    return ops.where(zero, 0.0, input * ops.log(ops.where(zero, 1.0, other)))


def fmod(a: Tensor, b) -> Tensor:
    """a - b trunc(a / b), of the sign of a; the derivative by a is 1."""
    whole = trunc(a.detach() / b) if a.dtype.kind == "f" else _toward_zero(a, b)
    return a - whole * b


def _toward_zero(a: Tensor, b) -> Tensor:
    down = floor_divide(a, b)
    return ops.where((down < 0) & (down * b != a), down + 1, down)


def frac(x: Tensor) -> Tensor:
    """x - trunc(x)"""
    return x - trunc(x.detach())


def sgn(x: Tensor) -> Tensor:
    """As `sign`."""
    return x.sign()  # type: ignore[attr-defined]


def positive(x: Tensor) -> Tensor:
    """x itself."""
    return x


def clamp_min(x: Tensor, min: Scalar | Tensor) -> Tensor:
    """x, at least min."""
    return maximum(x, min) if isinstance(min, Tensor) else ops.clip(x, min, None)


def clamp_max(x: Tensor, max: Scalar | Tensor) -> Tensor:
    """x, at most max."""
    return minimum(x, max) if isinstance(max, Tensor) else ops.clip(x, None, max)


def nan_to_num(
    x: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """x with numbers for NaN and the infinities: by default 0, and the largest of the dtype."""
    largest = float(np.finfo(x.dtype).max) if x.dtype.kind == "f" else 0.0
    high = largest if posinf is None else posinf
    low = -largest if neginf is None else neginf
    x = ops.where(isnan(x), nan, x)
    return ops.where(x == math.inf, high, ops.where(x == -math.inf, low, x))
