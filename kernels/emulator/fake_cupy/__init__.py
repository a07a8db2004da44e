"""A fake CuPy: its arrays lie in the memory of the CPU, its kernels run in the emulator.

    with fake_cupy.installed(checked=True):
        import cupy                    # is this module's
        x = cupy.asarray(np.ones(3))

It follows CuPy 14.2 in what it accepts, refuses and returns; CUPY.md, beside this folder, lists
its names and rules. What it has not got raises an AttributeError.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...cuda import source
from ..build import EmulatorError
from ..module import Module, Traffic
from . import cuda, device, memory, streams
from . import operators as operators  # which gives arrays theirs
from .arrays import ndarray
from .creation import array as array
from .functions import FUNCTIONS, ufunc
from .raw import RawKernel, RawModule, forget_attributes

# How kernels run; `installed` sets them.
checked = False
order = "forward"
traffic: list[Traffic] | None = None  # where counts go; None: nothing is counted
module_type: type[Module] = Module

_DTYPES = (
    "bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
    "float32", "float64", "complex64", "complex128", "intp", "dtype", "finfo", "iinfo", "generic",
    "integer", "floating", "number", "inexact", "issubdtype", "inf", "nan", "pi", "e",
)  # fmt: skip


def _module() -> types.ModuleType:
    cupy = types.ModuleType("cupy", __doc__)
    vars(cupy).update({name: getattr(np, name) for name in _DTYPES})
    vars(cupy).update(FUNCTIONS)
    vars(cupy).update(
        ndarray=ndarray, ufunc=ufunc, RawModule=RawModule, RawKernel=RawKernel,
        cuda=cuda.module(), get_default_memory_pool=memory.get_default_memory_pool, newaxis=None,
        __version__="emulated",
    )  # fmt: skip
    return cupy


@contextlib.contextmanager
def installed(
    *, devices: int = 1, compute_capability: tuple[int, int] = (8, 0),
    shared_memory: int | None = None, **launches: Any,
) -> Iterator[types.ModuleType]:  # fmt: skip
    """Inside the block ``import cupy`` finds the fake, and "cuda" is a device.

    Args:
        devices: how many GPUs there are, alike and without access to each other's memory.
        compute_capability, shared_memory: of each, as in `device.Machine`.
        checked, order: of the launches of kernels, as in `Module`; not checked and forward.
        traffic: a list to which every launch adds its counts; needs `checked`.
        module_type: what texts become; not a `Module` but, say, one that runs their PTX.

    Raises:
        EmulatorError: a real CuPy has been imported already, and it has a GPU. One without a GPU
            holds no arrays: it is replaced inside the block.
    """
    machine = device.Machine(devices, compute_capability, shared_memory)
    before = {name: sys.modules[name] for name in list(sys.modules) if _is_cupy(name)}
    made = before.get("cupy")
    if made is None or made.__doc__ is not __doc__:
        if made is not None and _has_gpu(made):
            raise EmulatorError("the real CuPy has been imported, and a GPU is there: use that")
        made = _module()
        forget_attributes()
        source.forget()
        memory.forget_allocators()
        streams.forget()
        device.set_device(0)
    settings = {
        "checked": False, "order": "forward", "traffic": None, "module_type": Module, **launches
    }  # fmt: skip
    kept = {name: globals()[name] for name in settings}
    globals().update(settings)
    kept_machine, device.machine = device.machine, machine
    # Nothing ahead: the host's compiler is slow, and a test launches a few kernels of a hundred.
    ahead = source.ahead
    workers, ahead.workers = ahead.workers, 0
    _replace({"cupy": made, "cupy.cuda": made.cuda})
    try:
        yield made
    finally:
        globals().update(kept)
        device.machine = kept_machine
        ahead.workers = workers
        _replace(before)


def _is_cupy(name: str) -> bool:
    return name == "cupy" or name.startswith("cupy.")


def _replace(modules: dict[str, types.ModuleType]) -> None:
    for name in list(sys.modules):
        if _is_cupy(name):
            del sys.modules[name]
    sys.modules.update(modules)


def _has_gpu(cupy: types.ModuleType) -> bool:
    try:
        return cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        return False
