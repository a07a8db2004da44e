"""Captured steps: the same numbers as steps that are called, and clear words where that fails."""

from __future__ import annotations

import threading

import needs
import numpy as np
import pytest
from optimizer_cases import each_optimizer

import tinygan
from tinygan import functional as F
from tinygan import nn
from tinygan.kernels.cuda.source import Source
from tinygan.optim import Adam, ExponentialMovingAverage
from tinygan.training import r1_penalty


def small_net(device: str) -> nn.Module:
    tinygan.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 4, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Conv2d(4, 5, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(5), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(20, 1),
    ).to(device)  # fmt: skip


def make_step(net, optimizer, average=None):
    def step(images, target):
        loss = F.binary_cross_entropy_with_logits(net(images), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if average is not None:
            average.update()
        return loss.detach()

    return step


def batches(rng, count, device):
    for _ in range(count):
        images = rng.standard_normal((6, 1, 8, 8)).astype(np.float32)
        target = rng.integers(0, 2, (6, 1)).astype(np.float32)
        yield tinygan.tensor(images, device=device), tinygan.tensor(target, device=device)


def state_of(net) -> list[np.ndarray]:
    return [x.to("cpu").numpy() for x in [*net.buffers(), *(p.detach() for p in net.parameters())]]


@each_optimizer
def test_a_captured_step_computes_what_the_step_computes(make, device, rng):
    """Over warm-up, recording and replays, while the learning rate changes: the same bits."""
    data = list(batches(rng, 7, device))
    results = []
    for wrap in (lambda step: step, tinygan.capture):
        net = small_net(device)
        optimizer = make(net.parameters())
        average = ExponentialMovingAverage(net)
        step, losses = wrap(make_step(net, optimizer, average)), []
        for number, (images, target) in enumerate(data):
            optimizer.lr = 1e-2 if number < 5 else 5e-3
            losses.append(float(step(images, target)))
        assert average.updates == 7
        states = [*state_of(net), *state_of(average.module)]
        versions = [p.version for p in net.parameters()]
        results.append((losses, states, optimizer.state_dict(), versions))
    (losses, states, saved, versions), (
        captured_losses, captured_states, captured_saved, captured_versions
    ) = results  # fmt: skip
    assert versions == captured_versions
    assert losses == captured_losses and len(set(losses)) == 7
    for one, other in zip(states, captured_states, strict=True):
        np.testing.assert_array_equal(one, other)
    assert saved["steps"] == captured_saved["steps"] == [7] * len(saved["steps"])
    for one, other in zip(saved["state"], captured_saved["state"], strict=True):
        for slot in optimizer.slots:
            np.testing.assert_array_equal(one[slot], other[slot])


@pytest.mark.parametrize(
    ("extra", "operations", "swaps"),
    [
        pytest.param("nothing", 29, 2, id="the step alone"),
        # Two launches. Weights that the average kept in another order were copied each time.
        pytest.param("average", 31, 2, id="with an average"),
        # Results in the order of the dimensions made it 8 swaps, and 126 operations.
        pytest.param("penalty", 118, 3, id="with R1"),
    ],
)
def test_copies_into_another_memory_order_are_counted(extra, operations, swaps, gpu, rng):
    """An emulated step's operations, and how many of them exchange channels and pixels. More, and
    an op has lost the channels-last order; fewer is good news."""
    needs.emulator()
    net = small_net(gpu)
    optimizer, average = Adam(net.parameters(), 1e-2), ExponentialMovingAverage(net)

    def step(images):
        loss = r1_penalty(net, images, images) if extra == "penalty" else net(images).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if extra == "average":
            average.update()

    captured = tinygan.capture(step)
    for images, _ in batches(rng, 3, gpu):
        captured(images)
    recording = captured._recording
    launches = [name.split("/")[0] for name, *_ in recording.launches]
    found = len(recording._graph._capture.calls), launches.count("swap_inner")
    assert found == (operations, swaps)


def test_a_replay_calls_no_python(gpu, rng):
    net, calls = small_net(gpu), []
    inner = make_step(net, Adam(net.parameters(), 1e-2))

    def step(images, target):
        calls.append(1)
        return inner(images, target)

    captured = tinygan.capture(step, warmup=1)
    losses = [float(captured(*batch)) for batch in batches(rng, 6, gpu)]
    assert len(calls) == 2 and len(set(losses)) == 6


def test_what_another_thread_does_meanwhile_is_not_recorded(gpu, rng):
    """As a thread that loads the next batch: it starts and ends while the step is recorded."""
    net = small_net(gpu)
    inner = make_step(net, Adam(net.parameters(), 1e-2))
    others = [tinygan.devices.Generator(seed) for seed in range(4)]
    loaded, refused = [], []

    def load(generator):
        try:
            x = tinygan.tensor(rng.standard_normal((3, 4)), device=gpu)
            loaded.append(F.relu(x) + tinygan.randn(3, 4, dtype="float64", device=gpu,
                                                    generator=generator))  # fmt: skip
            loaded.append(x.cpu())
        except Exception as error:
            refused.append(error)

    def step(images, target):
        thread = threading.Thread(target=load, args=(others.pop(),))
        thread.start()
        thread.join()
        return inner(images, target)

    captured = tinygan.capture(step)
    losses = []
    for number, batch in enumerate(batches(rng, 6, gpu)):
        losses.append(float(captured(*batch)))
        if number == 2:  # it has been recorded
            known = [x.tolist() for x in loaded]
    assert refused == [] and len(set(losses)) == 6
    assert len(loaded) == 6 and [x.tolist() for x in loaded] == known
    drawn = tinygan.randn(3, 4, dtype="float64", device=gpu,
                          generator=tinygan.devices.Generator(1))  # fmt: skip
    assert loaded[4].tolist() == (F.relu(loaded[5].to(gpu)) + drawn).tolist()


def test_arguments_of_the_host_are_copied(device, rng):
    net = small_net(device)
    step = tinygan.capture(make_step(net, Adam(net.parameters(), 1e-2)), device=device)
    losses = [float(step(*batch)) for batch in batches(rng, 5, "cpu")]
    assert len(set(losses)) == 5


def test_random_numbers_go_on(device, rng):
    """Each replay draws new ones, those that the CPU would draw; the stream goes on after it."""
    def step(x):
        return x + tinygan.rand(3, 5, device=x.device), F.dropout(x, 0.5), tinygan.randn(
            2, device=x.device
        )

    results = []
    for where, wrap in (("cpu", lambda f: f), (device, tinygan.capture)):
        tinygan.manual_seed(8)
        x, called = tinygan.ones(3, 5, device=where), wrap(step)
        drawn = [[part.to("cpu").numpy().copy() for part in called(x)] for _ in range(6)]
        drawn.append([tinygan.rand(7).numpy()])  # on the CPU, in between
        drawn += [[part.to("cpu").numpy().copy() for part in called(x)] for _ in range(2)]
        results.append(drawn)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # cosines differ in last bits
    assert len({tuple(each[0].ravel()) for each in results[1]}) == 9


def test_an_eager_step_in_between_is_counted(device, rng):
    """The same parameters, trained by turns by the captured and by the plain step."""
    data = list(batches(rng, 8, device))
    results = []
    for by_turns in (False, True):
        net = small_net(device)
        optimizer = Adam(net.parameters(), 1e-2, (0.5, 0.9))
        plain = make_step(net, optimizer)
        captured = tinygan.capture(plain) if by_turns else plain
        for number, batch in enumerate(data):
            (plain if number % 3 == 2 else captured)(*batch)
        results.append(state_of(net))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def wrong_steps(net, optimizer):
    def reads(images, target):
        loss = net(images).mean()
        if loss.item() > 100:
            loss = loss * 2
        return loss

    def copies(images, target):
        return (net(images) * tinygan.tensor([[2.0]], device=images.device)).mean()

    def decays(images, target):
        optimizer.lr *= 0.9
        return net(images).mean()

    def returns_a_number(images, target):
        return 3.0

    def concatenates(images, target):
        return tinygan.cat([images.mean().reshape(1)] * 9).sum()

    return {
        "cat": (concatenates, "cat of 9 tensors"),
        "item": (reads, "item.*D2H transfers are disallowed"),
        "host": (copies, "copy from the host"),
        "rate": (decays, r"a change of Adam\.lr"),
        "number": (returns_a_number, "must return a tensor"),
    }


@pytest.mark.parametrize("name", ["cat", "item", "host", "rate", "number"])
def test_what_cannot_be_captured_is_named(name, gpu, rng):
    net = small_net(gpu)
    step, message = wrong_steps(net, Adam(net.parameters()))[name]
    captured = tinygan.capture(step, warmup=1)
    with pytest.raises(tinygan.CaptureError, match=message):
        for batch in batches(rng, 3, gpu):
            captured(*batch)


def test_a_failed_capture_has_changed_nothing(gpu, rng):
    net = small_net(gpu)
    optimizer = Adam(net.parameters(), 1e-2)
    inner, fail = make_step(net, optimizer), []

    def step(images, target):
        loss = inner(images, target)
        if fail:
            loss.item()
        return loss

    captured = tinygan.capture(step, warmup=1)
    one, two, three = batches(rng, 3, gpu)
    captured(*one)
    before, steps = state_of(net), optimizer.steps
    fail.append(True)
    with pytest.raises(tinygan.CaptureError):
        captured(*two)
    assert optimizer.steps == steps
    for a, b in zip(before, state_of(net), strict=True):
        np.testing.assert_array_equal(a, b)
    fail.clear()
    assert np.isfinite(float(captured(*two))) and np.isfinite(float(captured(*three)))
    assert optimizer.steps == [3] * len(steps)


def test_a_step_that_changes_is_refused(gpu, rng):
    """A number that Python computes anew each time would be the same in all replays."""
    slopes = iter(range(1, 9))
    step = tinygan.capture(lambda x: F.leaky_relu(x, next(slopes) / 10), warmup=2)
    x = tinygan.tensor(rng.standard_normal((3, 4)).astype(np.float32), device=gpu)
    step(x), step(x)
    with pytest.raises(tinygan.CaptureError, match=r"leaky_relu<float>.* was 0\.2.* is 0\.3"):
        step(x)


def test_other_shapes_and_arguments_are_refused(gpu, rng):
    step = tinygan.capture(lambda x, slope: F.leaky_relu(x, slope))
    x = tinygan.tensor(rng.standard_normal((3, 4)).astype(np.float32), device=gpu)
    step(x, 0.2)
    with pytest.raises(ValueError, match=r"argument 0 was a tensor of shape \(3, 4\)"):
        step(x[:2], 0.2)
    with pytest.raises(ValueError, match=r"argument 1 was 0\.2 .* is 0\.3"):
        step(x, 0.3)
    with pytest.raises(TypeError, match="1 arguments, the step was recorded with 2"):
        step(x)
    with pytest.raises(ValueError, match="warmup must be at least 1, got 0"):
        tinygan.capture(step, warmup=0)


def test_launches_of_a_replay_come_from_the_graph_alone(gpu, rng, monkeypatch):
    net = small_net(gpu)
    step = tinygan.capture(make_step(net, Adam(net.parameters(), 1e-2)), warmup=1)
    one, two, three = batches(rng, 3, gpu)
    step(*one), step(*two)

    def never(*args, **options):
        raise AssertionError("a kernel is launched from Python")

    monkeypatch.setattr(Source, "launch", never)
    assert np.isfinite(float(step(*three)))
