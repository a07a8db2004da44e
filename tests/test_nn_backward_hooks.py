"""Backward hooks of modules, beside PyTorch's."""

from __future__ import annotations

import needs
import numpy as np
import pytest

import tinygan
from tinygan import nn

torch = needs.pytorch()


def part(m):
    """A module of two inputs and two outputs."""

    class Part(m.Module):
        def forward(self, a, b, scale=1.0):
            return a * b * scale, a + b

    return Part()


def seen_by(m, library, arrays, change):
    """The gradients that a hook sees and those that arrive at the leaves."""
    module, seen = part(m), []

    def hook(which, grad_input, grad_output):
        assert which is module
        seen.extend(grad_input + grad_output)
        if change:
            return tuple(None if g is None else g * 2 for g in grad_input)

    a, b = (library.tensor(x, requires_grad=grad) for x, grad in arrays)
    handle = module.register_full_backward_hook(hook)
    first, second = module(a, b, scale=3.0)
    (first * first + second).sum().backward()
    handle.remove()
    first, second = module(a, b)
    (first + second).sum().backward()
    found = [*seen, *(x.grad for x in (a, b) if x.requires_grad)]
    return [None if g is None else g.detach().numpy() for g in found]


@pytest.mark.parametrize("change", [False, True])
@pytest.mark.parametrize("needed", [(True, True), (True, False), (False, True)])
def test_hooks_see_and_change_gradients(needed, change, rng):
    arrays = [(rng.standard_normal((2, 3)), need) for need in needed]
    ours, theirs = seen_by(nn, tinygan, arrays, change), seen_by(torch.nn, torch, arrays, change)
    assert len(ours) == len(theirs) >= 5
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # PyTorch's
def test_the_first_layer_sees_no_gradient_of_its_input(rng):
    x, results = rng.standard_normal((4, 3)), []
    for m, library in ((nn, tinygan), (torch.nn, torch)):
        net, seen = m.Sequential(m.Linear(3, 2), m.Tanh()).double(), []
        with library.no_grad():
            for parameter in net.parameters():
                parameter.fill_(0.1)
        net[0].register_full_backward_hook(lambda layer, i, o, seen=seen: seen.append((i, o)))
        net(library.tensor(x)).sum().backward()
        ((grad_input, (grad_output,)),) = seen
        assert grad_input == (None,)
        results.append((grad_output.numpy(), net[0].weight.grad.numpy()))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_gradients_with_a_hook_can_be_differentiated_again():
    results = []
    for m, library, grad in ((nn, tinygan, tinygan.grad), (torch.nn, torch, torch.autograd.grad)):
        net = m.Tanh()
        net.register_full_backward_hook(lambda module, grads, grad_output: (grads[0] * 2,))
        x = library.tensor([0.3], dtype=library.float64, requires_grad=True)
        (slope,) = grad(net(x).sum(), x, create_graph=True)
        (curvature,) = grad(slope.sum(), x)
        results.append((slope.item(), curvature.item()))
    assert results[0] == pytest.approx(results[1], rel=1e-12)


def test_what_a_hook_returns_must_fit():
    net = nn.Tanh()
    net.register_full_backward_hook(lambda module, grad_input, grad_output: (None, None))
    y = net(tinygan.ones(2, requires_grad=True))
    with pytest.raises(ValueError, match="a backward hook of Tanh must return gradients for the"):
        y.sum().backward()


def test_a_layer_with_a_backward_hook_is_not_fused():
    net, seen = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), []
    net[0].register_full_backward_hook(lambda *gradients: seen.append(gradients))
    net(tinygan.ones(1, 1, 4, 4)).sum().backward()
    assert len(seen) == 1
