"""Penalties against closed forms, transforms against what they promise, both inside training."""

import numpy as np
import pytest

import tinygan
import tinygan.functional as F
from tinygan import gradcheck, nn, tensor
from tinygan.devices import Generator
from tinygan.ops.image import translate
from tinygan.optim import SGD
from tinygan.training import (
    Settings,
    diff_augment,
    discriminator_step,
    gan_step,
    gradient_penalty,
    instance_noise,
    pack,
    r1_penalty,
    r2_penalty,
)
from tinygan.training.stabilisers import AUGMENTATIONS, brightness, cutout, translation


def doubles(rng, *shape, device="cpu"):
    return tensor(rng.standard_normal(shape), device=device)


# Penalties


def test_r1_of_known_slopes(rng, device):
    real, fake = doubles(rng, 5, 3).to(device), doubles(rng, 5, 3).to(device)
    weight = tensor([[1.0], [2.0], [-2.0]], dtype="float64", device=device)
    assert r1_penalty(lambda x: x @ weight, real, fake).item() == pytest.approx(4.5)  # |w|^2 / 2
    half_square = lambda x: (x * x).sum(1, keepdim=True) * 0.5  # noqa: E731  (slope x)
    expected = 0.5 * (real.array**2).sum(1).mean()
    assert r1_penalty(half_square, real, fake).item() == pytest.approx(float(expected))
    # R2 is the same of the generated ones.
    assert r2_penalty(half_square, fake, real).item() == pytest.approx(float(expected))


def test_gradient_penalty_of_known_slopes(rng, device):
    real, fake = doubles(rng, 5, 3, device=device), doubles(rng, 5, 3, device=device)
    for length, expected in ((1.0, 0.0), (3.0, 4.0), (0.5, 0.25)):
        weight = tensor(np.full((3, 1), length / np.sqrt(3)), device=device)
        penalty = gradient_penalty(lambda x, w=weight: x @ w, real, fake).item()
        assert penalty == pytest.approx(expected, abs=1e-9)


def test_gradient_penalty_looks_between_real_and_generated(rng, device):
    real, fake = doubles(rng, 200, 2, device=device), doubles(rng, 200, 2, device=device)
    seen = []
    gradient_penalty(lambda x: (seen.append(x.detach()), x.sum(1))[1], real, fake)
    mix = ((seen[0] - fake) / (real - fake)).cpu().array
    np.testing.assert_allclose(mix[:, 0], mix[:, 1], atol=1e-6)  # one number per point
    assert 0 <= mix.min() < 0.05 < 0.95 < mix.max() < 1 + 1e-9


@pytest.mark.parametrize("penalty", [r1_penalty, r2_penalty, gradient_penalty])
def test_the_gradient_of_a_penalty_is_right(penalty, rng, device):
    real, fake = (doubles(rng, 3, 1, 4, 4, device=device) for _ in range(2))

    def value(kernel, weight):
        tinygan.manual_seed(1)  # the same points between, at every call
        critic = lambda x: F.tanh(F.conv2d(x, kernel, None, 2, 1)).flatten(1) @ weight  # noqa: E731
        return penalty(critic, real, fake)

    inputs = [doubles(rng, 2, 1, 4, 4, device=device), doubles(rng, 8, 1, device=device)]
    assert gradcheck(value, [x.requires_grad_() for x in inputs])


# Transforms


def test_pack_puts_neighbours_into_the_channels(rng):
    images = doubles(rng, 6, 2, 3, 3)
    packed = pack(images, 3)
    assert packed.shape == (2, 6, 3, 3)
    np.testing.assert_array_equal(packed.array[1, 2:4], images.array[4])
    assert pack(doubles(rng, 4, 2), 2).shape == (2, 4)
    with pytest.raises(ValueError, match="6 images cannot be packed by count = 4"):
        pack(images, 4)


def test_instance_noise_has_its_standard_deviation(device):
    noise = instance_noise(tinygan.zeros(100, 1, 20, 20, device=device), 0.3).cpu().array
    # 40,000 numbers: the standard error of the deviation is 0.3 / sqrt(80,000) = 0.001
    assert noise.std() == pytest.approx(0.3, abs=0.005)
    assert abs(noise.mean()) < 0.01


def test_translate_moves_each_image(rng, device):
    images = doubles(rng, 3, 2, 5, 6).to(device)
    moved = translate(images, np.array([1, -2, 0]), np.array([0, 3, -7])).cpu().array
    source = images.cpu().array
    np.testing.assert_array_equal(moved[0, :, 1:], source[0, :, :-1])
    assert not moved[0, :, 0].any()
    np.testing.assert_array_equal(moved[1, :, :3, 3:], source[1, :, 2:, :3])
    assert not moved[1, :, 3:].any() and not moved[1, :, :, :3].any()
    assert not moved[2].any()


def test_translate_refuses():
    images = tinygan.zeros(2, 1, 4, 4)
    with pytest.raises(ValueError, match=r"dx must be one number per image, \(2,\), got shape"):
        translate(images, np.zeros(2, int), np.zeros(3, int))
    with pytest.raises(TypeError, match="dy must be of integers, got float64"):
        translate(images, np.zeros(2), np.zeros(2, int))
    with pytest.raises(ValueError, match="input must be"):
        translate(tinygan.zeros(2, 4), np.zeros(2, int), np.zeros(2, int))


def test_translation_moves_by_up_to_an_eighth(device):
    dot = tinygan.zeros(2000, 1, 16, 16, device=device)
    dot.array[:, 0, 8, 8] = 1.0
    _, _, rows, columns = np.nonzero(translation(dot).cpu().array)
    assert len(rows) == 2000
    assert sorted(set(rows)) == sorted(set(columns)) == [6, 7, 8, 9, 10]
    assert np.bincount(rows)[6:].min() > 300  # 400 each, standard deviation 18
    assert not np.array_equal(rows, columns)


def test_brightness_adds_one_number_per_image(device):
    shift = brightness(tinygan.zeros(500, 2, 3, 3, device=device)).cpu().array
    assert (shift == shift[:, :1, :1, :1]).all()
    values = shift[:, 0, 0, 0]
    assert -0.5 <= values.min() < -0.4 and 0.4 < values.max() <= 0.5


def test_cutout_blanks_a_square_of_half_the_size(device):
    blank = cutout(tinygan.ones(500, 2, 16, 16, device=device)).cpu().array == 0
    assert (blank == blank[:, :1]).all()
    areas = blank[:, 0].sum((1, 2))
    assert areas.max() == 64 and areas.min() >= 16  # whole inside, a quarter at a corner
    assert blank[:, 0].any(0).all()  # anywhere
    for square in blank[:5, 0]:
        rows, columns = np.nonzero(square.any(1))[0], np.nonzero(square.any(0))[0]
        assert square[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_gradients_flow_through_augmentations(name, rng, device):
    augment = lambda x: AUGMENTATIONS[name](x, Generator(3))  # noqa: E731
    assert gradcheck(augment, doubles(rng, 3, 1, 8, 8, device=device).requires_grad_())


def test_diff_augment_applies_all_or_refuses():
    images = tinygan.ones(8, 1, 8, 8)
    tinygan.manual_seed(5)
    expected = cutout(brightness(images)).array
    tinygan.manual_seed(5)
    np.testing.assert_array_equal(diff_augment(images, ("brightness", "cutout")).array, expected)
    with pytest.raises(ValueError, match="names 'zoom'; there are brightness, translation, cutout"):
        diff_augment(images, ("cutout", "zoom"))


# In training


def test_label_smoothing_is_cross_entropy_with_that_target(rng, device):
    real, fake = doubles(rng, 7, 1, device=device), doubles(rng, 7, 1, device=device)
    target = tensor(np.full((7, 1), 0.9), device=device)
    expected = F.binary_cross_entropy_with_logits(real, target) + F.softplus(fake).mean()
    smooth = F.gan_loss("non-saturating", real_label=0.9)
    assert smooth.discriminator(real, fake).item() == pytest.approx(expected.item(), rel=1e-12)
    assert smooth.generator is F.gan_loss("non-saturating").generator
    with pytest.raises(ValueError, match="'hinge' has no target probabilities"):
        F.gan_loss("hinge", real_label=0.9)
    with pytest.raises(ValueError, match="real_label must be in"):
        F.gan_loss("minimax", real_label=1.5)


def test_gan_step_uses_transform_penalty_and_regulariser(rng):
    generator, discriminator = nn.Linear(2, 3), nn.Linear(6, 1)
    scale = nn.Parameter(np.full(1, 2.0, np.float32))
    seen = []

    def transform(images):
        seen.append(len(images))
        return pack(images, 2)

    def penalty(critic, real, fake):
        assert real.shape == fake.shape == (2, 6) and critic(real).shape == (2, 1)
        return (discriminator.weight**2).sum() * 0.5

    weight = discriminator.weight.array.copy()
    slope = F.gan_loss("wasserstein")
    gan_step(
        generator, discriminator, SGD([*generator.parameters(), scale], 0.1),
        SGD(discriminator.parameters(), 0.1), slope, tinygan.zeros(4, 3), tinygan.zeros(4, 2),
        transform=transform, penalty=penalty, regulariser=lambda: ((scale - 1.0) ** 2).sum(),
    )  # fmt: skip
    assert seen == [4, 4, 4]  # real and generated for D, generated for G
    assert scale.item() == pytest.approx(2 - 0.1 * 2)
    # Wasserstein with real images 0: the gradient is the mean of the generated ones plus weight.
    fake = np.tile(generator.bias.array, 2)
    assert not np.allclose(discriminator.weight.array, weight)
    before = fake + 0.1 * np.tile(generator.bias.grad.array, 2)
    np.testing.assert_allclose(
        discriminator.weight.array[0], weight[0] - 0.1 * (before + weight[0]), rtol=1e-5
    )


def test_settings_make_penalties_now_and_then():
    settings = Settings(r1=2.0, gradient_penalty=1.0, penalty_every=4)
    assert [step for step in range(9) if settings.penalty(step)] == [0, 4, 8]
    weight = tensor([[3.0]])
    penalty = settings.penalty(0)(lambda x: x @ weight, tinygan.ones(2, 1), tinygan.zeros(2, 1))
    assert penalty.item() == pytest.approx(4 * (2 * 4.5 + 4))
    assert Settings().penalty(0) is None


def test_settings_let_rates_and_noise_fall():
    settings = Settings(lr=1.0, lr_d=4.0, decay=(2, 6), noise=(0.5, 2))
    for initial in (1.0, 4.0):
        optimizer = tinygan.optim.Adam([tinygan.zeros(1, requires_grad=True)], lr=initial)
        schedule = settings.schedule(optimizer, steps_per_epoch=10)
        rates = [optimizer.lr]
        for _ in range(90):
            schedule.step()
            rates.append(optimizer.lr)
        factors = (1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0, 0)
        assert rates[::10] == [initial * factor for factor in factors]
    zeros = tinygan.zeros(50, 1, 20, 20)
    for epochs, std in ((0, 0.5), (1, 0.25), (2, 0.0), (3, 0.0)):
        assert settings.transform(epochs)(zeros).array.std() == pytest.approx(std, abs=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(pack=3, batch_size=64), "batch_size must be a multiple of pack, got 64 and 3"),
        (dict(lr=-1.0), "lr must be finite and >= 0"),
        (dict(penalty_every=0), "penalty_every must be at least 1, got 0"),
        (dict(decay=(3, 3)), "decay must be"),
        (dict(noise=(0.1, 0)), "noise must be"),
        (dict(loss="cubic"), "no loss 'cubic'"),
        (dict(real_label=0.0), "real_label"),
    ],
)
def test_settings_refuse(options, message):
    with pytest.raises(ValueError, match=message):
        Settings(**options)


def test_r1_holds_a_discriminator_back(rng, device):
    """On data that one plane separates, D's slope keeps growing without a penalty."""
    slopes = {}
    real = doubles(rng, 50, 2, device=device) * 0.1 + 1.0
    fake = doubles(rng, 50, 2, device=device) * 0.1 - 1.0
    for gamma in (0.0, 1.0):
        critic = nn.Linear(2, 1).to(device)
        optimizer = SGD(critic.parameters(), 0.5)
        for _ in range(200):
            discriminator_step(
                critic, optimizer, F.gan_loss("non-saturating"), real.float(), fake.float(),
                penalty=Settings(r1=gamma).penalty(0),
            )  # fmt: skip
        slopes[gamma] = r1_penalty(critic, real.float(), fake.float()).item()
    assert slopes[1.0] < 0.25 * slopes[0.0]
