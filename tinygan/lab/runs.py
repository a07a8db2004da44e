"""Reads what a `Trainer` writes into the folder of a run, while it writes it and afterwards.

Nothing that stands in a folder can break a reader: what is damaged, half written or not there is
left out, and `Run.problems` says what.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

LARGEST_FILE = 16 * 2**20  # bytes of run.json, scores.json or a picture
BLOCK = 2**22  # bytes of the log that are read at a time
MOST_ALARMS = 100
MOST_COLUMNS = 64
LONGEST_LINE = 2**20
KNOWN_END = 64  # bytes before the place that was read last, which must still stand there
PICTURE = re.compile(r"epoch_(\d{1,9})\.png")
PNG = b"\x89PNG\r\n\x1a\n"


def is_run(folder: Path) -> bool:
    """Whether a Trainer has begun to write here."""
    return any((folder / name).is_file() for name in ("run.json", "log.jsonl"))


def find_runs(paths: list[Path]) -> list[Path]:
    """The folders of runs among `paths`, and below those that are none themselves, two folders
    deep, by name.

    Raises:
        ValueError: one of them holds no run.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            raise ValueError(f"{path} holds no run: there is no such folder")
        if is_run(path):
            inside = [path]
        else:
            below = sorted([*path.glob("*"), *path.glob("*/*")])
            inside = [folder for folder in below if folder.is_dir() and is_run(folder)]
        if not inside:
            raise ValueError(f"{path} holds no run: neither run.json nor log.jsonl is in it, nor "
                             "in the folders in it")  # fmt: skip
        found += [folder for folder in inside if folder not in found]
    return found


def read_json_object(path: Path) -> tuple[dict[str, Any], str]:
    """The object in the file, and "" or why there is none."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            return {}, f"{path.name} is too large to be one"
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, f"there is no {path.name}"
    except (OSError, ValueError, RecursionError) as problem:
        return {}, f"{path.name} cannot be read ({type(problem).__name__})"
    return (content, "") if isinstance(content, dict) else ({}, f"{path.name} holds no object")


def number(value: Any) -> float:
    """A number of JSON as a float; NaN for anything else, and for what no float can hold."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value) if math.isfinite(value) else math.nan
        except OverflowError:
            pass
    return math.nan


class Log:
    """``log.jsonl`` as it grows: `poll` reads what has been appended since the last time.

    A run that is resumed cuts its log at its last checkpoint and writes on. Where the file is
    shorter than what has been read, or other bytes stand before that place, all is read anew.

    Attributes:
        losses: name -> values, one each for every line of a step; "step" among them.
        scores: name -> values, one each for every line of an epoch; "epoch" and "step" among them.
        alarms: (step, sentence), the last ones.
        damaged: lines that were none.
    """

    def __init__(self, path: Path):
        self.path = path
        self._forget()

    def _forget(self) -> None:
        self.losses: dict[str, list[float]] = {"step": []}
        self.scores: dict[str, list[float]] = {"epoch": [], "step": []}
        self.alarms: list[tuple[float, str]] = []
        self.damaged = self.read_bytes = 0
        self._before = b""  # the last bytes that were read
        self._tail = b""  # the beginning of a line whose end is not written yet
        self._skips = False  # the rest of a line that is too long

    def poll(self) -> bool:
        """Reads on; whether anything new was there."""
        try:
            with open(self.path, "rb") as file:
                start = max(0, self.read_bytes - len(self._before))
                file.seek(start)
                if file.read(len(self._before)) != self._before:
                    self._forget()
                    file.seek(0)
                new = False
                while block := file.read(BLOCK):
                    self._take(block)
                    new = True
                return new
        except OSError:
            return False

    def _take(self, block: bytes) -> None:
        self.read_bytes += len(block)
        self._before = (self._before + block)[-KNOWN_END:]
        *lines, self._tail = (self._tail + block).split(b"\n")
        for line in lines:
            if self._skips:
                self._skips = False
                continue
            self._take_line(line)
        if len(self._tail) > LONGEST_LINE:
            self._tail, self._skips = b"", True
            self.damaged += 1

    def _take_line(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict):
            self.damaged += 1
            return
        step = number(entry.get("step"))
        if isinstance(entry.get("alarm"), str):
            self.alarms = [*self.alarms, (step, entry["alarm"])][-MOST_ALARMS:]
        if isinstance(entry.get("failed"), str):
            self.alarms = [*self.alarms, (step, "failed: " + entry["failed"])][-MOST_ALARMS:]
        if not math.isnan(number(entry.get("epoch"))):
            append(self.scores, entry)
        elif "loss_d" in entry and not math.isnan(step):
            append(self.losses, entry)


def append(table: dict[str, list[float]], entry: dict[str, Any]) -> None:
    """A row of the table from the numbers of an entry; NaN where one of them is missing."""
    rows = len(next(iter(table.values())))
    for name, value in entry.items():
        new = name not in table and len(table) < MOST_COLUMNS
        if new and isinstance(value, (int, float)) and not isinstance(value, bool):
            table[name] = [math.nan] * rows
    for name, values in table.items():
        values.append(number(entry.get(name)))


class Run:
    """A folder of a run. `poll` looks what is new; everything else is what it found.

    Attributes:
        facts: of ``run.json``; {} without it.
        final: of ``scores.json``: {"generated": {...}, "real": {...}}; {} without it.
        pictures: epoch -> file.
        problems: what could not be read, as sentences.
    """

    def __init__(self, folder: Path):
        self.folder, self.log = folder, Log(folder / "log.jsonl")
        self.facts: dict[str, Any] = {}
        self.final: dict[str, Any] = {}
        self.pictures: dict[int, Path] = {}
        self.problems: list[str] = []
        self._seen: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        return self.folder.name or str(self.folder)

    def poll(self) -> bool:
        """Whether anything has changed."""
        grown = self.log.poll()
        state = tuple(_stamp(self.folder / name)
                      for name in ("run.json", "scores.json", "samples", "log.jsonl"))  # fmt: skip
        if state == self._seen and not grown:
            return False
        self._seen = state
        self.facts, problem = read_json_object(self.folder / "run.json")
        self.problems = [problem] if problem else []
        self.final, problem = read_json_object(self.folder / "scores.json")
        if problem and "there is no" not in problem:
            self.problems.append(problem)
        self.pictures = self._find_pictures()
        if self.log.damaged:
            self.problems.append(f"{self.log.damaged} damaged lines of log.jsonl are left out")
        return True

    def _find_pictures(self) -> dict[int, Path]:
        try:
            paths = list((self.folder / "samples").iterdir())
        except OSError:
            return {}
        matches = ((PICTURE.fullmatch(path.name), path) for path in paths)
        return dict(sorted((int(match[1]), path) for match, path in matches if match))

    def picture(self, epoch: int) -> bytes | None:
        """The PNG of an epoch, None where it is not there or no whole one."""
        path = self.pictures.get(epoch)
        try:
            if path is None or path.stat().st_size > LARGEST_FILE:
                return None
            content = path.read_bytes()
        except OSError:
            return None
        return content if content.startswith(PNG) and b"IEND" in content[-12:] else None

    def score_rows(self) -> list[tuple[str, float, float]]:
        """(name, of made images, of real ones) of ``scores.json``, which has both for one kind of
        samples, or for several by their names."""
        parts = {"": self.final, **self.final} if "generated" in self.final else self.final
        rows = []
        for part, content in parts.items():
            if not isinstance(content, dict):
                continue
            made, real = content.get("generated", content.get("made")), content.get("real")
            floors = real if isinstance(real, dict) else {}
            for name, value in made.items() if isinstance(made, dict) else ():
                if not math.isnan(number(value)):
                    rows.append((f"{part}: {name}" if part else name, number(value),
                                 number(floors.get(name))))  # fmt: skip
        return rows

    def settings(self) -> list[tuple[str, str]]:
        """What ``run.json`` says, flat: (name, value)."""
        rows: list[tuple[str, str]] = []
        for part, content in self.facts.items():
            if isinstance(content, dict):
                for name, value in content.items():
                    if isinstance(value, dict):
                        rows += [(f"{name}.{inner}", str(x)) for inner, x in value.items()]
                    else:
                        rows.append((f"{name}" if part == "settings" else f"{part}.{name}",
                                     str(value)))  # fmt: skip
            elif part != "starts":
                rows.append((part, " ".join(map(str, content)) if isinstance(content, list)
                             else str(content)))  # fmt: skip
        return [(name[:80], value[:300]) for name, value in rows[:200]]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def thinned(steps: list[float], values: list[float], most: int = 800) -> np.ndarray:
    """(at most `most`, 2): a long curve as means of equal numbers of neighbours; NaN is left out of
    a mean."""
    x = np.array([steps, values], np.float64)
    group = -(-x.shape[1] // most)
    if group <= 1:
        return x.T
    whole = x.shape[1] // group * group
    blocks = x[:, :whole].reshape(2, -1, group)
    known = np.isfinite(blocks)
    counts = known.sum(2)
    means = np.where(known, blocks, 0).sum(2) / np.maximum(counts, 1)
    return np.where(counts > 0, means, np.nan).T
