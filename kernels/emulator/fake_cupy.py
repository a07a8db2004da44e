"""A fake CuPy: its arrays lie in the memory of the CPU, its kernels run in the emulator.

    with fake_cupy.installed(checked=True):
        import cupy                    # is this module's
        x = cupy.asarray(np.ones(3))

Only what tinygan uses is here. Where CuPy refuses something, so does this: arrays of the host among
those of the device, implicit conversions to NumPy, strided arrays and Python numbers as arguments
of kernels, launches that no GPU takes, shared memory above 48 KiB that was not asked for.
"""

from __future__ import annotations

import contextlib
import operator
import sys
import types
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..cuda import source
from . import fake_cupy_cuda, streams
from .build import EmulatorError
from .module import Module, Traffic, empty

# How kernels run; `installed` sets them.
checked = False
order = "forward"
traffic: list[Traffic] | None = None  # where counts go; None: nothing is counted

# Methods and functions of NumPy that CuPy has, too, and tinygan calls; elementwise ones also where
# only a new op may call them.
_METHODS = (
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumsum", "max", "mean",
    "min", "nonzero", "prod", "ravel", "repeat", "reshape", "round", "squeeze", "std", "sum",
    "swapaxes", "take", "tolist", "transpose", "var", "view",
)  # fmt: skip
_FUNCTIONS = (
    "abs", "add", "all", "amax", "amin", "any", "arange", "arctan", "argmax", "argmin", "argsort",
    "ascontiguousarray", "broadcast_to", "ceil", "clip", "concatenate", "copyto", "cos", "cosh",
    "divide", "einsum", "equal", "exp", "exp2", "expand_dims", "expm1", "eye", "flip", "floor",
    "full", "greater", "greater_equal", "isfinite", "isinf", "isnan", "less", "less_equal", "log",
    "log10", "log1p", "log2", "logaddexp", "matmul", "maximum", "mean", "minimum", "moveaxis",
    "multiply", "negative", "nonzero", "not_equal", "ogrid", "ones", "ones_like", "pad", "power",
    "reciprocal", "roll", "sign", "sin", "sinh", "sqrt", "square", "stack", "subtract", "sum",
    "take", "take_along_axis", "tan", "tanh", "tensordot", "tile", "transpose", "where", "zeros",
    "zeros_like",
)  # fmt: skip


_PRODUCTS = (np.matmul, np.tensordot, np.einsum)  # of cuBLAS


def _host(x: Any) -> Any:
    """What NumPy computes with; arrays of the host are refused, as CuPy does."""
    if isinstance(x, ndarray):
        return x._host
    if isinstance(x, np.ndarray) and x.ndim:
        raise TypeError(f"Unsupported type {type(x)}: an array of the host among those of a device")
    if isinstance(x, (tuple, list)):
        return type(x)(_host(item) for item in x)
    if isinstance(x, dict):
        return {key: _host(value) for key, value in x.items()}
    return x


def _device(result: Any) -> Any:
    """NumPy's result as the device's; CuPy returns arrays of no dimensions, never scalars."""
    if isinstance(result, (tuple, list)):
        return type(result)(_device(item) for item in result)
    if isinstance(result, (np.ndarray, np.generic)):
        return ndarray(np.asarray(result))
    return result


# {address: the array}, of those whose address was asked for. What a structure among a kernel's
# arguments points to is found here.
_addresses: weakref.WeakValueDictionary[int, ndarray] = weakref.WeakValueDictionary()


class _Memory(NamedTuple):
    """As `cupy.cuda.MemoryPointer`."""

    ptr: int


class ndarray(NDArrayOperatorsMixin):
    """As `cupy.ndarray`."""

    __array_priority__ = 100

    def __init__(self, host: np.ndarray):
        self._host = host

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if out is not None:
            options["out"] = tuple(_host(x) for x in out)
        given = [_host(x) for x in inputs]
        if out is None and method == "__call__":
            options["order"] = "C"  # whatever that of the operands is

        def call():
            return getattr(ufunc, method)(*given, **options)

        if out is not None:
            streams.changing(options["out"], call)
            return out[0]
        return _device(streams.computing(given, call))

    def __array__(self, *args, **options):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()`."
        )

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            method = getattr(self._host, name)
            if name == "tolist":
                streams.refuse("tolist")
                return method
            if name == "nonzero":
                streams.refuse("nonzero, whose result has as many numbers as there are,")
            return lambda *args, **options: _device(
                streams.computing([self._host], lambda: method(*_host(args), **_host(options)))
            )
        raise AttributeError(f"the fake cupy.ndarray has no {name!r}")

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    T = property(lambda self: ndarray(self._host.T))
    device = property(lambda self: fake_cupy_cuda.Device(0))

    @property
    def data(self) -> _Memory:
        address = self._host.ctypes.data
        _addresses[address] = self
        return _Memory(address)

    @property
    def base(self) -> np.ndarray:
        """Whose memory it is: the same object for all views of one array."""
        root = self._host
        while isinstance(root.base, np.ndarray):
            root = root.base
        return root

    def __getitem__(self, index):
        where = _host(index)
        parts = index if isinstance(index, tuple) else (index,)
        if any(getattr(part, "dtype", None) == np.bool_ for part in parts):
            streams.refuse("indexing with a mask, whose result has as many numbers as are true,")
        return _device(streams.computing([self._host], lambda: self._host[where]))

    def __setitem__(self, index, value):
        where, host = _host(index), _host(value)
        streams.changing([self._host], lambda: self._host.__setitem__(where, host))

    def __len__(self) -> int:
        return len(self._host)

    def __bool__(self) -> bool:
        return bool(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __index__(self) -> int:
        return operator.index(self.item())

    def __repr__(self) -> str:
        return repr(self._host)

    def __deepcopy__(self, memo) -> ndarray:
        return ndarray(np.ascontiguousarray(self._host.copy()))

    def get(self) -> np.ndarray:
        """A copy in the host's memory."""
        streams.refuse("a copy to the host")
        return self._host.copy()

    def item(self):
        streams.refuse("a copy to the host")
        return self._host.item()

    def fill(self, value) -> None:
        streams.changing([self._host], lambda: self._host.fill(value))

    # The protocol by which PyTorch takes an array over without a copy. CuPy's arrays arrive as
    # tensors on the GPU, these as tensors on the CPU, where they are.
    def __dlpack__(self, **options):
        return self._host.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._host.__dlpack_device__()


class _Ufunc:
    """A function of the module that is a ufunc, with `at`."""

    def __init__(self, function: np.ufunc):
        self._function = function

    def __call__(self, *args, **options):
        return _call(self._function, args, options)

    def at(self, array: ndarray, indices, values) -> None:
        where, what = _host(indices), _host(values)
        streams.changing([array._host], lambda: self._function.at(array._host, where, what))


def _call(function, args, options):
    out, options = options.get("out"), _host(options)
    given = [_host(x) for x in args]
    if out is None and isinstance(function, np.ufunc):
        options["order"] = "C"
    if function in _PRODUCTS and streams.capturing():
        raise NotImplementedError(
            "calling cuBLAS API during stream capture is currently unsupported"
        )
    if out is not None or function is np.copyto:
        written = given[0] if out is None else out._host
        streams.changing([written], lambda: function(*given, **options))
        return out
    inputs = [x for each in given for x in (each if isinstance(each, (list, tuple)) else [each])]
    return _device(streams.computing(inputs, lambda: function(*given, **options)))


def _function(name: str):
    function = getattr(np, name)
    if isinstance(function, np.ufunc):
        return _Ufunc(function)
    if name in ("clip", "where", "concatenate"):
        return lambda *args, **options: _call(
            lambda *a, **o: np.ascontiguousarray(function(*a, **o)), args, options)
    if name == "ogrid":
        return _Ogrid()
    return lambda *args, **options: _call(function, args, options)


class _Ogrid:
    def __getitem__(self, index):
        return _device(np.ogrid[index])


def _placed(host: np.ndarray) -> ndarray:
    """A copy where the device's memory begins arrays: at multiples of 256 bytes."""
    copy = empty(host.size, host.dtype)
    if host.flags.c_contiguous or not host.flags.f_contiguous:
        copy = copy.reshape(host.shape)
    else:
        copy = copy.reshape(host.shape[::-1]).T
    copy[...] = host
    return ndarray(copy)


def asarray(x, dtype=None) -> ndarray:
    """The array itself, or a copy of the host's."""
    if isinstance(x, ndarray):
        return x if dtype is None or x.dtype == dtype else x.astype(dtype)
    if not isinstance(x, (bool, int, float)):  # which become arguments of a kernel
        streams.refuse("a copy from the host")
    return _placed(np.asarray(x, dtype))


def array(x, dtype=None) -> ndarray:
    """A copy."""
    if isinstance(x, ndarray):
        return x.copy() if dtype is None else x.astype(dtype)
    streams.refuse("a copy from the host")
    return _placed(np.array(x, dtype))


def asnumpy(x: ndarray) -> np.ndarray:
    return x.get()


def _empty(shape, dtype=float) -> ndarray:
    return ndarray(empty(shape, dtype))


def _empty_like(x: ndarray, dtype=None) -> ndarray:
    """In the memory order of x, as CuPy's."""
    made = _placed(np.empty_like(x._host, dtype))
    made._host.view()[...] = np.frombuffer(b"\xff" * made.itemsize, made.dtype)[0]
    return made


def _pointed_to(args: Sequence[Any]) -> list[np.ndarray]:
    """The arrays whose addresses stand in structures among the arguments."""
    words = [x.tobytes() for x in args if x.dtype.kind == "V"]
    addresses = np.frombuffer(b"".join(word[: len(word) // 8 * 8] for word in words), np.uint64)
    found = {int(a): _addresses.get(int(a)) for a in addresses if a}
    return [array._host for array in found.values() if array is not None]


class RawKernel:
    """A kernel of a `RawModule`, called as kernel(grid, block, arguments)."""

    def __init__(self, module: RawModule, name: str):
        self._module, self.name = module, name
        self.max_dynamic_shared_size_bytes = 48 * 1024

    def compile(self, log_stream=None) -> None:
        self._module.emulated()

    def __call__(self, grid, block, args, *, shared_mem: int = 0) -> None:
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise RuntimeError(
                f"CUDA_ERROR_INVALID_VALUE: {self.name} wants {shared_mem} bytes of dynamic shared "
                "memory; set max_dynamic_shared_size_bytes first"
            )
        module = self._module.emulated()
        given = [self._argument(i, x) for i, x in enumerate(args)]
        pointed = _pointed_to(given)
        try:
            streams.changing(
                [x for x in [*given, *pointed] if x.ndim],
                lambda: module.launch(
                    self.name, grid, block, given, pointed=pointed,
                    shared_bytes=shared_mem, order=order, traffic=traffic is not None,
                ),
            )  # fmt: skip
            if traffic is not None:
                traffic.extend(module.traffic)
        except ValueError as error:
            raise RuntimeError(f"CUDA_ERROR_INVALID_VALUE: {error}") from error

    def _argument(self, number: int, x: Any) -> Any:
        what = f"{self.name}: argument {number}"
        if isinstance(x, ndarray):
            if not x.flags.c_contiguous:
                raise TypeError(f"{what} is not contiguous, and a kernel gets its address only")
            return x._host
        if isinstance(x, np.ndarray) and x.ndim:
            raise TypeError(f"{what} is an array of the host")
        # CuPy passes 8 bytes (and 1 for bool); launch compares that with the parameter's size.
        return np.asarray(x)


class RawModule:
    """Kernels of one text. It is compiled for the CPU at the first launch."""

    def __init__(self, *, code: str, options: Sequence[str] = (), name_expressions=(), **other):
        if other:
            raise TypeError(f"the fake RawModule does not know {sorted(other)}")
        self._code, self._options, self._names = code, options, list(name_expressions)
        self._modules: dict[bool, Module] = {}

    def get_function(self, name: str) -> RawKernel:
        if name not in self._names:
            raise RuntimeError(f"CUDA_ERROR_NOT_FOUND: {name} is not among the name expressions")
        return RawKernel(self, name)

    def emulated(self) -> Module:
        if checked not in self._modules:
            self._modules[checked] = Module(
                self._code, self._names, options=self._options, checked=checked
            )
        return self._modules[checked]


def _module() -> types.ModuleType:
    cupy = types.ModuleType("cupy", __doc__)
    vars(cupy).update({name: _function(name) for name in _FUNCTIONS})
    vars(cupy).update(
        ndarray=ndarray, RawModule=RawModule, RawKernel=RawKernel, cuda=fake_cupy_cuda.module(),
        asarray=asarray, array=array, asnumpy=asnumpy, empty=_empty, empty_like=_empty_like,
        get_default_memory_pool=fake_cupy_cuda.get_default_memory_pool, float32=np.float32,
        float64=np.float64, int64=np.int64, inf=np.inf, newaxis=None, __version__="emulated",
    )  # fmt: skip
    return cupy


@contextlib.contextmanager
def installed(**launches) -> Iterator[types.ModuleType]:
    """Inside the block ``import cupy`` finds the fake, and "cuda" is a device.

    Args:
        checked, order: of the launches of kernels, as in `Module`; not checked and forward.
        traffic: a list to which every launch adds its counts; needs `checked`.

    Raises:
        EmulatorError: a real CuPy has been imported already, and it has a GPU. One without a GPU
            holds no arrays: it is replaced inside the block.
    """
    names = ("cupy", "cupy.cuda")
    before: dict[str, Any] = {name: sys.modules[name] for name in names if name in sys.modules}
    made = before.get("cupy")
    if made is None or made.__doc__ is not __doc__:
        if made is not None and _has_gpu(made):
            raise EmulatorError("the real CuPy has been imported, and a GPU is there: use that")
        made = _module()
    settings = {"checked": False, "order": "forward", "traffic": None, **launches}
    kept = {name: globals()[name] for name in settings}
    globals().update(settings)
    # Nothing ahead: the host's compiler is slow, and a test launches a few kernels of a hundred.
    ahead = source.ahead
    workers, ahead.workers = ahead.workers, 0
    sys.modules["cupy"], sys.modules["cupy.cuda"] = made, vars(made)["cuda"]
    try:
        yield made
    finally:
        globals().update(kept)
        ahead.workers = workers
        del sys.modules["cupy"], sys.modules["cupy.cuda"]
        sys.modules.update(before)


def _has_gpu(cupy: types.ModuleType) -> bool:
    try:
        return cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        return False
