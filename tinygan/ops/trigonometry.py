"""Circular and hyperbolic functions, and the inverses of the circular ones."""

from __future__ import annotations

import math

import numpy as np

from tinygan.autograd import Function
from tinygan.devices import array_module
from tinygan.ops.math import _pair as pair_of
from tinygan.ops.math import by_element, floating, sqrt
from tinygan.ops.shape import sum_to
from tinygan.tensor import Tensor


class Sin(Function):
    """sin(x);  g cos(x)"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        return array_module(x).sin(x)

    def backward(self, grad_output):
        return (grad_output * cos(self.inputs[0]),)


class Cos(Function):
    """cos(x);  -g sin(x)"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        return array_module(x).cos(x)

    def backward(self, grad_output):
        return (-grad_output * sin(self.inputs[0]),)


def sin(x: Tensor) -> Tensor:
    """The sine of x in radians, any shape."""
    return Sin()(floating(x))


def cos(x: Tensor) -> Tensor:
    """The cosine of x in radians, any shape."""
    return Cos()(floating(x))


def tan(x: Tensor) -> Tensor:
    """sin(x) / cos(x)"""
    return sin(x) / cos(x)


class Sinh(Function):
    """sinh(x);  g cosh(x)"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        return array_module(x).sinh(x)

    def backward(self, grad_output):
        return (grad_output * cosh(self.inputs[0]),)


class Cosh(Function):
    """cosh(x);  g sinh(x)"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        return array_module(x).cosh(x)

    def backward(self, grad_output):
        return (grad_output * sinh(self.inputs[0]),)


class Atan(Function):
    """arctan(x);  g / (1 + x^2)"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        return array_module(x).arctan(x)

    def backward(self, grad_output):
        (x,) = self.inputs
        return (grad_output / (x * x + 1.0),)


class Asin(Function):
    """arcsin(x);  g / sqrt(1 - x^2)"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        with np.errstate(invalid="ignore"):  # NaN outside of [-1, 1], in silence
            return array_module(x).arcsin(x)

    def backward(self, grad_output):
        (x,) = self.inputs
        return (grad_output / sqrt(1.0 - x * x),)


class Atan2(Function):
    """The angle of the point (x, y);  g x / (x^2 + y^2), -g y / (x^2 + y^2)"""

    saves_inputs = True

    @by_element
    def forward(self, y, x):
        return array_module(x).arctan2(y, x)

    def backward(self, grad_output):
        (y, x), (need_y, need_x) = self.inputs, self.needs_input_grad
        share = grad_output / (x * x + y * y)
        return (
            sum_to(share * x, y.shape) if need_y else None,
            sum_to(-share * y, x.shape) if need_x else None,
        )


def sinh(x: Tensor) -> Tensor:
    """(e^x - e^-x) / 2, any shape."""
    return Sinh()(floating(x))


def cosh(x: Tensor) -> Tensor:
    """(e^x + e^-x) / 2, any shape."""
    return Cosh()(floating(x))


def atan(x: Tensor) -> Tensor:
    """The angle in (-pi/2, pi/2) whose tangent is x."""
    return Atan()(floating(x))


def asin(x: Tensor) -> Tensor:
    """The angle in [-pi/2, pi/2] whose sine is x; NaN outside of [-1, 1]."""
    return Asin()(floating(x))


def acos(x: Tensor) -> Tensor:
    """The angle in [0, pi] whose cosine is x; NaN outside of [-1, 1]."""
    return math.pi / 2 - asin(x)


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle in [-pi, pi] of the point (other, input), of any quadrant."""
    y, x = pair_of("atan2", input, other)
    return Atan2()(floating(y), floating(x))
