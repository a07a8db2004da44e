"""Example states and counts of the random numbers, their FLOPs and bytes."""

import numpy as np

from ..ladder import Case, Cases

OPERATIONS = 100  # of a block: 10 rounds of 4 multiplications, 4 exclusive ors and 2 additions

_LARGE = (dict(count=30_001, pending=True),)


def make(rng, dtype, count, word=8, counter=(5, 0, 0, 0), pending=False):
    key = rng.integers(0, 2**64, 2, np.uint64)
    first = rng.integers(0, 2**32, dtype=np.uint64)
    state = np.array([*key, *counter, word, pending, first], np.uint64)
    return (state, count, np.dtype(dtype)), {}


def _uniform_flops(state, count, dtype):
    return OPERATIONS * count * dtype.itemsize // 32 + count


SHAPES: dict[str, Case] = {
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
    "far after the counter": dict(count=21, word=2**40 + 6),
    "the counter carries over": dict(
        count=77, word=6, counter=(2**64 - 3, 2**64 - 1, 2**64 - 1, 9)
    ),
    "several blocks of threads": dict(count=5003, word=2, pending=True),
}
BENCH_SHAPES = {"latent": dict(count=128 * 100), "mnist.1": dict(count=128 * 14 * 14 * 64)}

UNIFORM = Cases(
    make=make,
    flops=_uniform_flops,
    traffic=lambda state, count, dtype: count * dtype.itemsize + state.nbytes,
    shapes=SHAPES, bench_shapes=BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
NORMAL = Cases(
    make=make,
    flops=lambda state, count, dtype: _uniform_flops(state, 2 * count, dtype) + 6 * count,
    traffic=lambda state, count, dtype: count * dtype.itemsize + state.nbytes,
    shapes=SHAPES, bench_shapes=BENCH_SHAPES, large=_LARGE,
)  # fmt: skip
ADVANCE = Cases(
    make=make,
    flops=lambda state, count, dtype: OPERATIONS,
    traffic=lambda state, count, dtype: 2 * state.nbytes,
    shapes=SHAPES, bench_shapes={"latent": BENCH_SHAPES["latent"]}, large=_LARGE,
)  # fmt: skip
