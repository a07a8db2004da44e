"""More activations: those with an exponential or an error function, and those of straight pieces.

All go through arrays of any shape. `inplace` stands where PyTorch has it; `tinygan.functional` does
what it asks for.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from tinygan.autograd import Function
from tinygan.devices import array_module
from tinygan.kernels.layout import elementwise
from tinygan.ops.activation import sigmoid, softplus, tanh
from tinygan.ops.math import abs, by_element, clip, exp, floating, where
from tinygan.ops.shape import check_dim, getitem, reshape
from tinygan.tensor import Tensor

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "logsigmoid", "mish", "prelu", "relu6", "selu", "silu", "softshrink", "softsign",
    "tanhshrink", "threshold",
]  # fmt: skip


class ELU(Function):
    """x where x > 0, alpha (e^x - 1) elsewhere;  g, g alpha e^x"""

    saves_inputs = True

    def __init__(self, alpha: float):
        self.alpha = alpha

    @by_element
    def forward(self, x):
        xp = array_module(x)
        return xp.where(x > 0, x, x.dtype.type(self.alpha) * xp.expm1(xp.minimum(x, 0)))

    def backward(self, grad_output):
        (x,) = self.inputs
        return (grad_output * where(x > 0, 1.0, exp(clip(x, None, 0.0)) * self.alpha),)


class Hardtanh(Function):
    """min(max(x, low), high);  g strictly inside, 0 elsewhere"""

    saves_inputs = True

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high

    @by_element
    def forward(self, x):
        return array_module(x).clip(x, self.low, self.high)

    def backward(self, grad_output):
        return (grad_output * Tensor(elementwise(self._inside, self.inputs[0].array)),)

    def _inside(self, x):
        return ((x > self.low) & (x < self.high)).astype(x.dtype)


class Softsign(Function):
    """x / (1 + |x|);  g / (1 + |x|)^2"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        return x / (1 + array_module(x).abs(x))

    def backward(self, grad_output):
        return (grad_output * (abs(self.inputs[0]) + 1.0) ** -2,)


class Tanhshrink(Function):
    """x - tanh(x);  g tanh(x)^2"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        return x - array_module(x).tanh(x)

    def backward(self, grad_output):
        return (grad_output * tanh(self.inputs[0]) ** 2,)


class Erf(Function):
    """2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x;  g 2 / sqrt(pi) e^(-x^2)"""

    saves_inputs = True

    @by_element
    def forward(self, x):
        xp = array_module(x)
        size = xp.minimum(xp.abs(x), 30)  # where erf is 1 in float64
        # erfc(s) = e^(-s^2) p(t) / (1 + 2 s) with t = (s - 3.75) / (s + 3.75) in [-1, 1).
        t = (size - 3.75) / (size + 3.75)
        high, next_high = xp.zeros_like(t), xp.zeros_like(t)
        *rest, first = _erfc_coefficients()
        for coefficient in reversed((first, *rest)[1:]):  # Clenshaw's rule
            high, next_high = 2 * t * high - next_high + coefficient, high
        p = t * high - next_high + first
        return xp.sign(x) * (1 - xp.exp(-size * size) * p / (1 + 2 * size))

    def backward(self, grad_output):
        (x,) = self.inputs
        return (grad_output * (exp(-(x * x)) * (2 / math.sqrt(math.pi))),)


@functools.cache
def _erfc_coefficients() -> tuple[float, ...]:
    """Of the Chebyshev polynomials 1, 2, ..., n and then 0, of (1 + 2 s) e^(s^2) erfc(s) in t.

    (Shepherd and Laframboise 1981, Mathematics of Computation 36.) They are found by interpolation.
    """

    def value(t: float) -> float:
        s = 3.75 * (1 + t) / (1 - t)
        if s < 25:
            return (1 + 2 * s) * math.exp(s * s) * math.erfc(s)
        square = 1 / (2 * s * s)  # the first terms of the asymptotic series
        series = 1.0
        for factor in (9, 7, 5, 3, 1):
            series = 1 - factor * square * series
        return (1 + 2 * s) / (s * math.sqrt(math.pi)) * series

    found = np.polynomial.chebyshev.chebinterpolate(np.vectorize(value), 26)
    return (*map(float, found[1:]), float(found[0]))


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, alpha (e^x - 1) elsewhere. (Clevert 2015, arXiv:1511.07289.)"""
    return ELU(alpha)(floating(input))


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, alpha (e^(x / alpha) - 1) elsewhere. (Barron 2017, arXiv:1704.07483.)

    Raises:
        ValueError: alpha is 0.
    """
    if alpha == 0:
        raise ValueError("celu: alpha must not be 0")
    return ELU(1.0)(floating(input) * (1.0 / alpha)) * alpha


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507 times elu of alpha 1.6733, which keep mean 0 and variance 1. (Klambauer 2017,
    arXiv:1706.02515.)"""
    return ELU(1.6732632423543772)(floating(input)) * 1.0507009873554805


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """min(max(x, min_val), max_val).

    Raises:
        ValueError: min_val is not below max_val.
    """
    if not min_val < max_val:
        raise ValueError(f"hardtanh: min_val {min_val} must be below max_val {max_val}")
    return Hardtanh(min_val, max_val)(floating(input))


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)"""
    return Hardtanh(0.0, 6.0)(floating(input))


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6"""
    return relu6(floating(input) + 3.0) * (1 / 6)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x relu6(x + 3) / 6 (Howard 2019, arXiv:1905.02244)."""
    return input * hardsigmoid(input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, value elsewhere."""
    return where(input > threshold, input, value)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, weight x elsewhere: a leaky ReLU that learns. (He 2015, arXiv:1502.01852.)

    Args:
        weight: (1,), or (c,), one for each channel (dimension 1).

    Raises:
        ValueError: weight has another shape.
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.shape not in ((), (1,), (channels,)):
        raise ValueError(
            f"prelu: weight has shape {weight.shape}, expected (1,) or ({channels},) for input of "
            f"shape {input.shape}"
        )
    if weight.numel() > 1:
        weight = reshape(weight, (1, -1, *(1,) * (input.ndim - 2)))
    elif input.ndim == 0:
        weight = reshape(weight, ())
    return where(input > 0, input, weight * input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Phi(x), Phi the distribution function of N(0, 1); with approximate="tanh",
    x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). (Hendrycks 2016, arXiv:1606.08415.)

    Raises:
        ValueError: `approximate` is neither "none" nor "tanh".
    """
    x = floating(input)
    if approximate == "none":
        return x * (Erf()(x * math.sqrt(0.5)) + 1.0) * 0.5
    if approximate != "tanh":
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return x * (tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)) + 1.0) * 0.5


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x), also called swish. (Elfwing 2017, arXiv:1702.03118.)"""
    return input * sigmoid(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (Misra 2019, arXiv:1908.08681)."""
    return input * tanh(softplus(input))


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)"""
    return Softsign()(floating(input))


def logsigmoid(input: Tensor) -> Tensor:
    """ln sigmoid(x), exact in both tails."""
    return -softplus(-input)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)"""
    return Tanhshrink()(floating(input))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a sigmoid(b), where a and b are the halves of x along `dim`. (Dauphin 2016,
    arXiv:1612.08083.)

    Raises:
        ValueError: the size of `dim` is odd.
    """
    dim = check_dim("glu", dim, input.ndim)
    size = input.shape[dim]
    if size % 2:
        raise ValueError(f"glu: dim {dim} of input of shape {input.shape} must have an even size")
    before = (slice(None),) * dim
    a, b = (getitem(input, (*before, half)) for half in (slice(size // 2), slice(size // 2, None)))
    return a * sigmoid(b)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, 0 elsewhere."""
    x = floating(input)
    return where(abs(x) > lambd, x, 0.0)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x - lambd where x > lambd, x + lambd where x < -lambd, 0 elsewhere.

    Raises:
        ValueError: lambd is negative.
    """
    if lambd < 0:
        raise ValueError(f"softshrink: lambd must be >= 0, got {lambd}")
    x = floating(input)
    return where(x > lambd, x - lambd, where(x < -lambd, x + lambd, 0.0 * x))
