"""The profiler: what it counts, that its shares add up, and that it leaves nothing behind."""

from __future__ import annotations

import re
import threading
import time

import needs
import numpy as np
import pytest

import tinygan
import tinygan.functional as F
from tinygan import autograd
from tinygan.kernels import activation
from tinygan.kernels import ladder as ladders
from tinygan.profiler import Line, Report


class Sleep(tinygan.Function):
    """The same numbers, 20 ms later; the gradient comes 30 ms later, doubled and halved."""

    def forward(self, x):
        time.sleep(0.02)
        return x + 0

    def backward(self, grad_output):
        time.sleep(0.03)
        return ((grad_output * 2.0) * 0.5,)


class Fail(tinygan.Function):
    def forward(self, x):
        raise ZeroDivisionError("forward")


class FailBack(tinygan.Function):
    def forward(self, x):
        return x + 0

    def backward(self, grad_output):
        raise ZeroDivisionError("backward")


@pytest.fixture(autouse=True)
def _no_hook_is_left():
    yield
    left = autograd.hook, ladders.hook
    autograd.hook = ladders.hook = None  # so that only this test fails
    assert left == (None, None)


def leaves(*shapes):
    return [tinygan.randn(*shape, requires_grad=True) for shape in shapes]


def test_calls_are_counted_forward_and_backward():
    x, w = leaves((4, 3), (3, 5))
    with tinygan.profile() as report:
        F.relu(F.relu(x @ w)).sum().backward()
    calls = {name: line.calls for name, line in report.ops.items()}
    assert calls == {
        "MatMul forward": 1, "ReLU forward": 2, "Sum forward": 1,
        "Sum backward": 1, "ReLU backward": 2, "MatMul backward": 1,
    }  # fmt: skip
    (forward,) = report.ops["MatMul forward"].parts.items()
    assert (forward[0].split(", ")[0], forward[1].calls) == ("matmul", 1)
    kernels = {
        name.split(", ")[0]: line.calls
        for name, line in report.ops["MatMul backward"].parts.items()
        if line.flops
    }
    assert kernels == {"matmul": 2}
    assert report.ops["MatMul backward"].parts["MatMul"].calls == 2  # without its kernel
    assert report.elsewhere.parts == {}


def test_a_kernel_is_named_with_its_rung_and_counted_by_its_ladder():
    from tinygan.kernels.matmul import matmul

    x, w = leaves((40, 30), (30, 50))
    with matmul.use("numpy"), tinygan.profile() as report:
        (x @ w).sum().backward()
    forward = report.ops["MatMul forward"].parts["matmul, numpy"]
    assert forward.flops == 2 * 40 * 30 * 50
    assert forward.traffic == 4 * (40 * 30 + 30 * 50 + 40 * 50)
    backward = report.ops["MatMul backward"].parts["matmul, numpy"]
    assert (backward.calls, backward.flops) == (2, 2 * 2 * 40 * 30 * 50)
    rate = forward.flops / forward.seconds / 1e9
    assert f"{rate:.1f}" in str(report)


def test_a_gradient_that_nobody_wants_is_not_there():
    (w,) = leaves((3, 5))
    with tinygan.profile() as report:
        (tinygan.ones(4, 3) @ w).sum().backward()
    assert sum(line.calls for line in report.ops["MatMul backward"].parts.values()
               if line.flops) == 1  # fmt: skip


def test_sums_of_gradients_that_meet_count_as_backward():
    (x,) = leaves((3,))
    with tinygan.profile() as report:
        y = x * 2.0
        (y + y).sum().backward()
    assert report.ops["Add forward"].calls == 1
    assert report.ops["Add backward"].calls == 2  # the op's own, and the sum of its two gradients


def test_grad_is_a_walk_too_and_the_walk_ends():
    (x,) = leaves((3,))
    with tinygan.profile() as report:
        (slope,) = tinygan.grad((x**3).sum(), x, create_graph=True)
        tinygan.grad(slope.sum(), x)
        x.tanh()
    assert report.ops["Pow backward"].calls >= 2
    assert report.ops["Tanh forward"].calls == 1
    assert "Tanh backward" not in report.ops


def test_time_is_booked_where_it_passes():
    (x,) = leaves((3,))
    with tinygan.profile() as report:
        Sleep()(x).sum().backward()
        time.sleep(0.04)
    forward, backward = report.ops["Sleep forward"], report.ops["Sleep backward"]
    # A sleep is never shorter than asked for; on a busy machine it may be much longer.
    assert 0.02 <= forward.seconds < 0.5
    assert 0.03 <= backward.seconds < 0.5
    assert 0.04 <= report.elsewhere.seconds < 0.5
    assert report.seconds >= 0.09
    (part,) = backward.parts.items()  # the two products; not the sleep
    assert (part[0][:3], part[1].calls) == ("Mul", 2)
    assert 0 < part[1].seconds <= backward.seconds - 0.03


def test_parts_do_not_exceed_their_op_and_shares_add_up_to_1():
    net = tinygan.nn.Sequential(
        tinygan.nn.Conv2d(3, 8, 4, 2, 1), tinygan.nn.BatchNorm2d(8), tinygan.nn.LeakyReLU(0.2),
        tinygan.nn.Flatten(), tinygan.nn.Linear(8 * 16, 1),
    )  # fmt: skip
    adam = tinygan.optim.Adam(net.parameters())
    with tinygan.profile() as report:
        net(tinygan.randn(4, 3, 8, 8)).mean().backward()
        adam.step()
    lines = [*report.ops.values(), report.elsewhere]
    assert sum(report.share(line) for line in lines) == pytest.approx(1, abs=1e-9)
    for line in lines:
        assert line.seconds > 0
        assert sum(part.seconds for part in line.parts.values()) <= line.seconds
    (optimizer,) = report.elsewhere.parts.items()
    assert (optimizer[0].split(", ")[0], optimizer[1].calls) == ("adam", 1)
    assert {"Conv2d forward", "Conv2d backward", "BatchNorm backward"} <= set(report.ops)

    shares = [float(text) for text in re.findall(r"^\w.* ([\d.]+)%$", str(report), re.MULTILINE)]
    assert sum(shares) == pytest.approx(100, abs=0.05 * len(shares) + 1e-6)


def test_on_a_gpu_the_gpus_own_time_is_booked(gpu, monkeypatch):
    """Each interval between two events is 7 ms here, however long the host took."""
    import cupy

    waited = []
    needs.emulator()
    monkeypatch.setattr(cupy.cuda, "get_elapsed_time", lambda start, stop: 7.0)
    monkeypatch.setattr(cupy.cuda.Device, "synchronize", lambda self: waited.append(self.id))
    x = tinygan.randn(4, 3, device=gpu, requires_grad=True)
    w = tinygan.randn(3, 5, device=gpu, requires_grad=True)
    with tinygan.profile() as report:
        assert waited == [0]  # for what was queued before
        F.relu(x @ w).sum().backward()
    assert waited == [0, 0]
    assert {line.seconds for line in report.ops.values()} == {0.007}
    (kernel,) = report.ops["MatMul forward"].parts.values()
    assert (kernel.calls, kernel.seconds) == (1, 0.007)
    products = report.ops["MatMul backward"].parts
    assert products["MatMul"].calls == 2 and products["MatMul"].seconds == pytest.approx(0)
    assert [part.seconds for name, part in products.items() if "matmul" in name] == [0.014]


def test_while_a_step_is_captured_the_host_is_timed(gpu):
    x = tinygan.randn(4, 3, device=gpu)
    step = tinygan.capture(lambda x: F.relu(x), warmup=1)
    step(x)
    with tinygan.profile() as report:
        step(x)  # records
        step(x)  # replays, which runs no op
    assert report.ops["ReLU forward"].calls == 1 and report.seconds > 0


def test_the_table():
    kernel = Line(4, 0.002, flops=6_000_000, traffic=9_000_000)
    other = Line(2, 0.0000004)
    report = Report(
        seconds=0.01,
        ops={"Tiny forward": Line(3, 0.000002), "Conv2d backward": Line(2, 0.004, parts={
            "Sum": other, "conv2d, panels": kernel})},
        elsewhere=Line(0, 0.005998),
    )  # fmt: skip
    assert [" ".join(line.split()) for line in str(report).splitlines()] == [
        "wall time 10.0 ms",
        "calls ms ms/call GFLOP/s GB/s share",
        "Conv2d backward 2 4.00 2.000 40.0%",
        "conv2d, panels 4 2.00 0.500 3.0 4.5 20.0%",
        "1 smaller ops 3 0.00 0.001 0.0%",
        "elsewhere 6.00 60.0%",
    ]


@pytest.mark.parametrize(
    "failing", [lambda x: Fail()(x), lambda x: FailBack()(x).sum().backward()]
)
def test_after_an_exception_all_is_as_before(failing):
    (x,) = leaves((2, 3))
    with pytest.raises(ZeroDivisionError), tinygan.profile():
        failing(x)
    assert autograd.hook is None and ladders.hook is None
    with tinygan.profile() as report:  # also within a block that goes on
        with pytest.raises(ZeroDivisionError):
            failing(x)
        F.relu(x).sum().backward()
    assert report.ops["ReLU forward"].calls == report.ops["ReLU backward"].calls == 1


def test_a_kernel_that_another_one_calls_belongs_to_that_one(monkeypatch):
    (x,) = leaves((3,))
    rung = activation.relu.pick(x.array)
    monkeypatch.setattr(rung, "function", lambda x: activation.tanh(activation.tanh(x)))
    with tinygan.profile() as report:
        F.relu(x)
    assert list(report.ops["ReLU forward"].parts) == [f"relu, {rung.name}"]


def test_after_a_kernel_that_fails_the_next_one_is_counted(monkeypatch):
    (x,) = leaves((3,))
    monkeypatch.setattr(activation.relu.pick(x.array), "function", lambda x: 1 / 0)
    with tinygan.profile() as report:
        with pytest.raises(ZeroDivisionError):
            F.relu(x)
        x.tanh()
    assert report.ops["ReLU forward"].calls == 1
    assert report.ops["ReLU forward"].parts == {}
    (kernel,) = report.ops["Tanh forward"].parts.values()
    assert kernel.calls == 1


def test_nothing_is_recorded_afterwards():
    (x,) = leaves((3,))
    with tinygan.profile() as report:
        assert str(report) == "the profile has not ended yet"
    F.relu(x).sum().backward()
    assert report.ops == {}
    assert report.elsewhere.seconds == report.seconds > 0


def test_profiles_cannot_be_nested():
    (x,) = leaves((3,))
    with tinygan.profile() as report:
        with pytest.raises(RuntimeError, match="a profile is being taken already"), \
                tinygan.profile():
            pass
        F.relu(x)  # the outer one goes on
    assert report.ops["ReLU forward"].calls == 1


def test_other_threads_are_not_measured():
    (x,) = leaves((3,))
    results = []
    with tinygan.profile() as report:
        work = threading.Thread(target=lambda: results.append(F.relu(x @ x.reshape(3, 1)).sum()))
        work.start()
        work.join()
        x.tanh()
    assert len(results) == 1 and np.isfinite(results[0].item())
    assert list(report.ops) == ["Tanh forward"]


def test_results_are_the_same_under_a_profile():
    x, w = leaves((4, 3), (3, 5))
    plain = tinygan.grad(F.relu(x @ w).sum(), (x, w))
    with tinygan.profile():
        profiled = tinygan.grad(F.relu(x @ w).sum(), (x, w))
    for a, b in zip(plain, profiled, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
