"""The second of two GPUs, while the thread's current one is the first: nothing lands on that."""

from __future__ import annotations

import copy

import needs
import numpy as np
import pytest
from op_cases import CASES, each_case

import tinygan
import tinygan.functional as F
from tinygan import nn
from tinygan.kernels.emulator import fake_cupy
from tinygan.optim import SGD, Adam, ExponentialMovingAverage
from tinygan.training import diff_augment, r1_penalty

needs.emulator()
SECOND = "cuda:1"


@pytest.fixture
def second():
    """Two GPUs without access to each other's memory, as most have none: a function of CuPy that
    meets an array of the other one raises an error, and so does a kernel."""
    with fake_cupy.installed(devices=2) as cupy:
        before = cupy.get_default_memory_pool().total_bytes()
        yield SECOND
        assert cupy.cuda.Device().id == 0
        taken = cupy.get_default_memory_pool().total_bytes() - before
        assert taken == 0, "memory of the first GPU was taken"


@each_case(lambda case: case.name != "to and back")  # whose result is on the CPU
def test_ops_and_their_gradients(case, second):
    found = []
    for device in ("cpu", second):
        inputs = case.tensors(device)
        y = case.function(*inputs)
        outputs = [each for each in (y if isinstance(y, tuple) else (y,)) if case.gradient]
        wanted = [x for x in inputs if x.requires_grad]
        grads = tinygan.grad(outputs[0].sum(), wanted, allow_unused=True) if outputs else ()
        several = [*(y if isinstance(y, tuple) else (y,)), *(x for x in grads if x is not None)]
        assert {x.device for x in several} == {device}
        found.append([np.array(x.tolist()) for x in several])
    for cpu, gpu in zip(*found, strict=True):
        np.testing.assert_allclose(gpu, cpu, rtol=1e-9, atol=1e-9)  # float64, other orders of sums


def test_creation_and_methods(second):
    like = tinygan.zeros(3, device=second)
    made = [
        tinygan.zeros(2, 3, device=second), tinygan.ones_like(like), tinygan.zeros_like(like),
        tinygan.randn(5, device=second), tinygan.rand(5, device=second), tinygan.tensor(like),
        tinygan.tensor([1.0, 2.0], device=second), tinygan.tensor(like, "float64", second),
        like.to("float64"), like.argmax(), like.any(), like.all(), ~(like > 0), like == like,
        like.max(0).values, like.max(0).indices, F.one_hot(tinygan.tensor([1], device=second), 3),
        F.dropout(like, 0.5), copy.deepcopy(like), like[1:], like.clone(), like + 1, 2 * like,
        F.embedding(tinygan.tensor([1], device=second), like.reshape(3, 1)),
        F.max_pool2d(tinygan.zeros(1, 1, 4, 4, device=second), 2),
        *(diff_augment(tinygan.ones(2, 1, 8, 8, device=second), [policy])
          for policy in ("brightness", "translation", "cutout")),
    ]  # fmt: skip
    for number, x in enumerate(made):
        assert x.device in (second, "cpu" if number in (5,) else second), number
    assert (like.item() if like.numel() == 1 else like.sum().item()) == 0
    assert like.cpu().device == "cpu" and "device='cuda:1'" in repr(like)
    assert F.binary_cross_entropy(like + 0.5, like).device == second
    assert F.cross_entropy(like.reshape(1, 3), tinygan.tensor([1], device=second)).device == second


@pytest.mark.parametrize("make", [lambda p: Adam(p, 1e-2), lambda p: SGD(p, 1e-2, momentum=0.5)],
                         ids=["Adam", "SGD"])  # fmt: skip
@pytest.mark.parametrize("captured", [False, True], ids=["called", "captured"])
def test_a_training_step(make, captured, second, rng):
    """As on the CPU, with an average, spectral norm, noise, a penalty; saved and loaded."""
    images = [rng.standard_normal((6, 1, 8, 8)).astype("float32") for _ in range(5)]
    found = []
    for device in ("cpu", second):
        tinygan.manual_seed(3)
        net = nn.Sequential(
            nn.spectral_norm(nn.Conv2d(1, 4, 4, stride=2, padding=1)), nn.LeakyReLU(0.2),
            nn.Conv2d(4, 5, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(5),
            nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(20, 1),
        ).to(device)  # fmt: skip
        optimizer, average = make(net.parameters()), ExponentialMovingAverage(net)

        def step(x, net=net, optimizer=optimizer, average=average):
            noisy = x + tinygan.randn(*x.shape, device=x.device) * 0.1
            loss = F.softplus(net(noisy)).mean() + r1_penalty(net, x, x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update()
            return loss.detach()

        run = tinygan.capture(step) if captured else step
        losses = [float(run(tinygan.tensor(x, device=device))) for x in images]
        optimizer.lr = 5e-3
        optimizer.load_state_dict(optimizer.state_dict())
        average.load_state_dict(average.state_dict())
        net.load_state_dict(net.state_dict())
        losses.append(float(run(tinygan.tensor(images[0], device=device))))
        assert set(optimizer.steps) == {6} and average.updates == 6
        tensors = [*net.parameters(), *net.buffers(), *average.module.parameters()]
        assert {x.device for x in tensors if x.dtype.kind == "f"} == {device}  # counts stay
        found.append(losses)
    # Six float32 steps: rounding in another order, amplified by the penalty's second derivatives.
    np.testing.assert_allclose(found[1], found[0], rtol=2e-3)


def test_tensors_of_two_gpus_do_not_meet():
    with fake_cupy.installed(devices=2):
        with pytest.raises(ValueError, match="inputs on different devices, cuda:0 and cuda:1"):
            tinygan.zeros(2, device="cuda:0") + tinygan.zeros(2, device=SECOND)
        with pytest.raises(RuntimeError, match=r"device 'cuda:2': this machine has 2 CUDA device"):
            tinygan.zeros(2, device="cuda:2")
        moved = tinygan.ones(2, device=SECOND).to("cuda:0")
        assert moved.device == "cuda:0" and moved.tolist() == [1, 1]


def test_every_op_was_tried():
    assert len(CASES) > 250
