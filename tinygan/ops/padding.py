"""Values around a tensor: constant, or taken from the tensor itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygan.autograd import Function
from tinygan.devices import array_module
from tinygan.kernels.layout import along
from tinygan.ops.shape import cat, expand, getitem
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
    if mode not in _SIDES:
        known = ", ".join(["constant", *_SIDES])
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
        sides = _SIDES[mode](input, dim, before, after)
        input = cat([sides[0], input, sides[1]], dim)
    return input


def _constant(input: Tensor, pads: Pads, value: float) -> Tensor:
    if any(n < 0 for pair in pads for n in pair):
        cut = (slice(max(0, -a), size - max(0, -b))
               for size, (a, b) in zip(input.shape, pads, strict=True))  # fmt: skip
        input = getitem(input, tuple(cut))
        pads = tuple((max(0, a), max(0, b)) for a, b in pads)
    return ConstantPad(pads, value)(input) if any(map(any, pads)) else input


def _part(x: Tensor, dim: int, part: slice) -> Tensor:
    return getitem(x, (slice(None),) * dim + (part,))


def _reflect(x: Tensor, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    size = x.shape[dim]
    last = size - 2 - after  # the next one to the left of what is taken
    right = slice(size - 2, last if last >= 0 else None, -1) if after else slice(0)
    return _part(x, dim, slice(before, 0, -1)), _part(x, dim, right)


def _replicate(x: Tensor, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    edges = _part(x, dim, slice(1)), _part(x, dim, slice(x.shape[dim] - 1, None))
    sizes = ((*x.shape[:dim], count, *x.shape[dim + 1 :]) for count in (before, after))
    left, right = (expand(edge, size) for edge, size in zip(edges, sizes, strict=True))
    return left, right


def _circular(x: Tensor, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    return _part(x, dim, slice(x.shape[dim] - before, None)), _part(x, dim, slice(after))


_SIDES = {"reflect": _reflect, "replicate": _replicate, "circular": _circular}
