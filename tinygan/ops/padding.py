"""Values around a tensor: constant, or taken from the tensor itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinygan.autograd import Function
from tinygan.devices import array_module
from tinygan.kernels.layout import along
from tinygan.ops.shape import getitem
from tinygan.tensor import Tensor

__all__ = ["pad"]

Pads = tuple[tuple[int, int], ...]
"""How many values come before and after, for each dimension."""


class ConstantPad(Function):
    """x with a value around it;  g inside"""

    def __init__(self, pads: Pads, value: float):
        self.pads, self.value = pads, value

    def forward(self, x):
        return along(self._padded, [x], range(x.ndim))

    def _padded(self, arrays, dims):
        (x,) = arrays
        pads = [self.pads[dims.index(i)] for i in range(x.ndim)]
        shape = [size + sum(pad) for size, pad in zip(x.shape, pads, strict=True)]
        result = array_module(x).full(shape, self.value, x.dtype)
        inside = (slice(a, a + size) for size, (a, _) in zip(x.shape, pads, strict=True))
        result[tuple(inside)] = x
        return result

    def backward(self, grad_output):
        sizes = zip(self.input_shapes[0], self.pads, strict=True)
        return (getitem(grad_output, tuple(slice(a, a + size) for size, (a, _) in sizes)),)


class BorderPad(Function):
    """x with some of its own values around it in one dimension;  g, each value of the border added
    to the one that it is a copy of

    Args:
        borders: (place in the result, place in x) of all values around x.
    """

    def __init__(
        self, dim: int, size: int, before: int, after: int, borders: tuple[tuple[int, int], ...]
    ):
        self.options = dim, size, before, after, borders
        self.dim, self.size, self.before, self.borders = dim, size, before, borders
        self.length = before + size + after

    def forward(self, x):
        return along(self._padded, [x], [self.dim])

    def _padded(self, arrays, dims):
        (x,), (dim,) = arrays, dims
        result = array_module(x).empty((*x.shape[:dim], self.length, *x.shape[dim + 1 :]), x.dtype)
        result[_at(dim, slice(self.before, self.before + self.size))] = x
        for place, source in self.borders:
            result[_at(dim, place)] = x[_at(dim, source)]
        return result

    def backward(self, grad_output):
        return (BorderPadBackward(*self.options)(grad_output),)


class BorderPadBackward(BorderPad):
    """What `BorderPad` does with gradients; it is its own derivative's inverse: the padding."""

    def _padded(self, arrays, dims):
        (grad,), (dim,) = arrays, dims
        result = grad[_at(dim, slice(self.before, self.before + self.size))].copy()
        for place, source in self.borders:
            result[_at(dim, source)] += grad[_at(dim, place)]
        return result

    def backward(self, grad_output):
        return (BorderPad(*self.options)(grad_output),)


def _at(dim: int, place: int | slice) -> tuple[int | slice, ...]:
    return (slice(None),) * dim + (place,)


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """`input` with pad[0] values before and pad[1] after its last dimension, pad[2] and pad[3] for
    the one before, and so on. In the mode "constant" negative numbers cut off.

    Args:
        mode: "constant": all are `value`, 0 by default. "reflect": c b | a b c | b a.
            "replicate": a a | a b c | c c. "circular": b c | a b c | a b.

    Raises:
        ValueError: there is no such mode, `pad` has an odd length or is too long, or what is to be
            taken from the input is more than there is.
        TypeError: `pad` is not of integers.
    """
    given = tuple(pad)
    if not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in given):
        raise TypeError(f"pad: pad must be of integers, got {given}")
    if len(given) % 2 or len(given) > 2 * input.ndim:
        raise ValueError(
            f"pad: pad must be pairs, at most one for each of {input.ndim} dimensions, got {given}"
        )
    pairs = list(zip(given[::2], given[1::2], strict=True))
    pads = (((0, 0),) * (input.ndim - len(pairs))) + tuple((int(a), int(b)) for a, b in pairs[::-1])
    if mode == "constant":
        return _constant(input, pads, 0.0 if value is None else value)
    if mode not in _SOURCES:
        known = ", ".join(["constant", *_SOURCES])
        raise ValueError(f"pad: mode must be one of {known}, got {mode!r}")
    if value is not None:
        raise ValueError(f"pad: mode {mode!r} takes no value, got {value}")
    for dim, (before, after) in enumerate(pads):
        size = input.shape[dim]
        most = {"reflect": size - 1, "circular": size}.get(mode, max(before, after))
        if not before and not after:
            continue
        if min(before, after) < 0 or max(before, after) > most or not size:
            raise ValueError(
                f"pad: mode {mode!r} cannot put {before} and {after} values around the {size} of "
                f"dim {dim}"
            )
        borders = tuple((place, _SOURCES[mode](place - before, size))
                        for place in (*range(before), *range(before + size, before + size + after)))
        input = BorderPad(dim, size, before, after, borders)(input)
    return input


def _constant(input: Tensor, pads: Pads, value: float) -> Tensor:
    if any(n < 0 for pair in pads for n in pair):
        cut = (slice(max(0, -a), size - max(0, -b))
               for size, (a, b) in zip(input.shape, pads, strict=True))  # fmt: skip
        input = getitem(input, tuple(cut))
        pads = tuple((max(0, a), max(0, b)) for a, b in pads)
    return ConstantPad(pads, value)(input) if any(map(any, pads)) else input


def _reflected(place: int, size: int) -> int:
    return -place if place < 0 else 2 * (size - 1) - place


_SOURCES: dict[str, Callable[[int, int], int]] = {
    "reflect": _reflected,
    "replicate": lambda place, size: min(max(place, 0), size - 1),
    "circular": lambda place, size: place % size,
}
"""Which of `size` values stands at a place before the first (below 0) or after the last of them."""
