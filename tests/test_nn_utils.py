"""nn.utils and nn.init, beside PyTorch's."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import tinygan
from tinygan import nn

torch = pytest.importorskip("torch")


def nets(device, rng):
    """Both libraries' nets with the same weights and gradients."""
    ours, theirs = nn.Linear(4, 3), torch.nn.Linear(4, 3)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    x = rng.standard_normal((5, 4)).astype(np.float32)
    (ours.to(device)(tinygan.tensor(x, device=device)) ** 2).sum().backward()
    (theirs(torch.tensor(x)) ** 2).sum().backward()
    return ours, theirs


def assert_same_gradients(ours, theirs):
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        # Sums of 20 products of size 1 in float32.
        np.testing.assert_allclose(p.grad.cpu().numpy(), q.grad.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 1e4])
def test_clip_grad_norm(norm_type, max_norm, device, rng):
    ours, theirs = nets(device, rng)
    found = nn.utils.clip_grad_norm_(ours.parameters(), max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs.parameters(), max_norm, norm_type)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert_same_gradients(ours, theirs)


def test_clip_grad_value(device, rng):
    ours, theirs = nets(device, rng)
    nn.utils.clip_grad_value_(ours.parameters(), 0.5)
    torch.nn.utils.clip_grad_value_(theirs.parameters(), 0.5)
    assert_same_gradients(ours, theirs)
    assert abs(ours.weight.grad.cpu().numpy()).max() == 0.5
    assert nn.utils.clip_grad_norm_([nn.Parameter(tinygan.ones(1))], 1.0).item() == 0


def test_parameters_as_one_vector(device):
    layer, other = nn.Linear(3, 2).to(device), nn.Linear(3, 2).to(device)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (8,) and vector.requires_grad
    nn.utils.vector_to_parameters(vector, other.parameters())
    assert other.weight.tolist() == layer.weight.tolist() and other.bias.version > 1
    with pytest.raises(ValueError, match=r"vec has shape \(8,\), expected \(6,\)"):
        nn.utils.vector_to_parameters(vector, [layer.weight])


@pytest.mark.parametrize("function", [nn.utils.spectral_norm,
                                      nn.utils.parametrizations.spectral_norm])  # fmt: skip
def test_spectral_norm_by_the_names_of_torch(function):
    layer = function(nn.Conv2d(2, 3, 3), n_power_iterations=2)
    assert isinstance(layer, nn.SpectralNorm) and layer.n_power_iterations == 2
    with pytest.raises(ValueError, match="spectral_norm: name must be 'weight', got 'bias'"):
        function(nn.Linear(2, 2), "bias")
    with pytest.raises(ValueError, match="spectral_norm: dim 1 is not supported"):
        function(nn.Linear(2, 2), dim=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: nn.utils.clip_grad_norm_(p, 1.0, 0), "norm_type must be > 0, got 0"),
        (lambda p: nn.utils.clip_grad_value_(p, -1), "clip_value must be >= 0, got -1"),
        (lambda p: nn.init.eye_(p), "eye_: tensor must be a matrix, got shape (3,)"),
        (lambda p: nn.init.xavier_normal_(p), "xavier_normal_: tensor needs 2 or more dimensions"),
        (lambda p: nn.init.orthogonal_(p), "orthogonal_: tensor needs 2 or more dimensions"),
        (lambda p: nn.init.kaiming_normal_(p, mode="fan"), "mode must be 'fan_in' or 'fan_out'"),
        (lambda p: nn.init.calculate_gain("sine"), "calculate_gain: no gain for 'sine'"),
        (lambda p: nn.init.trunc_normal_(p, a=20, b=30), "trunc_normal_: N(0.0, 1.0^2) has hardly"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call(nn.Parameter(tinygan.ones(3)))


def test_a_norm_that_is_not_finite():
    p = nn.Parameter(tinygan.ones(2))
    p.grad = tinygan.tensor([math.nan, 1.0])
    with pytest.raises(RuntimeError, match="the norm of the gradients is nan"):
        nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)


# Initial values: the distribution, by its bounds and deviations.


@pytest.mark.parametrize("target", [lambda p: p, lambda p: p.data])
@pytest.mark.parametrize(
    ("fill", "deviation", "bound"),
    [
        (lambda m, p: m.xavier_uniform_(p, gain=2.0), None, 2 * math.sqrt(6 / (40 + 60) / 9)),
        (lambda m, p: m.xavier_normal_(p), math.sqrt(2 / (40 + 60) / 9), None),
        (lambda m, p: m.kaiming_uniform_(p, nonlinearity="relu"), None, math.sqrt(6 / 360)),
        (lambda m, p: m.kaiming_uniform_(p, a=0.2, mode="fan_out"), None,
         math.sqrt(6 / 1.04 / 540)),
        (lambda m, p: m.kaiming_normal_(p), math.sqrt(2 / 360), None),
        (lambda m, p: m.trunc_normal_(p, 0.0, 0.02, -0.03, 0.03), None, 0.03),
        (lambda m, p: m.uniform_(p, -0.25, 0.25), None, 0.25),
    ],
)  # fmt: skip
def test_distributions(fill, deviation, bound, target):
    p = nn.Parameter(tinygan.zeros(60, 40, 3, 3))
    given = target(p)
    assert fill(nn.init, given) is given
    q = torch.zeros(60, 40, 3, 3)
    fill(torch.nn.init, q)
    values = p.detach().numpy()
    # 21,600 samples: of the deviation five times 1 / sqrt(2 n); the largest is within 1 %.
    assert values.std() == pytest.approx(q.std().item(), rel=0.05)
    if deviation:
        assert values.std() == pytest.approx(deviation, rel=0.025)
    if bound:
        assert 0.99 * bound < abs(values).max() <= bound * (1 + 1e-6)


def test_constants_and_orthogonal_matrices():
    p = nn.Parameter(tinygan.randn(3, 4))
    assert nn.init.eye_(p).tolist() == np.eye(3, 4).tolist()
    assert nn.init.ones_(p).tolist() == [[1] * 4] * 3 and not nn.init.zeros_(p).array.any()
    assert nn.init.constant_(p, val=2.0).tolist() == [[2] * 4] * 3
    for shape in ((3, 4), (5, 2), (4, 2, 3, 3)):
        w = nn.init.orthogonal_(tinygan.zeros(*shape), gain=2.0).numpy().reshape(shape[0], -1)
        gram = w @ w.T if len(w) <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "selu"])
def test_gains(name):
    assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)


def test_gain_of_leaky_relu():
    for slope in (None, 0.2):
        expected = torch.nn.init.calculate_gain("leaky_relu", slope)
        assert nn.init.calculate_gain("leaky_relu", slope) == expected
