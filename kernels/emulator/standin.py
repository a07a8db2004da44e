"""A stand-in for CuPy: its arrays lie in the memory of the CPU, its kernels run in the emulator.

    with standin.installed(checked=True):
        import cupy                    # is this module's
        x = cupy.asarray(np.ones(3))

Only what tinygan uses is here. Where CuPy refuses something, so does this: arrays of the host among
those of the device, implicit conversions to NumPy, strided arrays and Python numbers as arguments
of kernels, launches that no GPU takes, shared memory above 48 KiB that was not asked for.
"""

from __future__ import annotations

import contextlib
import sys
import time
import types
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tinygan.kernels.emulator.build import EmulatorError
from tinygan.kernels.emulator.module import Module, Traffic, empty

# How kernels run; `installed` sets them.
checked = False
order = "forward"
traffic: list[Traffic] | None = None  # where counts go; None: nothing is counted

# Methods and functions of NumPy that CuPy has, too, and tinygan calls.
_METHODS = (
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumsum", "max", "mean",
    "min", "nonzero", "prod", "ravel", "repeat", "reshape", "round", "squeeze", "std", "sum",
    "swapaxes", "take", "tolist", "transpose", "var", "view",
)  # fmt: skip
_FUNCTIONS = (
    "abs", "add", "all", "amax", "amin", "any", "arange", "argmax", "argmin", "argsort",
    "ascontiguousarray", "broadcast_to", "clip", "concatenate", "copyto", "cos", "einsum", "equal",
    "exp", "expand_dims", "eye", "flip", "greater", "greater_equal", "isfinite", "less",
    "less_equal", "log", "log1p", "logaddexp", "matmul", "maximum", "mean", "minimum", "moveaxis",
    "multiply", "nonzero", "not_equal", "ogrid", "ones", "ones_like", "pad", "roll", "sign", "sin",
    "sqrt", "square", "stack", "sum", "take", "take_along_axis", "tanh", "tensordot", "tile",
    "transpose", "where", "zeros", "zeros_like",
)  # fmt: skip


def _host(x: Any) -> Any:
    """What NumPy computes with; arrays of the host are refused, as CuPy does."""
    if isinstance(x, ndarray):
        return x._host
    if isinstance(x, np.ndarray) and x.ndim:
        raise TypeError(f"Unsupported type {type(x)}: an array of the host among those of a device")
    if isinstance(x, (tuple, list)):
        return type(x)(_host(item) for item in x)
    return x


def _device(result: Any) -> Any:
    """NumPy's result as the device's; CuPy returns arrays of no dimensions, never scalars."""
    if isinstance(result, (tuple, list)):
        return type(result)(_device(item) for item in result)
    if isinstance(result, (np.ndarray, np.generic)):
        return ndarray(np.asarray(result))
    return result


class ndarray(NDArrayOperatorsMixin):
    """As `cupy.ndarray`."""

    __array_priority__ = 100

    def __init__(self, host: np.ndarray):
        self._host = host

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if out is not None:
            options["out"] = tuple(_host(x) for x in out)
        result = getattr(ufunc, method)(*(_host(x) for x in inputs), **options)
        return out[0] if out is not None else _device(result)

    def __array__(self, *args, **options):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()`."
        )

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            method = getattr(self._host, name)
            return lambda *args, **options: _device(
                method(*_host(args), **{key: _host(value) for key, value in options.items()})
            )
        raise AttributeError(f"the stand-in for cupy.ndarray has no {name!r}")

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    T = property(lambda self: ndarray(self._host.T))
    device = property(lambda self: Device(0))

    @property
    def base(self) -> np.ndarray:
        """Whose memory it is: the same object for all views of one array."""
        root = self._host
        while isinstance(root.base, np.ndarray):
            root = root.base
        return root

    def __getitem__(self, index):
        return _device(self._host[_host(index)])

    def __setitem__(self, index, value):
        self._host[_host(index)] = _host(value)

    def __len__(self) -> int:
        return len(self._host)

    def __bool__(self) -> bool:
        return bool(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __index__(self) -> int:
        return self._host.__index__()

    def __repr__(self) -> str:
        return repr(self._host)

    def get(self) -> np.ndarray:
        """A copy in the host's memory."""
        return self._host.copy()

    def item(self):
        return self._host.item()

    def fill(self, value) -> None:
        self._host.fill(value)

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
        self._function.at(array._host, _host(indices), _host(values))


def _call(function, args, options):
    out = options.get("out")
    options = {key: _host(value) for key, value in options.items()}
    result = function(*(_host(x) for x in args), **options)
    return out if out is not None else _device(result)


def _function(name: str):
    function = getattr(np, name)
    if isinstance(function, np.ufunc):
        return _Ufunc(function)
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
        return x if dtype is None or x.dtype == dtype else _placed(x._host.astype(dtype))
    return _placed(np.asarray(x, dtype))


def array(x, dtype=None) -> ndarray:
    """A copy."""
    return _placed(np.array(x._host if isinstance(x, ndarray) else x, dtype))


def asnumpy(x: ndarray) -> np.ndarray:
    return x.get()


def _empty(shape, dtype=float) -> ndarray:
    return ndarray(empty(shape, dtype))


def _empty_like(x: ndarray, dtype=None) -> ndarray:
    """In the memory order of x, as CuPy's."""
    made = _placed(np.empty_like(x._host, dtype))
    made._host.view()[...] = np.frombuffer(b"\xff" * made.itemsize, made.dtype)[0]
    return made


class Device:
    """The one device."""

    def __init__(self, index: int = 0):
        if index != 0:
            raise RuntimeError(f"cudaErrorInvalidDevice: {index}")
        self.id = index

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        pass

    def __eq__(self, other) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def synchronize(self) -> None:
        pass


class Event:
    """A place in the one stream; the time is the host's. All work is done when it is launched, but
    like that of a GPU it counts as done only once somebody has waited for it."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        if interprocess and not disable_timing:
            raise ValueError("Timing must be disabled for interprocess events")
        self._has_time, self._recorded, self._done = not disable_timing, 0.0, True

    def record(self, stream=None) -> None:
        if stream is not None:
            raise TypeError("the stand-in for cupy.cuda.Event knows the current stream only")
        self._recorded, self._done = time.perf_counter(), False
        _waiting.append(self)

    def synchronize(self) -> None:
        """Everything before this event has happened, too."""
        while not self._done:
            _waiting.pop(0)._done = True

    @property
    def done(self) -> bool:
        return self._done


_waiting: list[Event] = []  # recorded, in this order, and not waited for


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Milliseconds."""
    events = (start_event, end_event)
    if not all(event._has_time and event._recorded for event in events):
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
    if not all(event._done for event in events):
        raise CUDARuntimeError("cudaErrorNotReady: device not ready")
    return 1000 * (end_event._recorded - start_event._recorded)


def _properties(device: int) -> dict[str, Any]:
    """Of an emulated GPU, small enough to be kept busy."""
    return {
        "name": b"emulated GPU", "multiProcessorCount": 2, "major": 8, "minor": 0,
        "totalGlobalMem": 2**30, "l2CacheSize": 2**20, "maxThreadsPerMultiProcessor": 2048,
        "warpSize": 32,
    }  # fmt: skip


class RawKernel:
    """A kernel of a `RawModule`, called as kernel(grid, block, arguments)."""

    def __init__(self, module: RawModule, name: str):
        self._module, self.name = module, name
        self.max_dynamic_shared_size_bytes = 48 * 1024

    def __call__(self, grid, block, args, *, shared_mem: int = 0) -> None:
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise RuntimeError(
                f"CUDA_ERROR_INVALID_VALUE: {self.name} wants {shared_mem} bytes of dynamic shared "
                "memory; set max_dynamic_shared_size_bytes first"
            )
        module = self._module.emulated()
        try:
            module.launch(
                self.name, grid, block, [self._argument(i, x) for i, x in enumerate(args)],
                shared_bytes=shared_mem, order=order, traffic=traffic is not None,
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
            raise TypeError(f"the stand-in for RawModule does not know {sorted(other)}")
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


class CUDARuntimeError(RuntimeError):
    """As `cupy.cuda.runtime.CUDARuntimeError`."""


def _module() -> types.ModuleType:
    runtime, cuda, cupy = (
        types.ModuleType(name, __doc__) for name in ("cupy.cuda.runtime", "cupy.cuda", "cupy")
    )
    vars(runtime).update(
        getDeviceCount=lambda: 1, CUDARuntimeError=CUDARuntimeError,
        getDeviceProperties=_properties, driverGetVersion=lambda: 0, runtimeGetVersion=lambda: 0,
    )  # fmt: skip
    vars(cuda).update(
        Device=Device, Event=Event, get_elapsed_time=get_elapsed_time, runtime=runtime
    )
    vars(cupy).update({name: _function(name) for name in _FUNCTIONS})
    vars(cupy).update(
        ndarray=ndarray, RawModule=RawModule, RawKernel=RawKernel, cuda=cuda, asarray=asarray,
        array=array, asnumpy=asnumpy, empty=_empty, empty_like=_empty_like, float32=np.float32,
        float64=np.float64, int64=np.int64, inf=np.inf, newaxis=None, __version__="emulated",
    )  # fmt: skip
    return cupy


@contextlib.contextmanager
def installed(**launches) -> Iterator[types.ModuleType]:
    """Inside the block ``import cupy`` finds the stand-in, and "cuda" is a device.

    Args:
        checked, order: of the launches of kernels, as in `Module`; not checked and forward.
        traffic: a list to which every launch adds its counts; needs `checked`.

    Raises:
        EmulatorError: a real CuPy has been imported already.
    """
    before = sys.modules.get("cupy")
    if before is not None and before.__doc__ is not __doc__:
        raise EmulatorError("the real CuPy has been imported; the stand-in cannot replace it")
    settings = {"checked": False, "order": "forward", "traffic": None, **launches}
    kept = {name: globals()[name] for name in settings}
    globals().update(settings)
    made = before or _module()
    sys.modules.update({"cupy": made, "cupy.cuda": vars(made)["cuda"]})
    try:
        yield made
    finally:
        globals().update(kept)
        if before is None:
            del sys.modules["cupy"], sys.modules["cupy.cuda"]
