"""Copies into another order of memory: the same values, and the order that was asked for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tinygan.kernels import copies
from tinygan.kernels.copies import contiguous, like
from tinygan.kernels.layout import same_order

SHAPES = [
    (2, 3, 4, 5), (1, 3, 4, 5), (2, 1, 4, 5), (2, 3, 1, 1), (3, 4), (1, 4), (4, 1), (2, 3, 4), (5,),
    (1, 1, 1, 7), (0, 3, 4, 5), (),
]  # fmt: skip


def in_order(rng, shape, order):
    """Random values of this shape whose dimensions lie in memory in this order."""
    back = sorted(range(len(shape)), key=lambda i: order[i])
    return rng.standard_normal([shape[i] for i in order]).transpose(back)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_order_into_any_other(shape, rng):
    orders = list(itertools.permutations(range(len(shape))))
    for order in orders:
        x = in_order(rng, shape, order)
        y = contiguous(x)
        assert y.flags.c_contiguous and y.shape == x.shape and (y == x).all()
        for other in orders:
            model = in_order(rng, shape, other)
            z = like(x, model)
            assert same_order(z, model) and z.shape == x.shape and (z == x).all()


def test_what_has_the_order_already_is_not_copied(rng):
    x = rng.standard_normal((3, 4, 5))
    assert contiguous(x) is x
    assert like(x.T, x.T) is not None and np.shares_memory(like(x.T, x.T), x)


def test_gaps_flips_and_repetitions(rng):
    x = rng.standard_normal((4, 6, 8, 10))
    flipped, repeated = x[::-1].transpose(0, 2, 3, 1), np.broadcast_to(x[:1], x.shape)
    for view in (x[:, ::2, :, ::-1], flipped, repeated):
        y = contiguous(view)
        assert y.flags.c_contiguous and (y == view).all()


def test_channels_and_pixels_change_places_by_the_ladder(monkeypatch, rng):
    used = []
    monkeypatch.setattr(
        copies, "swap_inner", lambda x: used.append(x.shape) or x.transpose(0, 2, 1).copy()
    )
    x = rng.standard_normal((2, 3, 4, 5))
    contiguous(x.transpose(0, 2, 3, 1))  # to channels last
    contiguous(x.transpose(0, 3, 1, 2))  # and back
    like(x, x.transpose(0, 1, 3, 2).copy().transpose(0, 1, 3, 2))  # weights of two convolutions
    assert used == [(2, 3, 20), (2, 12, 5), (6, 4, 5)]
