"""The drawn digits: reproducible, balanced, framed as MNIST's are, and readable."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tinygan.data import mnist, synthetic_digits
from tinygan.data.strokes import POINTS_PER_GLYPH, STYLES, glyph_table, smooth_curve
from tinygan.data.synthetic import CHUNK, SIDE, ink


def labels_of(dataset) -> np.ndarray:
    assert dataset.labels is not None
    return dataset.labels


@pytest.mark.parametrize("n", [1, 7, 10, CHUNK, 1003])
def test_labels_are_balanced_for_every_size(n):
    digits = synthetic_digits(n, seed=n)
    assert digits.images.shape == (n, 1, 28, 28)
    counts = np.bincount(labels_of(digits), minlength=10)
    assert set(counts) <= {n // 10, n // 10 + 1}


def test_the_seed_decides_every_pixel_and_label():
    first, again, other = (synthetic_digits(300, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(labels_of(first), labels_of(again))
    assert (labels_of(first) != labels_of(other)).any()
    assert len({image.tobytes() for image in [*first.images, *other.images]}) == 600


def test_full_chunks_do_not_depend_on_how_many_follow():
    few, many = synthetic_digits(2 * CHUNK, seed=9), synthetic_digits(2 * CHUNK + 33, seed=9)
    np.testing.assert_array_equal(few.images, many.images[: 2 * CHUNK])
    np.testing.assert_array_equal(labels_of(few), labels_of(many)[: 2 * CHUNK])
    assert (few.images[:CHUNK] != few.images[CHUNK:]).any()


def test_labels_are_in_random_order():
    labels = labels_of(synthetic_digits(2000, seed=2))
    assert 0.05 < np.mean(labels[1:] == labels[:-1]) < 0.15


def test_digits_are_framed_as_in_mnist():
    ink = synthetic_digits(2000, seed=1).images[:, 0] / 255.0
    mass = ink.sum(axis=(1, 2))
    pixel = np.arange(28)
    centre = np.stack([ink.sum(axis=1) @ pixel, ink.sum(axis=2) @ pixel]) / mass
    assert np.abs(centre.mean(axis=1) - 14).max() < 0.15
    assert np.percentile(np.abs(centre - 14), 99) < 1.5
    drawn = ink > 0.5
    sides = [drawn.any(axis=axis).sum(axis=1) for axis in (1, 2)]
    extent = np.maximum(*sides)
    assert np.median(extent) == 20
    assert extent.max() <= 21
    assert 0.09 < ink.mean() < 0.16  # MNIST: 0.13


def test_classes_can_be_told_apart_by_their_average_image():
    known, asked = synthetic_digits(2000, seed=10), synthetic_digits(1000, seed=11)
    flat = known.images.reshape(2000, -1) / 255.0
    average = np.stack([flat[labels_of(known) == digit].mean(axis=0) for digit in range(10)])
    pixels = asked.images.reshape(1000, -1) / 255.0
    distance = ((pixels[:, None] - average) ** 2).sum(axis=2)
    assert np.mean(distance.argmin(axis=1) == labels_of(asked)) > 0.75


@pytest.mark.parametrize(
    ("n", "seed", "message"),
    [(0, 0, "n is 0; expected at least 1 image"), (5, -1, "seed is -1; expected 0 or more")],
)
def test_wrong_arguments_are_refused(n, seed, message):
    with pytest.raises(ValueError, match=message):
        synthetic_digits(n, seed)


@pytest.mark.parametrize("closed", [False, True])
def test_smooth_curve_passes_its_points_and_bends_smoothly(closed):
    points = np.random.default_rng(6).normal(size=(6, 2))
    if closed:
        points[-1] = points[0]
    np.testing.assert_allclose(smooth_curve(points, np.arange(6.0)), points, atol=1e-12)
    # The direction just before a point equals the one just after it, at the seam of a loop too.
    step = 1e-6
    at = np.arange(1.0, 5.0)
    before = (smooth_curve(points, at) - smooth_curve(points, at - step)) / step
    after = (smooth_curve(points, at + step) - smooth_curve(points, at)) / step
    np.testing.assert_allclose(before, after, atol=1e-4)
    ends = smooth_curve(points, np.array([0.0, step, 5.0 - step, 5.0]))
    if closed:
        np.testing.assert_allclose(ends[1] - ends[0], ends[3] - ends[2], atol=1e-10)


def test_smooth_curve_through_two_points_is_a_straight_line():
    points = np.array([[0.0, 3.0], [4.0, 1.0]])
    found = smooth_curve(points, np.array([0.0, 0.25, 0.5, 1.0]))
    expected = np.array([[0.0, 3.0], [1.0, 2.5], [2.0, 2.0], [4.0, 1.0]])
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_every_style_is_an_evenly_spaced_line_in_its_box():
    table = glyph_table()
    assert table.styles.tolist() == [len(STYLES[digit]) for digit in range(10)]
    assert len(table.weights) == table.styles.sum()
    np.testing.assert_allclose(table.weights.sum(axis=2), 1, atol=1e-5)
    lines = table.weights @ table.controls
    assert lines.shape == (len(table.weights), POINTS_PER_GLYPH, 2)
    assert np.abs(lines).max() < 0.6
    gaps = np.linalg.norm(np.diff(lines, axis=1), axis=2) * 20
    assert np.median(gaps, axis=1).max() < 0.75  # pixels, one pen radius or less


def test_ink_covers_the_line_and_nothing_far_from_it():
    random = np.random.default_rng(8)
    n = 40
    line = random.uniform(4, 24, (n, POINTS_PER_GLYPH, 2))
    radius = random.uniform(1.5, 3.5, n)
    images = ink(line, radius, random)
    y, x = np.mgrid[:SIDE, :SIDE]
    squared = (x[..., None] - line[:, None, None, :, 0]) ** 2
    squared += (y[..., None] - line[:, None, None, :, 1]) ** 2
    nearest = squared.min(axis=3)
    white = images.max(axis=(1, 2), keepdims=True)
    radius = radius[:, None, None]
    # Pressure changes a radius by up to 15%, and the soft edge is up to 1.5 pixels wide.
    outside = nearest > (1.15 * radius) ** 2 + 1.5 * radius + 0.01
    inside = nearest < (0.85 * radius) ** 2 - 1.5 * radius - 0.01
    assert outside.sum() > 1000 and inside.sum() > 100
    assert (images[outside] == 0).all()
    assert (images == white)[inside].all()
    assert white.min() >= 233


def test_a_dot_has_the_area_of_its_circle_and_a_soft_edge():
    random = np.random.default_rng(14)
    n, radius = 400, 3.0
    dots = random.uniform(10, 18, (n, 1, 2)).repeat(POINTS_PER_GLYPH, axis=1)
    images = ink(dots, np.full(n, radius), random).astype(np.float64)
    white = images.max(axis=(1, 2))
    area = np.mean(images.sum(axis=(1, 2)) / white)
    # The heaviest pressure along a line adds 0 to 15% to the radius, 7.5% on average.
    assert 1.1 * np.pi * radius**2 < area < np.pi * (1.15 * radius) ** 2
    grey = ((images > 0) & (images < white[:, None, None])).sum(axis=(1, 2)).mean()
    # The edge is 1 to 1.5 pixels wide.
    assert 2 * np.pi * radius < grey < 1.5 * 2 * np.pi * radius


DATA = Path(os.environ.get("TINYGAN_DATA", "/nowhere"))
HAS_MNIST = any(
    (DATA / folder / "train-images-idx3-ubyte.gz").is_file() for folder in ("mnist", ".")
)


@pytest.mark.skipif(not HAS_MNIST, reason="TINYGAN_DATA is not set to a folder with MNIST")
def test_a_reader_that_saw_only_mnist_reads_the_drawn_digits():
    real, drawn = mnist("train", download=False), synthetic_digits(2000, seed=12)
    random = np.random.default_rng(0)
    hidden = random.normal(size=(784, 1500)).astype(np.float32) / 28
    offset = random.normal(size=1500).astype(np.float32) / 3

    def features(images: np.ndarray) -> np.ndarray:
        pixels = images.reshape(len(images), -1) / np.float32(255)
        return np.maximum(pixels @ hidden + offset, 0)

    known = features(real.images[:12_000])
    targets = np.eye(10, dtype=np.float32)[labels_of(real)[:12_000]]
    gram = known.T @ known + 3.0 * np.eye(1500, dtype=np.float32)
    weights = np.linalg.solve(gram, known.T @ targets)
    read = (features(drawn.images) @ weights).argmax(axis=1)
    assert np.mean(read == labels_of(drawn)) > 0.90
