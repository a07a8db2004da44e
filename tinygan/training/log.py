"""The records of a run: ``run.json`` says what was run, ``log.jsonl`` what happened."""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from tinygan import __version__
from tinygan.devices import to_device
from tinygan.files import atomic_write, force_to_disk, naming
from tinygan.kernels.cpu.compiler import numba_version
from tinygan.kernels.cpu.threads import get_num_threads
from tinygan.tensor import Tensor


class JsonLines:
    """A file with one JSON object per line, whose end can be moved back.

    No call raises an error of the disk: lines that could not be written are kept, and written with
    the next ones. `problem` is the last error, or what else is wrong with the file.

    Args:
        path: created when it is not there.
        position: its length in bytes to go on from; anything after it is cut off. It was written
            after the checkpoint that the run resumes from, and will be written again.
        pending: lines that belong there and were not written.
    """

    def __init__(self, path: Path, position: int = 0, pending: str = ""):
        self.path, self.problem = path, ""
        self._end, self._pending = position, pending.encode()
        self.flush()

    @property
    def pending(self) -> bytes:
        """The lines that are not written yet."""
        return self._pending

    @property
    def length(self) -> int:
        """In bytes, with what is not written yet."""
        return self._end + len(self._pending)

    def cut(self, length: int) -> None:
        """Forgets what comes after; the file is cut at the next `flush`."""
        self._pending = self._pending[: max(0, length - self._end)]
        self._end = min(self._end, length)

    def write(self, **entry: Any) -> None:
        """Adds a line. NaN and infinities become null, since JSON has no others."""
        self._pending += (json.dumps(_finite(entry), allow_nan=False) + "\n").encode()
        self.flush()

    def flush(self) -> None:
        """Writes what is not written yet."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with naming(self.path), open(self.path, "a+b") as file:
                length = file.seek(0, os.SEEK_END)
                self.problem = ""
                if length < self._end:
                    self.problem = (
                        f"{self.path} is shorter than this run has written it: something else has "
                        "changed it, and lines are lost; new ones follow"
                    )
                    self._end = length
                file.truncate(self._end)  # what a failed write left
                # The end may lie within a line, if something else changed the file.
                file.seek(max(0, self._end - 1))
                lead = b"" if file.read() in (b"", b"\n") else b"\n"
                file.write(lead + self._pending)
            self._end += len(lead + self._pending)
            self._pending = b""
        except OSError as error:
            self.problem = f"{error} (lines are kept for later)"

    def state(self) -> tuple[int, str]:
        """The length in bytes of what is safely on disk, and the lines that are not."""
        self.flush()
        try:
            with naming(self.path), open(self.path, "ab") as file:
                force_to_disk(file.fileno())
        except OSError as error:
            self.problem = str(error)
        return self._end, self._pending.decode()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """All objects of the file; a line that was cut off in the middle, or is damaged, is left out.
    """
    entries = []
    for line in path.read_bytes().split(b"\n"):
        with contextlib.suppress(ValueError, RecursionError):  # the latter of deep nesting
            entries.append(json.loads(line))
    return [entry for entry in entries if isinstance(entry, dict)]


RESERVED = ("step", "epoch", "alarm", "failed")


def score_numbers(scores: Any) -> dict[str, Any]:
    """What `evaluate` returned, as Python's own numbers.

    A number may be of NumPy, a Tensor or an array with one element; lists of numbers, strings and
    truth values may stand in their place.

    Raises:
        TypeError, ValueError: it is no dict of such, or a name is one of the log's own.
    """
    if not isinstance(scores, Mapping):
        raise TypeError(f"it returned {_kind(scores)}; expected a dict of names and numbers")
    for name in scores:
        if not isinstance(name, str) or name in RESERVED:
            raise ValueError(
                f"it returned a score named {name!r}; expected a string other than "
                f"{', '.join(RESERVED)}"
            )
    return {name: _number(name, value) for name, value in scores.items()}


def _number(name: str, value: Any) -> Any:
    if isinstance(value, (str, bool, int, float)):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (list, tuple)):
        return [_number(name, item) for item in value]
    array = np.asarray(to_device(value.array, "cpu") if isinstance(value, Tensor) else value)
    if array.size != 1 or array.dtype.kind not in "fiub":
        raise TypeError(f"the score {name!r} is {_kind(value)}; expected a number")
    return array.item()


def _kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    name = "None" if value is None else f"a {type(value).__name__}"
    return name if shape is None else f"{name} of shape {tuple(shape)}"


def keep_old_log(path: Path, first_checkpoint: int) -> str:
    """Before a new run begins in a folder that has a log and no checkpoint: what to say of it.

    A log of a run that never came to its first checkpoint has nothing to lose, and will be
    overwritten. Any other one is renamed to ``log.1.jsonl``, or the next number that is free.
    """
    try:
        entries = read_json_lines(path)
    except FileNotFoundError:
        return ""
    except OSError as error:  # the new log will say the same again, and the run goes on
        return str(error)
    if not path.stat().st_size:
        return ""
    steps = [entry["step"] for entry in entries if isinstance(entry.get("step"), int)]
    if max(steps, default=0) <= first_checkpoint and not any("epoch" in e for e in entries):
        return f"{path.parent}: an earlier run ended before its first checkpoint; it begins again"
    number = 1
    while (kept := path.with_name(f"{path.stem}.{number}{path.suffix}")).exists():
        number += 1
    path.rename(kept)
    return (
        f"{path.parent} has a log of {max(steps, default=0)} steps and no checkpoint: the log is "
        f"kept as {kept.name}, and a new run begins"
    )


def _command() -> list[str]:
    """The program and its arguments; empty where Python is part of another program."""
    arguments = getattr(sys, "argv", [])
    return [*(Path(name).name for name in arguments[:1]), *arguments[1:]]


def write_run_file(
    path: Path, settings: dict[str, Any], data: dict[str, Any], device: str, step: int
) -> None:
    """Writes ``run.json``: settings, versions, data set, machine, and every start of the run."""
    starts: list[dict[str, Any]] = []
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        starts = [dict(start) for start in json.loads(path.read_bytes())["starts"] if step]
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
