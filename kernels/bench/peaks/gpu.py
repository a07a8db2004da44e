"""The probes on a GPU, and the two peaks measured by them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np

from ...cuda import device as cuda_device
from ...cuda.source import Source, empty, name_of
from ...cuda.tensor_cores import KINDS, PRECISIONS
from ...integers import ceil_div
from .. import peaks

ARITHMETIC = Source("bench/peaks/arithmetic.cu", ["fma_chains<float>", "fma_chains<double>"])
TENSOR_CORES = Source(
    "bench/peaks/tensor_cores.cu", [f"tensor_chains<{kind}>" for kind in KINDS.values()]
)
MEMORY = Source("bench/peaks/memory.cu", ["add<float>", "add<double>", "sweep"])

_BLOCK, _TENSOR_BLOCK = 256, 128
# On a multiprocessor: all of them fit on every GPU since 2018, so that all work at the same time.
_THREADS = 1024
_STEPS, _TENSOR_STEPS = 2**15, 2**13  # one or a few milliseconds
_TRIES = 15  # of which the best counts, as on a CPU (roofline.py)
_LEAST_SECONDS = 0.5  # an idle GPU needs some tenths of a second of work to raise its clock


def fma_chains(x, factor, offset, steps):
    y = empty(x.shape, x.dtype)
    scalars = (x.dtype.type(factor), x.dtype.type(offset), np.int32(steps), np.int32(x.size))
    ARITHMETIC.launch(
        f"fma_chains<{name_of(x.dtype)}>", (ceil_div(x.size, _BLOCK),), (_BLOCK,), (x, y, *scalars)
    )
    return y


def tensor_chains(x, steps, kind):
    """x has a multiple of 32 values; of more than a block, a multiple of a block."""
    block = min(x.size, _TENSOR_BLOCK)
    x = x.astype(np.float32)
    y = empty(x.shape, np.float32)
    TENSOR_CORES.launch(
        f"tensor_chains<{KINDS[kind]}>", (x.size // block,), (block,), (x, y, np.int32(steps))
    )
    return y


def add(b, c):
    a = empty(b.shape, b.dtype)
    threads = ceil_div(b.size, 16 // b.dtype.itemsize)
    MEMORY.launch(
        f"add<{name_of(b.dtype)}>", (ceil_div(threads, _BLOCK),), (_BLOCK,),
        (b, c, a, np.int64(b.size)),
    )  # fmt: skip
    return a


def sweep(x, threads, passes):
    """threads is a multiple of a block, or a block or less."""
    block = min(threads, _BLOCK)
    y = empty(threads, np.float32)
    args = (x.astype(np.float32, copy=False), y, np.int64(x.size), np.int32(passes))
    MEMORY.launch("sweep", (threads // block,), (block,), args)
    return y


def l2_flush() -> Callable[[int], object]:
    """A function that lets the GPU read more memory than its caches hold, as often as it is told,
    in a single launch. It only reads: written lines would still have to leave the cache while the
    next kernel is timed."""
    import cupy

    x = cupy.ones(cuda_device.large_bytes() // 4, np.float32)
    threads = _threads()
    return lambda passes: sweep(x, threads, passes)


def _threads() -> int:
    return _THREADS * cuda_device.properties()["multiProcessorCount"]


def peak_flops(dtype: str) -> float:
    """FLOP/s of fused multiply-adds in registers; of mma.sync for low precisions."""
    import cupy

    threads = _threads()
    for kind, precision in PRECISIONS.items():
        if dtype == precision:
            work = cupy.ones(threads, np.float32), _TENSOR_STEPS, kind
            seconds = _best_seconds(functools.partial(tensor_chains, *work))
            return peaks.tensor_chains.flops(*work) / seconds
    x = cupy.ones(threads, dtype)
    # c = 0.75 - c neither grows nor settles, however many the steps.
    args = (-1.0, 0.75, _STEPS)
    return peaks.fma_chains.flops(x, *args) / _best_seconds(lambda: fma_chains(x, *args))


def peak_bandwidth(dtype: str) -> float:
    """Bytes per second of a = b + c over arrays that no cache holds; counted are two arrays read
    and one written."""
    import cupy

    size = cuda_device.large_bytes() // np.dtype(dtype).itemsize
    b, c = cupy.ones(size, dtype), cupy.ones(size, dtype)
    return 3 * b.nbytes / _best_seconds(lambda: add(b, c))


def _best_seconds(work: Callable[[], object]) -> float:
    """Of at least _TRIES runs in _LEAST_SECONDS, each after others, which keep the GPU busy until
    the timed one waits in the queue."""

    def before(passes: int) -> None:
        for _ in range(passes):
            work()

    before(1)  # compiles
    durations: list[float] = []
    start = time.perf_counter()
    while len(durations) < _TRIES or time.perf_counter() - start < _LEAST_SECONDS:
        durations.append(cuda_device.seconds(work, before))
    return min(durations)
