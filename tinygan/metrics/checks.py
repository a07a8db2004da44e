"""Checks the inputs of scores (points, images, predictions); errors name the argument."""

from __future__ import annotations

import numpy as np


def _numbers(function: str, name: str, array: np.ndarray) -> np.ndarray:
    """The array as floating-point numbers (integers become float64), all finite."""
    array = np.asarray(array)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{function}: {name} has dtype {array.dtype}, expected real numbers")
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{function}: {name} is not finite")
    return array


def as_points(function: str, name: str, array: np.ndarray, least: int = 1) -> np.ndarray:
    """(n, ...) -> (n, d), floating and finite; float32 stays float32.

    Raises:
        ValueError: fewer than two dimensions, fewer than `least` rows, no columns, NaN, infinity.
        TypeError: not of numbers.
    """
    shape = np.shape(array)
    if len(shape) < 2 or shape[0] < least or 0 in shape[1:]:
        raise ValueError(f"{function}: {name} has shape {shape}, expected (n, d) with n >= {least}")
    return _numbers(function, name, array).reshape(shape[0], -1)


def as_two_sets(
    function: str, names: tuple[str, str], a: np.ndarray, b: np.ndarray, least: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of points (n, d) and (m, d), see `as_points`.

    Raises:
        ValueError: as `as_points`, or the sets differ in d.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape[1:] != b.shape[1:] or a.ndim < 2 or min(len(a), len(b)) < least:
        raise ValueError(
            f"{function}: {names[0]} and {names[1]} must be (n, d) and (m, d) with n, m >= "
            f"{least}, got {a.shape}, {b.shape}"
        )
    return as_points(function, names[0], a, least), as_points(function, names[1], b, least)


def as_labels(function: str, name: str, labels: np.ndarray, count: int | None = None) -> np.ndarray:
    """(n,) non-negative integers as int64; `count` is the n that they must have.

    Raises:
        ValueError: another shape, none at all, or a negative one.
        TypeError: not of integers.
    """
    labels = np.asarray(labels)
    wanted = "(n,)" if count is None else f"({count},)"
    if labels.ndim != 1 or (count is not None and len(labels) != count):
        raise ValueError(f"{function}: {name} has shape {labels.shape}, expected {wanted}")
    if labels.size == 0:
        raise ValueError(f"{function}: no {name}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{function}: {name} has dtype {labels.dtype}, expected integers")
    if labels.min() < 0:
        raise ValueError(f"{function}: {name} has {labels.min()}, expected 0 or more")
    return labels.astype(np.int64, copy=False)


def as_probabilities(function: str, probabilities: np.ndarray) -> np.ndarray:
    """(n, classes) as float64, each row non-negative and of sum 1.

    Raises:
        ValueError: another shape, a negative or infinite number, a row of another sum.
    """
    p = as_points(function, "probabilities", probabilities).astype(np.float64)
    # A softmax in float32 over a thousand classes is within 1e-4 of 1.
    if np.ndim(probabilities) != 2 or p.min() < 0 or np.abs(p.sum(1) - 1).max() > 1e-3:
        raise ValueError(
            f"{function}: probabilities must be (n, classes) with rows >= 0 that sum to 1, got "
            f"shape {np.shape(probabilities)}, sums {p.sum(1).min():.4g} ... {p.sum(1).max():.4g}"
        )
    return p


def as_images(function: str, images: np.ndarray, smallest: int) -> np.ndarray:
    """(n, c, h, w), floating and finite, with h and w of at least `smallest`.

    Raises:
        ValueError: another shape, no images, NaN, infinity.
    """
    shape = np.shape(images)
    if len(shape) != 4 or 0 in shape or min(shape[2:]) < smallest:
        raise ValueError(
            f"{function}: images have shape {shape}, expected (n, c, h, w) with h, w >= {smallest}"
        )
    return _numbers(function, "images", images)


def positive(function: str, **sizes: int) -> None:
    """Raises a ValueError, naming the argument, unless each is a positive integer."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"{function}: {name} must be a positive integer, got {size!r}")
