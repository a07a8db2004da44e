"""Walks through the latent space: the images between two others.

A generator that has memorised pictures jumps from one to the next; one that has learned what they
are made of changes them little by little (Radford 2015, arXiv:1511.06434, section 6.1).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tinygan.explore.nets import positive, values
from tinygan.tensor import Tensor

# Below this sine two vectors count as parallel: (1 - t) and t differ from their sines by less.
PARALLEL = 1e-6


class Smoothness(NamedTuple):
    """The steps of a walk, as Euclidean distances between neighbours.

    ratio: largest / mean; 1 for steps of one length, below 3 for a walk without jumps. A sequence
    of unrelated images has equal steps, too: compare `mean` with theirs.
    """

    ratio: float
    mean: float
    largest: float


def _ends(caller: str, a, b, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both ends in float64, and t = 0 ... 1 shaped to multiply them."""
    first, last = values(f"{caller}: a", a), values(f"{caller}: b", b)
    if first.shape != last.shape:
        raise ValueError(f"{caller}: a has shape {first.shape}, b has {last.shape}")
    positive(f"{caller}: steps", steps, 2)
    t = np.linspace(0, 1, steps).reshape(steps, *[1] * first.ndim)
    return first.astype(np.float64), last.astype(np.float64), t


def _tensor(walk: np.ndarray, a) -> Tensor:
    dtype = a.dtype if a.dtype.kind == "f" else np.dtype(np.float32)
    return Tensor(walk.astype(dtype))


def lerp(a, b, steps: int) -> Tensor:
    """The straight line (1 - t) a + t b, t = 0 ... 1: two vectors (d,) -> (steps, d).

    Right for latent vectors that are uniform in a box, which is convex. Both ends are included.
    """
    first, last, t = _ends("lerp", a, b, steps)
    return _tensor((1 - t) * first + t * last, a)


def slerp(a, b, steps: int) -> Tensor:
    """The arc sin((1 - t) W) / sin(W) a + sin(t W) / sin(W) b, W the angle between them:
    two vectors (d,) -> (steps, d).

    Right for normal latent vectors: nearly all of them have a length near sqrt(d), and the middle
    of a straight line is shorter. (Shoemake 1985, "Animating rotation with quaternion curves"; for
    GANs White 2016, arXiv:1609.04468, section 2.1.) Parallel vectors, opposite ones (between which
    no arc is the shortest) and zeros get the straight line.
    """
    first, last, t = _ends("slerp", a, b, steps)
    lengths = np.linalg.norm(first), np.linalg.norm(last)
    if min(lengths) == 0:
        return lerp(a, b, steps)
    u, v = first / lengths[0], last / lengths[1]
    # Twice the arc tangent of half the angle: exact for small angles, where arccos(u v) is not.
    angle = 2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))
    if np.sin(angle) < PARALLEL:
        return lerp(a, b, steps)
    arc = (np.sin((1 - t) * angle) * first + np.sin(t * angle) * last) / np.sin(angle)
    return _tensor(arc, a)


def walk(points, steps: int, path: Callable[..., Tensor] = lerp) -> Tensor:
    """Through all points (m, d) in their order, by `lerp` or `slerp`: (1 + (m - 1) (steps - 1), d).

    Each leg has `steps` vectors, its ends among them; where two legs meet, the point occurs once.
    """
    stops = values("walk: points", points, 2)
    if len(stops) < 2:
        raise ValueError(f"walk: points: expected at least 2, got {len(stops)}")
    legs = [path(a, b, steps).array for a, b in pairwise(stops)]
    return Tensor(np.concatenate([legs[0], *(leg[1:] for leg in legs[1:])]))


def smoothness(images) -> Smoothness:
    """How even the steps from each image (or feature vector) to the next are: (steps, ...).

    Raises:
        ValueError: fewer than two steps, or a walk that does not move at all.
    """
    frames = values("smoothness: images", images).astype(np.float64)
    if len(frames) < 3:
        raise ValueError(f"smoothness: images: expected at least 3, got {len(frames)}")
    steps = np.linalg.norm(np.diff(frames.reshape(len(frames), -1), axis=0), axis=1)
    if steps.max() == 0:
        raise ValueError("smoothness: images: all are equal, so there are no steps to compare")
    return Smoothness(float(steps.max() / steps.mean()), float(steps.mean()), float(steps.max()))
