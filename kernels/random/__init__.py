"""Random numbers that depend on a position alone: same seed, same numbers on CPU and GPU.

    uniform(state, count, dtype) -> r (count,)       in [0, 1), the stream from `state` on
    normal(state, count, dtype) -> z (count,)        z[i] = sqrt(-2 ln(1 - r[2i])) cos(2 pi r[2i+1])
    advance(state, count, dtype) -> state            changed in place: behind `count` numbers

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

import numpy as np

from tinygan.kernels.ladder import Ladder

OPERATIONS = 100  # of a block: 10 rounds of 4 multiplications, 4 exclusive ors and 2 additions


def make(rng, dtype, count, word=8, counter=(5, 0, 0, 0), pending=False):
    key = rng.integers(0, 2**64, 2, np.uint64)
    first = rng.integers(0, 2**32, dtype=np.uint64)
    state = np.array([*key, *counter, word, pending, first], np.uint64)
    return (state, count, np.dtype(dtype)), {}


def _uniform_flops(state, count, dtype):
    return OPERATIONS * count * dtype.itemsize // 32 + count


SHAPES = {
    "nothing": dict(count=0, word=2),
    "one": dict(count=1),
    "whole blocks": dict(count=64, word=0),
    "its end is not aligned": dict(count=101),
    "from the middle of a block": dict(count=37, word=4),
    "nothing is aligned": dict(count=39, word=2),
    "a pending half": dict(count=43, word=6, pending=True),
    "a pending half before the block": dict(count=18, word=0, pending=True),
    "only a pending half": dict(count=1, word=0, pending=True),
    "a pending half and one word": dict(count=2, word=2, pending=True),
    "far behind the counter": dict(count=21, word=2**40 + 6),
    "the counter carries over": dict(
        count=77, word=6, counter=(2**64 - 3, 2**64 - 1, 2**64 - 1, 9)
    ),
    "several blocks of threads": dict(count=5003, word=2, pending=True),
}
BENCH_SHAPES = {"latent": dict(count=128 * 100), "mnist.1": dict(count=128 * 14 * 14 * 64)}

uniform = Ladder(
    "uniform",
    make=make,
    flops=_uniform_flops,
    traffic=lambda state, count, dtype: count * dtype.itemsize + state.nbytes,
    shapes=SHAPES,
    bench_shapes=BENCH_SHAPES,
    peer="random.peer:uniform",
    peer_agrees=False,
)
normal = Ladder(
    "normal",
    make=make,
    flops=lambda state, count, dtype: _uniform_flops(state, 2 * count, dtype) + 6 * count,
    traffic=lambda state, count, dtype: count * dtype.itemsize + state.nbytes,
    shapes=SHAPES,
    bench_shapes=BENCH_SHAPES,
    peer="random.peer:normal",
    peer_agrees=False,
)
advance = Ladder(
    "advance",
    make=make,
    flops=lambda state, count, dtype: OPERATIONS,
    traffic=lambda state, count, dtype: 2 * state.nbytes,
    shapes=SHAPES,
    bench_shapes={"latent": BENCH_SHAPES["latent"]},
)
for _ladder in (uniform, normal, advance):
    _ladder.rung("reference", f"random.reference:{_ladder.name}")
    _ladder.rung("numpy", f"random.cpu:{_ladder.name}_numpy")
for _ladder in (uniform, normal):
    for _rung in ("naive", "blocks"):
        _ladder.rung(_rung, f"random.gpu:{_ladder.name}_{_rung}", device="cuda")
advance.rung("naive", "random.gpu:advance_naive", device="cuda")
