"""The number of threads of the CPU kernels; `parallel.py` starts them."""

from __future__ import annotations

import os


def _default_threads() -> int:
    text = os.environ.get("TINYGAN_NUM_THREADS")
    if text is None:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"TINYGAN_NUM_THREADS must be a positive integer, got {text!r}")
    return int(text)


_threads = _default_threads()


def get_num_threads() -> int:
    """The number of threads that CPU kernels use."""
    return _threads


def set_num_threads(threads: int) -> None:
    """Sets the number of threads of CPU kernels (at first: all cores, or TINYGAN_NUM_THREADS).

    Raises:
        ValueError: `threads` is not a positive integer.
    """
    global _threads
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ValueError(f"threads must be a positive integer, got {threads!r}")
    _threads = threads
