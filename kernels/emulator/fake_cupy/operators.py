"""The operators of arrays, and their methods that are functions of the module, too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import SCALARS, computed, ndarray
from .functions import FUNCTIONS
from .signatures import with_signature

# The operators, those with a number or another object on the left as well.

_BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
    "floordiv": np.floor_divide, "mod": np.remainder, "matmul": np.matmul,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "lshift": np.left_shift, "rshift": np.right_shift, "pow": np.power,
}  # fmt: skip
_COMPARISONS = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal,
}  # fmt: skip
_UNARY = {
    "neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert,
}  # fmt: skip
# What CuPy calls for powers that are these numbers.
_POWERS = {(int, 2): np.square, (float, 0.5): np.sqrt, (float, 2.0): np.square,
           (float, -1.0): np.reciprocal}  # fmt: skip


def _defers(x: ndarray, other: Any) -> bool:
    """Whether the other operand's own operator is called instead."""
    if isinstance(other, ndarray):
        return False
    if hasattr(other, "__array_ufunc__"):
        return other.__array_ufunc__ is None
    return getattr(other, "__array_priority__", 0) > x.__array_priority__


def _binary(function: np.ufunc, x: ndarray, y: Any) -> Any:
    if _defers(x, y):
        return NotImplemented
    if function is np.power and type(y) in SCALARS and (type(y), y) in _POWERS:
        dtype = np.result_type(x.dtype, y)
        return computed([x], lambda: _POWERS[type(y), y](x._host, dtype=dtype))
    return function(x, y)


def _reflected(function: np.ufunc, x: ndarray, y: Any) -> Any:
    return NotImplemented if _defers(x, y) else function(y, x)


def _in_place(function: np.ufunc, x: ndarray, y: Any) -> Any:
    return function(x, y, out=x)


def _comparison(function: np.ufunc, x: ndarray, y: Any) -> Any:
    if _defers(x, y):
        return NotImplemented
    plain = type(y).__eq__ is object.__eq__ and type(y).__ne__ is object.__ne__
    if function in (np.equal, np.not_equal) and (y is None or plain):
        return computed([], lambda: np.full(x.shape, function is np.not_equal))
    if isinstance(y, np.ndarray) and y.ndim == 0:
        y = y.item()
    return function(x, y)


def _unary(function: np.ufunc, x: ndarray) -> Any:
    return function(x)


def _add_operators() -> None:
    groups: tuple[tuple[Any, str, Callable], ...] = (
        (_BINARY, "__{}__", _binary), (_BINARY, "__r{}__", _reflected),
        (_BINARY, "__i{}__", _in_place), (_COMPARISONS, "__{}__", _comparison),
        (_UNARY, "__{}__", _unary),
    )  # fmt: skip
    for table, name, call in groups:
        for word, function in table.items():
            method = functools.partialmethod(_swapped, call, function)
            setattr(ndarray, name.format(word), method)
    del ndarray.__imatmul__  # type: ignore[attr-defined]
    ndarray.__hash__ = None  # type: ignore[assignment, method-assign]


def _swapped(x: ndarray, call: Callable, function: np.ufunc, *other: Any) -> Any:
    return call(function, x, *other)


_add_operators()

# Methods that are functions of the module, too.
_METHODS = {
    "all": "axis=None, out=None, keepdims=False",
    "any": "axis=None, out=None, keepdims=False",
    "argmax": "axis=None, out=None, dtype=None, keepdims=False",
    "argmin": "axis=None, out=None, dtype=None, keepdims=False",
    "argsort": "axis=-1, kind=None",
    "clip": "min=None, max=None, out=None",
    "cumsum": "axis=None, dtype=None, out=None",
    "diagonal": "offset=0, axis1=0, axis2=1",
    "max": "axis=None, out=None, keepdims=False",
    "mean": "axis=None, dtype=None, out=None, keepdims=False",
    "min": "axis=None, out=None, keepdims=False",
    "prod": "axis=None, dtype=None, out=None, keepdims=None",
    "repeat": "repeats, axis=None",
    "round": "decimals=0, out=None",
    "std": "axis=None, dtype=None, out=None, ddof=0, keepdims=False",
    "sum": "axis=None, dtype=None, out=None, keepdims=False",
    "take": "indices, axis=None, out=None",
    "var": "axis=None, dtype=None, out=None, ddof=0, keepdims=False",
}
_NAMES = {("clip", "min"): "a_min", ("clip", "max"): "a_max"}  # the functions' own


def _add_methods() -> None:
    for name, parameters in _METHODS.items():
        setattr(ndarray, name, with_signature(name, f"self, {parameters}", _method(name)))


def _method(name: str) -> Callable[[dict[str, Any]], Any]:
    def call(given: dict[str, Any]) -> Any:
        x = given.pop("self")
        if name == "clip":
            given = {"min": None, "max": None, **given}
        options = {_NAMES.get((name, key), key): value for key, value in given.items()}
        return FUNCTIONS[name](x, **options)

    return call


_add_methods()
