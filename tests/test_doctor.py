"""The doctor for GPUs: each section finds what it looks for."""

from __future__ import annotations

import functools
import os
import subprocess
import types
from dataclasses import replace

import needs
import numpy as np
import pytest
from doctored import SMALL, examined

import tinygan
from tinygan.doctor import compiling, graphs, guards, machine, run, rungs, steps
from tinygan.doctor.plan import Plan
from tinygan.kernels.activation import relu, tanh
from tinygan.kernels.bench.peaks import gpu as peaks
from tinygan.kernels.cuda import device as cuda_device
from tinygan.kernels.cuda.source import Source
from tinygan.kernels.emulator import fake_cupy
from tinygan.kernels.ladder import all_ladders
from tinygan.kernels.swap_inner import swap_inner
from tinygan.models import DCGAN

needs.emulator()

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
