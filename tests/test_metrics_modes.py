"""Modes counted by hand; noise and blur of images whose numbers are known."""

import numpy as np
import pytest

from tinygan.metrics import (
    laplacian_variance,
    mode_coverage,
    mode_histogram_scores,
    sharpness,
    stacked_labels,
    total_variation,
)

CENTRES = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])


def test_mode_coverage_by_hand():
    points = np.array([
        [0.0, 0.29], [0.3, 0.0],  # of mode 0 and within 3 * 0.1
        [4.0, 0.31],              # nearest to mode 1, but too far from it
        [0.1, 4.1], [0.2, 4.2],   # mode 2
        [2.1, 2.1],               # nearest to mode 3, far from all
    ])  # fmt: skip
    found = mode_coverage(points, CENTRES, 0.1)
    assert found["modes"] == 2
    assert found["high_quality"] == pytest.approx(4 / 6)
    assert found["histogram"].tolist() == pytest.approx([2 / 6, 1 / 6, 2 / 6, 1 / 6])
    p = found["histogram"]
    assert found["kl"] == pytest.approx((p * np.log(4 * p)).sum())


def test_mode_coverage_of_the_mixture_itself_and_of_a_collapsed_generator(rng):
    data = CENTRES[rng.integers(0, 4, 20_000)] + 0.05 * rng.standard_normal((20_000, 2))
    found = mode_coverage(data, CENTRES, 0.05)
    assert found["modes"] == 4
    # P(|x| <= 3 sd) in the plane; three standard deviations of a fraction of 20,000.
    assert found["high_quality"] == pytest.approx(1 - np.exp(-4.5), abs=0.0023)
    assert 0 <= found["kl"] < 1e-3
    shuffled = mode_coverage(data[::-1], CENTRES[[2, 0, 1, 3]], 0.05)
    assert shuffled["high_quality"] == found["high_quality"]
    assert shuffled["kl"] == pytest.approx(found["kl"], rel=1e-9)
    collapsed = mode_coverage(CENTRES[[1] * 10], CENTRES, 0.05)
    assert (collapsed["modes"], collapsed["high_quality"]) == (1, 1)
    assert collapsed["kl"] == pytest.approx(np.log(4))
    nothing = mode_coverage(CENTRES + 1, CENTRES, 0.05)
    assert (nothing["modes"], nothing["high_quality"]) == (0, 0)


class DigitByBrightness:
    """Reads the digit that all pixels of an image hold, (digit - 5) / 5."""

    def predict(self, images):
        assert images.shape[1:] == (1, 28, 28)
        digits = np.round(images[:, 0, 0, 0] * 5 + 5).astype(int)
        return None, np.eye(10)[digits]


def test_stacked_digits_are_read_channel_by_channel():
    numbers = np.array([[0, 0, 7], [1, 2, 3], [9, 9, 9]])
    images = np.broadcast_to((numbers[:, :, None, None] - 5) / 5, (3, 3, 28, 28))
    assert stacked_labels(images.astype(np.float32), DigitByBrightness()).tolist() == [7, 123, 999]


def test_scores_of_a_histogram_of_modes(rng):
    assert mode_histogram_scores(np.arange(1000)) == {"modes": 1000, "kl": pytest.approx(0)}
    half = mode_histogram_scores(np.arange(0, 1000, 2))
    assert half == {"modes": 500, "kl": pytest.approx(np.log(2))}
    data = np.array([0.5, 0.25, 0.25])
    assert mode_histogram_scores(np.array([0, 1, 2, 0]), 3, data)["kl"] == pytest.approx(0)
    one = mode_histogram_scores(np.array([1, 1]), 3, data)
    assert one == {"modes": 1, "kl": pytest.approx(np.log(4))}
    # Samples of the uniform distribution itself: (modes - 1) / (2 n).
    uniform = mode_histogram_scores(rng.integers(0, 1000, 26_000))
    assert uniform["kl"] == pytest.approx(999 / 52_000, rel=0.15)


def test_total_variation_of_known_images():
    ramp = np.broadcast_to(np.arange(8.0), (1, 1, 6, 8))
    assert total_variation(ramp).tolist() == [1]
    board = np.indices((6, 8)).sum(0) % 2 * 3.0
    images = np.stack([board, 0 * board, -2 * board])[:, None]
    assert total_variation(images).tolist() == [6, 0, 12]
    # Channels are averaged: one of two is flat.
    assert total_variation(np.stack([board, 0 * board])[None]).tolist() == [3]
    assert total_variation(ramp.astype(np.uint8)).tolist() == [1]  # does not wrap around


def test_laplacian_variance_of_known_images():
    y, x = np.mgrid[:7, :9].astype(float)
    flat = np.stack([0 * x, 3 * x - y + 2, x**2 + y**2])[:, None]  # Laplacians 0, 0, 4
    assert laplacian_variance(flat).tolist() == [0, 0, 0]
    # x^3: Laplacian 6 x at x = 1 ... 7, whose variance is 36 * 4.
    assert laplacian_variance((x**3)[None, None]).tolist() == pytest.approx([144])
    # A checkerboard of +-1: Laplacian +-8, 5 rows of 7: 18 of one sign, 17 of the other.
    board = 2.0 * ((x + y) % 2) - 1
    assert laplacian_variance(board[None, None]) == pytest.approx(64 * (1 - (1 / 35) ** 2))
    assert laplacian_variance(np.stack([board, 0 * x])[None]) == pytest.approx(
        32 * (1 - (1 / 35) ** 2)
    )


def test_noise_raises_and_blur_lowers_both(rng, monkeypatch):
    images = rng.uniform(-1, 1, (10, 3, 12, 12)).astype(np.float32)
    images = (images + np.roll(images, 1, 2) + np.roll(images, 1, 3)) / 3
    blurred = (images + np.roll(images, 1, 2) + np.roll(images, 1, 3)) / 3
    noised = images + 0.5 * rng.standard_normal(images.shape)
    for score in (total_variation, laplacian_variance):
        values = score(images)
        assert (score(blurred) < values).all()
        assert (score(noised) > values).all()
        np.testing.assert_allclose(score(images[::-1])[::-1], values, rtol=1e-12)
        monkeypatch.setattr(sharpness, "IMAGES_AT_A_TIME", 3)
        np.testing.assert_allclose(score(images), values, rtol=1e-12)


IMAGES = np.zeros((2, 1, 4, 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mode_coverage(CENTRES[:, :1], CENTRES, 0.1), "points and means must"),
        (lambda: mode_coverage(CENTRES[:0], CENTRES, 0.1), "points and means must"),
        (lambda: mode_coverage(CENTRES, CENTRES, 0), "std must be a positive number, got 0"),
        (lambda: mode_coverage(CENTRES, CENTRES, np.nan), "std must be a positive number"),
        (lambda: mode_coverage(CENTRES + np.nan, CENTRES, 1), "points is not finite"),
        (lambda: stacked_labels(IMAGES[0], DigitByBrightness()), r"images have shape \(1, 4, 4\)"),
        (lambda: mode_histogram_scores(np.array([1000])), "labels has 1000, expected less than"),
        (lambda: mode_histogram_scores(np.array([0]), 2, np.array([0, 1.0])), r"q is 0 .* \[0\]"),
        (lambda: mode_histogram_scores(np.array([0]), 2, np.ones(3) / 3), "p has 2 classes and"),
        (lambda: total_variation(IMAGES[:, :, :1]), r"images have shape .* h, w >= 2"),
        (lambda: laplacian_variance(IMAGES[:, :, :2]), r"images have shape .* h, w >= 3"),
        (lambda: laplacian_variance(IMAGES + np.inf), "images is not finite"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
