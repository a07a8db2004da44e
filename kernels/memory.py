"""Memory: keeping it between steps, saying when there is none, views of arrays as runs of it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import numpy as np


def keep_freed_memory() -> None:
    """Asks the C library to keep freed memory for the next arrays instead of giving it back.

    The arrays of a training step are freed and wanted again at every step. By default glibc gives
    large blocks back to the system, and fetching them anew costs a page fault for every 4 KiB:
    as much time as a small layer. The setting holds for the whole process: its memory stays at the
    high-water mark of what it used at once. Elsewhere than with glibc this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # malloc.h
    mallopt(mmap_threshold, 32 << 20)  # the largest value that is accepted
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 64 << 20)


def explaining(malloc: Callable[[int], Any]) -> Callable[[int], Any]:
    """An allocator that says how much was wanted and how much there is when it fails."""
    import cupy

    def allocate(size: int) -> Any:
        try:
            return malloc(size)
        except cupy.cuda.memory.OutOfMemoryError as error:
            free, total = cupy.cuda.runtime.memGetInfo()
            raise MemoryError(
                f"the GPU is out of memory: an array of {size / 2**20:,.1f} MiB was wanted, "
                f"{free / 2**20:,.1f} of {total / 2**20:,.1f} MiB are free; use a smaller batch or "
                "smaller nets"
            ) from error

    return allocate


def explain_lack_of_memory() -> None:
    """Lets CuPy's own pool, where it is the allocator, explain itself; others are left alone."""
    import cupy

    malloc = cupy.get_default_memory_pool().malloc
    if cupy.cuda.get_allocator() == malloc:
        cupy.cuda.set_allocator(explaining(malloc))


def flat(array):
    """The elements in the order of memory, as a 1-D view.

    Raises:
        ValueError: the array has gaps, so that no such view exists.
    """
    view = array.ravel(order="K")
    if array.size and not np.may_share_memory(view, array):
        raise ValueError(f"array of shape {array.shape} and strides {array.strides} has gaps")
    return view


def dense(array):
    """The array itself when it lies in memory without gaps, else a copy without."""
    if array.flags.c_contiguous or array.flags.f_contiguous:
        return array
    if array.ndim == 4 and array.transpose(0, 2, 3, 1).flags.c_contiguous:
        return array  # NCHW by name, NHWC in memory
    view = array.ravel(order="K")
    return array if np.may_share_memory(view, array) else array.copy(order="K")


def transposed(matrix) -> bool:
    """Whether a matrix lies in memory column by column, without gaps (and not row by row, too)."""
    return matrix.T.flags.c_contiguous and not matrix.flags.c_contiguous


def same_order(array, model) -> bool:
    """Whether elements of equal index lie at equal places (strides of sizes 0 and 1 are noise)."""
    return array.size == 0 or all(
        a == b or size == 1
        for a, b, size in zip(array.strides, model.strides, model.shape, strict=True)
    )


def memory_order(array) -> list[int]:
    """The dimensions as they lie in memory, the one of the largest steps first."""
    return sorted(range(array.ndim), key=lambda i: -array.strides[i])


def parts(size: int, part: int) -> int:
    """How many parts of length `part` cover `size`."""
    return -(-size // part)
