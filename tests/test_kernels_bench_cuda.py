"""The kernel benchmark on --device cuda, which is emulated here. No test looks at a speed."""

from __future__ import annotations

import importlib
import json
import sys
import time
import types
from pathlib import Path

import needs
import numpy as np
import pytest

from tinygan.kernels.bench import __main__ as bench
from tinygan.kernels.bench import checking, compare, roofline, timing
from tinygan.kernels.bench.checking import on_device
from tinygan.kernels.bench.documents import KERNELS
from tinygan.kernels.bench.peaks import gpu as peaks
from tinygan.kernels.cuda import device as cuda_device
from tinygan.kernels.emulator import cases, fake_cupy
from tinygan.kernels.ladder import Cases, Ladder, Probe, relative_error

needs.emulator()

LADDERS = bench.all_ladders()
BEGIN, END = KERNELS


@pytest.fixture
def cupy():
    with fake_cupy.installed(checked=True) as module:
        yield module


@pytest.fixture
def small(cupy, monkeypatch):
    """Nothing takes long: small arrays, few steps, one try."""
    monkeypatch.setattr(cuda_device, "LEAST_LARGE_BYTES", 8192)
    monkeypatch.setattr(cuda_device, "L2_FACTOR", 0)
    for name, value in {"_THREADS": 128, "_STEPS": 4, "_TENSOR_STEPS": 2, "_TRIES": 1,
                        "_LEAST_SECONDS": 0}.items():  # fmt: skip
        monkeypatch.setattr(peaks, name, value)
    monkeypatch.setattr(cuda_device, "_driver_version", lambda: "570.1")
    monkeypatch.setattr(timing, "SETTLE_SECONDS", None)  # time.sleep would raise


@pytest.fixture
def ladder(small, monkeypatch):
    """A throw-away ladder, y = 2 x, with a right rung on each device."""
    module = types.ModuleType("tinygan.kernels.throw_away")
    module.reference = lambda x: np.array([2 * value for value in x])
    module.right = lambda x: peaks.add(x, x)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(checking, "REFERENCE_SECONDS", 1e9)
    monkeypatch.setattr(compare, "TIMED_REFERENCE_SECONDS", 1e9)
    ladder = Ladder(
        "throw_away",
        Cases(
            make=lambda rng, dtype, size: ((rng.standard_normal(size).astype(dtype),), {}),
            flops=lambda x: x.size,
            traffic=lambda x: 2 * x.nbytes,
            shapes={"small": {"size": 5}},
            bench_shapes={"long": {"size": 1000}},
        ),
        baseline="throw_away:baseline",
    )
    ladder.rung("reference", "throw_away:reference")
    ladder.rung("right", "throw_away:right", device="cuda")
    yield ladder
    del Ladder.registry["throw_away"]


def add_rung(ladder, name, function):
    setattr(sys.modules["tinygan.kernels.throw_away"], name, function)
    ladder.rung(name, f"throw_away:{name}", device="cuda")


def run(capsys, *options):
    """(exit code, document, what went to stderr) of a run on the throw-away ladder."""
    code = bench.main(["throw_away", "--device", "cuda", "--json", "--repeats", "2", *options])
    output = capsys.readouterr()
    return code, json.loads(output.out), output.err


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_right_rungs_are_timed(ladder, capsys, dtype):
    code, document, errors = run(capsys, "--dtype", dtype)
    assert (code, errors) == (0, "")
    (row,) = document["rows"]
    assert (row["name"], row["device"], row["status"]) == ("right", "cuda", "timed")
    assert len(row["seconds"]) == 2 and row["relative_error"] < 1e-6
    assert row["checked_against"] == "reference"
    limits = document["machine"]["roofline"]
    assert limits["gflop_per_second"] > 0 < limits["gbyte_per_second"]
    attainable = min(limits["gflop_per_second"], limits["gbyte_per_second"] * 1000 / row["bytes"])
    assert row["attainable_gflop_per_second"] == pytest.approx(attainable)
    assert document["machine"]["gpu"] == {
        "name": "emulated GPU", "multiprocessors": 2, "compute_capability": "8.0",
        "memory_bytes": 2**31, "l2_bytes": 2**20, "driver": "570.1", "cuda_of_driver": "12.4",
        "cuda": "12.8", "cupy": "emulated",
    }  # fmt: skip


@pytest.mark.parametrize(
    "function, reason",
    [
        (lambda x: 2 * x * np.float32(1 + 3e-5), "relative error 3"),
        (lambda x: fake_cupy.array(np.full(1000, np.nan)), "1000 values are not finite"),
        (lambda x: 2 * x[:-1], "shape (999,), the reference has (1000,)"),
        (lambda x: x + np.ones(1000, np.float32), "TypeError: Unsupported type"),
        (lambda x: peaks.add(x, x[:500] + 0), "KernelFault: add<float>: out of bounds"),
    ],
    ids=["slightly wrong", "nan", "shape", "mixes devices", "fault"],
)
def test_a_wrong_rung_is_refused_and_not_timed(ladder, capsys, function, reason):
    calls = []

    def broken(x):
        calls.append(x)
        return function(x)

    add_rung(ladder, "broken", broken)
    code, document, errors = run(capsys)
    assert code == 1
    right, row = document["rows"]
    assert (row["status"], row["seconds"], len(calls)) == ("refused", [], 1)
    assert reason in row["note"] and row["note"] in errors
    assert right["status"] == "timed"


def test_a_rung_that_works_in_place_spoils_no_other(ladder, capsys):
    def in_place(x):
        x *= 2
        return x

    add_rung(ladder, "in_place", in_place)
    add_rung(ladder, "after", lambda x: 2 * x)
    code, document, _ = run(capsys)
    assert code == 0
    assert [row["status"] for row in document["rows"]] == ["timed"] * 3


def test_the_table_names_the_gpu(ladder, capsys, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n")
    argv = ["throw_away", "--device", "cuda", "--quick", "--write", str(readme)]
    assert bench.main(argv) == 0
    machine = "emulated GPU, 2 multiprocessors, driver 570.1, CUDA 12.8, float32; measured roof"
    output = capsys.readouterr().out
    assert output.startswith(machine) and "throw_away, long: " in output
    text = readme.read_text()
    assert text.count("| throw_away | long | right ") == 1 and machine in text
    assert "Measured by `python -m tinygan.kernels.bench throw_away --device cuda --quick" in text


@pytest.fixture
def torch(monkeypatch):
    """PyTorch as if it saw the GPU: tensors made of the fake CuPy's arrays lie on the CPU."""
    torch = needs.pytorch()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = torch.get_num_threads(), matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = True, True, False
    yield torch
    threads, matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before
    torch.set_num_threads(threads)


def test_the_baseline_gets_arrays_of_the_device(ladder, torch, capsys):
    seen = []

    def baseline(x):
        seen.append(type(x))
        x = torch.from_dlpack(x)
        return {"wrong": lambda: x, "right": lambda: x + x}

    sys.modules["tinygan.kernels.throw_away"].baseline = baseline
    code, document, _ = run(capsys, "--baseline", "torch")
    assert code == 1 and seen == [fake_cupy.ndarray]
    assert {row["name"]: row["status"] for row in document["rows"]} == {
        "right": "timed", "torch wrong": "refused", "torch right": "timed",
    }  # fmt: skip
    ours, _, theirs = document["rows"]
    ratio = theirs["median_seconds"] / ours["median_seconds"]
    assert ours["baseline_ratio"] == pytest.approx(ratio)
    assert not torch.backends.cuda.matmul.allow_tf32 and not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.benchmark


def test_a_baseline_that_finds_no_gpu(ladder, torch, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(bench, "measure_roofline", None)
    with pytest.raises(SystemExit) as stopped:
        bench.main(["throw_away", "--device", "cuda", "--baseline", "torch"])
    assert stopped.value.code == 2
    assert "finds no GPU; is it a build with CUDA?" in capsys.readouterr().err


@pytest.mark.parametrize("name", LADDERS)
def test_every_ladder_runs_beside_its_baseline(name, small, torch, capsys, monkeypatch):
    """All of it, on one small shape: inputs moved, results compared, rungs and baseline timed."""
    shapes = LADDERS[name].shapes
    case = shapes.get("odd", list(shapes.values())[1])
    monkeypatch.setattr(LADDERS[name], "bench_shapes", {"odd": case})
    argv = [name, "--device", "cuda", "--baseline", "torch", "--repeats", "1", "--json"]
    assert bench.main(argv) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    kinds = {"rung", "baseline"} if LADDERS[name].baseline else {"rung"}
    assert {row["kind"] for row in rows} == kinds
    args, options = cases.draw(LADDERS[name], case, "float32")
    expected = {
        rung.name: "timed" if rung.covers(*args, **options) else "not timed"
        for rung in LADDERS[name].rungs if rung.device == "cuda" and rung.precision is None
    }  # fmt: skip
    assert {row["name"]: row["status"] for row in rows if row["kind"] == "rung"} == expected
    assert all(row["status"] == "timed" for row in rows if row["kind"] == "baseline")


# The parts


def test_arrays_keep_their_order_of_memory(cupy):
    x = np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0)
    y = np.asfortranarray(x)
    moved = on_device(([x, y], x[::2], 3, None, np.float64(2)), "cuda")
    assert isinstance(moved, tuple) and moved[2:] == (3, None, 2)
    for host, array in ((x, moved[0][0]), (y, moved[0][1]), (x[::2].copy("K"), moved[1])):
        assert isinstance(array, cupy.ndarray) and array.strides == host.strides
        np.testing.assert_array_equal(array.get(), host)
    assert on_device([x, y], "cpu")[0] is x


def test_results_of_any_library_are_compared(cupy):
    on_a_gpu = types.SimpleNamespace(cpu=lambda: np.array([1.0, 2.0]))  # a tensor of PyTorch
    for result in (cupy.asarray(np.array([1.0, 2.0])), on_a_gpu):
        assert relative_error(result, np.array([1.0, 4.0])) == 0.5


def test_calls_take_turns_after_a_flush(cupy, monkeypatch):
    calls = []
    monkeypatch.setattr(timing, "l2_flush", lambda: lambda passes: calls.append("flush"))
    monkeypatch.setattr(timing, "SETTLE_SECONDS", None)
    result = timing.interleaved(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, "cuda", 2
    )
    assert calls == ["a", "flush", "a", "b", "flush", "b"] * 3
    assert {name: len(seconds) for name, seconds in result.items()} == {"a": 2, "b": 2}


def test_the_flush_reads_more_than_the_cache(small, monkeypatch):
    flush = peaks.l2_flush()
    # 8192 bytes are 2048 numbers, 8 for each of 2 * 128 threads.
    assert flush(1).get().tolist() == [8] * 256 and flush(3).get().tolist() == [24] * 256


def test_what_is_larger_than_the_cache(cupy, monkeypatch):
    assert cuda_device.large_bytes() == 256 * 2**20
    wide = {**cuda_device.properties(), "l2CacheSize": 96 * 2**20}
    monkeypatch.setattr(cuda_device, "properties", lambda: wide)
    assert cuda_device.large_bytes() == 384 * 2**20


def test_only_the_call_is_timed(cupy):
    assert 0.01 <= cuda_device.seconds(lambda: time.sleep(0.01), lambda n: time.sleep(0.2)) < 0.2


@pytest.mark.parametrize(("late", "passes"), [(0, [1]), (2, [1, 2, 4]), (99, [1, 2, 4, 8])])
def test_a_call_that_was_not_hidden_is_made_again(cupy, monkeypatch, late, passes):
    """The GPU came to the call before all of it was in the queue."""
    states = iter([True] * late + [False] * 9)
    monkeypatch.setattr(cupy.cuda.Event, "done", property(lambda event: next(states)))
    monkeypatch.setattr(cuda_device, "MOST_PASSES", 8)
    calls = []
    cuda_device.seconds(lambda: calls.append("call"), calls.append)
    assert calls == [item for count in passes for item in (count, "call")]


def test_the_drivers_version(monkeypatch, tmp_path):
    assert [cuda_device._cuda_version(n) for n in (12080, 12100)] == ["12.8", "12.10"]
    monkeypatch.setattr(cuda_device, "Path", lambda name: tmp_path / "version")
    assert cuda_device._driver_version() is None
    (tmp_path / "version").write_text("570.1\n")
    assert cuda_device._driver_version() == "570.1"


def test_layers_are_compared_in_each_precision(small, monkeypatch):
    examples = Path(__file__).resolve().parent.parent / "examples"
    monkeypatch.syspath_prepend(str(examples))
    layers = importlib.import_module("benchmark_layers")
    tiny = dict(n=2, c=4, k=8, size=(5, 5), kernel=(3, 3), padding=(1, 1))
    odd = dict(n=2, c=3, k=5, size=(5, 5), kernel=(3, 3), padding=(1, 1))
    for name in layers.LADDERS:
        monkeypatch.setattr(LADDERS[name], "bench_shapes", {"tiny": tiny, "odd": odd})
    monkeypatch.setattr(layers, "LAYERS", ("tiny", "odd"))
    said: list[str] = []
    rows = list(layers.layer_rows("cuda", None, 1, said.append))
    assert not [row.note for row in rows if row.status == "refused"]
    text = layers.as_markdown(rows, "Note.")
    assert [line.split(" | ")[:2] for line in text.splitlines()[2:8]] == [
        [f"| {name}", layer] for name in layers.LADDERS for layer in ("tiny", "odd")
    ]
    names = {(row.dtype, row.shape): row.name for row in rows if row.seconds}  # the last of each
    assert names["tf32", "tiny"] == "tf32 pipeline" and names["tf32", "odd"] == "tf32"
    assert names["bfloat16", "tiny"] == "bf16 pipeline"
    assert names["float32", "tiny"] == "registers"
    assert any("measured roofline" in line for line in said) and text.endswith("Note.")


# The roofline

PROBES = [case for cases_of in cases.by_source().values() for case in cases_of
          if isinstance(case.ladder, Probe)]  # fmt: skip


@pytest.mark.parametrize("dtype", cases.BOUND)
@pytest.mark.parametrize("case", PROBES, ids=str)
def test_probes_compute_what_they_say(case, dtype, cupy):
    assert case.error(dtype) <= cases.BOUND[dtype]


def test_probes_are_no_ladders():
    names = {case.ladder.name for case in PROBES}
    assert names == set(Probe.registry) == {"fma_chains", "tensor_chains", "add", "sweep"}
    assert not names & set(bench.all_ladders())


def test_the_peaks_are_work_by_time(small, monkeypatch):
    launched = []
    launch = peaks.Source.launch
    monkeypatch.setattr(
        peaks.Source, "launch", lambda *args: (launched.append(args[1:4]), launch(*args))
    )

    def seconds(call, before):
        call()
        return 2.0

    monkeypatch.setattr(cuda_device, "seconds", seconds)
    limits = roofline.measure_roofline("cuda", "float32")
    # 2 multiprocessors of 128 threads: 8 chains of 4 multiplications and 4 additions each.
    assert limits.flops_per_second == 2 * 128 * 8 * 4 * 2 / 2
    assert limits.bytes_per_second == 3 * 8192 / 2
    assert launched[-1] == ("add<float>", (2,), (256,))
    # 2 blocks of 4 warps: 8 tiles, 2 products of 16x16 and 16x8 in each.
    low = roofline.measure_roofline("cuda", "bfloat16")
    assert low.flops_per_second == 2 * 4 * 8 * 2 * (2 * 16 * 16 * 8) / 2
    assert low.bytes_per_second == limits.bytes_per_second
    assert roofline.measure_roofline("cuda", "float16") == low
    tf32 = roofline.measure_roofline("cuda", "tf32")
    assert tf32.flops_per_second == low.flops_per_second / 2
    double = roofline.measure_roofline("cuda", "float64")
    assert double == limits
    assert ("tensor_chains<Kind::bf16>", (2,), (128,)) in launched
    assert launched[-1][0] == "add<double>"


def test_the_best_of_several_tries_counts(monkeypatch):
    durations = iter([9.0, 3.0, 5.0, 4.0])
    monkeypatch.setattr(cuda_device, "seconds", lambda call, before: next(durations))
    monkeypatch.setattr(peaks, "_TRIES", 4)
    monkeypatch.setattr(peaks, "_LEAST_SECONDS", 0)
    assert peaks._best_seconds(lambda: None) == 3.0
