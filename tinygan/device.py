"""Where arrays live: the array library of an array, moves between devices, random numbers.

This file and the kernels are the only places that know there is more than one device.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from tinygan.kernels import recording
from tinygan.kernels.cuda_device import count_devices
from tinygan.kernels.memory import explain_lack_of_memory

Array = Any  # a numpy.ndarray or, on a GPU, a cupy.ndarray


def array_module(array: Array):
    """The library an array belongs to: ``numpy``, or ``cupy`` for an array on a GPU."""
    if isinstance(array, (np.ndarray, np.generic)):
        return np
    import cupy

    return cupy


def device_of(array: Array) -> str:
    """``"cpu"``, or ``"cuda:<index>"`` for a CuPy array."""
    if isinstance(array, (np.ndarray, np.generic)):
        return "cpu"
    return f"cuda:{array.device.id}"


def check_device(device: str | None) -> str:
    """The full name of a device, ``"cpu"`` or ``"cuda:<index>"``; None means ``"cpu"``.

    Raises:
        ValueError: the name is neither ``"cpu"``, ``"cuda"`` nor ``"cuda:<index>"``.
        RuntimeError: a CUDA device is named, but CuPy or the GPU is missing.
    """
    if device is None or device == "cpu":
        return "cpu"
    if not isinstance(device, str) or not _is_cuda_name(device):
        raise ValueError(f"device must be 'cpu', 'cuda' or 'cuda:<index>', got {device!r}")
    count = count_devices(device)
    index = int(device[5:]) if ":" in device else 0
    if index >= count:
        raise RuntimeError(f"device {device!r}: this machine has {count} CUDA device(s)")
    explain_lack_of_memory()
    return f"cuda:{index}"


def _is_cuda_name(device: str) -> bool:
    return device == "cuda" or (device.startswith("cuda:") and device[5:].isdigit())


def to_device(array: Array, device: str | None) -> Array:
    """The array on `device`: itself when it is there already, else a copy."""
    device = check_device(device)
    if device_of(array) == device:
        return array
    if device == "cpu":
        return array.get()
    if recording.capturing():
        recording.refuse("a copy from the host to the GPU")
    import cupy

    with cupy.cuda.Device(int(device[5:])):
        return cupy.asarray(array)


def full(shape: tuple[int, ...], value, dtype, device: str | None) -> Array:
    """An array of one value, made on `device`, without a copy from the host."""
    device = check_device(device)
    if device == "cpu":
        return np.full(shape, value, dtype)
    import cupy

    if recording.current is not None:  # where it becomes an argument of a kernel, for good
        recording.current.launches.append(("a number", (), (), (np.asarray(value).item(),)))
    with cupy.cuda.Device(int(device[5:])):
        return cupy.full(shape, value, dtype)


def reject_non_host(array: Array, what: str) -> None:
    """Raises a TypeError unless `array` lies in the memory of the CPU."""
    if device_of(array) != "cpu":
        raise TypeError(f"{what}: the tensor is on {device_of(array)}; call .to('cpu') first")


@contextlib.contextmanager
def temporary_seed(seed: int):
    """Inside the block random numbers come from a fresh stream of `seed`; the old one goes on
    after it as if nothing had been drawn."""
    state = generator.get_state()
    generator.manual_seed(seed)
    try:
        yield
    finally:
        generator.set_state(state)


class Generator:
    """A stream of random numbers (Philox, counter-based) whose position can be saved.

    Numbers are drawn on the CPU, so one seed gives the same run on every device.
    """

    def __init__(self, seed: int = 0):
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> None:
        """Starts the stream of `seed`, a non-negative integer, from its beginning."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"seed must be a non-negative integer, got {seed!r}")
        self._bits = np.random.Philox(int(seed))
        self.numpy = np.random.Generator(self._bits)

    def get_state(self) -> dict:
        """The position in the stream, as integers and lists that JSON can hold."""
        state: dict = dict(self._bits.state)
        return {
            "counter": [int(x) for x in state["state"]["counter"]],
            "key": [int(x) for x in state["state"]["key"]],
            "buffer": [int(x) for x in state["buffer"]],
            "buffer_pos": int(state["buffer_pos"]),
            "has_uint32": int(state["has_uint32"]),
            "uinteger": int(state["uinteger"]),
        }

    def set_state(self, state: dict) -> None:
        """Goes back to a position that `get_state` returned."""
        self._bits.state = {
            "bit_generator": "Philox",
            "state": {
                "counter": np.array(state["counter"], np.uint64),
                "key": np.array(state["key"], np.uint64),
            },
            "buffer": np.array(state["buffer"], np.uint64),
            "buffer_pos": state["buffer_pos"],
            "has_uint32": state["has_uint32"],
            "uinteger": state["uinteger"],
        }

    def normal(self, size: tuple[int, ...], dtype) -> np.ndarray:
        """Samples of N(0, 1)."""
        return self.numpy.standard_normal(size, dtype=np.dtype(dtype))

    def uniform(self, size: tuple[int, ...], dtype) -> np.ndarray:
        """Samples uniform in [0, 1)."""
        return self.numpy.random(size, dtype=np.dtype(dtype))


generator = Generator()
"""The stream that `randn`, `rand`, dropout and the initialisers draw from."""


def manual_seed(seed: int) -> None:
    """Starts the default random stream from its beginning, as ``torch.manual_seed`` does."""
    generator.manual_seed(seed)
