"""Which pictures look alike, and a split that keeps those together."""

from __future__ import annotations

import numpy as np
import pytest

from tinygan.data import lookalikes
from tinygan.data.lookalikes import equal, nearly_equal, split


@pytest.mark.parametrize("block", [2, 512])
@pytest.mark.parametrize("side", [5, 10])
def test_nearly_equal_finds_the_pairs_that_the_formula_says(rng, monkeypatch, block, side):
    monkeypatch.setattr(lookalikes, "BLOCK", block)
    ink = rng.integers(0, 200, (7, 3, 10, 10), np.uint8)
    ink[5] = ink[1]
    ink[6] = ink[2] + rng.integers(0, 20, ink[2].shape, np.uint8)
    ink[4] = np.round(ink[3] * 0.861)  # 0.019 of the larger one's square, 0.026 of the smaller
    ink[0] = 0
    small = ink.astype(float)
    if side == 5:
        small = small.reshape(7, 3, 5, 2, 5, 2).sum(axis=(3, 5))
    small = small.reshape(7, -1)
    squares = (small**2).sum(axis=1)
    expected = [
        (a, b) for a in range(7) for b in range(a + 1, 7)
        if ((small[a] - small[b]) ** 2).sum() <= 0.02 * min(squares[a], squares[b])
    ]  # fmt: skip
    assert expected == [(1, 5), (2, 6)]
    assert sorted(nearly_equal(ink, side, 0.02)) == expected


def test_a_side_that_does_not_divide_the_size():
    ink = np.zeros((2, 1, 7, 7), np.uint8)
    ink[:, 0, 6, 6] = 9, 200  # in the last, smaller square
    assert nearly_equal(ink, 4, 0.02) == []
    assert nearly_equal(ink[[0, 0]], 4, 0.02) == [(0, 1)]


def test_equal_pairs_each_with_the_first_of_its_kind():
    assert equal([b"a", b"b", b"a", b"c", b"a", b"b"]) == [(0, 2), (0, 4), (1, 5)]


def test_a_split_keeps_connected_pairs_together():
    pairs = [(0, 3), (0, 5), (3, 7), (8, 9), (20, 21), (21, 0)]
    seen = set()
    for seed in range(20):
        train, other = split(40, pairs, 0.25, seed)
        assert train.dtype == other.dtype == np.int64
        assert sorted([*train, *other]) == list(range(40))
        assert (np.diff(train) > 0).all() and (np.diff(other) > 0).all()
        assert len(other) == 10  # single ones fill it up
        for a, b in pairs:
            assert (a in other) == (b in other)
        again = split(40, pairs, 0.25, seed)
        np.testing.assert_array_equal(again[1], other)
        seen.add(tuple(other))
    assert len(seen) == 20


def test_a_split_without_a_held_out_part():
    train, other = split(5, [(0, 1)], 0, 0)
    assert (train.tolist(), other.tolist(), other.dtype) == ([0, 1, 2, 3, 4], [], np.int64)


@pytest.mark.parametrize(
    ("held_out", "seed", "error", "message"),
    [
        (1.0, 0, ValueError, "held_out is 1.0; expected a share of 0 or more and less than 1"),
        (-0.1, 0, ValueError, "held_out is -0.1"),
        (float("nan"), 0, ValueError, "held_out is nan"),
        ("a", 0, TypeError, "held_out is 'a'; expected a number"),
        (0.1, -1, ValueError, "seed is -1; expected 0 or more"),
        (0.1, 1.5, TypeError, "seed is 1.5; expected an int"),
    ],
)
def test_what_a_split_refuses(held_out, seed, error, message):
    with pytest.raises(error, match=message):
        split(5, [], held_out, seed)
