"""Sums of two lists of arrays, all at once: the gradients of a model's parameters, of a loss that
sees the model twice, as D's does.

    add_all(a, b) -> [a[0] + b[0], a[1] + b[1], ...]

Pairs have one shape and dtype; b[i] may have another memory order than a[i], which the sum has.
"""

from typing import Any

import numpy as np

from ..ladder import Ladder
from .cases import ADD_ALL

add_all = Ladder("add_all", ADD_ALL, baseline="add_all.baseline:add_all", serial=True)
add_all.rung("reference", "add_all.reference:add_all")
add_all.rung("numpy", "add_all.cpu:add_all_numpy")
add_all.rung("fused", "add_all.gpu:add_all_fused", device="cuda")


def sum_lists(lists: list[list[Any]]) -> list[Any]:
    """The sum of each list of arrays, in its order. On a GPU all lists are summed together, first
    their second arrays, then their third: each round is one launch."""
    if all(isinstance(arrays[0], np.ndarray) for arrays in lists):
        return [_sum(arrays) for arrays in lists]
    sums = [arrays[0] for arrays in lists]
    for number in range(1, max(map(len, lists))):
        now = [i for i, arrays in enumerate(lists) if number < len(arrays)]
        added = add_all([sums[i] for i in now], [lists[i][number] for i in now])
        for i, array in zip(now, added, strict=True):
            sums[i] = array
    return sums


def _sum(arrays: list[np.ndarray]) -> np.ndarray:
    total = arrays[0] if len(arrays) == 1 else arrays[0] + arrays[1]
    for array in arrays[2:]:
        total += array  # into the sum of the first two, which nobody else has
    return total
