"""Scores against closed forms, and the classifier that they look through."""

import numpy as np
import pytest

import tinygan
from tinygan.data import Dataset, synthetic_digits
from tinygan.metrics import (
    Scorer,
    class_histogram,
    classifier_for,
    format_scores,
    frechet_distance,
    inception_score,
    kl_to_uniform,
    train_classifier,
)


@pytest.fixture(scope="module")
def digits():
    return synthetic_digits(2000, seed=3)


@pytest.fixture(scope="module")
def classifier(digits):
    return train_classifier(digits, epochs=3, batch_size=50)


def test_histogram_and_kl():
    histogram = class_histogram(np.array([0, 0, 2, 2]), 4)
    assert histogram.tolist() == [0.5, 0, 0.5, 0]
    assert kl_to_uniform(histogram) == pytest.approx(np.log(2))
    assert kl_to_uniform(np.full(10, 0.1)) == pytest.approx(0)
    assert kl_to_uniform(np.eye(10)[3]) == pytest.approx(np.log(10))
    with pytest.raises(ValueError, match="no labels"):
        class_histogram(np.array([], int), 3)


def test_inception_score_of_known_predictions(rng):
    one_hot = np.eye(10)[rng.permutation(np.repeat(np.arange(10), 10))]
    assert inception_score(one_hot, splits=1)[0] == pytest.approx(10)
    same = np.tile(rng.dirichlet(np.ones(10)), (100, 1))
    score, deviation = inception_score(same)
    assert score == pytest.approx(1)
    assert deviation == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="3 images are too few for 10 splits"):
        inception_score(same[:3])


def test_frechet_distance_of_gaussians(rng):
    # Exact moments: whitened samples, so that no sampling error is left.
    x = rng.standard_normal((500, 3))
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    a = np.diag([1.0, 2.0, 3.0])
    b = np.diag([2.0, 2.0, 0.5])
    shift = np.array([1.0, -2.0, 0.0])
    # For commuting covariances: |m1 - m2|^2 + sum (s1 - s2)^2.
    expected = 5 + (1 - 2) ** 2 + 0 + (3 - 0.5) ** 2
    assert frechet_distance(x @ a, x @ b + shift) == pytest.approx(expected, rel=1e-9)
    rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    rotated = frechet_distance(x @ a @ rotation, (x @ b + shift) @ rotation)
    assert rotated == pytest.approx(expected, rel=1e-9)
    # The square root of a zero eigenvalue turns rounding of 1e-16 into 1e-8.
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-7)


def test_frechet_distance_rejects_bad_features(rng):
    x = rng.standard_normal((5, 3))
    with pytest.raises(ValueError, match=r"got \(5, 3\), \(5, 2\)"):
        frechet_distance(x, x[:, :2])
    with pytest.raises(ValueError, match="n, m >= 2"):
        frechet_distance(x[:1], x)
    x[2, 1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        frechet_distance(x, x)


def test_classifier_learns_and_leaves_the_random_stream_alone(digits, classifier):
    # Three epochs of 40 steps reach 0.99 here; chance is 0.1.
    assert classifier.accuracy(synthetic_digits(500, seed=4)) > 0.95
    before = tinygan.Generator().get_state()
    tinygan.manual_seed(0)
    train_classifier(synthetic_digits(40, seed=0), epochs=1, batch_size=20)
    after = tinygan.device.generator.get_state()
    assert before == after


def test_classifier_training_is_repeatable():
    data = synthetic_digits(60, seed=1)
    states = [train_classifier(data, epochs=1, batch_size=20).state_dict() for _ in range(2)]
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])


def test_classifier_rejects_other_data():
    images = np.zeros((4, 3, 28, 28), np.uint8)
    with pytest.raises(ValueError, match=r"shape \(3, 28, 28\) and no labels"):
        train_classifier(Dataset(images, None, "rgb"))


def test_classifier_is_cached_and_a_damaged_cache_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path))
    data = synthetic_digits(130, seed=2)
    lines = []
    first = classifier_for(data, progress=lines.append)
    assert lines[0].startswith("training a classifier of synthetic")
    lines.clear()
    again = classifier_for(data, progress=lines.append)
    assert lines == []
    a, b = first.state_dict(), again.state_dict()
    assert all(np.array_equal(a[name], b[name]) for name in a)
    (path,) = (tmp_path / "classifiers").iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    repaired = classifier_for(data, progress=lines.append).state_dict()
    assert "cannot be used" in lines[0]
    assert all(np.array_equal(a[name], repaired[name]) for name in a)


def test_scorer_prints_scores_beside_the_floor(digits, classifier, rng):
    held_out = synthetic_digits(400, seed=9)
    scorer = Scorer(classifier, digits, held_out)
    assert scorer.floor["count"] == 400
    assert scorer.floor["classes"] == 10
    assert scorer.floor["kl"] < 0.02  # the classes are balanced, a few are misread
    noise = scorer(rng.uniform(-1, 1, (400, 1, 28, 28)).astype(np.float32))
    assert noise["fid"] > 10 * scorer.floor["fid"]
    assert noise["kl"] > scorer.floor["kl"]
    table = format_scores(noise, scorer.floor)
    assert f"{noise['fid']:.3f}" in table
    assert f"{scorer.floor['fid']:.3f}" in table


def test_prediction_does_not_depend_on_the_batch(digits, classifier):
    images = digits.batch(np.arange(50))
    together, _ = classifier.predict(images)
    others = images[::-1].copy()
    others[3] = images[3]  # the same image among others
    mixed, _ = classifier.predict(others)
    assert np.array_equal(together[3], mixed[3])
    # Batches of another size may be computed by other rungs, which round differently.
    apart, _ = classifier.predict(images, batch_size=7)
    np.testing.assert_allclose(apart, together, rtol=0, atol=1e-5 * np.abs(together).max())
    assert not classifier.training
