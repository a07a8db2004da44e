"""Sums of two lists of arrays, all at once: the gradients of a model's parameters, of a loss that
sees the model twice, as D's does.

    add_all(a, b) -> [a[0] + b[0], a[1] + b[1], ...]

Pairs have one shape and dtype; b[i] may have another memory order than a[i], which the sum has.
"""

from ..ladder import Ladder
from .cases import ADD_ALL

add_all = Ladder("add_all", ADD_ALL, baseline="add_all.baseline:add_all", serial=True)
add_all.rung("reference", "add_all.reference:add_all")
add_all.rung("numpy", "add_all.cpu:add_all_numpy")
add_all.rung("fused", "add_all.gpu:add_all_fused", device="cuda")
