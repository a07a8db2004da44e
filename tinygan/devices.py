"""Where arrays live: the array library of an array, moves between devices, random numbers.

This file and the kernels are the only places that know there is more than one device.
"""

from __future__ import annotations

import contextlib
import functools
import math
import sys
import threading
import time
from typing import Any

import numpy as np

from tinygan.kernels.cuda import graph, memory
from tinygan.kernels.cuda.device import count_devices
from tinygan.kernels.ladder import Ladder
from tinygan.kernels.random import advance, normal, uniform
from tinygan.kernels.random.cpu import box_muller, move_on, position

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


class device(str):
    """Where tensors lie: ``device("cpu")``, ``device("cuda:0")``, ``device("cuda", 0)``. A string
    that also knows its `type` and its `index`.

    Raises:
        ValueError: the name is neither "cpu", "cuda" nor "cuda:<index>".
    """

    def __new__(cls, name: str, index: int | None = None):
        whole = name if index is None else f"{name}:{index}"
        kind, _, number = str(whole).partition(":")
        if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
            raise ValueError(
                f"device must be 'cpu', 'cuda' or 'cuda:<index>', got {whole!r}; GPUs of other "
                "makers are not supported"
            )
        return super().__new__(cls, "cpu" if kind == "cpu" else whole)

    @property
    def type(self) -> str:
        return "cpu" if self == "cpu" else "cuda"

    @property
    def index(self) -> int | None:  # type: ignore[override]
        number = self.partition(":")[2]
        return int(number) if number else None

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"


@functools.cache
def named(name: str) -> device:
    """The `device` of this name."""
    return device(name)


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
    memory.explain_lack_of_memory()
    _used.add(index)
    return f"cuda:{index}"


_used: set[int] = set()  # the GPUs that were named


def settle() -> None:
    """Waits for all that GPUs are still doing, so that a clock can be read."""
    if not _used or "cupy" not in sys.modules:
        return
    import cupy

    for index in _used.intersection(range(cupy.cuda.runtime.getDeviceCount())):
        cupy.cuda.Device(index).synchronize()


def moment(array: Array) -> Any:
    """Now, where `array` is computed with: for a GPU, when it will have come this far in its queue.
    While a step is captured nothing is queued, and it is the host's time."""
    if isinstance(array, (np.ndarray, np.generic)) or graph.capturing():
        return time.perf_counter()
    import cupy

    event = cupy.cuda.Event()
    event.record()
    return event


def seconds_between(start: Any, stop: Any) -> float:
    """From one moment to another of the same array, once the GPU has come to both (`settle`)."""
    if isinstance(start, float):
        return stop - start
    import cupy

    return cupy.cuda.get_elapsed_time(start, stop) / 1000


def _is_cuda_name(device: str) -> bool:
    return device == "cuda" or (device.startswith("cuda:") and device[5:].isdigit())


_here = contextlib.nullcontext()


def beside(array: Array) -> contextlib.AbstractContextManager:
    """Inside the block, CuPy's functions and kernels work where `array` lies: its GPU is the
    current one of this thread. An array of the CPU, or none at all, asks for nothing."""
    here = array is None or isinstance(array, (np.ndarray, np.generic))
    return _here if here else array.device


def on_device(device: str) -> contextlib.AbstractContextManager:
    """The same for a device by its full name, as `check_device` returns it."""
    if device == "cpu":
        return _here
    import cupy

    return cupy.cuda.Device(int(device[5:]))


def to_device(array: Array, device: str | None) -> Array:
    """The array on `device`: itself when it is there already, else a copy, in the same order of
    memory."""
    device = check_device(device)
    if device_of(array) == device:
        return array
    if device == "cpu":
        with beside(array):
            return memory.to_host(array)
    if graph.capturing():
        graph.refuse("a copy from the host to the GPU")
    with on_device(device):
        return memory.to_device(array)


def full(shape: tuple[int, ...], value, dtype, device: str | None) -> Array:
    """An array of one value, made on `device`, without a copy from the host."""
    device = check_device(device)
    if device == "cpu":
        return np.full(shape, value, dtype)
    import cupy

    recording = graph.current()
    if recording is not None:  # where it becomes an argument of a kernel, for good
        recording.launches.append(("a number", (), (), (np.asarray(value).item(),)))
    with on_device(device):
        return cupy.full(shape, value, dtype)


def number_beside(array: Array, value, dtype) -> Array:
    """A 0-d array of one value, where `array` lies."""
    if type(array) is np.ndarray:
        return np.array(value, dtype)
    return full((), value, dtype, device_of(array))


def reject_non_host(array: Array, what: str) -> None:
    """Raises a TypeError unless `array` lies in the memory of the CPU."""
    if device_of(array) != "cpu":
        raise TypeError(f"{what}: the tensor is on {device_of(array)}; call .to('cpu') first")


@contextlib.contextmanager
def temporary_seed(seed: int):
    """Inside the block the default random numbers of this thread come from a fresh stream of
    `seed`. The old one, which other threads go on with, has not been drawn from."""
    outer, _own.stream = _own.stream, Generator(seed).numpy
    try:
        yield
    finally:
        _own.stream = outer


class _Own(threading.local):
    """What a thread draws from in place of the default stream, while in a `temporary_seed`."""

    stream: np.random.Generator | None = None


_own = _Own()


class Generator:
    """A stream of random numbers (Philox, counter-based) whose position can be saved.

    One seed gives the same stream on every device: numbers are computed on the device that they
    are for, from the position, which all devices share. Uniform numbers are the same bit for bit;
    normal ones differ in the last bits, as logarithms and cosines do.
    """

    def __init__(self, seed: int = 0):
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Starts the stream of `seed`, a non-negative integer, from its beginning."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"seed must be a non-negative integer, got {seed!r}")
        self.numpy = np.random.Generator(np.random.Philox(int(seed)))
        return self

    @property
    def numpy(self) -> np.random.Generator:
        """NumPy's generator, at the position in the stream."""
        return self._stream

    @numpy.setter
    def numpy(self, stream: np.random.Generator) -> None:
        self._stream = stream

    @property
    def _bits(self) -> Any:
        return self.numpy.bit_generator

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
        """Goes back to a position that `get_state` returned.

        Raises:
            ValueError: there is no such position.
        """
        # NumPy takes any, and reads what lies beside the four numbers of the buffer.
        if type(state["buffer_pos"]) is not int or not 0 <= state["buffer_pos"] <= 4:
            raise ValueError(
                f"Generator.set_state: buffer_pos is {state['buffer_pos']!r}; expected 0 to 4"
            )
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

    def uniform(self, size: tuple[int, ...], dtype, device: str | None = None) -> Array:
        """Samples uniform in [0, 1): the numbers of ``numpy.random.Generator(Philox).random``.

        Args:
            size: the shape.
            dtype: float32 or float64; they have 24 and 53 random bits.
            device: where the array is to lie; None means ``"cpu"``.

        Raises:
            TypeError: another dtype.
            ValueError: a negative size, or an unknown device.
        """
        count, dtype, device = _checked("uniform", size, dtype, device)
        if device == "cpu":
            return self.numpy.random(size, dtype=dtype)
        return self._on_device(uniform, count, 1, dtype, device).reshape(size)

    def normal(self, size: tuple[int, ...], dtype, device: str | None = None) -> Array:
        """Samples of N(0, 1): of each two uniform numbers r and s, sqrt(-2 ln(1 - r)) cos(2 pi s).

        (Box and Muller 1958.) Arguments and errors as of `uniform`.
        """
        count, dtype, device = _checked("normal", size, dtype, device)
        if device == "cpu":
            return box_muller(self.numpy.random(2 * count, dtype=dtype)).reshape(size)
        return self._on_device(normal, count, 2, dtype, device).reshape(size)

    def ziggurat_normal(self, size: tuple[int, ...], dtype) -> np.ndarray:
        """Samples of N(0, 1) by NumPy's ziggurat, ``numpy.random.Generator.standard_normal``.

        (Marsaglia and Tsang 2000.) How many words it takes depends on their values, so it runs one
        after the other, on the CPU only. Initial weights are drawn so: a seed keeps its model.
        """
        return self.numpy.standard_normal(size, dtype=np.dtype(dtype))

    def _on_device(
        self, ladder: Ladder, count: int, uniforms: int, dtype: np.dtype, device: str
    ) -> Array:
        """`count` numbers made on a GPU, each from this many uniform ones."""
        import cupy

        with on_device(device):
            recording = graph.current()
            if recording is not None:
                stream = recording.participant(
                    (id(self), device), lambda: _DeviceStream(self, cupy)
                )
                return stream.draw(ladder, count, uniforms, dtype)
            numbers = ladder(cupy.asarray(position(self._bits)), count, dtype)
        move_on(self._bits, uniforms * count, dtype)
        return numbers


class _DefaultGenerator(Generator):
    """The stream of all threads; of one that is in a `temporary_seed`, that block's."""

    @property
    def numpy(self) -> np.random.Generator:
        return _own.stream or self._stream

    @numpy.setter
    def numpy(self, stream: np.random.Generator) -> None:
        if _own.stream is None:
            self._stream = stream
        else:
            _own.stream = stream


class _DeviceStream:
    """A generator's position in the memory of a GPU, for work that is replayed (a
    `tinygan.kernels.cuda.graph.Participant`): each draw moves it on there."""

    def __init__(self, generator: Generator, cupy):
        self.generator, self.cupy = generator, cupy
        self.known = position(generator._bits)  # what the array holds after all draws so far
        self.array = cupy.asarray(self.known)

    def draw(self, ladder: Ladder, count: int, uniforms: int, dtype: np.dtype) -> Array:
        numbers = ladder(self.array, count, dtype)
        advance(self.array, uniforms * count, dtype)
        graph.on_host(lambda: self._move_on(uniforms * count, dtype))
        return numbers

    def _move_on(self, count: int, dtype: np.dtype) -> None:
        move_on(self.generator._bits, count, dtype)
        self.known = position(self.generator._bits)

    def before(self) -> None:
        here = position(self.generator._bits)
        if (here != self.known).any():
            self.known = here
            self.array[...] = self.cupy.asarray(here)

    def save(self) -> tuple:
        return self.known, self.generator.get_state()

    def restore(self, saved: tuple) -> None:
        self.known = saved[0]
        self.generator.set_state(saved[1])


def _checked(name: str, size, dtype, device: str | None) -> tuple[int, np.dtype, str]:
    """How many numbers, the dtype, the full name of the device."""
    dtype = np.dtype(dtype)
    if dtype.char not in "fd":
        raise TypeError(f"{name}: dtype must be float32 or float64, got {dtype}")
    if any(length < 0 for length in size):
        raise ValueError(f"{name}: sizes must not be negative, got {tuple(size)}")
    return math.prod(size), dtype, check_device(device)


generator = _DefaultGenerator()
"""The stream that `randn`, `rand`, dropout and the initialisers draw from."""


def manual_seed(seed: int) -> Generator:
    """Starts the default random stream from its beginning, and returns it."""
    return generator.manual_seed(seed)
