"""Activations. Where a kernel computes the derivative it is an op of its own, so that it can be
differentiated again."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import tinygan.kernels.activation as kernels
from tinygan.autograd import Function
from tinygan.devices import array_module
from tinygan.kernels.layout import elementwise
from tinygan.ops.math import by_element, exp, floating, where
from tinygan.ops.reduction import amax, sum
from tinygan.ops.shape import check_dim
from tinygan.tensor import Tensor

__all__ = [
    "leaky_relu", "log_softmax", "maxout", "relu", "sigmoid", "softmax", "softmin", "softplus",
    "tanh",
]  # fmt: skip


class ReLU(Function):
    """max(x, 0);  g where the output is positive, 0 elsewhere"""

    saves_output = True

    def forward(self, x):
        return kernels.relu(x)

    def backward(self, grad_output):
        return (ReLUBackward(self._output)(grad_output),)


class ReLUBackward(Function):
    """g where y > 0, 0 elsewhere: linear in g, so its derivative is itself"""

    def __init__(self, y):
        self.y = y

    def forward(self, grad):
        return kernels.relu_backward(grad, self.y)

    def backward(self, grad_output):
        return (ReLUBackward(self.y)(grad_output),)


class LeakyReLU(Function):
    """x where x > 0, slope x elsewhere;  g where the output is positive, slope g elsewhere"""

    saves_output = True

    def __init__(self, slope: float):
        self.slope = slope

    def forward(self, x):
        return kernels.leaky_relu(x, self.slope)

    def backward(self, grad_output):
        return (LeakyReLUBackward(self._output, self.slope)(grad_output),)


class LeakyReLUBackward(Function):
    """g where y > 0, slope g elsewhere: linear in g, so its derivative is itself"""

    def __init__(self, y, slope: float):
        self.y, self.slope = y, slope

    def forward(self, grad):
        return kernels.leaky_relu_backward(grad, self.y, self.slope)

    def backward(self, grad_output):
        return (LeakyReLUBackward(self.y, self.slope)(grad_output),)


class Tanh(Function):
    """tanh(x);  g (1 - y^2) with y the output"""

    saves_output = True

    def forward(self, x):
        return kernels.tanh(x)

    def backward(self, grad_output):
        return (TanhBackward()(grad_output, self.output),)


class TanhBackward(Function):
    """h (1 - y^2) of h and y;  g (1 - y^2), -2 g h y"""

    saves_inputs = True

    def forward(self, grad, y):
        return kernels.tanh_backward(grad, y)

    def backward(self, grad_output):
        grad, y = self.inputs
        return TanhBackward()(grad_output, y), grad_output * grad * y * -2.0


def _softplus(x):
    """ln(1 + e^x) of an array. NaN gives NaN, in silence as everywhere: logaddexp would warn."""
    with np.errstate(invalid="ignore"):
        return array_module(x).logaddexp(x.dtype.type(0), x)


class Sigmoid(Function):
    """1 / (1 + e^-x);  g y (1 - y) with y the output"""

    saves_output = True

    @by_element
    def forward(self, x):
        return array_module(x).exp(-_softplus(-x))  # never overflows, exact in both tails

    def backward(self, grad_output):
        y = self.output
        return (grad_output * y * (1.0 - y),)


class Softplus(Function):
    """ln(1 + e^x);  g sigmoid(x)"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        return _softplus(x)

    def backward(self, grad_output):
        return (grad_output * sigmoid(self.inputs[0]),)


class LogSoftmax(Function):
    """x - ln sum_j e^(x_j) along dim;  g - softmax(x) sum(g)"""

    saves_output = True

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, x):
        xp = array_module(x)
        if not x.size:
            return x.copy()
        shifted = elementwise(xp.subtract, x, x.max(axis=self.dim, keepdims=True))
        total = elementwise(xp.exp, shifted).sum(axis=self.dim, keepdims=True, dtype=np.float64)
        return elementwise(xp.subtract, shifted, xp.log(total).astype(x.dtype))

    def backward(self, grad_output):
        return (grad_output - exp(self.output) * sum(grad_output, self.dim, keepdim=True),)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0), any shape. `inplace` is for `tinygan.functional`, here it changes nothing."""
    return ReLU()(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, negative_slope * x elsewhere; any shape. `inplace` as of `relu`.

    Raises:
        ValueError: negative_slope is negative (the sign of the output would not tell the branch).
    """
    check_negative_slope(negative_slope)
    return LeakyReLU(negative_slope)(input) if negative_slope > 0 else ReLU()(input)


def check_negative_slope(negative_slope: float) -> None:
    """Raises the ValueError of `leaky_relu`."""
    if negative_slope < 0:
        raise ValueError(f"leaky_relu: negative_slope must be >= 0, got {negative_slope}")


def tanh(input: Tensor) -> Tensor:
    """(e^x - e^-x) / (e^x + e^-x), any shape."""
    return Tanh()(floating(input))


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-x), any shape."""
    return Sigmoid()(floating(input))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """ln(1 + e^(beta x)) / beta, any shape, without overflow.

    Where beta x is above a `threshold` other than 20 the result is x. (PyTorch has this for 20,
    too, where it is away by up to 2e-9; here the formula holds.)

    Raises:
        ValueError: beta is not positive.
    """
    if beta <= 0:
        raise ValueError(f"softplus: beta must be > 0, got {beta}")
    x = floating(input)
    y = Softplus()(x) if beta == 1 else Softplus()(x * beta) * (1.0 / beta)
    return y if threshold == 20 else where(x * beta > threshold, x, y)


def _softmax_dim(name: str, dim: int | None, ndim: int) -> int:
    """`dim`, or with a warning the one that PyTorch takes when none is given."""
    if dim is None:
        dim = 0 if ndim in (0, 1, 3) else 1
        warnings.warn(
            f"{name}: without dim it goes along dimension {dim} of {ndim}, as in PyTorch; write "
            f"dim={dim}, or the dimension that is meant",
            stacklevel=3,
        )
    return check_dim(name, dim, max(1, ndim))


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """x - ln sum_j e^(x_j) along `dim`, without overflow.

    Without a `dim` it is PyTorch's choice, with a warning: 0 for 1 and 3 dimensions, else 1. With a
    `dtype` the input is converted first.
    """
    dim = _softmax_dim("log_softmax", dim, input.ndim)
    x = floating(input) if dtype is None else input.to(dtype)
    return LogSoftmax(dim)(x) if x.ndim else LogSoftmax(0)(x.reshape(1)).reshape(())


def softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """e^(x_i) / sum_j e^(x_j) along `dim`, without overflow; `dim` and `dtype` as of
    `log_softmax`."""
    dim = _softmax_dim("softmax", dim, input.ndim)
    return exp(log_softmax(input, dim, dtype=dtype))


def softmin(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """softmax(-x) along `dim`."""
    dim = _softmax_dim("softmin", dim, input.ndim)
    return softmax(-input, dim, dtype=dtype)


def maxout(x: Tensor, pieces: int, dim: int = 1) -> Tensor:
    """The maximum of each group of `pieces` neighbouring channels: size c becomes c / pieces.

    (Goodfellow 2013, arXiv:1302.4389.)

    Raises:
        ValueError: the size of `dim` is not a multiple of `pieces`, or there is no such `dim`.
    """
    dim = check_dim("maxout", dim, x.ndim)
    if pieces < 1 or x.shape[dim] % pieces:
        raise ValueError(f"maxout: {x.shape[dim]} channels are no multiple of pieces={pieces}")
    groups = (*x.shape[:dim], x.shape[dim] // pieces, pieces, *x.shape[dim + 1 :])
    return amax(x.reshape(groups), dim + 1)
