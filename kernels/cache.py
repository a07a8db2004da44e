"""Where files are kept for the next time: a cache is an optimisation, never a condition."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path


def cache_dir() -> Path:
    """Folder for downloaded data: $TINYGAN_CACHE, else ``tinygan`` in the user's cache folder; of
    a user without a home, in the folder for temporary files."""
    wanted = _wanted()
    if not wanted.startswith("~"):
        return Path(wanted)
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"tinygan-{user}"
    if os.environ.get("TINYGAN_CACHE"):
        _say(f"tinygan: {_no_home(wanted)}: files are kept in {folder}")
    return folder


def _wanted() -> str:
    """The folder that is asked for; it begins with ~ where there is no such home."""
    own = os.environ.get("TINYGAN_CACHE")
    shared = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    default = os.path.join(shared, "tinygan") if shared else "~/.cache/tinygan"
    return os.path.expanduser(own or default)


def _no_home(wanted: str) -> str:
    return f"there is no home for {wanted}"


def own_folder(name: str, what: str) -> Path:
    """The folder `name` of the cache, as `writable`; without a home one for this process alone, so
    that no other user can have put anything into it."""
    wanted = _wanted()
    if wanted.startswith("~"):
        return _temporary_folder(what, _no_home(wanted))
    return writable(Path(wanted) / name, what)


def writable(folder: Path, what: str) -> Path:
    """`folder`, made if need be; where it cannot be written to, one for this process alone, and a
    line that says so. `what` is to be kept there: "what is downloaded"."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        folder = _temporary_folder(what, str(error)) / folder.name
        folder.mkdir(exist_ok=True)
    return folder


@functools.cache
def _temporary_folder(what: str, reason: str) -> Path:
    """A new folder, for as long as this process runs."""
    _say(f"tinygan: {what} cannot be kept ({reason}); TINYGAN_CACHE can name a folder for it")
    made = tempfile.mkdtemp(prefix="tinygan-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


@functools.cache
def _say(line: str) -> None:
    """Once; a stream that is gone is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)
