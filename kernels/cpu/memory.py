"""Memory of the process: freed memory is kept for the next step."""

from __future__ import annotations

import ctypes
import sys


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
