"""Timing several computations side by side, so that they can be compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from ..cuda import device as cuda_device
from .peaks.gpu import l2_flush
from .roofline import LARGE_BYTES

# Worker threads of a BLAS or of OpenMP spin after their last work and take the cores from whatever
# runs next; OpenBLAS's for 2^28 clock cycles, a tenth of a second, which halved the speed of the
# kernel timed after it. After this pause they sleep, as all threads of all contenders then do. Then
# the contender wakes its own, by a run that is not timed: a thread that was asleep begins on the
# core of the one that woke it, and may stay there for milliseconds. In training it is awake.
SETTLE_SECONDS = 0.15

Call = Callable[[], object]


def interleaved(calls: Mapping[str, Call], device: str, repeats: int) -> dict[str, list[float]]:
    """The durations, in seconds, of `repeats` runs of every call.

    The calls take turns, so that noise hits all alike. A first round warms up and is not counted.

    Raises:
        ValueError: there is no clock for the device.
    """
    seconds_of = clock(device)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(1 + repeats):
        for name, call in calls.items():
            seconds[name].append(seconds_of(call))
    return {name: durations[1:] for name, durations in seconds.items()}


def clock(device: str) -> Callable[[Call], float]:
    """The function that returns how long a call takes on `device`, in seconds, on cold caches.

    Raises:
        ValueError: there is no clock for the device.
    """
    if device == "cpu":
        return _cpu_clock()
    if device == "cuda":
        return _cuda_clock()
    raise ValueError(f"the benchmark has no clock for device {device!r}")


def _cpu_clock() -> Callable[[Call], float]:
    """Before a run the machine settles, the call is made once without the clock, and the caches
    are filled with something else."""
    flush = _cache_flush()

    def seconds_of(call: Call) -> float:
        time.sleep(SETTLE_SECONDS)
        call()
        flush()
        return _cpu_seconds(call)

    return seconds_of


def _cpu_seconds(call: Call) -> float:
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    del result  # not before the clock is read: giving memory back is not the kernel's work
    return seconds


def _cache_flush() -> Call:
    """A function that reads more memory than the caches hold.

    It only reads: written lines would still have to leave the cache while the next run is timed.
    """
    return np.ones(LARGE_BYTES // 8).sum


def _cuda_clock() -> Callable[[Call], float]:
    """The time between two events on the GPU (`cuda_device.seconds`), after a call without the
    clock, which leaves memory for results in CuPy's and PyTorch's pools, and a flush of the L2
    cache, during which the timed call is queued. Nothing needs to settle: a GPU does one stream's
    work at a time, and the host's threads do not disturb it."""
    flush = l2_flush()

    def seconds_of(call: Call) -> float:
        call()
        return cuda_device.seconds(call, before=flush)

    return seconds_of
