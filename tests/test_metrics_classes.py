"""Scores of predictions: histogram, divergences, inception score and its modification."""

import numpy as np
import pytest

from tinygan.metrics import (
    class_entropy,
    class_histogram,
    inception_score,
    kl_divergence,
    kl_to_uniform,
    modified_inception_score,
)


def test_histogram_kl_and_entropy():
    histogram = class_histogram(np.array([0, 0, 2, 2]), 4)
    assert histogram.tolist() == [0.5, 0, 0.5, 0]
    assert kl_to_uniform(histogram) == pytest.approx(np.log(2))
    assert kl_to_uniform(np.full(10, 0.1)) == pytest.approx(0)
    assert kl_to_uniform(np.eye(10)[3]) == pytest.approx(np.log(10))
    assert class_entropy(histogram) == pytest.approx(np.log(2))
    assert class_entropy(np.full(10, 0.1)) == pytest.approx(np.log(10))
    assert class_entropy(np.eye(10)[3]) == 0
    p = np.array([0.5, 0.25, 0.125, 0.125])
    assert class_entropy(p) == pytest.approx(1.75 * np.log(2))
    assert class_entropy(p) + kl_to_uniform(p) == pytest.approx(np.log(4))


def test_kl_divergence_of_two_distributions():
    p, q = np.array([0.5, 0.5, 0]), np.array([0.25, 0.25, 0.5])
    assert kl_divergence(p, q) == pytest.approx(np.log(2))
    assert kl_divergence(q, q) == 0
    assert kl_divergence(p, np.full(3, 1 / 3)) == pytest.approx(kl_to_uniform(p))
    with pytest.raises(ValueError, match=r"infinite, q is 0 and p is not at \[2\]"):
        kl_divergence(q, p)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: class_histogram(np.array([], int), 3), ValueError, "no labels"),
        (lambda: class_histogram(np.array([0, 3]), 3), ValueError, "labels has 3, expected less"),
        (lambda: class_histogram(np.array([0, -1]), 3), ValueError, "labels has -1, expected 0 or"),
        (lambda: class_histogram(np.array([0.0]), 3), TypeError, "labels has dtype float64"),
        (lambda: class_histogram(np.zeros((2, 2), int), 3), ValueError, r"has shape \(2, 2\)"),
        (lambda: class_histogram(np.array([0]), 0), ValueError, "classes must be a positive"),
        (lambda: kl_to_uniform(np.array([0.5, 0.4])), ValueError, "histogram must be"),
        (lambda: class_entropy(np.array([1.5, -0.5])), ValueError, "histogram must be"),
        (lambda: class_entropy(np.array([1, np.nan])), ValueError, "histogram must be"),
        (lambda: kl_divergence(np.ones(1), np.full(2, 0.5)), ValueError, "p has 1 classes and q 2"),
        (lambda: inception_score(np.eye(3)), ValueError, "3 images are too few for 10 splits"),
        (lambda: inception_score(np.eye(3), 0), ValueError, "splits must be a positive integer"),
        (lambda: inception_score(np.ones((4, 2)), 1), ValueError, "rows >= 0 that sum to 1"),
        (lambda: modified_inception_score(np.ones(4)), ValueError, r"probabilities has shape"),
        (lambda: modified_inception_score(np.zeros((0, 3))), ValueError, "expected .* n >= 1"),
        (lambda: modified_inception_score(np.array([[np.nan, 1.0]])), ValueError, "not finite"),
        (lambda: modified_inception_score(np.array([[1.5, -0.5]])), ValueError, "rows >= 0"),
    ],
)
def test_bad_input_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_inception_score_of_known_predictions(rng):
    one_hot = np.eye(10)[rng.permutation(np.repeat(np.arange(10), 10))]
    assert inception_score(one_hot, splits=1)[0] == pytest.approx(10)
    same = np.tile(rng.dirichlet(np.ones(10)), (100, 1))
    score, deviation = inception_score(same)
    assert score == pytest.approx(1)
    assert deviation == pytest.approx(0, abs=1e-12)


def modified_inception_score_over_pairs(p: np.ndarray) -> list[float]:
    """The definition, pair by pair."""
    scores = []
    for label in range(p.shape[1]):
        group = p[p.argmax(1) == label]
        if len(group):
            pairs = [(a * np.log(a / b)).sum() for a in group for b in group]
            scores.append(np.exp(np.mean(pairs)))
    return scores


def test_modified_inception_score_is_the_sum_over_pairs(rng):
    p = rng.dirichlet(np.full(5, 0.5), 60)
    expected = modified_inception_score_over_pairs(p)
    score, per_class, missing = modified_inception_score(p)
    assert missing == []
    np.testing.assert_allclose(per_class, expected, rtol=1e-12)
    assert score == pytest.approx(np.mean(expected), rel=1e-12)
    shuffled = modified_inception_score(p[rng.permutation(60)])
    assert shuffled.score == pytest.approx(score, rel=1e-12)


def test_modified_inception_score_of_identical_predictions_is_exactly_one(rng):
    rows = rng.dirichlet(np.ones(10), 3)
    same = modified_inception_score(np.repeat(rows, 37, axis=0)[:37])
    assert same.score == 1.0
    # Each class identical in itself, the classes different.
    rows = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    assert modified_inception_score(rows[rng.integers(0, 2, 500)]).score == 1.0
    one_hot = np.eye(4, dtype=np.float32)[rng.integers(0, 4, 100)]
    assert modified_inception_score(one_hot).score == 1.0


def test_modified_inception_score_reports_classes_without_images():
    # Two predictions of class 2: KL both ways is 0.4 ln(0.7 / 0.3), pairs with itself are 0.
    p = np.array([[0.3, 0.0, 0.7], [0.3, 0.0, 0.7], [0.7, 0.3, 0.0]])[[0, 1]]
    assert modified_inception_score(p).missing == [0, 1]
    p = np.array([[0.4, 0.0, 0.6], [0.0, 0.4, 0.6]])
    result = modified_inception_score(p)
    # KL(p_0 || p_1) = 0.4 ln(0.4 / 1e-12), clipped; half of the pairs are of two images.
    assert result.per_class[2] == pytest.approx((0.4 / 1e-12) ** 0.2)
    assert result.score == result.per_class[2]
    assert result.missing == [0, 1]
    assert np.isnan(result.per_class[:2]).all()
