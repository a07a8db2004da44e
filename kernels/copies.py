"""Copies of arrays in another order of memory, made only where the array is not in it already.

For arrays of NumPy and of CuPy; none of it changes what an array means.
"""

from __future__ import annotations

import math
from typing import Any

from .layout import inverse, memory_order, same_order
from .swap_inner import swap_inner

Array = Any


def contiguous(array: Array) -> Array:
    """`array` in the order of its dimensions in memory, the last one densest: itself, or a copy.

    Two groups of dimensions that have changed places, as channels and pixels have, are copied by
    the ladder `swap_inner`.
    """
    if array.flags.c_contiguous:
        return array
    # The dimensions as they lie in memory. Those of size 1 may be anywhere.
    order = [i for i in memory_order(array) if array.shape[i] > 1]
    wanted = sorted(order)
    same = next((i for i, (a, b) in enumerate(zip(order, wanted, strict=True)) if a != b), 0)
    cut = len(order) - wanted[same:].index(order[same]) if order else 0
    if (
        array.dtype.char in "fd"
        and array.size
        and order[:same] + order[cut:] + order[same:cut] == wanted
    ):
        # In memory: dimensions that are where they belong, then two groups in the wrong order.
        singles = (i for i in range(array.ndim) if array.shape[i] == 1)
        memory = array.transpose(*order, *singles)
        if memory.flags.c_contiguous:
            second = math.prod(array.shape[i] for i in order[same:cut])
            first = math.prod(array.shape[i] for i in order[cut:])
            return swap_inner(memory.reshape(-1, second, first)).reshape(array.shape)
    return array.copy(order="C")


def in_order(array: Array, order: tuple[int, ...]) -> Array:
    """`array` with its dimensions in this order in memory, the last one densest: itself, or a
    copy."""
    return contiguous(array.transpose(order)).transpose(inverse(order))


def like(array: Array, model: Array) -> Array:
    """`array` with the memory order of `model`: itself, or a copy."""
    return array if same_order(array, model) else in_order(array, memory_order(model))


def dense(array: Array) -> Array:
    """`array` without gaps in memory, in whichever order: itself, or a copy."""
    return array if array.flags.c_contiguous else in_order(array, memory_order(array))


def aligned(array: Array) -> Array:
    """`contiguous`, on a GPU, at a multiple of 16 bytes."""
    array = contiguous(array)
    return array if array.data.ptr % 16 == 0 else array.copy()
