"""Recording work on a GPU once, and replaying it as one CUDA graph.

    recording = Recording()
    recording.rehearse(work)        # runs it, twice or so: everything gets compiled and allocated
    recording.record(work)          # writes it down without running it
    recording.replay()              # runs it, with one launch from the host

What is recorded are launches with their arguments, addresses and numbers, as they are. So a number
that changes from run to run must lie in the device's memory, as an optimizer's learning rate and
count of steps do. A random generator, which stands where NumPy's does, looks for `current()` and
becomes a participant. What a step changes on the host goes through `on_host`, which repeats it
after each replay. A number that was not declared is found by comparing the recorded launches of
our kernels with those of the last rehearsal.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

from .memory import explaining

T = TypeVar("T")
Launch = tuple[str, tuple, tuple, tuple]  # kernel, grid, block, arguments


class _Running(threading.local):
    recording: Recording | None = None


_running = _Running()


def current() -> Recording | None:
    """The recording whose work this thread rehearses or records. What other threads do meanwhile,
    such as loading the next batch, has nothing to do with it."""
    return _running.recording


class CaptureError(RuntimeError):
    """Work that cannot be replayed; the message names what."""


class Participant(Protocol):
    """State of the host that the device has a copy of."""

    def before(self) -> None:
        """Brings the device's copy up to date, if it is not; before each run of any kind."""

    def save(self) -> Any:
        """The host's state, for `restore`."""

    def restore(self, saved: Any) -> None:
        """Goes back to a saved state."""


class Recording:
    """A stream and a memory of its own on the current device, and what is recorded on it.

    The memory belongs to the recording as long as it lives: the arrays that are made during the
    work lie at the same addresses in each replay, and no other work may get them.
    """

    def __init__(self) -> None:
        import cupy

        self._pool = cupy.cuda.MemoryPool()
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._graph: Any = None
        self._participants: dict[Any, Participant] = {}
        self.launches: list[Launch] = []  # of our kernels, in the run that was last
        self.actions: list[Callable[[], None]] = []  # on the host, in that run

    def participant(self, key: Any, make: Callable[[], T]) -> T:
        """The participant of this key; made when it is asked for the first time."""
        if key not in self._participants:
            made: Any = make()
            self._participants[key] = made
        found: Any = self._participants[key]
        return found

    def rehearse(self, work: Callable[[], T]) -> T:
        """Runs the work as it will be recorded: with this stream, this memory and participants."""
        return self._run(work)

    def record(self, work: Callable[[], T]) -> T:
        """Records the work; nothing of it is done but by Python.

        Raises:
            CaptureError: it copies to or from the host, waits for the GPU, calls what CUDA cannot
                capture, or differs from the last rehearsal. All participants are as before.
        """
        expected = self.launches
        saved = [(each, each.save()) for each in self._participants.values()]
        try:
            result = self._run(work, capture=True)
            _check_same(expected, self.launches)
        except BaseException:
            self._graph = None
            for each, state in saved:
                each.restore(state)
            raise
        return result

    def _run(self, work: Callable[[], T], capture: bool = False) -> T:
        import cupy

        for each in self._participants.values():
            each.before()
        outer, _running.recording = _running.recording, self
        self.launches, self.actions = [], []
        outside = cupy.cuda.get_current_stream()
        try:
            with cupy.cuda.using_allocator(explaining(self._pool.malloc)), self._stream:
                self._stream.wait_event(outside.record())
                if not capture:
                    return work()
                self._stream.begin_capture()
                try:
                    result = work()
                except BaseException:
                    _abandon(self._stream)
                    raise
                self._graph = self._stream.end_capture()
                return result
        finally:
            _running.recording = outer
            outside.wait_event(self._stream.record())

    def replay(self) -> None:
        """Runs what was recorded, on the current stream."""
        for each in self._participants.values():
            each.before()
        self._graph.launch()
        for action in self.actions:
            action()

    def launch(self) -> None:
        """As `replay`, right after `record`, which has done the actions on the host already."""
        self._graph.launch()


def on_host(action: Callable[[], None]) -> None:
    """Does what a step changes on the host: now and, if it is being recorded, after each replay,
    in which no Python of the step runs."""
    action()
    recording = current()
    if recording is not None:
        recording.actions.append(action)


def capturing() -> bool:
    """Whether what is called now is recorded and not run."""
    recording = current()
    return recording is not None and recording._stream.is_capturing()


def refuse(what: str) -> None:
    """To be called before something that a recording cannot hold.

    Raises:
        CaptureError: it is being rehearsed or recorded.
    """
    if current() is not None:
        raise CaptureError(what)


def describe(kernel: str, grid, block, args) -> Launch:
    """A launch without the addresses, which may differ from run to run."""
    return kernel, tuple(grid), tuple(block), tuple(map(_describe, args))


def _describe(arg: Any) -> Any:
    if getattr(arg, "ndim", 0):
        return ("array", arg.shape, str(arg.dtype))
    value = np.array(arg)
    _clear_addresses(value)
    return repr(value.tolist())


def _clear_addresses(value: np.ndarray) -> None:
    """Sets the members of a structure that are addresses, those of uint64, to zero."""
    for name in value.dtype.names or ():
        member = value[name]
        if member.dtype == np.uint64:
            member[...] = 0
        elif member.dtype.names:
            _clear_addresses(member)


def _check_same(expected: list[Launch], found: list[Launch]) -> None:
    """Raises a CaptureError that names the first launch that differs."""
    for number, (old, new) in enumerate(zip(expected, found, strict=False)):
        if old == new:
            continue
        name = f"launch {number + 1}, {new[0]}"
        if old[:3] != new[:3]:
            raise CaptureError(f"the work differs from run to run: {name}, was {old[0]}")
        for i, (a, b) in enumerate(zip(old[3], new[3], strict=True)):
            if a != b:
                raise CaptureError(
                    f"the work differs from run to run: argument {i} of {name} was {a}, is {b}"
                )
    if len(expected) != len(found):
        raise CaptureError(
            f"the work differs from run to run: {len(expected)} launches, then {len(found)}"
        )


def _abandon(stream: Any) -> None:
    """Ends a capture that has failed; CUDA may have ended it before."""
    with contextlib.suppress(Exception):  # CuPy has several kinds; the first mistake is told
        stream.end_capture()
