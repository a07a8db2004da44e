"""The benchmark of training steps at a tiny size. No test looks at a speed."""

from __future__ import annotations

import io
import itertools
import json
import math
import re
import runpy
import statistics
import sys
from pathlib import Path

import needs
import numpy as np
import pytest

import tinygan
from tinygan.kernels.emulator import fake_cupy
from tinygan.kernels.matmul.gemm_bf16 import SUPPORTED

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TINY = ("--width", 2, "--batch-size", 3, "--blocks", 2, "--steps", 2)
PLAIN = "fp32-eager-contiguous-plain"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs the benchmark in a folder of its own, its workers in processes of theirs; returns what
    it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))  # as `python examples/benchmark_step.py` does
    monkeypatch.setenv("TINYGAN_NUM_THREADS", "1")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["benchmark_step.py", *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / "benchmark_step.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def module(monkeypatch):
    """A module of the examples, by its name."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return lambda name: __import__(name)


@pytest.mark.exhaustive
def test_both_libraries_train_and_are_compared(run, module, monkeypatch, tmp_path):
    needs.pytorch()
    # Four tiny steps may spread by any percentage; none of their rows is to be left out.
    monkeypatch.setattr(module("benchmark_table"), "MOST_SPREAD", math.inf)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- steps:begin -->\nold\n<!-- steps:end -->\nbehind\n")
    text = run("--workload", "mnist", "--torch-modes", PLAIN, "bf16-eager-channels_last-kept",
               "--json", "--write", page, *TINY)  # fmt: skip
    document = json.loads(text)
    assert document["machine"]["threads"] == tinygan.get_num_threads()
    ours, *more, fp32, bf16 = document["rows"]
    assert [row["name"] for row in document["rows"]] == [
        "tinygan fp32", *(["tinygan bf16"] if SUPPORTED else []),
        "PyTorch fp32 eager contiguous", "PyTorch bf16 eager channels_last, memory kept",
    ]  # fmt: skip
    assert len(more) == SUPPORTED
    for row in document["rows"]:
        assert row["problem"] == ""
        # 100 196 + 8 + 4 2 16 + 4 + 2 16 + 1, and 2 16 + 2 + 2 4 16 + 8 + 196 + 1.
        assert row["parameters"] == [19773, 367]
        assert len(row["seconds"]) == 4
        assert row["median_seconds"] == pytest.approx(statistics.median(row["seconds"]))
        assert row["images_per_second"] == pytest.approx(3 / row["median_seconds"])
        assert row["peak_bytes"] is None or 2**25 < row["peak_bytes"] < 2**33
        assert 0.1 < row["last_losses"][0] < 3 and 0.1 < row["last_losses"][1] < 3  # ln 4 and ln 2
        for precision, best in (("fp32", fp32), ("bf16", bf16)):
            ratio = best["median_seconds"] / row["median_seconds"]
            assert row[f"vs_torch_{precision}"] == pytest.approx(ratio)
    # Other random numbers, other losses: two workers that are one would agree.
    assert ours["last_losses"] != fp32["last_losses"]

    text = page.read_text()
    assert text.startswith("before\n<!-- steps:begin -->\n| workload | |")
    assert text.endswith("<!-- steps:end -->\nbehind\n")
    (milliseconds,) = re.findall(r"\| mnist \| tinygan fp32 \| ([0-9.]+) \|", text)
    assert float(milliseconds) == pytest.approx(ours["median_seconds"] * 1e3, rel=0.01)
    assert "Measured by `python examples/benchmark_step.py --workload mnist --torch-modes" in text


EMULATED = """
import sys
from tinygan.kernels.emulator import fake_cupy
sys.path.insert(0, {examples!r})
import benchmark_worker
benchmark_worker.WAKE_SECONDS = 0.0
with fake_cupy.installed():
    benchmark_worker.work(*sys.argv[1:3], *map(int, sys.argv[3:6]), sys.argv[6])
"""


@pytest.mark.exhaustive
def test_on_a_gpu_captured_steps_are_timed(run, module, monkeypatch, tmp_path):
    """Emulated: that it runs, and what it writes; in all three precisions."""
    needs.emulator()
    command = [sys.executable, "-c", EMULATED.format(examples=str(EXAMPLES))]
    monkeypatch.setattr(module("benchmark_worker"), "COMMAND", command)
    page, results = tmp_path / "page.md", tmp_path / "gpu.json"
    page.write_text("<!-- gpu:begin -->\n<!-- gpu:end -->\n")
    with fake_cupy.installed():
        text = run("--device", "cuda", "--workload", "mnist", "--torch-modes", "--json", results,
                   "--write", page, *TINY)  # fmt: skip
    assert "\nmnist, width 2, batch 3\n" in text
    document = json.loads(results.read_text())
    assert [row["name"] for row in document["rows"]] == [
        "tinygan fp32", "tinygan tf32", "tinygan bf16"
    ]  # fmt: skip
    fp32, tf32, bf16 = document["rows"]
    for row in document["rows"]:
        assert row["problem"] == "" and len(row["seconds"]) == 4
        assert row["workload"] == "mnist, batch 3, width 2"
        assert [row[f"vs_torch_{name}"] for name in ("fp32", "tf32", "bf16")] == [None] * 3
    # The same start and the same latent vectors: what is left is how the factors are rounded.
    difference = np.abs(np.array(tf32["last_losses"]) - fp32["last_losses"]).max()
    assert 0 < difference < 1e-2
    assert bf16["last_losses"] not in (fp32["last_losses"], tf32["last_losses"])
    assert "| mnist, batch 3, width 2 | tinygan tf32 |" in page.read_text()


@pytest.mark.parametrize(
    ("workload", "size", "ours", "of_cupy"),
    [("mnist", 8, 79, 7), pytest.param("dcgan64", 4, 108, 7, marks=pytest.mark.exhaustive)],
)
def test_a_captured_step_is_so_many_operations(module, workload, size, ours, of_cupy):
    """As docs/performance.md says. More, and somebody has put CuPy's arithmetic into a step; fewer
    is good news for the table there."""
    needs.emulator()
    with fake_cupy.installed():
        nets = module("benchmark_nets")
        threads = tinygan.get_num_threads()
        try:
            training = nets.tinygan_training(
                nets.WORKLOADS[workload], size, size, threads, "tinygan-tf32", "cuda"
            )
            for _ in range(3):
                training.next_step()
        finally:
            tinygan.set_float32_matmul_precision("highest")
        captured = training.next_step._recording
    launches = sum(grid != () for _, grid, *_ in captured.launches)
    assert (launches, len(captured._graph._capture.calls) - launches) == (ours, of_cupy)


def test_a_gpu_is_timed_in_four_sizes_and_by_layers(module, monkeypatch):
    step = module("benchmark_step")
    monkeypatch.setattr(tinygan.cuda, "is_available", lambda: True)
    monkeypatch.setattr(sys, "argv", ["benchmark_step.py", "--device", "cuda"])
    options = step.arguments()
    assert step.parts(options) == step.GPU_PARTS and "layers" in options.workload
    arguments = ["--device", "cuda", "--width", "8", "--workload", "mnist"]
    monkeypatch.setattr(sys, "argv", ["benchmark_step.py", *arguments])
    assert step.parts(step.arguments()) == [("mnist", 128, 8)]


def test_without_pytorch_only_tinygan_is_timed(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(sys, "stderr", sys.stdout)
    text = run("--workload", "dcgan64", *TINY)
    assert text.startswith("PyTorch is not installed: only tinygan is timed\n")
    assert "dcgan64, width 2, batch 3\n" in text
    assert "tinygan fp32" in text and text.count("PyTorch") == 1
    with pytest.raises(SystemExit):
        run("--curve", 1)
    assert "--curve needs PyTorch, which is not installed" in capsys.readouterr().out


def test_curves_of_the_same_start_agree(run):
    needs.pytorch()
    text = run("--workload", "mnist", "--curve", 3, "--width", 4, "--batch-size", 8)
    steps = [line.split() for line in text.splitlines() if line[:4].strip() in ("1", "2", "3")]
    assert len(steps) == 3
    for _, d, torch_d, g, torch_g, difference in steps:
        assert float(difference) == pytest.approx(
            max(abs(float(d) - float(torch_d)), abs(float(g) - float(torch_g))), abs=2e-6
        )
    # A few roundings of float32 in values of size 1; then what Adam makes of them.
    assert float(steps[0][-1]) < 2e-6
    assert max(float(step[-1]) for step in steps) < 1e-3
    largest = max(float(step[-1]) for step in steps)
    assert f"largest difference in 3 steps: {largest:.1e}" in text


def test_curves_show_a_wrong_learning_rate(run, monkeypatch):
    needs.pytorch()
    right = tinygan.optim.Adam
    monkeypatch.setattr(tinygan.optim, "Adam", lambda *a, lr, **o: right(*a, lr=2 * lr, **o))
    text = run("--workload", "mnist", "--curve", 3, "--width", 4, "--batch-size", 8)
    assert float(text.split()[-1]) > 1e-3


@pytest.mark.parametrize("library", ["tinygan.nn", "torch.nn"])
def test_the_nets_are_those_of_the_papers_size(module, library):
    nn = pytest.importorskip(library)
    nets = module("benchmark_nets")
    sizes = {
        name: [sum(p.numel() for p in net.parameters()) for net in workload.nets(nn, 64)]
        for name, workload in nets.WORKLOADS.items()
    }
    assert sizes == {"mnist": [759681, 138689], "dcgan64": [3576704, 2765568]}


def test_a_contender_reports_what_goes_wrong(module):
    worker = module("benchmark_worker")
    with worker.Contender("mnist", "tinygan-fp32", 0, 2, 1) as contender:
        assert contender.train(1) == contender.train(1) == []
        assert contender.problem.startswith("ValueError: Linear: out_features must be a positive")
    with worker.Contender("mnist", "tinygan-fp32", 1, 2, 1) as contender:
        assert len(contender.train(2)) == 2 and contender.problem == ""
        assert all(math.isfinite(loss) for loss in contender.losses)
        contender._process.kill()
        assert contender.train(1) == []
        code = contender._process.returncode
        assert code != 0 and contender.problem == f"the process ended with code {code}"


@pytest.mark.parametrize(
    ("losses", "after", "message"),
    [
        ([[1, 2], [math.nan, 3]], [1, 1], "a loss is not finite"),
        ([[1, 2], [0.5, 2]], [1, 1], "a loss does not change"),
        ([[1, 2], [0.5, 3]], [1, 0], "1 of 2 parameters did not change"),
        ([[1, 2], [0.5, 3]], [1, math.inf], "a parameter is not finite"),
    ],
)
def test_training_that_is_none_is_noticed(module, losses, after, message):
    check = module("benchmark_worker").check_training
    check([[1, 2], [0.5, 3]], [0, 0], [1, 1])
    with pytest.raises(RuntimeError, match=message):
        check(losses, [0, 0], after)


def test_a_worker_that_does_not_train_says_so(module, monkeypatch):
    worker, nets = module("benchmark_worker"), module("benchmark_nets")
    losses = itertools.count()
    idle = nets.Training(
        *nets.mnist(tinygan.nn, 1), lambda latent: None, lambda: (next(losses), next(losses))
    )
    monkeypatch.setattr(worker, "tinygan_training", lambda *sizes: idle)
    answers = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO("2\n"))
    monkeypatch.setattr(sys, "stdout", answers)
    worker.work("mnist", "tinygan-fp32", 1, 2, 1)
    problem = json.loads(answers.getvalue())["problem"]
    assert problem == "RuntimeError: 15 of 15 parameters did not change"


def row(name, seconds, parameters=(1, 2)):
    return dict(
        workload="w", name=name, problem="", parameters=parameters, median_seconds=seconds,
        spread_percent=3, images_per_second=8 / seconds, peak_bytes=5_000_000,
    )  # fmt: skip


def test_a_mode_that_failed_is_shown_and_the_rest_compared(module):
    table = module("benchmark_table")
    failed = dict(workload="w", name="PyTorch bf16 b", problem="RuntimeError: no")
    rows = [row("tinygan fp32", 2.0), row("PyTorch fp32 a", 4.0), row("PyTorch fp32 b", 3.0)]
    rows.append(failed)
    table.compare(rows)
    assert [r["vs_torch_fp32"] for r in rows[:3]] == [1.5, 0.75, 1.0]
    assert rows[0]["vs_torch_bf16"] is None
    assert "FAILED: RuntimeError: no" in table.as_text(rows)
    markdown = table.as_markdown(rows, "Note.")
    assert "| w | tinygan fp32 | 2000.0 | 3 % | 4 | 5 | 1.50 |  |\n" in markdown
    assert "| w | PyTorch bf16 b | failed |" in markdown
    assert markdown.endswith("Note. Failed: w, PyTorch bf16 b, `RuntimeError: no`.")
    assert len({line.count("|") for line in markdown.splitlines()[:-2]}) == 1


def test_a_ratio_rests_on_a_row_that_the_table_shows(module):
    table = module("benchmark_table")
    fast = row("PyTorch fp32 a", 1.0) | dict(spread_percent=31)
    rows = [row("tinygan fp32", 2.0), fast, row("PyTorch fp32 b", 3.0)]
    table.compare(rows)
    assert rows[0]["vs_torch_fp32"] == 1.5
    assert table.noisy(rows)  # the fastest of all is worth another try
    assert "PyTorch fp32 a" not in table.as_markdown(rows, "")
    table.compare(rows[:2])
    assert rows[0]["vs_torch_fp32"] == 0.5


def test_different_nets_are_not_compared(module):
    rows = [row("tinygan fp32", 2.0), row("PyTorch fp32 a", 4.0, (1, 3))]
    with pytest.raises(RuntimeError, match="nets with different numbers of parameters"):
        module("benchmark_table").compare(rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "0"], "argument --steps: must be an integer of at least 1, got 0"),
        (["--batch-size", "-1"], "argument --batch-size: must be an integer of at least 1"),
        (["--torch-modes", "fp8"], "invalid choice: 'fp8'"),
        (["--write", "nothing.md"], "--write: "),
        (["--curve", "1", "--json"], "--curve goes with neither --json nor --write nor a GPU"),
        (["--device", "cuda"], "--device cuda: there is no GPU that tinygan can use"),
    ],
)
def test_wrong_options_are_named(run, capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
