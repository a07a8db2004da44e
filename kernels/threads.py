"""A thread pool for kernels that release the GIL.

Work is cut into tasks by a rule that does not look at the number of threads, and each task writes
its own part of the result: what is computed never depends on how many threads compute it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait


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
_pool: ThreadPoolExecutor | None = None


def get_num_threads() -> int:
    """The number of threads that CPU kernels use."""
    return _threads


def set_num_threads(threads: int) -> None:
    """Sets the number of threads of CPU kernels (at first: all cores, or TINYGAN_NUM_THREADS).

    Raises:
        ValueError: `threads` is not a positive integer.
    """
    global _threads, _pool
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ValueError(f"threads must be a positive integer, got {threads!r}")
    if _pool is not None:
        _pool.shutdown()
    _threads, _pool = threads, None


def run_tasks(task: Callable[[int], object], count: int) -> None:
    """Calls ``task(0)`` ... ``task(count - 1)``, in parallel, and returns when all are done.

    An exception in a task is raised here, when no task is running any more.
    """
    global _pool
    helpers = min(_threads, count) - 1
    if helpers <= 0:
        for index in range(count):
            task(index)
        return
    if _pool is None:
        _pool = ThreadPoolExecutor(_threads - 1, thread_name_prefix="tinygan")
    following = itertools.count()  # next() is one step under the GIL: no index is given twice

    def work() -> None:
        while (index := next(following)) < count:
            task(index)

    futures = [_pool.submit(work) for _ in range(helpers)]
    try:
        work()
    finally:
        wait(futures)
    for future in futures:
        future.result()


def _forget_pool() -> None:
    global _pool
    _pool = None  # a forked child has none of its parent's threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
