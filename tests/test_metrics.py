"""The classifier that scores look through, and the report of all scores."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from states import arrays_of

import tinygan
import tinygan.metrics
from tinygan.data import Dataset, synthetic_digits
from tinygan.metrics import (
    RandomFeatures,
    Scorer,
    class_entropy,
    classifier_for,
    format_scores,
    frechet_distance,
    hold_out,
    kernel_distance,
    laplacian_variance,
    modified_inception_score,
    nearest_neighbours,
    parzen_score,
    precision_recall,
    total_variation,
    train_classifier,
    two_sample_accuracy,
)
from tinygan.metrics.scores import CHEAP, ROWS, SCORES


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
    after = tinygan.devices.generator.get_state()
    assert before == after


def test_classifier_training_is_repeatable():
    data = synthetic_digits(60, seed=1)
    states = [arrays_of(train_classifier(data, epochs=1, batch_size=20)) for _ in range(2)]
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])


def test_classifier_rejects_other_data():
    images = np.zeros((4, 3, 28, 28), np.uint8)
    with pytest.raises(ValueError, match=r"shape \(3, 28, 28\) and no labels"):
        train_classifier(Dataset(images, None, "rgb"))


def test_classifier_is_cached_and_a_damaged_cache_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path))
    data = synthetic_digits(130, seed=2)
    lines, stream = [], tinygan.devices.generator.get_state()
    first = classifier_for(data, progress=lines.append)
    assert lines[0].startswith("training a classifier of synthetic")
    lines.clear()
    again = classifier_for(data, progress=lines.append)
    assert lines == []
    # A run draws the same numbers, whatever was in the cache.
    assert tinygan.devices.generator.get_state() == stream
    a, b = arrays_of(first), arrays_of(again)
    assert all(np.array_equal(a[name], b[name]) for name in a)
    (path,) = (tmp_path / "classifiers").iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    repaired = arrays_of(classifier_for(data, progress=lines.append))
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


def test_all_scores_are_those_of_the_formulas(digits, classifier, rng):
    held_out = synthetic_digits(150, seed=9)
    scorer = Scorer(classifier, digits, held_out, count=100)
    images = np.clip(
        synthetic_digits(130, seed=10).batch(np.arange(130)) + 0.3 * rng.standard_normal((28, 28)),
        -1, 1,
    ).astype(np.float32)  # fmt: skip
    assert "parzen" not in scorer(images)
    assert "parzen" not in scorer.floor
    scores = scorer.all(images)
    assert {key for key, _, _ in ROWS} | {"histogram", "features", "inception_score_std"} == set(
        scores
    )
    assert set(scores) == set(scorer.floor)
    # A score is of the first hundred images, as is the floor.
    assert scores["count"] == scorer.floor["count"] == 100
    features, probabilities = classifier.predict(images[:100])
    training = digits.batch(np.arange(2000))
    reference, _ = classifier.predict(training)
    assert scores["fid"] == pytest.approx(frechet_distance(features, reference), rel=1e-6)
    assert scores["m_is"] == pytest.approx(modified_inception_score(probabilities).score)
    assert scores["class_entropy"] == pytest.approx(class_entropy(scores["histogram"]), abs=1e-4)
    assert scores["total_variation"] == pytest.approx(total_variation(images[:100]).mean())
    assert scores["laplacian_variance"] == pytest.approx(laplacian_variance(images[:100]).mean())
    judged = scorer._real.held_out_images()
    pixels, test = images[:100] / 2 + 0.5, judged / 2 + 0.5
    nearest = nearest_neighbours(pixels, training / 2 + 0.5).distances
    assert scores["training_distance"] == pytest.approx(np.median(nearest), rel=1e-5)
    # Parzen: the last tenth of the training images chooses the width, held-out ones are the test.
    parzen = parzen_score(pixels, training[1800:] / 2 + 0.5, test)
    keys = ("parzen", "parzen_error", "parzen_sigma")
    assert [scores[key] for key in keys] == pytest.approx(parzen)
    # The floor is of a hundred different held-out images from all over the set.
    order = nearest_neighbours(judged, held_out.batch(np.arange(150))).indices[:, 0]
    assert len(set(order.tolist())) == 100
    assert order.max() > 120
    assert scorer.floor["fid"] == pytest.approx(
        frechet_distance(classifier.predict(judged)[0], reference), rel=1e-6
    )
    # The others compare with a hundred training images, none of which chooses the width.
    chosen = scorer._real.chosen
    assert len(set(chosen.tolist())) == 100
    assert chosen.max() < 1800
    few = reference[chosen]
    assert scores["kid"] == pytest.approx(kernel_distance(features, few).distance, rel=1e-4)
    assert scores["precision"] == precision_recall(few, features).precision
    assert scores["recall"] == precision_recall(few, features).recall
    keys = ("one_nn", "one_nn_real", "one_nn_generated")
    assert tuple(scores[key] for key in keys) == two_sample_accuracy(few, features)
    # The floor of Parzen windows: around training images, not around the test set itself.
    floor = parzen_score(training[chosen] / 2 + 0.5, training[1800:] / 2 + 0.5, test)
    assert scorer.floor["parzen"] == pytest.approx(floor.log_likelihood)
    assert scores["fid"] > 2 * scorer.floor["fid"]
    json.dumps(scores, allow_nan=False)
    table = format_scores(scores, scorer.floor)
    for key, name, form in ROWS:
        assert f"{name:18}{scores[key]:>12{form}}{scorer.floor[key]:>14{form}}" in table
    assert "random" not in table


def test_scorer_computes_what_is_asked_for(digits, classifier):
    held_out = synthetic_digits(60, seed=9)
    images = held_out.batch(np.arange(40))
    scorer = Scorer(classifier, digits, held_out, scores=("one_nn", "classes"))
    scores = scorer(images)
    keys = {"one_nn", "one_nn_real", "one_nn_generated", "classes", "kl", "class_entropy"}
    assert set(scores) == {"count", "features", "histogram"} | keys
    assert scores["count"] == 40  # fewer than the floor's, and the table says so
    assert "images                      40            60" in format_scores(scores, scorer.floor)
    assert set(CHEAP) < set(SCORES)
    assert scorer.classifier is classifier
    partly = format_scores(scores, {"count": 60})
    assert f"1-NN accuracy     {scores['one_nn']:12.4f}             -" in partly
    with pytest.raises(ValueError, match=r"no score is named 'fdi'; there are \['classes', "):
        Scorer(classifier, digits, held_out, scores=("fdi",))
    with pytest.raises(ValueError, match="2000 reference and 1 held_out images, expected 2"):
        Scorer(classifier, digits, hold_out(held_out, 1)[1])
    with pytest.raises(ValueError, match="count must be a positive integer, got 0"):
        Scorer(classifier, digits, held_out, count=0)


def test_each_floor_is_computed_once(digits, classifier, monkeypatch):
    held_out, calls = synthetic_digits(60, seed=9), []
    for name in SCORES:
        monkeypatch.setitem(SCORES, name, lambda s, r, name=name: calls.append(name) or {name: 1})
    scorer = Scorer(classifier, digits, held_out, scores=("fid",))
    assert calls == ["fid"]
    scorer(held_out.batch([1, 2, 3, 4]))
    assert calls == ["fid"] * 2
    scorer.all(held_out.batch([1, 2, 3, 4]))
    scorer.all(held_out.batch([1, 2, 3, 4]))
    assert {name: calls.count(name) for name in SCORES} == dict.fromkeys(SCORES, 3) | {"fid": 4}


def test_scorer_without_labels(rng):
    images = rng.integers(0, 256, (90, 3, 16, 16), np.uint8)
    reference, held_out = hold_out(Dataset(images, None, "noise"), 40)
    scorer = Scorer(RandomFeatures(3).fit(reference), reference, held_out)
    assert scorer.classes is None
    with pytest.raises(TypeError, match="the features are no classifier"):
        scorer.classifier  # noqa: B018
    scores = scorer.all(np.zeros((50, 3, 16, 16), np.float32))
    assert scores["count"] == 40
    missing = {"classes", "histogram", "kl", "class_entropy", "inception_score", "m_is"}
    assert not missing & set(scores)
    assert scores["fid"] > 5 * scorer.floor["fid"]
    assert (scores["recall"], scores["one_nn"]) == (0, 1)
    json.dumps(scores, allow_nan=False)
    table = format_scores(scores, scorer.floor)
    assert "per class" not in table
    assert table.endswith(
        "seen through random features (a net of fixed random weights): the floor is the only "
        "yardstick"
    )


def test_hold_out_parts_the_data(rng):
    images = np.arange(31 * 4, dtype=np.uint8).reshape(31, 1, 2, 2)
    data = Dataset(images, np.arange(31), "pictures")
    reference, held_out = hold_out(data, 10)
    assert (len(reference), len(held_out), held_out.name) == (21, 10, "pictures")
    both = np.concatenate([reference.labels, held_out.labels])
    assert sorted(both.tolist()) == list(range(31))
    np.testing.assert_array_equal(held_out.images, images[held_out.labels])
    assert held_out.labels.tolist() != list(range(10))  # drawn at random
    assert hold_out(data, 10)[1].labels.tolist() == held_out.labels.tolist()
    assert hold_out(data, 10, seed=1)[1].labels.tolist() != held_out.labels.tolist()
    assert len(hold_out(data)[1]) == 15  # at most half
    assert hold_out(Dataset(images, None, "pictures"))[0].labels is None
    with pytest.raises(ValueError, match="pictures has 3 images, expected 4 or more"):
        hold_out(Dataset(images[:3], None, "pictures"))
    with pytest.raises(ValueError, match="count must be a positive integer"):
        hold_out(data, 0)


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


def test_the_page_on_metrics_names_what_there_is():
    page = (Path(__file__).resolve().parent.parent / "docs" / "metrics.md").read_text("utf-8")
    called = set(re.findall(r"`([a-z_]+)\(", page))
    scores = {"modified_inception_score", "kernel_distance", "parzen_score", "mode_coverage"}
    assert scores < called
    assert called <= set(tinygan.metrics.__all__)
    keys = {key for key, _, _ in ROWS}
    assert set(re.findall(r"`(one_nn\w*)`", page)) <= keys
