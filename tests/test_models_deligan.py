"""DeLiGAN: the mixture, the nets that it is compared with, the rule of its toy training."""

from __future__ import annotations

import numpy as np
import pytest
from states import arrays_of

import tinygan
from tinygan import nn
from tinygan.models import (
    TOY_MODELS,
    DeLiGAN,
    MixtureLatent,
    TurnTaking,
    mnist_500_model,
    toy_model,
)


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


# The mixture


def test_mixture_latent_is_mu_plus_sigma_eps(rng, device):
    mixture = MixtureLatent(4, 3, sigma=0.5).to(device)
    nn.init.normal_(mixture.sigma)
    component, eps = np.array([2, 0, 2, 3, 1]), rng.standard_normal((5, 3)).astype(np.float32)
    rows = np.concatenate([np.eye(4, dtype=np.float32)[component], eps], 1)
    mu, sigma = mixture.mu.detach().cpu().numpy(), mixture.sigma.detach().cpu().numpy()
    expected = mu[component] + sigma[component] * eps
    # One product with 1 and three with 0 is exact; then one product and one sum are rounded.
    found = mixture(tinygan.tensor(rows, device=device)).detach().cpu().numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_gradients_of_the_mixture(rng, device):
    mixture = MixtureLatent(3, 2).to(device)
    rows = np.concatenate([np.eye(3)[[0, 2, 1, 2]], rng.standard_normal((4, 2))], 1)

    def function(mu, sigma):
        # Past __setattr__, which takes parameters alone: these are leaves of the check.
        mixture.__dict__.update(mu=mu, sigma=sigma)
        return mixture(tinygan.tensor(rows, device=device))

    inputs = [tinygan.tensor(rng.standard_normal((3, 2)), device=device, requires_grad=True)
              for _ in range(2)]  # fmt: skip
    assert tinygan.gradcheck(function, inputs, eps=1.0)  # linear in both: differences are exact


def test_the_mixture_starts_as_in_the_paper():
    mixture = MixtureLatent(100, 50)
    mu = mixture.mu.detach().numpy()
    # 5,000 samples of U(-1, 1): a mean of 0 to five times 0.577 / 71, both ends nearly reached.
    assert abs(mu.mean()) < 0.041 and -1 <= mu.min() < -0.995 and 0.995 < mu.max() <= 1
    assert (mixture.sigma.detach().numpy() == np.float32(0.2)).all()


def test_latent_rows_go_through_the_components_in_turn():
    model = toy_model("DeLiGAN", components=4, latent_size=3)
    rows = model.latent(10).numpy()
    assert rows.shape == (10, 7)
    np.testing.assert_array_equal(rows[:, :4], np.eye(4)[np.arange(10) % 4])
    eps = model.latent(4000).numpy()[:, 4:]
    assert abs(eps.mean()) < 0.05 and eps.std() == pytest.approx(1, abs=0.03) and eps.max() > 3
    eps = model.latent(4000, noise="uniform").numpy()[:, 4:]
    assert abs(eps.mean()) < 0.03 and -1 <= eps.min() < -0.99 and 0.99 < eps.max() <= 1
    with pytest.raises(ValueError, match="noise must be one of 'normal', 'uniform', got 'none'"):
        model.latent(1, noise="none")


def test_a_sample_depends_on_its_own_row(device):
    model = toy_model("DeLiGAN")
    model.generator.to(device)
    rows = model.latent(100)
    shuffled = np.random.default_rng(0).permutation(100)[:30]
    with tinygan.no_grad():
        together = model.generator(rows.to(device)).cpu().numpy()
        apart = model.generator(rows[shuffled].to(device)).cpu().numpy()
    np.testing.assert_allclose(apart, together[shuffled], rtol=0, atol=1e-6)


def test_sigma_regulariser(device):
    model = toy_model("DeLiGAN", components=2, latent_size=2)
    assert isinstance(model, DeLiGAN)
    model.mixture.sigma.array[...] = [[1.0, 2.0], [0.0, 1.0]]
    model.generator.to(device)
    loss = model.sigma_regulariser(0.1)
    assert loss.item() == pytest.approx(0.05, rel=1e-6)  # 0.1 (0 + 1 + 1 + 0) / 4
    loss.backward()
    np.testing.assert_allclose(
        model.mixture.sigma.grad.cpu().numpy(), [[0.0, 0.05], [-0.05, 0.0]], rtol=1e-6, atol=1e-9
    )
    assert model.mixture.mu.grad is None
    assert DeLiGAN(nn.Linear(2, 2), nn.Linear(2, 1), 3, 2).mixture.sigma.tolist()[0] == [
        pytest.approx(0.2), pytest.approx(0.2)
    ]  # fmt: skip


def test_the_mixture_rejects_empty_sizes():
    with pytest.raises(ValueError, match="MixtureLatent: components must be positive, got 0"):
        MixtureLatent(0, 2)
    with pytest.raises(ValueError, match="MixtureLatent: latent_size must be positive, got 0"):
        MixtureLatent(2, 0)


# The toy models


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("GAN", 3 * 32 + 33 * 2),
        ("GAN++", 3 * 50 + 51 * 32 + 33 * 2),
        ("Nx-GAN", 3 * 1600 + 1601 * 2),
        ("MoE-GAN", 53 * 32 + 33 * 2),
        ("Ensemble-GAN", 50 * (3 * 32 + 33 * 2)),
        ("DeLiGAN", 3 * 32 + 33 * 2 + 2 * 50 * 2),
    ],
)
def test_toy_models(name, parameters, device):
    assert name in TOY_MODELS and len(TOY_MODELS) == 6
    model = toy_model(name)
    assert count(model.generator) == parameters
    assert count(model.discriminator) == 3 * 32 + 33
    generator, discriminator = model.generator.to(device), model.discriminator.to(device)
    points = generator(model.latent(50).to(device))
    assert points.shape == (50, 2) and points.abs().amax().item() <= 1
    (discriminator(points) * tinygan.randn(50, 1, device=device)).sum().backward()
    for net in (model.generator, model.discriminator):
        for parameter_name, parameter in net.named_parameters():
            assert parameter.grad is not None, parameter_name
            # Row by row: each of the 50 Gaussians, or of the 50 generators, is reached.
            table = parameter.grad.cpu().numpy().reshape(len(parameter.grad), -1)
            assert (np.abs(table).max(1) > 0).all(), parameter_name


def test_toy_models_start_as_tensorflow_does():
    state = arrays_of(toy_model("Nx-GAN").generator)
    assert 0.97 < np.abs(state["1.0.weight"]).max() / np.sqrt(6 / 1602) <= 1
    assert (state["1.0.bias"] == 0).all()
    state = arrays_of(toy_model("Ensemble-GAN").generator)
    assert 0.97 < np.abs(state["weight1"]).max() / np.sqrt(6 / 34) <= 1
    assert (arrays_of(toy_model("DeLiGAN").generator)["0.sigma"] == np.float32(0.02)).all()


def test_each_net_of_the_ensemble_computes_its_own_rows(rng, device):
    model = toy_model("Ensemble-GAN", components=3, hidden=4)
    model.generator.to(device)
    nn.init.normal_(model.generator.bias1)
    nn.init.normal_(model.generator.bias2)
    w1, b1, w2, b2 = (value.astype(np.float64) for value in arrays_of(model.generator).values())
    rows = model.latent(7)
    eps = rows.numpy()[:, 3:]
    for k, found in enumerate(model.generator(rows.to(device)).detach().cpu().numpy()):
        i = k % 3
        hidden = np.tanh(eps[k] @ w1[i].reshape(2, 4) + b1[i])
        expected = np.tanh(hidden @ w2[i].reshape(4, 2) + b2[i])
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)  # sums of 5 float32


def test_an_unknown_toy_model_is_named():
    with pytest.raises(ValueError, match=r"name must be one of 'GAN', .*'DeLiGAN', got 'gan'"):
        toy_model("gan")
    with pytest.raises(ValueError, match="toy_model: hidden must be positive, got 0"):
        toy_model("GAN", hidden=0)


# Who trains


def test_turns_are_counted_by_the_loss_and_the_threshold():
    turns = TurnTaking()
    assert (turns.threshold, turns.floor, turns.count) == (1.0, 0.73, 0)
    assert turns.trains_generator(1.001) and turns.count == 1
    assert not turns.trains_generator(1.0) and turns.count == 0  # not above: D's turn
    assert not turns.trains_generator(0.2) and turns.count == -1


def test_the_threshold_falls_when_d_has_trained_more_than_150_times():
    turns = TurnTaking()
    for _ in range(150):
        turns.trains_generator(0.5)
    turns.start_batch()
    assert (turns.threshold, turns.count) == (1.0, -150)
    turns.trains_generator(0.5)
    turns.start_batch()
    assert (turns.threshold, turns.count) == (0.999, 0)


def test_the_threshold_rises_when_g_has_trained_more_than_10_times():
    turns = TurnTaking()
    turns.threshold = 0.8
    for _ in range(10):
        turns.trains_generator(2.0)
    turns.start_batch()
    assert (turns.threshold, turns.count) == (0.8, 10)
    turns.trains_generator(2.0)
    turns.start_batch()
    assert (turns.threshold, turns.count) == (0.81, 0)
    turns.threshold, turns.count = 0.995, 11
    turns.start_batch()
    assert turns.threshold == 1.0  # its top


def test_the_floor_falls_only_after_a_long_time_on_it():
    turns = TurnTaking()
    turns.threshold, turns.count = 0.7304, -151
    turns.start_batch()
    assert (turns.threshold, turns.count) == (0.73, 0)
    turns.count = -1000
    turns.start_batch()  # on the floor: the count goes on
    turns.start_epoch()
    assert (turns.threshold, turns.floor, turns.count) == (0.73, 0.73, -1000)
    turns.count = -1001
    floors = []
    for _ in range(8):
        turns.start_epoch()
        floors.append(turns.floor)
    assert floors == pytest.approx([0.725, 0.72, 0.715, 0.71, 0.705, 0.7, 0.7, 0.7], abs=1e-12)
    turns.start_batch()
    assert (turns.threshold, turns.count) == (pytest.approx(0.729, abs=1e-12), 0)


# MNIST


def test_the_nets_for_500_digits():
    model, plain = mnist_500_model(), mnist_500_model(mixture=False)
    assert isinstance(model, DeLiGAN) and not isinstance(plain, DeLiGAN)
    # 30 -> 1024 with batch norm; 3x3 64 -> 32 and 5x5 32 -> 16 with batch norm; 5x5 16 -> 1.
    net = 30 * 1024 + 2 * 1024 + 9 * 64 * 32 + 2 * 32 + 25 * 32 * 16 + 2 * 16 + 25 * 16 + 1
    assert count(plain.generator) == net
    assert count(model.generator) == net + 2 * 50 * 30
    # 5x5 1 -> 16; 5x5 16 -> 32 and 3x3 32 -> 64 with batch norm; T of 64 x (64 x 5); 128 -> 1.
    d = 26 * 16 + 25 * 16 * 32 + 2 * 32 + 9 * 32 * 64 + 2 * 64 + 64 * 64 * 5 + 129
    assert count(model.discriminator) == count(plain.discriminator) == d
    sizes, x = [], tinygan.randn(2, 1, 28, 28)
    for part in model.discriminator[0]:
        x = part(x)
        if isinstance(part, (nn.Conv2d, nn.MaxPool2d)):
            sizes.append(x.shape[1:])
    assert sizes == [(16, 14, 14), (32, 7, 7), (64, 4, 4), (64, 1, 1)]
    state = arrays_of(model.discriminator)
    assert state["0.2.weight"].std() == pytest.approx(0.02, rel=0.02)
    # Minibatch discrimination keeps its own start, uniform in +-1 / 8.
    assert 0.124 < np.abs(state["1.weight"]).max() <= 0.125
    first, second = model.latent(6, tinygan.Generator(1)), plain.latent(6, tinygan.Generator(1))
    assert first.shape == (6, 80) and first.tolist() == second.tolist()


def test_a_discriminator_for_500_digits_can_judge_alone():
    images = tinygan.randn(6, 1, 28, 28)
    for alone in (True, False):
        d = mnist_500_model(alone=alone).discriminator
        together, by_itself = d(images)[:1], d(images[:1])
        same = np.allclose(together.tolist(), by_itself.tolist(), rtol=1e-5)
        assert together.shape == (1, 1) and same == alone
