"""Gaussian mixtures against closed forms, and digits stacked into 1,000 modes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygan.data import (
    BatchSampler,
    Dataset,
    GaussianMixture,
    deligan_bimodal,
    deligan_unimodal,
    ring,
    square_grid,
    stacked_digits,
    synthetic_digits,
)

UNEVEN = GaussianMixture([[-1.0, 0.5], [2.0, 0.0], [0.0, 3.0]], 0.7, [0.2, 0.5, 0.3])


# Densities


def test_density_is_the_sum_over_modes(rng):
    points = rng.normal(0, 2, (50, 2))
    expected = [
        sum(
            weight * math.exp(-math.dist(x, mean) ** 2 / (2 * 0.7**2)) / (2 * math.pi * 0.7**2)
            for mean, weight in zip(UNEVEN.means, UNEVEN.weights, strict=True)
        )
        for x in points
    ]
    np.testing.assert_allclose(UNEVEN.density(points), expected, rtol=1e-12)
    np.testing.assert_allclose(UNEVEN.log_density(points), np.log(expected), rtol=1e-12)


@pytest.mark.parametrize(
    ("mixture", "reach"),
    [(UNEVEN, 8), (ring(std=0.05), 2), (square_grid(std=0.2), 6), (deligan_bimodal(), 2)],
)
def test_density_integrates_to_one(mixture, reach):
    # The sum over a grid of a Gaussian is exact far beyond rounding once its step is below std.
    axis = np.arange(-reach, reach, mixture.std / 2)
    points = np.stack(np.meshgrid(axis, axis), 2).reshape(-1, 2)
    assert mixture.density(points).sum() * (mixture.std / 2) ** 2 == pytest.approx(1, abs=1e-9)


def test_density_on_a_line():
    x = np.array([[0.0], [1.0]])
    expected = np.array([1.0, math.exp(-0.5)]) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(GaussianMixture([[0.0]], 1.0).density(x), expected, rtol=1e-14)


def test_log_density_does_not_underflow():
    # 1,000 from the centre of the first mode, in units of its std: the density itself is 0.
    x = np.array([[11.0, 0.0]])
    expected = -(1000**2) / 2 - math.log(8) - 2 * math.log(0.01 * math.sqrt(2 * math.pi))
    assert ring().log_density(x)[0] == pytest.approx(expected, rel=1e-12)
    assert ring().density(x)[0] == 0


# Samples


def test_samples_have_the_moments_of_the_mixture(rng):
    n = 200_000
    points = UNEVEN.sample(n, rng).astype(np.float64)
    mean = UNEVEN.weights @ UNEVEN.means
    centred = UNEVEN.means - mean
    covariance = 0.7**2 * np.eye(2) + (UNEVEN.weights[:, None] * centred).T @ centred
    # Standard errors are at most 2 / sqrt(n) = 0.0045 for a mean, and twice that for a covariance.
    np.testing.assert_allclose(points.mean(0), mean, atol=5 * 0.0045)
    np.testing.assert_allclose(np.cov(points.T), covariance, atol=5 * 0.009)


@pytest.mark.parametrize("mixture", [ring(), square_grid(), deligan_unimodal(), deligan_bimodal(1)])
def test_mean_log_density_of_samples_is_minus_the_entropy(mixture, rng):
    # Of modes that do not overlap: ln k + d / 2 (1 + ln(2 pi std^2)).
    n, (modes, d) = 50_000, mixture.means.shape
    entropy = math.log(modes) + d / 2 * (1 + math.log(2 * math.pi * mixture.std**2))
    found = mixture.log_density(mixture.sample(n, rng)).mean()
    assert found == pytest.approx(-entropy, abs=5 * math.sqrt(d / 2 / n))


def test_modes_are_drawn_by_weight(rng):
    mixture = GaussianMixture([[0.0], [10.0]], 0.1, [0.25, 0.75])
    share = (mixture.sample(40_000, rng) > 5).mean()
    assert share == pytest.approx(0.75, abs=5 * math.sqrt(0.75 * 0.25 / 40_000))


def test_samples_are_seeded_float32():
    first, again = (ring().sample(100, np.random.default_rng(3)) for _ in range(2))
    assert first.dtype == np.float32
    assert first.shape == (100, 2)
    np.testing.assert_array_equal(first, again)
    assert (first != ring().sample(100, np.random.default_rng(4))).any()


# The named mixtures


def test_ring():
    mixture = ring()
    assert mixture.std == 0.01
    np.testing.assert_allclose(np.linalg.norm(mixture.means, axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(mixture.means[[0, 2]], [[1, 0], [0, 1]], atol=1e-15)
    steps = np.linalg.norm(mixture.means - np.roll(mixture.means, 1, 0), axis=1)
    np.testing.assert_allclose(steps, 2 * math.sin(math.pi / 8), rtol=1e-12)


def test_square_grid():
    mixture = square_grid()
    assert mixture.std == 0.05
    expected = {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(mean) for mean in mixture.means} == expected
    assert len(mixture.means) == 25


def test_deligan_toy_data():
    assert deligan_unimodal().means.tolist() == [[0, 0]]
    assert deligan_unimodal().std == 0.3
    assert deligan_bimodal().means.tolist() == [[0.6, 0.6], [-0.6, -0.6]]
    assert deligan_bimodal(1).means.tolist() == [[0.6], [-0.6]]
    assert deligan_bimodal().std == 0.15


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianMixture([0.0, 1.0], 1.0), r"means must be .* \(k, d\), got shape \(2,\)"),
        (lambda: GaussianMixture([[math.nan]], 1.0), "means must be finite"),
        (lambda: GaussianMixture([[0.0]], 0.0), "std must be positive and finite, got 0"),
        (lambda: GaussianMixture([[0.0]], math.nan), "std must be positive and finite, got nan"),
        (lambda: GaussianMixture([[0.0]], 1.0, [0.5]), "weights must be 1 positive numbers"),
        (lambda: GaussianMixture([[0.0]], 1.0, [0.5, 0.5]), "weights must be 1 positive numbers"),
        (lambda: ring().density(np.zeros((3, 1))), r"x has shape \(3, 1\); expected \(n, 2\)"),
        (lambda: ring(modes=0), "modes must be at least 1, got 0"),
        (lambda: square_grid(side=0), "side must be at least 1, got 0"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Stacked digits


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return synthetic_digits(500, seed=1)


def test_stacks_are_three_digits_and_their_label(digits):
    data = stacked_digits(digits, count=2_000, seed=5)
    assert data.images.shape == (2_000, 3, 28, 28)
    assert len(data) == 2_000
    assert data.name == "stacked synthetic"
    assert data.labels.min() >= 0
    assert data.labels.max() <= 999
    chosen = [7, 1_999, 7]
    images = data.batch(chosen)
    assert images.shape == (3, 3, 28, 28)
    assert images.dtype == np.float32
    by_pixels = {image.tobytes(): label for image, label in zip(
        digits.batch(np.arange(500))[:, 0], digits.labels, strict=True)}  # fmt: skip
    for image, label in zip(images, data.labels[chosen], strict=True):
        a, b, c = (by_pixels[channel.tobytes()] for channel in image)
        assert label == 100 * a + 10 * b + c


def test_stacks_are_seeded_and_channels_independent(digits):
    first, again, other = (stacked_digits(digits, 5_000, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_array_equal(first.batch([0, 9]), again.batch([0, 9]))
    assert (first.labels != other.labels).mean() > 0.9
    channels = np.stack([first.labels // 100, first.labels // 10 % 10, first.labels % 10])
    for one, two in ((0, 1), (0, 2), (1, 2)):
        assert (channels[one] == channels[two]).mean() == pytest.approx(0.1, abs=5 * 0.0043)
    assert len(np.unique(first.labels)) > 980  # of 1,000, with five images for each


def test_stacks_hold_no_array_of_all_images(digits):
    data = stacked_digits(digits)
    assert len(data) == 128_000
    assert data.images[np.arange(3)].nbytes == 3 * 3 * 28 * 28
    held = sum(x.nbytes for x in vars(data.images).values() if isinstance(x, np.ndarray))
    assert held < 4_000_000  # the digits, and 24 bytes for each stack: all of them take 301 MB


def test_stacks_go_through_the_sampler(digits):
    data = stacked_digits(digits, count=64)
    shapes = [data.batch(indices).shape for indices in BatchSampler(len(data), 32, seed=0)]
    assert shapes == [(32, 3, 28, 28)] * 2
    with pytest.raises(IndexError):
        data.batch([64])


def test_wrong_digits_are_refused(digits):
    grey = digits.images
    for data, message in [
        (Dataset(grey, None, "bare"), "bare has no labels from 0 to 9"),
        (Dataset(grey, digits.labels + 1, "letters"), "letters has no labels from 0 to 9"),
        (Dataset(grey.repeat(3, 1), digits.labels, "rgb"), "rgb has 3 channels; expected 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            stacked_digits(data)
    with pytest.raises(ValueError, match="count is 0; expected at least 1 image"):
        stacked_digits(digits, 0)
    with pytest.raises(ValueError, match="seed is -1; expected 0 or more"):
        stacked_digits(digits, seed=-1)
