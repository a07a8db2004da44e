"""CuPy's array, on NumPy: its memory is a block of an emulated GPU's."""

from __future__ import annotations

import operator
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import device, memory, streams
from .device import Device
from .indexing import Index

# What becomes an argument of an elementwise kernel.
SCALARS = (bool, int, float, complex)


class Flags:
    """As `cupy.ndarray.flags`."""

    def __init__(self, c_contiguous: bool, f_contiguous: bool, owndata: bool):
        self.c_contiguous, self.f_contiguous, self.owndata = c_contiguous, f_contiguous, owndata
        self.fnc, self.forc = f_contiguous and not c_contiguous, f_contiguous or c_contiguous

    def __getitem__(self, name: str) -> bool:
        if name not in ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA"):
            raise KeyError(f"{name} is not defined for cupy.ndarray.flags")
        return getattr(self, name.lower())


class ndarray:
    """As `cupy.ndarray`. Elementwise results lie in C order, whatever the order of the operands."""

    __array_priority__ = 100
    __module__ = "cupy"

    def __init__(
        self, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None,
        order: str = "C",
    ):  # fmt: skip
        dtype = checked_dtype(dtype)
        shape = tuple(map(operator.index, shape if np.iterable(shape) else (shape,)))
        if any(length < 0 for length in shape):
            raise ValueError("Negative dimensions are not allowed")
        count = int(np.prod(shape, dtype=np.int64))
        self._pointer = memory.alloc(count * dtype.itemsize) if memptr is None else memptr
        self.base: ndarray | None = None
        content, offset = _bytes_at(self._pointer, count * dtype.itemsize, dtype)
        self._host = np.ndarray(
            shape, dtype, content, offset, strides, order  # type: ignore[arg-type]
        )

    shape = property(lambda self: self._host.shape, lambda self, shape: self._reshape(shape))
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    strides = property(lambda self: self._host.strides)
    device = property(lambda self: Device(self._pointer.device_id))

    @property
    def data(self) -> Any:
        """A `MemoryPointer`. Who asks for it may hand the address to a kernel."""
        known = _asked.get(self._pointer.ptr)
        if known is None or known.nbytes <= self.nbytes:
            _asked[self._pointer.ptr] = self
        return self._pointer

    @property
    def flags(self) -> Flags:
        known = self._host.flags
        return Flags(known.c_contiguous, known.f_contiguous, self.base is None)

    @property
    def T(self) -> ndarray:
        return self if self.ndim < 2 else view_of(self, self._host.T)

    def _reshape(self, shape: Any) -> None:
        found = self._host.view()
        found.shape = shape
        self._host = found

    # What waits for the GPU and copies to the host.

    def get(
        self, stream: Any = None, order: str = "C", out: np.ndarray | None = None,
        blocking: bool = True,
    ) -> np.ndarray:  # fmt: skip
        """A copy in the host's memory, in C order unless `order` says "F" or "A"."""
        if out is not None and not isinstance(out, np.ndarray):
            raise TypeError("Only numpy.ndarray can be obtained fromcupy.ndarray")
        if out is not None and out.dtype != self.dtype:
            raise TypeError(f"{out.dtype} array cannot be obtained from {self.dtype} array")
        if out is not None and out.shape != self.shape:
            raise ValueError(
                f"Shape mismatch. Expected shape: {self.shape}, actual shape: {out.shape}"
            )
        if order.upper() not in ("C", "F", "A"):
            raise ValueError(f"unsupported order: {order.upper()}")
        streams.refuse_copy("D2H", stream)
        if blocking:
            (streams.get_current_stream() if stream is None else stream).synchronize()
        if out is not None:
            out[...] = self._host
            return out
        return np.array(self._host, order=order)  # type: ignore[call-overload]

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        """Copies an array of the host, of the same shape and dtype, into this one."""
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if self.dtype != arr.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if self.shape != arr.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not self.flags.forc:
            raise RuntimeError("Cannot set to non-contiguous array")
        streams.refuse_copy("H2D", stream)
        self._host[...] = arr

    def item(self) -> Any:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def tobytes(self, order: str = "C") -> bytes:
        return self.get().tobytes(order)  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        if self.size == 0:
            warnings.warn(
                "The truth value of an empty array is ambiguous. Returning False, but in future "
                "this will result in an error. Use `array.size > 0` to check that an array is not "
                "empty.", DeprecationWarning, stacklevel=2,
            )  # fmt: skip
            return False
        if self.size > 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. Use a.any() "
                "or a.all()"
            )
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __complex__(self) -> complex:
        return complex(self.get())

    def __repr__(self) -> str:
        return repr(self.get())

    def __str__(self) -> str:
        return str(self.get())

    def __format__(self, format_spec: str) -> str:
        return format(self.get(), format_spec)

    def __reduce__(self):
        from .creation import array

        return array, (self.get(order="A"),)

    def __array__(self, dtype: Any = None, copy: Any = None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct "
            "a NumPy array explicitly."
        )

    # Copies and views on the device.

    def astype(
        self, dtype: Any, order: str | None = "K", casting: Any = None, subok: Any = None,
        copy: bool = True,
    ) -> ndarray:  # fmt: skip
        for name, value in (("casting", casting), ("subok", subok)):
            if value is not None:
                raise TypeError(f"{name} is not supported yet")
        dtype, order = checked_dtype(dtype), order or "K"
        if dtype == self.dtype and not copy and in_order(self, order):
            return self
        return computed([self], lambda: self._host.astype(dtype, copy=False), order)

    def copy(self, order: str = "C") -> ndarray:
        """On the current device, also of an array that lies on another."""
        if self._pointer.device_id == device.get_device():
            return self.astype(self.dtype, order=order)
        if self.size and order.upper() == "K" and not self.flags.forc:
            raise NotImplementedError("CuPy cannot copy non-contiguous array between devices.")
        return computed([], lambda: self._host, order)

    def __copy__(self) -> ndarray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> ndarray:
        with self.device:
            return self.copy()

    def view(self, dtype: Any = None, type: Any = None) -> ndarray:
        return view_of(self, self._host.view(self.dtype if dtype is None else dtype))

    def reshape(self, *shape, order: str = "C", copy: bool | None = None) -> ndarray:
        """A view where that is possible, else a copy in C order."""
        return _shaped(
            self, lambda: self._host.reshape(*shape, order=order), copy  # type: ignore[call-overload]
        )  # fmt: skip

    def ravel(self, order: str = "C") -> ndarray:
        return _shaped(self, lambda: self._host.ravel(order))  # type: ignore[arg-type]

    def flatten(self, order: str = "C") -> ndarray:
        return computed([self], lambda: self._host.flatten(order))  # type: ignore[arg-type]

    def transpose(self, *axes) -> ndarray:
        return view_of(self, self._host.transpose(*axes))

    def swapaxes(self, axis1: int, axis2: int) -> ndarray:
        return view_of(self, self._host.swapaxes(axis1, axis2))

    def squeeze(self, axis: Any = None) -> ndarray:
        found = self._host.squeeze(axis)
        return self if found.ndim == self.ndim else view_of(self, found)

    def fill(self, value: Any) -> None:
        """Sets all elements to a number of the host or to an array of no dimensions."""
        if isinstance(value, ndarray):
            if value.shape != ():
                raise ValueError("non-scalar cupy.ndarray cannot be used for fill")
            host = value._host
        else:
            host = np.asarray(value, self.dtype)
            if host.shape != ():
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        device.check_resident(self._pointer.device_id)
        streams.run(lambda: _assign(self._host, host), [self._host])

    def nonzero(self) -> tuple[ndarray, ...]:
        if self.ndim == 0:
            raise ValueError(
                "Calling nonzero on 0d arrays is not allowed. Use cp.atleast_1d(scalar).nonzero() "
                "instead."
            )
        streams.refuse_copy("D2H")  # of how many there are
        found = new(np.argwhere(self._host))
        return tuple(found[:, i] for i in range(self.ndim))

    # Indices.

    def __getitem__(self, slices: Any) -> ndarray:
        index = Index(slices, self.shape)
        if index.is_view:
            return view_of(self, self._host[index.host])
        return computed([self, *index.arrays], lambda: self._host[index.host])

    def __setitem__(self, slices: Any, value: Any) -> None:
        index = Index(slices, self.shape)
        if index.is_view and not isinstance(value, ndarray):
            view_of(self, self._host[index.host]).fill(value)
            return
        if not isinstance(value, ndarray):
            from .creation import array

            value = array(value, dtype=self.dtype)
        check_operands([self, value, *index.arrays])
        streams.run(lambda: _set(self._host, index.host, value._host), [self._host])

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return len(self._host)

    def __iter__(self) -> Iterator[ndarray]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # NumPy's functions called with arrays of this class are CuPy's.

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        from .functions import FUNCTIONS

        own = FUNCTIONS.get(ufunc.__name__)
        function = own if method == "__call__" else getattr(own, method, None)
        known = (ndarray, np.ndarray, np.generic)
        if function is None or not all(type(x) in SCALARS or isinstance(x, known) for x in inputs):
            return NotImplemented
        if out is not None:
            options["out"] = out[0]
        return function(*inputs, **options)

    def __array_function__(self, func, types, args, kwargs):
        from .functions import FUNCTIONS

        own = FUNCTIONS.get(func.__name__)
        return NotImplemented if own is None else own(*args, **kwargs)

    # The protocol by which PyTorch takes an array over without a copy. CuPy's arrays arrive as
    # tensors on the GPU, these as tensors on the CPU, where they are.

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        options = {"max_version": max_version, "dl_device": dl_device, "copy": copy}
        given = {key: value for key, value in options.items() if value is not None}
        return self._host.__dlpack__(**given)  # NumPy 2.0 knows none of them

    def __dlpack_device__(self):
        return self._host.__dlpack_device__()


# {address: the array}, of those whose address was asked for, the largest. What a structure among a
# kernel's arguments points to is found here.
_asked: weakref.WeakValueDictionary[int, ndarray] = weakref.WeakValueDictionary()


def array_at(address: int) -> ndarray | None:
    return _asked.get(address)


def _bytes_at(pointer: Any, size: int, dtype: np.dtype) -> tuple[np.ndarray, int]:
    """A buffer and the offset of `pointer` in it."""
    content = pointer.mem.content
    if not size:  # of an array without elements, which may stand anywhere
        return np.empty(dtype.itemsize, np.uint8), 0
    if not content.size:  # of a size that nobody has told
        content = memory.UnownedMemory(pointer.ptr, size, pointer.mem).content
        return content, 0
    return content, pointer.ptr - pointer.mem.ptr


def checked_dtype(dtype: Any) -> np.dtype:
    """A dtype of the host's byte order.

    Raises:
        ValueError: one that CuPy has no arrays of.
    """
    dtype = np.dtype(dtype).newbyteorder("=")
    if dtype.kind not in "?biufcV" or dtype.hasobject or dtype.char == "g":
        raise ValueError(f"Unsupported dtype {dtype}")
    return dtype


def view_of(owner: ndarray, host: np.ndarray) -> ndarray:
    """A part of `owner`, or the whole, in another shape."""
    view = ndarray.__new__(ndarray)
    view._host, view.base = host, owner if owner.base is None else owner.base
    view._pointer = owner._pointer
    if host.size and owner.size:
        view._pointer = owner._pointer + (host.ctypes.data - owner._host.ctypes.data)
    return view


def strided(owner: ndarray, shape: tuple[int, ...], strides: tuple[int, ...]) -> ndarray:
    """The memory that `owner` begins at, seen with these strides."""
    content, offset = _bytes_at(owner._pointer, owner.nbytes, owner.dtype)
    return view_of(owner, np.ndarray(shape, owner.dtype, content, offset, strides))


def new(value: Any, order: str = "C") -> ndarray:
    """A copy of an array of NumPy's on the current device, in this order of memory."""
    value = np.asarray(value)
    model = np.empty_like(value, order=order)  # type: ignore[call-overload]
    made = ndarray(value.shape, value.dtype, strides=model.strides)
    made._host[...] = value
    return made


def check_operands(operands: Sequence[Any]) -> None:
    """Raises as CuPy's elementwise kernels do about arrays of the host, of other devices, and
    whatever else they do not take."""
    for x in operands:
        if isinstance(x, ndarray):
            device.check_resident(x._pointer.device_id)
        elif type(x) not in SCALARS and not isinstance(x, np.generic):
            raise TypeError(f"Unsupported type {type(x)}")


def host(x: Any) -> Any:
    """What NumPy computes with."""
    if isinstance(x, ndarray):
        return x._host
    return type(x)(map(host, x)) if isinstance(x, (list, tuple)) else x


def computed(operands: Sequence[Any], call: Callable[[], Any], order: str = "C") -> Any:
    """What `call` returns, NumPy's arrays, in new arrays of the current device.

    Raises: as `check_operands`.
    """
    check_operands(operands)
    result = streams.run(lambda: _quiet(call), again=lambda: fill_again())
    several = isinstance(result, (tuple, list))
    made = [new(each, order) for each in (result if several else [result])]
    targets = [each._host for each in made]
    streams.note_made(targets)

    def fill_again() -> None:
        values = _quiet(call)
        for target, value in zip(targets, values if several else [values], strict=True):
            target[...] = value

    return type(result)(made) if several else made[0]


def changed(operands: Sequence[Any], out: ndarray, call: Callable[[], Any]) -> ndarray:
    """`out`, after a call that writes to its memory."""
    if not isinstance(out, ndarray):
        raise TypeError("Output arguments type must be cupy.ndarray")
    check_operands([*operands, out])
    streams.run(lambda: _quiet(call), [out._host])
    return out


def _quiet(call: Callable[[], Any]) -> Any:
    """A GPU does not warn of infinities and NaN."""
    with np.errstate(all="ignore"):
        return call()


def _assign(target: np.ndarray, value: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        np.copyto(target, value, casting="unsafe")


def _set(target: np.ndarray, index: Any, value: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        target[index] = value.astype(target.dtype)


def _shaped(x: ndarray, call: Callable[[], np.ndarray], copy: bool | None = None) -> ndarray:
    """A view where NumPy makes one; a copy where it cannot, or where that is asked for."""
    found = call()
    is_view = np.may_share_memory(found, x._host)
    if copy is False and not is_view:
        raise ValueError("Unable to avoid creating a copy while reshaping.")
    return view_of(x, found) if is_view and not copy else computed([x], call)


def in_order(x: ndarray, order: str) -> bool:
    flags = x.flags
    return {"K": True, "A": flags.forc, "C": flags.c_contiguous, "F": flags.f_contiguous}[
        order.upper()
    ]
