"""Holes in images: which pixels are missing, what is known around them, and how to close the seam.

A hole is a mask (n, h, w) of truths, True where a pixel of the image is missing.
"""

from __future__ import annotations

import numpy as np

from tinygan.explore.nets import pictures, positive

HOLES = ("centre", "random", "half", "pixels")
MISSING = 0.8  # of all pixels, in holes of the kind "pixels" (Yeh 2016, section 4)


def holes(
    kind: str, count: int, height: int, width: int, side: int | None = None, seed: int = 0
) -> np.ndarray:
    """`count` masks (count, height, width) of missing pixels, the same ones for the same seed.

    Args:
        kind: "centre", a square in the middle; "random", a square anywhere; "half", the upper,
            lower, left or right half; "pixels", 80 % of the pixels, each for itself.
        side: of the squares; half of the smaller side of the image unless given, which makes a
            quarter of a square image.

    Raises:
        ValueError: another kind, or a square that leaves nothing of the image.
    """
    for name, value in (("count", count), ("height", height), ("width", width)):
        positive(f"holes: {name}", value)
    if kind not in HOLES:
        raise ValueError(f"holes: kind: expected one of {', '.join(HOLES)}, got {kind!r}")
    smaller = min(height, width)
    side = positive("holes: side", max(1, smaller // 2) if side is None else side)
    if side >= smaller:
        raise ValueError(
            f"holes: side: expected less than the image's {height}x{width} pixels, got {side}"
        )
    rng = np.random.default_rng(seed)
    y, x = np.arange(height)[:, None], np.arange(width)
    if kind == "pixels":
        missing = rng.random((count, height, width)) < MISSING
        missing[:, 0, 0] = False  # something must be known
        return missing
    if kind == "half":
        edges = [y < height // 2, y >= height // 2, x < width // 2, x >= width // 2]
        halves = np.stack([np.broadcast_to(half, (height, width)) for half in edges])
        return halves[rng.integers(4, size=count)]
    if kind == "centre":
        top, left = (np.full((count, 1, 1), (size - side) // 2) for size in (height, width))
    else:
        top, left = (rng.integers(size - side + 1, size=(count, 1, 1)) for size in (height, width))
    return (y >= top) & (y < top + side) & (x >= left) & (x < left + side)


def check_holes(caller: str, images: np.ndarray, hole) -> np.ndarray:
    """The masks as truths (n, h, w).

    Raises:
        TypeError: they are no truths.
        ValueError: they do not fit the images, or leave nothing of one.
    """
    masks = np.asarray(hole)
    if masks.dtype != bool:
        raise TypeError(f"{caller}: hole: expected truths, True where missing, got {masks.dtype}")
    n, _, h, w = images.shape
    if masks.shape != (n, h, w):
        raise ValueError(f"{caller}: hole: expected shape {(n, h, w)}, got {masks.shape}")
    if masks.all((1, 2)).any():
        raise ValueError(f"{caller}: hole: nothing is known of image {masks.all((1, 2)).argmax()}")
    return masks


def paste(images, filled, hole) -> np.ndarray:
    """The known pixels of `images`, and those of `filled` in the hole: (n, c, h, w)."""
    x, y = pictures("paste: images", images), pictures("paste: filled", filled)
    if x.shape != y.shape:
        raise ValueError(f"paste: filled: expected shape {x.shape}, got {y.shape}")
    return np.where(check_holes("paste", x, hole)[:, None], y, x)


def _neighbours(x: np.ndarray) -> np.ndarray:
    """The sum of the up to four neighbours of each pixel: (..., h, w)."""
    total = np.zeros_like(x)
    total[..., 1:, :] += x[..., :-1, :]
    total[..., :-1, :] += x[..., 1:, :]
    total[..., :, 1:] += x[..., :, :-1]
    total[..., :, :-1] += x[..., :, 1:]
    return total


def poisson_blend(
    images, filled, hole, tolerance: float = 1e-4, most: int = 2000
) -> np.ndarray:  # fmt: skip
    """The known pixels of `images`, and in the hole what has the gradient of `filled` and meets
    them without a seam: (n, c, h, w).

        minimise  sum over neighbours p, q, of which p is in the hole
                  (u_p - u_q - (g_p - g_q))^2,      u = images outside of the hole, g = filled

    which is a discrete Poisson equation (Perez 2003, "Poisson image editing", eq. 7; in Yeh 2016,
    arXiv:1607.07539, section 3.4). With d = u - g it is Laplace's: d is known outside, and each d_p
    in the hole is the mean of its neighbours. It is solved by conjugate gradients, all images at
    once, until the residual is `tolerance` times what it began with; the result is clipped to
    [-1, 1].

    Raises:
        TypeError, ValueError: the masks do not fit, or leave nothing of an image.
    """
    x, g = pictures("poisson_blend: images", images), pictures("poisson_blend: filled", filled)
    if x.shape != g.shape:
        raise ValueError(f"poisson_blend: filled: expected shape {x.shape}, got {g.shape}")
    inside = check_holes("poisson_blend", x, hole)[:, None]
    known = np.where(inside, 0, x.astype(np.float64) - g)
    degree = _neighbours(np.ones(x.shape[2:]))

    def laplace(d: np.ndarray) -> np.ndarray:
        return np.where(inside, degree * d - _neighbours(d), 0)

    def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a * b).sum((2, 3), keepdims=True)

    d, residual = np.zeros_like(known), np.where(inside, _neighbours(known), 0)
    direction, size = residual, dot(residual, residual)
    enough = tolerance**2 * size
    for _ in range(most):
        if (size <= enough).all():
            break
        moved = laplace(direction)
        step = size / np.maximum(dot(direction, moved), 1e-300)
        d = d + step * direction
        residual = residual - step * moved
        size, before = dot(residual, residual), size
        direction = residual + size / np.maximum(before, 1e-300) * direction
    return np.where(inside, np.clip(g + d, -1, 1), x).astype(x.dtype)


def hole_psnr(images, filled, hole) -> float:
    """The peak signal-to-noise ratio of all missing pixels in decibels, 10 log10(2^2 / MSE): the
    images lie in [-1, 1], and MSE is the mean of (filled - images)^2 in the holes.

    The mean comes before the logarithm: a hole that is filled exactly would have an infinite ratio
    of its own. Exactly filled holes alone give infinity.
    """
    x, y = pictures("hole_psnr: images", images), pictures("hole_psnr: filled", filled)
    if x.shape != y.shape:
        raise ValueError(f"hole_psnr: filled: expected shape {x.shape}, got {y.shape}")
    inside = check_holes("hole_psnr", x, hole)[:, None]
    if not inside.any():
        raise ValueError("hole_psnr: hole: no pixel is missing")
    squares = np.square(x.astype(np.float64) - y) * inside
    error = squares.sum() / (inside.sum() * x.shape[1])
    return float("inf") if error == 0 else float(10 * np.log10(4 / error))
