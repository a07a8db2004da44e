"""Reading files that may be damaged: they are given no more memory than they can fill, and a
failure of the system is not taken for damage."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

BLOCK = 1 << 20
"""Bytes that are copied at once."""


class BoundedFile(io.BufferedReader):
    """A file to read, which is never asked for more bytes than it has left.

    A plain file makes room for as many bytes as it is asked for before it looks how many there are,
    and a damaged header asks for any number.
    """

    def __init__(self, path: str | os.PathLike):
        super().__init__(io.FileIO(path))
        self.length = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(self.length - self.tell(), 0)
        return super().read(left if size is None or size < 0 else min(size, left))


def fill(array: np.ndarray, file: Any) -> int:
    """Reads `file` into `array`, in the order of its memory; returns the number of bytes read.

    `array` is contiguous, in C or Fortran order. It is full, or `file` is at its end.
    """
    memory = memoryview(np.ravel(array, order="K").view(np.uint8)).cast("B")
    place = 0
    while place < len(memory):
        count = file.readinto(memory[place : place + BLOCK])
        if not count:
            break
        place += count
    return place


def is_system_failure(error: BaseException) -> bool:
    """Whether the operating system failed, as with a broken disk, and not the content of a file.

    A folder in the place of a file is none. Seeking to where a damaged file points may be invalid
    (EINVAL). Libraries raise OSError without a number for a content that they do not understand.
    """
    contents = (None, errno.EINVAL, errno.EISDIR)
    return isinstance(error, OSError) and error.errno not in contents


@contextlib.contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """A failure of the system within this block is raised as such, and says which file it was
    about, even where a library has called it damage."""
    try:
        yield
    except Exception as error:
        failure: BaseException | None = error
        while failure is not None and not is_system_failure(failure):
            failure = failure.__cause__ or failure.__context__
        if not isinstance(failure, OSError) or (failure is error and failure.filename is not None):
            raise
        raise OSError(failure.errno, failure.strerror, os.fspath(path)) from error


def reason(error: BaseException) -> str:
    """What an error says, or its type where it says nothing."""
    return str(error) or type(error).__name__
