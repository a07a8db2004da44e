"""Calls with the parameters that CuPy's functions have, no more and no others."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def signature(parameters: str) -> inspect.Signature:
    """Of a function whose parameters are written as in a `def`."""
    return inspect.signature(eval(f"lambda {parameters}: None"))


def with_signature(name: str, parameters: str, call: Callable[[dict[str, Any]], Any]) -> Callable:
    """A function of these parameters that hands those that were given to `call`."""
    accepted = signature(parameters)

    def function(*args, **options):
        try:
            given = accepted.bind(*args, **options).arguments
        except TypeError as error:
            raise TypeError(f"{name}({parameters}): {error}") from None
        return call(given)

    function.__name__ = function.__qualname__ = name
    function.__signature__ = accepted  # type: ignore[attr-defined]
    return function
