"""Tables that commands put into documents, between two marker lines."""

from __future__ import annotations

import os
from pathlib import Path

Markers = tuple[str, str]
KERNELS = ("<!-- kernels:begin -->", "<!-- kernels:end -->")


def check_markers(path: Path, markers: Markers = KERNELS) -> None:
    """Raises what `replace_between_markers` would raise."""
    _split_at_markers(path, *markers)


def replace_between_markers(path: Path, table: str, markers: Markers = KERNELS) -> None:
    """Puts `table` between the two marker lines of the file, at once or not at all.

    Raises:
        OSError: the file cannot be read or written.
        ValueError: it does not hold the first marker and, after it, the second, each exactly once.
    """
    begin, end = markers
    before, after = _split_at_markers(path, begin, end)
    target = path.resolve()  # a link stays a link
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(f"{before}{begin}\n{table}\n{end}{after}".encode())
        draft.chmod(target.stat().st_mode)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _split_at_markers(path: Path, begin: str, end: str) -> tuple[str, str]:
    text = path.read_bytes().decode()
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end) or text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{path} needs one line {begin} and after it one line {end}")
    return before, after
