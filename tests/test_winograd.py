"""Winograd's transforms, the tiles, and every way in which the rung cuts its work."""

from __future__ import annotations

import numpy as np
import pytest

from tinygan.kernels.conv2d import conv2d, conv2d_weight_grad, conv_transpose2d, winograd
from tinygan.kernels.conv2d import winograd_gradient as gradient
from tinygan.kernels.conv2d.minimal_filtering import (
    INFINITY_AT,
    POINTS,
    TAPS,
    products,
    segments,
    tables,
    tiles,
)
from tinygan.kernels.ladder import relative_error

LADDERS = [conv2d, conv_transpose2d, conv2d_weight_grad]
CASE = dict(n=31, c=34, k=35, size=(14, 11), kernel=(4, 4), stride=(2, 2), padding=(1, 1))


def rung(ladder, name):
    return next(rung for rung in ladder.rungs if rung.name == name)


SIZES = [(points, precision) for precision, numbers in POINTS.items() for points in numbers]


@pytest.mark.parametrize("taps", TAPS)
@pytest.mark.parametrize(("points", "precision"), SIZES)
def test_the_tables_filter_exactly(points, precision, taps, rng):
    at_taps, inputs, outputs = tables(points, taps, precision)
    g, d = rng.standard_normal(taps), rng.standard_normal(points)
    expected = np.correlate(d, g)
    np.testing.assert_allclose(outputs @ ((at_taps @ g) * (inputs @ d)), expected, atol=1e-13)
    assert at_taps.shape == (points, taps) and outputs.shape == (points - taps + 1, points)


@pytest.mark.parametrize("taps", TAPS)
@pytest.mark.parametrize(("points", "precision"), SIZES)
def test_tiles_of_all_sizes_share_the_points(points, precision, taps):
    largest, _, _ = tables(max(POINTS[precision]), taps, precision)
    at_taps, _, _ = tables(points, taps, precision)
    np.testing.assert_array_equal(at_taps, largest[:points])
    # Where the last tap is absent, the products at infinity are zero: they are left out.
    np.testing.assert_array_equal(np.flatnonzero(~at_taps[:, :-1].any(axis=1)), [INFINITY_AT])


@pytest.mark.parametrize("taps", TAPS)
def test_the_points_magnify_rounding_little(taps):
    """How large intermediate values get; 20 and more with -1 and 2 instead of -1/2 and -2."""
    at_taps, inputs, outputs = (np.abs(table) for table in tables(max(POINTS[None]), taps))
    assert (outputs @ (at_taps.sum(1) * inputs.sum(1))).max() < 16


@pytest.mark.parametrize(
    ("outputs", "taps", "sizes"),
    [(1, 2, [2]), (2, 2, [2]), (3, 2, [3]), (4, 2, [4]), (5, 2, [2, 3]), (6, 2, [3, 3]),
     (7, 2, [3, 4]), (8, 2, [4, 4]), (9, 2, [3, 3, 3]), (16, 2, [4, 4, 4, 4]),
     (1, 3, [1]), (2, 3, [2]), (3, 3, [3]), (4, 3, [2, 2]), (5, 3, [2, 3]), (7, 3, [1, 3, 3])],
)  # fmt: skip
def test_a_row_is_cut_with_the_fewest_products(outputs, taps, sizes):
    pieces = segments(outputs, taps)
    assert [size for _, size in pieces] == sizes


@pytest.mark.parametrize("taps", TAPS)
@pytest.mark.parametrize("outputs", [*range(40), 401, 5000])
def test_a_row_is_covered_once(outputs, taps):
    pieces = segments(outputs, taps)
    ends = [first + size for first, size in pieces]
    assert [first for first, _ in pieces] == [0, *ends][: len(pieces)]
    assert outputs <= ([0, *ends])[-1] <= outputs + (outputs == 1)
    assert sum(size + taps - 1 for _, size in pieces) <= {2: 1.25, 3: 5 / 3}[taps] * outputs + 2


def test_tiles_by_kind():
    kinds, origins = tiles((7, 9), 2)
    assert kinds.tolist() == [[5, 4, 3, 0], [4, 4, 3, 3]]
    assert origins[:, :2].tolist() == [[3, 0], [3, 3], [3, 6], [0, 0], [0, 3], [0, 6]]
    assert [len(array) for array in tiles((0, 5), 2)] == [0, 0]


@pytest.mark.parametrize("taps", TAPS)
def test_each_pixel_is_new_to_one_tile(taps):
    """Of the tiles that read a pixel, the first finds it unseen, and all others seen."""
    kinds, origins = tiles((7, 11), taps)
    new = np.zeros((7 + taps - 1, 11 + taps - 1), int)
    reads = np.zeros_like(new)
    for height, width, count, first in kinds:
        for h, w, seen in origins[first : first + count]:
            for pixel in range(height * width):
                at = h + pixel // width, w + pixel % width
                assert bool(seen >> pixel & 1) == bool(reads[at])
                new[at] += not seen >> pixel & 1
                reads[at] += 1
    assert (new == 1).all() and reads.max() > 1


# Constants that decide how work is cut; a value of 1 cuts as finely as possible.
WAYS = {
    "some images a task": {},
    "an image a task": {"TASKS": 31},
    "all images in one task": {"TASKS": 1},
    "one tile at a time": {"CHUNK_TILES": 1},
    "depth in pieces": {"DEPTH": 20},
    "some channels a task": {"WEIGHT_BYTES": 0, "TASK_TILES": 10**9},
    "some channels of an image a task": {"WEIGHT_BYTES": 0, "SHARED_BYTES": 1},
    "some channels of some images a task": {"WEIGHT_BYTES": 0, "TASK_TILES": 30},
    "some channels, depth in pieces": {"WEIGHT_BYTES": 0, "DEPTH": 40},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ladder", LADDERS[:2], ids=lambda ladder: ladder.name)
def test_however_the_work_is_cut(ladder, way, rng, monkeypatch):
    for name, value in WAYS[way].items():
        monkeypatch.setattr(winograd, name, value)
    args, options = ladder.make(rng, np.dtype("float64"), **CASE)
    result = rung(ladder, "winograd")(*args, **options)
    assert relative_error(result, ladder.reference(*args, **options)) < 1e-12


@pytest.mark.parametrize("channels", [20, 64])
@pytest.mark.parametrize("tasks", [1, 8, 100])
def test_however_the_sums_are_cut(tasks, channels, rng, monkeypatch):
    monkeypatch.setattr(gradient, "TASKS", tasks)
    monkeypatch.setattr(gradient, "CHANNELS", channels)
    monkeypatch.setattr(gradient, "TASK_BYTES", 1)
    args, options = conv2d_weight_grad.make(rng, np.dtype("float64"), **CASE)
    result = rung(conv2d_weight_grad, "winograd")(*args, **options)
    expected = conv2d_weight_grad.reference(*args, **options)
    assert relative_error(result, expected) < 1e-12


@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: ladder.name)
def test_rounding_stays_small_for_deep_layers(ladder, rng):
    """float32 sums of thousands of products: a few times the rounding of the plain sum."""
    case = CASE | dict(n=16, c=256, k=512, size=(8, 8))
    args, options = ladder.make(rng, np.dtype("float32"), **case)
    exact = [a.astype("float64") if isinstance(a, np.ndarray) else a for a in args]
    expected = rung(ladder, "panels")(*exact, **options)
    assert relative_error(rung(ladder, "winograd")(*args, **options), expected) < 5e-6


@pytest.mark.parametrize(
    ("change", "expected"),
    [(dict(), True), (dict(kernel=(3, 3), stride=(1, 1)), True),
     (dict(kernel=(5, 6)), True), (dict(kernel=(7, 7), stride=(3, 3)), True),
     (dict(kernel=(4, 4), stride=(1, 1)), False), (dict(kernel=(7, 7)), False),
     (dict(kernel=(1, 1), stride=(1, 1)), False), (dict(stride=(2, 1)), False),
     (dict(c=3), False), (dict(k=15), False), (dict(n=0), False), (dict(n=1), False),
     (dict(n=1000, size=(2, 8)), False)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: ladder.name)
def test_it_covers_what_it_can_and_pays(ladder, change, expected, rng):
    args, options = ladder.make(rng, np.dtype("float32"), **CASE | dict(c=64, k=65) | change)
    assert rung(ladder, "winograd").covers(*args, **options) is expected


def test_products_are_counted():
    """3 = one tile of 5 x 5 points and four phases; a fifth column is absent in two of them."""
    assert products((3, 3), (6, 6), 2) == (4 * 25, 9 * 36, 4 * 25)
    assert products((3, 3), (6, 5), 2) == (2 * 5 * (5 + 4), 9 * 30, 4 * 25)
    assert products((7, 4), (4, 4), 2) == (4 * (5 + 4) * 5, 28 * 16, 4 * 25)
    assert products((4, 4), (2, 2), 1) == (25, 64, 25)


BLOCK = dict(n=20, c=34, k=37, size=(13, 11))


@pytest.mark.parametrize(
    "kernel",
    [((3, 3), 1), ((2, 2), 1), ((2, 3), 1), ((3, 3), 2), ((4, 3), 2), ((2, 4), 2), ((5, 5), 2),
     ((6, 5), 2), ((5, 6), 2), ((3, 6), 2), ((5, 5), 3), ((8, 7), 3), ((9, 9), 3)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("weight_bytes", [0, 1 << 30])
@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: ladder.name)
def test_every_kernel_of_two_or_three_taps(ladder, weight_bytes, kernel, rng, monkeypatch):
    """Also where it does not pay: absent taps in one or both directions, in any phase."""
    monkeypatch.setattr(winograd, "WEIGHT_BYTES", weight_bytes)
    monkeypatch.setattr(winograd, "TASKS", 2)
    size, stride = kernel
    case = BLOCK | dict(kernel=size, stride=(stride,) * 2, padding=(1, 0), after=(0, 2))
    args, options = ladder.make(rng, np.dtype("float64"), **case)
    result = rung(ladder, "winograd")(*args, **options)
    assert relative_error(result, rung(ladder, "numpy")(*args, **options)) < 1e-12


@pytest.mark.parametrize("order", ["rsck", "rskc", "kcrs", "csrk"])
@pytest.mark.parametrize("ladder", LADDERS[:2], ids=lambda ladder: ladder.name)
def test_weights_in_any_order_of_memory(ladder, order, rng):
    """Some are loaded as they lie, some are transposed by blocks, some number by number."""
    case = dict(n=8, c=96, k=64, size=(16, 16), kernel=(4, 4), stride=(2, 2), padding=(1, 1))
    (source, weight, bias), options = ladder.make(rng, np.dtype("float64"), **case)
    expected = rung(ladder, "numpy")(source, weight, bias, **options)
    axes = ["kcrs".index(axis) for axis in order]
    back = [order.index(axis) for axis in "kcrs"]
    weight = np.ascontiguousarray(weight.transpose(axes)).transpose(back)
    result = rung(ladder, "winograd")(source, weight, bias, **options)
    assert relative_error(result, expected) < 1e-12
