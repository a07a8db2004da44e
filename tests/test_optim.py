"""Optimizers by hand-computed numbers, schedules, and the moving average of a model."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from optimizer_cases import each_optimizer
from states import arrays_of

import tinygan
from tinygan import nn, optim


def parameter(*values, device="cpu", dtype="float64"):
    return tinygan.tensor(values, dtype=dtype, device=device, requires_grad=True)


def step(optimizer, *gradients):
    """One step with the given gradients; None for none."""
    for p, gradient in zip(optimizer.params, gradients, strict=True):
        p.grad = None if gradient is None else tinygan.tensor(gradient, p.dtype, p.device)
    optimizer.step()


def test_two_steps_of_adam(device):
    p = parameter(1.0, -2.0, device=device)
    optimizer = optim.Adam([p], lr=0.1, betas=(0.5, 0.75), eps=0.5)
    step(optimizer, [2.0, 0.0])
    # m = 1, v = 1; corrected by 1 - 0.5 and 1 - 0.25: m = 2, v = 4. Then 1 - 0.1 * 2 / (2 + 0.5).
    assert p.tolist() == pytest.approx([0.92, -2.0], rel=1e-14)
    step(optimizer, [-4.0, 4.0])
    # m = 0.5 - 2 = -1.5, corrected by 1 - 0.25: -2; v = 0.75 + 4 = 4.75, by 1 - 0.5625: 76 / 7.
    first = 0.92 + 0.1 * 2 / (math.sqrt(76 / 7) + 0.5)
    # The other's first gradient was 0: m = 2, corrected 8 / 3; v = 4, corrected 64 / 7.
    second = -2 - 0.1 * (8 / 3) / (math.sqrt(64 / 7) + 0.5)
    # A dozen roundings of float64.
    assert p.tolist() == pytest.approx([first, second], rel=1e-14)
    assert p.version == 2


def test_the_first_step_of_adam_has_the_size_of_the_rate(device):
    """Whatever the gradient's size: the reason for the corrections."""
    p = parameter(0.0, 0.0, 0.0, device=device, dtype="float32")
    step(optim.Adam([p], lr=2e-4, betas=(0.5, 0.999)), [1e-3, -1.0, 1e3])
    # eps = 1e-8 against a gradient of 1e-3 changes 1e-5 of the step; float32 rounds by 6e-8.
    assert p.tolist() == pytest.approx([-2e-4, 2e-4, -2e-4], rel=2e-5)


def test_steps_of_sgd_with_momentum(device):
    p = parameter(1.0, device=device)
    optimizer = optim.SGD([p], lr=0.5, momentum=0.5)
    for gradient, expected in [(2.0, 0.0), (4.0, -2.5), (0.0, -3.75)]:  # buffer: 2, 5, 2.5
        step(optimizer, [gradient])
        assert p.tolist() == [expected]  # all exact in binary
    optimizer.momentum = 0.0
    step(optimizer, [1.0])
    assert p.tolist() == [-4.25]


@each_optimizer
def test_a_parameter_without_gradient_is_skipped_and_counts_for_itself(make, device):
    p, q = parameter(1.0, device=device), parameter(1.0, device=device)
    optimizer = make([p, q])
    for _ in range(5):
        step(optimizer, [1.0], None)
    assert (q.tolist(), q.version, p.version) == ([1.0], 0, 5)
    step(optimizer, None, [3.0])
    alone = parameter(1.0, device=device)
    step(make([alone]), [3.0])
    assert q.tolist() == alone.tolist()  # its own first step, not the sixth
    assert optimizer.state_dict()["steps"] == [5, 1]


@each_optimizer
def test_a_single_number_is_optimised_as_an_array_of_one(make, device):
    p = parameter(1.0, device=device)
    q = tinygan.tensor(1.0, p.dtype, device, requires_grad=True)
    one, other = make([p]), make([q])
    for gradient in (1.0, -3.0, 0.5):
        step(one, [gradient])
        step(other, gradient)
    assert q.shape == () and [q.item()] == p.tolist() != [1.0]


def test_zero_grad_forgets_and_backward_adds(device):
    p = parameter(3.0, device=device)
    optimizer = optim.SGD([p], lr=1.0)
    (p * p).sum().backward()
    (p * p).sum().backward()
    assert p.grad.tolist() == [12.0]
    optimizer.zero_grad()
    assert p.grad is None
    optimizer.step()
    assert p.tolist() == [3.0]


def test_weights_of_one_channel_have_a_memory_order_of_their_own():
    """Sizes of 1 leave strides undetermined; Adam walks parameter and state side by side."""
    layers = nn.Conv2d(3, 1, 4), nn.ConvTranspose2d(3, 1, 4), nn.Conv2d(1, 2, 1), nn.Linear(3, 1)
    for layer in layers:
        weight = layer.weight
        before = weight.detach().numpy().copy()
        gradient = np.where(np.arange(before.size) % 2, 1.0, -1.0).reshape(before.shape)
        step(optim.Adam([weight], lr=0.25), gradient)
        # Rounding of float32 at values of size 1.
        np.testing.assert_allclose(
            weight.detach().numpy() - before, -0.25 * gradient, rtol=1e-6, atol=1e-7
        )


def network():
    tinygan.manual_seed(1)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(),
                         nn.Linear(12, 1))  # fmt: skip


def train(net, optimizer, schedule, steps, seed):
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        net(tinygan.tensor(rng.standard_normal((4, 2, 4, 4)).astype("float32"))).sum().backward()
        optimizer.step()
        schedule.step()


@each_optimizer
def test_resuming_equals_never_having_stopped(make, tmp_path):
    def start():
        net = network()
        optimizer = make(net.parameters())
        return net, optimizer, optim.LinearLR(optimizer, 1.0, 0.1, total_iters=5)

    parts = start()
    train(*parts, steps=3, seed=0)
    tinygan.save([part.state_dict() for part in parts], tmp_path / "state")
    train(*parts, steps=3, seed=1)
    resumed = start()
    train(*resumed, steps=1, seed=7)  # another state, to be replaced
    for part, state in zip(resumed, tinygan.load(tmp_path / "state"), strict=True):
        part.load_state_dict(state)
    train(*resumed, steps=3, seed=1)
    assert resumed[1].lr == parts[1].lr
    expected, found = arrays_of(parts[0]), arrays_of(resumed[0])
    for name, value in expected.items():
        assert found[name].tobytes() == value.tobytes(), name
    for mine, theirs in zip(parts[1].state_dict()["state"], resumed[1].state_dict()["state"],
                            strict=True):  # fmt: skip
        assert {k: v.tobytes() for k, v in mine.items()} == {
            k: v.tobytes() for k, v in theirs.items()
        }


def test_state_dict_holds_copies():
    p = parameter(1.0)
    optimizer = optim.SGD([p], lr=1.0, momentum=1.0)
    step(optimizer, [2.0])
    state = optimizer.state_dict()
    state["state"][0]["momentum_buffer"][...] = 9
    state["steps"][0] = 9
    assert optimizer.state_dict() == {
        "param_groups": [
            {"params": [0], "lr": 1.0, "momentum": 1.0, "dampening": 0.0, "weight_decay": 0.0,
             "nesterov": False, "maximize": False}
        ],
        "steps": [1], "state": [{"momentum_buffer": np.array([2.0])}],
    }  # fmt: skip


def test_a_state_of_pytorchs_optimizers_is_refused():
    opt = optim.Adam([parameter(1.0)])
    for state in ({"state": {0: {"step": 1}}, "param_groups": []}, {}, None):
        with pytest.raises(ValueError, match="not a state of tinygan's optimizers"):
            opt.load_state_dict(state)


def test_load_state_dict_refuses_what_does_not_fit_and_changes_nothing():
    optimizer = optim.Adam([parameter(1.0, 2.0)], lr=0.5)
    step(optimizer, [1.0, 1.0])
    other_shape = optim.Adam([parameter(1.0)], lr=0.1).state_dict()
    other_count = optim.Adam([parameter(1.0, 2.0), parameter(1.0)], lr=0.1).state_dict()
    other_kind = optim.SGD([parameter(1.0, 2.0)], lr=0.1).state_dict()
    for state, message in [
        (other_shape, "Adam.load_state_dict: the state is for parameters of shapes [(1,)], these "
         "are [(2,)]"),
        (other_count, "shapes [(2,), (1,)], these are [(2,)]"),
        (other_kind, "Adam.load_state_dict: the state of another optimizer: it needs m, v, got "
         "momentum_buffer"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=re.escape(message)):
            optimizer.load_state_dict(state)
    state = optimizer.state_dict()
    assert (state["param_groups"][0]["lr"], state["steps"]) == (0.5, [1])
    assert state["state"][0]["m"].tolist() == pytest.approx([0.1, 0.1], rel=1e-14)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: optim.Adam([]), ValueError, "Adam: got no parameters"),
        (lambda p: optim.SGD([p * 2.0]), TypeError, "SGD: parameter 0 is not a leaf tensor"),
        (lambda p: optim.Adam([p, 3]), TypeError, "Adam: parameter 1 is not a leaf tensor"),
        (lambda p: optim.Adam([p], lr=-1), ValueError, "Adam: lr must be >= 0, got -1"),
        (lambda p: optim.Adam([p], betas=(0.5, 1.0)), ValueError, "Adam: betas must be in [0, 1), "
         "got (0.5, 1.0)"),
        (lambda p: optim.SGD([p], momentum=-0.5), ValueError, "SGD: momentum must be >= 0, got -0"),
        (lambda p: optim.LinearLR(optim.SGD([p]), total_iters=0), ValueError, "LinearLR: "
         "total_iters must be > 0 and begin >= 0, got 0, 0"),
        (lambda p: optim.LinearLR(optim.SGD([p]), begin=-1), ValueError, "got 5, -1"),
        (lambda p: optim.ExponentialMovingAverage(nn.ReLU(), 1.0), ValueError,
         "ExponentialMovingAverage: decay must be in [0, 1), got 1.0"),
    ],
)  # fmt: skip
def test_options_are_validated(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make(parameter(1.0))


def test_linear_schedule():
    optimizer = optim.SGD([parameter(1.0)], lr=8.0)
    schedule = optim.LinearLR(optimizer, 1.0, 0.5, total_iters=4, begin=2)
    rates = [optimizer.lr]
    for _ in range(8):
        schedule.step()
        rates.append(optimizer.lr)
    assert rates == [8, 8, 8, 7, 6, 5, 4, 4, 4]
    other = optim.SGD([parameter(1.0)], lr=1.0)
    again = optim.LinearLR(other, 1.0, 0.5, total_iters=4, begin=2)
    for _ in range(4):
        again.step()
    again.load_state_dict(schedule.state_dict() | {"last_epoch": 5})
    assert other.lr == 5
    again.step()
    assert other.lr == 4


def test_linear_schedule_that_rises_from_the_first_step():
    optimizer = optim.SGD([parameter(1.0)], lr=1.0)
    schedule = optim.LinearLR(optimizer, start_factor=0.0, end_factor=2.0, total_iters=2)
    rates = [optimizer.lr]
    for _ in range(3):
        schedule.step()
        rates.append(optimizer.lr)
    assert rates == [0, 1, 2, 2]


def test_a_linear_schedule_may_be_shorter_than_a_step():
    optimizer = optim.SGD([parameter(1.0)], lr=1.0)
    schedule = optim.LinearLR(optimizer, 1.0, 0.0, total_iters=0.25, begin=1.5)
    rates = [optimizer.lr]
    for _ in range(3):
        schedule.step()
        rates.append(optimizer.lr)
    assert rates == [1, 1, 0, 0]


def test_a_subclass_may_set_its_numbers_before_the_base_class_is_ready():
    class Descent(optim.Optimizer):
        def __init__(self, params, lr):
            self.lr = lr
            super().__init__(params)

        def _update(self, params, grads, slots, state, group):
            state[0] += 1
            for p, grad in zip(params, grads, strict=True):
                p -= state[1].astype(p.dtype) * grad

    p = parameter(1.0)
    optimizer = Descent([p], lr=0.5)
    step(optimizer, [1.0])
    optimizer.lr = 0.25
    step(optimizer, [1.0])
    assert (p.item(), optimizer.steps) == (0.25, [2])


# The moving average


def test_moving_average_follows_its_formula(device):
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).to(device)
    average = optim.ExponentialMovingAverage(net, decay=0.25)
    expected = {name: value.astype(np.float64) for name, value in arrays_of(net).items()}
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    # min(0.25, (1 + t) / (10 + t)) at t = 1, 2, ...: 2/11, 3/12, then the decay itself.
    for decay in (2 / 11, 0.25, 0.25, 0.25):
        optimizer.zero_grad()
        (net(tinygan.randn(4, 2, device=device)) ** 3).sum().backward()
        optimizer.step()
        average.update()
        for name, value in arrays_of(net).items():
            mean = decay * expected[name] + (1 - decay) * value
            expected[name] = value if value.dtype == np.int64 else mean
    found = arrays_of(average.module)
    assert list(found) == list(expected) and "1.running_var" in found
    for name, value in expected.items():
        # Four updates, each of three float32 roundings of values of size 1.
        np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-6)
        if name != "1.num_batches_tracked":
            assert (found[name] != arrays_of(net)[name]).all()


def test_moving_average_is_an_evaluating_copy_of_its_own():
    net = network()
    net[0].steps = nn.Buffer(np.array(0, np.int64))
    average = optim.ExponentialMovingAverage(net)
    assert [part.training for part in average.module.modules()] == [False] * 6
    assert [part.training for part in net.modules()] == [True] * 6
    assert not any(p.requires_grad for p in average.module.parameters())
    assert all(p.requires_grad for p in net.parameters())
    states = average.module.state_dict().items(), net.state_dict().items()
    for mine, theirs in zip(*states, strict=True):
        assert mine[0] == theirs[0] and not np.shares_memory(mine[1].array, theirs[1].array)
    net[0].steps.array[...] = 3
    average.update()
    assert average.module[0].steps.item() == 3  # a count is not averaged
    x = tinygan.randn(4, 2, 4, 4)
    assert average.module(x).tolist() == average.module(x).tolist()
    # Nothing has changed but the count: each update is value + rounding of (value - value) = 0.
    state = arrays_of(average.module)
    assert all(state[name].tolist() == value.tolist() for name, value in arrays_of(net).items())


def test_moving_average_state_round_trip(tmp_path):
    net = network()
    average = optim.ExponentialMovingAverage(net, decay=0.9)
    train(net, optim.Adam(net.parameters()), optim.LinearLR(optim.SGD([parameter(1.0)])), 2, 0)
    average.update()
    tinygan.save(average.state_dict(), tmp_path / "average")
    twin = optim.ExponentialMovingAverage(net, decay=0.9)
    twin.load_state_dict(tinygan.load(tmp_path / "average"))
    train(net, optim.Adam(net.parameters()), optim.LinearLR(optim.SGD([parameter(1.0)])), 2, 1)
    average.update()
    twin.update()
    assert twin.updates == average.updates == 2
    expected = arrays_of(average.module)
    for name, value in arrays_of(twin.module).items():
        assert value.tobytes() == expected[name].tobytes()
