"""Sine and cosine: each is the other's derivative, but for a sign."""

from __future__ import annotations

from tinygan.autograd import Function
from tinygan.devices import array_module
from tinygan.ops.math import by_element, floating
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
