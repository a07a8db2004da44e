"""The kernel benchmark: what it refuses, prints and writes. No test looks at a speed."""

from __future__ import annotations

import json
import sys
import types

import needs
import numpy as np
import pytest

from tinygan.kernels.bench import __main__ as bench
from tinygan.kernels.bench import checking, compare, timing
from tinygan.kernels.bench.checking import Standard, WrongResultError
from tinygan.kernels.bench.documents import KERNELS
from tinygan.kernels.bench.roofline import Roofline
from tinygan.kernels.ladder import Cases, Ladder

LADDERS = bench.all_ladders()
BEGIN, END = KERNELS


@pytest.fixture
def ladder(monkeypatch):
    """A throw-away ladder, y = 2 x, with a right rung; and a benchmark that does not wait."""
    module = types.ModuleType("tinygan.kernels.throw_away")
    module.reference = lambda x: np.array([2 * value for value in x])
    module.right = lambda x: x + x
    module.baseline = lambda x: {"slow": lambda: [2 * v for v in x], "fast": lambda: 2 * x}
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(checking, "REFERENCE_SECONDS", 1e9)
    monkeypatch.setattr(compare, "TIMED_REFERENCE_SECONDS", 1e9)
    monkeypatch.setattr(timing, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(timing, "LARGE_BYTES", 1024)
    monkeypatch.setattr(bench, "measure_roofline", lambda device, dtype: Roofline(8e9, 4e9))
    ladder = Ladder(
        "throw_away",
        Cases(
            make=lambda rng, dtype, size: ((rng.standard_normal(size).astype(dtype),), {}),
            flops=lambda x: x.size,
            traffic=lambda x: 2 * x.nbytes,
            shapes={"small": {"size": 5}, "smaller": {"size": 3}},
            bench_shapes={"long": {"size": 1000}, "longer": {"size": 2000}},
        ),
        baseline="throw_away:baseline",
    )
    ladder.rung("reference", "throw_away:reference")
    ladder.rung("right", "throw_away:right")
    yield ladder
    del Ladder.registry["throw_away"]


def add_rung(ladder, name, function):
    setattr(sys.modules["tinygan.kernels.throw_away"], name, function)
    ladder.rung(name, f"throw_away:{name}")


def run(capsys, *options):
    """(exit code, rows by (shape, name), what went to stderr) of a run on the throw-away ladder."""
    code = bench.main(["throw_away", "--json", "--repeats", "3", *options])
    output = capsys.readouterr()
    document = json.loads(output.out)
    return code, {(row["shape"], row["name"]): row for row in document["rows"]}, output.err


def usage_error(capsys, *argv):
    with pytest.raises(SystemExit) as stopped:
        bench.main(list(argv))
    assert stopped.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


def test_right_rungs_are_timed(ladder, capsys):
    code, rows, errors = run(capsys)
    assert (code, errors) == (0, "")
    assert list(rows) == [
        (shape, name) for shape in ("long", "longer") for name in ("reference", "right")
    ]
    for row in rows.values():
        assert row["status"] == "timed"
        assert len(row["seconds"]) == 3
        assert row["relative_error"] < 1e-6
        assert row["checked_against"] == "reference"
        assert row["baseline_ratio"] is None


def _raises(x):
    raise RuntimeError("out of order")


@pytest.mark.parametrize(
    "function, reason",
    [
        (lambda x: 2 * x * (1 + 3e-5), "relative error 3"),
        (lambda x: x, "relative error 5"),
        (lambda x: np.where(np.arange(x.size) == 7, np.nan, 2 * x), "1 values are not finite"),
        (lambda x: np.where(np.arange(x.size) == 7, np.inf, 2 * x), "1 values are not finite"),
        (lambda x: 2 * x[:-1], "shape (999,), the reference has (1000,)"),
        (_raises, "RuntimeError: out of order"),
    ],
    ids=["slightly wrong", "wrong", "nan", "infinite", "shape", "raises"],
)
def test_a_wrong_rung_is_refused_and_not_timed(ladder, capsys, function, reason):
    calls = []

    def broken(x):
        calls.append(x)
        return function(x)

    add_rung(ladder, "broken", broken)
    code, rows, errors = run(capsys, "--shape", "long")
    assert code == 1
    row = rows["long", "broken"]
    assert (row["status"], row["seconds"], len(calls)) == ("refused", [], 1)
    assert reason in row["note"]
    assert f"refused: throw_away, long, broken: {row['note']}" in errors
    assert row["median_seconds"] is row["gflop_per_second"] is None
    assert rows["long", "right"]["status"] == "timed"


def test_text_output_names_the_refused_rung(ladder, capsys):
    add_rung(ladder, "broken", lambda x: x)
    assert bench.main(["throw_away", "--quick"]) == 1
    output = capsys.readouterr().out
    assert "throw_away, long: " in output and "longer" not in output
    assert "REFUSED: relative error 5" in output


def test_a_rung_that_works_in_place_spoils_no_other(ladder, capsys):
    def in_place(x):
        x *= 2
        return x

    add_rung(ladder, "in_place", in_place)
    add_rung(ladder, "after", lambda x: 2 * x)
    code, rows, _ = run(capsys, "--shape", "long")
    assert code == 0
    assert {row["status"] for row in rows.values()} == {"timed"}


def test_float64_is_held_to_float64(ladder, capsys):
    add_rung(ladder, "single", lambda x: (2 * x.astype(np.float32) * np.float32(0.3)) / 0.3)
    assert run(capsys, "--dtype", "float32")[0] == 0
    code, rows, _ = run(capsys, "--dtype", "float64")
    assert (code, rows["long", "single"]["status"]) == (1, "refused")


def test_a_slow_reference_is_replaced_and_not_timed(ladder, capsys, monkeypatch):
    monkeypatch.setattr(checking, "REFERENCE_SECONDS", 0)
    monkeypatch.setattr(compare, "TIMED_REFERENCE_SECONDS", 0)
    add_rung(ladder, "broken", lambda x: x)
    code, rows, _ = run(capsys, "--shape", "long")
    assert code == 1
    assert rows["long", "right"]["checked_against"] == "right in float64"
    statuses = {name: row["status"] for (_, name), row in rows.items()}
    assert statuses == {"reference": "not timed", "right": "timed", "broken": "refused"}


def test_a_stand_in_must_match_the_reference_on_every_small_shape(ladder, capsys, monkeypatch):
    monkeypatch.setattr(checking, "REFERENCE_SECONDS", 0)
    right = sys.modules["tinygan.kernels.throw_away"].right
    wrong_for_three = lambda x: right(x) + (x.size == 3)  # noqa: E731
    sys.modules["tinygan.kernels.throw_away"].right = wrong_for_three
    code, rows, _ = run(capsys, "--shape", "long")
    assert code == 1
    assert {row["status"] for row in rows.values()} == {"refused"}
    assert "cannot stand in" in rows["long", "right"]["note"]
    assert "on shape 'smaller'" in rows["long", "right"]["note"]


def test_a_slow_reference_without_a_second_rung_is_no_standard(ladder, monkeypatch):
    monkeypatch.setattr(checking, "REFERENCE_SECONDS", 0)
    del ladder.rungs[1:]
    with pytest.raises(WrongResultError, match="no rung to stand in"):
        Standard(ladder).result((np.ones(3),), {})


def test_json_numbers_fit_together(ladder, capsys):
    bench.main(["throw_away", "--json", "--shape", "longer", "--rung", "right"])
    document = json.loads(capsys.readouterr().out)
    assert document["command"] == (
        "python -m tinygan.kernels.bench throw_away --json --shape longer --rung right"
    )
    machine = document["machine"]
    assert machine["numpy"] == np.__version__
    assert machine["threads"] >= 1 and machine["cpu"] and machine["python"]
    assert machine["roofline"]["gflop_per_second"] == 8 and machine["gpu"] is None
    (row,) = document["rows"]
    assert (row["flops"], row["bytes"]) == (2000, 16000)
    assert row["attainable_gflop_per_second"] == pytest.approx(0.5)  # 4 GB/s * 2000 / 16000
    seconds = row["seconds"]
    assert len(seconds) == bench.REPEATS
    assert row["median_seconds"] == pytest.approx(np.median(seconds))
    quartiles = np.percentile(seconds, [25, 75])
    assert row["spread_percent"] == pytest.approx(
        100 * (quartiles[1] - quartiles[0]) / np.median(seconds)
    )
    assert row["gflop_per_second"] == pytest.approx(2e-6 / np.median(seconds))
    assert row["gbyte_per_second"] == pytest.approx(1.6e-5 / np.median(seconds))
    assert row["roofline_fraction"] == pytest.approx(row["gflop_per_second"] / 0.5)


def test_unknown_names_are_answered_with_the_choices(ladder, capsys):
    error = usage_error(capsys, "conv3d")
    assert "unknown ladder 'conv3d' (choose from " in error and "throw_away" in error
    error = usage_error(capsys, "throw_away", "--shape", "short")
    assert "unknown shape 'short' (choose from 'long', 'longer')" in error
    error = usage_error(capsys, "throw_away", "--rung", "fast")
    assert "unknown rung 'fast' (choose from 'reference', 'right')" in error
    assert "'0' is not a positive integer" in usage_error(capsys, "--repeats", "0")
    error = usage_error(capsys, "throw_away", "--threads", "100000")
    assert "threads must be a positive integer up to 8192, got 100000" in error


def test_a_device_without_rungs(ladder, capsys):
    error = usage_error(capsys, "throw_away", "--device", "cuda")
    assert "no CUDA rung is registered for throw_away" in error
    ladder.rung("naive", "throw_away:right", device="cuda", precision="bfloat16")
    error = usage_error(capsys, "throw_away", "--dtype", "bfloat16")
    assert "none of these ladders has a rung for --dtype bfloat16 on --device cpu" in error


@pytest.mark.parametrize("module", [None, "no GPU", "0 GPUs"])
def test_cuda_without_cupy_or_a_gpu(ladder, capsys, monkeypatch, module):
    """The command ends before anything is measured."""

    def no_gpu():
        raise RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")

    def cupy(count):
        runtime = types.SimpleNamespace(getDeviceCount=count, CUDARuntimeError=RuntimeError)
        return types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=runtime))

    found, message = {
        None: (None, "device 'cuda' needs CuPy: pip install 'cupy-cuda12x[ctk]' or "),
        "no GPU": (cupy(no_gpu), "device 'cuda': no usable NVIDIA GPU (cudaErrorNoDevice: no CUDA"),
        "0 GPUs": (cupy(lambda: 0), "device 'cuda': this machine has 0 CUDA devices"),
    }[module]
    monkeypatch.setitem(sys.modules, "cupy", found)
    monkeypatch.setattr(bench, "measure_roofline", None)
    ladder.rung("naive", "throw_away:right", device="cuda")
    assert message in usage_error(capsys, "throw_away", "--device", "cuda")


def test_list(ladder, capsys):
    assert bench.main(["--list"]) == 0
    output = capsys.readouterr().out
    assert "throw_away\n  rungs:  reference (cpu), right (cpu)\n" in output
    assert "\n  shapes: 'long', 'longer'\n" in output
    assert {"matmul", "conv2d", "conv_transpose2d", "batch_norm", "adam", "tanh"} <= set(LADDERS)


def test_write_replaces_what_is_between_the_markers(ladder, capsys, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_bytes(f"before\r\n{BEGIN}\nold\n{END}\r\nafter\n".encode())
    for _ in range(2):
        assert bench.main(["throw_away", "--shape", "long", "--write", str(readme)]) == 0
        text = readme.read_bytes().decode()
        assert text.startswith(f"before\r\n{BEGIN}\n| kernel | shape |")
        assert text.endswith(f"\n{END}\r\nafter\n")
        assert "old" not in text
        assert text.count("| throw_away | long | reference ") == 1
        assert f"`python -m tinygan.kernels.bench throw_away --shape long --write {readme}`" in text
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    "text", ["", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}"]
)
def test_write_needs_the_markers_before_anything_is_measured(
    ladder, capsys, tmp_path, monkeypatch, text
):
    monkeypatch.setattr(bench, "measure_roofline", None)
    readme = tmp_path / "README.md"
    readme.write_text(text)
    assert "needs one line" in usage_error(capsys, "throw_away", "--write", str(readme))
    assert readme.read_text() == text


def test_write_to_a_missing_file(ladder, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # README.md is the default
    assert "No such file" in usage_error(capsys, "throw_away", "--write")


def test_a_refused_rung_leaves_the_file_as_it_was(ladder, capsys, tmp_path):
    add_rung(ladder, "broken", lambda x: x)
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\nold\n{END}\n")
    assert bench.main(["throw_away", "--write", str(readme)]) == 1
    assert readme.read_text() == f"{BEGIN}\nold\n{END}\n"
    assert f"{readme} is left as it was" in capsys.readouterr().err


def test_baseline_without_torch(ladder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    error = usage_error(capsys, "throw_away", "--baseline", "torch")
    assert "--baseline torch needs PyTorch, which is not installed" in error


def test_the_baseline_is_its_fastest_mode(ladder, capsys):
    needs.pytorch()
    code, rows, _ = run(capsys, "--baseline", "torch", "--shape", "long")
    assert code == 0
    fast, slow = rows["long", "torch fast"], rows["long", "torch slow"]
    best = min(fast["median_seconds"], slow["median_seconds"])
    for row in rows.values():
        assert row["baseline_ratio"] == pytest.approx(best / row["median_seconds"])


def test_a_wrong_baseline_is_refused(ladder, capsys):
    needs.pytorch()
    module = sys.modules["tinygan.kernels.throw_away"]
    module.baseline = lambda x: {"wrong": lambda: x, "right": lambda: 2 * x}
    code, rows, _ = run(capsys, "--baseline", "torch", "--shape", "long")
    assert code == 1
    assert rows["long", "torch wrong"]["status"] == "refused"
    right = rows["long", "torch right"]
    assert right["baseline_ratio"] == 1


def test_a_baseline_with_random_numbers_of_its_own_is_timed(ladder, capsys):
    needs.pytorch()
    ladder.random = True
    sys.modules["tinygan.kernels.throw_away"].baseline = lambda x: {"random": lambda: 3 * x}
    code, rows, _ = run(capsys, "--baseline", "torch", "--shape", "long")
    random = rows["long", "torch random"]
    assert code == 0 and random["status"] == "timed" and random["baseline_ratio"] == 1
    assert (random["checked_against"], random["relative_error"]) == ("nothing", None)
