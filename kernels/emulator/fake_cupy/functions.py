"""The functions of the module `cupy`: NumPy's, by CuPy's names, parameters and rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import creation, device, streams
from .arrays import (
    changed,
    check_operands,
    computed,
    host,
    ndarray,
    new,
    strided,
    view_of,
)
from .creation import array
from .signatures import with_signature

_UFUNCS = (
    "absolute", "add", "arcsin", "arctan", "arctan2", "bitwise_and", "bitwise_or", "bitwise_xor",
    "ceil", "cos", "cosh", "divide", "equal", "exp", "exp2", "expm1", "floor", "floor_divide",
    "greater", "greater_equal", "invert", "isfinite", "isinf", "isnan", "left_shift", "less",
    "less_equal", "log", "log10", "log1p", "log2", "logaddexp", "maximum", "minimum", "multiply",
    "negative", "not_equal", "positive", "power", "reciprocal", "remainder", "right_shift", "sign",
    "sin", "sinh", "sqrt", "square", "subtract", "tan", "tanh",
)  # fmt: skip

# Functions whose results are new arrays, in C order.
_NEW = {
    "all": "a, axis=None, out=None, keepdims=False",
    "amax": "a, axis=None, out=None, keepdims=False",
    "amin": "a, axis=None, out=None, keepdims=False",
    "any": "a, axis=None, out=None, keepdims=False",
    "argmax": "a, axis=None, dtype=None, out=None, keepdims=False",
    "argmin": "a, axis=None, dtype=None, out=None, keepdims=False",
    "argsort": "a, axis=-1, kind=None",
    "clip": "a, a_min, a_max, out=None",
    "concatenate": "tup, axis=0, out=None, *, dtype=None, casting='same_kind'",
    "cumsum": "a, axis=None, dtype=None, out=None",
    "max": "a, axis=None, out=None, keepdims=False",
    "mean": "a, axis=None, dtype=None, out=None, keepdims=False",
    "min": "a, axis=None, out=None, keepdims=False",
    "pad": "array, pad_width, mode='constant', **kwargs",
    "prod": "a, axis=None, dtype=None, out=None, keepdims=False",
    "repeat": "a, repeats, axis=None",
    "roll": "a, shift, axis=None",
    "round": "a, decimals=0, out=None",
    "stack": "tup, axis=0, out=None, *, dtype=None, casting='same_kind'",
    "std": "a, axis=None, dtype=None, out=None, ddof=0, keepdims=False",
    "sum": "a, axis=None, dtype=None, out=None, keepdims=False",
    "take": "a, indices, axis=None, out=None",
    "tile": "A, reps",
    "var": "a, axis=None, dtype=None, out=None, ddof=0, keepdims=False",
}
_VIEWS = {
    "broadcast_to": "array, shape",
    "diagonal": "a, offset=0, axis1=0, axis2=1",
    "expand_dims": "a, axis",
    "flip": "a, axis=None",
    "moveaxis": "a, source, destination",
    "transpose": "a, axes=None",
}
# What a function of NumPy is given besides; indices that are out of bounds wrap around.
_MORE: dict[str, dict[str, Any]] = {"take": {"mode": "wrap"}, "argsort": {"kind": "stable"}}

# What `ufunc.at` can do, and with which dtypes: those that CUDA has atomics for.
_AT = {
    "add": "ilqILQefd", "subtract": "iI", "maximum": "ilqILQfd", "minimum": "ilqILQfd",
    "bitwise_and": "ilqILQ", "bitwise_or": "ilqILQ", "bitwise_xor": "ilqILQ",
}  # fmt: skip


class ufunc:
    """As `cupy.ufunc`."""

    def __init__(self, function: np.ufunc):
        self._function = function
        self.name = self.__name__ = f"cupy_{function.__name__}"
        self.nin, self.nout, self.nargs = function.nin, function.nout, function.nargs

    def __repr__(self) -> str:
        return f"<ufunc {self.name!r}>"

    def __call__(self, *args, **kwargs):
        """Results lie in C order.

        Args:
            args: arrays and numbers, then perhaps the array for the result.
            out: the array for the result, to whose dtype it must be of the same kind.
            dtype: of the computation.
            casting: the rule for `out`, "same_kind" if not given.
        """
        out = kwargs.pop("out", None)
        options: dict[str, Any] = {
            key: kwargs.pop(key) for key in ("dtype", "casting") if key in kwargs
        }
        where = kwargs.pop("_where", None)
        if kwargs:
            raise TypeError(f"Wrong arguments {kwargs}")
        if not self.nin <= len(args) <= self.nargs:
            raise TypeError(
                f"Wrong number of arguments for {self.name!r}. It must be either {self.nin} or "
                f"{self.nargs} (with outputs), but given {len(args)}."
            )
        if len(args) > self.nin:
            if out is not None:
                raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
            out = args[self.nin]
        operands = [*args[: self.nin], *([] if where is None else [where])]
        check_operands(operands)
        given = [host(x) for x in args[: self.nin]]
        if where is not None:
            options["where"] = host(where)
        if isinstance(out, tuple):
            (out,) = out
        if out is None:
            return computed(operands, lambda: self._function(*given, **options))
        if isinstance(out, ndarray) and out.shape != np.broadcast_shapes(*map(np.shape, given)):
            raise ValueError("Out shape is mismatched")
        return changed(operands, out, lambda: self._function(*given, out=out._host, **options))

    def outer(self, A: Any, B: Any, **kwargs) -> ndarray:
        A, B = array(A), array(B)
        return self(A.reshape(A.shape + (1,) * B.ndim), B, **kwargs)

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        """Where an index is there twice, both count, by atomics."""
        name = self._function.__name__
        if name not in _AT:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        from .indexing import Index

        index = Index(indices, a.shape)
        if not index.is_view and a.dtype.char not in _AT[name]:
            raise TypeError(f"cupy.{name}.at does not support {a.dtype} as data type")
        b = b if isinstance(b, ndarray) else array(b, dtype=a.dtype)
        check_operands([a, b, *index.arrays])
        streams.run(
            lambda: self._function.at(a._host, index.host, b._host.astype(a.dtype)), [a._host]
        )

    def reduce(
        self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None,
        keepdims: bool = False,
    ) -> ndarray:  # fmt: skip
        if self._function not in (np.add, np.multiply):
            raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")
        method = array.sum if self._function is np.add else array.prod
        return method(axis=axis, dtype=dtype, out=out, keepdims=keepdims)

    def accumulate(
        self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None
    ) -> ndarray:
        if self._function is not np.add:
            raise NotImplementedError(f"`{self.name}.accumulate` is not supported yet")
        return array.cumsum(axis=axis, dtype=dtype, out=out)


def _arrays(value: Any) -> list[Any]:
    """The arrays of the device, and of the host by mistake, in an argument."""
    if isinstance(value, (ndarray, np.ndarray)):
        return [value]
    return [x for each in value for x in _arrays(each)] if isinstance(value, (tuple, list)) else []


def _called(name: str, given: dict[str, Any]) -> tuple[list[Any], Callable[[], Any], Any]:
    """The operands, the call of NumPy's function, and the array for the result, if one is given."""
    given = given | given.pop("kwargs", {}) | _MORE.get(name, {})
    out, dtype = given.pop("out", None), None
    if name in ("argmax", "argmin"):
        dtype = given.pop("dtype", None)
    operands = _arrays(list(given.values()))
    first, *rest = given
    options = {key: host(given[key]) for key in rest}
    if out is not None:
        options["out"] = out._host
    function, x = getattr(np, name), host(given[first])
    if not operands and name not in ("concatenate", "stack"):
        raise TypeError(f"{name}: {first} must be a cupy.ndarray, got {type(given[first])}")
    if dtype is not None:
        return operands, lambda: function(x, **options).astype(dtype), out
    return operands, lambda: function(x, **options), out


def _new(name: str) -> Callable[[dict[str, Any]], Any]:
    def call(given: dict[str, Any]) -> Any:
        operands, function, out = _called(name, given)
        return computed(operands, function) if out is None else changed(operands, out, function)

    return call


def _view(name: str) -> Callable[[dict[str, Any]], Any]:
    def call(given: dict[str, Any]) -> Any:
        (x, *_), function, _ = _called(name, given)
        found = function()
        if name == "broadcast_to":  # CuPy's can be written to
            return strided(x, found.shape, found.strides)
        return view_of(x, found)

    return call


def _check_blas(*operands: ndarray) -> None:
    if any(x.dtype.kind in "fc" for x in operands) and streams.capturing():
        raise NotImplementedError(
            "calling cuBLAS API during stream capture is currently unsupported"
        )


def matmul(x1: ndarray, x2: ndarray, /, out: ndarray | None = None) -> ndarray:
    _check_blas(x1, x2)
    if out is None:
        return computed([x1, x2], lambda: np.matmul(host(x1), host(x2)))
    return changed([x1, x2], out, lambda: np.matmul(host(x1), host(x2), out=out._host))


def tensordot(a: ndarray, b: ndarray, axes: Any = 2) -> ndarray:
    _check_blas(a, b)
    return computed([a, b], lambda: np.tensordot(host(a), host(b), axes))


def einsum(*operands, **kwargs) -> ndarray:
    """One array whose axes are only put in another order is a view."""
    other = sorted(kwargs.keys() - {"dtype", "optimize"})
    if other:
        raise TypeError(f"Did not understand the following kwargs: {other}")
    arrays = _arrays(list(operands))
    _check_blas(*arrays)
    if len(arrays) == 1:
        found = np.einsum(*map(host, operands), **kwargs)
        if np.may_share_memory(found, arrays[0]._host):
            return view_of(arrays[0], found)
    return computed(arrays, lambda: np.einsum(*map(host, operands), **kwargs))


def where(condition: ndarray, x: Any = None, y: Any = None) -> Any:
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    if x is None:
        return condition.nonzero()
    mask = condition.astype("?", copy=False)
    return computed([mask, x, y], lambda: np.where(mask._host, host(x), host(y)))


def nonzero(a: ndarray) -> tuple[ndarray, ...]:
    return a.nonzero()


def take_along_axis(a: ndarray, indices: ndarray, axis: int | None) -> ndarray:
    """Indices that are out of bounds wrap around."""
    length = a.size if axis is None else a.shape[axis]
    return computed([a, indices], lambda: np.take_along_axis(
        a._host, indices._host % max(1, length), axis))  # fmt: skip


class _Grid:
    """As `cupy.ogrid`."""

    def __getitem__(self, key: Any) -> Any:
        found = np.ogrid[key]
        return tuple(map(new, found)) if isinstance(found, (tuple, list)) else new(found)


def reshape(a: ndarray, newshape: Any, order: str = "C", *, copy: bool | None = None) -> ndarray:
    return a.reshape(newshape, order=order, copy=copy)


def ravel(a: ndarray, order: str = "C") -> ndarray:
    return a.ravel(order)


def squeeze(a: ndarray, axis: Any = None) -> ndarray:
    return a.squeeze(axis)


def swapaxes(a: ndarray, axis1: int, axis2: int) -> ndarray:
    return a.swapaxes(axis1, axis2)


def ndim(a: Any) -> int:
    return np.ndim(host(a))


def shape(a: Any) -> tuple[int, ...]:
    return np.shape(host(a))


def may_share_memory(a: ndarray, b: ndarray, max_work: int | None = None) -> bool:
    return np.may_share_memory(host(a), host(b))


def shares_memory(a: ndarray, b: ndarray, max_work: int | None = None) -> bool:
    return np.shares_memory(host(a), host(b))


def result_type(*arrays_and_dtypes) -> np.dtype:
    return np.result_type(*map(host, arrays_and_dtypes))


def get_array_module(*args) -> Any:
    import cupy

    return cupy if any(isinstance(x, ndarray) for x in args) else np


def is_available() -> bool:
    return device.machine.devices > 0


FUNCTIONS: dict[str, Any] = {
    **{name: ufunc(getattr(np, name)) for name in _UFUNCS},
    **{name: with_signature(name, parameters, _new(name)) for name, parameters in _NEW.items()},
    **{name: with_signature(name, parameters, _view(name)) for name, parameters in _VIEWS.items()},
    **{
        function.__name__: function
        for function in (
            *creation.FUNCTIONS, einsum, get_array_module, is_available, matmul, may_share_memory,
            ndim, nonzero, ravel, reshape, result_type, shape, shares_memory, squeeze, swapaxes,
            take_along_axis, tensordot, where,
        )
    },
    "ogrid": _Grid(),
}  # fmt: skip
FUNCTIONS["abs"] = FUNCTIONS["absolute"]
