"""Fetching files into the user's cache, so that a file there is always whole and right."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from tinygan.files import force_to_disk
from tinygan.kernels.cache import writable

from .dataset import DataFormatError, DataUnavailableError

TIMEOUT_SECONDS = 30.0
"""Longest silence of a mirror that is waited out."""

ABANDONED_SECONDS = 10 * TIMEOUT_SECONDS
"""A partial file unchanged for this long belongs to a download that was killed: a live one is
written to, or given up, within TIMEOUT_SECONDS."""

PARTIAL = ".part"
BLOCK = 1 << 16


def fetch(name: str, folder: Path, mirrors: Sequence[str], sha256: str) -> Path:
    """Download ``name`` from the first mirror that has the right content; return its path.

    ``mirrors`` are URLs ending in "/". The file appears in ``folder`` under its name only once
    it is complete and has the given SHA-256; in one for this process alone, if ``folder`` cannot
    be written to.

    Raises DataUnavailableError when all fail: with the reason of each mirror, or, where none can
    be reached, with the one sentence that the network is down.
    """
    folder = writable(folder, "what is downloaded")
    _remove_abandoned(folder)
    failures: dict[str, Exception] = {}
    for mirror in mirrors:
        url = mirror + name
        try:
            return _fetch_from(url, folder / name, sha256)
        except (OSError, http.client.HTTPException, DataFormatError) as error:
            failures[url] = error
    if all(_is_unreachable(error) for error in failures.values()):
        raise DataUnavailableError(
            f"could not download {name}: the network is down, or none of {', '.join(failures)} can "
            f"be reached; to supply it by hand, put it into {folder}"
        )
    reasons = (f"  {url}: {error or type(error).__name__}" for url, error in failures.items())
    raise DataUnavailableError(
        f"could not download {name}:\n" + "\n".join(reasons) + "\n"
        f"To supply it by hand, put it into {folder}."
    )


def _is_unreachable(error: Exception) -> bool:
    """Whether there was no connection at all: no name of the server, no route to it, no answer."""
    return isinstance(error, urllib.error.URLError) and not isinstance(
        error, urllib.error.HTTPError
    )


def _fetch_from(url: str, target: Path, sha256: str) -> Path:
    with _open(url) as response:
        handle, partial = tempfile.mkstemp(PARTIAL, f".{target.name}.", target.parent)
        try:
            # Unbuffered, so that every block renews the time stamp _remove_abandoned looks at.
            with open(handle, "wb", buffering=0) as file:
                found = _copy(response, file, target.name)
                force_to_disk(file.fileno())
            if found != sha256:
                raise DataFormatError(f"SHA-256 is {found}; expected {sha256}")
            os.replace(partial, target)
        finally:
            Path(partial).unlink(missing_ok=True)
    return target


def _open(url: str) -> http.client.HTTPResponse:
    try:
        return urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise


def _copy(response: http.client.HTTPResponse, file: IO[bytes], name: str) -> str:
    """Write the body of ``response`` to ``file``; return its SHA-256."""
    digest, received, expected = hashlib.sha256(), 0, response.length
    with _progress(name, expected) as advance:
        while block := response.read1(BLOCK):
            file.write(block)
            digest.update(block)
            received += len(block)
            advance(len(block))
    if expected is not None and received != expected:
        raise DataFormatError(f"ended after {received} bytes; expected {expected}")
    return digest.hexdigest()


@contextlib.contextmanager
def _progress(name: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """A function to call with the size of each block; shows a bar where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        tqdm = None
    if tqdm is None:
        size = "unknown size" if total is None else f"{total / 1e6:.1f} MB"
        print(f"Downloading {name} ({size})", file=sys.stderr, flush=True)
        yield lambda size: None
    else:
        with tqdm(desc=name, total=total, unit="B", unit_scale=True) as bar:
            yield bar.update


def _remove_abandoned(folder: Path) -> None:
    """Delete what killed downloads left, and leave alone what is still being written."""
    for partial in folder.glob(f".*{PARTIAL}"):
        with contextlib.suppress(OSError):  # another process may delete it first
            if time.time() - partial.stat().st_mtime > ABANDONED_SECONDS:
                partial.unlink()
