"""Evaluation mode for one thread: a net that others use meanwhile is not touched."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygan.nn.module import Module


class _Evaluated(threading.local):
    parts: frozenset[int] = frozenset()  # the ids of the modules that this thread evaluates


evaluated = _Evaluated()


@contextlib.contextmanager
def evaluating(net: Module) -> Iterator[None]:
    """Inside the block ``training`` of `net` and of all its parts is False, for this thread alone.

    ``net.eval()`` followed by ``net.train()`` would change what all threads see: one that trains
    would meet evaluation mode, and one that samples, training mode. Here nothing of the net is
    written, so any number of threads can sample, predict and score with one net at once, each with
    the answers that it would get alone. (`tinygan.no_grad` is for one thread as well.)
    """
    before = evaluated.parts
    evaluated.parts = before.union(map(id, net.modules()))
    try:
        yield
    finally:
        evaluated.parts = before
