"""Winograd's transforms, the tiles, and every way in which the rung cuts its work."""

from __future__ import annotations

import numpy as np
import pytest

from tinygan.kernels.conv2d import conv2d, conv2d_weight_grad, conv_transpose2d, winograd
from tinygan.kernels.conv2d import winograd_gradient as gradient
from tinygan.kernels.conv2d.minimal_filtering import SIZES, segments, tables, tiles
from tinygan.kernels.ladder import relative_error

LADDERS = [conv2d, conv_transpose2d, conv2d_weight_grad]
CASE = dict(n=31, c=34, k=35, size=(14, 11), kernel=(4, 4), stride=(2, 2), padding=(1, 1))


def rung(ladder, name):
    return next(rung for rung in ladder.rungs if rung.name == name)


@pytest.mark.parametrize("m", SIZES)
def test_the_tables_filter_exactly(m, rng):
    taps, inputs, outputs = tables(m)
    g, d = rng.standard_normal(2), rng.standard_normal(m + 1)
    expected = g[0] * d[:-1] + g[1] * d[1:]
    np.testing.assert_allclose(outputs @ ((taps @ g) * (inputs @ d)), expected, atol=1e-13)
    assert taps.shape == (m + 1, 2) and outputs.shape == (m, m + 1)


@pytest.mark.parametrize("m", SIZES)
def test_tiles_of_all_sizes_share_the_points(m):
    largest, _, _ = tables(max(SIZES))
    taps, _, outputs = tables(m)
    np.testing.assert_array_equal(taps, largest[: m + 1])
    np.testing.assert_array_equal(outputs[:, 1], 1)  # the bias is added at point 1


@pytest.mark.parametrize(
    ("outputs", "sizes"),
    [(1, [2]), (2, [2]), (3, [3]), (4, [4]), (5, [2, 3]), (6, [3, 3]), (7, [3, 4]), (8, [4, 4]),
     (9, [3, 3, 3]), (16, [4, 4, 4, 4])],
)  # fmt: skip
def test_a_row_is_cut_with_the_fewest_products(outputs, sizes):
    assert [size for _, size in segments(outputs)] == sizes


@pytest.mark.parametrize("outputs", [*range(40), 401, 5000])
def test_a_row_is_covered_once(outputs):
    pieces = segments(outputs)
    ends = [first + size for first, size in pieces]
    assert [first for first, _ in pieces] == [0, *ends][: len(pieces)]
    assert outputs <= ([0, *ends])[-1] <= outputs + (outputs == 1)
    assert sum(size + 1 for _, size in pieces) <= 1.25 * outputs + 2


def test_tiles_by_kind():
    kinds, origins = tiles((7, 9))
    assert kinds.tolist() == [[4, 3, 3, 0], [3, 3, 3, 3]]
    assert origins.tolist() == [[3, 0], [3, 3], [3, 6], [0, 0], [0, 3], [0, 6]]
    assert [len(array) for array in tiles((0, 5))] == [0, 0]


# Constants that decide how work is cut; a value of 1 cuts as finely as possible.
WAYS = {
    "some images a task": {"PRIVATE_BYTES": 1},
    "some images a task, as many as registers": {"PRIVATE_BYTES": 1 << 20, "TASKS": 1},
    "some channels a task": {"TASKS": 10**9},
    "some channels of an image a task": {"TASKS": 10**9, "SHARED_BYTES": 1},
    "some channels of some images a task": {"TASKS": 10**9, "TASK_TILES": 10},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ladder", LADDERS[:2], ids=lambda ladder: ladder.name)
def test_however_the_work_is_cut(ladder, way, rng, monkeypatch):
    for name, value in WAYS[way].items():
        monkeypatch.setattr(winograd, name, value)
    args, options = ladder.make(rng, np.dtype("float64"), **CASE)
    result = rung(ladder, "winograd")(*args, **options)
    assert relative_error(result, ladder.reference(*args, **options)) < 1e-12


@pytest.mark.parametrize("tasks", [1, 8, 100])
def test_however_the_sums_are_cut(tasks, rng, monkeypatch):
    monkeypatch.setattr(gradient, "TASKS", tasks)
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
    "change",
    [dict(kernel=(3, 3)), dict(kernel=(4, 3)), dict(stride=(1, 1)), dict(stride=(2, 1)),
     dict(c=3), dict(k=1), dict(n=0), dict(n=2), dict(n=1000, size=(2, 8))],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: ladder.name)
def test_it_covers_what_it_can_and_pays(ladder, change, rng):
    for case, expected in ((CASE, True), (CASE | change, False)):
        args, options = ladder.make(rng, np.dtype("float32"), **case)
        assert rung(ladder, "winograd").covers(*args, **options) is expected
