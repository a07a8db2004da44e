"""Features for a linear classifier, object dropout, and maps of latent vectors."""

import sys

import needs
import numpy as np
import pytest

from tinygan import explore, nn
from tinygan.models import DCGAN


@pytest.fixture
def sklearn():
    return needs.scikit_learn()


@pytest.fixture
def model():
    return DCGAN(image_size=28, width=4, latent_size=6)


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)  # import raises
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(ImportError, match="scikit-learn: pip install scikit-learn"):
        explore.project(np.eye(4), "tsne")


# Features


def test_pooling_to_a_grid_that_divides_the_maps(rng):
    maps = rng.standard_normal((2, 3, 8, 12))
    expected = maps.reshape(2, 3, 4, 2, 4, 3).max((3, 5))
    assert np.array_equal(explore.pool_to_grid(maps), expected)


def test_pooling_to_a_grid_that_does_not_divide_the_maps():
    row = np.array([5.0, 1, 2, 3, 0, 4, 6])
    maps = np.tile(row, (1, 1, 2, 1))
    # Cells of 7 / 4: columns 0-1, 1-3, 3-5, 5-6.
    assert explore.pool_to_grid(maps, (1, 4)).ravel().tolist() == [5, 3, 4, 6]
    # Fewer columns than cells: each is repeated.
    assert explore.pool_to_grid(maps[..., :2], (1, 4)).ravel().tolist() == [5, 5, 1, 1]
    with pytest.raises(ValueError, match="pool_to_grid: size must be an integer >= 1"):
        explore.pool_to_grid(maps, 0)


def test_features_are_the_pooled_maps_of_all_convolutions(model, rng):
    net = model.discriminator
    images = rng.uniform(-1, 1, (5, 1, 28, 28)).astype(np.float32)
    found = explore.discriminator_features(net, images, batch_size=2)
    assert found.dtype == np.float32
    assert found.shape == (5, (4 + 8 + 16) * 16)
    layers = list(net)
    first = explore.outputs(nn.Sequential(*layers[:2]), images)
    second = explore.outputs(nn.Sequential(*layers[:5]), images)
    third = explore.outputs(nn.Sequential(*layers[:8]), images)
    expected = [explore.pool_to_grid(maps).reshape(5, -1) for maps in (first, second, third)]
    assert np.array_equal(found, np.concatenate(expected, axis=1))
    assert net.training


def blobs(rng, count, dimensions, distance):
    """Three classes around three far corners."""
    labels = np.arange(count) % 3
    features = rng.standard_normal((count, dimensions))
    features[np.arange(count), labels] += distance
    return features, labels


def test_separable_classes_are_read_without_an_error(sklearn, rng):
    x, y = blobs(rng, 60, 5, 20.0)
    test_x, test_y = blobs(rng, 90, 5, 20.0)
    c = explore.choose_regularisation(x, y)
    assert explore.svm_accuracy(x, y, test_x, test_y, c) == 1
    # What is not in the features cannot be read from them.
    chance = explore.svm_accuracy(x, rng.permutation(y), test_x, test_y, c)
    assert chance < 0.8


def test_few_rows_in_many_dimensions_are_rotated_without_changing_the_svm(sklearn, rng):
    from sklearn.svm import LinearSVC

    x, y = blobs(rng, 30, 200, 3.0)
    test_x, test_y = blobs(rng, 300, 200, 3.0)
    scale = 1 / np.linalg.norm(x, axis=1).mean()
    plain = LinearSVC(C=0.5, dual=False).fit(x * scale, y).score(test_x * scale, test_y)
    assert 0.4 < plain < 0.9
    assert explore.svm_accuracy(x, y, test_x, test_y, 0.5) == plain
    # The scale of the features does not matter, as C is relative to their length.
    assert explore.svm_accuracy(x * 1000, y, test_x * 1000, test_y, 0.5) == plain


def test_regularisation_is_chosen_by_cross_validation(sklearn, rng):
    x, y = blobs(rng, 300, 40, 1.5)  # noisy: strong regularisation reads best
    assert explore.choose_regularisation(x, y) == 0.1
    with pytest.raises(ValueError, match=r"3 labels each, got counts \[2, 2, 2\]"):
        explore.choose_regularisation(x[:6], y[:6])


def test_draws_are_balanced_and_repeatable(rng):
    labels = rng.integers(0, 4, 200)
    chosen = explore.balanced_draw(labels, 20, seed=3)
    assert np.bincount(labels[chosen]).tolist() == [5] * 4
    assert len(set(chosen)) == 20
    assert np.array_equal(chosen, explore.balanced_draw(labels, 20, seed=3))
    assert not np.array_equal(chosen, explore.balanced_draw(labels, 20, seed=4))
    with pytest.raises(ValueError, match=r"count: expected a multiple of 4 classes.* got 21"):
        explore.balanced_draw(labels, 21)


def test_more_labels_read_better_and_the_same_draws_serve_all_features(sklearn, rng):
    x, y = blobs(rng, 400, 50, 2.0)
    test_x, test_y = blobs(rng, 500, 50, 2.0)
    found = explore.accuracy_by_labels(x, y, test_x, test_y, (9, 300), draws=3, seed=5)
    assert found[9].shape == found[300].shape == (3,)
    assert len(set(found[9])) == 3  # three draws, not one thrice
    assert found[9].mean() + 0.2 < found[300].mean()
    again = explore.accuracy_by_labels(3 * x, y, 3 * test_x, test_y, (9,), draws=3, seed=5)
    assert np.array_equal(again[9], found[9])


def test_the_svm_rejects(rng):
    x, y = blobs(rng, 9, 4, 1.0)
    with pytest.raises(ValueError, match=r"svm_accuracy: features: expected labels to be 9 integ"):
        explore.svm_accuracy(x, y[:5], x, y, 1.0)
    with pytest.raises(ValueError, match="test_features: expected 4 columns, got 3"):
        explore.svm_accuracy(x, y, x[:, :3], y, 1.0)


# Object dropout


def test_boxes_become_places_of_the_maps():
    boxes = np.array([[1, 0, 4, 4, 8], [0, 5, 5, 7, 7], [0, 0, 0, 1, 1]])
    inside = explore.inside_boxes(boxes, 2, (8, 8), (4, 4))
    assert inside.shape == (2, 4, 4)
    assert np.argwhere(inside[1]).tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]
    # Places are centred at 1, 3, 5 and 7: the first box has 5, the other none.
    assert np.argwhere(inside[0]).tolist() == [[2, 2]]
    with pytest.raises(ValueError, match=r"expected integers \(m, 5\).* got float64"):
        explore.inside_boxes(boxes * 1.0, 2, (8, 8), (4, 4))
    with pytest.raises(ValueError, match="boxes: expected images 0 to 0, got 0 to 1"):
        explore.inside_boxes(boxes, 1, (8, 8), (4, 4))


class Pixels(nn.Module):
    """The sum of the first two maps, shown as an image with values -1 and 1."""

    def forward(self, x):
        return (x[:, :1] + x[:, 1:2]) * 2.0 - 1.0


@pytest.fixture
def planted():
    """A generator of 8x8 images whose map 0 is a bar in row 2, map 1 a bar in column 6, each there
    or not by the sign of an entry of z; maps 2 to 5 are noise that does not show."""
    bars = np.zeros((8, 6, 64), np.float32)
    bars[0, 0].reshape(8, 8)[2, :6] = 1
    bars[1, 1].reshape(8, 8)[:, 6] = 1
    for extra in range(2, 6):
        bars[extra, extra] = 1
    linear = nn.Linear(8, 6 * 64, bias=False)
    linear.weight.array[...] = bars.reshape(8, -1).T
    convolution = nn.Conv2d(6, 6, 1, bias=False)
    convolution.weight.array[...] = np.eye(6)[:, :, None, None]
    last = nn.Conv2d(6, 6, 1, bias=False)
    last.weight.array[...] = np.eye(6)[:, :, None, None]
    return nn.Sequential(
        linear, nn.Unflatten(1, (6, 8, 8)), convolution, nn.ReLU(), last, nn.Sequential(Pixels())
    )


def row_bar(images):
    return explore.has_bar(images, 6)


def test_the_map_of_an_object_is_found_and_dropped(sklearn, planted, rng):
    z = rng.choice([-1.0, 1.0], (200, 8)).astype(np.float32)
    images = explore.outputs(planted, z)
    assert np.array_equal(row_bar(images), z[:, 0] > 0)
    boxes = explore.bars(images, 6)
    dropped = explore.object_maps(planted, z, boxes, elsewhere=images[:, 0] > 0)
    assert 0 in dropped
    assert 1 not in dropped
    assert np.array_equal(row_bar(explore.without_maps(planted, z, dropped)), [False] * 200)
    rates = explore.drop_rates(planted, z, [0], row_bar, draws=200)
    share = (z[:, 0] > 0).mean()
    assert rates["all maps"] == pytest.approx((share, (share * (1 - share) / 199) ** 0.5))
    assert rates["dropped"] == (0, 0)
    # One random map is the one of the bar in 1 of 6 draws.
    assert rates["random maps dropped"].mean / share == pytest.approx(5 / 6, abs=0.08)
    row_only = (images[:, 0] > 0) & (np.arange(8) == 2)[:, None] & (np.arange(8) < 6)
    with pytest.raises(ValueError, match="outside: no place is marked"):
        explore.object_maps(planted, z, boxes, elsewhere=row_only)
    # Columns are another object; its rate does not change.
    columns = explore.drop_rates(
        planted, z, [0], lambda x: explore.has_bar(x.transpose(0, 1, 3, 2), 8), draws=2
    )
    assert columns["dropped"] == columns["all maps"]


def test_weights_have_the_sign_of_what_a_map_speaks_for(sklearn, rng):
    inside = rng.random((20, 5, 5)) < 0.3
    maps = 0.1 * rng.standard_normal((20, 3, 5, 5))
    maps[:, 0] += inside
    maps[:, 1] -= inside
    weights = explore.object_weights(maps, inside)
    assert weights.shape == (3,)
    assert weights[0] > 1
    assert weights[1] < -1
    assert abs(weights[2]) < 1
    # Told from part of the rest only: map 1 says nothing there.
    outside = ~inside & (np.arange(5) < 2)
    maps[:, 2] += np.where(inside | outside, 0.0, 5.0)
    assert abs(explore.object_weights(maps, inside, outside)[2]) < 1


def test_dropping_no_map_changes_nothing_and_dropping_all_leaves_the_bias(model, rng):
    z = rng.uniform(-1, 1, (5, 6)).astype(np.float32)
    images = explore.outputs(model.generator, z)
    assert np.array_equal(explore.without_maps(model.generator, z, [], batch_size=2), images)
    model.generator[10].bias.array[...] = 0.5
    blank = explore.without_maps(model.generator, z, range(4))
    assert blank == pytest.approx(np.full((5, 1, 28, 28), np.tanh(0.5)), abs=1e-6)
    assert model.generator.training


def test_dropout_rejects(model, rng):
    z = rng.uniform(-1, 1, (5, 6))
    with pytest.raises(IndexError, match=r"dropped: expected indices below 4, got \[4\]"):
        explore.without_maps(model.generator, z, [4])
    maps, inside = np.zeros((2, 3, 4, 4)), np.zeros((2, 4, 4), bool)
    with pytest.raises(ValueError, match="object_weights: inside: no place is marked"):
        explore.object_weights(maps, inside)
    with pytest.raises(ValueError, match="object_weights: outside: no place is marked"):
        explore.object_weights(maps, ~inside)
    with pytest.raises(ValueError, match=r"inside: expected bool \(2, 4, 4\), got int64 \(2, 4\)"):
        explore.object_weights(maps, np.zeros((2, 4), int))
    with pytest.raises(ValueError, match=r"elsewhere: expected bool \(5, 28, 28\), got bool \(5,"):
        explore.object_maps(
            model.generator, z, np.zeros((0, 5), int), elsewhere=np.zeros((5, 3), bool)
        )


# Maps of latent vectors


def test_pca_is_the_projection_on_the_axes_of_largest_variance(rng):
    basis = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    spread = np.array([5.0, 3.0, 0.1, 0.1, 0.1, 0.1])
    coordinates = rng.standard_normal((500, 6)) * spread
    points = explore.project(coordinates @ basis.T + 10)
    centred = coordinates - coordinates.mean(0)
    assert points.mean(0) == pytest.approx([0, 0], abs=1e-9)
    for axis in range(2):
        correlation = np.corrcoef(points[:, axis], centred[:, axis])[0, 1]
        assert abs(correlation) > 0.999
    variances = np.linalg.eigvalsh(np.cov(coordinates @ basis.T, rowvar=False))
    assert points.var(0, ddof=1) == pytest.approx(variances[:-3:-1])
    expected = variances[-2:].sum() / variances.sum()
    assert explore.explained_variance(coordinates @ basis.T) == pytest.approx(expected)
    # The sign is fixed: mirrored data is shown mirrored back or forth, not at random.
    assert np.array_equal(points, explore.project(coordinates @ basis.T + 10))


def test_tsne_keeps_groups_together_and_repeats_itself(sklearn, rng):
    labels = np.arange(30) % 3
    means = rng.standard_normal((30, 8)) + 30 * np.eye(8)[labels]
    points = explore.project(means, "tsne", seed=2)
    assert points.shape == (30, 2)
    assert explore.neighbour_agreement(points, labels) == (1, pytest.approx(9 / 29))
    assert np.array_equal(points, explore.project(means, "tsne", seed=2))


def test_neighbours_of_known_points():
    points = np.array([[0.0, 0], [0, 1], [5, 0], [5, 1.5], [5, 2.5]])
    labels = np.array([7, 7, 1, 1, 2])
    # The neighbours of the points are points 1, 0, 3, 4 and 3.
    assert explore.neighbour_agreement(points, labels) == (pytest.approx(3 / 5), 4 / 20)


def test_images_are_placed_at_their_points():
    images = np.stack([np.full((1, 2, 2), value) for value in (-1.0, 0.0, 1.0)])
    picture = explore.place_images(images, np.array([[0.0, 0], [1, 0], [0, 2]]), side=10)
    assert picture.shape == (10, 10, 3)
    # x spans half of the picture, y all of it; upwards is up.
    assert (picture[8:10, 2:4] == 0).all()
    assert (picture[8:10, 6:8] == 128).all()
    assert (picture[0:2, 2:4] == 255).all()
    assert (picture == 32).all(2).sum() == 100 - 3 * 4


def test_maps_reject():
    with pytest.raises(ValueError, match="method: expected 'pca' or 'tsne', got 'umap'"):
        explore.project(np.eye(4), "umap")
    with pytest.raises(ValueError, match=r"at least 3 points of 2 dimensions, got shape \(2, 4\)"):
        explore.project(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="explained_variance: means: all are equal"):
        explore.explained_variance(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"images .* and points \(n, 2\), got \(3, 1, 2, 2\)"):
        explore.place_images(np.zeros((3, 1, 2, 2)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="one for each of at least 2 points, got 2 for 4"):
        explore.neighbour_agreement(np.eye(4), np.array([0, 1]))
