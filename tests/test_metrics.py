"""The classifier that scores look through, and the report of all scores."""

import numpy as np
import pytest

import tinygan
from tinygan.data import Dataset, synthetic_digits
from tinygan.metrics import Scorer, classifier_for, format_scores, train_classifier


@pytest.fixture(scope="module")
def digits():
    return synthetic_digits(2000, seed=3)


@pytest.fixture(scope="module")
def classifier(digits):
    return train_classifier(digits, epochs=3, batch_size=50)


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
