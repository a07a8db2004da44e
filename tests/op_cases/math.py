"""Arithmetic and elementwise functions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from op_cases.case import OpCase, away, bools, distinct, normal, positive, torch
from tinygan import where, zeros

WRONG_OPERANDS = [
    (lambda: zeros(2) + "1", "expected a Tensor, a number or an array, got str", TypeError),
    (lambda: zeros(2) + zeros(2).double(), "Add: inputs of different dtypes, float32 and float64; "
     "convert one with .to(dtype)", TypeError),
]  # fmt: skip


def arithmetic() -> Iterator[OpCase]:
    operators = {
        "add": (lambda a, b: a + b, "int64"),
        "sub": (lambda a, b: a - b, "int64"),
        "mul": (lambda a, b: a * b, "int64"),
        "div": (lambda a, b: a / b, "float32"),
    }
    shapes = {
        "broadcast left": [(3,), (2, 3)],
        "broadcast right": [(2, 3), (2, 1)],
        "broadcast both": [(2, 1), (1, 3)],
        "0-d": [(), (2,)],
    }
    same = dict(numpy="same", torch="same")
    for name, (operator, integers) in operators.items():
        message = f"{name}: shapes (2,) and (3,) do not broadcast together"
        yield OpCase(
            name, operator, [normal(2, 3), away(2, 3)], **same, integers=integers,
            errors=[(lambda f=operator: f(zeros(2), zeros(3)), message)]
            + (WRONG_OPERANDS if name == "add" else []),
        )  # fmt: skip
        for note, (a, b) in shapes.items():
            yield OpCase(f"{name} {note}", operator, [normal(*a), away(*b)], **same)
        for side, function, maker in (
            ("right", lambda x, f=operator: f(x, 1.7), normal(2, 2)),
            ("left", lambda x, f=operator: f(1.7, x), away(2, 2)),
        ):
            yield OpCase(f"{name} number {side}", function, [maker], **same, integers="float32")
        yield OpCase(f"{name} itself", lambda x, f=operator: f(x, x * x), [away(3)], **same)


def powers() -> Iterator[OpCase]:
    for exponent in (0, 1, 2, 3, 0.5, -1, -0.5):
        whole = isinstance(exponent, int) and exponent >= 0
        yield OpCase(
            f"pow {exponent}", lambda x, e=exponent: x**e, [positive(2, 3)],
            numpy="same", torch="same", integers="int64" if whole else "float32",
        )  # fmt: skip
    for note, shapes in (("tensor", [(2, 3), (3,)]), ("tensor broadcast", [(), (2, 2)])):
        yield OpCase(
            f"pow {note}", lambda x, p: x**p, [positive(*shapes[0]), normal(*shapes[1])],
            numpy="same", torch="same", integers="int64",
        )  # fmt: skip
    yield OpCase("pow number to a tensor", lambda p: 1.7**p, [normal(2, 3)], numpy="same",
                 torch="same")  # fmt: skip
    yield OpCase(
        "pow method", lambda x: x.pow(2), [normal(3)], numpy=lambda x: x * x, torch="same"
    )
    yield OpCase("pow NumPy number", lambda x: x ** np.float64(3), [positive(2, 3)], numpy="same")
    yield OpCase(
        "pow tensors", lambda x, e: x**e, [positive(2, 3), normal(3)], numpy="same", torch="same"
    )
    yield OpCase("pow number left", lambda x: 2.0**x, [normal(3)], numpy="same", torch="same")
    yield OpCase(
        "pow of a square", lambda x: (x * x) ** 1.5, [away(3, 4)], numpy="same", torch="same"
    )


CASES = [
    *arithmetic(),
    *powers(),
    OpCase("neg", lambda x: -x, [normal(2, 3)], numpy="same", torch="same", integers="int64"),
    OpCase(
        "exp", lambda x: x.exp(), [normal(2, 3)], numpy=np.exp, torch="same", integers="float32"
    ),
    OpCase(
        "log", lambda x: x.log(), [positive(2, 3)], numpy=np.log, torch="same", integers="float32"
    ),
    OpCase(
        "sqrt", lambda x: x.sqrt(), [positive(2, 3)], numpy=np.sqrt, torch="same",
        integers="float32",
    ),
    OpCase("abs", lambda x: x.abs(), [away(2, 3)], numpy=np.abs, torch="same", integers="int64"),
    OpCase("abs builtin", lambda x: abs(x), [away(2, 3)], numpy="same", torch="same"),
    OpCase(
        "clip", lambda x: x.clip(-1.01, 1.02), [distinct(5, 6)], numpy="same", torch="same",
        integers="float32",
        errors=[
            (lambda: zeros(2).clip(), "clip: at least one of min and max must be given"),
            (lambda: zeros(2).clip(1, 0), "clip: min 1 is greater than max 0"),
        ],
    ),
    OpCase(
        "clip by tensors", lambda x, low, high: x.clip(low, max=high),
        [distinct(5, 6), normal(6), positive(5, 1)], torch="same",
        numpy=lambda x, low, high: np.minimum(np.maximum(x, low), high),
    ),
    OpCase(
        "clip min", lambda x: x.clip(0.0), [away(2, 3)], numpy=lambda x: np.maximum(x, 0),
        torch="same", integers="float32",
    ),
    OpCase(
        "clip NumPy number", lambda x: x.clip(np.float64(0.5)), [distinct(4, 5)],
        numpy=lambda x: np.maximum(x, 0.5),
    ),
    OpCase(
        "clamp max", lambda x: x.clamp(max=0.0), [away(2, 3)], numpy=lambda x: np.minimum(x, 0),
        torch="same",
    ),
    OpCase(
        "where", lambda c, a, b: where(c, a, b), [bools(2, 3), normal(2, 3), normal(2, 3)],
        numpy=np.where, torch=lambda *i: torch.where(*i),
        errors=[
            (lambda: where(zeros(2), 1.0, zeros(2)), "where: condition must be a bool tensor",
             TypeError),
        ],
    ),
    OpCase(
        "where broadcast", where, [bools(2, 1), normal(3), normal(2, 3)], numpy=np.where,
        torch=lambda *i: torch.where(*i),
    ),
    OpCase(
        "where number", lambda c, a: where(c, a, 0.5), [bools(2, 3), normal(2, 3)],
        numpy=lambda c, a: np.where(c, a, 0.5), torch=lambda c, a: torch.where(c, a, 0.5),
    ),
    OpCase(
        "where comparison", lambda a, b: where(a > b, a, -1), [normal(3, 4), normal(4)],
        numpy=lambda a, b: np.where(a > b, a, -1), torch=lambda a, b: torch.where(a > b, a, -1),
    ),
    *(
        OpCase(f"compare {name}", function, [distinct(3, 4), distinct(1, 4)],
               numpy="same", torch="same", gradient=False, errors=errors)
        for name, function, errors in (
            ("<", lambda a, b: a < b, [(lambda: zeros(2) < zeros(3), "less: shapes (2,) and (3,) "
                                        "do not broadcast together")]),
            ("<=", lambda a, b: a <= b, []),
            (">", lambda a, b: a > b, []),
            (">=", lambda a, b: a >= b, []),
            ("==", lambda a, b: a == b, []),
            ("!=", lambda a, b: a != b, []),
        )
    ),
    OpCase(
        "all", lambda a: (a > -9).all(), [normal(2, 3)], numpy="same", torch="same", gradient=False
    ),
    OpCase(
        "any", lambda a: (a > 9).any(), [normal(2, 3)], numpy="same", torch="same", gradient=False
    ),
]  # fmt: skip
