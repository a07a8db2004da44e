"""Machine code that is kept on disk: an optimisation, never a condition.

Numba refuses to compile with a cache where it finds no folder to write to, and ends at a file of
it that was cut off or at a full disk. Here each of these means: compile, and go on.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from pathlib import Path

from numba.core.caching import FunctionCache

KERNELS = Path(__file__).resolve().parent.parent


@functools.cache
def source_digest() -> str:
    """A digest of the text of every Python file of the kernels."""
    digest = hashlib.sha256()
    for path in sorted(KERNELS.rglob("*.py")):
        digest.update(path.relative_to(KERNELS).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


class KeptCode(FunctionCache):
    """The files of one function. What cannot be read is compiled again, and replaced.

    A kernel's files are good as long as all kernels' sources are the same, see `jit`; those of
    another function, as long as its own file is the same, too.

    Raises:
        RuntimeError, OSError: there is no folder to keep them in.
    """

    said = False

    def __init__(self, function):
        super().__init__(function)
        own = Path(function.__code__.co_filename).resolve()
        file = self._cache_file
        if own.is_relative_to(KERNELS):
            file._source_stamp = source_digest()
        else:
            file._source_stamp = (source_digest(), file._source_stamp)

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # unpickling what is not whole raises almost anything
            return None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except Exception:
            try:  # once more, without an index that may be damaged
                self.flush()
                super().save_overload(sig, data)
            except Exception as error:
                self.disable()
                if not KeptCode.said:
                    KeptCode.said = True
                    print(
                        f"tinygan: compiled kernels cannot be kept for the next time: {error}",
                        file=sys.stderr, flush=True,
                    )  # fmt: skip


def kept_code(function) -> KeptCode | None:
    """The files of a function, if there can be any.

    What was typed at a prompt or in a notebook has no file, and the next thing of that name would
    be taken for it.
    """
    path = function.__code__.co_filename
    if not os.path.exists(path):
        return None
    homeless = not os.path.isabs(os.path.expanduser("~"))  # a user whom the system does not know
    named = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    if homeless and not named and not os.access(os.path.dirname(path), os.W_OK):
        return None  # Numba would make a folder with the name ~ in the current one
    try:
        return KeptCode(function)
    except (RuntimeError, OSError):
        return None
