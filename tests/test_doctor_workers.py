"""The doctor's workers: one that dies, hangs or talks nonsense takes nothing else along."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from doctored import SMALL, examined

from tinygan.doctor import workers
from tinygan.doctor.plan import Findings

PROGRAM = f"""
import json, os, sys, time
first = int(sys.argv[1])
def say(**line):
    print({workers.MARK!r} + json.dumps(line), flush=True)
say(items=["a", "b", "c"])
for number, name in list(enumerate("abc"))[first:]:
    say(begin=number)
    say(table="done", row=dict(name=name))
    if name == "b":
        BODY
say(end=True)
"""


def ran(body: str, seconds: float = 20.0) -> dict:
    """What three pieces of work come to if the second one does this."""
    program = PROGRAM.replace("BODY", body)
    return workers.run(lambda first: [sys.executable, "-c", program, str(first)], seconds, 0.0)


def done(found: dict) -> str:
    return "".join(row["name"] for row in found["rows"]["done"])


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("os._exit(9)", "with status 9"),
        ("os.kill(os.getpid(), 11)", "with status -11"),
        ("say(step='deep in b'); raise SystemExit(4)", "with status 4"),
    ],
    ids=["exit", "signal", "step"],
)
def test_a_worker_that_dies_is_told_and_another_goes_on(body, how):
    found = ran(body)
    at = "deep in b" if "deep" in body else "b"
    assert found["problems"] == [f"the worker ended {how}; it was at: {at}"]
    assert done(found) == "abc" and found["not_run"] == []


def test_a_worker_that_has_told_of_a_broken_gpu_is_replaced_quietly():
    found = ran(f"say(problem='b is bad'); os._exit({workers.BROKEN})")
    assert found["problems"] == ["b is bad"] and done(found) == "abc"


SLOW = "took too long, stopped by the doctor after 1 s at: b"


def test_a_worker_that_takes_too_long_is_stopped_and_nothing_is_wrong():
    found = ran("time.sleep(60)", 1.0)
    assert found["problems"] == [] and found["not_run"] == [SLOW, "c"]
    assert done(found) == "ab" and found["seconds"] < 15


def test_a_worker_that_hangs_is_wrong_and_one_that_goes_on_talking_is_slow(monkeypatch):
    monkeypatch.setattr(workers, "HANG_SECONDS", 0.3)
    found = ran("time.sleep(60)", 1.0)
    (problem,) = found["problems"]
    assert problem.startswith("hung: stopped by the doctor after 1 s, of which it said nothing for")
    assert problem.endswith("s, at: b") and found["not_run"] == ["c"]
    found = ran("while time.sleep(0.01) is None: say(step='b')", 1.0)
    assert found["problems"] == [] and found["not_run"] == [SLOW, "c"]


def test_an_interruption_keeps_what_was_found(monkeypatch, tmp_path):
    """The worker says when it is at b, and this process is sent what Ctrl-C sends."""
    found = ran("os.kill(os.getppid(), 2); time.sleep(60)", 30.0)
    assert done(found) == "ab" and found["interrupted"] and found["problems"] == []
    assert found["not_run"][0].startswith("interrupted after ") and found["not_run"][1:] == ["c"]


@pytest.mark.parametrize(
    "body",
    [
        "print('{\"problem\": 1')", f"print({workers.MARK!r} + '[1]')",
        f"print({workers.MARK!r} + '{{\"fact\": \"x\", \"value\": NaN}}')",
        "sys.stdout.buffer.write(bytes(range(128, 256))); print()",
        f"print({workers.MARK!r} + '{{\"table\": \"t\", \"row\": 3}}')",
        f"print({workers.MARK!r} + '{{\"begin\": 99}}')",
    ],
    ids=["half", "list", "nan", "bytes", "row", "number"],
)
def test_garbage_is_not_read(body):
    found = ran(body)
    assert (found["problems"], done(found), found["facts"]) == ([], "abc", {})
    json.dumps(found, allow_nan=False)


def test_a_worker_that_cannot_begin_is_told_with_its_complaints():
    program = "import sys; sys.exit('no such thing')"
    found = workers.run(lambda first: [sys.executable, "-c", program], 20.0, 0.0)
    assert found["problems"] == ["the worker ended with status 1; it was at: start"]
    assert found["not_run"] == ["all of it"] and found["complaints"] == ["no such thing"]


def test_a_worker_that_dies_when_all_is_done_has_told_all():
    found = ran("import atexit; atexit.register(os._exit, 7)")
    assert found["problems"] == ["the worker, done, ended with status 7"] and done(found) == "abc"


def test_workers_that_die_each_time_come_to_an_end(monkeypatch):
    monkeypatch.setattr(workers, "MOST_WORKERS", 2)
    program = PROGRAM.replace('if name == "b":', "if True:").replace("BODY", "os._exit(1)")
    found = workers.run(lambda first: [sys.executable, "-c", program, str(first)], 20.0, 0.0)
    assert len(found["problems"]) == 2 and done(found) == "ab" and found["not_run"] == ["c"]


def test_an_error_of_a_piece_is_told_and_the_others_are_tried():
    def section(plan):
        yield "one", lambda found: found.fact("one", {}["x"])
        yield "two", lambda found: found.fact("two", float("nan"))

    found = examined(section)
    (problem,) = found["problems"]
    assert problem.startswith("one: KeyError: 'x' (work, tinygan/doctor/workers.py, line ")
    assert found["facts"] == {"two": "nan"}


def test_an_error_of_a_section_is_told():
    def section(plan):
        raise ValueError("no pieces")
        yield

    (problem,) = examined(section)["problems"]
    assert problem.startswith("ValueError: no pieces (work, ")


def test_a_gpu_that_does_nothing_more_ends_the_worker():
    """An illegal address fails everything after it in this process, which would be told of all."""
    broken, tried = [], []

    def wait():
        if broken:
            raise RuntimeError("cudaErrorIllegalAddress")

    def section(plan):
        yield "bad", lambda found: broken.append(1)
        yield "next", tried.append

    lines: list[dict] = []
    assert workers.work(section, SMALL, lines.append, wait) == workers.BROKEN
    assert tried == []
    (problem,) = (line["problem"] for line in lines if "problem" in line)
    assert problem.startswith("bad: RuntimeError: cudaErrorIllegalAddress")
    broken.clear()
    assert workers.work(section, SMALL, lines.append, wait, first=1) == 0
    assert len(tried) == 1 and isinstance(tried[0], Findings)


def test_numbers_become_json():
    found = {"a": np.float32(0.5), "b": float("nan"), "c": [np.int64(3), (1, None)], 4: np.ones(2)}
    assert workers.plain(found) == {"a": 0.5, "b": "nan", "c": [3, [1, None]], "4": [1.0, 1.0]}
