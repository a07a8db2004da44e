"""The records of a run: ``run.json`` says what was run, ``log.jsonl`` what happened."""

from __future__ import annotations

import json
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from tinygan import __version__
from tinygan.files import atomic_write, force_to_disk
from tinygan.kernels.cpu.compiler import numba_version
from tinygan.kernels.cpu.threads import get_num_threads


class JsonLines:
    """A file with one JSON object per line, whose end can be moved back.

    Args:
        path: created when it is not there.
        position: its length in bytes to go on from; anything after it is cut off. It was written
            after the checkpoint that the run resumes from, and will be written again.

    Raises:
        ValueError: the file is shorter than `position`.
    """

    def __init__(self, path: Path, position: int = 0):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        length = path.stat().st_size if path.exists() else 0
        if length < position:
            raise ValueError(
                f"{path} has {length} bytes, the checkpoint expects at least {position}: the log "
                "was changed by something else"
            )
        with open(path, "ab") as file:
            file.truncate(position)

    @property
    def position(self) -> int:
        """The length in bytes, of what is safely on disk."""
        with open(self.path, "ab") as file:
            force_to_disk(file.fileno())
            return file.tell()

    def write(self, **entry: Any) -> None:
        with open(self.path, "ab") as file:
            file.write((json.dumps(entry) + "\n").encode())


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """All objects of the file; a last line that was cut off in the middle is left out."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return entries


def _command() -> list[str]:
    """The program and its arguments; empty where Python is part of another program."""
    arguments = getattr(sys, "argv", [])
    return [*(Path(name).name for name in arguments[:1]), *arguments[1:]]


def write_run_file(
    path: Path, settings: dict[str, Any], data: dict[str, Any], device: str, step: int
) -> None:
    """Writes ``run.json``: settings, versions, data set, machine, and every start of the run."""
    starts: list[dict[str, Any]] = []
    if step and path.exists():
        starts = json.loads(path.read_text(encoding="utf-8")).get("starts", [])
    starts.append({"time": datetime.now(timezone.utc).isoformat(timespec="seconds"), "step": step})
    content = {
        "settings": settings,
        "data": data,
        "command": _command(),
        "versions": {
            "tinygan": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "numba": numba_version(),
        },
        "machine": {
            "device": device,
            "platform": platform.platform(),
            "processor": platform.machine(),
            "threads": get_num_threads(),
        },
        "starts": starts,
    }
    with atomic_write(path, "w") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
