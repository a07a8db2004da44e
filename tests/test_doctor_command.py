"""The doctor's command and report: nothing is lost, nobody is named, errors are one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import needs
import pytest

from tinygan.doctor import names, run, workers
from tinygan.doctor.page import page
from tinygan.doctor.plan import ROOT, result

needs.emulator()

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


def test_where_nothing_was_run_nothing_is_right(emulated, monkeypatch, capsys):
    def late(command, most, least):
        return {**result(), "not_run": ["all of it: took too long"], "facts": {"emulated": True}}

    monkeypatch.setattr(workers, "run", late)
    assert emulated() == 1
    assert "\nnothing was run; not all was run of: machine\n" in capsys.readouterr().out


def test_a_gpu_that_does_not_answer_is_told(emulated, monkeypatch, capsys):
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(workers, "command", lambda *args: command)
    monkeypatch.setattr(run, "ASK_SECONDS", 0.5)
    assert emulated() == 2
    assert capsys.readouterr() == ("", "doctor: the GPU has not answered within 0 s\n")


def test_sigterm_leaves_a_report_and_no_worker(monkeypatch, tmp_path, capsys):
    ids = tmp_path / "ids"
    body = f"""
import os, signal, sys, time
open({str(ids)!r}, 'w').write(str(os.getpid()))
print({workers.MARK!r} + '{{"items": ["a"]}}')
print({workers.MARK!r} + '{{"begin": 0}}')
print({workers.MARK!r} + '{{"problem": "a is off"}}', flush=True)
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(60)
"""
    monkeypatch.setattr(workers, "ask", lambda command, seconds: None)
    monkeypatch.setattr(workers, "command", lambda *args: [sys.executable, "-c", body])
    assert run.main(["--out", str(tmp_path)]) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int(ids.read_text()), 0)
    report = json.loads((tmp_path / "tinygan-cuda-report.json").read_text())
    assert report["verdict"].startswith("interrupted; something is wrong in: machine; not all")
    assert report["sections"]["machine"]["problems"] == ["a is off"]


def answers(monkeypatch, seconds=0.0, **found):
    """Workers that need so long and have found this."""
    monkeypatch.setattr(workers, "ask", lambda command, seconds: None)

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
    assert emulated() == 1
    report = json.loads((tmp_path / "tinygan-cuda-report.json").read_text())
    assert [found["not_run"] for found in report["sections"].values()] == 2 * [
        ["all of it: it was interrupted"]
    ]
    assert report["verdict"] == (
        "interrupted; nothing was run; not all was run of: machine, rungs"
    )


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
        (["--device", "cuda:3", "--seconds", "5"],
         "device 'cuda:3': this machine has 1 CUDA device(s)"),
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
    program = [sys.executable, "-m", "tinygan.cuda", "--seconds", "5"]
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


def test_a_page_without_rows_claims_no_measurement():
    sections = {"rungs": {**result(), "not_run": ["adam"], "verdict": "incomplete"}}
    text = page({"name": "r", "date": "2026-01-01", "tinygan": "1", "seconds": 1.0,
                 "verdict": "incomplete", "sections": sections})  # fmt: skip
    assert "Nothing was computed" in text and "measured" not in text
