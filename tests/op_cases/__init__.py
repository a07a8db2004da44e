"""One table of all ops: an op that is entered here once is checked by every test of the ops.

Each file of `tinygan/ops/` has a file here with its CASES; `case.py` says what a case can hold.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module

import pytest

from op_cases.case import OpCase

CASES: list[OpCase] = [
    case
    for file in pkgutil.iter_modules(__path__)
    if file.name != "case"
    for case in import_module(f"op_cases.{file.name}").CASES
]


def each_case(applies: Callable[[OpCase], object]):
    """Runs a test for each case that it applies to; the others are not collected."""
    chosen = [case for case in CASES if applies(case)]
    assert chosen, "no case of the table has what this test looks at"
    return pytest.mark.parametrize("case", chosen, ids=[case.name for case in chosen])
