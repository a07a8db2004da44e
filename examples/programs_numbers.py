"""The numbers that two runs of a program print: are they the same, to the digits shown?"""

from __future__ import annotations

import re
from typing import Any

from programs_worker import ROUND

AMPLE = 10  # times the difference between PyTorch and itself
NUMBER = re.compile(r"(?<![\w.])-?(?:\d+\.?\d*(?:e[+-]?\d+)?|nan|inf)(?!\w)", re.IGNORECASE)

Printed = list[tuple[int, str]]  # (round, number)


def numbers(text: str) -> Printed:
    """The numbers of a program's output, each with the round before whose end it was printed."""
    return [
        (i, found)
        for i, part in enumerate(text.split(ROUND))
        for found in NUMBER.findall(part)
    ]  # fmt: skip


def unit(number: str) -> float:
    """One unit of its last digit: 0.01 of "1.25", 0.1 of "12.5e0"."""
    digits, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


def difference(a: str, b: str) -> float:
    """The relative difference of two numbers; 0 where they are the same to the digits shown."""
    x, y = float(a), float(b)
    if a == b or str(x) == str(y):
        return 0.0
    if not abs(x - y) <= 1.001 * max(unit(a), unit(b)):  # nan differs from all else
        relative = abs(x - y) / max(abs(x), abs(y))
        return relative if relative == relative else float("inf")
    return 0.0


def agreement(theirs: str, ours: str, other: str | None = None) -> dict[str, Any]:
    """How two outputs agree, as a part of a row of the table.

    Args:
        other: the output of another run of PyTorch, from numbers nudged by their last bit.
    """
    a, b = numbers(theirs), numbers(ours)
    apart = [difference(x, y) for (_, x), (_, y) in zip(a, b, strict=False)]
    places = [i for i, value in enumerate(apart) if value]
    row: dict[str, Any] = {
        "numbers": len(a),
        "our_numbers": len(b),
        "differing": len(places) + abs(len(a) - len(b)),
        "parts_in_round": a[places[0]][0] + 1 if places else None,
        "largest_difference": max(apart, default=0.0),
    }
    row["same"] = row["differing"] == 0 and bool(a)
    if other is not None:
        c = numbers(other)
        own = [difference(x, y) for (_, x), (_, y) in zip(a, c, strict=False)]
        parted = [i for i, value in enumerate(own) if value]
        row["torch_parts_in_round"] = a[parted[0]][0] + 1 if parted else None
        row["torch_largest_difference"] = largest = max(own, default=0.0)
        row["same"] = len(a) == len(b) and row["largest_difference"] <= AMPLE * largest
    return row
