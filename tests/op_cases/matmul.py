"""The matrix product."""

from __future__ import annotations

from collections.abc import Iterator

import tinygan.functional as F
from op_cases.case import TF, OpCase, normal
from tinygan import zeros


def products() -> Iterator[OpCase]:
    for a, b in (
        ((2, 3), (3, 4)), ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 2, 3), (3,)),
        ((3,), (2, 3, 2)), ((2, 2, 3), (2, 3, 2)), ((2, 3), (2, 3, 2)), ((2, 2, 3), (3, 2)),
        ((2, 1, 2, 3), (3, 3, 2)), ((1, 1), (1, 1)), ((2, 1), (1, 3)), ((3, 4), (4, 5)),
        ((2, 1, 3, 4), (3, 4, 2)), ((4,), (2, 4, 3)),
    ):  # fmt: skip
        yield OpCase(
            f"matmul {a} @ {b}", lambda x, y: x @ y, [normal(*a), normal(*b)],
            numpy="same", torch="same", errors=ERRORS if (a, b) == ((2, 3), (3, 4)) else (),
        )  # fmt: skip


ERRORS = [
    (lambda: zeros(2, 3) @ zeros(2, 3), "matmul: inner sizes differ, (2, 3) @ (2, 3)"),
    (lambda: zeros(2) @ zeros(()), "matmul: operands need 1 or more dimensions, got (2,), ()"),
    (lambda: zeros(2, 1, 3) @ zeros(3, 3, 1), "matmul: leading dimensions of (2, 1, 3) and "
     "(3, 3, 1) do not broadcast"),
]  # fmt: skip

ROWS = [normal(2, 3), normal(4, 3), normal(4)]

CASES = [
    *products(),
    OpCase(
        "linear", F.linear, ROWS, numpy=lambda x, w, b: x @ w.T + b,
        torch=lambda *i: TF.linear(*i), batch=True,
        errors=[
            (lambda: F.linear(zeros(2, 3), zeros(4, 2)), "linear: input of shape (2, 3) does not "
             "fit weight of shape (4, 2); expected (..., in) and (out, in)"),
            (lambda: F.linear(zeros(2, 3), zeros(4, 3), zeros(3)), "linear: bias has shape (3,), "
             "expected (4,)"),
        ],
    ),
    OpCase(
        "linear rows", F.linear, [normal(5, 4), normal(3, 4), normal(3)],
        numpy=lambda x, w, b: x @ w.T + b, torch=lambda *i: TF.linear(*i), batch=True,
    ),
    OpCase(
        "linear no bias", F.linear, ROWS[:2], numpy=lambda x, w: x @ w.T,
        torch=lambda *i: TF.linear(*i),
    ),
    OpCase(
        "linear vector", F.linear, [normal(3), *ROWS[1:]], numpy=lambda x, w, b: x @ w.T + b,
        torch=lambda *i: TF.linear(*i),
    ),
    OpCase(
        "linear 3-D", F.linear, [normal(2, 2, 3), *ROWS[1:]], numpy=lambda x, w, b: x @ w.T + b,
        torch=lambda *i: TF.linear(*i),
    ),
]  # fmt: skip
