"""What is written down while a stream captures.

A real capture runs nothing. Here everything is run, since results have shapes that what follows
depends on; what was there before and has been written to is put back at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .errors import CUDARuntimeError

GLOBAL, THREAD_LOCAL, RELAXED = 0, 1, 2  # cudaStreamCaptureMode


class Capture:
    """What is written down between `begin_capture` and `end_capture`."""

    def __init__(self, origin: Queue, mode: int):
        self.origin, self.mode, self.thread = origin, mode, threading.get_ident()
        self.calls: list[Callable[[], Any]] = []
        self.queues = [origin]
        self.invalid = False
        self.made: list[np.ndarray] = []  # the arrays of results
        self._before: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def written(self) -> list[np.ndarray]:
        """The memory that its calls write to."""
        return [*self.made, *(array for array, _ in self._before.values())]

    def keep(self, arrays: Iterable[np.ndarray]) -> None:
        """Remembers the memory of arrays that are about to be written to."""
        for array in arrays:
            root = array
            while isinstance(root.base, np.ndarray):
                root = root.base
            if id(root) not in self._before and root.flags.writeable:
                self._before[id(root)] = root, root.copy()

    def put_back(self) -> None:
        for array, content in self._before.values():
            array[...] = content

    def fail(self, status: int, detail: str) -> CUDARuntimeError:
        """The error of a call that CUDA does not allow now; the capture is lost."""
        self.invalid = True
        return CUDARuntimeError(status, detail)


class Queue:
    """The state of a stream, which several `Stream` objects may stand for."""

    def __init__(self, device_id: int, blocking: bool, legacy: bool = False):
        self.device_id, self.blocking, self.legacy = device_id, blocking, legacy
        self.capture: Capture | None = None
        self.clock: dict[Queue, int] = {}  # in a capture: how much of each queue came before
        self.recorded: list[Any] = []  # events, in this order, that nobody has waited for
        self.busy = False

    def finish(self) -> None:
        """Somebody has waited for all of it."""
        for event in self.recorded:
            event._done = True
        self.recorded.clear()
        self.busy = False

    def leave(self) -> None:
        self.capture, self.clock = None, {}


going_on: list[Capture] = []


def check_unsafe(what: str) -> None:
    """Raises CUDA's error about a call that may disturb a capture, if its mode forbids that."""
    for capture in going_on:
        own = capture.thread == threading.get_ident()
        if capture.mode == GLOBAL or (capture.mode == THREAD_LOCAL and own):
            raise capture.fail(900, what)


def check_legacy(queue: Queue, what: str) -> None:
    """The legacy stream waits for all blocking streams, and so must not meet one that captures."""
    if not queue.legacy:
        return
    for capture in going_on:
        if any(q.blocking and q.device_id == queue.device_id for q in capture.queues):
            raise capture.fail(906, what)


def work_on(
    queue: Queue, call: Callable[[], Any], writes: Iterable[np.ndarray],
    again: Callable[[], Any] | None,
) -> Any:  # fmt: skip
    """The result of a call; `again` is what a graph does in its place, if not the same."""
    capture = queue.capture
    check_legacy(queue, "work on the default stream")
    if capture is None:
        queue.busy = True
        return call()
    if capture.invalid:
        raise CUDARuntimeError(901)
    capture.keep(writes)
    result = call()
    capture.calls.append(call if again is None else again)
    queue.clock[queue] = queue.clock.get(queue, 0) + 1
    return result


def wait_for(queue: Queue, what: str) -> None:
    if queue.capture is not None:
        raise queue.capture.fail(900, what)
    check_legacy(queue, what)
    queue.finish()
