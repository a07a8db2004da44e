"""Walks, attributes, arithmetic and class grids, against numbers known beforehand."""

import numpy as np
import pytest

import tinygan
from tinygan import explore, nn
from tinygan.explore import lerp, slerp, smoothness, walk

# Lines and arcs


def test_lerp_is_the_straight_line():
    line = lerp(np.array([0.0, 2.0]), np.array([4.0, 0.0]), 5)
    assert line.array.tolist() == [[0, 2], [1, 1.5], [2, 1], [3, 0.5], [4, 0]]
    assert lerp(tinygan.tensor([0.0, 1.0]), tinygan.tensor([1.0, 1.0]), 2).dtype == np.float32
    assert lerp(np.array([0, 2]), np.array([1, 1]), 3).tolist() == [[0, 2], [0.5, 1.5], [1, 1]]


def test_slerp_walks_at_even_angles_and_mixes_lengths():
    arc = slerp(np.array([2.0, 0.0]), np.array([0.0, 2.0]), 4).array
    angles = np.arange(4) * np.pi / 6
    assert np.allclose(arc, 2 * np.stack([np.cos(angles), np.sin(angles)], 1), rtol=0, atol=1e-15)
    # Shoemake's weights on vectors as they are: at t = 1/2 both get sin(W / 2) / sin(W).
    middle = slerp(np.array([1.0, 0.0]), np.array([0.0, 3.0]), 3).array[1]
    assert middle == pytest.approx([0.5**0.5, 3 * 0.5**0.5], abs=1e-15)


def test_slerp_keeps_the_length_of_normal_vectors_and_lerp_does_not(rng):
    a, b = rng.standard_normal((2, 10_000))
    assert np.linalg.norm(slerp(a, b, 3).array[1]) == pytest.approx(100, rel=0.03)
    assert np.linalg.norm(lerp(a, b, 3).array[1]) == pytest.approx(50**0.5 * 10, rel=0.03)


@pytest.mark.parametrize("b", [[3.0, 6.0], [-1.0, -2.0], [0.0, 0.0], [1.0, 2.0 + 1e-9]])
def test_slerp_of_parallel_opposite_and_zero_vectors_is_the_line(b):
    a, b = np.array([1.0, 2.0]), np.array(b)
    assert np.array_equal(slerp(a, b, 7).array, lerp(a, b, 7).array)


def test_slerp_of_a_small_angle_is_accurate():
    angle = 1e-4
    arc = slerp(np.array([1.0, 0.0]), np.array([np.cos(angle), np.sin(angle)]), 3).array
    assert arc[1] == pytest.approx([np.cos(angle / 2), np.sin(angle / 2)], rel=1e-10)


def test_walks_meet_every_point_once():
    points = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 4.0]])
    path = walk(tinygan.tensor(points), 3)
    assert path.array.tolist() == [[0, 0], [1, 0], [2, 0], [2, 2], [2, 4]]
    assert walk(points + 1, 5, slerp).shape == (9, 2)
    assert np.array_equal(walk(points + 1, 5, slerp).array[[0, 4, 8]], points + 1)


def test_smoothness_is_the_largest_step_over_the_mean_step():
    found = smoothness(np.array([0.0, 1.0, 2.0, 3.0, 10.0])[:, None])
    assert found == (7 / 2.5, 2.5, 7.0)
    # Distances are Euclidean over all of an image: 3-4-5.
    images = np.cumsum(np.tile(np.array([3.0, 4.0]).reshape(1, 1, 1, 2), (4, 1, 1, 1)), axis=0)
    assert smoothness(images) == (1.0, 5.0, 5.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lerp(np.zeros(2), np.zeros(3), 4), r"lerp: a has shape \(2,\), b has \(3,\)"),
        (lambda: slerp(np.zeros(2), np.zeros(3), 4), r"slerp: a has shape \(2,\), b has \(3,\)"),
        (lambda: lerp(np.zeros(2), np.ones(2), 1), "lerp: steps: expected .* at least 2, got 1"),
        (lambda: lerp(np.zeros(2), np.ones(2), 2.5), "lerp: steps: expected an integer"),
        (lambda: slerp(np.array([np.nan]), np.ones(1), 3), "slerp: a: has values that are not fin"),
        (lambda: walk(np.zeros((1, 2)), 3), "walk: points: expected at least 2, got 1"),
        (lambda: walk(np.zeros(2), 3), r"walk: points: expected 2 dimensions.* got shape \(2,\)"),
        (lambda: smoothness(np.zeros((2, 3))), "smoothness: images: expected at least 3, got 2"),
        (lambda: smoothness(np.ones((4, 3))), "smoothness: images: all are equal"),
    ],
)
def test_walks_reject(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_no_number_is_a_type_error():
    with pytest.raises(TypeError, match="lerp: a: expected a Tensor or array of numbers"):
        lerp("abc", "abc", 3)


# Attributes


def strokes(count=1):
    return np.full((count, 1, 20, 20), -1.0)


@pytest.mark.parametrize("lean", [0.0, 1.0, -1.0, 0.3])
def test_slant_of_a_leaning_line(lean):
    image = strokes()
    for y in range(4, 16):
        x = 10 + lean * (9.5 - y) / 2  # a row of soft pixels whose mean is x
        left = int(np.floor(x))
        image[0, 0, y, left : left + 2] = 2 * np.array([1 - (x - left), x - left]) - 1
    assert explore.slant(image) == pytest.approx([lean / 2], abs=1e-12)


def test_thickness_of_bars():
    images = strokes(3)
    images[0, 0, 5:8] = 1  # rows: 3 pixels thick
    images[1, 0, :, 2:7] = 1  # columns: 5
    images[2, 0, 5:8] = 0  # grey: half the ink on half the contrast is as thick
    assert explore.thickness(images) == pytest.approx([3, 5, 3])
    assert explore.ink(images) == pytest.approx([3 / 20, 5 / 20, 1.5 / 20])


def test_images_without_ink_have_no_attributes():
    assert explore.slant(strokes()).tolist() == [0]
    assert explore.thickness(strokes()).tolist() == [0]
    assert explore.bars(strokes()).shape == (0, 5)


def test_bars_are_runs_of_ink_in_a_row():
    images = strokes(3)
    images[0, 0, 3, 4:13] = 1  # 9 pixels
    images[0, 0, 3, 14:20] = 1  # 6, up to the border
    images[2, 0, 19, 0:20] = 0.5
    images[2, 0, 7, 0:8] = 1  # 8: too short
    images[1, 0, :, 5] = 1  # a column is no bar
    assert explore.bars(images).tolist() == [[0, 3, 4, 4, 13], [2, 19, 0, 20, 20]]
    assert explore.bars(images, length=6).tolist() == [
        [0, 3, 4, 4, 13], [0, 3, 14, 4, 20], [2, 7, 0, 8, 8], [2, 19, 0, 20, 20],
    ]  # fmt: skip
    assert explore.has_bar(images).tolist() == [True, False, True]
    assert explore.has_bar(images.transpose(0, 1, 3, 2)).tolist() == [False, True, False]


def test_attributes_reject_what_is_no_image():
    with pytest.raises(ValueError, match=r"slant: images: expected 4 dimensions.* \(2, 3\)"):
        explore.slant(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="bars: length: expected an integer of at least 1, got 0"):
        explore.bars(strokes(), 0)


# Arithmetic


class Show(nn.Module):
    """An image that is its latent vector: (n, d) -> (n, 1, 1, d)."""

    def forward(self, z):
        return z.reshape(len(z), 1, 1, z.shape[1])


def attribute(images):
    return images[:, 0, 0, 0]


def sign(images):
    return (images[:, 0, 0, 1] > 0).astype(int)


@pytest.fixture
def latent(rng):
    """Coordinate 0 is the attribute, from without (-1) to with (1); coordinate 1 is the group, +-1;
    28 more are noise."""
    z = rng.standard_normal((400, 30))
    z[:, 0] = rng.choice([-1.0, 0.0, 1.0], 400)
    z[:, 1] = rng.choice([-1.0, 1.0], 400)
    return z


def test_an_attribute_is_carried_over_and_a_random_direction_does_not(latent):
    concepts = explore.draw_concepts(Show(), latent, attribute, -0.5, 0.5, sign, trials=300)
    assert concepts.a.shape == concepts.b.shape == concepts.c.shape == (300, 30)
    assert (concepts.a[:, 0] == 1).all()
    assert (concepts.b[:, 0] == -1).all()
    assert (concepts.c[:, 0] == -1).all()
    assert np.array_equal(concepts.a[:, 1], concepts.b[:, 1])
    assert np.array_equal(concepts.a[:, 1], -concepts.c[:, 1])  # another group
    assert np.array_equal(concepts.group, concepts.c[:, 1] > 0)
    rates = explore.transfer_rates(Show(), concepts, attribute, 0.5, sign)
    assert rates["success"] == rates["group kept"] == (1, 0)
    assert rates["c alone"] == (0, 0)
    # A direction of length |a - b| = sqrt(4 + 28 * 2/3) = 4.8 in 30 dimensions has an attribute of
    # N(0, 0.87^2), which must be above 1.5: 4 %.
    chance, error = rates["random direction"]
    assert 0.01 < chance < 0.08
    assert error == pytest.approx((chance * (1 - chance) / 299) ** 0.5)
    assert 0.6 < rates["group kept, random direction"].mean < 0.95


def test_concepts_are_means_of_distinct_vectors(latent):
    all_of_them = explore.draw_concepts(
        Show(), latent, attribute, -0.5, 0.5, per_concept=int((latent[:, 0] > 0).sum()) // 3,
        trials=2,
    )  # fmt: skip
    assert (np.abs(all_of_them.b[:, 2:]) < 0.6).all()  # means of more than 60 normal numbers
    # In one group, b and c share nothing: with half of the vectors each, they make up the pool.
    without = latent[latent[:, 0] < 0]
    without = without[: len(without) // 2 * 2]
    pool = np.concatenate([without, latent[latent[:, 0] > 0]])
    half = explore.draw_concepts(
        Show(), pool[: len(without) * 2], attribute, -0.5, 0.5, per_concept=len(without) // 2,
        trials=1,
    )  # fmt: skip
    assert (half.b[0] + half.c[0]) / 2 == pytest.approx(without.mean(0), abs=1e-6)


def test_the_seed_decides_the_draw(latent):
    first, again, other = (
        explore.draw_concepts(Show(), latent, attribute, -0.5, 0.5, trials=5, seed=seed)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.result, again.result)
    assert not np.array_equal(first.result, other.result)


def test_arithmetic_rejects(latent):
    draw = explore.draw_concepts
    with pytest.raises(ValueError, match="low must be below high, got 1 and 1"):
        draw(Show(), latent, attribute, 1, 1)
    with pytest.raises(ValueError, match="per_concept: expected an integer of at least 1, got 0"):
        draw(Show(), latent, attribute, 0, 1, per_concept=0)
    with pytest.raises(ValueError, match=r"expected 3 images with and without.* \{0: \(0, 400\)\}"):
        draw(Show(), latent, attribute, 2, 3)
    with pytest.raises(ValueError, match=r"score: expected one number for each of 400 images"):
        draw(Show(), latent, lambda images: images, 0, 1)
    with pytest.raises(ValueError, match=r"latent: expected 2 dimensions"):
        draw(Show(), latent[0], attribute, 0, 1)


# Grids by class


class Paint(nn.Module):
    """2x2 images of 10 label + z."""

    def forward(self, z, labels):
        tone = z[:, :1] + (labels.float() * 10.0).reshape(len(z), 1)
        return tone.reshape(len(z), 1, 1, 1).expand(len(z), 1, 2, 2)


def test_conditional_grid_has_a_class_in_a_row_and_a_vector_in_a_column():
    images = explore.conditional_grid(Paint(), np.array([[1.0], [2.0]], np.float32), classes=3)
    assert images.shape == (6, 1, 2, 2)
    assert images[:, 0, 0, 0].tolist() == [1, 2, 11, 12, 21, 22]


def test_sorted_grid_takes_the_first_of_each_class_and_leaves_gaps():
    images = np.arange(5.0).reshape(5, 1, 1, 1)
    rows = explore.sorted_grid(images, np.array([2, 0, 2, 2, 0]), classes=3, columns=2)
    assert rows.reshape(3, 2).tolist() == [[1, 4], [-1, -1], [0, 2]]
    with pytest.raises(ValueError, match="labels: expected 0 to 1, got 0 to 2"):
        explore.sorted_grid(images, np.array([2, 0, 2, 2, 0]), classes=2, columns=2)
    with pytest.raises(ValueError, match="labels: expected 5 integers, one per image, got 2"):
        explore.sorted_grid(images, np.array([0, 1]), classes=2, columns=2)
