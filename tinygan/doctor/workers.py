"""Each section runs in a process of its own: a kernel that touches memory which is not there ends
all CUDA of its process, and one that never ends can only be killed from outside."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygan.doctor.plan import Note, Plan, Result

Section = Callable[[Plan, Note], Result]
STEP, RESULT = "step: ", "result: "  # the beginnings of a worker's lines


def work(section: Section, plan: Plan) -> None:
    """What a worker does: prints each step before it is done, then the result."""

    def say(kind: str, text: str) -> None:
        print(kind + " ".join(text.split()), flush=True)

    try:
        found = section(plan, lambda text: say(STEP, text))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        found = {
            "problems": [f"{type(error).__name__}: {error} ({place.name}, line {place.lineno} of "
                         f"{place.filename})"],
            "rows": {}, "not_run": [],
        }  # fmt: skip
    print(RESULT + json.dumps(plain(found), allow_nan=False), flush=True)


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


def run(command: Sequence[str], seconds: float) -> Result:
    """The result of a worker, with how long it took; what is known of one that dies or hangs."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace"
        )
        ended = True
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            ended = False
            process.kill()
            output, _ = process.communicate()
        errors.seek(0)
        complaints = errors.read().strip().splitlines()[-8:]
    took = time.monotonic() - start
    lines = output.splitlines()
    for line in reversed(lines):
        if line.startswith(RESULT) and ended:
            try:
                return {**json.loads(line[len(RESULT) :]), "seconds": took}
            except ValueError:
                break
    last = next((line[len(STEP) :] for line in reversed(lines) if line.startswith(STEP)), "start")
    how = (f"ended with status {process.returncode}" if ended
           else f"did not end within {seconds:.0f} s")  # fmt: skip
    problem = f"the worker {how}; it was at: {last}"
    return {
        "problems": [problem], "rows": {}, "not_run": [f"what would come after: {last}"],
        "complaints": complaints, "seconds": took,
    }  # fmt: skip


def command(section: str, device: str, seconds: float) -> list[str]:
    return [sys.executable, "-m", "tinygan.doctor.run", "--section", section, "--device", device,
            "--seconds", str(seconds)]  # fmt: skip
