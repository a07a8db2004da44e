"""A split of pictures into two parts, where pictures that look alike are on the same side.

Scores on a held-out part say nothing of new pictures if that part repeats pictures of the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

Pair = tuple[int, int]

BLOCK = 512
"""Pictures that are compared with all others at once."""


def nearly_equal(ink: np.ndarray, side: int, tolerance: float) -> list[Pair]:
    """The pairs a < b of pictures with |a - b|^2 <= tolerance min(|a|^2, |b|^2).

    ink: uint8 (n, c, h, w), 0 where the ground is. It is compared after averaging squares of
    pixels, so that it is at most `side` pixels high and wide. Pictures without ink equal only each
    other.
    """
    n, _, height, width = ink.shape
    width_of_square = -(-max(height, width) // side)
    down, right = (_sums(length, width_of_square) for length in (height, width))
    small = (down @ ink.astype(np.float32) @ right.T).reshape(n, -1)
    squares = np.einsum("ij,ij->i", small, small)
    pairs = []
    for start in range(0, n, BLOCK):  # not all n^2 distances at once
        rows = slice(start, start + BLOCK)
        distances = small[rows] @ small[start:].T
        distances *= -2
        distances += squares[rows, None]
        distances += squares[start:]
        limits = np.minimum.outer(tolerance * squares[rows], tolerance * squares[start:])
        pairs += [(start + int(a), start + int(b))
                  for a, b in np.argwhere(distances <= limits) if a < b]  # fmt: skip
    return pairs


def _sums(length: int, width: int) -> np.ndarray:
    """The matrix (length / width, length) that adds up each `width` values of a row."""
    groups = np.arange(length) // width
    return (groups == np.arange(groups[-1] + 1)[:, None]).astype(np.float32)


def equal(things: Iterable[bytes]) -> list[Pair]:
    """Each thing that was there before, paired with the first of its kind."""
    first: dict[bytes, int] = {}
    pairs = []
    for index, thing in enumerate(things):
        seen = first.setdefault(hashlib.sha256(thing).digest(), index)
        if seen != index:
            pairs.append((seen, index))
    return pairs


def split(
    n: int, pairs: Iterable[Pair], held_out: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The indices below n in two sorted parts, int64: to train on, and held out.

    The two of a pair are on the same side, so the connected components of `pairs` are. They are
    taken in a random order, and each is held out if held_out * n indices are not exceeded by it.

    Raises TypeError or ValueError unless 0 <= held_out < 1 and seed is an int of 0 or more.
    """
    check_split(held_out, seed)
    first = list(range(n))

    def root(index: int) -> int:
        while first[index] != index:
            first[index] = first[first[index]]  # halves the way for the next one
            index = first[index]
        return index

    for a, b in pairs:
        first[root(a)] = root(b)
    groups: dict[int, list[int]] = {}
    for index in range(n):
        groups.setdefault(root(index), []).append(index)
    parts: tuple[list[int], list[int]] = ([], [])
    members = list(groups.values())
    for k in np.random.default_rng(seed).permutation(len(members)):
        fits = len(parts[1]) + len(members[k]) <= round(held_out * n)
        parts[fits].extend(members[k])
    train, other = (np.array(sorted(part), np.int64) for part in parts)
    return train, other


def check_split(held_out: float, seed: int) -> None:
    """Raises TypeError or ValueError for what `split` does not take: before pictures are read."""
    if isinstance(held_out, bool) or not isinstance(held_out, (int, float)):
        raise TypeError(f"held_out is {held_out!r}; expected a number")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed is {seed!r}; expected an int")
    if not 0 <= held_out < 1:
        raise ValueError(f"held_out is {held_out}; expected a share of 0 or more and less than 1")
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected 0 or more")
