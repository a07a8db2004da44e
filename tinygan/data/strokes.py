"""The ten digits as pen strokes: a handful of points each, joined by smooth curves.

Coordinates are percent of the digit's box: x grows to the right, y grows downwards. A stroke is
a list of points that the pen passes through. Two points make a straight line, more make a
Catmull-Rom curve, and a stroke that ends on its first point is a closed loop. Strokes that name
the same point share it, so they stay joined however the point is moved later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Stroke = list[tuple[int, int]]

POINTS_PER_GLYPH = 96
"""Pen positions along one digit. The longest digit is about 60 pixels of line, so neighbours lie
well under one pen radius apart and the row of round dots reads as one smooth line."""

STYLES: dict[int, list[list[Stroke]]] = {
    0: [
        [  # a closed oval
            [(50, 0), (22, 14), (12, 50), (24, 86), (50, 100),
             (76, 86), (88, 50), (78, 14), (50, 0)],
        ],
        [  # the pen overshoots where it began
            [(62, 6), (32, 8), (14, 46), (26, 88), (52, 99), (80, 80), (86, 40), (68, 8), (42, 2)],
        ],
        [  # narrow
            [(50, 0), (30, 16), (24, 50), (32, 86), (50, 100),
             (68, 84), (76, 50), (70, 16), (50, 0)],
        ],
    ],
    1: [
        [[(50, 0), (50, 50), (50, 100)]],
        [[(52, 0), (49, 45), (50, 100)]],
        [  # with a flag
            [(36, 18), (54, 0)], [(54, 0), (52, 50), (50, 100)],
        ],
        [  # with a flag and a foot
            [(34, 18), (52, 0)], [(52, 0), (51, 50), (50, 100)], [(28, 100), (50, 100), (74, 100)],
        ],
    ],
    2: [
        [  # a sharp corner at the lower left
            [(14, 24), (32, 3), (62, 2), (80, 24), (66, 54), (38, 80), (12, 98)],
            [(12, 98), (50, 97), (90, 96)],
        ],
        [  # a loop at the lower left
            [(16, 22), (42, 0), (74, 12), (74, 42), (50, 76), (22, 98), (6, 90),
             (20, 76), (50, 88), (94, 96)],
        ],
        [  # a round neck and a wavy foot
            [(18, 30), (28, 6), (56, 0), (78, 16), (74, 44), (46, 74), (14, 96)],
            [(14, 96), (38, 88), (62, 98), (90, 90)],
        ],
    ],
    3: [
        [  # two bows that meet at a point
            [(16, 14), (42, 0), (74, 12), (70, 36), (40, 47)],
            [(40, 47), (74, 56), (82, 80), (54, 100), (12, 90)],
        ],
        [  # the pen turns in a small loop at the waist
            [(20, 10), (50, 0), (76, 18), (62, 42), (38, 48), (60, 48), (82, 68), (68, 94),
             (36, 100), (12, 86)],
        ],
        [  # a flat top
            [(18, 4), (76, 3)], [(76, 3), (60, 22), (42, 42)],
            [(42, 42), (74, 52), (80, 80), (50, 100), (14, 90)],
        ],
    ],
    4: [
        [  # open, drawn as a corner and a stem
            [(24, 4), (20, 30), (14, 56)], [(14, 56), (50, 54), (88, 50)],
            [(76, 0), (72, 50), (66, 100)],
        ],
        [  # open, with a round cup
            [(18, 4), (14, 34), (26, 54), (52, 54), (76, 44)], [(80, 0), (76, 44), (70, 100)],
        ],
        [  # closed, with a slanting front
            [(66, 0), (36, 34), (8, 66)], [(8, 66), (50, 65), (92, 64)],
            [(66, 0), (65, 50), (64, 100)],
        ],
    ],
    5: [
        [  # a straight neck and a separate cap
            [(26, 2), (52, 3), (84, 2)], [(26, 2), (22, 22), (20, 44)],
            [(20, 44), (52, 37), (80, 58), (70, 90), (40, 100), (10, 90)],
        ],
        [  # one sweeping line
            [(88, 2), (54, 4), (32, 16), (30, 40), (56, 50), (74, 70), (60, 94), (34, 100),
             (10, 88)],
        ],
        [  # a rising cap
            [(30, 8), (60, 3), (90, 0)], [(30, 8), (26, 26), (24, 44)],
            [(24, 44), (62, 46), (76, 72), (54, 97), (14, 96)],
        ],
    ],
    6: [
        [  # a bent back
            [(68, 0), (38, 24), (18, 64), (28, 94), (56, 99), (76, 80), (64, 60), (38, 62),
             (20, 78)],
        ],
        [  # an upright back
            [(44, 0), (24, 36), (18, 74), (38, 100), (68, 94), (76, 70), (54, 55), (22, 70)],
        ],
        [  # a big bowl
            [(66, 0), (38, 14), (18, 46), (18, 78), (44, 100), (76, 88), (80, 62), (54, 48),
             (20, 66)],
        ],
    ],
    7: [
        [  # bare
            [(12, 6), (48, 5), (84, 4)], [(84, 4), (58, 46), (42, 100)],
        ],
        [  # with a bar
            [(12, 6), (48, 5), (84, 4)], [(84, 4), (58, 46), (42, 100)],
            [(32, 52), (55, 50), (78, 48)],
        ],
        [  # with a hanging serif
            [(14, 24), (16, 6)], [(16, 6), (50, 6), (86, 3)], [(86, 3), (64, 46), (54, 100)],
        ],
    ],
    8: [
        [  # one closed line
            [(72, 12), (46, 0), (24, 18), (46, 44), (74, 72), (56, 98), (28, 92), (26, 70),
             (52, 44), (76, 24), (72, 12)],
        ],
        [  # two rings, one on the other
            [(50, 0), (27, 22), (50, 46), (73, 22), (50, 0)],
            [(50, 46), (20, 73), (50, 100), (80, 73), (50, 46)],
        ],
        [  # one line left open at the top
            [(78, 6), (46, 2), (24, 20), (44, 44), (70, 66), (66, 92), (40, 100), (24, 82),
             (42, 56), (70, 30), (84, 4)],
        ],
    ],
    9: [
        [  # a ring and a straight stem
            [(78, 14), (50, 0), (22, 14), (18, 38), (44, 50), (70, 38), (78, 14)],
            [(78, 14), (73, 58), (66, 100)],
        ],
        [  # a ring and a curved tail
            [(80, 16), (56, 0), (26, 10), (20, 36), (44, 48), (72, 36), (80, 16)],
            [(80, 16), (82, 52), (70, 86), (34, 100)],
        ],
        [  # one line, leaning
            [(76, 8), (46, 2), (20, 24), (28, 46), (56, 42), (80, 10), (72, 50), (54, 100)],
        ],
    ],
}


@dataclass(frozen=True, eq=False)
class GlyphTable:
    """All styles of all digits, padded to equal sizes so that arrays can index them.

    controls: float32 (styles, k, 2), the distinct points of each style in [-0.5, 0.5].
    weights: float32 (styles, POINTS_PER_GLYPH, k); ``weights @ controls`` is the drawn line.
    first, styles: integers (10,), where the styles of each digit start and how many there are.
    """

    controls: np.ndarray
    weights: np.ndarray
    first: np.ndarray
    styles: np.ndarray


def smooth_curve(points: np.ndarray, parameter: np.ndarray) -> np.ndarray:
    """Positions on the Catmull-Rom curve through ``points`` (k, d), which is closed when its ends
    are equal; ``parameter`` (p,) runs from 0 at the first point to k - 1 at the last. Returns
    (p, d), linear in ``points``."""
    if np.array_equal(points[0], points[-1]):
        before, after = points[-2], points[1]
    else:
        before, after = 2 * points[0] - points[1], 2 * points[-1] - points[-2]
    padded = np.vstack([before, points, after])
    start = np.minimum(parameter.astype(np.int64), len(points) - 2)
    t = (parameter - start)[:, None]
    a, b, c, d = (padded[start + offset] for offset in range(4))
    return 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3
    )


def _glyph(strokes: list[Stroke]) -> tuple[np.ndarray, np.ndarray]:
    """Distinct points (k, 2) of a style, and the weights (POINTS_PER_GLYPH, k) of its line."""
    distinct = sorted({point for stroke in strokes for point in stroke})
    controls = np.array(distinct) / 100 - 0.5
    one_hot = dict(zip(distinct, np.eye(len(distinct)), strict=True))
    # A curve is linear in its points, so drawing it through one-hot "points" gives its weights.
    pieces = [_finely(np.array([one_hot[point] for point in stroke])) for stroke in strokes]
    weights = np.vstack(pieces)
    steps = np.linalg.norm(np.diff(weights @ controls, axis=0), axis=1)
    steps[np.cumsum([len(piece) for piece in pieces])[:-1] - 1] = 0  # the pen lifts in between
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    even = np.linspace(0.0, travelled[-1], POINTS_PER_GLYPH)
    return controls, weights[np.searchsorted(travelled, even)]


def _finely(stroke: np.ndarray) -> np.ndarray:
    """64 positions between every two points of a stroke, far more than are kept in the end."""
    return smooth_curve(stroke, np.linspace(0, len(stroke) - 1, 64 * (len(stroke) - 1) + 1))


def glyph_table() -> GlyphTable:
    """Build the arrays that `synthetic_digits` draws from."""
    styles = np.array([len(STYLES[digit]) for digit in range(10)])
    glyphs = [_glyph(strokes) for digit in range(10) for strokes in STYLES[digit]]
    most = max(len(controls) for controls, _ in glyphs)
    table = GlyphTable(
        controls=np.zeros((len(glyphs), most, 2), np.float32),
        weights=np.zeros((len(glyphs), POINTS_PER_GLYPH, most), np.float32),
        first=np.cumsum(styles) - styles,
        styles=styles,
    )
    for row, (controls, weights) in enumerate(glyphs):
        table.controls[row, : len(controls)] = controls
        table.weights[row, :, : len(controls)] = weights
    return table
