"""The doctor for GPUs: a section finds what it looks for, and no worker ends the report."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
import types
from dataclasses import replace
from pathlib import Path

import needs
import numpy as np
import pytest

import tinygan
from tinygan.doctor import compiling, graphs, guards, machine, names, run, rungs, steps, workers
from tinygan.doctor.page import page
from tinygan.doctor.plan import ROOT, Findings, Plan, result
from tinygan.kernels.activation import relu, tanh
from tinygan.kernels.bench.peaks import gpu as peaks
from tinygan.kernels.cuda import device as cuda_device
from tinygan.kernels.cuda.source import Source
from tinygan.kernels.emulator import fake_cupy
from tinygan.kernels.ladder import all_ladders
from tinygan.kernels.swap_inner import swap_inner
from tinygan.models import DCGAN

needs.emulator()
SMALL = Plan(
    ladders=("relu", "swap_inner", "activation/2"), dtypes=("float32",), real_sizes=False,
    models=("DCGAN",), steps=4, repeats=2, width=2, nets=("mnist",),
)  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """An emulated GPU, on which nothing takes long."""
    monkeypatch.setattr(cuda_device, "LEAST_LARGE_BYTES", 8192)
    monkeypatch.setattr(cuda_device, "L2_FACTOR", 0)
    for name, value in {"_THREADS": 128, "_STEPS": 4, "_TENSOR_STEPS": 2, "_TRIES": 1,
                        "_LEAST_SECONDS": 0}.items():  # fmt: skip
        monkeypatch.setattr(peaks, name, value)
    monkeypatch.setattr(graphs, "_REPLAYS", 2)
    monkeypatch.setattr(graphs, "_CALLS", 1)
    model = functools.partial(DCGAN, width=2), (1, 28, 28), 3
    monkeypatch.setattr(steps, "MODELS", {"DCGAN": model})
    with fake_cupy.installed() as cupy:
        yield cupy


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


@pytest.mark.parametrize("name", run.SECTIONS)
def test_a_section_of_a_right_gpu(name, small):
    plan = SMALL if name != "roofline" else replace(SMALL, ladders=("leaky_relu",))
    found = examined(run.section(name), plan)
    assert found["problems"] == found["remarks"] == found["not_run"] == []
    assert all(found["rows"].values()) and (found["rows"] or found["facts"])
    late = examined(run.section(name), replace(plan, deadline=0.0))
    assert late["not_run"] and not late["rows"]  # what there was no time for is named


def test_a_plan_is_for_every_kernel_and_precision():
    """Each precision of each ladder is a case, and no ladder waits for the end of another."""
    found = list(rungs.cases(Plan(), real=False))
    wanted = {ladder.name for ladder in all_ladders().values()
              if any(rung.device == "cuda" for rung in ladder.rungs)}  # fmt: skip
    assert {case.ladder.name for case in found[: 4 * len(wanted)]} == wanted
    assert {case.dtype for case in found if case.ladder.name == "conv2d"} == set(Plan().dtypes)
    assert {case.dtype for case in found if case.ladder.name == "relu"} == {"float32", "float64"}
    real = list(rungs.cases(Plan(), real=True))
    assert str(next(each for each in real if each.ladder.name == "matmul")) == (
        "matmul, d.linear, float32"
    )


def wrong(ladder, function, monkeypatch):
    """Lets the ladder's best rung for a GPU be function(right, ...)."""
    rung = next(rung for rung in reversed(ladder.rungs) if rung.device == "cuda")
    right = rung.function
    monkeypatch.setattr(rung, "function", lambda *args, **options: function(right, *args))


def test_a_rung_that_is_wrong_is_found(small, monkeypatch):
    wrong(relu, lambda right, x: right(x) * np.float32(1.01), monkeypatch)
    problems = examined(rungs.rungs)["problems"]
    assert problems and all(problem.startswith("relu, ") for problem in problems)
    assert any("error 1.0e-02, tolerated is 1e-05" in problem for problem in problems)


def test_a_rung_with_other_bits_each_time_is_found(small, monkeypatch):
    calls = []

    def unsteady(right, x):
        calls.append(1)
        return right(x) * np.float32(1 + 1e-6 * (len(calls) % 2))

    wrong(relu, unsteady, monkeypatch)
    problems = examined(rungs.rungs)["problems"]
    assert problems and all("two runs gave different bits" in problem for problem in problems)


def test_a_rung_that_fails_does_not_end_the_others(small, monkeypatch):
    def fail(right, x):
        raise RuntimeError("cudaErrorLaunchFailure")

    wrong(relu, fail, monkeypatch)
    found = examined(rungs.rungs)
    assert found["problems"]
    for text in found["problems"]:
        assert text.startswith("relu, ") and "RuntimeError: cudaErrorLaunchFailure (" in text
    assert {row["ladder"] for row in found["rows"]["rungs"]} == {"relu_backward", "swap_inner"}


def test_what_is_written_beside_an_array_or_into_an_input_is_found(small, monkeypatch):
    def beside(right, x):
        made = right(x)
        if x.size:
            small.ndarray((4,), np.uint8, memptr=made.data - 4).fill(7)
            small.ndarray((4,), np.uint8, memptr=x.data + x.nbytes).fill(7)
        return made

    def into(right, x):
        made = right(x)
        x[...] = 0
        return made

    wrong(relu, beside, monkeypatch)
    wrong(swap_inner, into, monkeypatch)
    problems = examined(guards.guards)["problems"]
    for where in ("in front of", "behind"):
        assert any(text.startswith("guards: relu, ") and where in text for text in problems)
    assert any(text.startswith("guards: swap_inner, ") and "was changed" in text
               for text in problems)  # fmt: skip
    assert not any("relu_backward" in text for text in problems)


def test_a_kernel_that_does_not_compile_is_named(small, monkeypatch):
    source = next(each for each in compiling.sources() if each.name == "activation/2_vectors.cu")
    monkeypatch.setattr(source, "text", source.text.replace("blockIdx", "blockIndex"))
    found = examined(compiling.compile_all)
    assert found["problems"] and all("does not compile: " in text for text in found["problems"])
    assert "blockIndex" in found["rows"]["errors"][0]["log"]


def test_a_kernel_that_needs_more_than_is_recorded_is_named(small, monkeypatch):
    needs_now = {"num_regs": 250, "local_size_bytes": 8, "shared_size_bytes": 0}
    compiled = types.SimpleNamespace(attributes=needs_now)
    monkeypatch.setattr(Source, "compiled", lambda self, device, kernel: compiled)
    found = examined(compiling.compile_all)
    assert len(found["remarks"]) == 2 * len(found["rows"]["kernels"]) > 0
    assert "relu<float> has 8 bytes of local memory: registers are" in "".join(found["remarks"])
    assert "relu<float> needs 250 registers, recorded are 32" in "".join(found["remarks"])


@pytest.mark.parametrize(
    ("capability", "nearest"),
    [(75, "sm_80"), (86, "sm_80"), (90, "sm_90"), (103, "sm_100"), (120, "sm_120")],
)
def test_the_nearest_recorded_architecture_is_not_newer(capability, nearest):
    assert compiling.nearest_recorded(capability) == nearest


def test_kernels_that_a_gpu_is_too_old_for_are_not_run(small, monkeypatch):
    monkeypatch.setattr(Source, "compiled", None)
    monkeypatch.setattr(compiling, "properties", lambda: {"major": 7, "minor": 5})
    found = examined(compiling.compile_all, replace(SMALL, ladders=("matmul/6",)))
    assert found["not_run"] and all(text.endswith("too old)") for text in found["not_run"])
    assert found["problems"] == []


def test_a_step_that_differs_is_found(small, monkeypatch):
    wrong(tanh, lambda right, x: right(x) * np.float32(1.05), monkeypatch)
    (problem,) = examined(steps.steps)["problems"]
    assert problem.startswith("DCGAN: after 2 steps ") and "are not the CPU's" in problem


def test_a_captured_step_that_differs_is_found(small, monkeypatch):
    def capture(step):
        return lambda real, latent: step(real, latent * 1.01)

    monkeypatch.setattr(steps, "capture", capture)
    (problem,) = examined(steps.steps)["problems"]
    assert problem.startswith("DCGAN: a captured step differs from the step, in ")


def test_a_few_weights_may_be_far_off_but_none_may_be_nan():
    right, ours = np.zeros(1000), np.zeros(1000)
    ours[:2] = 1e-3
    assert steps._far(ours, right) == 0.0
    ours[:6] = 1e-3
    assert steps._far(ours, right) == 0.006 > steps.FAR
    ours[:] = [np.nan, *999 * [0.0]]
    assert steps._far(ours, right) > 0


def test_memory_that_is_kept_is_found(small, monkeypatch):
    kept, train = [], steps.gan_step

    def keeping(*args, **options):
        kept.append(tinygan.zeros(1000, device="cuda"))
        return train(*args, **options)

    monkeypatch.setattr(steps, "gan_step", keeping)
    found = examined(steps.memory, replace(SMALL, ladders=("none",)))
    (problem,) = found["problems"]
    assert problem.startswith("2 steps, called, kept ") and "of the GPU's memory" in problem
    assert found["facts"]["out_of_memory"].startswith("the GPU is out of memory: an array of ")


class Short(Plan):
    """Has time to begin each piece, and none to end it."""

    asked: list[int] = []  # noqa: RUF012

    def late(self) -> bool:
        self.asked.append(1)
        return len(self.asked) % 2 == 0


@pytest.mark.parametrize(("section", "left"), [
    (graphs.graphs, ["mnist, float32"]),
    (steps.memory, ["2 steps, called: 0 were done", "2 steps, captured: 0 were done"]),
])  # fmt: skip
def test_a_long_piece_ends_early_where_time_is_short(section, left, small, monkeypatch):
    """Killed, it would count as a fault."""
    def pieces(plan):
        return (each for each in section(plan) if "steps" in each[0] or "mnist" in each[0])

    monkeypatch.setattr(Short, "asked", [])
    found = examined(pieces, Short(**vars(SMALL)))
    assert (found["not_run"], found["rows"]) == (left, {})


def test_a_lack_of_memory_that_is_not_explained_is_found(small, monkeypatch):
    def lacking(*size, **options):
        raise MemoryError("no")

    monkeypatch.setattr(steps, "zeros", lacking)
    found = examined(lambda plan: iter(list(steps.memory(plan))[2:3]))
    assert found["problems"] == ["running out of memory is not explained: no"]
    monkeypatch.setattr(steps, "zeros", lambda *size, **options: None)
    found = examined(lambda plan: iter(list(steps.memory(plan))[2:3]))
    assert found["problems"] == ["an array of twice the GPU's memory was allocated"]


def test_what_other_programs_know_of_the_gpu_is_asked_and_may_be_missing(
    small, monkeypatch, tmp_path
):
    smi = tmp_path / "nvidia-smi"
    values = ", ".join(map(str, range(len(machine._SMI))))
    smi.write_text(f"#!/bin/sh\ntest \"$2\" = 00000000:00:00.0 && echo '{values}'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    facts = examined(machine.machine)["facts"]
    assert facts["nvidia_smi"] == {name: str(i) for i, name in enumerate(machine._SMI)}
    smi.write_text("#!/bin/sh\nexit 9\n")
    assert examined(machine.machine)["facts"]["nvidia_smi"] is None


def test_a_gpu_that_others_use_is_remarked(small, monkeypatch):
    monkeypatch.setattr(small.cuda.runtime, "memGetInfo", lambda: (2**30, 2**33))
    (remark,) = examined(machine.machine)["remarks"]
    assert remark.startswith("only 1.0 of 8.0 GiB are free: another program uses the GPU")


def test_the_commit_of_a_checkout_is_known(tmp_path):
    assert machine._commit(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=b"]
    (tmp_path / "file").write_text("1")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-qm", "c"]):
        subprocess.run([*git, *command], check=True)
    commit = machine._commit(tmp_path)
    assert len(commit) == 40
    (tmp_path / "file").write_text("2")
    assert machine._commit(tmp_path) == f"{commit}, changed"


# Workers

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


def test_a_worker_that_hangs_is_killed_and_what_is_left_is_named():
    found = ran("time.sleep(60)", 1.0)
    assert found["problems"] == ["the worker ended by being killed after 1 s; it was at: b"]
    assert done(found) == "ab" and found["not_run"] == ["c"] and found["seconds"] < 15


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


# The command

EMULATED = """
import sys
from tinygan.doctor import run
from tinygan.kernels.emulator import fake_cupy
with fake_cupy.installed():
    sys.exit(run.main(sys.argv[1:]))
"""


@pytest.fixture
def emulated(monkeypatch, tmp_path):
    """main() whose worker processes find an emulated GPU."""
    real = workers.command

    def command(*args):
        _, _, _, *options = real(*args)
        return [sys.executable, "-c", EMULATED, *options]

    monkeypatch.setattr(workers, "command", command)
    monkeypatch.setattr(run, "SECTIONS", {"machine": 1.0})
    return lambda *arguments: run.main(["--out", str(tmp_path), *arguments])


def test_a_report_is_written_and_none_is_lost(emulated, tmp_path, capsys):
    assert emulated() == emulated() == 0
    assert "all is right" in capsys.readouterr().out
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == [f"tinygan-cuda-report{end}" for end in ("-2.json", "-2.md", ".json", ".md")]
    report = json.loads((tmp_path / "tinygan-cuda-report.json").read_text())
    assert report["sections"]["machine"]["facts"]["gpu"]["name"] == "emulated GPU"
    text = (tmp_path / "tinygan-cuda-report.md").read_text()
    assert text.startswith("# EMULATED: tinygan on emulated GPU\n\n**No GPU has run this.")
    (tmp_path / "tinygan-cuda-report.md").write_text("old")
    assert emulated("--force") == 0
    assert (tmp_path / "tinygan-cuda-report.md").read_text().startswith("# EMULATED: ")
    assert len(list(tmp_path.iterdir())) == 4
    for path in tmp_path.iterdir():
        for name in (str(Path.home()), str(ROOT), sys.prefix):
            assert len(name) < 6 or name not in path.read_text()


def answers(monkeypatch, seconds=0.0, **found):
    """Workers that need so long and have found this."""

    def answer(command, most, least):
        time.sleep(seconds)
        return {**result(), **found, "seconds": seconds}

    monkeypatch.setattr(workers, "run", answer)


def test_what_there_is_no_time_for_is_said(emulated, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "SECTIONS", {"machine": 0.5, "rungs": 0.5})
    answers(monkeypatch, seconds=0.6)
    assert emulated("--seconds", "5.5") == 0
    assert "all that was run is right; not all was run of: rungs" in capsys.readouterr().out
    report = json.loads((tmp_path / "tinygan-cuda-report.json").read_text())
    verdicts = {name: found["verdict"] for name, found in report["sections"].items()}
    assert verdicts == {"machine": "right", "rungs": "incomplete"}
    assert report["sections"]["rungs"]["not_run"] == ["all of it: no time was left"]


def test_each_section_leaves_the_others_their_time(emulated, monkeypatch):
    given = []

    def section(name, device, own, most):
        given.append((name, round(own), round(most)))
        return {**result(), "seconds": 0.0}

    monkeypatch.setattr(run, "SECTIONS", {"machine": 0.1, "rungs": 0.5, "roofline": 0.4})
    monkeypatch.setattr(run, "_section", section)
    assert emulated("--seconds", "100") == 0
    assert given == [("machine", 10, 22), ("rungs", 60, 72), ("roofline", 95, 100)]


def test_something_wrong_is_status_1(emulated, monkeypatch, capsys):
    answers(monkeypatch, problems=["relu is off"])
    assert emulated() == 1
    assert "something is wrong in: machine" in capsys.readouterr().out


def test_names_are_hidden_in_both_files(emulated, monkeypatch, tmp_path):
    answers(monkeypatch, problems=[f"a fault in {ROOT}/kernels"], complaints=[f"{ROOT}/x"])
    assert emulated() == 1
    for path in tmp_path.iterdir():
        text = path.read_text()
        assert "a fault in <tinygan>/kernels" in text and str(ROOT) not in text


def test_a_run_that_is_interrupted_leaves_a_report(emulated, monkeypatch, tmp_path, capsys):
    def interrupted(command, most, least):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "SECTIONS", {"machine": 0.5, "rungs": 0.5})
    monkeypatch.setattr(workers, "run", interrupted)
    assert emulated() == 0
    report = json.loads((tmp_path / "tinygan-cuda-report.json").read_text())
    assert [found["not_run"] for found in report["sections"].values()] == [
        ["all of it: it was interrupted"], ["all of it: no time was left"]
    ]


def test_a_report_that_cannot_be_written_is_printed(emulated, monkeypatch, capsys):
    def full(path, text):
        raise OSError("No space left on device")

    monkeypatch.setattr(run, "_write", full)
    answers(monkeypatch)
    assert emulated() == 1
    output = capsys.readouterr()
    assert "## What now" in output.out
    assert output.err == "doctor: the report cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "cpu"], "--device must be 'cuda' or 'cuda:<index>', got 'cpu'"),
        (["--device", "gpu"], "--device must be 'cuda' or 'cuda:<index>', got 'gpu'"),
        (["--seconds", "1"], "--seconds must be at least 5, got 1.0"),
        (["--seconds", "nan"], "--seconds must be at least 5, got nan"),
        (["--device", "cuda:3"], "device 'cuda:3': this machine has 1 CUDA device(s)"),
    ],
)
def test_wrong_options_are_one_line(arguments, message, emulated, tmp_path, capsys):
    assert emulated(*arguments) == 2
    assert capsys.readouterr() == ("", f"doctor: {message}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_run(
    emulated, monkeypatch, tmp_path, capsys
):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / ".tinygan-cuda-report.part").mkdir(parents=True)  # is in the way
    monkeypatch.setattr(workers, "run", None)
    for name in ("file", "folder"):
        assert emulated("--out", str(tmp_path / name)) == 2
        assert capsys.readouterr().err.startswith("doctor: [Errno ")


def test_without_a_gpu_it_says_what_is_missing(tmp_path):
    program = [sys.executable, "-m", "tinygan.cuda"]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": path})  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("doctor: device 'cuda'") and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_command_itself_does_not_touch_the_gpu(monkeypatch, tmp_path):
    answers(monkeypatch)
    monkeypatch.setitem(sys.modules, "cupy", None)  # an import would fail
    assert run.main(["--out", str(tmp_path)]) == 0


def test_a_gpu_that_is_lost_on_the_way_is_a_problem(emulated, monkeypatch, tmp_path):
    def run_(command, most, least, calls=[]):  # noqa: B006
        calls.append(1)
        if len(calls) == 2:
            raise workers.CannotRun("device 'cuda': no usable NVIDIA GPU")
        return {**result(), "seconds": 0.0}

    monkeypatch.setattr(run, "SECTIONS", {"machine": 0.3, "rungs": 0.3, "steps": 0.4})
    monkeypatch.setattr(workers, "run", run_)
    assert emulated() == 1
    report = json.loads((tmp_path / "tinygan-cuda-report.json").read_text())
    assert [len(found["problems"]) for found in report["sections"].values()] == [0, 1, 0]


@pytest.mark.parametrize("user", ["somebody", "jörg", "al"])
def test_a_report_names_no_user_and_no_machine(user, monkeypatch):
    for function in (names._folders, names._names):
        function.cache_clear()
    home = f"/home/{user}"
    for name, value in {"HOME": home, "USER": user, "HOSTNAME": "box7.lab.org"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("platform.node", lambda: "box7.lab.org")
    monkeypatch.setattr("getpass.getuser", lambda: user)
    try:
        given = [f"{home}/x on box7, box7.lab.org; /data/{user}/y, also, boxes, {user}"]
        word = "al" if user == "al" else "<user>"  # which may be a word of a sentence
        assert names.without_names({"machine": given}) == {
            "machine": [f"~/x on <machine>, <machine>; /data/<user>/y, also, boxes, {word}"]
        }
    finally:
        for function in (names._folders, names._names):
            function.cache_clear()


def test_a_page_shows_problems_and_the_worst_of_long_tables():
    cases = [{"ladder": "relu", "dtype": "float32", "shape": f"{i}", "rung": "a|b",
              "error": i * 1e-7, "tolerance": 1e-5, "same_bits": i != 7}
             for i in range(50)]  # fmt: skip
    cases[3]["error"] = "nan"
    kernels = [{"kernel": f"k{i}", "seconds": i * 1e-3} for i in range(50)]
    sections = {
        "rungs": {**result(), "problems": ["relu is off"], "rows": {"rungs": cases},
                  "not_run": ["adam"], "verdict": "wrong", "seconds": 2.0},
        "compile": {**result(), "rows": {"kernels": kernels}, "verdict": "right", "seconds": 1.0},
        "roofline": {**result(), "rows": {"limits": [{"flops_per_second": 5e13,
                     "bytes_per_second": 2e12, "of_attainable": 0.5}]}, "verdict": "right"},
    }  # fmt: skip
    text = page({"name": "r", "date": "2026-01-01", "tinygan": "1", "seconds": 110.0,
                 "verdict": "bad", "sections": sections})  # fmt: skip
    assert text.startswith("# tinygan on a GPU\n\nAll numbers were measured on this GPU.")
    assert "| rungs | wrong | 2.0 | 1 | 1 |" in text and "- **wrong: relu is off**" in text
    assert "| relu | float32 | 50 | nan | 1e-05 | 3 | a\\|b | no |" in text
    assert "(10 more rows are in the JSON file.)" in text and "| k49 | 49 ms |" in text
    assert "| 50 TFLOP/s | 2000 GB/s | 50 % |" in text
    assert "EMULATED" not in text and "Not run: adam" in text and "`r.json`" in text
