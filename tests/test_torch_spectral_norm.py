"""Spectral normalisation is PyTorch's."""

from __future__ import annotations

import needs
import numpy as np
import pytest

import tinygan
from tinygan import nn

torch = needs.pytorch()
torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda m: m.Linear(5, 4), (3, 5)),
        (lambda m: m.Conv2d(2, 4, 3, 2, 1), (3, 2, 6, 6)),
        (lambda m: m.ConvTranspose2d(3, 2, (3, 2), 2), (2, 3, 4, 4)),
    ],
    ids=["Linear", "Conv2d", "ConvTranspose2d"],
)
def test_three_steps_and_an_evaluation(make, shape, device, rng):
    """From the same weight, u and v: outputs, gradients and the vectors, as the weight moves."""
    torch.manual_seed(1)
    theirs = torch.nn.utils.parametrizations.spectral_norm(make(torch.nn), n_power_iterations=2)
    ours = nn.spectral_norm(make(nn), n_power_iterations=2)
    norm = theirs.parametrizations.weight[0]
    ours.load_state_dict(theirs.state_dict())
    ours.to(device)
    original = theirs.parametrizations.weight.original

    def same(a, b, atol=1e-5):  # sums of up to 27 products of order 1 in float32
        a, b = a.detach().cpu().numpy(), b.detach().numpy()
        assert np.isfinite(b).all()
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=atol)

    for mode in (True, True, True, False):
        ours.train(mode)
        theirs.train(mode)
        array = rng.standard_normal(shape).astype(np.float32)
        x = tinygan.tensor(array, device=device, requires_grad=True)
        expected_x = torch.tensor(array, requires_grad=True)
        y, expected = ours(x), theirs(expected_x)
        same(y, expected)
        ours.zero_grad()
        theirs.zero_grad()
        (y * y).sum().backward()
        (expected * expected).sum().backward()
        same(x.grad, expected_x.grad, 1e-4)  # sums over the outputs too
        same(ours.layer.weight.grad, original.grad, 1e-4)
        same(ours.layer.bias.grad, theirs.bias.grad, 1e-4)
        same(ours.u, norm._u)
        same(ours.v, norm._v)
        move = 0.1 * rng.standard_normal(original.shape).astype(np.float32)
        ours.layer.weight.array += tinygan.tensor(move, device=device).array
        with torch.no_grad():
            original += torch.tensor(move)


@pytest.mark.filterwarnings("ignore:.*spectral_norm:FutureWarning")
def test_a_file_with_the_names_of_the_older_function(tmp_path, rng):
    theirs = torch.nn.Sequential(
        torch.nn.utils.spectral_norm(torch.nn.Conv2d(2, 3, 3)), torch.nn.ReLU(),
        torch.nn.utils.spectral_norm(torch.nn.ConvTranspose2d(3, 2, 2), n_power_iterations=2),
    )  # fmt: skip
    x = torch.randn(2, 2, 5, 5)
    theirs(x)
    torch.save(theirs.state_dict(), tmp_path / "d.pt")
    ours = nn.Sequential(
        nn.utils.spectral_norm(nn.Conv2d(2, 3, 3)), nn.ReLU(),
        nn.utils.spectral_norm(nn.ConvTranspose2d(3, 2, 2), n_power_iterations=2),
    )  # fmt: skip
    state = tinygan.weights.load(tmp_path / "d.pt")
    ours.load_state_dict(state)
    for mode in (True, True, False):
        y, expected = ours.train(mode)(tinygan.tensor(x.numpy())), theirs.train(mode)(x)
        # Sums of up to 18 products of order 1 in float32.
        y, expected = y.detach().numpy(), expected.detach().numpy()
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    del state["0.weight_u"]
    with pytest.raises(ValueError, match=r"missing: 0\.u"):
        ours.load_state_dict(state)
