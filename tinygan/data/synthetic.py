"""Labelled handwritten-looking digits, drawn from `strokes` with random style and shape.

They let every example and test run without a download. A digit's line is bent, slanted and sized
at random, then inked by a round pen into a 28x28 image framed the way MNIST frames its digits.
"""

from __future__ import annotations

import functools

import numpy as np

from .dataset import Dataset
from .strokes import POINTS_PER_GLYPH, glyph_table

SIDE = 28
BOX = 20.0
"""MNIST scales each digit into a box of 20x20 pixels, then centres its mass in 28x28."""
CHUNK = 250
"""Images drawn from one random stream: a multiple of 10, and small enough for the cache."""

_table = functools.cache(glyph_table)


def synthetic_digits(n: int, seed: int) -> Dataset:
    """Draw ``n`` digits, white on black, that a reader of MNIST can read.

    Returns a Dataset with images uint8 (n, 1, 28, 28) and labels int64 (n,), each class n // 10
    or one more times, in random order. Images come in chunks of 250, chunk c drawn from a stream
    keyed by (seed, c), so every full chunk is the same whatever ``n`` is.

    Raises ValueError when ``n`` is below 1 or ``seed`` below 0.
    """
    if n < 1:
        raise ValueError(f"n is {n}; expected at least 1 image")
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected 0 or more")
    images = np.empty((n, 1, SIDE, SIDE), np.uint8)
    labels = np.empty(n, np.int64)
    for chunk, start in enumerate(range(0, n, CHUNK)):
        part = slice(start, min(start + CHUNK, n))
        random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, chunk])))
        labels[part] = random.permutation(np.arange(part.stop - start) % 10)
        images[part, 0] = _draw(labels[part], random)
    return Dataset(images, labels, "synthetic")


def _draw(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Images uint8 (n, 28, 28) of the given digits."""
    radius = np.clip(random.lognormal(0.22, 0.24, len(labels)), 0.75, 2.2)
    line = _frame(_lean(handwritten(labels, random), random), radius)
    return ink(line, radius, random)


def handwritten(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Lines (n, POINTS_PER_GLYPH, 2): a random style of each digit, its points moved about."""
    n, table = len(labels), _table()
    style = table.first[labels] + random.integers(table.styles[labels])
    controls = table.controls[style]
    # One long wave across the whole digit, and a small slip of each point on its own.
    direction = random.normal(0.0, 3.0, (n, 2, 2))
    phase = random.uniform(0.0, 2 * np.pi, (n, 1, 2))
    wave = random.normal(0.0, 0.055, (n, 1, 2)) * np.sin(controls @ direction + phase)
    slip = random.normal(0.0, 0.03, controls.shape)
    return table.weights[style] @ (controls + wave + slip).astype(np.float32)


def _lean(line: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The lines under a random width, slant and rotation."""
    n = len(line)
    width = random.lognormal(-0.12, 0.16, n)
    slant = random.normal(0.12, 0.2, n)
    return leaned(line, width, slant, random.normal(0.0, 0.09, n))


def leaned(
    line: np.ndarray, width: np.ndarray, slant: np.ndarray, angle: np.ndarray
) -> np.ndarray:
    """The lines (n, points, 2) `width` times as wide, sheared to the right by `slant`, turned
    clockwise by `angle`, in this order; all three (n,)."""
    ones, zeros = np.ones(len(line)), np.zeros(len(line))
    stretch = np.array([[width, zeros], [-slant, ones]])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return line @ np.einsum("ijn,jkn->nik", stretch, turn)


def _frame(line: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """The lines in pixels: the ink fills the box, its centre of mass is the image's centre."""
    extent = (line.max(axis=1) - line.min(axis=1)).max(axis=1)
    scale = (BOX - 2 * radius) / extent
    return (line - line.mean(axis=1, keepdims=True)) * scale[:, None, None] + SIDE / 2


def ink(
    line: np.ndarray, radius: np.ndarray, random: np.random.Generator, side: int = SIDE
) -> np.ndarray:
    """Images uint8 (n, side, side) of what a round pen leaves along the lines.

    A pixel at distance d from a dot of radius r has (r^2 - d^2) / 2r, which is close to r - d at
    the dot's edge, so adding 1/2 and clipping to [0, 1] gives an edge one pixel soft. The square
    splits into a row's and a column's part, and the largest value over the dots is the union.
    Each image has its own softness and brightness, and the pen's pressure swells along the line.
    """
    n = len(line)
    softness = random.uniform(1.0, 1.5, n)
    brightness = random.uniform(0.92, 1.0, n)
    along = np.linspace(0.0, 2 * np.pi, POINTS_PER_GLYPH)[:, None]
    pressure = 1 + random.uniform(0.0, 0.15, n) * np.sin(along + random.uniform(0, 2 * np.pi, n))
    sharpness = 1 / (2 * radius * softness)
    # Images lie along the last axis, so that NumPy's inner loops are long: (dots, side, n).
    pixel = np.arange(side)[:, None]
    x, y = line.transpose(2, 1, 0)[:, :, None]
    columns = (-((pixel - x) ** 2) * sharpness).astype(np.float32)
    rows = (((pressure * radius)[:, None] ** 2 - (pixel - y) ** 2) * sharpness).astype(np.float32)
    field = np.full((side, side, n), -1, np.float32)
    dot = np.empty_like(field)
    for row, column in zip(rows, columns, strict=True):
        np.add(row[:, None], column, out=dot)
        np.maximum(field, dot, out=field)
    shade = np.clip(field + 0.5, 0.0, 1.0) * (255 * brightness).astype(np.float32)
    return shade.transpose(2, 0, 1).round().astype(np.uint8)
