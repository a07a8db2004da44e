"""The moving average of a model's weights, all at once, in place:

    average = average + (1 - d) (value - average),    d = min(decay, (1 + t) / (10 + t))

at update t = 1, 2, ...: at first d is small, and the average forgets where it began.

    average(averages, values, count, decay=) -> averages

Both are lists of arrays of the same shapes; a value may have another memory order. `count` is an
array of one float64 on their device: t - 1, which becomes t.
"""

from ..ladder import Ladder
from .cases import AVERAGE

average = Ladder(
    "average", AVERAGE, baseline="average.baseline:average", in_place=True, serial=True
)
average.rung("reference", "average.reference:average")
average.rung("numpy", "average.cpu:average_numpy")
average.rung("fused", "average.gpu:average_fused", device="cuda")
