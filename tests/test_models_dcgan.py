"""DCGAN: shapes, the paper's rules, initial values, labels."""

import numpy as np
import pytest
from states import arrays_of

import tinygan
from tinygan import nn
from tinygan.models import DCGAN
from tinygan.models.dcgan import stages


@pytest.mark.parametrize(
    ("image_size", "channels", "kernel_size"),
    [(28, 1, 4), (28, 1, 5), (64, 3, 4), (32, 3, 5), (8, 1, 4), (45, 1, 4)],
)
def test_shapes_and_ranges(device, image_size, channels, kernel_size):
    model = DCGAN(image_size, channels, width=2, latent_size=7, kernel_size=kernel_size)
    generator, discriminator = model.generator.to(device), model.discriminator.to(device)
    latent = model.latent(3).to(device)
    assert latent.shape == (3, 7)
    assert latent.amin().item() >= -1
    assert latent.amax().item() <= 1
    assert latent.amin().item() < 0 < latent.amax().item()
    images = generator(latent)
    assert images.shape == (3, channels, image_size, image_size)
    assert images.abs().amax().item() <= 1
    assert discriminator(images).shape == (3, 1)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(28, [28, 14, 7, 4]), (64, [64, 32, 16, 8, 4]), (8, [8, 4]), (45, [45, 23, 12, 6, 3])],
)
def test_stages(size, expected):
    assert stages(size) == expected


@pytest.mark.parametrize("size", [0, 4, 7])
def test_sizes_that_are_too_small(size):
    with pytest.raises(ValueError, match=f"image_size must be at least 8, got {size}"):
        DCGAN(image_size=size)


def test_the_mnist_nets_have_the_known_number_of_parameters():
    model = DCGAN()
    count = {
        name: sum(p.numel() for p in net.parameters())
        for name, net in (("g", model.generator), ("d", model.discriminator))
    }
    # G: 100 * 4096 + 2 * 256 + 256 * 128 * 16 + 2 * 128 + 128 * 64 * 16 + 2 * 64 + 64 * 16 + 1
    # D: 64 * 16 + 64 + 64 * 128 * 16 + 2 * 128 + 128 * 256 * 16 + 2 * 256 + 4096 + 1
    assert count == {"g": 1_066_881, "d": 661_313}


def test_the_papers_rules():
    model = DCGAN(image_size=64, channels=3, width=4)
    g, d = list(model.generator), list(model.discriminator)
    assert isinstance(g[-1], nn.Tanh)
    assert isinstance(g[-2], nn.ConvTranspose2d)  # no batch norm at G's output
    assert isinstance(d[1], nn.LeakyReLU)  # nor at D's input layer
    assert d[1].negative_slope == 0.2
    assert sum(isinstance(part, nn.Linear) for part in g + d) == 2  # one projection in each
    assert not any(isinstance(part, nn.MaxPool2d) for part in g + d)
    norms = [sum(isinstance(part, nn.BatchNorm2d) for part in net) for net in (g, d)]
    assert norms == [4, 3]


def test_initialisation_is_seeded_and_has_the_papers_deviation():
    tinygan.manual_seed(5)
    first = arrays_of(DCGAN().generator)
    tinygan.manual_seed(5)
    second = arrays_of(DCGAN().generator)
    assert all((first[name] == second[name]).all() for name in first)
    # 409,600 weights: their deviation is within 0.6 % of 0.02 with five-sigma certainty.
    assert first["0.weight"].std() == pytest.approx(0.02, rel=0.006)
    assert first["2.weight"].mean() == pytest.approx(1.0, abs=0.01)
    assert (first["2.bias"] == 0).all()


def test_every_parameter_gets_a_gradient(device):
    model = DCGAN(width=3)
    generator, discriminator = model.generator.to(device), model.discriminator.to(device)
    output = discriminator(generator(model.latent(4).to(device)))
    (output * tinygan.randn(4, 1).to(device)).sum().backward()
    for name, parameter in [*generator.named_parameters(), *discriminator.named_parameters()]:
        assert parameter.grad is not None, name
        assert parameter.grad.abs().amax().item() > 0, name


def test_categories_begin_the_latent_vectors():
    model = DCGAN(width=3, latent_size=7, categories=5)
    z = model.latent(2000).array
    assert z.shape == (2000, 12)
    one_hot, rest = z[:, :5], z[:, 5:]
    assert ((one_hot == 4).sum(1) == 1).all() and ((one_hot == 0).sum(1) == 4).all()
    # 400 of each are expected, with a standard deviation of 18.
    assert np.bincount(one_hot.argmax(1)).min() > 300
    assert -1 <= rest.min() < -0.9 and 0.9 < rest.max() <= 1
    assert model.generator(model.latent(2)).shape == (2, 1, 28, 28)
    with pytest.raises(ValueError, match="categories must be >= 0, got -1"):
        DCGAN(categories=-1)


def test_labels_enter_beside_z_and_as_maps():
    plain, model = DCGAN(width=3), DCGAN(width=3, classes=10)
    (g, d), (g10, d10) = (
        (sum(p.numel() for p in net.parameters()) for net in (m.generator, m.discriminator))
        for m in (plain, model)
    )
    assert g10 - g == 10 * 12 * 4 * 4  # ten more inputs of the projection to 12 x 4 x 4
    assert d10 - d == 10 * 3 * 4 * 4  # ten more channels of the first convolution, of width 3
    # Zero weights for the maps of other classes change nothing, zeros for one's own do.
    images, label = tinygan.randn(2, 1, 28, 28), tinygan.tensor([7, 7])
    model.discriminator.eval()
    first = model.discriminator.net[0].weight
    with tinygan.no_grad():
        before = model.discriminator(images, label).numpy()
        first.array[:, 1:8] = 0
        first.array[:, 9:] = 0
        assert (model.discriminator(images, label).numpy() == before).all()
        first.array[:, 8] = 0
        assert (model.discriminator(images, label).numpy() != before).all()


def test_a_discriminator_without_batch_norm_has_biases_and_no_batch():
    model = DCGAN(image_size=16, width=3, batch_norm_d=False)
    parts = list(model.discriminator)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in parts)
    assert all(part.bias is not None for part in parts if isinstance(part, nn.Conv2d))
    assert sum(isinstance(part, nn.BatchNorm2d) for part in model.generator) == 2
    images = tinygan.randn(6, 1, 16, 16)
    together, apart = model.discriminator(images), model.discriminator(images[:3])  # training mode
    assert abs(together[:3] - apart).amax().item() < 1e-6


def test_spectral_norm_in_each_layer_of_the_discriminator():
    tinygan.manual_seed(1)
    plain = DCGAN(image_size=16, width=3, batch_norm_d=False)
    tinygan.manual_seed(1)
    model = DCGAN(image_size=16, width=3, batch_norm_d=False, spectral_norm_d=True)
    kinds = [type(part).__name__ for part in model.discriminator]
    assert kinds == ["SpectralNorm", "LeakyReLU"] * 2 + ["Flatten", "SpectralNorm"]
    weight = plain.discriminator[0].weight.array
    np.testing.assert_array_equal(model.discriminator[0].layer.weight.array, weight)
    # u and v belong to the weights that dcgan_ drew: sigma is near the largest singular value.
    part = model.discriminator[0]
    sigma = part.u.array @ weight.reshape(3, -1) @ part.v.array
    assert sigma == pytest.approx(np.linalg.svd(weight.reshape(3, -1))[1][0], rel=0.05)
