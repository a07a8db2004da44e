"""Groups of parameters, options that change, closures; schedules beside PyTorch's."""

from __future__ import annotations

import copy
import math
import pickle
import re

import numpy as np
import pytest
from optimizer_cases import each_optimizer

import tinygan
from tinygan import nn, optim
from tinygan.optim import lr_scheduler

torch = pytest.importorskip("torch")


def twins(values, device="cpu"):
    """The same leaf in both libraries, in float64."""
    values = np.asarray(values, np.float64)
    return (tinygan.tensor(values, device=device, requires_grad=True),
            torch.tensor(values, requires_grad=True))  # fmt: skip


def step_both(pairs, optimizers, gradients):
    for (p, q), gradient in zip(pairs, gradients, strict=True):
        p.grad = tinygan.tensor(np.float64(gradient), device=p.device)
        q.grad = torch.tensor(np.float64(gradient))
    for optimizer in optimizers:
        optimizer.step()


def assert_same(pairs):
    for p, q in pairs:
        # A few roundings of float64, five times over.
        np.testing.assert_allclose(p.tolist(), q.tolist(), rtol=1e-13, atol=1e-15)


@each_optimizer
def test_groups_with_options_of_their_own(make, device, rng):
    """Options of a group, a third group later, changes between steps: five steps as PyTorch's."""
    pairs = [twins(rng.standard_normal(3), device) for _ in range(3)]
    theirs = getattr(torch.optim, make.name.split()[0])
    optimizers = [
        factory([{"params": [pair[i] for pair in pairs[:1]], "lr": 0.05},
                 {"params": pairs[1][i], "weight_decay": 0.2}], **make.options)
        for i, factory in enumerate((make.make, theirs))
    ]  # fmt: skip
    for number in range(5):
        count = 2 if number < 2 else 3
        if number == 2:
            for i, optimizer in enumerate(optimizers):
                optimizer.add_param_group({"params": [pairs[2][i]], "lr": 0.01})
        if number == 3:
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] *= 0.5
                optimizer.param_groups[2]["weight_decay"] = 0.3
        step_both(pairs[:count], optimizers, rng.standard_normal((count, 3)))
        assert_same(pairs)
    assert optimizers[0].steps == [5, 5, 3]
    again = [{**group, "params": group["params"]} for group in optimizers[0].param_groups]
    assert [group["lr"] for group in again] == [g["lr"] for g in optimizers[1].param_groups]


@each_optimizer
def test_maximize_goes_up(make, device, rng):
    up, down = (tinygan.zeros(3, dtype="float64", device=device, requires_grad=True)
                for _ in range(2))  # fmt: skip
    options = {**make.options, "weight_decay": 0.0}
    gradient = tinygan.tensor(rng.standard_normal(3), device=device)
    for p, maximize in ((up, True), (down, False)):
        optimizer = make.make([p], **options, maximize=maximize)
        for _ in range(2):
            p.grad = gradient
            optimizer.step()
    assert up.tolist() == (-down).tolist() != [0, 0, 0]


def test_options_are_attributes_of_all_groups():
    p, q = nn.Parameter(tinygan.ones(1)), nn.Parameter(tinygan.ones(1))
    optimizer = optim.SGD([{"params": p}, {"params": [q], "lr": 0.5}], lr=0.25, momentum=0.5)
    assert (optimizer.lr, optimizer.momentum, optimizer.nesterov) == (0.25, 0.5, False)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.5]
    assert optimizer.param_groups[1]["params"] == [q] and optimizer.params == [p, q]
    optimizer.lr = 0.125
    assert [group["lr"] for group in optimizer.param_groups] == [0.125, 0.125]
    optimizer.param_groups[0].update(lr=1.0)
    for x in (p, q):
        x.grad = tinygan.ones(1)
    optimizer.step()
    assert (p.item(), q.item()) == (0.0, 0.875)
    assert "Parameter Group 1\n    dampening: 0.0\n    lr: 0.125" in repr(optimizer)
    with pytest.raises(AttributeError, match="SGD has no attribute 'betas'"):
        optimizer.betas  # noqa: B018


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda p: optim.SGD([{"params": [p], "rate": 1.0}]), TypeError, "SGD: no option rate"),
        (lambda p: optim.SGD([{"params": []}]), ValueError, "SGD: got no parameters"),
        (lambda p: optim.SGD([{"params": [p]}, {"params": [p]}]), ValueError, "in two groups"),
        (lambda p: optim.SGD([p], nesterov=True), ValueError, "nesterov needs momentum > 0"),
        (lambda p: optim.Adam([p], weight_decay=-1), ValueError, "weight_decay must be >= 0"),
        (lambda p: optim.Adam([{"params": p, "amsgrad": True}]), ValueError,
         "amsgrad must be the same in all groups"),
        (lambda p: optim.RMSprop([{"params": p, "centered": True}]), ValueError,
         "centered must be the same in all groups"),
        (lambda p: lr_scheduler.StepLR(p, 3), TypeError, "StepLR: optimizer is a Tensor"),
        (lambda p: lr_scheduler.StepLR(optim.SGD([p]), 0), ValueError, "step_size must be >= 1"),
        (lambda p: lr_scheduler.ConstantLR(optim.SGD([p]), 2), ValueError, "factor must be in [0"),
        (lambda p: lr_scheduler.LambdaLR(optim.SGD([p]), []), ValueError, "0 functions for 1"),
        (lambda p: lr_scheduler.OneCycleLR(optim.SGD([p]), 0.1), ValueError, "give total_steps"),
        (lambda p: lr_scheduler.OneCycleLR(optim.Adagrad([p]), 0.1, 9), ValueError,
         "the optimizer has neither momentum nor betas"),
        (lambda p: lr_scheduler.OneCycleLR(optim.SGD([p]), 0.1, 9, anneal_strategy="up"),
         ValueError, "anneal_strategy must be 'cos' or 'linear', got 'up'"),
        (lambda p: lr_scheduler.CosineAnnealingWarmRestarts(optim.SGD([p]), 0), ValueError,
         "T_0 must be an integer >= 1, got 0"),
        (lambda p: lr_scheduler.ChainedScheduler([]), ValueError, "needs at least one schedule"),
        (lambda p: lr_scheduler.ChainedScheduler(
            [lr_scheduler.ReduceLROnPlateau(optim.SGD([p]))]), TypeError,
         "schedule 0 is a ReduceLROnPlateau, which does not step by epochs alone"),
        (lambda p: lr_scheduler.SequentialLR(
            optim.SGD([p]), [lr_scheduler.ExponentialLR(optim.SGD([p]), 0.9)], []), ValueError,
         "schedule 0 belongs to another optimizer"),
        (lambda p: lr_scheduler.ReduceLROnPlateau(optim.SGD([p]), "low"), ValueError,
         "mode must be 'min' or 'max'"),
        (lambda p: lr_scheduler.ReduceLROnPlateau(optim.SGD([p]), factor=1.0), ValueError,
         "factor must be below 1"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make(tinygan.ones(2, requires_grad=True))


def test_a_gradient_of_another_shape_is_refused(device):
    p = tinygan.ones(20, device=device, requires_grad=True)
    for make in (optim.Adam, optim.SGD):
        optimizer = make([p], lr=0.5)
        p._grad = tinygan.ones(10, device=device)  # past the check of what is set
        with pytest.raises(ValueError, match=r"parameter 0, of shape \(20,\), has shape \(10,\)"):
            optimizer.step()
        assert p.tolist() == [1] * 20 and optimizer.steps == [0]


def test_a_closure_computes_the_gradients():
    p = tinygan.ones(1, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with tinygan.no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert p.item() == 0.5 and optimizer.step() is None


def test_zero_grad_may_keep_the_gradients():
    p = tinygan.ones(2, requires_grad=True)
    optimizer = optim.SGD([p])
    p.sum().backward()
    grad = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is grad and grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert p.grad is None


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_and_pickles(twin_of):
    p = tinygan.ones(2, requires_grad=True)
    optimizer = optim.Adam([{"params": [p], "lr": 0.1}])
    twin = twin_of(optimizer)
    twin.lr = 0.5
    twin.params[0].grad = tinygan.ones(2)
    twin.step()
    assert twin.param_groups[0]["params"][0] is twin.params[0] is not p
    # Adam's first step has the size of the rate.
    assert twin.params[0].tolist() == pytest.approx([0.5, 0.5], rel=1e-6)
    assert (optimizer.lr, optimizer.steps, p.tolist()) == (0.1, [0], [1, 1])


def test_states_of_groups_and_of_older_versions(tmp_path):
    def make():
        first, second = (tinygan.ones(n, requires_grad=True) for n in (1, 2))
        return optim.Adam([{"params": [first], "lr": 0.1}, {"params": [second]}], lr=0.2)

    optimizer = make()
    for p in optimizer.params:
        p.grad = tinygan.ones(*p.shape)
    optimizer.step()
    optimizer.param_groups[1]["betas"] = (0.5, 0.5)
    tinygan.save(optimizer.state_dict(), tmp_path / "state")
    twin = make()
    twin.load_state_dict(tinygan.load(tmp_path / "state"))
    assert twin.steps == [1, 1] and twin.param_groups[1]["betas"] == (0.5, 0.5)
    assert [group["lr"] for group in twin.param_groups] == [0.1, 0.2]
    state = optimizer.state_dict()
    old = {"lr": 0.5, "steps": state["steps"], "state": state["state"]}
    twin.load_state_dict(old)
    assert [group["lr"] for group in twin.param_groups] == [0.5, 0.5]
    other = optim.Adam(make().params)
    with pytest.raises(ValueError, match="the state is for other groups of parameters"):
        other.load_state_dict(state)


# Schedules


SCHEDULES = {
    "StepLR": lambda m, o: m.StepLR(o, 3, gamma=0.5),
    "MultiStepLR": lambda m, o: m.MultiStepLR(o, [2, 5, 5], 0.3),
    "ExponentialLR": lambda m, o: m.ExponentialLR(o, 0.9),
    "ConstantLR": lambda m, o: m.ConstantLR(o),
    "LinearLR": lambda m, o: m.LinearLR(o),
    "LinearLR down": lambda m, o: m.LinearLR(o, 1.0, 0.1, 7),
    "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, 10, eta_min=0.01),
    "LambdaLR": lambda m, o: m.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "LambdaLR each": lambda m, o: m.LambdaLR(o, [lambda e: 0.5**e, lambda e: 1 - e / 20]),
    "MultiplicativeLR": lambda m, o: m.MultiplicativeLR(o, [lambda e: 0.9, lambda e: e / 3]),
    "PolynomialLR": lambda m, o: m.PolynomialLR(o, 6, 2.0),
    "CosineAnnealingWarmRestarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, [0.7, 0.3], 12),
    "OneCycleLR three phases": lambda m, o: m.OneCycleLR(
        o, 0.7, epochs=2, steps_per_epoch=7, anneal_strategy="linear", three_phase=True
    ),
    "ChainedScheduler": lambda m, o: m.ChainedScheduler([m.ConstantLR(o), m.ExponentialLR(o, 0.9)]),
    "SequentialLR": lambda m, o: m.SequentialLR(
        o, [m.LinearLR(o, total_iters=3), m.ExponentialLR(o, 0.9), m.StepLR(o, 2)], [3, 6]
    ),
}


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    pairs = [twins([1.0]), twins([2.0])]
    optimizers = [
        library.SGD([{"params": [pairs[0][i]]}, {"params": [pairs[1][i]], "lr": 0.2}], lr=0.5,
                    momentum=0.5 if name.startswith("OneCycle") else 0.0)
        for i, library in enumerate((optim, torch.optim))
    ]  # fmt: skip
    ours = SCHEDULES[name](lr_scheduler, optimizers[0])
    theirs = SCHEDULES[name](torch.optim.lr_scheduler, optimizers[1])
    for _ in range(10):
        # PyTorch multiplies step by step: some ten roundings.
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-13)
        assert [g["lr"] for g in optimizers[0].param_groups] == ours.get_last_lr()
        if not isinstance(ours, lr_scheduler.ChainedScheduler):  # PyTorch's has no count
            assert ours.last_epoch == theirs.last_epoch
            assert ours.base_lrs == [g["initial_lr"] for g in optimizers[1].param_groups]
        step_both(pairs, optimizers, [[1.0], [0.5]])
        assert_same(pairs)
        ours.step()
        theirs.step()
    state, twin = ours.state_dict(), optim.SGD([{"params": [p], "lr": 9.0} for p, _ in pairs],
                                               momentum=0.5)  # fmt: skip
    again = SCHEDULES[name](lr_scheduler, twin)
    again.load_state_dict(pickle.loads(pickle.dumps(state)))
    ours.step()
    again.step()
    assert again.get_last_lr() == ours.get_last_lr()
    if not isinstance(ours, lr_scheduler.SequentialLR):
        ours.step(2)
        assert ours.last_epoch == 2


def chains(m, o):
    """Pairs that step together, with and without a floor; the last one starts anew each time."""
    yield m.StepLR(o, 3, gamma=0.5), m.ExponentialLR(o, 0.9)
    yield m.CosineAnnealingLR(o, 12, eta_min=0.01), m.MultiStepLR(o, [2, 7], 0.3)
    yield m.LinearLR(o, 0.2, 1.0, 4), m.PolynomialLR(o, 12), m.ConstantLR(o, 0.5, 3)
    yield m.ExponentialLR(o, 0.9), m.LambdaLR(o, lambda epoch: 1 / (1 + epoch))


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("number", range(4))
def test_schedules_of_one_optimizer_are_multiplied(number):
    p, q = twins([1.0])
    optimizers = optim.SGD([p], lr=0.5), torch.optim.SGD([q], lr=0.5)
    ours, theirs = (
        next(parts for i, parts in enumerate(chains(m, o)) if i == number)
        for m, o in zip((lr_scheduler, torch.optim.lr_scheduler), optimizers, strict=True)
    )
    for step in range(11):
        if step == 5:  # what a user sets stays, too
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] *= 0.25
        for schedule in (*ours, *theirs):
            schedule.step()
        rates = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
        assert rates[0] == pytest.approx(rates[1], rel=1e-12)  # products of some ten factors
    other = optim.SGD([twins([1.0])[0]], lr=0.5)
    again = next(parts for i, parts in enumerate(chains(lr_scheduler, other)) if i == number)
    for schedule, twin in zip(ours, again, strict=True):
        twin.load_state_dict(schedule.state_dict())
    for schedule in (*ours, *again):
        schedule.step()
    assert other.lr == optimizers[0].lr


def test_warm_restarts_take_fractions_of_epochs():
    p, q = twins([1.0])
    optimizers = optim.SGD([p], lr=0.5), torch.optim.SGD([q], lr=0.5)
    ours, theirs = (
        m.CosineAnnealingWarmRestarts(o, 2, 3)
        for m, o in zip((lr_scheduler, torch.optim.lr_scheduler), optimizers, strict=True)
    )
    for epoch in (0.25, 1.75, 2.0, 4.5, 7.75, 8.25, 25.5):
        ours.step(epoch)
        theirs.step(epoch)
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-12)


def test_one_cycle_moves_the_first_beta():
    p, q = twins([1.0])
    optimizers = optim.Adam([p]), torch.optim.Adam([q])
    schedules = [
        m.OneCycleLR(o, 0.1, total_steps=9)
        for m, o in zip((lr_scheduler, torch.optim.lr_scheduler), optimizers, strict=True)
    ]
    for _ in range(8):
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
        betas = [optimizer.param_groups[0]["betas"] for optimizer in optimizers]
        assert betas[0] == pytest.approx(betas[1], rel=1e-12)
    schedules[0].step()
    with pytest.raises(ValueError, match="OneCycleLR: step 10 of a cycle of 9 steps"):
        schedules[0].step()


def test_a_linear_schedule_of_an_older_version_goes_on():
    optimizer = optim.SGD([tinygan.ones(1, requires_grad=True)], lr=0.3)
    schedule = optim.LinearLR(optimizer, 1.0, 0.0, 4)
    schedule.load_state_dict({"count": 2, "initial_lr": 0.5})
    assert (optimizer.lr, schedule.last_epoch) == (0.25, 2)


@pytest.mark.parametrize("options", [
    dict(patience=1), dict(patience=0, cooldown=2, factor=0.5), dict(mode="max", patience=2),
    dict(threshold=0.3, threshold_mode="abs", patience=0, min_lr=0.02),
    dict(threshold=0.1, patience=1, eps=0.03),
])  # fmt: skip
def test_reduce_on_plateau(options, rng):
    (p, q), losses = twins([1.0]), 2 + rng.standard_normal(25)
    ours, theirs = optim.SGD([p], lr=0.5), torch.optim.SGD([q], lr=0.5)
    a = lr_scheduler.ReduceLROnPlateau(ours, **options)
    b = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for number, loss in enumerate(losses):
        if number == 12:
            again = lr_scheduler.ReduceLROnPlateau(ours, **options)
            again.load_state_dict(a.state_dict())
            a = again
        a.step(tinygan.tensor(loss) if number % 2 else loss)
        b.step(loss)
        assert a.get_last_lr() == pytest.approx(b.get_last_lr(), rel=1e-12)
    assert math.isclose(a.best, b.best) and ours.lr < 0.5


@pytest.mark.parametrize(
    ("kind", "options"),
    [("SGD", dict(lr=0.1, momentum=0.9)), ("Adam", dict(lr=0.1, weight_decay=0.1)),
     ("RMSprop", dict(lr=0.1))],
)  # fmt: skip
def test_a_parameter_that_is_listed_twice_is_changed_twice(kind, options, rng):
    values = rng.normal(size=(4, 3))
    p, q, twice, once = (tinygan.tensor(array, requires_grad=True) for array in values)
    start, grads = twice.tolist(), rng.normal(size=(3, 3))
    p.data.copy_(twice.data)
    q.data.copy_(once.data)
    with pytest.warns(UserWarning, match=f"{kind}: a parameter is listed twice: each step changes"):
        shared = getattr(optim, kind)([twice, once, twice], **options)
    assert len(shared.param_groups[0]["params"]) == 2
    single, other = getattr(optim, kind)([p], **options), getattr(optim, kind)([q], **options)
    for step, grad in enumerate(grads):
        p.grad = q.grad = twice.grad = once.grad = None
        p.grad, twice.grad = tinygan.tensor(grad), tinygan.tensor(grad)
        if step > 0:  # from the second step on, the other one has a gradient, too
            q.grad, once.grad = tinygan.tensor(grad), tinygan.tensor(grad)
        shared.step()
        single.step()
        single.step()
        other.step()
    assert shared.steps == [6, 2]
    # The same operations in the same order.
    assert twice.tolist() == p.tolist() != start and once.tolist() == q.tolist()
    state = shared.state_dict()
    shared.load_state_dict(state)
    assert shared.steps == [6, 2]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.filterwarnings("ignore:optimizer contains a parameter group with duplicate")
@pytest.mark.filterwarnings("ignore:.*listed twice")
def test_listed_twice_is_as_in_pytorch(kind, rng):
    values, grads = rng.normal(size=3), rng.normal(size=(3, 3))
    results = []
    for library in (tinygan, torch):
        p = library.tensor(values, requires_grad=True)
        optimizer = getattr(library.optim, kind)([p, p], lr=0.1)
        for grad in grads:
            p.grad = library.tensor(grad)
            optimizer.step()
        results.append(p.tolist())
    assert results[0] == pytest.approx(results[1], rel=1e-12)


class OwnMomentum:
    """As programs write their own optimizers, for either library."""

    @staticmethod
    def of(library):
        class Momentum(library.optim.Optimizer):
            def __init__(self, params, lr=0.1, momentum=0.9):
                super().__init__(params, dict(lr=lr, momentum=momentum))

            def step(self, closure=None):
                with library.no_grad():
                    for group in self.param_groups:
                        for p in group["params"]:
                            if p.grad is None:
                                continue
                            state = self.state[p]
                            if len(state) == 0:
                                state["step"], state["mean"] = 0, library.zeros_like(p)
                            state["step"] += 1
                            state["mean"].mul_(group["momentum"]).add_(p.grad)
                            p.add_(state["mean"], alpha=-group["lr"] / state["step"])

        return Momentum


def test_an_optimizer_may_be_written_as_in_pytorch(tmp_path):
    def run(library, resume):
        p = library.nn.Parameter(library.tensor([1.0, -2.0]))
        optimizer = OwnMomentum.of(library)([{"params": [p], "lr": 0.2}])
        for step in range(4):
            if resume and step == 2:
                state = optimizer.state_dict()
                tinygan.serialization.save(state, tmp_path / "state.npz")
                optimizer = OwnMomentum.of(library)([p])
                optimizer.load_state_dict(tinygan.serialization.load(tmp_path / "state.npz"))
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()
        return p.tolist()

    # Eight operations on numbers of order 1 in float32.
    assert run(tinygan, True) == run(tinygan, False)
    assert run(tinygan, True) == pytest.approx(run(torch, False), rel=1e-6)
