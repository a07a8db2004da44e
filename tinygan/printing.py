"""Printing that does not end a program: streams that lack a character, and streams that are not
there."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    r"""Prints a line at once. A character that the stream's encoding lacks, as cp1252 lacks most
    of the names of files, appears as \x.., \u.... or \U........; without a stream, as under
    pythonw, nothing is printed."""
    if sys.stdout is None:
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def escape_unprintable() -> None:
    """Lets ``print`` do the same from now on: for programs, which own the two streams."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
