"""Nearest neighbours against a search by differences in float64, and the scores made of them."""

import numpy as np
import pytest

from tinygan.metrics import (
    nearest_neighbour_error,
    nearest_neighbours,
    neighbours,
    precision_recall,
    two_sample_accuracy,
)


def by_differences(queries, points, k, own=False):
    """Squared distances from the differences, in float64; ties by index."""
    difference = queries[:, None].astype(np.float64) - points[None].astype(np.float64)
    squares = (difference**2).sum(2)
    if own:
        np.fill_diagonal(squares, np.inf)
    order = np.argsort(squares, axis=1, kind="stable")[:, :k]
    return order, np.sqrt(np.take_along_axis(squares, order, 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 2, 50])
@pytest.mark.parametrize("block_elements", [1, 1000, 10**6])
def test_nearest_neighbours_by_differences(rng, dtype, size, block_elements):
    queries = rng.standard_normal((40, size)).astype(dtype)
    points = rng.standard_normal((70, size)).astype(dtype)
    for k in (1, 3, 70):
        indices, distances = nearest_neighbours(queries, points, k, block_elements)
        expected, lengths = by_differences(queries, points, k)
        np.testing.assert_array_equal(indices, expected)
        np.testing.assert_allclose(distances, lengths, rtol=1e-14)
    indices, distances = nearest_neighbours(points, k=2, block_elements=block_elements)
    expected, lengths = by_differences(points, points, 2, own=True)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(distances, lengths, rtol=1e-14)


def test_near_ties_that_float32_cannot_see_are_decided_in_float64(rng):
    """Far from the origin, neighbours whose distances differ in the 10th digit."""
    direction = rng.standard_normal((200, 30))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    lengths = 1 + 1e-10 * rng.permutation(200)
    centre = 1000 + rng.standard_normal(30)
    points = centre + direction * lengths[:, None]
    indices, distances = nearest_neighbours(centre[None], points, k=5)
    assert lengths[indices[0]].tolist() == sorted(lengths)[:5]
    np.testing.assert_allclose(distances[0], sorted(lengths)[:5], rtol=1e-12)
    # float32 alone is wrong here: the test can fail.
    gaps = (np.float32(points) ** 2).sum(1) / 2 - np.float32(points) @ np.float32(centre)
    assert gaps.argmin() != indices[0, 0]


@pytest.mark.parametrize("block_elements", [2000, 10**7])
def test_ties_go_to_the_first_even_among_very_many_copies(rng, block_elements):
    integers = rng.integers(0, 2, (300, 4)).astype(np.uint8)  # 16 different rows
    indices, distances = nearest_neighbours(integers[:50], integers, 2, block_elements)
    expected, lengths = by_differences(integers[:50].astype(float), integers.astype(float), 2)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(distances, lengths)
    copies = np.full((1000, 3), 0.1)  # more than 64 k equally near ones
    copies[700] += 1e-3
    indices, distances = nearest_neighbours(copies, k=3, block_elements=block_elements)
    assert indices[999].tolist() == [0, 1, 2]
    assert distances[999].tolist() == [0, 0, 0]
    # One that is strictly nearer is not lost among the copies.
    indices, distances = nearest_neighbours(copies[700:701] + 1e-3, copies, 2, block_elements)
    assert indices.tolist() == [[700, 0]]


def test_the_bound_covers_the_errors_of_float32(rng):
    """Measured errors of the gaps reach a good part of the bound for no data that we know of, and
    exceed it for none."""
    for size, scale in ((2, 1.0), (784, 1.0), (784, 1e-3), (3000, 50.0)):
        points = rng.uniform(0, scale, (300, size)) * (rng.random((300, size)) < 0.2)
        exact = neighbours.SearchPoints(points, points.mean(0), np.float64)
        rounded = neighbours.SearchPoints(points, points.mean(0), np.float32)
        truth = exact.gaps(exact.shifted(points[:100]))
        block = rounded.shifted(points[:100])
        error = np.abs(rounded.gaps(block) - truth)
        assert (error > 0).any()
        assert (error <= rounded.bound(block)).all()


def test_nearest_neighbours_of_images(rng):
    images = rng.uniform(-1, 1, (6, 3, 4, 4)).astype(np.float32)
    indices, distances = nearest_neighbours(images[[4, 1]], images)
    assert indices.tolist() == [[4], [1]]
    assert distances.tolist() == [[0], [0]]


def test_nearest_neighbour_error_by_hand():
    train = np.array([[0.0], [1.0], [10.0]])
    labels = np.array([3, 3, 7])
    test = np.array([[0.4], [5.0], [6.0], [11.0]])  # labelled 3, 3, 7, 7
    assert nearest_neighbour_error(train, labels, test, np.array([3, 3, 7, 7])) == 0
    assert nearest_neighbour_error(train, labels, test, np.array([3, 7, 7, 0])) == 0.5
    assert nearest_neighbour_error(train[::-1], labels[::-1], test, np.array([3, 7, 7, 7])) == 0.25


def test_two_sample_accuracy_by_hand():
    real = np.array([[0.0], [1.0], [10.0]])
    generated = np.array([[0.4], [20.0], [21.0]])
    # Real 0 and 1 have 0.4 as their nearest, 10 has 1; generated 0.4 has 0, 20 and 21 each other.
    accuracy, of_real, of_generated = two_sample_accuracy(real, generated)
    assert of_real == pytest.approx(1 / 3)
    assert of_generated == pytest.approx(2 / 3)
    assert accuracy == pytest.approx(0.5)
    # A tie counts half: 2 lies between a real and a generated sample. 4 is told wrongly, 9 right.
    tie = two_sample_accuracy(np.array([[0.0], [2.0]]), np.array([[4.0], [9.0]]))
    assert (tie.real, tie.generated) == (0.75, 0.5)


def test_two_sample_accuracy_of_equal_copied_and_distant_sets(rng):
    real, other = rng.standard_normal((2, 600, 2))
    assert two_sample_accuracy(real, real.copy()) == (0, 0, 0)
    assert two_sample_accuracy(real, other + 100) == (1, 1, 1)
    # 1,200 decisions that are right with probability 1/2: standard deviation 0.014 if independent.
    assert two_sample_accuracy(real, other).accuracy == pytest.approx(0.5, abs=0.05)
    # One generated sample for all: each sees the others, and no real one sees them.
    collapsed = two_sample_accuracy(real, np.repeat(other[:1] + 9, 600, axis=0))
    assert (collapsed.real, collapsed.generated) == (1, 1)
    a, b = two_sample_accuracy(real, other), two_sample_accuracy(other, real)
    assert (a.real, a.generated) == (b.generated, b.real)
    assert two_sample_accuracy(real[::-1], other[rng.permutation(600)]) == a


def test_precision_and_recall_by_hand():
    real = np.array([[0.0], [1.0], [2.0], [10.0]])
    generated = np.array([[0.5], [3.0], [4.5], [30.0]])
    # k = 1. Real balls: 0 +- 1, 1 +- 1, 2 +- 1, 10 +- 8: 0.5, 3 and 4.5 lie inside, 30 does not.
    # Generated balls: 0.5 +- 2.5, 3 +- 1.5, 4.5 +- 1.5, 30 +- 25.5: all real ones but none missed.
    assert precision_recall(real, generated, k=1) == (0.75, 1.0)
    # Swapped roles swap the two.
    assert precision_recall(generated, real, k=1) == (1.0, 0.75)
    # A distance equal to the radius is inside: 3 is at 1 from 2. A little more is not.
    single = np.array([[3.0], [100.0]])
    assert precision_recall(real[:3], single, k=1).precision == 0.5
    assert precision_recall(real[:3], single + 1e-9, k=1).precision == 0


def test_precision_and_recall_of_equal_disjoint_and_collapsed_sets(rng):
    real, other = rng.standard_normal((2, 300, 5)).astype(np.float32)
    assert precision_recall(real, real.copy()) == (1, 1)
    assert precision_recall(real, other + 1000) == (0, 0)
    collapsed = np.repeat(real[:1], 300, axis=0)
    precision, recall = precision_recall(real, collapsed)
    assert precision == 1
    assert recall == 1 / 300  # the balls have radius 0, and only their own centre lies in them
    duplicated = np.repeat(real[:60], 5, axis=0)
    assert precision_recall(duplicated, duplicated + 0) == (1, 1)


def test_precision_and_recall_do_not_depend_on_order_or_blocks(rng):
    real, generated = rng.standard_normal((200, 3)), 1.3 * rng.standard_normal((150, 3))
    expected = precision_recall(real, generated)
    assert 0.3 < expected.precision < 1
    for block_elements in (1, 333, 10**7):
        shuffled = generated[rng.permutation(150)]
        assert precision_recall(real[::-1], shuffled, 3, block_elements) == expected
    distances = np.linalg.norm(generated[:, None] - real[None], axis=2)
    own = np.sort(np.linalg.norm(real[:, None] - real[None], axis=2), axis=1)[:, 3]
    assert expected.precision == (distances <= own).any(1).mean()


POINTS = np.arange(12.0).reshape(4, 3)
LABELS = np.arange(4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nearest_neighbours(POINTS, POINTS[:, :2]), ValueError, r"queries and points must"),
        (lambda: nearest_neighbours(POINTS[:, 0]), ValueError, r"queries has shape \(4,\)"),
        (lambda: nearest_neighbours(POINTS, POINTS, 5), ValueError, "k is 5, expected at most 4"),
        (lambda: nearest_neighbours(POINTS, k=4), ValueError, "at most 3, the number of other"),
        (lambda: nearest_neighbours(POINTS, k=0), ValueError, "k must be a positive integer"),
        (lambda: nearest_neighbours(POINTS, block_elements=0), ValueError, "block_elements must"),
        (lambda: nearest_neighbours(POINTS, POINTS + np.nan), ValueError, "points is not finite"),
        (lambda: nearest_neighbours(POINTS.astype(str)), TypeError, "queries has dtype <U"),
        (lambda: nearest_neighbour_error(POINTS, LABELS[:3], POINTS, LABELS), ValueError,
         r"train_labels has shape \(3,\), expected \(4,\)"),
        (lambda: nearest_neighbour_error(POINTS, LABELS, POINTS, LABELS / 2), TypeError,
         "test_labels has dtype float64"),
        (lambda: nearest_neighbour_error(POINTS, LABELS, POINTS[:, :2], LABELS), ValueError,
         "train and test must"),
        (lambda: two_sample_accuracy(POINTS, POINTS[:3]), ValueError, "4 real and 3 generated"),
        (lambda: two_sample_accuracy(POINTS[:1], POINTS[:1]), ValueError, "n, m >= 2"),
        (lambda: precision_recall(POINTS, POINTS[:3]), ValueError, "real and generated .* >= 4"),
        (lambda: precision_recall(POINTS, POINTS * np.inf), ValueError, "generated is not finite"),
        (lambda: precision_recall(POINTS, POINTS, k=0), ValueError, "k must be a positive"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:invalid value")
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
