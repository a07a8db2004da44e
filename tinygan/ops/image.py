"""Ops that move images."""

from __future__ import annotations

import numpy as np

from tinygan.autograd import Function
from tinygan.devices import Array, array_module, beside
from tinygan.tensor import Tensor


class Translate(Function):
    """Image i moved down by dy[i] and right by dx[i], zeros coming in;  g, moved back"""

    def __init__(self, dy: Array, dx: Array):
        self.dy, self.dx = dy, dx

    def forward(self, x):
        xp = array_module(x)
        _, _, height, width = x.shape
        rows, in_height = _sources(xp, height, self.dy)
        columns, in_width = _sources(xp, width, self.dx)
        images, channels = xp.arange(len(x))[:, None, None], slice(None)
        inside = in_height[:, :, None] & in_width[:, None, :]
        # An index array on each side of the slice: the channels come last, as they do in memory.
        moved = x[images, channels, rows[:, :, None], columns[:, None, :]]
        moved = moved * inside[..., None].astype(x.dtype)
        return moved.transpose(0, 3, 1, 2)

    def backward(self, grad_output):
        return (Translate(-self.dy, -self.dx)(grad_output),)


def _sources(xp, size: int, moves: Array) -> tuple[Array, Array]:
    """For each image and position, where its value comes from, and whether that is inside."""
    sources = xp.arange(size) - moves[:, None]
    inside = (sources >= 0) & (sources < size)
    return xp.clip(sources, 0, size - 1), inside


def translate(input: Tensor, dy: Array, dx: Array) -> Tensor:
    """Each image moved on its own: output[i, c, y, x] = input[i, c, y - dy[i], x - dx[i]], 0 where
    that lies outside.

    Args:
        input: (n, c, h, w).
        dy, dx: (n,) integers, pixels down and to the right, on the CPU or the input's device.

    Raises:
        ValueError: shapes do not fit.
        TypeError: dy or dx is not of integers.
    """
    if input.ndim != 4:
        raise ValueError(f"translate: input must be (n, c, h, w), got shape {input.shape}")
    xp, moves = array_module(input.array), []
    for name, move in (("dy", dy), ("dx", dx)):
        with beside(input.array):
            move = xp.asarray(move)
        if move.dtype.kind not in "iu":
            raise TypeError(f"translate: {name} must be of integers, got {move.dtype}")
        if move.shape != input.shape[:1]:
            raise ValueError(
                f"translate: {name} must be one number per image, {input.shape[:1]}, got shape "
                f"{move.shape}"
            )
        with beside(input.array):
            moves.append(move.astype(np.int64))
    return Translate(*moves)(input)
