"""The doctor for GPUs: a section finds what it looks for, and no worker ends the report."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import time

import needs
import numpy as np
import pytest

import tinygan
from tinygan.doctor import kernels, run, steps, workers
from tinygan.doctor.page import page
from tinygan.doctor.plan import Plan, result
from tinygan.kernels.activation import relu, tanh
from tinygan.kernels.bench.peaks import gpu as peaks
from tinygan.kernels.cuda import device as cuda_device
from tinygan.kernels.emulator import fake_cupy
from tinygan.kernels.swap_inner import swap_inner
from tinygan.models import DCGAN

needs.emulator()
SMALL = Plan(
    ladders=("relu", "swap_inner", "activation/2"), dtypes=("float32",), real_sizes=False,
    models=("DCGAN",), steps=4, repeats=2, width=2, nets=("mnist",),
)  # fmt: skip


def quiet(text: str) -> None:
    pass


@pytest.fixture
def small(monkeypatch):
    """An emulated GPU, on which nothing takes long."""
    monkeypatch.setattr(cuda_device, "LEAST_LARGE_BYTES", 8192)
    monkeypatch.setattr(cuda_device, "L2_FACTOR", 0)
    for name, value in {"_THREADS": 128, "_STEPS": 4, "_TENSOR_STEPS": 2, "_TRIES": 1,
                        "_LEAST_SECONDS": 0}.items():  # fmt: skip
        monkeypatch.setattr(peaks, name, value)
    model = functools.partial(DCGAN, width=2), (1, 28, 28), 3
    monkeypatch.setattr(steps, "MODELS", {"DCGAN": model})
    with fake_cupy.installed() as cupy:
        yield cupy


@pytest.mark.parametrize("name", run.SECTIONS)
def test_a_section_of_a_right_gpu(name, small):
    noted = []
    plan = Plan(**{**vars(SMALL), "ladders": ("leaky_relu",)}) if name == "roofline" else SMALL
    found = run.section(name)(plan, noted.append)
    assert found["problems"] == found["not_run"] == [] and noted
    assert all(found["rows"].values())
    json.dumps(workers.plain(found), allow_nan=False)
    late = run.section(name)(Plan(**{**vars(plan), "deadline": 0.0}), quiet)
    assert late["not_run"] or name == "machine"  # what there was no time for is named


def wrong(ladder, function, monkeypatch):
    """Lets the ladder's best rung for a GPU be function(right, ...)."""
    rung = next(rung for rung in reversed(ladder.rungs) if rung.device == "cuda")
    right = rung.function
    monkeypatch.setattr(rung, "function", lambda *args, **options: function(right, *args))


def test_a_rung_that_is_wrong_is_found(small, monkeypatch):
    wrong(relu, lambda right, x: right(x) * np.float32(1.001), monkeypatch)
    found = kernels.rungs(SMALL, quiet)
    assert all(problem.startswith("relu ") for problem in found["problems"])
    assert any("error 1.0e-03, tolerated is 1e-05" in problem for problem in found["problems"])


def test_a_rung_with_other_bits_each_time_is_found(small, monkeypatch):
    calls = []

    def unsteady(right, x):
        calls.append(1)
        return right(x) * np.float32(1 + 1e-6 * (len(calls) % 2))

    wrong(relu, unsteady, monkeypatch)
    problems = kernels.rungs(SMALL, quiet)["problems"]
    assert problems and all("two runs, other bits" in problem for problem in problems)


def test_a_rung_that_fails_does_not_end_the_others(small, monkeypatch):
    def fail(right, x):
        raise RuntimeError("cudaErrorLaunchFailure")

    wrong(relu, fail, monkeypatch)
    found = kernels.rungs(SMALL, quiet)
    assert all("RuntimeError: cudaErrorLaunchFailure" in text for text in found["problems"])
    assert {row["ladder"] for row in found["rows"]["rungs"]} == {"relu_backward", "swap_inner"}


def test_what_is_written_beside_an_array_or_into_an_input_is_found(small, monkeypatch):
    def beside(right, x):
        x.base[-1] = 7  # the buffer's last byte
        return right(x)

    def into(right, x):
        made = right(x)
        x[...] = 0
        return made

    wrong(relu, beside, monkeypatch)
    wrong(swap_inner, into, monkeypatch)
    problems = kernels.guards(SMALL, quiet)["problems"]
    assert any(text.startswith("relu ") and text.endswith("something was written behind it")
               for text in problems)  # fmt: skip
    assert any(text.startswith("swap_inner ") and text.endswith("an input was changed")
               for text in problems)  # fmt: skip


def test_a_kernel_that_does_not_compile_is_named(small, monkeypatch):
    source = next(each for each in kernels.sources() if each.name == "activation/2_vectors.cu")
    monkeypatch.setattr(source, "text", source.text.replace("blockIdx", "blockIndex"))
    problems = kernels.compile_all(SMALL, quiet)["problems"]
    assert problems and all("does not compile: EmulatorError" in text for text in problems)


def test_a_step_that_differs_is_found(small, monkeypatch):
    wrong(tanh, lambda right, x: right(x) * np.float32(1.05), monkeypatch)
    (problem,) = steps.steps(SMALL, quiet)["problems"]
    assert problem.startswith("DCGAN: after two steps ") and "are not the CPU's" in problem


def test_a_captured_step_that_differs_is_found(small, monkeypatch):
    def capture(step):
        return lambda real, latent: step(real, latent * 1.01)

    monkeypatch.setattr(steps, "capture", capture)
    (problem,) = steps.steps(SMALL, quiet)["problems"]
    assert problem == "DCGAN: a captured step differs from the step"


def test_memory_that_is_kept_and_a_lack_that_is_not_explained_are_found(small, monkeypatch):
    kept, train = [], steps.gan_step

    def keeping(*args, **options):
        kept.append(tinygan.zeros(1000, device="cuda"))
        return train(*args, **options)

    monkeypatch.setattr(steps, "gan_step", keeping)
    found = steps.memory(SMALL, quiet)
    assert any(text.startswith("2 steps, called, kept ") for text in found["problems"])
    assert "were wanted" in found["out_of_memory"] or "was wanted" in found["out_of_memory"]

    def lacking(*size, **options):
        raise MemoryError("no")

    monkeypatch.setattr(steps, "gan_step", train)
    monkeypatch.setattr(steps, "zeros", lacking)
    assert "running out of memory is not explained: no" in steps.memory(SMALL, quiet)["problems"]


# Workers


def worker(program: str, seconds: float = 20.0) -> dict:
    return workers.run([sys.executable, "-c", program], seconds)


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("print('step: a'); print('step: b', flush=True); import os; os._exit(3)",
         "the worker ended with status 3; it was at: b"),
        ("print('step: a', flush=True); import os; os.kill(os.getpid(), 11)",
         "the worker ended with status -11; it was at: a"),
        ("print('result: {\"problems\": [')", "the worker ended with status 0; it was at: start"),
        ("raise SystemExit(2)", "the worker ended with status 2; it was at: start"),
    ],
    ids=["exit", "signal", "garbage", "nothing"],
)  # fmt: skip
def test_a_worker_that_dies_is_told_with_its_last_step(program, problem):
    found = worker(program)
    assert found["problems"] == [problem] and found["not_run"]


def test_a_worker_that_hangs_is_ended():
    found = worker("print('step: loop', flush=True)\nwhile True: pass", 1.0)
    assert found["problems"] == ["the worker did not end within 1 s; it was at: loop"]
    assert found["seconds"] < 15


def test_an_error_of_a_section_is_its_result(capsys):
    def section(plan, note):
        note("first")
        raise KeyError("x")

    workers.work(section, SMALL)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "step: first"
    found = json.loads(said[1].removeprefix("result: "))
    assert found["problems"][0].startswith("KeyError: 'x' (section, line ")


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
    """main() on an emulated GPU, whose worker processes are emulated, too."""
    real = workers.command

    def command(*args):
        _, _, _, *options = real(*args)
        return [sys.executable, "-c", EMULATED, *options]

    monkeypatch.setattr(workers, "command", command)
    monkeypatch.setattr(run, "SECTIONS", {"machine": 60})
    with fake_cupy.installed():
        yield lambda *arguments: run.main(["--out", str(tmp_path), *arguments])


def test_a_report_is_written_and_none_is_lost(emulated, tmp_path, capsys):
    assert emulated() == emulated() == 0
    assert "all is right" in capsys.readouterr().out
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"tinygan-cuda-report{end}" for end in ("-2.json", "-2.md", ".json", ".md")]
    report = json.loads((tmp_path / "tinygan-cuda-report.json").read_text())
    assert report["sections"]["machine"]["gpu"]["name"] == "emulated GPU"
    text = (tmp_path / "tinygan-cuda-report.md").read_text()
    assert text.startswith("# tinygan on emulated GPU\n\n**EMULATED: no GPU has run this")
    (tmp_path / "tinygan-cuda-report.md").write_text("old")
    assert emulated("--force") == 0
    assert (tmp_path / "tinygan-cuda-report.md").read_text().startswith("# tinygan on emulated")
    assert len(list(tmp_path.iterdir())) == 4


def test_what_there_is_no_time_for_is_said(emulated, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "SECTIONS", {"machine": 60, "rungs": 60})

    def slow(command, seconds):
        time.sleep(0.6)
        return {**result(), "seconds": 0.6}

    monkeypatch.setattr(workers, "run", slow)
    assert emulated("--seconds", "5.5") == 0
    report = json.loads((tmp_path / "tinygan-cuda-report.json").read_text())
    verdicts = {name: found["verdict"] for name, found in report["sections"].items()}
    assert verdicts == {"machine": "right", "rungs": "incomplete"}
    assert report["sections"]["rungs"]["not_run"] == ["all of it: no time was left"]


def test_something_wrong_is_status_1(emulated, monkeypatch, capsys):
    found = {**result(), "problems": ["relu is off"], "seconds": 1.0}
    monkeypatch.setattr(workers, "run", lambda command, seconds: dict(found))
    assert emulated() == 1
    assert "something is wrong in: machine" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "cpu"], "--device must be 'cuda' or 'cuda:<index>', got 'cpu'"),
        (["--device", "gpu"], "device must be 'cpu', 'cuda' or 'cuda:<index>', got 'gpu'"),
        (["--seconds", "1"], "--seconds must be at least 5, got 1.0"),
        (["--seconds", "nan"], "--seconds must be at least 5, got nan"),
        (["--device", "cuda:3"], "device 'cuda:3': this machine has 1 CUDA device(s)"),
    ],
)
def test_wrong_options_are_one_line(arguments, message, emulated, capsys):
    assert emulated(*arguments) == 2
    assert capsys.readouterr().err == f"doctor: {message}\n"


def test_without_a_gpu_it_says_what_is_missing():
    program = [sys.executable, "-m", "tinygan.cuda"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("doctor: device 'cuda'") and done.stderr.count("\n") == 1


def test_a_report_names_no_user_and_no_machine(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setattr("platform.node", lambda: "somebodys-box")
    monkeypatch.setattr("getpass.getuser", lambda: "somebody")
    text = run.without_names("/home/somebody/x on somebodys-box by somebody")
    assert text == "~/x on <machine> by <user>"


def test_a_page_shows_problems_and_the_beginning_of_long_tables():
    rows = [{"ladder": "relu", "error": 1e-7 * i, "note": "a|b"} for i in range(50)]
    sections = {"rungs": {**result(), "problems": ["relu is off"], "rows": {"rungs": rows},
                          "not_run": ["adam"], "verdict": "wrong", "seconds": 2.0}}  # fmt: skip
    text = page({"date": "2026-01-01", "tinygan": "1", "sections": sections})
    assert "| rungs | wrong | 2.0 | 1 |" in text and "- **relu is off**" in text
    assert "(10 more rows are in the JSON file.)" in text and "a\\|b" in text
    assert "EMULATED" not in text and "Not run: adam" in text
