"""The number of threads of the CPU kernels; `parallel.py` starts them."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

PROC, CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
MOST = 8192  # threads that can be asked for: as many CPUs as Linux knows; more is a slip


def usable_cpus() -> int:
    """The CPUs that this process may use at once: those it may run on, and no more than the quota
    of its control groups, which is how containers get a share of a machine."""
    has_affinity = hasattr(os, "sched_getaffinity")
    cpus = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return max(1, min([cpus, *(math.ceil(quota) for quota in _quotas())]))


def _quotas() -> Iterator[float]:
    """CPUs that the control groups grant, each of the process's own and of all above it.

    In a container the path of a group may be that of the host, while the folders begin at the
    container's own group: what is not there is passed over.
    """
    try:
        lines = PROC.read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:  # version 2
            roots = [CGROUPS, CGROUPS / "unified"]
        elif "cpu" in controllers.split(","):
            roots = [CGROUPS / controllers, CGROUPS / "cpu"]
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for root in roots:
            for length in range(len(parts) + 1):
                yield from _quota(root.joinpath(*parts[:length]))


def _quota(group: Path) -> Iterator[float]:
    """Of one group, if it has one: microseconds of CPU time in a period, by the period."""
    for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        try:
            text = " ".join((group / name).read_text() for name in names)
            quota, period = (int(number) for number in text.split())  # "max": there is none
        except (OSError, ValueError):
            continue
        if quota > 0 and period > 0:
            yield quota / period


def _default_threads() -> int:
    text, cpus = os.environ.get("TINYGAN_NUM_THREADS"), usable_cpus()
    if text is None:
        return cpus
    try:
        if 1 <= (threads := int(text)) <= MOST:
            return threads
    except ValueError:
        pass
    print(
        f"tinygan: TINYGAN_NUM_THREADS must be a positive integer up to {MOST}, got {text[:40]!r}: "
        f"it counts as {cpus}, the CPUs that this process may use", file=sys.stderr, flush=True,
    )  # fmt: skip
    return cpus


_threads = _default_threads()
_cpus = usable_cpus()


def get_num_threads() -> int:
    """The number of threads that CPU kernels use."""
    return _threads


def set_num_threads(threads: int) -> None:
    """Sets the number of threads of CPU kernels (at first: as many as the CPUs that the process may
    use, or TINYGAN_NUM_THREADS). No more threads than those CPUs are started: they would only wait
    for each other.

    Raises:
        ValueError: `threads` is not a positive integer, or above `MOST`.
    """
    global _threads, _cpus
    whole = isinstance(threads, int) and not isinstance(threads, bool)
    if not whole or not 1 <= threads <= MOST:
        raise ValueError(
            f"set_num_threads: threads must be a positive integer up to {MOST}, got {threads!r}"
        )
    _threads, _cpus = threads, usable_cpus()


def team_size() -> int:
    """The threads that take part in a kernel, the caller among them."""
    return min(_threads, _cpus)
