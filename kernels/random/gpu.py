"""CUDA rungs of the random numbers."""

import numpy as np

from ..copies import contiguous
from ..cuda.source import Source, empty, name_of
from ..integers import ceil_div

THREADS = 256
_KERNELS = [f"{name}<{dtype}>" for name in ("uniform", "normal") for dtype in ("float", "double")]
NAIVE = Source("random/1_naive.cu", _KERNELS)
BLOCKS = Source("random/2_blocks.cu", _KERNELS, in_steps=True)
ADVANCE = Source("random/1_advance.cu", ["advance<float>", "advance<double>"], in_steps=True)


def _launch(source, kernel, state, count, dtype, threads):
    result = empty(count, dtype)
    if count:
        source.launch(
            f"{kernel}<{name_of(dtype)}>", (ceil_div(threads, THREADS),), (THREADS,),
            (contiguous(state), result, np.int64(count)),
        )  # fmt: skip
    return result


def uniform_naive(state, count, dtype):
    return _launch(NAIVE, "uniform", state, count, dtype, count)


def normal_naive(state, count, dtype):
    return _launch(NAIVE, "normal", state, count, dtype, count)


def _blocks(numbers, dtype):
    """The number of blocks that hold the numbers, wherever in the first one they begin."""
    return ceil_div(numbers + 32 // dtype.itemsize - 1, 32 // dtype.itemsize)


def uniform_blocks(state, count, dtype):
    return _launch(BLOCKS, "uniform", state, count, dtype, _blocks(count, dtype))


def normal_blocks(state, count, dtype):
    return _launch(BLOCKS, "normal", state, count, dtype, _blocks(2 * count, dtype))


def advance_naive(state, count, dtype):
    if not state.flags.c_contiguous:
        raise ValueError("advance: the state has gaps in memory, and is changed in place")
    if count:
        ADVANCE.launch(f"advance<{name_of(dtype)}>", (1,), (1,), (state, np.uint64(count)))
    return state
