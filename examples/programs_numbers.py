"""The numbers that two runs of a program print: are they the same, to the digits shown?"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from programs_worker import ROUND

FLOAT32 = 1e-6  # eight units of the last place
AMPLE = 10  # times the difference between PyTorch and itself
NUMBER = re.compile(r"(?<![\w.])-?(?:\d+\.?\d*(?:e[+-]?\d+)?|nan|inf)(?!\w)", re.IGNORECASE)


class Printed(NamedTuple):
    """A number of a program's output, in which round it was printed, and at which place in it."""

    round: int
    column: int
    text: str


def numbers(text: str) -> list[Printed]:
    """The numbers of a program's output."""
    return [
        Printed(i, column, found)
        for i, part in enumerate(text.split(ROUND), 1)
        for column, found in enumerate(NUMBER.findall(part))
    ]


def unit(number: str) -> float:
    """One unit of its last digit: 0.01 of "1.25", 0.1 of "12.5e0"."""
    digits, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


def distance(a: str, b: str) -> float:
    """|a - b|; 0 of two nan or of equal infinities, else infinite where one is not finite."""
    x, y = float(a), float(b)
    if x == y or (x != x and y != y):
        return 0.0
    return abs(x - y) if abs(x - y) < float("inf") else float("inf")


def differs(a: str, b: str) -> bool:
    """Whether two numbers are more than a unit of the last digit shown apart, or, where more digits
    are shown than float32 has, more than its sums in another order are."""
    size = max(abs(float(a)), abs(float(b)))
    return not distance(a, b) <= max(1.001 * max(unit(a), unit(b)), FLOAT32 * size)


def agreement(theirs: str, ours: str, other: str | None = None) -> dict[str, Any]:
    """How two outputs agree, as a part of a row of the table.

    Args:
        other: the output of another run of PyTorch, from numbers nudged by their last bit. Where
            `ours` differs, it may do so by AMPLE times the most by which `other` does in any number
            of the same column.
    """
    a, b = numbers(theirs), numbers(ours)
    apart = _apart(a, b)
    row: dict[str, Any] = {
        "numbers": len(a),
        "our_numbers": len(b),
        "differing": len(apart) + abs(len(a) - len(b)),
        "parts_in_round": apart[0].round if apart else None,
        "largest_difference": _largest(a, b),
    }
    row["same"] = row["differing"] == 0 and bool(a)
    if other is not None:
        c = numbers(other)
        own = _apart(a, c)
        row["torch_parts_in_round"] = own[0].round if own else None
        row["torch_largest_difference"] = _largest(a, c)
        allowed: dict[int, float] = {}
        for x, y in zip(a, c, strict=False):
            allowed[x.column] = max(allowed.get(x.column, 0.0), AMPLE * distance(x.text, y.text))
        row["same"] = len(a) == len(b) > 0 and all(
            distance(x.text, y.text) <= allowed.get(x.column, 0.0)
            for x, y in zip(a, b, strict=True)
            if differs(x.text, y.text)
        )
    return row


def _apart(a: list[Printed], b: list[Printed]) -> list[Printed]:
    """Those of `a` that differ from their counterparts."""
    return [x for x, y in zip(a, b, strict=False) if differs(x.text, y.text)]


def _largest(a: list[Printed], b: list[Printed]) -> float:
    """The largest relative difference of those that differ."""
    pairs = [(x.text, y.text) for x, y in zip(a, b, strict=False) if differs(x.text, y.text)]
    return max((distance(x, y) / max(abs(float(x)), abs(float(y))) if distance(x, y) < float("inf")
                else float("inf") for x, y in pairs), default=0.0)  # fmt: skip
