"""The fake `cupy.cuda`: the one device, its memory, and where it says no."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import Any

from . import streams


class Device:
    """The one device."""

    def __init__(self, index: int = 0):
        if index != 0:
            raise RuntimeError(f"cudaErrorInvalidDevice: {index}")
        self.id = index

    @property
    def compute_capability(self) -> str:
        return "80"

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        pass

    def __eq__(self, other) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def synchronize(self) -> None:
        pass


def _properties(device: int) -> dict[str, Any]:
    """Of an emulated GPU, small enough to be kept busy."""
    return {
        "name": b"emulated GPU", "multiProcessorCount": 2, "major": 8, "minor": 0,
        "totalGlobalMem": 2**30, "l2CacheSize": 2**20, "maxThreadsPerMultiProcessor": 2048,
        "warpSize": 32, "sharedMemPerBlockOptin": 163 * 1024,
    }  # fmt: skip


class MemoryPool:
    """As `cupy.cuda.MemoryPool`; memory comes from NumPy all the same."""

    def malloc(self, size: int) -> None:
        raise NotImplementedError("the fake CuPy has no memory of its own")


class OutOfMemoryError(MemoryError):
    """As `cupy.cuda.memory.OutOfMemoryError`."""


_pool = MemoryPool()
_allocators: list[Any] = [_pool.malloc]


def get_default_memory_pool() -> MemoryPool:
    return _pool


def set_allocator(allocator: Any) -> None:
    _allocators[0] = allocator


@contextlib.contextmanager
def using_allocator(allocator: Any) -> Iterator[None]:
    _allocators.append(allocator)
    try:
        yield
    finally:
        _allocators.pop()


def module() -> types.ModuleType:
    """A new `cupy.cuda`."""
    cuda = types.ModuleType("cupy.cuda", __doc__)
    runtime = types.ModuleType("cupy.cuda.runtime", __doc__)
    memory = types.ModuleType("cupy.cuda.memory", __doc__)
    vars(memory).update(OutOfMemoryError=OutOfMemoryError)
    vars(runtime).update(
        getDeviceCount=lambda: 1, getDevice=lambda: 0, CUDARuntimeError=streams.CUDARuntimeError,
        memGetInfo=lambda: (2**30, 2**31), getDeviceProperties=_properties,
        driverGetVersion=lambda: 12040, runtimeGetVersion=lambda: 12080,
    )  # fmt: skip
    vars(cuda).update(
        Device=Device, runtime=runtime, Event=streams.Event, Stream=streams.Stream,
        get_elapsed_time=streams.get_elapsed_time, get_current_stream=streams.get_current_stream,
        MemoryPool=MemoryPool, using_allocator=using_allocator, set_allocator=set_allocator,
        get_allocator=lambda: _allocators[-1], memory=memory,
    )  # fmt: skip
    return cuda
