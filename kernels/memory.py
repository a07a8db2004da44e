"""Memory: keeping it between steps, and views of arrays as flat runs of it."""

import ctypes
import sys

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


def same_order(array, model) -> bool:
    """Whether elements of equal index lie at equal places (strides of sizes 0 and 1 are noise)."""
    return array.size == 0 or all(
        a == b or size == 1
        for a, b, size in zip(array.strides, model.strides, model.shape, strict=True)
    )


def parts(size: int, part: int) -> int:
    """How many parts of length `part` cover `size`."""
    return -(-size // part)
