"""Runs a section of the doctor in this process, on little."""

from __future__ import annotations

import json

from tinygan.doctor import workers
from tinygan.doctor.plan import Plan, result

SMALL = Plan(
    ladders=("relu", "swap_inner", "activation/2"), dtypes=("float32",), real_sizes=False,
    models=("DCGAN",), steps=4, repeats=2, width=2, nets=("mnist",),
)  # fmt: skip


def examined(section, plan=SMALL) -> dict:
    """What a section has found, by the way of a worker's lines."""
    lines: list[dict] = []
    status = workers.work(section, plan, lambda line: lines.append(round_trip(line)), lambda: None)
    found = result()
    *_, whole = workers._read(lines, found)
    assert status == 0 and whole
    return found


def round_trip(line: dict) -> dict:
    return json.loads(json.dumps(workers.plain(line), allow_nan=False))
