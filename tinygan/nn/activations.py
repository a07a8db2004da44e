"""Activations as modules; each is the function of the same name in ``tinygan.functional``.

With `inplace` the input takes the values of the result, as in PyTorch; see tinygan/inplace.py.
"""

from __future__ import annotations

from typing import ClassVar

import tinygan.functional as F
from tinygan.nn import init
from tinygan.nn.layers import _empty
from tinygan.nn.module import Module
from tinygan.ops.activation import check_negative_slope
from tinygan.tensor import Tensor

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "SELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh",
    "Identity", "LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "ReLU", "ReLU6", "SiLU",
    "Sigmoid", "Softmax", "Softmax2d", "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh",
    "Tanhshrink", "Threshold",
]  # fmt: skip


class Identity(Module):
    """x. Takes any arguments, so that it can stand for any layer."""

    def __init__(self, *arguments: object, **options: object):
        pass

    def forward(self, input: Tensor) -> Tensor:
        return input


class _WithOptions(Module):
    """An activation that prints the options that are named in `shown`, and `inplace` when set."""

    shown: ClassVar[tuple[str, ...]] = ()
    inplace = False

    def extra_repr(self) -> str:
        shown = [f"{name}={getattr(self, name)}" for name in self.shown]
        return ", ".join([*shown, "inplace=True"] if self.inplace else shown)


class _Plain(_WithOptions):
    """An activation without options but `inplace`."""

    def __init__(self, inplace: bool = False):
        self.inplace = inplace


class ReLU(_Plain):
    """max(x, 0)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, inplace=self.inplace)


class LeakyReLU(_WithOptions):
    """x where x > 0, negative_slope * x elsewhere"""

    shown = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        check_negative_slope(negative_slope)
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, inplace=self.inplace)


class PReLU(Module):
    """x where x > 0, weight x elsewhere, with a weight for all or for each channel."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25):
        self.num_parameters = num_parameters
        self.weight = _filled(num_parameters, init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


def _filled(size: int, value: float) -> Tensor:
    return init.constant_(_empty(size), value)


class ReLU6(_Plain):
    """min(max(x, 0), 6)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, inplace=self.inplace)


class ELU(_WithOptions):
    """x where x > 0, alpha (e^x - 1) elsewhere"""

    shown = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, inplace=self.inplace)


class CELU(ELU):
    """x where x > 0, alpha (e^(x / alpha) - 1) elsewhere"""

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, inplace=self.inplace)


class SELU(_Plain):
    """1.0507 times ELU of alpha 1.6733"""

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, inplace=self.inplace)


class GELU(Module):
    """x Phi(x); see `tinygan.functional.gelu`."""

    def __init__(self, approximate: str = "none"):
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(_Plain):
    """x sigmoid(x)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, inplace=self.inplace)


class Mish(_Plain):
    """x tanh(softplus(x))"""

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, inplace=self.inplace)


class Hardsigmoid(_Plain):
    """relu6(x + 3) / 6"""

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, inplace=self.inplace)


class Hardswish(_Plain):
    """x relu6(x + 3) / 6"""

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, inplace=self.inplace)


class Hardtanh(_WithOptions):
    """min(max(x, min_val), max_val)"""

    shown = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False):
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, inplace=self.inplace)


class Threshold(_WithOptions):
    """x where x > threshold, value elsewhere"""

    shown = ("threshold", "value")

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, inplace=self.inplace)


class Softplus(_WithOptions):
    """ln(1 + e^(beta x)) / beta; see `tinygan.functional.softplus`."""

    shown = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)


class Hardshrink(_WithOptions):
    """x where |x| > lambd, 0 elsewhere"""

    def __init__(self, lambd: float = 0.5):
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Softshrink(Hardshrink):
    """x moved by lambd towards 0, at most to 0"""

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)


class Softsign(Module):
    """x / (1 + |x|)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Sigmoid(Module):
    """1 / (1 + e^-x)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class LogSigmoid(Module):
    """ln sigmoid(x)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Tanh(Module):
    """tanh(x)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Tanhshrink(Module):
    """x - tanh(x)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class _AlongDim(_WithOptions):
    shown = ("dim",)

    def __init__(self, dim: int | None = None):
        self.dim = dim


class Softmax(_AlongDim):
    """e^(x_i) / sum_j e^(x_j) along `dim`"""

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """x - ln sum_j e^(x_j) along `dim`"""

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """softmax(-x) along `dim`"""

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class Softmax2d(Module):
    """softmax over the channels of images (n, c, h, w) or (c, h, w)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, -3)


class GLU(_WithOptions):
    """a sigmoid(b), where a and b are the halves of x along `dim`"""

    shown = ("dim",)

    def __init__(self, dim: int = -1):
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)
