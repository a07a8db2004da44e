"""What `tinygan/functional.py` makes of other ops: dropout and tables of rows."""

from __future__ import annotations

import numpy as np

import tinygan
import tinygan.functional as F
from op_cases.case import TF, OpCase, integers, normal
from tinygan import Tensor, tensor, zeros


def seeded_dropout(x: Tensor) -> Tensor:
    tinygan.manual_seed(3)  # the same mask at every call: else there is nothing to differentiate
    return F.dropout(x, 0.4)


def seeded(function, x: Tensor) -> Tensor:
    tinygan.manual_seed(5)
    return function(x, 0.4, training=True)


CASES = [
    OpCase(
        "dropout", seeded_dropout, [normal(3, 4)], batch=True,
        no_values="random; test_ops_numerics.py counts the zeros",
        errors=[(lambda: F.dropout(zeros(2), 1.5), "dropout: p must be in [0, 1], got 1.5")],
    ),
    OpCase(
        "dropout evaluation", lambda x: F.dropout(x, training=False) * x, [normal(3)],
        numpy=lambda x: x * x, torch=lambda x: TF.dropout(x, training=False) * x,
    ),
    OpCase(
        "dropout2d", lambda x: seeded(F.dropout2d, x), [normal(3, 4, 2)], batch=True,
        no_values="random; test_nn_layers.py counts the zeros", errors=[
            (lambda: F.dropout2d(zeros(2, 2, 2), -1), "dropout2d: p must be in [0, 1], got -1"),
            (lambda: F.dropout2d(zeros(2, 2)), "dropout2d: input needs (n, c, ...) dimensions"),
        ],
    ),
    OpCase(
        "alpha_dropout", lambda x: seeded(F.alpha_dropout, x), [normal(3, 4)], batch=True,
        no_values="random; test_nn_layers.py looks at mean and variance", errors=[
            (lambda: F.alpha_dropout(zeros(2), 2), "alpha_dropout: p must be in [0, 1], got 2"),
        ],
    ),
    OpCase(
        "embedding padding_idx", lambda w, i: F.embedding(i, w, padding_idx=-2),
        [normal(4, 2), integers(4, 2, 3)], numpy=lambda w, i: w[i], gradient=False,
        torch=lambda w, i: TF.embedding(i, w, padding_idx=-2),
        errors=[
            (lambda: F.embedding(tensor([0]), zeros(3, 2), 3),
             "embedding: padding_idx 3 is no row of 3"),
            (lambda: F.embedding(tensor([0]), zeros(3, 2), max_norm=1.0),
             "embedding: max_norm, scale_grad_by_freq and sparse are not supported"),
        ],
    ),
    OpCase(
        "embedding", lambda w, i: F.embedding(i, w), [normal(4, 2), integers(4, 2, 3)],
        numpy=lambda w, i: w[i], torch=lambda w, i: TF.embedding(i, w),
        errors=[
            (lambda: F.embedding(tensor([0, 3]), zeros(3, 2)),
             "embedding: an index is 3, which is outside 0 ... 2"),
            (lambda: F.embedding(tensor([0]), zeros(3)),
             "embedding: weight must be (count, size), got shape"),
            (lambda: F.embedding(zeros(2), zeros(3, 2)),
             "embedding: input must be of integers, got float", TypeError),
        ],
    ),
    OpCase(
        "one_hot", lambda i: F.one_hot(i, 3), [integers(3, 2, 4)],
        numpy=lambda i: np.eye(3, dtype=np.int64)[i],
        torch=lambda i: TF.one_hot(i, 3), gradient=False,
        errors=[
            (lambda: F.one_hot(tensor([-1]), 3),
             "one_hot: a class index is -1, which is outside 0 ... 2"),
            (lambda: F.one_hot(zeros(2), 3), "one_hot: input must be of integers, got float32",
             TypeError),
            (lambda: F.one_hot(tensor([], "int64")), "one_hot: num_classes must be given where"),
        ],
    ),
    OpCase(
        "one_hot of as many", lambda i: F.one_hot(i), [integers(5, 2, 4)],
        torch=lambda i: TF.one_hot(i), gradient=False,
    ),
]  # fmt: skip
