"""How an array's elements lie in memory: in which order of its dimensions, with or without gaps.

For arrays of NumPy and of CuPy. `copies.py` makes copies in another order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

Array = Any


def memory_order(array: Array) -> tuple[int, ...]:
    """The dimensions as they lie in memory, the one of the largest steps first."""
    return tuple(sorted(range(array.ndim), key=lambda i: -abs(array.strides[i])))


def inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    """The order that undoes `order`: ``x.transpose(order).transpose(inverse(order))`` is x."""
    return tuple(sorted(range(len(order)), key=lambda i: order[i]))


def same_order(array: Array, model: Array) -> bool:
    """Whether elements of equal index lie at equal places (strides of sizes 0 and 1 are noise)."""
    return array.size == 0 or all(
        a == b or size == 1
        for a, b, size in zip(array.strides, model.strides, model.shape, strict=True)
    )


def is_transposed(matrix: Array) -> bool:
    """Whether a matrix lies in memory column by column, without gaps (and not row by row, too)."""
    return matrix.T.flags.c_contiguous and not matrix.flags.c_contiguous


def flat(array: Array) -> Array:
    """The elements in the order of memory, as a 1-D view.

    Raises:
        ValueError: the array has gaps, so that no such view exists.
    """
    if array.flags.c_contiguous:
        return array.reshape(-1)
    memory = array.transpose(memory_order(array))
    if not memory.flags.c_contiguous:
        raise ValueError(f"array of shape {array.shape} and strides {array.strides} has gaps")
    return memory.reshape(-1)


def elementwise(function: Callable[..., Array], *arrays: Array) -> Array:
    """``function(*arrays)``, which computes element by element and broadcasts; the result lies in
    memory as the largest of the arrays does, the first of several.

    NumPy's functions do so by themselves; CuPy's return arrays in the order of their dimensions,
    so that images would lose their channels-last order. `function` sees the arrays with their
    dimensions in the order of memory: no copy is made, and CuPy takes its fast path for arrays
    without gaps.
    """
    for array in arrays:
        if not array.flags.c_contiguous:
            break
    else:
        return function(*arrays)
    order = common_order(arrays)
    turned = (array[(None,) * (len(order) - array.ndim)].transpose(order) for array in arrays)
    return function(*turned).transpose(inverse(order))


def along(
    function: Callable[..., Array], arrays: Sequence[Array], dims: Sequence[int]
) -> Array:
    """``function(arrays, dims)``, whose result has all dimensions of its arrays; it lies in memory
    as the largest array does, for the same reason. `function` sees arrays with their dimensions in
    the order of memory, and `dims` as they are numbered there."""
    if all(array.flags.c_contiguous for array in arrays):
        return function(arrays, tuple(dims))
    order = common_order(arrays)
    turned = [array.transpose(order) for array in arrays]
    return function(turned, tuple(order.index(dim) for dim in dims)).transpose(inverse(order))


def common_order(arrays: Sequence[Array]) -> tuple[int, ...]:
    """The dimensions as the largest array has them in memory, the first of several; as they are
    named where that one repeats its elements or has fewer dimensions than others."""
    model, ndim = max(arrays, key=_different_elements), max(array.ndim for array in arrays)
    if model.ndim < ndim or _different_elements(model) < model.size:
        return tuple(range(ndim))
    return memory_order(model)


def _different_elements(array: Array) -> int:
    """How many elements there are in memory: broadcasting repeats them with steps of zero."""
    return math.prod(
        size for size, stride in zip(array.shape, array.strides, strict=True) if stride
    )
