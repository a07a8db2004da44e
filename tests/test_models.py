"""The models: shapes, the paper's rules, initial values."""

import pytest

import tinygan
from tinygan import nn
from tinygan.models import DCGAN
from tinygan.models.dcgan import stages


@pytest.mark.parametrize(
    ("image_size", "channels", "kernel_size"),
    [(28, 1, 4), (28, 1, 5), (64, 3, 4), (32, 3, 5), (8, 1, 4)],
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
    ("size", "expected"), [(28, (7, 2)), (64, (4, 4)), (16, (4, 2)), (48, (3, 4))]
)
def test_stages(size, expected):
    assert stages(size) == expected


@pytest.mark.parametrize("size", [1, 4, 7, 27, 44, 100])
def test_sizes_that_cannot_be_reached(size):
    with pytest.raises(ValueError, match=f"image_size must be .* got {size}"):
        DCGAN(image_size=size)


@pytest.mark.parametrize("name", ["channels", "width", "latent_size"])
def test_sizes_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be positive, got 0"):
        DCGAN(**{name: 0})


def test_the_mnist_nets_have_the_known_number_of_parameters():
    model = DCGAN()
    count = {
        name: sum(p.numel() for p in net.parameters())
        for name, net in (("g", model.generator), ("d", model.discriminator))
    }
    # G: 100 * 6272 + 2 * 128 + 128 * 64 * 16 + 2 * 64 + 64 * 16 + 1
    # D: 64 * 16 + 64 + 64 * 128 * 16 + 2 * 128 + 6272 + 1
    assert count == {"g": 759_681, "d": 138_689}


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
    first = DCGAN().generator.state_dict()
    tinygan.manual_seed(5)
    second = DCGAN().generator.state_dict()
    assert all((first[name] == second[name]).all() for name in first)
    # 627,200 weights: their deviation is within 0.3 % of 0.02 with five-sigma certainty.
    assert first["0.weight"].std() == pytest.approx(0.02, rel=0.005)
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
