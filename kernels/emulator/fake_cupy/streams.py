"""CuPy's streams, events and graphs.

Only work on a capturing stream is captured, and on streams that wait for its events: which stream
is current is each thread's own business.
"""

from __future__ import annotations

import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from . import device
from .captures import (
    RELAXED,
    Capture,
    Queue,
    check_legacy,
    check_unsafe,
    going_on,
    wait_for,
    work_on,
)
from .errors import CUDARuntimeError

_local = threading.local()
_default_queues: dict[tuple[int, int], Queue] = {}  # by device and thread; 0: the legacy stream's


def _queue(stream: Stream | None) -> Queue:
    return (get_current_stream() if stream is None else stream)._queue


def forget() -> None:
    """Captures that were never ended, and the thread's current streams, as in a new process."""
    going_on.clear()
    _default_queues.clear()
    _local.__dict__.clear()


def capturing(stream: Stream | None = None) -> bool:
    """Whether a stream, by default the current one, is capturing.

    Raises:
        CUDARuntimeError: it is the default stream, which may not be asked while another captures.
        RuntimeError: it was capturing, until a call that is not allowed then.
    """
    return (get_current_stream() if stream is None else stream).is_capturing()


def refuse_copy(direction: str, stream: Stream | None = None) -> None:
    """Raises what CuPy raises about a copy, "D2H" or "H2D", on a stream that is capturing."""
    if capturing(stream):
        raise RuntimeError(
            f"the current stream is capturing, so {direction} transfers are disallowed"
        )


def run(
    call: Callable[[], Any], writes: Iterable[np.ndarray] = (), stream: Stream | None = None,
    again: Callable[[], Any] | None = None,
) -> Any:  # fmt: skip
    """The result of a call, as work of a stream, by default of the current one.

    Args:
        writes: the arrays that it writes to and that were there before.
        again: what a graph does in its place.
    """
    return work_on(_queue(stream), call, writes, again)


def note_made(arrays: Iterable[np.ndarray]) -> None:
    """Tells a capture on the current stream of results that its graph writes to."""
    capture = _queue(None).capture
    if capture is not None:
        capture.made.extend(arrays)


def synchronize_device(number: int) -> None:
    for capture in going_on:
        if any(queue.device_id == number for queue in capture.queues):
            raise capture.fail(900, "cudaDeviceSynchronize")
    for queue in [*_default_queues.values(), *(s._own for s in list(Stream._all) if s._own)]:
        if queue.device_id == number:
            queue.finish()


class Event:
    """As `cupy.cuda.Event`. All work is done when it is launched, but like that of a GPU it counts
    as done only once somebody has waited for it; the time is the host's."""

    def __init__(
        self, block: bool = False, disable_timing: bool = False, interprocess: bool = False
    ):
        if interprocess and not disable_timing:
            raise ValueError("Timing must be disabled for interprocess events")
        self._has_time, self._time, self._done = not disable_timing, 0.0, True
        self._device = device.get_device()
        self._queue: Queue | None = None  # that it was recorded on last
        self._capture: Capture | None = None
        self._clock: dict[Queue, int] = {}

    def record(self, stream: Stream | None = None) -> None:
        queue = _queue(stream)
        if queue.device_id != self._device:
            raise CUDARuntimeError(
                400, f"an event of device {self._device} recorded on device {queue.device_id}"
            )
        check_legacy(queue, "cudaEventRecord")
        self._capture, self._clock, self._queue = queue.capture, dict(queue.clock), queue
        if queue.capture is None:
            self._time, self._done, queue.busy = time.perf_counter(), False, True
            queue.recorded.append(self)

    def _check_captured(self, what: str) -> None:
        if self._capture is not None:
            raise CUDARuntimeError(907, what)

    def synchronize(self) -> None:
        """Everything before this event has happened, too."""
        self._check_captured("cudaEventSynchronize")
        while self._queue is not None and not self._done:
            self._queue.recorded.pop(0)._done = True

    @property
    def done(self) -> bool:
        self._check_captured("cudaEventQuery")
        check_unsafe("cudaEventQuery")
        return self._done


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Milliseconds between two events."""
    events = (start_event, end_event)
    for event in events:
        event._check_captured("cudaEventElapsedTime")
    if not all(event._has_time and event._time for event in events):
        raise CUDARuntimeError(400)
    if not all(event._done for event in events):
        raise CUDARuntimeError(600)
    return 1000 * (end_event._time - start_event._time)


class Graph:
    """As `cupy.cuda.Graph`."""

    _capture: Capture

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(
            "currently this class cannot be initiated by the user and must be created via stream "
            "capture"
        )

    @classmethod
    def _of(cls, capture: Capture) -> Graph:
        graph = cls.__new__(cls)
        graph._capture = capture
        return graph

    def launch(self, stream: Stream | None = None) -> None:
        """On a stream that is capturing, the graph becomes a part of the new one."""
        run(self._run, self._capture.written, stream)

    def _run(self) -> None:
        for call in self._capture.calls:
            call()

    def upload(self, stream: Stream | None = None) -> None:
        capture = _queue(stream).capture
        if capture is not None:
            raise capture.fail(900, "cudaGraphUpload")


class Stream:
    """As `cupy.cuda.Stream`."""

    null: Stream
    ptds: Stream
    _numbers = itertools.count(1)
    _all: ClassVar[weakref.WeakSet[Stream]] = weakref.WeakSet()

    def __init__(
        self, null: bool = False, non_blocking: bool = False, ptds: bool = False,
        priority: int | None = None,
    ):  # fmt: skip
        self._own: Queue | None = None
        self.device_id, self.ptr = -1, 0 if null else 2
        if not (null or ptds):
            self.device_id = device.get_device()
            self.ptr = 0x7F00_0000_0000 + 0x100 * next(self._numbers)
            self._own = Queue(self.device_id, blocking=not non_blocking)
            self._all.add(self)
        self.is_non_blocking = bool(non_blocking and self._own)
        # Of higher priorities than -5 or lower ones than 0 CUDA takes the nearest.
        self.priority = max(-5, min(0, priority or 0)) if self._own else 0

    @property
    def _queue(self) -> Queue:
        if self._own is not None:
            return self._own
        key = device.get_device(), threading.get_ident() if self.ptr else 0
        if key not in _default_queues:
            _default_queues[key] = Queue(key[0], blocking=True, legacy=not self.ptr)
        return _default_queues[key]

    def __eq__(self, value: object) -> bool:
        return isinstance(value, Stream) and self.ptr == value.ptr

    def __hash__(self) -> int:
        return self.ptr

    def __repr__(self) -> str:
        return f"<Stream {self.ptr} (device {self.device_id})>"

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.ptr

    def _check_device(self) -> int:
        current = device.get_device()
        if self.device_id not in (-1, current):
            raise RuntimeError(
                f"The device that the stream is created on ({self.device_id}) does not match with "
                f"the current device ({current})"
            )
        return current

    def __enter__(self) -> Stream:
        number = self._check_device()
        _stacks().setdefault(number, [Stream.null]).append(self)
        _devices().append(number)
        _current()[number] = self
        return self

    def __exit__(self, *args) -> None:
        number = _devices().pop()
        _stacks()[number].pop()
        _current()[number] = _stacks()[number][-1]

    def use(self) -> Stream:
        _current()[self._check_device()] = self
        return self

    @property
    def done(self) -> bool:
        if self._queue.capture is not None:
            raise self._queue.capture.fail(900, "cudaStreamQuery")
        return not self._queue.busy

    def synchronize(self) -> None:
        wait_for(self._queue, "cudaStreamSynchronize")

    def add_callback(self, callback: Callable, arg: Any) -> None:
        if self._queue.capture is not None:
            raise self._queue.capture.fail(900, "cudaStreamAddCallback")
        callback(self, 0, arg)

    def launch_host_func(self, callback: Callable, arg: Any) -> None:
        """A captured one is called by the graph, and not before."""
        call = lambda: callback(arg)  # noqa: E731
        run(call if self._queue.capture is None else lambda: None, stream=self, again=call)

    def record(self, event: Event | None = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """What comes after it on this stream comes after the event. If that was recorded in a
        capture, this stream takes part in the capture from now on."""
        queue = self._queue
        if event._capture is None:
            if queue.capture is not None and event._queue is not None:
                raise queue.capture.fail(905, "cudaStreamWaitEvent")
            return
        if event._capture not in going_on:
            return
        if queue.capture is None:
            check_legacy(queue, "cudaStreamWaitEvent")
            queue.capture = event._capture
            queue.capture.queues.append(queue)
        elif queue.capture is not event._capture:
            raise queue.capture.fail(902, "cudaStreamWaitEvent")
        for other, count in event._clock.items():
            queue.clock[other] = max(count, queue.clock.get(other, 0))

    def begin_capture(self, mode: int | None = None) -> None:
        if self.ptr in (0, 1):
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self._queue.capture is not None:
            raise CUDARuntimeError(401, "the stream is capturing")
        self._queue.capture = Capture(self._queue, RELAXED if mode is None else mode)
        going_on.append(self._queue.capture)

    def end_capture(self) -> Graph:
        capture = self._queue.capture
        if capture is None:
            raise CUDARuntimeError(401, "no stream is capturing")
        if capture.origin is not self._queue:
            raise capture.fail(903, "cudaStreamEndCapture")
        if capture.mode != RELAXED and capture.thread != threading.get_ident():
            raise CUDARuntimeError(908)
        clock = capture.origin.clock
        unjoined = any(q.clock.get(q, 0) > clock.get(q, 0) for q in capture.queues)
        going_on.remove(capture)
        for queue in capture.queues:
            queue.leave()
        capture.put_back()
        if capture.invalid:
            raise CUDARuntimeError(901)
        if unjoined:
            raise CUDARuntimeError(904)
        return Graph._of(capture)

    def is_capturing(self) -> bool:
        queue = self._queue
        check_legacy(queue, "cudaStreamIsCapturing")
        if queue.capture is not None and queue.capture.invalid:
            raise RuntimeError(
                "the stream was capturing, but an error has invalidated the capture sequence"
            )
        return queue.capture is not None


Stream.null = Stream(null=True)
Stream.ptds = Stream(ptds=True)


def _current() -> dict[int, Stream]:
    """{device: the thread's current stream}"""
    if not hasattr(_local, "current"):
        _local.current, _local.stacks, _local.devices = {}, {}, []
    return _local.current


def _stacks() -> dict[int, list[Stream]]:
    _current()
    return _local.stacks


def _devices() -> list[int]:
    """The devices of the `with` blocks that the thread is in."""
    _current()
    return _local.devices


def get_current_stream(device_id: int = -1) -> Stream:
    """The thread's, of a device; -1: of the current one."""
    number = device.get_device() if device_id == -1 else device_id
    return _current().get(number, Stream.null)
