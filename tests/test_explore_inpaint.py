"""Holes, the search in the latent space, the seam: against numbers known beforehand."""

import numpy as np
import pytest

import tinygan
from tinygan import explore, nn
from tinygan.data import synthetic_digits
from tinygan.explore import (
    Fill,
    context_weights,
    hole_psnr,
    holes,
    poisson_blend,
    search_latent,
)
from tinygan.models import DCGAN

# Holes


def test_holes_have_their_shape_and_size():
    squares = holes("random", 200, 20, 30, side=7, seed=1)
    for mask in squares:
        y, x = np.nonzero(mask)
        assert len(y) == 49 and np.ptp(y) == np.ptp(x) == 6
    assert len({tuple(np.argwhere(mask)[0]) for mask in squares}) > 40
    assert squares.any((0, 1)).all() and squares.any((0, 2)).all()  # up to every edge
    (centre,) = holes("centre", 1, 28, 28)
    assert centre[7:21, 7:21].all() and centre.sum() == 14 * 14 == 28 * 28 / 4
    halves = holes("half", 100, 8, 8)
    assert (halves.sum((1, 2)) == 32).all()
    assert len(np.unique(halves.reshape(100, -1), axis=0)) == 4
    pixels = holes("pixels", 20, 40, 40)
    assert pixels.mean() == pytest.approx(0.8, abs=0.01)  # 32,000 pixels: deviation 0.002
    assert np.array_equal(squares, holes("random", 200, 20, 30, 7, 1))
    assert not np.array_equal(squares, holes("random", 200, 20, 30, 7, 2))


@pytest.mark.parametrize(("arguments", "message"), [
    (("square", 3, 8, 8), "kind: expected one of centre, random, half, pixels, got 'square'"),
    (("centre", 3, 8, 9, 8), "side: expected less than the image's 8x9 pixels, got 8"),
    (("centre", 3, 8, 8, 0), "side: expected an integer of at least 1, got 0"),
    (("centre", 0, 8, 8), "count: expected an integer of at least 1, got 0"),
])  # fmt: skip
def test_holes_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        holes(*arguments)


def test_a_pixel_weighs_as_much_as_there_is_hole_around_it(rng):
    masks = rng.random((3, 9, 11)) < 0.3
    expected = np.zeros(masks.shape)
    for n, y, x in np.ndindex(masks.shape):
        near = masks[n, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        expected[n, y, x] = 0 if masks[n, y, x] else near.mean()
    np.testing.assert_allclose(context_weights(masks, 5), expected, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="window: expected an odd number, got 4"):
        context_weights(masks, 4)
    with pytest.raises(TypeError, match=r"expected truths \(n, h, w\), got int64"):
        context_weights(masks.astype(int))


# The seam


def test_blending_solves_poissons_equation(rng):
    """Against the matrix, written down pixel by pixel."""
    x, g = rng.uniform(-0.3, 0.3, (2, 2, 2, 6, 7))
    masks = rng.random((2, 6, 7)) < 0.6
    # In exact arithmetic conjugate gradients are done after as many steps as there are unknowns.
    blended = poisson_blend(x, g, masks, tolerance=1e-12, most=int(masks.sum((1, 2)).max()) + 2)
    for n, c in np.ndindex(2, 2):
        missing = [tuple(place) for place in np.argwhere(masks[n])]
        matrix, right = np.zeros((len(missing),) * 2), np.zeros(len(missing))
        for row, (i, j) in enumerate(missing):
            for k, m in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                if not (0 <= k < 6 and 0 <= m < 7):
                    continue
                matrix[row, row] += 1
                right[row] += g[n, c, i, j] - g[n, c, k, m]
                if masks[n, k, m]:
                    matrix[row, missing.index((k, m))] -= 1
                else:
                    right[row] += x[n, c, k, m]
        expected = x[n, c].copy()
        expected[masks[n]] = np.linalg.solve(matrix, right)
        np.testing.assert_allclose(blended[n, c], expected.clip(-1, 1), rtol=0, atol=1e-9)


def test_blending_takes_a_shift_of_brightness_away(rng):
    x = rng.uniform(-0.5, 0.5, (4, 1, 12, 12)).astype(np.float32)
    masks = holes("half", 4, 12, 12)
    blended = poisson_blend(x, x + np.float32(0.3), masks)
    np.testing.assert_allclose(blended, x, rtol=0, atol=2e-4)  # 1e-4 of what it began with
    assert blended.dtype == np.float32
    assert (poisson_blend(x, x + 3, np.zeros_like(masks)) == x).all()  # no hole
    pasted = explore.paste(x, x + 1, masks)
    assert np.array_equal(pasted != x, masks[:, None])


def test_psnr_counts_missing_pixels_only():
    x, y = np.zeros((1, 1, 2, 2)), np.array([[[[0.2, 9.0], [0.4, 9.0]]]])
    mask = np.array([[[True, False], [True, False]]])
    assert hole_psnr(x, y, mask) == pytest.approx(10 * np.log10(4 / 0.1))
    assert hole_psnr(x, x, mask) == float("inf")
    with pytest.raises(ValueError, match="no pixel is missing"):
        hole_psnr(x, y, ~mask & mask)


@pytest.mark.parametrize("call", [poisson_blend, hole_psnr, explore.paste])
def test_masks_that_do_not_fit(call):
    x = np.zeros((2, 1, 3, 3))
    with pytest.raises(TypeError, match="hole: expected truths, True where missing, got float64"):
        call(x, x, np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match=r"hole: expected shape \(2, 3, 3\), got \(3, 3\)"):
        call(x, x, np.zeros((3, 3), bool))
    with pytest.raises(ValueError, match="hole: nothing is known of image 1"):
        call(x, x, np.arange(18).reshape(2, 3, 3) > 8)
    with pytest.raises(ValueError, match=r"filled: expected shape \(2, 1, 3, 3\)"):
        call(x, x[:1], np.zeros((2, 3, 3), bool))


# The search


class Ramp(nn.Module):
    """Images 4x4 of z0 + z1 times the column, beside `classes` of brightness; and a D of them."""

    def __init__(self):
        self.scale = nn.Parameter(tinygan.ones(1))

    def forward(self, z, labels=None):
        column = tinygan.tensor(np.arange(4.0)).to(z.dtype).reshape(1, 1, 1, 4)
        rows = (z[:, :1].reshape(-1, 1, 1, 1) + z[:, 1:].reshape(-1, 1, 1, 1) * column) * self.scale
        rows = rows if labels is None else rows + labels.to(z.dtype).reshape(-1, 1, 1, 1) * 10.0
        return rows.expand(len(z), 1, 4, 4)


class Believer(nn.Module):
    """D's logit: `slope` times the mean of an image."""

    def __init__(self, slope=0.0):
        self.slope = slope

    def forward(self, images, labels=None):
        return images.flatten(1).mean(1, keepdim=True) * self.slope


HALF = np.zeros((5, 4, 4), bool)
HALF[:, :, 2:] = True


def ramps(rng, count=5):
    z = rng.uniform(-0.3, 0.3, (count, 2)).astype(np.float32)
    return z, Ramp()(tinygan.tensor(z)).detach().array


def test_the_search_finds_the_vector_behind_a_hole(rng):
    z, images = ramps(rng)
    seen = np.where(HALF[:, None], 77, images).astype(np.float32)  # the hole is not looked at
    pool = rng.uniform(-0.3, 0.3, (6, 2)).astype(np.float32)
    found = search_latent(Ramp(), Believer(), seen, HALF, pool, steps=300, starts=2, lr=0.02)
    assert found.images.shape == (2, 5, 1, 4, 4) and found.labels is None
    np.testing.assert_allclose(found.latent[0], z, rtol=0, atol=0.01)  # half of the rate
    np.testing.assert_allclose(found.images[0], images, rtol=0, atol=0.03)
    assert (found.context[0] <= found.context[1]).all()
    # A batch of another size, or other images beside it, change rounding only.
    alone = search_latent(Ramp(), Believer(), seen[3:4], HALF[3:4], pool, steps=300, starts=2,
                          lr=0.02, batch_size=1)  # fmt: skip
    np.testing.assert_allclose(alone.latent[:, 0], found.latent[:, 3], rtol=0, atol=1e-4)


def test_classes_come_with_their_start(rng):
    z, images = ramps(rng)
    pool, labels = np.zeros((3, 2), np.float32), np.array([0, 1, 2])
    found = search_latent(Ramp(), Believer(), images + 10, HALF, pool, labels, starts=1, steps=300,
                          lr=0.02)  # fmt: skip
    assert found.labels.tolist() == [[1] * 5]
    np.testing.assert_allclose(found.latent[0], z, rtol=0, atol=0.01)


def test_searches_vote_by_their_context_loss():
    """Two of class 3 together outweigh the best one, of class 5; far ones weigh nothing."""
    context = np.array([[1.0, 2.0], [1.1, 2.1], [1.1, 400.0], [9.0, 400.0]])
    labels = np.array([[5, 1], [3, 0], [3, 0], [5, 0]])
    images = np.arange(8, dtype=np.float32).reshape(4, 2, 1, 1, 1)
    fill = Fill(images, np.zeros((4, 2, 1)), labels, context)
    expected = np.exp(-(context - context[0]) / (0.5 * context[0]))
    expected /= expected.sum(0)
    weights = fill.weights(0.5)
    np.testing.assert_allclose(weights, expected, rtol=1e-12)
    np.testing.assert_allclose(weights.sum(0), 1)
    assert fill.likeliest(0.5).ravel().tolist() == [2.0, 1.0]
    np.testing.assert_allclose(
        fill.mean(0.5).ravel(), (expected * images[:, :, 0, 0, 0]).sum(0), rtol=1e-6
    )
    assert fill._replace(labels=None).likeliest().ravel().tolist() == [0.0, 1.0]
    exact = fill._replace(context=np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [2.0, 1.0]]))
    assert exact.weights().tolist() == [[1.0, 0.5], [0.0, 0.5], [0.0, 0.0], [0.0, 0.0]]


def test_the_prior_pulls_to_what_d_believes(rng):
    """With a D for which bright is real, a pixel's worth of context is given up for it."""
    _, images = ramps(rng)
    pool = np.zeros((1, 2), np.float32)
    options = dict(starts=1, steps=200, lr=0.02)
    without = search_latent(Ramp(), Believer(50), images, HALF, pool, prior=0.0, **options)
    pulled = search_latent(Ramp(), Believer(50), images, HALF, pool, prior=1.0, **options)
    assert (pulled.images.mean((0, 2, 3, 4)) > without.images.mean((0, 2, 3, 4)) + 0.3).all()
    assert (np.abs(pulled.latent) <= 1).all()  # the limit
    free = search_latent(Ramp(), Believer(50), images, HALF, pool, prior=1.0, limit=None,
                         **options)  # fmt: skip
    assert free.latent.max() > 1.5


def test_fixed_numbers_stay_and_nets_are_as_before(rng):
    _, images = ramps(rng)
    pool = np.array([[3.0, 0.0]], np.float32)  # beyond the limit, as a category is
    g = Ramp()
    found = search_latent(g, Believer(1), images, HALF, pool, fixed=1, starts=1, steps=20)
    assert (found.latent[..., 0] == 3).all() and (found.latent[..., 1] != 0).all()
    assert g.scale.grad is None and g.scale.requires_grad and g.training


@pytest.mark.parametrize("classes", [None, 3])
def test_the_search_goes_through_a_dcgan(classes, rng):
    """In evaluation mode, though the nets train: their batch statistics stay."""
    model = DCGAN(width=4, classes=classes)
    state = {name: x.array.copy() for name, x in model.generator.state_dict().items()}
    pool, labels = model.latent(12), None if classes is None else np.arange(12) % classes
    images = rng.uniform(-1, 1, (2, 1, 28, 28)).astype(np.float32)
    hole = holes("pixels", 2, 28, 28)
    begun, found = (
        search_latent(model.generator, model.discriminator, images, hole, pool, labels,
                      starts=2, steps=steps, lr=lr) for steps, lr in ((1, 0.0), (8, 0.1))
    )  # fmt: skip
    assert (found.context < begun.context).all()
    for name, x in model.generator.state_dict().items():
        assert np.array_equal(x.array, state[name]), name


def test_the_search_rejects(rng):
    z, images = ramps(rng)
    for changes, message in (
        (dict(starts=9), "pool: expected at least 9 vectors, got 5"),
        (dict(images=images[:, :, :3]), r"hole: expected shape \(5, 3, 4\), got \(5, 4, 4\)"),
        (dict(images=np.zeros((5, 3, 4, 4))), r"the generator makes \(1, 4, 4\), got \(3, 4, 4\)"),
        (dict(steps=0), "steps: expected an integer of at least 1, got 0"),
        (dict(labels=[0, 1]), "2 labels for 5"),
    ):
        options = dict(images=images, hole=HALF, pool=z) | changes
        with pytest.raises(ValueError, match=message):
            search_latent(Ramp(), Believer(), **options)


# The context encoder


def test_a_context_encoder_learns_to_fill(rng):
    data = synthetic_digits(600, 0)
    lines = []
    train = dict(kinds=("centre",), epochs=8, batch_size=30, width=4, lr=5e-3)
    net = explore.train_context_encoder(data, progress=lines.append, **train)
    images, mask = data.batch(np.arange(100)), holes("centre", 100, 28, 28)
    mean = np.broadcast_to(data.images.mean(0) / 127.5 - 1, images.shape)
    filled = net.fill(images, mask)
    assert hole_psnr(images, filled, mask) > hole_psnr(images, mean, mask) + 0.5
    assert len(lines) == 8 and lines[7].startswith("context encoder epoch 8/8: loss 0.")
    # What lies in the hole is not seen, and the same seed makes the same net.
    other = np.where(mask[:, None], np.float32(0.7), images)
    assert np.array_equal(net.fill(other, mask), filled)
    again = explore.train_context_encoder(data, **train)
    assert np.array_equal(again.fill(images, mask), filled)
