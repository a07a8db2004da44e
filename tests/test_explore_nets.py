"""Nets are looked into without a trace; guided backpropagation; untrained twins."""

import numpy as np
import pytest
from states import arrays_of

import tinygan
from tinygan import explore, nn
from tinygan.explore.filters import GuidedActivation, Responses
from tinygan.explore.nets import block_at, cut
from tinygan.models import DCGAN


@pytest.fixture
def model():
    return DCGAN(image_size=28, width=4, latent_size=6)


def state_of(net):
    """All that looking must not change."""
    modes = [module.training for module in net.modules()]
    wanted = [parameter.requires_grad for parameter in net.parameters()]
    assert all(parameter.grad is None for parameter in net.parameters())
    return modes, wanted, {name: array.tobytes() for name, array in arrays_of(net).items()}


class Wrapped(nn.Module):
    """A convolution inside a layer of its own, as a normalisation of its weight wraps it."""

    def __init__(self):
        self.layer = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return self.layer(x)


# Outputs


def test_outputs_are_those_of_evaluation_mode_whatever_the_batch(model, rng):
    net, z = model.generator, rng.uniform(-1, 1, (7, 6))
    before = state_of(net)
    images = explore.outputs(net, z)  # float64 becomes what the weights are
    assert state_of(net) == before
    net.eval()
    with tinygan.no_grad():
        expected = net(tinygan.tensor(z.astype(np.float32))).array
    assert images.dtype == np.float32
    assert np.array_equal(images, expected)
    assert np.array_equal(explore.outputs(net, z, batch_size=1), images)
    assert np.array_equal(explore.outputs(net, tinygan.tensor(z), batch_size=3), images)


def test_outputs_reject(model):
    with pytest.raises(ValueError, match="got 2 labels for 3 latent vectors"):
        explore.outputs(model.generator, np.zeros((3, 6)), np.zeros(2))
    with pytest.raises(ValueError, match="a length of at least 1, got 0"):
        explore.outputs(model.generator, np.zeros((0, 6)))
    with pytest.raises(ValueError, match="batch_size: expected an integer of at least 1, got 0"):
        explore.outputs(model.generator, np.zeros((3, 6)), batch_size=0)


def test_rate_is_a_mean_and_its_standard_error():
    assert explore.rate([1.0, 2.0, 3.0]) == pytest.approx((2, (1 / 3) ** 0.5))
    assert explore.rate(np.array([True, False])) == (0.5, 0.5)
    with pytest.raises(ValueError, match="rate: trials: expected at least 2"):
        explore.rate([1.0])


# Layers and blocks


def test_blocks_are_a_convolution_and_what_follows_it(model):
    assert explore.blocks_of(model.discriminator) == [(0, 2), (2, 5), (5, 8)]
    assert explore.blocks_of(model.generator) == [(4, 7), (7, 10), (10, 12)]
    assert block_at(model.generator, -2) == (7, 10)
    nested = nn.Sequential(nn.Sequential(Wrapped(), nn.LeakyReLU(0.2)), nn.Flatten())
    assert [type(x).__name__ for x in explore.layers_of(nested)] == [
        "Wrapped", "LeakyReLU", "Flatten",
    ]  # fmt: skip
    assert explore.blocks_of(nested) == [(0, 2)]


def test_a_net_cut_in_two_is_the_same_net(model, rng):
    z = rng.uniform(-1, 1, (3, 6))
    lower, upper = cut(model.generator, -2)
    maps = explore.outputs(lower, z)
    assert maps.shape == (3, 4, 14, 14)
    assert np.array_equal(explore.outputs(upper, maps), explore.outputs(model.generator, z))


def test_nets_without_layers_to_look_at(model):
    with pytest.raises(TypeError, match=r"expected an nn.Sequential.* got a Wrapped"):
        explore.layers_of(Wrapped())
    with pytest.raises(ValueError, match=r"no convolution: \['Flatten', 'Linear'\]"):
        explore.blocks_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 1)))
    with pytest.raises(IndexError, match="layer: the net has 3 convolutions, got 3"):
        explore.strongest(model.discriminator, np.zeros((1, 1, 28, 28)), 3)


def test_an_untrained_twin_has_fresh_weights_and_statistics_of_the_images(model, rng):
    net = model.discriminator
    net[3].running_mean.array[...] = 5.0
    images = rng.uniform(-1, 1, (60, 1, 28, 28)).astype(np.float32)
    before = state_of(net)
    twin = explore.untrained(net, images, seed=1, batch_size=30)
    assert state_of(net) == before
    assert not np.array_equal(twin[2].weight.array, net[2].weight.array)
    assert twin[2].weight.array.std() == pytest.approx((2 / (4 * 4 * 4)) ** 0.5, rel=0.1)
    assert (twin[0].bias.array == 0).all()
    assert (twin[3].weight.array == 1).all()
    # The mean over both batches of what enters the batch norm, without a trace of the 5.
    entering = explore.outputs(nn.Sequential(*list(twin)[:3]), images)
    assert twin[3].running_mean.array == pytest.approx(entering.mean((0, 2, 3)), abs=1e-6)
    assert twin[3].momentum == net[3].momentum
    again, other = (explore.untrained(net, images, seed=seed) for seed in (1, 2))
    assert np.array_equal(again[0].weight.array, twin[0].weight.array)
    assert not np.array_equal(other[0].weight.array, twin[0].weight.array)


# Guided backpropagation


def test_the_guided_activation_passes_positive_gradients_only():
    x = tinygan.tensor([-1.0, -1.0, 2.0, 3.0], requires_grad=True)
    y = GuidedActivation(0.2)(x)
    assert np.array_equal(y.array, np.array([-0.2, -0.2, 2, 3], np.float32))
    (grad,) = tinygan.grad(y, x, tinygan.tensor([1.0, -1.0, -1.0, 2.0]))
    assert np.array_equal(grad.array, np.array([0.2, 0, 0, 2], np.float32))


def test_what_a_rival_suppresses_is_not_subtracted():
    """y = 2 relu(x) - relu(x / 2): the gradient is 1.5, the guided one 2."""
    net = nn.Sequential(
        nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(), nn.Conv2d(2, 1, 1, bias=False), nn.ReLU()
    )
    net[0].weight.array[:, 0, 0, 0] = [1, 0.5]
    net[2].weight.array[0, :, 0, 0] = [2, -1]
    images = np.full((1, 1, 1, 1), 3.0)
    responses = explore.strongest(net, images, layer=1)
    assert responses.strength == pytest.approx([4.5])
    assert responses.gradient.ravel() == pytest.approx([2])


def test_the_strongest_response_is_the_most_positive():
    net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.LeakyReLU(0.5))
    net[0].weight.array[...] = 1
    images = np.array([1.0, -20.0, 2.0]).reshape(3, 1, 1, 1)
    responses = explore.strongest(net, images, layer=0)
    assert (responses.image.tolist(), responses.strength.tolist()) == ([2], [2])


def test_the_strongest_response_of_a_single_filter_is_its_template(rng):
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.LeakyReLU(0.2))
    images = 0.1 * rng.uniform(-1, 1, (5, 1, 9, 9)).astype(np.float32)
    templates = rng.choice([-1.0, 1.0], (2, 1, 3, 3))
    net[0].weight.array[...] = templates
    images[3, :, 2:5, 4:7] = templates[0]
    images[1, :, 5:8, 0:3] = templates[1]
    before = state_of(net)
    responses = explore.strongest(net, images, layer=0)
    assert state_of(net) == before
    assert responses.image.tolist() == [3, 1]
    assert responses.strength == pytest.approx(9 + net[0].bias.array, rel=1e-5)
    assert np.array_equal(responses.pixels, images[[3, 1]])
    expected = np.zeros((2, 1, 9, 9))
    expected[0, :, 2:5, 4:7], expected[1, :, 5:8, 0:3] = templates
    assert responses.gradient == pytest.approx(expected, abs=1e-6)
    shown = explore.patches(responses)
    assert shown.shape == (4, 1, 3, 3)
    assert shown == pytest.approx(templates[[0, 0, 1, 1]], abs=1e-6)


def test_guided_forward_computes_what_the_net_computes(model, rng):
    images = rng.uniform(-1, 1, (2, 1, 28, 28)).astype(np.float32)
    net = model.discriminator.eval()
    expected = explore.outputs(cut(net, 1)[0], images)
    assert explore.guided_forward(net, tinygan.tensor(images), 1).array == pytest.approx(
        expected, abs=1e-6
    )


def test_a_filters_gradient_does_not_depend_on_the_other_images(model, rng):
    images = rng.uniform(-1, 1, (6, 1, 28, 28)).astype(np.float32)
    responses = explore.strongest(model.discriminator, images, layer=-1)
    one = responses.image[3]
    alone = explore.strongest(model.discriminator, images[one : one + 1], layer=-1)
    assert alone.strength[3] == responses.strength[3]
    assert alone.gradient[3] == pytest.approx(responses.gradient[3], abs=1e-7)


def test_concentration_of_known_gradients():
    gradient = np.zeros((4, 2, 10, 10))
    gradient[0] = 1  # even
    gradient[1, 0, 3, 4] = -7  # one pixel
    gradient[2, :, :, 0] = 1  # ten pixels
    assert explore.concentration(gradient) == pytest.approx([0.05, 1, 0.5])  # the zeros left out
    assert explore.concentration(gradient, fraction=0.1) == pytest.approx([0.1, 1, 1])
    with pytest.raises(ValueError, match="all are zero: no filter responds"):
        explore.concentration(gradient[3:])
    with pytest.raises(ValueError, match=r"fraction must be in \(0, 1\], got 0"):
        explore.concentration(gradient, 0)


def test_patches_stay_inside_the_image_and_ignore_rounding():
    gradient = np.full((2, 1, 8, 8), 1e-7)
    gradient[0, 0, 0, 7] = 2  # a corner
    gradient[1, 0, 2:5, 3:6] = [[0, 0, 0.5], [0, 1, 0], [-1, 0, 0]]
    pixels = np.arange(128.0).reshape(2, 1, 8, 8) / 128
    responses = Responses(np.ones(2), np.arange(2), pixels, gradient)
    shown = explore.patches(responses)
    assert shown.shape == (4, 1, 3, 3)
    assert np.array_equal(shown[0, 0], pixels[0, 0, 0:3, 5:8].astype(np.float32))
    assert shown[1, 0, 0].tolist() == pytest.approx([0, 0, 1], abs=1e-6)
    assert np.array_equal(shown[2, 0], pixels[1, 0, 2:5, 3:6].astype(np.float32))
    assert shown[3, 0].ravel() == pytest.approx([0, 0, 0.5, 0, 1, 0, -1, 0, 0], abs=1e-6)
