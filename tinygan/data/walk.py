"""The files of a folder as people keep them."""

from __future__ import annotations

import os
from pathlib import Path

PRIVATE = {
    "__MACOSX", "__pycache__", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found",
}  # fmt: skip
"""Folders that systems and programs keep beside the user's files. What else they leave, as
``._a.jpg`` and ``.ipynb_checkpoints``, is hidden: its name starts with a dot."""


def files_below(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """The files below a folder whose names end in one of ``endings``, in upper or lower case, in
    the order of their relative paths.

    Links to files and folders are followed, but not to a folder that the link itself lies in.
    Hidden files and folders, and those of `PRIVATE`, are left out. A link to nothing is a file too,
    so that whoever reads it will say that it is missing.

    Raises OSError, naming the folder, when one cannot be listed.
    """
    found: list[str] = []
    # A folder still to be listed: its path relative to `folder`, and the folders that it lies in.
    waiting: list[tuple[str, frozenset]] = [("", frozenset())]
    while waiting:
        place, around = waiting.pop()
        identity = _identity(folder / place)
        if identity in around:
            continue
        with os.scandir(folder / place) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name in PRIVATE:
                    continue
                path = f"{place}/{entry.name}" if place else entry.name
                if _is_folder(entry):
                    waiting.append((path, around | {identity}))
                elif entry.name.lower().endswith(endings) and _is_file(entry):
                    found.append(path)
    return [folder / path for path in sorted(found)]


def _identity(folder: Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_file(entry: os.DirEntry) -> bool:
    """Not a pipe or a device, which could be read for ever."""
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:
        return True
