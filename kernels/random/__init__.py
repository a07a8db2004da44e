"""Random numbers that depend on a position alone: same seed, same numbers on CPU and GPU.

    uniform(state, count, dtype) -> r (count,)       in [0, 1), the stream from `state` on
    normal(state, count, dtype) -> z (count,)        z[i] = sqrt(-2 ln(1 - r[2i])) cos(2 pi r[2i+1])
    advance(state, count, dtype) -> state            changed in place: after `count` numbers

dtype is float32 or float64; results lie on the device of `state`. The stream is that of NumPy's
`np.random.Philox` (Philox4x64-10: Salmon 2011, "Parallel random numbers: as easy as 1, 2, 3"), and
`uniform` is `np.random.Generator.random` bit for bit. A block of four 64-bit words is a function of
a key and of a counter, so any thread computes any block. A float64 takes a word, a float32 half of
one, the low half first. `normal` is the method of Box and Muller (1958), of its two results the
cosine; 1 - r is never 0. The numbers reach 5.8 in float32, 8.6 in float64.

A `state` is an array of nine uint64:

    key[2], counter[4], word, has, first

The next word is number `word` / 2 of those that begin with block philox(key, counter); `word` is
counted in halves, is even, and may run beyond the block; the counter is a number of 256 bits, its
lowest 64 first. When `has` is 1, the half `first` was left by an odd number of float32s, and is the
next float32; words taken by float64s in between leave it there, as in NumPy.
"""

from ..ladder import Ladder
from . import cases

uniform = Ladder(
    "uniform", cases.UNIFORM, baseline="random.baseline:uniform", random=True, serial=True
)
uniform.rung("reference", "random.reference:uniform")
uniform.rung("numpy", "random.cpu:uniform_numpy")
uniform.rung("naive", "random.gpu:uniform_naive", device="cuda")
uniform.rung("blocks", "random.gpu:uniform_blocks", device="cuda")

normal = Ladder(
    "normal", cases.NORMAL, baseline="random.baseline:normal", random=True, serial=True
)
normal.rung("reference", "random.reference:normal")
normal.rung("numpy", "random.cpu:normal_numpy")
normal.rung("naive", "random.gpu:normal_naive", device="cuda")
normal.rung("blocks", "random.gpu:normal_blocks", device="cuda")

advance = Ladder("advance", cases.ADVANCE, in_place=True, serial=True)
advance.rung("reference", "random.reference:advance")
advance.rung("numpy", "random.cpu:advance_numpy")
advance.rung("naive", "random.gpu:advance_naive", device="cuda")
