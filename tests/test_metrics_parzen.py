"""Parzen windows against the closed form of a Gaussian and against the sum in float64."""

import numpy as np
import pytest

from tinygan.metrics import parzen_log_likelihood, parzen_score
from tinygan.metrics.parzen import SIGMAS


def gaussian_log_density(x, mean, variance):
    """Of N(mean, variance I)."""
    d = x.shape[1]
    return -0.5 * ((x - mean) ** 2).sum(1) / variance - 0.5 * d * np.log(2 * np.pi * variance)


@pytest.mark.parametrize("size", [1, 3, 784])
def test_one_sample_is_a_gaussian(rng, size):
    sample, points = rng.standard_normal((1, size)), rng.standard_normal((20, size))
    sigmas = np.array([0.01, 0.3, 5.0])
    values = parzen_log_likelihood(sample, points, sigmas)
    assert values.shape == (3, 20)
    for row, sigma in zip(values, sigmas, strict=True):
        np.testing.assert_allclose(row, gaussian_log_density(points, sample, sigma**2), rtol=1e-12)


def test_many_samples_of_a_gaussian_become_a_wider_one(rng):
    """Samples of N(0, s^2) under windows of sigma: N(0, s^2 + sigma^2), with many samples."""
    s, sigma = 0.7, 0.5
    v = s**2 + sigma**2
    samples, points = s * rng.standard_normal((20_000, 2)), rng.standard_normal((50, 2))
    values = parzen_log_likelihood(samples, points, np.array([sigma]))[0]
    # The density is a mean over 20,000 terms: a relative error of a few times 1/140 where it is
    # large, more in the tails.
    expected = gaussian_log_density(points, 0, v)
    np.testing.assert_allclose(values, expected, atol=0.1)
    assert abs((values - expected).mean()) < 0.02
    # The mean over points of N(0, s^2) itself is -ln(2 pi v) - s^2 / v; one value's standard
    # deviation is s^2 / v = 0.66.
    fresh = s * rng.standard_normal((1000, 2))
    mean = parzen_log_likelihood(samples, fresh, np.array([sigma])).mean()
    assert mean == pytest.approx(-np.log(2 * np.pi * v) - s**2 / v, abs=3 * 0.66 / np.sqrt(1000))


def test_the_sum_over_samples_and_its_independence_of_order_and_blocks(rng):
    samples, points = rng.random((30, 4)), rng.random((17, 4)) + 0.5
    sigmas = np.array([0.05, 0.2, 1.0])
    squares = ((points[:, None] - samples) ** 2).sum(2)
    expected = [
        np.log(np.exp(-squares / (2 * s * s)).mean(1)) - 4 * np.log(s * np.sqrt(2 * np.pi))
        for s in sigmas
    ]
    for block_elements in (1, 100, 10**6):
        values = parzen_log_likelihood(samples[::-1], points, sigmas, block_elements)
        np.testing.assert_allclose(values, expected, rtol=1e-10)
    # In float32, and as images, the same numbers up to the rounding of the input.
    images = samples.astype(np.float32).reshape(30, 1, 2, 2)
    values = parzen_log_likelihood(images, points.reshape(17, 1, 2, 2), sigmas)
    np.testing.assert_allclose(values, expected, rtol=1e-4)


def test_far_points_have_finite_likelihoods():
    values = parzen_log_likelihood(np.zeros((3, 2)), np.full((1, 2), 1e4), np.array([0.1]))
    # exp(-1e10) would be 0 and its logarithm infinite.
    assert values[0, 0] == pytest.approx(-1e8 / 0.01 - np.log(2 * np.pi * 0.01), rel=1e-12)


def test_score_chooses_the_width_on_the_validation_set(rng):
    """Samples and data of N(0.5, 0.2^2) in 30 dimensions."""
    samples, validation, test = (0.5 + 0.2 * rng.standard_normal((n, 30)) for n in (400, 90, 80))
    score = parzen_score(samples, validation, test)
    means = parzen_log_likelihood(samples, validation, SIGMAS).mean(1)
    assert score.sigma == SIGMAS[means.argmax()]
    assert SIGMAS[0] < score.sigma < SIGMAS[-1]
    values = parzen_log_likelihood(samples, test, np.array([score.sigma]))[0]
    assert score.log_likelihood == pytest.approx(values.mean())
    assert score.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(80))
    # The widths are Goodfellow's: ten from 0.1 to 1.
    assert len(SIGMAS) == 10
    assert (SIGMAS[0], SIGMAS[-1]) == (0.1, 1.0)


X = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: parzen_log_likelihood(X, X[:, :1], SIGMAS), "samples and points must"),
        (lambda: parzen_log_likelihood(X + np.nan, X, SIGMAS), "samples is not finite"),
        (lambda: parzen_log_likelihood(X[:0], X, SIGMAS), "n, m >= 1"),
        (lambda: parzen_log_likelihood(X, X, np.array([0.1, 0])), "sigmas must be"),
        (lambda: parzen_log_likelihood(X, X, np.array([np.nan])), "sigmas must be"),
        (lambda: parzen_log_likelihood(X, X, np.array([])), "sigmas must be"),
        (lambda: parzen_log_likelihood(X, X, SIGMAS, 0), "block_elements must be a positive"),
        (lambda: parzen_score(X, X[:, :1], X), "samples and validation must"),
        (lambda: parzen_score(X, X, X + np.inf), "test is not finite"),
        (lambda: parzen_score(X, X, X[:1]), "test has 1 image"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
