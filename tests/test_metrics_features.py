"""What scores look through: random features, a classifier of coloured images, the choice."""

import numpy as np
import pytest
from states import arrays_of

import tinygan
from tinygan.creation import tensor
from tinygan.data import Dataset, synthetic_digits
from tinygan.metrics import (
    Classifier,
    RandomFeatures,
    features_for,
    frechet_distance,
    kernel_distance,
    random_features,
    train_classifier,
)
from tinygan.metrics.feature_net import FeatureNet

FIRST_BITS = [[3192042140, 994460544], [3123860864, 3179456616]]


def blobs(rng, count, size=16):
    """Pictures of a soft round spot on a gradient: (count, 3, size, size) in [-1, 1]."""
    y, x = np.mgrid[:size, :size] / size
    centres, radii = rng.uniform(0.3, 0.7, (2, count, 1, 1)), rng.uniform(0.1, 0.25, (count, 1, 1))
    spots = np.exp(-((x - centres[0]) ** 2 + (y - centres[1]) ** 2) / radii**2)
    colours = rng.uniform(-0.5, 1, (count, 3, 1, 1))
    ground = (x - 0.5) * rng.uniform(-1, 1, (count, 3, 1, 1))
    return np.clip(ground + colours * spots[:, None], -1, 1).astype(np.float32)


def as_dataset(images, labels=None, name="blobs"):
    return Dataset(np.round((images + 1) * 127.5).astype(np.uint8), labels, name)


# --- RandomFeatures ----------------------------------------------------------------------------


def test_random_features_are_he_distributed_and_always_the_same():
    net = RandomFeatures(3)
    weights = list(net.parameters())
    shapes = [(32, 3, 5, 5), (64, 32, 5, 5), (64, 64, 5, 5), (64, 64, 5, 5)]
    assert [w.shape for w in weights] == shapes
    for weight in weights:
        fan_in = np.prod(weight.shape[1:])
        # The variance of a uniform distribution; 2,400 weights or more: 3 % is three deviations.
        assert weight.array.var() * fan_in * 1.04 / 2 == pytest.approx(1, rel=0.05)
        assert abs(weight.array).max() <= np.sqrt(6 / (1.04 * fan_in))
    # The bits of the first weights, wherever this runs.
    first = [w.array.ravel()[:2].view(np.uint32).tolist() for w in weights[:2]]
    assert first == FIRST_BITS
    tinygan.manual_seed(77)
    before = tinygan.devices.generator.get_state()
    again = RandomFeatures(3)
    assert tinygan.devices.generator.get_state() == before
    for a, b in zip(weights, again.parameters(), strict=True):
        np.testing.assert_array_equal(a.array, b.array)


def test_random_features_are_means_and_maxima_of_four_layers(rng):
    net = RandomFeatures(3)
    images = rng.uniform(-1, 1, (3, 3, 28, 28)).astype(np.float32)
    features, probabilities = net.predict(images)
    assert (features.shape, features.dtype, probabilities) == ((3, 448), np.float32, None)
    # The first layer in float64, with a window at each second pixel: 28 pads 1 before, 2 behind.
    padded = np.pad(images.astype(np.float64), ((0, 0), (0, 0), (1, 2), (1, 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), (2, 3))[:, :, ::2, ::2]
    maps = np.einsum("ncyxij,kcij->nkyx", windows, next(net.parameters()).array)
    maps = np.where(maps > 0, maps, 0.2 * maps)
    np.testing.assert_allclose(features[:, :32], maps.mean((2, 3)), atol=1e-5)
    np.testing.assert_allclose(features[:, 32:64], maps.max((2, 3)), atol=1e-5)


def test_fit_standardises_and_can_be_repeated(rng, monkeypatch):
    images = blobs(rng, 60)
    images[:, :, 0, 0] = 0  # a fixed pixel
    data = as_dataset(images)
    net = RandomFeatures(3).fit(data)
    features, _ = net.predict(data.batch(np.arange(60)))
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(features.std(0), 1, atol=1e-5)
    again, _ = net.fit(data).predict(data.batch(np.arange(60)))
    np.testing.assert_array_equal(again, features)
    # Features that all images share are left at 0 instead of being divided by 0.
    black = Dataset(np.zeros((5, 1, 8, 8), np.uint8), None, "black")
    same, _ = RandomFeatures(1).fit(black).predict(black.batch([0, 1]))
    np.testing.assert_array_equal(same, 0)
    # Only some images of a large data set are looked at, from its beginning to its end.
    seen = []
    monkeypatch.setattr(random_features, "FITTED", 4)
    monkeypatch.setattr(Dataset, "batch", lambda self, indices: seen.append(indices) or images[:4])
    net.fit(data)
    assert seen[0].tolist() == [0, 19, 39, 59]


def test_random_features_do_not_depend_on_batch_mates(rng):
    net = RandomFeatures(3).fit(as_dataset(blobs(rng, 30)))
    images = blobs(rng, 20)
    together, _ = net.predict(images)
    others = blobs(rng, 20)
    others[3] = images[3]
    assert np.array_equal(net.predict(others)[0][3], together[3])


def test_random_features_rank_damage(rng):
    """Images of one kind lie closer than damaged ones, blurred ones closer than shuffled ones."""
    images, other = blobs(rng, 400), blobs(rng, 400)
    net = RandomFeatures(3).fit(as_dataset(images))
    features, _ = net.predict(images)
    blurred = other
    for axis in (2, 3, 2, 3):
        blurred = (np.roll(blurred, 1, axis) + blurred + np.roll(blurred, -1, axis)) / 3
    noised = np.clip(other + 0.2 * rng.standard_normal(other.shape), -1, 1).astype(np.float32)
    shuffled = rng.permuted(other.reshape(400, 3, -1), axis=2).reshape(other.shape)
    sets = [net.predict(x)[0] for x in (other, blurred, noised, shuffled)]
    for distance in (frechet_distance, lambda x, y: kernel_distance(x, y).distance):
        values = [distance(x, features) for x in sets]
        assert values[0] < 0.7 * min(values[1:])
        assert values[1] < values[3]


# --- Classifier of coloured images -------------------------------------------------------------


def test_a_classifier_of_colours_learns_and_comes_back_from_the_cache(rng, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path))
    labels = rng.integers(0, 3, 300)
    images = 0.3 * blobs(rng, 300)
    images[np.arange(300), labels] += 0.6 * rng.uniform(0.5, 1, (300, 1, 1)).astype(np.float32)
    data = as_dataset(images, labels.astype(np.int64))
    lines: list[str] = []
    net = features_for(data, progress=lines.append)
    assert lines[0] == "scores of blobs look through a classifier of its labels"
    assert isinstance(net, Classifier)
    assert (net.classes, net.description) == (3, "a classifier of 3 classes")
    assert net.accuracy(data) > 0.9  # chance is 1/3
    features, probabilities = net.predict(images[:7])
    assert (features.shape, probabilities.shape) == ((7, 128), (7, 3))
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    lines.clear()
    again = features_for(data, progress=lines.append)
    assert len(lines) == 1  # nothing is trained
    np.testing.assert_array_equal(again.predict(images[:7])[0], features)


@pytest.mark.parametrize(("channels", "size", "maps"), [(1, 28, 7), (3, 28, 7), (3, 64, 8)])
def test_sizes_of_the_classifier(channels, size, maps):
    net = Classifier(5, channels, size)
    linear = list(net.body)[-3]
    assert linear.in_features == (64 if size == 28 else 128) * maps * maps
    images = np.zeros((2, channels, size, size), np.float32)
    assert net(tensor(images)).shape == (2, 5)


def test_the_classifier_refuses_other_sizes():
    with pytest.raises(ValueError, match="size must be 28 or a multiple of 8, got 30"):
        Classifier(10, 1, 30)
    with pytest.raises(ValueError, match="classes must be a positive integer, got 0"):
        Classifier(0)
    data = Dataset(np.zeros((4, 3, 20, 20), np.uint8), np.zeros(4, np.int64), "small")
    with pytest.raises(ValueError, match=r"small has images of shape \(3, 20, 20\) and labels"):
        train_classifier(data)


# --- the choice --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "labels", "reason"),
    [
        ((4, 3, 8, 8), None, "no labels"),
        ((4, 3, 8, 8), np.zeros(4, np.int64), "a single class"),
        ((4, 2, 20, 20), np.arange(4), "images of 20x20, neither 28x28 nor a multiple of 8"),
        ((4, 1, 8, 16), np.arange(4), "images of 8x16, neither 28x28 nor a multiple of 8"),
    ],
)
def test_random_features_are_chosen_and_said_where_no_classifier_fits(rng, shape, labels, reason):
    data = Dataset(rng.integers(0, 256, shape, np.uint8), labels, "data")
    lines: list[str] = []
    net = features_for(data, progress=lines.append)
    assert isinstance(net, RandomFeatures)
    assert net.classes is None
    assert lines == [
        f"scores of data look through random features (data has {reason}): compare them only with "
        "the floor beside them"
    ]
    features, _ = net.predict(data.batch(np.arange(4)))
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(features.std(0), 1, atol=1e-4)


def test_random_features_refuse_bad_channels():
    with pytest.raises(ValueError, match="RandomFeatures: channels must be a positive integer"):
        RandomFeatures(0)
    with pytest.raises(NotImplementedError, match=r"FeatureNet\.features"):
        FeatureNet().features(tensor(np.zeros((1, 1, 8, 8))))


def test_grey_digits_get_the_classifier_they_had(tmp_path, monkeypatch):
    """The net of 28x28 grey images has the names and shapes that cached files hold."""
    state = arrays_of(Classifier())
    assert state["body.0.weight"].shape == (32, 1, 5, 5)
    assert state["body.7.weight"].shape == (128, 64 * 7 * 7)
    assert state["head.weight"].shape == (10, 128)
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path))
    data = synthetic_digits(140, seed=2)
    net = features_for(data, progress=lambda line: None)
    assert (net.classes, type(net)) == (10, Classifier)
