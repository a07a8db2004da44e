"""The GPU itself: is there one, what is it, and how long does it take for something?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

# Arrays that no cache holds: four times the L2 cache, so that at most a quarter of an array can
# still be there when it is walked through again. The floor is for drivers that do not say how
# large the cache is, or say 0; the largest L2 cache known so far is half of it.
LEAST_LARGE_BYTES = 256 * 2**20
L2_FACTOR = 4
# Of the work in front of a timed call: to read 256 MiB 64 times takes some milliseconds, while a
# call launches what it has to in less than one.
MOST_PASSES = 64

Call = Callable[[], object]


def count_devices(device: str) -> int:
    """How many GPUs there are; `device` is the name that the messages use.

    Raises:
        RuntimeError: CuPy is missing, or there is no GPU that it can use.
    """
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(
            f"device {device!r} needs CuPy: pip install 'cupy-cuda12x[ctk]' or 'cupy-cuda13x[ctk]' "
            f"({error})"
        ) from error
    runtime = cupy.cuda.runtime
    try:
        return runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        hint = ""
        if "InsufficientDriver" in str(error) and not runtime.driverGetVersion():
            hint = "; NVIDIA's driver is not installed"
        elif "InsufficientDriver" in str(error):
            has = _cuda_version(runtime.driverGetVersion())
            needs = _cuda_version(runtime.runtimeGetVersion())
            hint = (f"; the driver is for CUDA {has}, CuPy for {needs}: update the driver, or "
                    "install the CuPy that fits it")  # fmt: skip
        raise RuntimeError(f"device {device!r}: no usable NVIDIA GPU ({error}){hint}") from error


def properties() -> dict[str, Any]:
    """Those of the current device, as CUDA names them."""
    import cupy

    return cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)


def describe() -> dict[str, Any]:
    """What numbers measured on the current device depend on.

    `driver` is the version of NVIDIA's driver, None where it cannot be read; `cuda_of_driver` the
    newest CUDA that the driver can run, `cuda` the one that CuPy was built with.
    """
    import cupy

    device_properties = properties()
    return {
        "name": device_properties["name"].decode(),
        "multiprocessors": device_properties["multiProcessorCount"],
        "compute_capability": f"{device_properties['major']}.{device_properties['minor']}",
        "memory_bytes": device_properties["totalGlobalMem"],
        "l2_bytes": device_properties["l2CacheSize"],
        "driver": _driver_version(),
        "cuda_of_driver": _cuda_version(cupy.cuda.runtime.driverGetVersion()),
        "cuda": _cuda_version(cupy.cuda.runtime.runtimeGetVersion()),
        "cupy": cupy.__version__,
    }


def _cuda_version(number: int) -> str:
    """12080 is CUDA 12.8."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _driver_version() -> str | None:
    try:
        return Path("/sys/module/nvidia/version").read_text(encoding="utf-8").strip()
    except OSError:  # another system, or a container that hides it
        return None


def large_bytes() -> int:
    """The size of an array that the caches of the current device do not hold."""
    return max(LEAST_LARGE_BYTES, L2_FACTOR * properties()["l2CacheSize"])


def seconds(call: Call, before: Callable[[int], object]) -> float:
    """How long the current stream of the GPU takes for what `call` launches, in seconds.

    before(1) launches other work first, then comes an event, then `call`, then another event; the
    GPU notes the time when it comes to an event. Measured is thus from the end of that other work
    to the end of the last kernel of `call`, with the GPU's own pauses between kernels (about a
    microsecond each), but without the microseconds that Python takes for a launch: by the time
    the GPU is done with the other work, all of `call` is waiting in its queue. Where it was not,
    all is done again after twice as much: before(2), before(4), ... A call that waits for the GPU
    itself, or launches for longer than before(MOST_PASSES) takes, cannot be hidden so: its time
    includes the waiting.

    CuPy's current stream and PyTorch's are the same, CUDA's default stream, unless someone has
    chosen others.
    """
    import cupy

    passes = 1
    while True:
        start, stop = cupy.cuda.Event(), cupy.cuda.Event()
        before(passes)
        start.record()
        result = call()
        stop.record()
        late = start.done
        stop.synchronize()
        del result  # not before the GPU is done with it
        if not late or passes >= MOST_PASSES:
            return cupy.cuda.get_elapsed_time(start, stop) / 1000
        passes *= 2
