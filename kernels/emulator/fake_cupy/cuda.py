"""The module `cupy.cuda`."""

from __future__ import annotations

import types
from typing import Any

from . import captures, device, memory, streams
from .errors import CUDADriverError, CUDARuntimeError


def _device_synchronize() -> None:
    streams.synchronize_device(device.get_device())


def _module(name: str, **content: Any) -> types.ModuleType:
    made = types.ModuleType(f"cupy.cuda.{name}", __doc__)
    vars(made).update(content)
    return made


def module() -> types.ModuleType:
    """A new `cupy.cuda`, with its modules."""
    cuda = types.ModuleType("cupy.cuda", __doc__)
    vars(cuda).update(
        runtime=_module(
            "runtime", CUDARuntimeError=CUDARuntimeError, getDevice=device.get_device,
            setDevice=device.set_device, getDeviceCount=lambda: device.machine.devices,
            getDeviceProperties=device.get_device_properties,
            memGetInfo=lambda: memory.info(device.get_device()),
            deviceSynchronize=_device_synchronize, driverGetVersion=lambda: 12040,
            runtimeGetVersion=lambda: 12080, streamLegacy=1, streamPerThread=2, streamDefault=0,
            streamNonBlocking=1, streamCaptureModeGlobal=captures.GLOBAL,
            streamCaptureModeThreadLocal=captures.THREAD_LOCAL,
            streamCaptureModeRelaxed=captures.RELAXED,
        ),
        driver=_module("driver", CUDADriverError=CUDADriverError),
        memory=_module(
            "memory", OutOfMemoryError=memory.OutOfMemoryError, BaseMemory=memory.BaseMemory,
            Memory=memory.Memory, MemoryPointer=memory.MemoryPointer,
            MemoryPool=memory.MemoryPool, PooledMemory=memory.PooledMemory,
            UnownedMemory=memory.UnownedMemory, alloc=memory.alloc,
            get_allocator=memory.get_allocator, set_allocator=memory.set_allocator,
        ),
        stream=_module(
            "stream", Event=streams.Event, Stream=streams.Stream,
            get_current_stream=streams.get_current_stream,
            get_elapsed_time=streams.get_elapsed_time,
        ),
        device=_module(
            "device", Device=device.Device, get_device_id=device.get_device,
            get_compute_capability=lambda: device.Device().compute_capability,
        ),
        graph=_module("graph", Graph=streams.Graph),
        is_available=lambda: device.machine.devices > 0, using_allocator=memory.using_allocator,
        Device=device.Device, get_device_id=device.get_device, Event=streams.Event,
        Stream=streams.Stream, Graph=streams.Graph, get_elapsed_time=streams.get_elapsed_time,
        get_current_stream=streams.get_current_stream, alloc=memory.alloc,
        BaseMemory=memory.BaseMemory, Memory=memory.Memory, UnownedMemory=memory.UnownedMemory,
        MemoryPointer=memory.MemoryPointer, MemoryPool=memory.MemoryPool,
        set_allocator=memory.set_allocator, get_allocator=memory.get_allocator,
    )  # fmt: skip
    return cuda
