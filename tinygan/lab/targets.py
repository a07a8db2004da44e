"""What the GAN on a plane is to learn: distributions whose density is known.

Each is a mixture of round Gaussians, whose centres lie close together along a curve where the
target is one. So p(x) is a formula, and the best D, p / (p + q), needs an estimate of q alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tinygan.data import GaussianMixture, ring, square_grid

TARGETS = ("line", "ring", "grid", "moons", "strokes")
EXTENT = 1.6  # the plane that is shown: both coordinates in [-EXTENT, EXTENT]
CENTRES = 96  # along a curve
MOST_STROKES, MOST_POINTS = 20, 400  # in a link
WAVE = "-1,-.4 -.6,.5 -.2,.5 .2,-.5 .6,-.5 1,.4"  # what "strokes" are before any is drawn


class Target(NamedTuple):
    """A distribution on the plane; `modes` (k, 2) are its kinds, None where it is a curve."""

    mixture: GaussianMixture
    modes: np.ndarray | None


def target(name: str, spread: float = 0.06, strokes: str = "") -> Target:
    """The target of this name, with Gaussians of deviation `spread`.

    Args:
        name: one of `TARGETS`.
        strokes: for "strokes" alone, see `parse_strokes`; "" for a wave.

    Raises:
        ValueError: there is no such target, or the strokes are none.
    """
    if name not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, got {name!r}")
    if name == "ring":
        mixture = ring(8, 1.0, spread)
        return Target(mixture, mixture.means)
    if name == "grid":
        mixture = square_grid(5, 0.5, spread)
        return Target(mixture, mixture.means)
    if name == "line":
        curves = [np.array([[-1.1, -0.7], [1.1, 0.7]])]
    elif name == "moons":
        t = np.linspace(0, np.pi, 40)
        curves = [np.stack([np.cos(t) - 0.4, np.sin(t) - 0.25], 1) * 0.85,
                  np.stack([0.4 - np.cos(t), 0.25 - np.sin(t)], 1) * 0.85]  # fmt: skip
    else:
        curves = parse_strokes(strokes or WAVE)
    return Target(GaussianMixture(along(curves, CENTRES), spread), None)


def along(curves: list[np.ndarray], count: int) -> np.ndarray:
    """About `count` points at equal distances along all curves (n, 2), at least one on each."""
    lengths = [_lengths(curve) for curve in curves]
    whole = sum(length[-1] for length in lengths)
    points = []
    for curve, length in zip(curves, lengths, strict=True):
        share = max(1, round(count * length[-1] / whole)) if whole > 0 else 1
        places = length[-1] * (np.arange(share) + 0.5) / share
        points.append(np.stack([np.interp(places, length, x) for x in curve.T], 1))
    return np.concatenate(points)


def _lengths(curve: np.ndarray) -> np.ndarray:
    """(n,) the length of the curve from its beginning to each of its points."""
    steps = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def parse_strokes(text: str) -> list[np.ndarray]:
    """"x,y x,y ...; x,y ..." as one array (n, 2) a stroke.

    Raises:
        ValueError: another form, a point outside of the plane, too many points or strokes.
    """
    parts = [part.split() for part in text.split(";") if part.strip()]
    if not parts or len(parts) > MOST_STROKES or sum(map(len, parts)) > MOST_POINTS:
        raise ValueError(
            f"strokes must be 1 to {MOST_STROKES} lines of {MOST_POINTS} points in all, got "
            f"{len(parts)} of {sum(map(len, parts))}"
        )
    return [np.array([_point(pair) for pair in part]) for part in parts]


def _point(pair: str) -> tuple[float, float]:
    try:
        x, y = (float(number) for number in pair.split(","))
    except ValueError:
        raise ValueError(f"strokes must look like {WAVE!r}, got the point {pair[:40]!r}") from None
    if not (abs(x) <= EXTENT and abs(y) <= EXTENT):  # NaN is outside too
        raise ValueError(f"strokes must lie within +-{EXTENT}, got the point {pair[:40]!r}")
    return x, y


def strokes_text(curves: list[np.ndarray]) -> str:
    """The text that `parse_strokes` reads, of lines (n, 2) as they were drawn: thinned, rounded to
    hundredths and drawn into the plane; the first `MOST_STROKES` of them. "" without any."""
    curves = [c for c in (np.asarray(c, float).reshape(-1, 2) for c in curves)
              if len(c) and np.isfinite(c).all()][:MOST_STROKES]  # fmt: skip
    if not curves:
        return ""
    each = min(40, MOST_POINTS // len(curves))
    texts = []
    for curve in curves:
        keep = np.linspace(0, len(curve) - 1, min(each, len(curve))).round().astype(int)
        points = np.clip(curve[keep], -EXTENT, EXTENT).round(2) + 0.0  # no "-0"
        texts.append(" ".join(f"{x:g},{y:g}" for x, y in points))
    return "; ".join(texts)


class Bins:
    """The plane cut into BINS x BINS squares, and what p puts into each of them.

    Attributes:
        centres: (BINS^2, 2) float32, x running fastest, as in an image from below.
        mass: (BINS, BINS), p's probability of each square by 3 x 3 points in it; sums to 1.
    """

    BINS = 48

    def __init__(self, mixture: GaussianMixture):
        self.mixture = mixture
        self.centres = self._points(1).astype(np.float32)
        fine = mixture.density(self._points(3)).reshape(self.BINS, 3, self.BINS, 3).sum((1, 3))
        self.mass = fine / max(fine.sum(), 1e-300)

    def _points(self, inner: int) -> np.ndarray:
        count = self.BINS * inner
        places = EXTENT * ((np.arange(count) + 0.5) * 2 / count - 1)
        x, y = np.meshgrid(places, places)
        return np.stack([x.ravel(), y.ravel()], 1)

    def share(self, points: np.ndarray) -> np.ndarray:
        """(BINS, BINS): the share of points (n, 2) in each square; those outside of the plane are
        counted at its edge."""
        places = np.clip((points / EXTENT + 1) * self.BINS / 2, 0, self.BINS - 1).astype(np.int64)
        flat = np.bincount(places[:, 1] * self.BINS + places[:, 0], minlength=self.BINS**2)
        return flat.reshape(self.BINS, self.BINS) / len(points)

    def jsd(self, share: np.ndarray) -> float:
        """JSD(p, q) in nats, p by `mass` and q by what `share` has counted:

            1/2 sum p ln(p / m) + 1/2 sum q ln(q / m),   m = (p + q) / 2
        """
        m = (self.mass + share) / 2
        return sum(float((x * np.log(np.maximum(x, 1e-300) / np.maximum(m, 1e-300))).sum()) / 2
                   for x in (self.mass, share))  # fmt: skip

    def jsd_floor(self, count: int, draws: int = 4) -> float:
        """What `jsd` is on average for `count` points of p itself."""
        rng = np.random.default_rng(0)
        return math.fsum(self.jsd(self.share(self.mixture.sample(count, rng)))
                         for _ in range(draws)) / draws  # fmt: skip

    def best(self, share: np.ndarray, least: float = 1e-5) -> np.ndarray:
        """(BINS, BINS): D* = p / (p + q), NaN where neither has any mass to speak of.

        q is counted, and jumps from square to square; both are smoothed alike, so that D* is 1/2
        where they are the same.
        """
        p, q = smooth(self.mass), smooth(share)
        return np.where(p + q > least, p / np.maximum(p + q, 1e-300), np.nan)


def smooth(x: np.ndarray) -> np.ndarray:
    """The weights 1/4, 1/2, 1/4 along both axes; what would leave at the edge stays."""
    for axis in (0, 1):
        padded = np.pad(x, [(1, 1) if axis == a else (0, 0) for a in (0, 1)], "edge")
        before, after = (np.delete(padded, [i, i + 1], axis) for i in (-2, 0))
        x = before / 4 + x / 2 + after / 4
    return x
