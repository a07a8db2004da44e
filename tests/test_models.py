"""The models of images: shapes, the papers' rules, initial values, what an image depends on."""

from __future__ import annotations

import numpy as np
import pytest
from states import arrays_of

import tinygan
import tinygan.functional as F
from tinygan import nn
from tinygan.models import CGAN, DCGAN, GAN, SameDCGAN, mnist_500_model
from tinygan.optim import Adam
from tinygan.training import discriminator_step, generator_step

MODELS = {
    "GAN": lambda: GAN(latent_size=9),
    "GAN modern": lambda: GAN(latent_size=9, variant="modern"),
    "CGAN hidden": lambda: CGAN(latent_size=9),
    "CGAN input": lambda: CGAN(latent_size=9, label="input"),
    "CGAN modern": lambda: CGAN(latent_size=9, variant="modern"),
    "DCGAN": lambda: DCGAN(width=3, latent_size=9),
    "DCGAN classes": lambda: DCGAN(width=3, latent_size=9, classes=10),
    "DCGAN spectral": lambda: DCGAN(width=3, batch_norm_d=False, spectral_norm_d=True),
    "SAME": lambda: SameDCGAN(latent_size=9),
    "SAME norm": lambda: SameDCGAN(True, "leaky_relu", "dcgan"),
    "DeLiGAN": mnist_500_model,
    "DeLiGAN without": lambda: mnist_500_model(mixture=False),
}


def make(name, device):
    """A model whose nets are on the device."""
    model = MODELS[name]()
    model.generator.to(device)
    model.discriminator.to(device)
    return model


def with_labels(model, *tensors):
    """The arguments of the nets: a label for each row where the model takes labels."""
    if model.classes is None:
        return tensors
    labels = np.arange(len(tensors[0])) % model.classes
    return (*tensors, tinygan.tensor(labels, device=tensors[0].device))


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


# All of them


@pytest.mark.parametrize("name", MODELS)
def test_images_logits_and_gradients(name, device):
    model = make(name, device)
    latent = model.latent(4).to(device)
    images = model.generator(*with_labels(model, latent))
    assert images.shape == (4, 1, 28, 28) and images.dtype == tinygan.float32
    assert images.abs().amax().item() <= 1
    logits = model.discriminator(*with_labels(model, images))
    assert logits.shape == (4, 1)
    (logits * tinygan.randn(4, 1, device=device)).sum().backward()
    for net in (model.generator, model.discriminator):
        for parameter_name, parameter in net.named_parameters():
            assert parameter.grad is not None, parameter_name
            largest = parameter.grad.abs().amax().item()
            assert 0 < largest < np.inf, parameter_name


@pytest.mark.parametrize("name", MODELS)
def test_an_image_does_not_depend_on_its_batch_mates(name, device):
    model = make(name, device)
    latent = model.latent(12).to(device)
    model.generator(*with_labels(model, latent))  # moves the running statistics
    model.generator.eval()
    with tinygan.no_grad():
        together = model.generator(*with_labels(model, latent)).cpu().numpy()
        apart = np.concatenate([
            model.generator(*(x[i : i + 1] for x in with_labels(model, latent))).cpu().numpy()
            for i in range(12)
        ])  # fmt: skip
    # Products of another shape may add in another order: sums of up to 1200 terms of size 0.1.
    np.testing.assert_allclose(apart, together, rtol=0, atol=1e-5)
    assert np.abs(together[0] - together[10]).max() > 1e-5  # the same label, another z


@pytest.mark.parametrize("name", MODELS)
def test_a_seed_gives_the_same_model_and_latents(name):
    runs = []
    for _ in range(2):
        tinygan.manual_seed(5)
        model = MODELS[name]()
        state = {**arrays_of(model.generator), **arrays_of(model.discriminator)}
        runs.append((state, model.latent(3).numpy()))
    (first, latent), (second, other) = runs
    assert all(np.array_equal(first[key], second[key]) for key in first)
    np.testing.assert_array_equal(latent, other)
    seeded = model.latent(3, tinygan.Generator(8)).numpy()
    np.testing.assert_array_equal(seeded, model.latent(3, tinygan.Generator(8)).numpy())
    assert np.abs(seeded - latent).max() > 0.1


@pytest.mark.parametrize("name", MODELS)
def test_each_net_learns_a_task_that_anyone_can_learn(name):
    learns(name, "cpu")


@pytest.mark.parametrize(
    "name",
    [name if name == "DCGAN" else pytest.param(name, marks=pytest.mark.exhaustive)
     for name in MODELS],
)  # fmt: skip
def test_each_net_learns_it_on_a_gpu(name, gpu):
    learns(name, gpu)


def learns(name, device):
    """D tells half-white images from a fixed batch of G's;
    then G learns to please that D."""
    model, real = make(name, device), tinygan.ones(16, 1, 28, 28, device=device)
    real.array[:, :, :, 14:] = -1
    latent, *labels = with_labels(model, model.latent(16).to(device))
    loss = F.gan_loss("non-saturating")
    with tinygan.no_grad():
        fake = model.generator(latent, *labels)
    optimizer = Adam(model.discriminator.parameters(), 2e-3, (0.5, 0.999))
    losses = [
        discriminator_step(model.discriminator, optimizer, loss, real, fake, *labels)[0].item()
        for _ in range(15)
    ]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] - 0.3
    optimizer = Adam(model.generator.parameters(), 2e-3, (0.5, 0.999))
    losses = []
    for _ in range(15):
        fake = model.generator(latent, *labels)
        losses.append(generator_step(model.discriminator, optimizer, loss, fake, *labels).item())
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] - 0.3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GAN(latent_size=0), "GAN: latent_size must be positive, got 0"),
        (lambda: GAN(variant="old"), "GAN: variant must be one of 'paper', 'modern', got 'old'"),
        (lambda: CGAN(classes=0), "CGAN: classes must be positive, got 0"),
        (lambda: CGAN(label="both"), "CGAN: label must be one of 'hidden', 'input', got 'both'"),
        (lambda: DCGAN(channels=0), "DCGAN: channels must be positive, got 0"),
        (lambda: DCGAN(width=0), "DCGAN: width must be positive, got 0"),
        (lambda: DCGAN(latent_size=0), "DCGAN: latent_size must be positive, got 0"),
        (lambda: DCGAN(classes=0), "DCGAN: classes must be positive, got 0"),
        (lambda: SameDCGAN(activation="elu"), "activation must be one of 'relu', 'leaky_relu'"),
        (lambda: SameDCGAN(init="zeros"), "init must be one of 'tutorial', 'dcgan', 'default'"),
        (lambda: mnist_500_model(components=0), "components must be positive, got 0"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# GAN


def test_the_gan_papers_nets():
    model = GAN()
    # 100 -> 1200 -> 1200 -> 784; 784 -> 240 maxout of 5 -> 240 maxout of 5 -> 1.
    assert count(model.generator) == 101 * 1200 + 1201 * 1200 + 1201 * 784
    assert count(model.discriminator) == 785 * 1200 + 241 * 1200 + 241
    for net, bound in ((model.generator, 0.05), (model.discriminator, 0.005)):
        for name, value in arrays_of(net).items():
            if name.endswith("bias"):
                assert (value == 0).all()
            else:
                # The largest of 240 or more is within 4 % of the bound but for e^-9.6 (seeded).
                assert 0.96 * bound < np.abs(value).max() <= bound
                assert abs(value.mean()) < 5 * bound / np.sqrt(3 * value.size)
    assert [part.p for part in model.discriminator if isinstance(part, nn.Dropout)] == [
        0.2, 0.5, 0.5
    ]  # fmt: skip
    z = model.latent(2000).numpy()
    assert -np.sqrt(3) <= z.min() < -1.73 and 1.73 < z.max() <= np.sqrt(3)
    assert z.std() == pytest.approx(1, abs=0.005)


# CGAN


def test_the_cgan_papers_nets_and_the_other_way():
    hidden, other = CGAN(label="hidden"), CGAN(label="input")
    # z 100 -> 200, y 10 -> 1000, both 1200 -> 1200 -> 784.
    assert count(hidden.generator) == 101 * 200 + 11 * 1000 + 1201 * 1200 + 1201 * 784
    # x 784 -> 240 x 5, y 10 -> 50 x 5, both 290 -> 240 x 4, 240 -> 1.
    assert count(hidden.discriminator) == 785 * 1200 + 11 * 250 + 291 * 960 + 241
    # One thing differs: the first layers, 110 -> 1200 and 794 -> 290 x 5.
    assert count(other.generator) == 111 * 1200 + 1201 * 1200 + 1201 * 784
    assert count(other.discriminator) == 795 * 1450 + 291 * 960 + 241
    for a, b in ((hidden.generator, other.generator), (hidden.discriminator, other.discriminator)):
        assert repr(a.net) == repr(b.net) and repr(a.prepare) == repr(b.prepare)
    z = hidden.latent(2000).numpy()
    assert 0 <= z.min() < 0.001 and 0.999 < z.max() < 1


def test_the_hidden_way_is_the_input_way_with_zeros():
    """What the module's docstring says of the two: their one difference, as weights."""
    hidden, other = CGAN(label="hidden").generator, CGAN(label="input").generator
    full = {name: np.zeros_like(value) for name, value in arrays_of(other).items()}
    state = arrays_of(hidden)
    for name in full:
        if name.startswith("net."):
            full[name] = state[name]
    full["join.layer.0.weight"][:200, :100] = state["join.of_input.0.weight"]
    full["join.layer.0.weight"][200:, 100:] = state["join.of_label.0.weight"]
    full["join.layer.0.bias"][:200] = state["join.of_input.0.bias"]
    full["join.layer.0.bias"][200:] = state["join.of_label.0.bias"]
    other.load_state_dict(full)
    z, labels = tinygan.rand(5, 100), tinygan.tensor([0, 9, 3, 3, 7])
    with tinygan.no_grad():
        one, two = hidden.eval()(z, labels).numpy(), other.eval()(z, labels).numpy()
    assert one.std() > 0.01
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-6)  # sums with more zeros in them


@pytest.mark.parametrize("make", [CGAN, lambda: DCGAN(width=16, classes=10)])
def test_labels_matter_and_are_checked(make):
    model = make()
    model.generator.eval()
    z = model.latent(3)
    with tinygan.no_grad():
        first = model.generator(z, tinygan.tensor([1, 2, 3]))
        second = model.generator(z, tinygan.tensor([1, 2, 4]))
        images = tinygan.zeros(3, 1, 28, 28)
        model.discriminator.eval()
        logits = [model.discriminator(images, tinygan.tensor(y)).numpy()
                  for y in ([1, 2, 3], [1, 2, 4])]  # fmt: skip
    difference = np.abs((first - second).numpy()).max((1, 2, 3))
    assert difference[:2].max() < 1e-6 < 1e-4 < difference[2]
    assert (logits[0][:2] == logits[1][:2]).all() and logits[0][2] != logits[1][2]
    with pytest.raises(ValueError, match=r"a class index is 10, which is outside 0 \.\.\. 9"):
        model.generator(z, tinygan.tensor([0, 1, 10]))
    with pytest.raises(ValueError, match=r"labels has shape \(2,\), expected \(3,\)"):
        model.discriminator(images, tinygan.tensor([0, 1]))
    with pytest.raises(TypeError, match="must be of integers, got float32"):
        model.generator(z, tinygan.ones(3))


# The SAME-padded tutorial net


def test_the_tutorials_nets():
    model = SameDCGAN()
    g, d = model.generator, model.discriminator
    # 100 -> 1024, then 5x5 kernels 64 -> 32 -> 16 -> 1; 1 -> 32 -> 64, then 3136 -> 1.
    assert count(g) == 101 * 1024 + (64 * 25 + 1) * 32 + (32 * 25 + 1) * 16 + (16 * 25 + 1)
    assert count(d) == (25 + 1) * 32 + (32 * 25 + 1) * 64 + 3136 + 1
    sizes = []
    x = model.latent(1)
    for part in g:
        x = part(x)
        if isinstance(part, nn.ConvTranspose2d):
            sizes.append(x.shape[1:])
    assert sizes == [(32, 7, 7), (16, 14, 14), (1, 28, 28)]
    for part in d:
        x = part(x)
        if isinstance(part, nn.Conv2d):
            sizes.append(x.shape[1:])
    assert sizes[3:] == [(32, 14, 14), (64, 7, 7)]
    assert not any(isinstance(part, nn.BatchNorm2d) for part in [*g, *d])


def test_each_option_of_the_tutorials_net_changes_one_thing():
    plain = SameDCGAN()
    normed, leaky = SameDCGAN(batch_norm=True), SameDCGAN(activation="leaky_relu")
    assert [sum(isinstance(part, nn.BatchNorm2d) for part in net)
            for net in (normed.generator, normed.discriminator)] == [3, 1]  # fmt: skip
    assert normed.discriminator[0].bias is not None and normed.discriminator[2].bias is None
    slopes = [[part.negative_slope for part in model.discriminator
               if isinstance(part, nn.LeakyReLU)] for model in (plain, leaky)]  # fmt: skip
    assert slopes == [[0, 0], [0.2, 0.2]]
    assert repr(plain.generator) == repr(leaky.generator)


def test_the_initial_weights_of_the_tutorials_net():
    weights = {}
    for init in ("tutorial", "dcgan", "default"):
        state = arrays_of(SameDCGAN(init=init).generator)
        weights[init] = state["0.weight"], state["0.bias"]
    weight, bias = weights["tutorial"]
    # A normal distribution cut at two deviations; 102,400 samples give 0.3 % of the deviation.
    assert weight.std() == pytest.approx(0.087963, rel=0.015) and np.abs(weight).max() <= 0.2001
    assert (bias == np.float32(0.1)).all()
    weight, bias = weights["dcgan"]
    assert weight.std() == pytest.approx(0.02, rel=0.015) and (bias == 0).all()
    weight, bias = weights["default"]
    assert 0.0999 < np.abs(weight).max() <= 0.1 and 0.09 < np.abs(bias).max() <= 0.1
