"""Dtypes, which are NumPy's, and the checks of dtypes and sizes that users give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)
int64 = np.dtype(np.int64)
bool_ = np.dtype(np.bool_)

Scalar = int | float
Dim = int | Sequence[int] | None


def sizes(arguments: tuple) -> tuple[int, ...]:
    """``f(2, 3)`` and ``f((2, 3))`` mean the same."""
    if len(arguments) == 1 and isinstance(arguments[0], (tuple, list)):
        arguments = tuple(arguments[0])
    for size in arguments:
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
            raise TypeError(f"sizes and dimensions must be integers, got {size!r}")
    return tuple(int(size) for size in arguments)


def check_dtype(dtype: Any, default: np.dtype = float32) -> np.dtype:
    """`dtype` as a NumPy dtype that tinygan computes with, `default` for None.

    Raises:
        TypeError: it is none of float32, float64, bool and the integers.
    """
    if dtype is None:
        return default
    try:
        result = np.dtype(dtype)
    except TypeError:
        raise TypeError(
            f"dtype must name a dtype such as 'float32', got {dtype!r}, which is no device either "
            "('cpu', 'cuda', 'cuda:<index>')"
        ) from None
    if result not in (float32, float64, bool_) and result.kind not in "iu":
        raise TypeError(f"dtype must be float32, float64, bool or an integer type, got {result}")
    return result
