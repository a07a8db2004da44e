"""Work that will be wanted soon, done ahead by threads: compiling the kernels of a training step.

    todo = Ahead(workers=16)
    todo.add("a", compile_a)        # returns at once
    todo.take("a", compile_a)       # what compile_a returned, there or now

A training step launches some forty kernels, and NVRTC takes half a second for each. The compiler
lets several threads work at once, so that with many cores all are there after a few seconds.
"""

from __future__ import annotations

import atexit
import queue
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

Work = Callable[[], Any]


class Ahead:
    """A queue of pieces of work, each of which a thread does, or who wants its result first.

    Args:
        workers: how many threads take work from the queue. They end when it is empty, and with the
            process: what nobody has begun by then is left, what has begun is waited for.
    """

    def __init__(self, workers: int):
        self.workers = workers
        self._futures: dict[Hashable, Future] = {}
        self._queue: queue.SimpleQueue[tuple[Future, Work]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        atexit.register(self.stop)

    def add(self, key: Hashable, work: Work) -> None:
        """Lets a thread do this, unless that has been asked for already."""
        with self._lock:
            if key in self._futures or not self.workers:
                return
            future: Future = Future()
            self._futures[key] = future
            self._queue.put((future, work))
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            if len(self._threads) < self.workers:
                # Daemons, since the interpreter waits for others before it calls `stop`.
                thread = threading.Thread(target=self._run, name="tinygan compiles", daemon=True)
                self._threads.append(thread)
                thread.start()

    def take(self, key: Hashable, work: Work) -> Any:
        """What the work of this key returned or raised, which is forgotten then. If no thread has
        begun it, it is done here and now."""
        with self._lock:
            future = self._futures.pop(key, None)
        return work() if future is None or future.cancel() else future.result()

    def stop(self) -> None:
        """Leaves what nobody has begun, and waits for the rest."""
        with self._lock:
            for future in self._futures.values():
                future.cancel()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            try:
                future, work = self._queue.get_nowait()
            except queue.Empty:
                return
            if not future.set_running_or_notify_cancel():
                continue  # taken by who wanted it, or the process ends
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)  # for who takes it
