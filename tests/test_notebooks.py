"""The notebooks run, their exercises are not right at first, and are with the solutions."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import needs
import pytest

pytest.importorskip("marimo", reason="needs marimo: pip install -e '.[notebooks]'")

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NAMES = ("autograd_from_scratch", "loop_to_convolution", "cuda_kernel_without_a_gpu",
         "what_a_gan_learns")  # fmt: skip
EXERCISES = {
    name: re.findall(r'check\(\d, "(\w+)"', (NOTEBOOKS / f"{name}.py").read_text())
    for name in NAMES
}


@pytest.fixture(autouse=True)
def _from_their_folder(monkeypatch):
    monkeypatch.syspath_prepend(str(NOTEBOOKS))


def quick(name: str) -> dict:
    """What the sliders and the clock say in a short run, by the name that the notebook defines."""
    if name == "loop_to_convolution":
        from tinygan.kernels.bench.roofline import Roofline

        values = dict(images=1, channels=1, outputs=32)
        return {key: SimpleNamespace(value=value) for key, value in values.items()} | {
            "roofline": Roofline(1e11, 1e10)
        }
    if name == "what_a_gan_learns":
        values = dict(
            loss="minimax", rate_g=1e-3, rate_d=1e-3, d_steps=2, steps=8, middle=0.0, seed=0
        )
        return {key: SimpleNamespace(value=value) for key, value in values.items()}
    return {}


def run(name: str, answers: dict):
    """The verdicts of a notebook in which the exercises have these answers."""
    app = importlib.import_module(name).app
    _, definitions = app.run(defs=quick(name) | answers)
    return [definitions[f"exercise_{i + 1}"] for i in range(len(EXERCISES[name]))]


@pytest.mark.parametrize("name", NAMES)
def test_no_exercise_is_right_before_it_is_done(name, monkeypatch):
    """Run as `marimo run` does, where the notebook shows the code that it hides in cells."""
    import exercises

    if "cuda" in name:
        needs.cpp_compiler()
    monkeypatch.setattr(exercises.mo, "app_meta", lambda: SimpleNamespace(mode="run"))
    verdicts = run(name, {})
    for verdict in verdicts:
        page = verdict._display_().text
        assert "not yet" in page
        assert "A solution" in page
    assert [verdict.right for verdict in verdicts] == [False] * len(verdicts)
    assert all(verdict.reason for verdict in verdicts)


@pytest.mark.parametrize("name", NAMES)
def test_the_solutions_are_right(name):
    if "cuda" in name:
        needs.cpp_compiler()
    import solutions

    answers = {exercise: getattr(solutions, exercise) for exercise in EXERCISES[name]}
    assert len(answers) >= 3
    assert [str(verdict) for verdict in run(name, answers) if not verdict.right] == []


# A mistake for each exercise, or several: what the solution has, what stands there instead, and a
# part of what the student reads.
MISTAKES = [
    ("central_difference", "f(x - eps)) / (2 * eps)", "f(x)) / eps", "larger than eps squared"),
    ("dual_product", "dx * y + x * dy", "dx * dy", "must be (15, 5)"),
    ("dual_product", "dx * y + x * dy", "dx * y", "both factors move"),
    ("walk_back", "parent.grad +=", "parent.grad =", "what arrives is added"),
    ("walk_back", "reversed(nodes_of(output))", "nodes_of(output)", "did a node"),
    ("walk_back", "output.grad = 1.0", "return", "No grad has reached"),
    ("sum_to", "keepdims=True", "keepdims=False", "AxisError"),
    ("sum_to", "size == 1", "size == 9", "The shape is"),
    ("sum_to", "grad.sum(0)", "grad.mean(0)", "not all that arrived"),
    ("matmul_backward", "grad @ b.T", "b @ grad.T", "must have the shape"),
    ("matmul_backward", "grad @ b.T", "2 * grad @ b.T", "by a has wrong values"),
    ("softsign_backward", "** 2", "** 3", "GradcheckError"),
    ("softsign_backward", "x.abs()", "x.detach().abs()", "its own gradient is not"),
    ("flops_and_bytes", "flops = 2 *", "flops =", "FLOPs, got"),
    ("flops_and_bytes", "(p + r - 1)", "p", "bytes, got"),
    ("faster_loops", "q + s", "q", "wrong values"),
    ("two_outputs", "shared +", "(g[0] + g[1]) * d[1] +", "3 are enough"),
    ("two_outputs", "(d[0] - d[1])", "(d[1] - d[0])", "The outputs are"),
    ("input_gradient", "size - smallest", "0", "its gradient"),
    ("input_gradient", "conv_transpose2d(\n        grad_y", "conv_transpose2d(\n        2 * grad_y",
     "GradcheckError"),
    ("block_sum", "  __syncthreads();\n  for", "  for", "uninitialised"),
    ("block_sum", "    __syncthreads();\n", "", "race"),
    ("block_sum", "i < n ? x[i] : 0.0f", "x[i]", "out of bounds"),
    ("block_sum", "half /= 2)", "half /= 2", "kernel.cu"),
    ("histogram", "x[i] >= 0 && ", "", "out of bounds"),
    ("transpose", "[33]", "[32]", "passes of shared memory"),
    ("transpose", "  __syncthreads();\n", "", "uninitialised"),
    ("best_discriminator", "p / (p", "q / (p", "0.75"),
    ("jensen_shannon", ") / 2\n", ")\n", "nats, got"),
    ("jensen_shannon", "density > 0", "density >= 0", "0 log 0"),
    ("slopes_by_logit", "-d, d - 1", "-d, -d", "the non-saturating loss"),
    ("train_step", "adam_g.zero_grad()", "pass", "G has other weights"),
    ("train_step", "adam_d.zero_grad()", "pass", "D has other weights"),
    ("train_step", "adam_d.step()", "pass", "D has other weights"),
    ("shares_of_modes", "3 * std", "std", "2 and 4"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "reason"), MISTAKES)
def test_a_mistake_is_told(name, old, new, reason):
    import checks
    import exercises
    import solutions

    answer, context = getattr(solutions, name), {}
    if isinstance(answer, str):
        needs.cpp_compiler()
    source = answer if isinstance(answer, str) else inspect.getsource(answer)
    assert old in source
    wrong = source.replace(old, new)
    if not isinstance(answer, str):
        space = dict(vars(solutions))
        exec(wrong, space)
        wrong = space[name]
    if name == "walk_back":
        context = dict(Value=importlib.import_module("autograd_from_scratch").Value)
    if name == "faster_loops":
        context = dict(slow=checks.numba.njit(solutions.faster_loops))
    verdict = exercises.check(1, name, wrong, **context)
    assert not verdict.right
    assert reason in verdict.reason


def test_loops_that_are_not_faster_are_told():
    import checks
    import exercises
    import solutions

    with pytest.raises(exercises.NotYet, match="2 are wanted"):
        checks.faster_loops(solutions.faster_loops, slow=checks.numba.njit(solutions.faster_loops))


def test_a_notebook_is_a_script():
    script = NOTEBOOKS / "autograd_from_scratch.py"
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120,
        env=os.environ | {"PYTHONPATH": str(NOTEBOOKS.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.findall(r"Exercise (\d): not yet: .", done.stdout) == list("123456")
