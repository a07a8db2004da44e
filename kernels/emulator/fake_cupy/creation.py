"""New arrays: of one value, from the host, and copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import device, streams
from .arrays import SCALARS, check_operands, checked_dtype, computed, host, in_order, ndarray, new


def array(
    obj: Any, dtype: Any = None, copy: bool | None = True, order: str | None = "K",
    subok: bool = False, ndmin: int = 0, *, blocking: bool = False,
) -> ndarray:  # fmt: skip
    """As `cupy.array`. Of an array of the host the order is kept where that is C or F."""
    if subok:
        raise NotImplementedError
    order = order or "K"
    if isinstance(obj, ndarray):
        made = _of_device(obj, dtype, copy, order)
    elif _holds_arrays(obj):
        made = computed(_leaves(obj), lambda: np.asarray(host(obj), dtype))
    else:
        given = np.asarray(obj, dtype)
        if order.upper() in ("K", "A"):
            order = "F" if given.flags.fnc and isinstance(obj, np.ndarray) else "C"
        dtype = checked_dtype(given.dtype)
        if given.ndim == 0:  # becomes an argument of a kernel
            made = computed([], lambda: given.astype(dtype))
        else:
            streams.refuse_copy("H2D")
            made = new(given.astype(dtype), order)
    if made.ndim < ndmin:
        made = made.reshape((1,) * (ndmin - made.ndim) + made.shape)
    return made


def _of_device(x: ndarray, dtype: Any, copy: bool | None, order: str) -> ndarray:
    dtype = x.dtype if dtype is None else checked_dtype(dtype)
    if x._pointer.device_id != device.get_device():
        return x.copy(order=order).astype(dtype, copy=False)
    if not copy and dtype == x.dtype and in_order(x, order):
        return x
    if copy is False:
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    return x.astype(dtype, order=order)


def _leaves(obj: Any) -> list[Any]:
    if isinstance(obj, (list, tuple)):
        return [leaf for each in obj for leaf in _leaves(each)]
    return [obj]


def _holds_arrays(obj: Any) -> bool:
    leaves = _leaves(obj) if isinstance(obj, (list, tuple)) else []
    return bool(leaves) and all(isinstance(leaf, ndarray) for leaf in leaves)


def copyto(dst: ndarray, src: Any, casting: str = "same_kind", where: Any = None) -> None:
    """Copies an array, also from another device, or a number or an array of size 1 of the host."""
    if isinstance(src, np.ndarray):
        if src.size != 1:
            raise ValueError("non-scalar numpy.ndarray cannot be used for copyto")
        src = src.squeeze()[()]
    if type(src) in SCALARS:
        np.copyto(np.empty((), dst.dtype), src, casting=casting)  # type: ignore[arg-type]
    elif not np.can_cast(src.dtype, dst.dtype, casting):  # type: ignore[arg-type]
        raise TypeError(f"Cannot cast {src.dtype} to {dst.dtype} in {casting} casting mode")
    value, mask = host(src), True if where is None else host(where)
    with dst.device:
        if isinstance(src, ndarray) and src._pointer.device_id == dst._pointer.device_id:
            check_operands([src])
        streams.run(
            lambda: np.copyto(dst._host, value, casting="unsafe", where=mask), [dst._host]
        )


def asarray(
    a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None,
    blocking: bool = False,
) -> ndarray:  # fmt: skip
    return array(a, dtype, copy, order, blocking=blocking)


def asnumpy(
    a: Any, stream: Any = None, order: str = "C", out: np.ndarray | None = None, *,
    blocking: bool = True,
) -> np.ndarray:  # fmt: skip
    if isinstance(a, ndarray):
        return a.get(stream=stream, order=order, out=out, blocking=blocking)
    made = np.asarray(a, order=order)  # type: ignore[call-overload]
    if out is None:
        return made
    out[...] = made
    return out


def _contiguous(a: ndarray, dtype: Any, order: str) -> ndarray:
    if not isinstance(a, ndarray):
        raise TypeError(
            "Argument 'a' has incorrect type (expected cupy._core.core._ndarray_base, got "
            f"{type(a)})"
        )
    made = a.astype(a.dtype if dtype is None else dtype, order=order, copy=False)
    return made if made.ndim else made.ravel()


def ascontiguousarray(a: ndarray, dtype: Any = None) -> ndarray:
    """An array of no dimensions becomes one of one."""
    return _contiguous(a, dtype, "C")


def asfortranarray(a: ndarray, dtype: Any = None) -> ndarray:
    return _contiguous(a, dtype, "F")


def copy(a: ndarray, order: str = "K") -> ndarray:
    return a.copy(order=order)


# New arrays.


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return ndarray(shape, dtype, order=order)


def zeros(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return _filled(empty(shape, dtype, order), 0)


def ones(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return _filled(empty(shape, dtype, order), 1)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> ndarray:
    if dtype is None:
        known = isinstance(fill_value, ndarray)
        dtype = fill_value.dtype if known else np.array(fill_value).dtype
    return _filled(empty(shape, dtype, order), fill_value)


def empty_like(
    prototype: ndarray, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None
) -> ndarray:
    """In the order of memory of `prototype`, if `order` is "K" and the dimensions are as many."""
    if subok is not None:
        raise TypeError("subok is not supported yet")
    model = np.empty_like(
        prototype._host, checked_dtype(prototype.dtype if dtype is None else dtype),
        order, shape=shape or None,
    )  # type: ignore[call-overload]  # fmt: skip
    return ndarray(model.shape, model.dtype, strides=model.strides)


def zeros_like(
    a: ndarray, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None
) -> ndarray:
    return _filled(empty_like(a, dtype, order, subok, shape), 0)


def ones_like(
    a: ndarray, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None
) -> ndarray:
    return _filled(empty_like(a, dtype, order, subok, shape), 1)


def full_like(
    a: ndarray, fill_value: Any, dtype: Any = None, order: str = "K", subok: None = None,
    shape: Any = None,
) -> ndarray:  # fmt: skip
    return _filled(empty_like(a, dtype, order, subok, shape), fill_value)


def _filled(x: ndarray, value: Any) -> ndarray:
    copyto(x, value, casting="unsafe")
    return x


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> ndarray:
    if stop is None:
        start, stop = 0, start
    return computed([], lambda: np.arange(start, stop, 1 if step is None else step, dtype=dtype))


def eye(
    N: int, M: int | None = None, k: int = 0, dtype: Any = float, order: str = "C"
) -> ndarray:
    return computed([], lambda: np.eye(N, M, k, dtype), order)


FUNCTIONS = (
    arange, array, asarray, ascontiguousarray, asfortranarray, asnumpy, copy, copyto, empty,
    empty_like, eye, full, full_like, ones, ones_like, zeros, zeros_like,
)  # fmt: skip
