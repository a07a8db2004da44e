"""Each section runs in a process of its own: a kernel that touches memory which is not there ends
all CUDA of its process, and one that never ends can only be killed from outside.

A worker prints a line of JSON for whatever it does or finds. If it dies, another one goes on with
what comes after.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygan.doctor.plan import Findings, Plan, Result, Say, Section, result, told

MARK = "tinygan-doctor "  # begins a worker's lines; what else is printed is not read
BROKEN = 3  # the status of a worker whose GPU does nothing more for it, which it has told
MOST_WORKERS = 8  # for a section, if they die
# A worker that has to be stopped counts as hung if it has said nothing for so long; otherwise it
# was slow, which is no fault. Before its first piece it imports: it is slow then, too.
HANG_SECONDS = 12.0
KILL_SECONDS = 5.0  # a process that hangs in the driver may outlive even being killed


# The worker's side


def say(line: dict[str, Any]) -> None:
    print(MARK + json.dumps(plain(line), allow_nan=False), flush=True)


def work(
    section: Section, plan: Plan, say: Say, wait: Callable[[], object], first: int = 0
) -> int:
    """What a worker does; returns its status.

    Args:
        wait: waits until the GPU has done all that was asked of it, and raises what went wrong.
        first: the piece to begin with; others have been tried by a worker that died.
    """
    found = Findings(say)
    try:
        items = list(section(plan))
    except Exception as error:
        found.problem(told(error))
        found.say(end=True)
        return 0
    found.say(items=[name for name, _ in items])
    for number, (name, piece) in enumerate(items[first:], first):
        if plan.late():
            found.not_run(name)
            continue
        found.say(begin=number)
        try:
            piece(found)
            wait()
        except Exception as error:  # whatever it is, the other pieces are tried
            found.problem(f"{name}: {told(error)}")
            try:
                wait()
            except Exception:
                return BROKEN
    found.say(end=True)
    return 0


def plain(value: Any) -> Any:
    """For JSON: NumPy's numbers as Python's, and what is not finite as a word."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


# The parent's side


class Ended(NamedTuple):
    """How a worker ended; status None: it was killed, for it took too long or the user has had
    enough."""

    status: int | None
    lines: list[dict[str, Any]]
    complaints: list[str]  # the last lines of stderr
    silent: float  # seconds since it wrote something
    interrupted: bool


class CannotRun(RuntimeError):
    """There is no GPU to work on; the message says what is missing."""


def ask(command: Sequence[str], seconds: float) -> None:
    """Asks a worker whether there is a GPU. One that dies says nothing: the sections will.

    Raises:
        CannotRun: it says that there is none, or nothing within so many seconds.
        KeyboardInterrupt: the user has had enough.
    """
    ended = _run_one(command, seconds)
    _read(ended.lines, result())
    if ended.interrupted:
        raise KeyboardInterrupt
    if ended.status is None:
        raise CannotRun(f"the GPU has not answered within {seconds:.0f} s")


def run(command: Callable[[int], Sequence[str]], seconds: float, least: float) -> Result:
    """What a section has found, by as many workers as it takes; ``"interrupted"`` is True if the
    user has had enough.

    Args:
        command: makes the command of a worker that begins with the piece of this number.
        seconds: after which a worker is killed.
        least: with fewer seconds left, no other worker takes the place of one that has died.

    Raises:
        CannotRun: the worker says that there is no GPU.
    """
    start, first, found = time.monotonic(), 0, result()
    for _ in range(MOST_WORKERS):
        ended = _run_one(command(first), seconds - (time.monotonic() - start))
        names, begun, last, whole = _read(ended.lines, found)
        if ended.interrupted:
            found["interrupted"] = True
        if whole:
            if ended.status is not None and ended.status != 0:
                found["problems"].append(f"the worker, done, ended with status {ended.status}")
            break
        if ended.status is None:
            _stopped(found, ended, begun, last, time.monotonic() - start)
        elif ended.status != BROKEN or begun is None:
            found["problems"].append(
                f"the worker ended with status {ended.status}; it was at: {last}"
            )
        if not ended.interrupted:
            found["complaints"] = ended.complaints
        left = seconds - (time.monotonic() - start)
        if begun is None or ended.status is None or left < least:
            first = len(names) if begun is None else begun + 1
            found["not_run"] += names[first:] if begun is not None else ["all of it"]
            break
        first = begun + 1
        if first == len(names):
            break
    else:
        found["not_run"] += names[first:]
    found["seconds"] = time.monotonic() - start
    return found


def _stopped(found: Result, ended: Ended, begun: int | None, last: str, took: float) -> None:
    """Says at what a worker was stopped: only if it hung, something is wrong."""
    if ended.interrupted:
        found["not_run"].append(f"interrupted after {took:.0f} s at: {last}")
    elif begun is not None and ended.silent >= HANG_SECONDS:
        found["problems"].append(
            f"hung: stopped by the doctor after {took:.0f} s, of which it said nothing for "
            f"{ended.silent:.0f} s, at: {last}"
        )
    else:
        found["not_run"].append(
            f"took too long, stopped by the doctor after {took:.0f} s at: {last}"
        )


def _read(
    lines: list[dict[str, Any]], found: Result
) -> tuple[list[str], int | None, str, bool]:
    """Adds what a worker has said to what was found. Returns the names of all pieces, the number
    of the last one that was begun, what was done last, and whether the worker has come to its end.

    Raises:
        CannotRun: the worker has said so.
    """
    names: list[str] = []
    begun, last, whole = None, "start", False
    for line in lines:
        with contextlib.suppress(KeyError, TypeError, IndexError):
            if "cannot" in line:
                raise CannotRun(str(line["cannot"]))
            if "items" in line:
                names = [str(name) for name in line["items"]]
            elif "begin" in line:
                last, begun = names[line["begin"]], line["begin"]
            elif "step" in line:
                last = str(line["step"])
            elif "problem" in line:
                found["problems"].append(str(line["problem"]))
            elif "remark" in line:
                found["remarks"].append(str(line["remark"]))
            elif "not_run" in line:
                found["not_run"].append(str(line["not_run"]))
            elif "fact" in line:
                found["facts"][line["fact"]] = line["value"]
            elif "table" in line:
                found["rows"].setdefault(line["table"], []).append(dict(line["row"]))
            whole = whole or "end" in line
    return names, begun, last, whole


def _run_one(command: Sequence[str], seconds: float) -> Ended:
    """Runs a worker to its end, which is brought about after so many seconds.

    Its output goes to files: who reads from a pipe waits for all that hold it, also for a process
    that hangs in the driver and cannot be killed.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors, stdin=subprocess.DEVNULL)
        status: int | None = None
        interrupted = False
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = process.wait(max(0.0, seconds))
        except KeyboardInterrupt:  # what it has said so far is kept
            interrupted = True
        finally:
            silent = time.time() - os.fstat(output.fileno()).st_mtime
            if process.poll() is None:
                process.kill()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(KILL_SECONDS)
        output.seek(0)
        errors.seek(0)
        lines = [_parsed(line) for line in _text(output.read()).splitlines()]
        complaints = _text(errors.read()).strip().splitlines()[-8:]
        status = None if interrupted else status
        return Ended(status, [line for line in lines if line], complaints, silent, interrupted)


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _parsed(line: str) -> dict[str, Any]:
    """A worker's line; nothing for what a worker does not print."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    if not line.startswith(MARK):
        return {}
    try:
        found = json.loads(line[len(MARK) :], parse_constant=refuse)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def command(section: str, device: str, seconds: float, first: int) -> list[str]:
    """Of a worker that begins nothing after so many seconds."""
    return [
        sys.executable, "-m", "tinygan.doctor.run", "--section", section, "--device", device,
        "--until", str(time.time() + seconds), "--first", str(first),
    ]  # fmt: skip
