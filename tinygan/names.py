"""The names that PyTorch's module has: functions for methods, dtypes, `device`, classes by dtype.

    x = tinygan.randn(2, 3, device=tinygan.device("cpu"))
    tinygan.max(tinygan.exp(x), 1), x.to(tinygan.long)

Only names stand here; what they do is told where it is done.
"""

from __future__ import annotations

import builtins
import math
import types
from typing import Any

import numpy as np

from tinygan import creation, functions, methods, ops, tensor_text
from tinygan.creation import *
from tinygan.devices import device
from tinygan.functions import *
from tinygan.grad_mode import no_grad
from tinygan.inplace import with_out
from tinygan.ops.activation import log_softmax, softmax
from tinygan.tensor import Tensor, bool_, float32, float64, int64

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "DoubleTensor",
    "FloatTensor",
    "IntTensor",
    "LongTensor",
    "abs",
    "add",
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "asarray",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "bool",
    "cat",
    "clamp",
    "clip",
    "clone",
    "concat",
    "concatenate",
    "detach",
    "device",
    "div",
    "divide",
    "double",
    "e",
    "eq",
    "exp",
    "finfo",
    "flatten",
    "float",
    "float_power",
    "gather",
    "ge",
    "get_default_dtype",
    "greater",
    "greater_equal",
    "gt",
    "iinfo",
    "inf",
    "inference_mode",
    "int",
    "int8",
    "int16",
    "int32",
    "is_floating_point",
    "is_nonzero",
    "is_tensor",
    "le",
    "less",
    "less_equal",
    "log",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "long",
    "lt",
    "masked_fill",
    "matmul",
    "max",
    "mean",
    "min",
    "mul",
    "multiply",
    "nan",
    "ne",
    "neg",
    "newaxis",
    "not_equal",
    "numel",
    "permute",
    "pi",
    "pow",
    "randint_like",
    "relu",
    "reshape",
    "scalar_tensor",
    "scatter",
    "set_default_dtype",
    "set_printoptions",
    "short",
    "sigmoid",
    "softmax",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "sub",
    "subtract",
    "sum",
    "tanh",
    "transpose",
    "true_divide",
    "uint8",
    "unsqueeze",
    "use_deterministic_algorithms",
    "var",
    "where",
]  # fmt: skip
__all__ += creation.__all__
__all__ += functions.__all__

# Dtypes

float, double, long, bool = float32, float64, int64, bool_
uint8, int8, int16, int32 = (np.dtype(name) for name in ("uint8", "int8", "int16", "int32"))
short, int = int16, int32


# Classes by dtype: FloatTensor(2, 3) is a size, FloatTensor([2, 3]) are values


def _class(name: str, dtype: np.dtype, where: str = "cpu"):
    def make(*data: Any) -> Tensor:
        if not data:
            return creation.zeros(0, dtype=dtype, device=where)
        if builtins.all(isinstance(size, builtins.int) for size in data):
            return creation.zeros(*data, dtype=dtype, device=where)
        shared = data[0].array if isinstance(data[0], Tensor) else data[0]
        if where == "cpu" and isinstance(shared, np.ndarray) and shared.dtype == dtype:
            return Tensor(shared)
        return creation.tensor(data[0], dtype, where)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = (
        f"A tensor of {dtype} of the data, or of this size; an array of this dtype is shared."
    )
    return make


FloatTensor, DoubleTensor = _class("FloatTensor", float32), _class("DoubleTensor", float64)
LongTensor, IntTensor = _class("LongTensor", int64), _class("IntTensor", int32)
ByteTensor, BoolTensor = _class("ByteTensor", uint8), _class("BoolTensor", bool_)

# Constants

e, inf, nan, pi, newaxis = math.e, math.inf, math.nan, math.pi, None
finfo, iinfo = np.finfo, np.iinfo

# Functions for methods

asarray, inference_mode = creation.as_tensor, no_grad
greater, greater_equal, less, less_equal, not_equal = (
    Tensor.__gt__, Tensor.__ge__, Tensor.__lt__, Tensor.__le__, Tensor.__ne__
)  # fmt: skip
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = (
    Tensor.__and__, Tensor.__or__, Tensor.__xor__, Tensor.__invert__
)  # fmt: skip
logical_xor, float_power = methods.logical_xor, methods.float_power
add, sub, mul, div = map(with_out, (ops.add, ops.sub, ops.mul, ops.div))
neg, pow = ops.neg, with_out(ops.pow)
subtract, multiply, divide, true_divide = sub, mul, div, div
abs, exp, log, sqrt = ops.abs, ops.exp, ops.log, ops.sqrt
clamp = clip = ops.clip
matmul, relu, sigmoid, tanh = with_out(ops.matmul), ops.relu, ops.sigmoid, ops.tanh
cat = concat = concatenate = ops.cat
stack = ops.stack
gather, clone = ops.gather, ops.clone
all, any, argmax, argmin = Tensor.all, Tensor.any, Tensor.argmax, Tensor.argmin
amax, amin, mean, std, sum, var = (
    Tensor.amax, Tensor.amin, Tensor.mean, Tensor.std, Tensor.sum, Tensor.var
)  # fmt: skip
flatten, reshape, permute, transpose = (
    Tensor.flatten, Tensor.reshape, Tensor.permute, Tensor.transpose
)  # fmt: skip
squeeze, unsqueeze, numel, detach = (
    Tensor.squeeze, Tensor.unsqueeze, Tensor.numel, Tensor.detach
)  # fmt: skip
eq, ne, lt, le, gt, ge = (
    Tensor.__eq__, Tensor.__ne__, Tensor.__lt__, Tensor.__le__, Tensor.__gt__, Tensor.__ge__
)  # fmt: skip
masked_fill, scatter = Tensor.masked_fill, Tensor.scatter  # type: ignore[attr-defined]
logical_not, logical_and, logical_or = (
    Tensor.logical_not, Tensor.logical_and, Tensor.logical_or  # type: ignore[attr-defined]
)  # fmt: skip


def max(input: Tensor, dim: Any = None, keepdim: builtins.bool = False):
    """The largest element; with an integer `dim` (values, indices) along it; of two tensors the
    larger of each two elements."""
    if isinstance(dim, Tensor):
        return functions.maximum(input, dim)
    return input.max(dim, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: builtins.bool = False):
    """The smallest element; as `max`."""
    if isinstance(dim, Tensor):
        return functions.minimum(input, dim)
    return input.min(dim, keepdim)


def is_nonzero(input: Tensor) -> builtins.bool:
    """The truth of a tensor of one element."""
    return builtins.bool(input)


def randint_like(input: Tensor, low: builtins.int, high: builtins.int | None = None) -> Tensor:
    """`randint` of the shape, dtype and device of `input`."""
    return creation.randint(
        *((0, low) if high is None else (low, high)), input.shape, dtype=input.dtype,
        device=input.device,
    )  # fmt: skip


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A 0-d tensor of a number, float32 unless `dtype` says otherwise."""
    return creation.tensor(s, float32 if dtype is None else dtype, device)


def get_default_dtype() -> np.dtype:
    """float32, always."""
    return float32


def set_default_dtype(d: Any) -> None:
    """Nothing for float32.

    Raises:
        TypeError: another dtype, which would change the results of programs at a distance.
    """
    if np.dtype(d) != float32:
        raise TypeError(
            f"set_default_dtype: it is float32 always; write dtype={np.dtype(d)} where tensors are "
            "made, and .double() of a module"
        )


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where `condition` (a bool tensor) holds, other elsewhere; all three broadcast. With
    the condition alone, as ``nonzero(condition, as_tuple=True)``."""
    if input is None and other is None:
        return functions.nonzero(condition, as_tuple=True)
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        input = creation.tensor(input, device=condition.device)
    return ops.where(condition, input, other)


def set_printoptions(
    precision: builtins.int | None = None, threshold: builtins.int | None = None,
    edgeitems: builtins.int | None = None, linewidth: builtins.int | None = None,
    profile: str | None = None, sci_mode: builtins.bool | None = None,
) -> None:  # fmt: skip
    """How tensors are printed: see `tinygan.tensor_text.Options`.

    Args:
        profile: "default", "short" (two digits, two elements at each edge) or "full" (all
            elements); the other arguments are applied after it.

    Raises:
        ValueError: no such profile.
    """
    if profile is not None and profile not in tensor_text.PROFILES:
        known = ", ".join(tensor_text.PROFILES)
        raise ValueError(f"set_printoptions: profile must be one of {known}, got {profile!r}")
    given: dict[str, Any] = {
        "precision": precision, "threshold": threshold, "edgeitems": edgeitems,
        "linewidth": linewidth,
    }  # fmt: skip
    changed = {name: value for name, value in given.items() if value is not None}
    changed = {**tensor_text.PROFILES.get(profile or "", {}), **changed, "sci_mode": sci_mode}
    vars(tensor_text.options).update(changed)


def use_deterministic_algorithms(mode: builtins.bool, *, warn_only: builtins.bool = False) -> None:
    """Nothing: all results are repeatable, bit for bit, on one device."""


def is_tensor(obj: Any) -> builtins.bool:
    """Whether it is a Tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> builtins.bool:
    """Whether the elements are float32 or float64."""
    return input.dtype.kind == "f"


for _name in __all__:
    if isinstance(globals()[_name], types.FunctionType):
        globals()[_name] = methods.with_other_names(globals()[_name])
