"""Training on the device against training on the CPU: steps, whole runs, checkpoints."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from states import arrays_of

import tinygan
import tinygan.functional as F
from tinygan.data import synthetic_digits
from tinygan.models import DCGAN, mnist_500_model
from tinygan.optim import Adam
from tinygan.training import (
    Settings,
    Trainer,
    diff_augment,
    gan_step,
    r1_penalty,
)


def weighted_r1(critic, real, fake):
    return r1_penalty(critic, real, fake) * 5.0


def play(model, device, reals, latents, wrap, **options):
    """Losses of a step for each batch, and both nets' weights and statistics after them."""
    nets = model.generator.to(device), model.discriminator.to(device)
    optimizers = [Adam(net.parameters(), 1e-3, (0.5, 0.999)) for net in nets]
    step = wrap(partial(
        gan_step, *nets, *optimizers, F.gan_loss("non-saturating"), **options
    ))  # fmt: skip
    losses = [
        step(real.to(device), latent.to(device), None).item()
        for real, latent in zip(reals, latents, strict=True)
    ]
    states = [arrays_of(net) for net in nets]
    return np.array(losses), {f"{i}.{k}": v for i, s in enumerate(states) for k, v in s.items()}


def assert_close(first, second, bound):
    """Adam's step is lr g / |g| at first: where g is rounding alone, its sign is, too. So weights
    may differ by lr per step there, and only there."""
    (losses, state), (other_losses, other_state) = first, second
    assert np.isfinite(losses).all()
    np.testing.assert_allclose(losses, other_losses, rtol=bound, atol=bound)
    for name, value in state.items():
        assert np.isfinite(value).all(), name
        far = np.abs(value - other_state[name]) > bound * (1 + np.abs(value))
        assert far.mean() <= 0.002, (name, far.mean())


def images(rng, count, *shape):
    return [tinygan.tensor(np.tanh(rng.standard_normal(shape)).astype("f4")) for _ in range(count)]


augmented = partial(diff_augment, policy=("brightness", "translation", "cutout"))
MODELS = {
    "DCGAN": (lambda: DCGAN(width=8), {}),
    "DCGAN with spectral norm": (lambda: DCGAN(width=4, spectral_norm_d=True), {}),
    "DCGAN with R1": (lambda: DCGAN(width=4, batch_norm_d=False), dict(penalty=weighted_r1)),
    "DCGAN with DiffAugment": (lambda: DCGAN(width=4), dict(transform=augmented)),
    "DeLiGAN": (mnist_500_model, {}),
}


def played(name, device, rng, steps, wrap):
    make, options = MODELS[name]
    tinygan.manual_seed(2)
    model = make()
    reals = images(rng, steps, 5, 1, 28, 28)
    latents = [model.latent(5) for _ in range(steps)]
    if name == "DeLiGAN":
        options = dict(regulariser=partial(model.sigma_regulariser, 1 / 3))
    return play(model, device, reals, latents, wrap, **options)


@pytest.mark.parametrize("name", MODELS)
def test_a_step_on_the_device_is_the_step_on_the_cpu(name, device):
    """Losses and weights to 1e-4 after two steps. (Later ones part: Adam and batch norm over five
    images make of a last bit a third digit.)"""
    on_cpu, on_device = (
        played(name, where, np.random.default_rng(7), 2, lambda step: step)
        for where in ("cpu", device)
    )
    assert_close(on_cpu, on_device, bound=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_a_captured_step_is_the_step(name, device):
    """Bit for bit, over the steps that rehearse, the one that is recorded, and replays."""
    (losses, state), (captured_losses, captured_state) = (
        played(name, device, np.random.default_rng(7), 5, wrap)
        for wrap in (lambda step: step, tinygan.capture)
    )
    assert np.isfinite(losses).all()
    np.testing.assert_array_equal(losses, captured_losses)
    for key, value in state.items():
        np.testing.assert_array_equal(value, captured_state[key], err_msg=key)


def test_the_numbers_of_a_step_are_those_of_its_tensors(device):
    tinygan.manual_seed(4)
    model = DCGAN(width=4)
    nets = model.generator.to(device), model.discriminator.to(device)
    optimizers = [Adam(net.parameters(), 1e-3) for net in nets]
    real = images(np.random.default_rng(1), 1, 4, 1, 28, 28)[0].to(device)
    latent = model.latent(4).to(device)
    result = gan_step(*nets, *optimizers, F.gan_loss("hinge"), real, latent)
    numbers = result.item()
    assert all(isinstance(value, float) for value in numbers)
    assert numbers.loss_d == result.loss_d.item() and numbers.loss_g == result.loss_g.item()
    assert numbers.logit_real == result.output_real.mean().item()
    assert numbers.logit_fake == result.output_fake.mean().item()


SETTINGS = Settings(batch_size=8, lr=1e-3, r1=1.0, penalty_every=3, decay=(0.5, 4), seed=5)


def trainer(out, device, resume=False):
    tinygan.manual_seed(SETTINGS.seed)
    return Trainer(
        DCGAN(width=4, batch_norm_d=False), synthetic_digits(40, seed=1), out, SETTINGS,
        device=device, samples=8, resume=resume,
    )  # fmt: skip


def weights(run) -> list[np.ndarray]:
    return [array for part in ("generator", "discriminator")
            for array in arrays_of(getattr(run.model, part)).values()]  # fmt: skip


def test_a_run_moves_from_device_to_device(device, tmp_path):
    """Ten steps on the device, saved, five more on the CPU; against fifteen on the CPU alone."""
    first = trainer(tmp_path / "moved", device)
    assert first.train(2)
    moved = trainer(tmp_path / "moved", "cpu", resume=True)
    for a, b in zip(weights(first), weights(moved), strict=True):
        np.testing.assert_array_equal(a, b)
    assert moved.train(3) and moved.step == 15
    alone = trainer(tmp_path / "alone", "cpu")
    assert alone.train(3)
    for a, b in zip(weights(moved), weights(alone), strict=True):
        far = np.abs(a - b) > 1e-3 * (1 + np.abs(a))
        assert far.mean() < 0.02  # signs of rounding, see assert_close
    back = trainer(tmp_path / "moved", device, resume=True)
    optimizer = back.game.optimizers["optimizer_g"]
    assert optimizer.steps == [15] * len(optimizer.params)
    assert back.train(4) and back.step == 20
