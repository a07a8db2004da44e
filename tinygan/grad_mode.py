"""Whether ops are recorded: ``no_grad``, ``enable_grad``, ``set_grad_enabled``."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    recording = True


mode = _Mode()


def is_grad_enabled() -> bool:
    """Whether ops are being recorded."""
    return mode.recording


class _Block(contextlib.ContextDecorator):
    """Inside the block ops are recorded, or not; then it is as before."""

    def __init__(self, recording: bool):
        self.recording = recording
        self._outer: list[bool] = []

    def __enter__(self):
        self._outer.append(mode.recording)
        mode.recording = self.recording
        return self

    def __exit__(self, *exception):
        mode.recording = self._outer.pop()
        return False


class set_grad_enabled(_Block):
    """``set_grad_enabled(False)`` stops the recording of ops from here on; after ``with``, until
    the block ends."""

    def __init__(self, mode: bool):
        super().__init__(bool(mode))
        self._outer.append(_set(self.recording))
        self._begun = True

    def __enter__(self):
        if not self._begun:
            self._outer.append(_set(self.recording))
        self._begun = False
        return self

    def __call__(self, function: F) -> F:
        """As a decorator it is about the function only."""
        _set(self._outer.pop())

        @functools.wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            with _Block(self.recording):
                return function(*args, **options)

        return run  # type: ignore[return-value]


def _set(recording: bool) -> bool:
    """Sets the mode, and returns what it was."""
    before, mode.recording = mode.recording, recording
    return before


class no_grad(_Block):
    """``with no_grad():`` records nothing: for sampling, evaluation, updates of weights.

    ``@no_grad()`` and ``@no_grad`` do so in a function.
    """

    def __new__(cls, function: Callable | None = None):
        return super().__new__(cls) if function is None else cls()(function)

    def __init__(self, function: Callable | None = None):
        super().__init__(False)


class enable_grad(_Block):
    """``with enable_grad():`` records again inside a block that does not; a decorator, too."""

    def __new__(cls, function: Callable | None = None):
        return super().__new__(cls) if function is None else cls()(function)

    def __init__(self, function: Callable | None = None):
        super().__init__(True)
