"""The checks of arguments that the models share."""

from __future__ import annotations

from collections.abc import Sequence


def check_positive(model: str, **sizes: int) -> None:
    """Raises a ValueError that names the first of `sizes` that is below 1."""
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{model}: {name} must be positive, got {value}")


def check_choice(model: str, name: str, value: str, choices: Sequence[str]) -> None:
    """Raises a ValueError that lists the choices unless `value` is one of them."""
    if value not in choices:
        options = ", ".join(map(repr, choices))
        raise ValueError(f"{model}: {name} must be one of {options}, got {value!r}")
