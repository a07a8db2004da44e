"""Minibatch discrimination, spectral normalisation, and the initialisation that goes with them."""

from __future__ import annotations

import numpy as np
import pytest
from states import arrays_of

import tinygan
from tinygan import nn
from tinygan.tensor import Tensor
from tinygan.walk import graph_nodes

MAKERS = {
    "linear": lambda: nn.Linear(5, 4),
    "conv": lambda: nn.Conv2d(2, 4, 3, 2, "same"),
    "transposed": lambda: nn.ConvTranspose2d(2, 4, (3, 2)),
}
SHAPES = {"linear": (3, 5), "conv": (3, 2, 6, 6), "transposed": (3, 2, 4, 4)}


def as_matrix(weight: np.ndarray, name: str) -> np.ndarray:
    """Rows are output channels, which a transposed convolution has in its second dimension."""
    return (weight.swapaxes(0, 1) if name == "transposed" else weight).reshape(4, -1)


# Minibatch discrimination


def test_minibatch_discrimination_is_the_papers_sum(device, rng):
    layer = nn.MinibatchDiscrimination(5, 3, 2).to(device)
    x = rng.standard_normal((4, 5)).astype(np.float32)
    found = layer(tinygan.tensor(x, device=device)).detach().cpu().numpy()
    m = (x @ layer.weight.detach().cpu().numpy().astype(np.float64)).reshape(4, 3, 2)
    o = np.zeros((4, 3))
    for i in range(4):
        for b in range(3):
            o[i, b] = sum(np.exp(-abs(m[i, b] - m[j, b]).sum()) for j in range(4) if j != i)
    assert found.shape == (4, 8)
    np.testing.assert_array_equal(found[:, :5], x)
    np.testing.assert_allclose(found[:, 5:], o, rtol=0, atol=2e-6)  # sums of 4 numbers up to 1
    assert o.min() > 0.01 and np.ptp(o) > 0.1


def test_minibatch_discrimination_of_equal_and_of_distant_samples(device):
    layer = nn.MinibatchDiscrimination(2, 6, 4).to(device)

    def closeness(x):
        return layer(tinygan.tensor(x, device=device)).detach().cpu().numpy()[:, 2:]

    assert (closeness(np.ones((7, 2), np.float32)) == 6).all()  # the six others
    assert (closeness(np.eye(2, dtype=np.float32) * 1e4) == 0).all()
    assert (closeness(np.ones((1, 2), np.float32)) == 0).all()  # no others


def test_gradients_of_minibatch_discrimination(device, rng):
    layer = nn.MinibatchDiscrimination(3, 2, 2).to(device)

    def function(x, weight):
        vars(layer)["weight"] = weight
        return layer(x)

    inputs = [
        tinygan.tensor(rng.standard_normal(shape), device=device, requires_grad=True)
        for shape in ((4, 3), (3, 4))
    ]
    assert tinygan.gradcheck(function, inputs)
    assert tinygan.gradgradcheck(function, inputs)


def test_minibatch_discrimination_rejects_what_does_not_fit():
    with pytest.raises(ValueError, match=r"expected \(n, 3\), got shape \(2, 4\)"):
        nn.MinibatchDiscrimination(3, 2, 2)(tinygan.ones(2, 4))
    with pytest.raises(ValueError, match="kernel_dims must be a positive integer, got 0"):
        nn.MinibatchDiscrimination(3, 2, 0)
    assert repr(nn.MinibatchDiscrimination(3, 2, 5)).startswith("MinibatchDiscrimination(3, 2, 5)")


# Spectral normalisation


@pytest.mark.parametrize("name", MAKERS)
def test_spectral_norm_divides_by_the_largest_singular_value(name, device, rng):
    layer = MAKERS[name]().to(device)
    nn.init.normal_(layer.weight, 0.0, 3.0)
    plain = MAKERS[name]().to(device)
    normalised = nn.spectral_norm(layer)
    weight = layer.weight.detach().cpu().numpy()
    sigma = np.linalg.svd(as_matrix(weight.astype(np.float64), name), compute_uv=False)[0]
    plain.weight.array[...] = layer.weight.array / layer.weight.dtype.type(sigma)
    plain.bias.array[...] = layer.bias.array
    x = tinygan.tensor(rng.standard_normal(SHAPES[name]), dtype="float32", device=device)
    for _ in range(200):  # power iteration converges as (sigma2 / sigma1)^(2 t)
        normalised(x)
    expected = plain(x).detach().cpu().numpy()
    assert np.abs(expected).max() > 0.1
    # Sums of up to 18 products of order 1, divided by a sigma of as many roundings.
    for mode in (True, False):
        found = normalised.train(mode)(x).detach().cpu().numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", MAKERS)
def test_gradients_of_spectral_norm(name, device, rng):
    """By x and W, where u and v are any constants: sigma = u^T W v is all that is asked."""
    normalised = nn.spectral_norm(MAKERS[name]().to(device)).eval()
    shape = normalised.layer.weight.shape
    for buffer in (normalised.u, normalised.v):
        buffer.array = buffer.array.astype(np.float64)
    normalised.layer.bias = None

    def function(x, weight):
        vars(normalised.layer)["weight"] = weight
        return normalised(x)

    x, weight = (
        tinygan.tensor(rng.standard_normal(size), device=device, requires_grad=True)
        for size in (SHAPES[name], shape)
    )
    sigma = normalised.u.array @ as_matrix(weight.array, name) @ normalised.v.array
    assert abs(sigma) > 0.05  # or the differences would cross a pole
    assert tinygan.gradcheck(function, [x, weight])
    assert tinygan.gradgradcheck(function, [x, weight])


def test_power_iteration_runs_in_training_mode_only_and_once(device, rng):
    normalised = nn.spectral_norm(nn.Linear(6, 4)).to(device)
    x = tinygan.tensor(rng.standard_normal((2, 6)), dtype="float32", device=device)
    nn.init.normal_(normalised.layer.weight)
    before = arrays_of(normalised)
    normalised.eval()(x)
    after = arrays_of(normalised)
    assert list(before) == ["u", "v", "layer.weight", "layer.bias"]
    assert all(np.array_equal(before[name], after[name]) for name in before)
    normalised.train()(x)
    weight, v = before["layer.weight"].astype(np.float64), before["v"].astype(np.float64)
    u = weight @ v / np.linalg.norm(weight @ v)
    v = weight.T @ u / np.linalg.norm(weight.T @ u)
    state = arrays_of(normalised)
    # Unit vectors from sums of 6 products.
    np.testing.assert_allclose(state["u"], u, rtol=0, atol=1e-6)
    np.testing.assert_allclose(state["v"], v, rtol=0, atol=1e-6)
    assert np.abs(state["u"] - before["u"]).max() > 1e-3


def test_spectral_norm_resumes_where_it_was_saved(rng):
    first, second = (nn.spectral_norm(nn.Linear(6, 4)) for _ in range(2))
    x = tinygan.tensor(rng.standard_normal((2, 6)), dtype="float32")
    first(x)
    second.load_state_dict(arrays_of(first))
    np.testing.assert_array_equal(first(x).detach().numpy(), second(x).detach().numpy())


def test_two_passes_before_one_backward(device):
    """D sees real and generated images before it is trained: the second power iteration must not
    touch the vectors that the first pass's gradient reads."""
    normalised = nn.spectral_norm(nn.Linear(3, 2, bias=False)).to(device)
    nn.init.normal_(normalised.layer.weight)
    start = arrays_of(normalised)
    x = tinygan.randn(4, 3, device=device)
    normalised(x).sum().backward()
    alone = normalised.layer.weight.grad.cpu().numpy()
    normalised.load_state_dict(start)
    normalised.zero_grad()
    first = normalised(x).sum()
    normalised(x)
    first.backward()
    np.testing.assert_array_equal(normalised.layer.weight.grad.cpu().numpy(), alone)


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.LeakyReLU(0.2)])
def test_sequential_fuses_the_activation_behind_spectral_norm(activation, device):
    layer = nn.spectral_norm(nn.Conv2d(2, 4, 3)).to(device).eval()
    x = tinygan.randn(3, 2, 5, 5).to(device)
    together, apart = nn.Sequential(layer, activation)(x), activation(layer(x))
    np.testing.assert_array_equal(together.detach().cpu(), apart.detach().cpu())
    names = [node.name for node in graph_nodes([together])]
    assert "Conv2d" in names and not any("ReLU" in name for name in names)
    linear = nn.Sequential(nn.spectral_norm(nn.Linear(5, 4)), activation)  # cannot be fused
    assert linear(tinygan.randn(2, 5)).amin().item() > -1


def test_spectral_norm_rejects_other_layers_and_no_iterations():
    with pytest.raises(TypeError, match="Linear, Conv2d or ConvTranspose2d, got BatchNorm2d"):
        nn.spectral_norm(nn.BatchNorm2d(3))
    with pytest.raises(ValueError, match="n_power_iterations must be a positive integer, got 0"):
        nn.spectral_norm(nn.Linear(2, 2), 0)


# Small things


def test_rescale():
    x = tinygan.tensor([0.0, 0.25, 1.0])
    assert nn.Rescale(2.0, -1.0)(x).tolist() == [-1.0, -0.5, 1.0]


def test_truncated_normal():
    weight = nn.init.truncated_normal_(Tensor(np.empty((400, 250), np.float32)), 1.0, 0.1).array
    assert weight.min() >= 0.8 - 1e-6 and weight.max() <= 1.2 + 1e-6
    # A normal distribution cut at two deviations has the deviation 0.87963; of 100,000 samples
    # the mean is right to 5 * 0.088 / 316 and the deviation to about 1 %.
    assert weight.mean() == pytest.approx(1.0, abs=1.4e-3)
    assert weight.std() == pytest.approx(0.087963, rel=0.01)
    assert (np.abs(weight - 1) > 0.19).mean() > 0.01  # drawn again, not clipped: a thin rim
    assert (np.abs(weight - 1) > 0.1999).mean() < 0.001
