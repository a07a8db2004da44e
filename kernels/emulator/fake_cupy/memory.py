"""Memory of the emulated GPUs: blocks of the host's, counted as CuPy's pools count them."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..module import empty
from . import device
from .captures import check_unsafe
from .device import Device

_UNIT = 512  # a pool's blocks are multiples of it


class OutOfMemoryError(MemoryError):
    """As `cupy.cuda.memory.OutOfMemoryError`."""

    def __init__(self, size: int, total: int, limit: int = 0):
        if limit:
            text = f"(allocated so far: {total:,} bytes, limit set to: {limit:,} bytes)."
        else:
            text = f"(allocated so far: {total:,} bytes)."
        super().__init__(f"Out of memory allocating {size:,} bytes {text}")


class BaseMemory:
    """As `cupy.cuda.BaseMemory`; `content` are the bytes."""

    def __init__(self, content: np.ndarray, device_id: int):
        self.content, self.size, self.device_id = content, content.size, device_id
        self.ptr = content.ctypes.data if content.size else 0
        if self.ptr:
            with _lock:
                _blocks.setdefault(self.ptr, self)

    def __int__(self) -> int:
        return self.ptr

    @property
    def device(self) -> Device:
        return Device(self.device_id)


def _afterwards(owner: Any, call: Callable[[int], None], size: int) -> None:
    """Calls when `owner` is gone, except where Python ends."""
    weakref.finalize(owner, call, size).atexit = False


class Memory(BaseMemory):
    """As `cupy.cuda.Memory`: of the current device, in no pool."""

    def __init__(self, size: int):
        if size:
            check_unsafe("cudaMalloc")
        super().__init__(empty(size, np.uint8), device.get_device())
        _counts[self.device_id].add(size)
        _afterwards(self, _counts[self.device_id].add, -size)


class PooledMemory(BaseMemory):
    """As `cupy.cuda.memory.PooledMemory`: goes back to its pool when nothing uses it."""

    def __init__(self, size: int, pool: _DevicePool):
        super().__init__(empty(size, np.uint8), pool.device_id)
        self._pool = pool  # which lives as long
        pool.used.add(_rounded(size))
        _afterwards(self, pool.used.add, -_rounded(size))


class UnownedMemory(BaseMemory):
    """As `cupy.cuda.UnownedMemory`: somebody else's bytes, whose owner is kept alive."""

    def __init__(self, ptr: int, size: int, owner: Any, device_id: int = -1):
        self._owner = owner
        bytes_ = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(ptr))
        super().__init__(bytes_, device.get_device() if device_id < 0 else device_id)


class MemoryPointer:
    """As `cupy.cuda.MemoryPointer`: a place in a block of memory."""

    def __init__(self, mem: BaseMemory, offset: int):
        self.mem, self.ptr, self.device_id = mem, mem.ptr + offset, mem.device_id

    def __int__(self) -> int:
        return self.ptr

    def __repr__(self) -> str:
        return f"<MemoryPointer {self.ptr:#x} device={self.device_id} mem={self.mem!r}>"

    @property
    def device(self) -> Device:
        return Device(self.device_id)

    def __add__(self, offset: int) -> MemoryPointer:
        return MemoryPointer(self.mem, self.ptr - self.mem.ptr + offset)

    def __sub__(self, offset: int) -> MemoryPointer:
        return self + -offset


_lock = threading.RLock()
# {address: the block that begins there}
_blocks: weakref.WeakValueDictionary[int, BaseMemory] = weakref.WeakValueDictionary()


def blocks_at(addresses: np.ndarray) -> list[BaseMemory]:
    """The blocks that hold these addresses; one that no block holds is left out."""
    with _lock:
        blocks = sorted(_blocks.items())
    begins = np.array([begin for begin, _ in blocks], np.uint64)
    found = {}
    for address in np.unique(addresses):
        place = int(np.searchsorted(begins, address, "right")) - 1
        if place >= 0 and int(address) - blocks[place][0] < blocks[place][1].size:
            found[blocks[place][0]] = blocks[place][1]
    return list(found.values())


class _Count:
    """A number that threads add to, also from where garbage is collected."""

    def __init__(self) -> None:
        self.value, self._lock = 0, threading.RLock()

    def add(self, size: int) -> None:
        with self._lock:
            self.value += size


class _Counts(dict[int, _Count]):
    def __missing__(self, number: int) -> _Count:
        return self.setdefault(number, _Count())


# {device: bytes taken from the driver, by pools and by `Memory`}
_counts = _Counts()


def info(number: int) -> tuple[int, int]:
    """Free and total bytes of a device, as the driver sees them."""
    return device.TOTAL_BYTES - _counts[number].value, device.TOTAL_BYTES


def _rounded(size: int) -> int:
    return -(-size // _UNIT) * _UNIT


class _Taken:
    """How much a pool has taken from the driver."""

    def __init__(self, count: _Count):
        self.size, self._count = 0, count

    def set(self, size: int) -> None:
        self._count.add(size - self.size)
        self.size = size


class _DevicePool:
    """A pool's part on one device. It is as if no block were ever too small or split badly: what
    was taken from the driver is the most that was in use at once since `free_all_blocks`."""

    def __init__(self, device_id: int):
        self.device_id, self.limit, self.used = device_id, 0, _Count()
        self._taken = _Taken(_counts[device_id])
        _afterwards(self, self._taken.set, 0)

    @property
    def total(self) -> int:
        return self._taken.size

    def malloc(self, size: int) -> BaseMemory:
        wanted = _rounded(size)
        if self._lacks(wanted):
            gc.collect()
        if self._lacks(wanted):
            raise OutOfMemoryError(wanted, self.total, self.limit)
        more = self.used.value + wanted - self.total
        if more > 0:
            check_unsafe("cudaMalloc")
            self._taken.set(self.total + more)
        return PooledMemory(size, self)

    def _lacks(self, wanted: int) -> bool:
        after = self.used.value + wanted
        free = info(self.device_id)[0]
        return bool(self.limit and after > self.limit) or after - self.total > free

    def free_all_blocks(self) -> None:
        self._taken.set(self.used.value)


class MemoryPool:
    """As `cupy.cuda.MemoryPool`, with a pool for each device."""

    def __init__(self, allocator: Callable[[int], MemoryPointer] | None = None):
        if allocator is not None:
            raise NotImplementedError("the emulated MemoryPool takes its memory from the device")
        self._pools: dict[int, _DevicePool] = {}

    def _pool(self) -> _DevicePool:
        number = device.get_device()
        if number not in self._pools:
            self._pools[number] = _DevicePool(number)
        return self._pools[number]

    def malloc(self, size: int) -> MemoryPointer:
        """Memory of the current device.

        Raises:
            OutOfMemoryError: more than the pool's limit, or than there is.
        """
        return MemoryPointer(self._pool().malloc(size) if size else Memory(0), 0)

    def free_all_blocks(self, stream: Any = None) -> None:
        self._pool().free_all_blocks()

    def n_free_blocks(self) -> int:
        return int(self.free_bytes() > 0)

    def used_bytes(self) -> int:
        return self._pool().used.value

    def free_bytes(self) -> int:
        return self._pool().total - self._pool().used.value

    def total_bytes(self) -> int:
        return self._pool().total

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        if size is not None and fraction is not None:
            raise ValueError("size and fraction cannot be specified at one time")
        if fraction is not None and not 0 <= fraction <= 1:
            raise ValueError(f"memory limit fraction out of range: {fraction}")
        if size is not None and size < 0:
            raise ValueError(f"memory limit size out of range: {size}")
        share = int((fraction or 0) * device.TOTAL_BYTES)
        self._pool().limit = share if size is None else size

    def get_limit(self) -> int:
        return self._pool().limit


_default_pool = MemoryPool()
_local = threading.local()


def get_default_memory_pool() -> MemoryPool:
    return _default_pool


def _malloc(size: int) -> MemoryPointer:
    return MemoryPointer(Memory(size), 0)


_allocator: Callable[[int], Any] = _default_pool.malloc


def forget_allocators() -> None:
    """Those that were set, as in a new process."""
    global _allocator
    _allocator, _local.allocator = _default_pool.malloc, None


def alloc(size: int) -> Any:
    """As `cupy.cuda.alloc`: from the current allocator."""
    return get_allocator()(size)


def get_allocator() -> Callable[[int], Any]:
    return getattr(_local, "allocator", None) or _allocator


def set_allocator(allocator: Callable[[int], Any] | None = None) -> None:
    """For all threads; None: memory straight from the device."""
    global _allocator
    if getattr(_local, "allocator", None) is not None:
        raise ValueError(
            "Can't change the global allocator inside `using_allocator` context manager"
        )
    _allocator = _malloc if allocator is None else allocator


@contextlib.contextmanager
def using_allocator(allocator: Callable[[int], Any] | None = None) -> Iterator[None]:
    """For this thread, inside the block."""
    before = getattr(_local, "allocator", None)
    _local.allocator = _malloc if allocator is None else allocator
    try:
        yield
    finally:
        _local.allocator = before
