"""The progress of a run on the terminal, and its answer to Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Protocol

from tinygan.printing import say


class Progress:
    """A bar with losses, images per second and the time left (with tqdm), else a line at times."""

    def __init__(self, total: int, done: int):
        self.total, self.done, self.first = total, done, done
        self.start = self.last = time.monotonic()
        self._bar = None
        if sys.stderr is None:  # a program without a console, as pythonw starts it
            return
        with contextlib.suppress(ImportError):
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, initial=done, unit="img", dynamic_ncols=True,
                mininterval=0.5 if sys.stderr.isatty() else 15,
            )  # fmt: skip

    def update(self, images: int, loss_d: float, loss_g: float) -> None:
        self.done += images
        losses = f"loss D {loss_d:.3f} G {loss_g:.3f}"
        if self._bar is not None:
            self._bar.set_postfix_str(losses, refresh=False)
            self._bar.update(images)
        elif time.monotonic() - self.last > 15:
            self.last = time.monotonic()
            rate = (self.done - self.first) / (self.last - self.start)
            left = (self.total - self.done) / rate
            speed = f"{rate:.0f} img/s, {left:.0f} s left"
            self.print(f"{self.done}/{self.total} img, {speed}, {losses}")

    def print(self, line: str) -> None:
        if self._bar is None:
            say(line)
            return
        with self._bar.external_write_mode(sys.stdout):
            say(line)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception) -> None:
        if self._bar is not None:
            self._bar.close()


class Stoppable(Protocol):
    """Stops after the current step once `stopping` is set."""

    stopping: bool


@contextlib.contextmanager
def stop_signals(run: Stoppable) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP (the terminal is closed) let the step end, so that what is saved
    is whole; a second Ctrl-C stops at once. A signal that is ignored stays so: as `nohup` wants it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in list(before.items()):
        if handler in (signal.SIG_IGN, None):  # None: a handler of C's, which nobody could put back
            del before[number]

    def stop(number, frame):
        if run.stopping and number == signal.SIGINT:
            raise KeyboardInterrupt
        run.stopping = True

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
