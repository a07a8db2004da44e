"""Fake CuPy's streams and graphs: calls are written down while a stream captures.

A real capture runs nothing. Here everything is run, since results have shapes that what follows
depends on; what was there before and has been written to is put back at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np


class Tape:
    """The calls of one capture."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], Any]] = []
        self._before: dict[int, tuple[np.ndarray, np.ndarray]] = {}

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


_tape: Tape | None = None


def capturing() -> bool:
    return _tape is not None


def refuse(what: str) -> None:
    """Raises what CUDA does about a call that waits for the GPU, or copies, during a capture."""
    if _tape is not None:
        raise RuntimeError(
            f"cudaErrorStreamCaptureUnsupported: {what} is not permitted when stream is capturing"
        )


def changing(arrays: Sequence[np.ndarray], call: Callable[[], Any]) -> Any:
    """The result of a call that writes to `arrays`."""
    if _tape is not None:
        _tape.keep(arrays)
        _tape.calls.append(call)
    return call()


def computing(inputs: Sequence[Any], call: Callable[[], Any]) -> Any:
    """The result of a call of NumPy, as arrays: new ones, or views of its inputs."""
    result = call()
    several = isinstance(result, (tuple, list))
    arrays = [np.asarray(each) for each in (result if several else [result])]
    if _tape is not None:
        given = [x for x in inputs if isinstance(x, np.ndarray)]
        new = [not any(np.may_share_memory(array, x) for x in given) for array in arrays]

        def again() -> None:
            made = call()
            for array, value, fresh in zip(arrays, made if several else [made], new, strict=True):
                if fresh:
                    array[...] = value

        if any(new):
            _tape.calls.append(again)
    return tuple(arrays) if several else arrays[0]


class CUDARuntimeError(RuntimeError):
    """As `cupy.cuda.runtime.CUDARuntimeError`."""


class Event:
    """A place in the one stream; the time is the host's. All work is done when it is launched, but
    like that of a GPU it counts as done only once somebody has waited for it."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        if interprocess and not disable_timing:
            raise ValueError("Timing must be disabled for interprocess events")
        self._has_time, self._recorded, self._done = not disable_timing, 0.0, True

    def record(self, stream=None) -> None:
        if self._has_time:
            self._recorded, self._done = time.perf_counter(), False
            _waiting.append(self)

    def synchronize(self) -> None:
        """Everything before this event has happened, too."""
        refuse("cudaEventSynchronize")
        while not self._done:
            _waiting.pop(0)._done = True

    @property
    def done(self) -> bool:
        return self._done


_waiting: list[Event] = []  # recorded, in this order, and not waited for


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Milliseconds."""
    events = (start_event, end_event)
    if not all(event._has_time and event._recorded for event in events):
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
    if not all(event._done for event in events):
        raise CUDARuntimeError("cudaErrorNotReady: device not ready")
    return 1000 * (end_event._recorded - start_event._recorded)


class Graph:
    """As `cupy.cuda.Graph`."""

    def __init__(self, tape: Tape):
        self._tape = tape

    def launch(self, stream: Any = None) -> None:
        if _tape is not None:
            raise RuntimeError("a graph is launched while a stream is capturing")
        for call in self._tape.calls:
            call()


class Stream:
    """As `cupy.cuda.Stream`."""

    def __init__(self, null: bool = False, non_blocking: bool = False):
        self._null = null

    def __enter__(self):
        _streams.append(self)
        return self

    def __exit__(self, *error) -> None:
        _streams.pop()

    def record(self, event: Event | None = None) -> Event:
        event = Event(disable_timing=True) if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        pass

    def synchronize(self) -> None:
        refuse("cudaStreamSynchronize")

    def begin_capture(self, mode: Any = None) -> None:
        global _tape
        if self._null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        _tape = Tape()

    def end_capture(self) -> Graph:
        global _tape
        if _tape is None:
            raise RuntimeError("cudaErrorIllegalState: no stream is capturing")
        tape, _tape = _tape, None
        tape.put_back()
        return Graph(tape)

    def is_capturing(self) -> bool:
        return _tape is not None


_streams = [Stream(null=True)]


def get_current_stream() -> Stream:
    return _streams[-1]
