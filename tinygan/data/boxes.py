"""Boxes around what is drawn: found, compared, cut out."""

from __future__ import annotations

import numpy as np

INKED = 64
"""From this value on, of 255, a pixel belongs to the ink."""


def ink_boxes(images: np.ndarray) -> np.ndarray:
    """The boxes around the ink of images uint8 (n, 1, h, w): int64 (n, 4), left, top, right and
    bottom in pixels, the first two of the first inked pixel, the others after the last one; zeros
    where there is no ink."""
    inked = images[:, 0] >= INKED
    edges = []
    for seen in (inked.max(1), inked.max(2)):  # the columns, the rows
        edges.append((seen.argmax(1), seen.shape[1] - seen[:, ::-1].argmax(1)))
    (left, right), (top, bottom) = edges
    return np.stack([left, top, right, bottom], 1) * inked.max((1, 2))[:, None]


def box_overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (n, 4) and (n, 4): (n,); 0 where one of them is empty."""
    sides = np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2])
    common = np.prod(np.clip(sides, 0, None), axis=1)
    areas = np.prod(first[:, 2:] - first[:, :2], 1) + np.prod(second[:, 2:] - second[:, :2], 1)
    return common / np.maximum(areas - common, 1e-12)


def crop_ink(images: np.ndarray, side: int = 28, inner: int = 20) -> np.ndarray:
    """Each digit alone: uint8 (n, 1, h, w) -> (n, 1, side, side), its ink's longer side `inner`
    pixels long and its box in the middle; black where there is no ink. A reader of these does not
    see where and how large the digit was."""
    out = np.zeros((len(images), 1, side, side), np.uint8)
    for image, box, result in zip(images[:, 0], ink_boxes(images), out[:, 0], strict=True):
        left, top, right, bottom = box
        longer = max(right - left, bottom - top)
        if longer == 0:
            continue
        rows, columns = (
            _sampling((low + high) / 2, longer / inner, side, length)
            for (low, high), length in zip(((top, bottom), (left, right)), image.shape, strict=True)
        )
        result[:] = np.clip(rows @ image @ columns.T, 0, 255).round()
    return out


def _sampling(centre: float, step: float, count: int, length: int) -> np.ndarray:
    """Weights (count, length) that read a row of pixels at `count` places, `step` pixels apart
    around `centre`: linear between two pixels, and a mean of more where they are far apart."""
    places = centre - 0.5 + (np.arange(count) - (count - 1) / 2) * step
    spread = max(step, 1.0)
    return np.maximum(1 - abs(places[:, None] - np.arange(length)) / spread, 0) / spread
