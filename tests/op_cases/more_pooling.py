"""Pooling of sequences, adaptive maxima, unpooling."""

from __future__ import annotations

import numpy as np

import tinygan.functional as F
from op_cases.case import TF, OpCase, distinct, normal
from op_cases.conv import beside_torch
from tinygan import tensor, zeros

MAX_POOL1D_ERRORS = [
    (lambda: F.max_pool1d(zeros(2, 2, 3, 3), 2),
     "max_pool1d: input must be a floating 2-D or 3-D tensor, got float32 (2, 2, 3, 3)"),
    (lambda: F.max_pool1d(zeros(2, 3), (2, 2)), "max_pool1d: kernel_size must be an integer >= 1"),
    (lambda: F.max_pool1d(zeros(2, 3), 2, 0), "max_pool1d: stride must be an integer >= 1, got 0"),
]
AVG_POOL1D_ERRORS = [
    (lambda: F.avg_pool1d(zeros(2, 3), 2, 0), "avg_pool1d: stride must be an integer >= 1, got 0"),
]
ADAPTIVE_AVG_POOL1D_ERRORS = [
    (lambda: F.adaptive_avg_pool1d(zeros(2, 2, 3, 3), 2),
     "adaptive_avg_pool1d: input must be a floating 2-D or 3-D tensor, got float32 (2, 2, 3, 3)"),
    (lambda: F.adaptive_avg_pool1d(zeros(2, 3), 0),
     "adaptive_avg_pool1d: output_size must be an integer >= 1, got 0"),
]  # fmt: skip
ADAPTIVE_MAX_POOL1D_ERRORS = [
    (lambda: F.adaptive_max_pool1d(zeros(2, 2, 3, 3), 2),
     "adaptive_max_pool1d: input must be a floating 2-D or 3-D tensor, got float32 (2, 2, 3, 3)"),
]  # fmt: skip
ADAPTIVE_MAX_POOL2D_ERRORS = [
    (lambda: F.adaptive_max_pool2d(zeros(2, 3), 2),
     "adaptive_max_pool2d: input must be a floating 3-D or 4-D tensor, got float32 (2, 3)"),
]  # fmt: skip
PLACES = tensor([[[[5, 7], [9, 11]]]])
UNPOOL_ERRORS = [
    (lambda: F.max_unpool2d(zeros(1, 1, 2, 2), PLACES[0], 2),
     "max_unpool2d: indices of shape (1, 2, 2) must have input's shape, (1, 1, 2, 2)"),
    (lambda: F.max_unpool2d(zeros(1, 1, 2, 2), PLACES, 2, output_size=(6, 4)),
     "max_unpool2d: output_size (6, 4) is further from (4, 4) than stride (2, 2)"),
    (lambda: F.max_unpool2d(zeros(1, 1, 2, 2), PLACES * 2, 2),
     "max_unpool2d: an index is 22, which is outside 0 ... 15"),
]  # fmt: skip


def maxima(name, shape, errors=(), **options) -> OpCase:
    function, _, _ = name.partition(" ")
    return OpCase(
        name, lambda x: getattr(F, function)(x, **options), [distinct(*shape)],
        torch=lambda x: getattr(TF, function)(x, **options), errors=errors,
    )  # fmt: skip


def places(name, shape, **options) -> OpCase:
    """The second result."""
    function, _, _ = name.partition(" ")
    return OpCase(
        f"{name} indices", lambda x: getattr(F, function)(x, **options, return_indices=True)[1],
        [distinct(*shape)], gradient=False,
        torch=lambda x: getattr(TF, function)(x, **options, return_indices=True)[1],
    )  # fmt: skip


def windows(rng):
    """The places of maxima, one in each window of 2 x 2 of an image 4 x 6."""
    corners = np.add.outer(np.arange(0, 4, 2) * 6, np.arange(0, 6, 2))
    return corners + rng.choice([0, 1, 6, 7], (2, 3, 2, 3))


CASES = [
    maxima("max_pool1d", (2, 3, 7), MAX_POOL1D_ERRORS, kernel_size=2),
    maxima("max_pool1d one", (3, 9), kernel_size=3, stride=2, padding=1, dilation=2,
           ceil_mode=True),
    places("max_pool1d", (2, 3, 7), kernel_size=3, stride=1),
    beside_torch("avg_pool1d", "avg_pool1d", [(2, 3, 7)], kernel_size=3, stride=2, padding=1,
                 ceil_mode=True, count_include_pad=False, errors=AVG_POOL1D_ERRORS),
    beside_torch("avg_pool1d one", "avg_pool1d", [(3, 6)], kernel_size=(2,)),
    beside_torch("adaptive_avg_pool1d", "adaptive_avg_pool1d", [(2, 3, 7)],
                 ADAPTIVE_AVG_POOL1D_ERRORS, output_size=3),
    maxima("adaptive_max_pool1d", (2, 3, 7), ADAPTIVE_MAX_POOL1D_ERRORS, output_size=3),
    places("adaptive_max_pool1d", (2, 3, 7), output_size=3),
    maxima("adaptive_max_pool2d", (2, 2, 4, 6), ADAPTIVE_MAX_POOL2D_ERRORS, output_size=2),
    maxima("adaptive_max_pool2d uneven", (1, 2, 7, 5), output_size=(3, None)),
    maxima("adaptive_max_pool2d one image", (2, 5, 4), output_size=(2, 3)),
    places("adaptive_max_pool2d uneven", (1, 2, 7, 5), output_size=(3, 2)),
    OpCase(
        "max_unpool2d", lambda x, i: F.max_unpool2d(x, i, 2), [normal(2, 3, 2, 3), windows],
        torch=lambda x, i: TF.max_unpool2d(x, i, 2), errors=UNPOOL_ERRORS,
    ),
    OpCase(
        "max_unpool2d size", lambda x, i: F.max_unpool2d(x, i, 2, 2, 0, (2, 3, 5, 6)),
        [normal(2, 3, 2, 3), windows],
        torch=lambda x, i: TF.max_unpool2d(x, i, 2, 2, 0, (2, 3, 5, 6)),
    ),
]  # fmt: skip
