"""The emulated GPUs: which there are, what they can do, and which one a thread works on."""

from __future__ import annotations

import threading
from typing import Any

from .errors import CUDARuntimeError

TOTAL_BYTES = 2**31

# Kilobytes of shared memory that a block can ask for, threads and blocks of a multiprocessor.
LIMITS = {
    (8, 0): (163, 2048, 32), (8, 6): (99, 1536, 16), (8, 7): (163, 1536, 16),
    (8, 9): (99, 1536, 24), (9, 0): (227, 2048, 32), (10, 0): (227, 2048, 32),
    (10, 3): (227, 2048, 32), (12, 0): (99, 1536, 24), (12, 1): (99, 1536, 24),
}  # fmt: skip


class Machine:
    """The GPUs of a machine, which are all alike.

    Args:
        devices: how many there are.
        compute_capability: of each.
        shared_memory: the most bytes of dynamic shared memory that a kernel can ask for; None:
            what a GPU of this compute capability has.

    Raises:
        ValueError: no devices, or an unknown compute capability.
    """

    def __init__(
        self, devices: int = 1, compute_capability: tuple[int, int] = (8, 0),
        shared_memory: int | None = None,
    ):  # fmt: skip
        if devices < 1:
            raise ValueError(f"devices must be at least 1, got {devices}")
        if tuple(compute_capability) not in LIMITS:
            known = ", ".join(f"{major}.{minor}" for major, minor in LIMITS)
            raise ValueError(f"compute_capability must be one of {known}, got {compute_capability}")
        self.devices = devices
        self.major, self.minor = compute_capability
        kilobytes, self.threads, self.blocks = LIMITS[self.major, self.minor]
        self.shared_memory = 1024 * kilobytes if shared_memory is None else shared_memory


machine = Machine()
_local = threading.local()


def get_device() -> int:
    """The number of the thread's current device."""
    number = getattr(_local, "device", 0)
    return number if number < machine.devices else 0


def _check(number: int) -> None:
    if not 0 <= number < machine.devices:
        raise CUDARuntimeError(101, f"device {number} of {machine.devices}")


def set_device(device: int) -> None:
    """Makes a device the thread's current one."""
    _check(device)
    _local.device = device


def check_resident(device: int) -> None:
    """Raises CuPy's ValueError unless memory of this device can be used by the current one."""
    if device != get_device():
        raise ValueError(
            f"The device where the array resides ({device}) is different from the current device "
            f"({get_device()}). Peer access is unavailable between these devices."
        )


class Device:
    """As `cupy.cuda.Device`."""

    def __init__(self, device: Any = None):
        self.id = get_device() if device is None else int(device)

    def __int__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def __enter__(self) -> Device:
        _stack().append(get_device())
        set_device(self.id)
        return self

    def __exit__(self, *args) -> None:
        set_device(_stack().pop())

    def use(self) -> Device:
        set_device(self.id)
        return self

    def synchronize(self) -> None:
        from . import streams

        _check(self.id)
        streams.synchronize_device(self.id)

    @property
    def compute_capability(self) -> str:
        _check(self.id)
        return f"{machine.major}{machine.minor}"

    @property
    def attributes(self) -> dict[str, int]:
        """A few of those that CuPy has, by the same names."""
        known = get_device_properties(self.id)
        names = {
            "ComputeCapabilityMajor": "major", "ComputeCapabilityMinor": "minor",
            "L2CacheSize": "l2CacheSize", "MaxBlocksPerMultiprocessor":
            "maxBlocksPerMultiProcessor", "MaxSharedMemoryPerBlock": "sharedMemPerBlock",
            "MaxSharedMemoryPerBlockOptin": "sharedMemPerBlockOptin",
            "MaxSharedMemoryPerMultiprocessor": "sharedMemPerMultiprocessor",
            "MaxThreadsPerBlock": "maxThreadsPerBlock",
            "MaxThreadsPerMultiProcessor": "maxThreadsPerMultiProcessor",
            "MultiProcessorCount": "multiProcessorCount", "WarpSize": "warpSize",
        }  # fmt: skip
        return {name: known[own] for name, own in names.items()}

    @property
    def mem_info(self) -> tuple[int, int]:
        from . import memory

        _check(self.id)
        return memory.info(self.id)

    def __eq__(self, value: object) -> bool:
        return isinstance(value, Device) and self.id == value.id

    # CuPy's Device defines comparisons and no __hash__: so it has none.
    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, value: Device) -> bool:
        return self.id < value.id if isinstance(value, Device) else NotImplemented

    def __le__(self, value: Device) -> bool:
        return self.id <= value.id if isinstance(value, Device) else NotImplemented

    def __gt__(self, value: Device) -> bool:
        return self.id > value.id if isinstance(value, Device) else NotImplemented

    def __ge__(self, value: Device) -> bool:
        return self.id >= value.id if isinstance(value, Device) else NotImplemented


def _stack() -> list[int]:
    if not hasattr(_local, "stack"):
        _local.stack = []
    return _local.stack


def get_device_properties(device: int) -> dict[str, Any]:
    """A part of the dictionary that CuPy's `getDeviceProperties` returns, of the same types. The
    emulated GPU is small enough to be kept busy."""
    _check(device)
    return {
        "name": b"emulated GPU", "major": machine.major, "minor": machine.minor,
        "multiProcessorCount": 2, "totalGlobalMem": TOTAL_BYTES, "l2CacheSize": 2**20,
        "warpSize": 32, "maxThreadsPerBlock": 1024, "maxThreadsDim": (1024, 1024, 64),
        "maxGridSize": (2**31 - 1, 65535, 65535), "maxThreadsPerMultiProcessor": machine.threads,
        "maxBlocksPerMultiProcessor": machine.blocks, "regsPerBlock": 65536,
        "regsPerMultiprocessor": 65536, "totalConstMem": 65536, "sharedMemPerBlock": 48 * 1024,
        "sharedMemPerBlockOptin": machine.shared_memory, "reservedSharedMemPerBlock": 1024,
        "sharedMemPerMultiprocessor": machine.shared_memory + 1024, "concurrentKernels": 1,
        "unifiedAddressing": 1, "integrated": 0, "pciBusID": device, "pciDeviceID": 0,
        "pciDomainID": 0,
    }  # fmt: skip
