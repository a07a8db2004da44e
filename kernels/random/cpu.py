"""CPU rungs of the random numbers: NumPy's own Philox; where it stands, and moving it."""

import math

import numpy as np


def position(bits: np.random.Philox) -> np.ndarray:
    """The nine numbers of a `state` (see the package) that say where NumPy's generator stands."""
    state = bits.state
    numbers = (2 * state["buffer_pos"], state["has_uint32"], state["uinteger"])
    return np.array([*state["state"]["key"], *state["state"]["counter"], *numbers], np.uint64)


def place(bits: np.random.Philox, numbers: np.ndarray) -> None:
    """Puts NumPy's generator where the nine numbers say: the inverse of `position`."""
    word, has, first = (int(number) for number in numbers[6:])
    # NumPy stays in a block until it needs a word of the next one: 1 to 4 of its words are taken.
    blocks = max(0, word // 2 - 1) // 4
    bits.state = {
        "bit_generator": "Philox",
        "state": {"key": numbers[:2], "counter": _plus(numbers[2:6], blocks - 1)},
        "buffer": np.zeros(4, np.uint64), "buffer_pos": 4, "has_uint32": has, "uinteger": first,
    }  # fmt: skip
    bits.random_raw(1, output=False)  # fills the buffer with the block of the counter plus one
    bits.state = {**bits.state, "buffer_pos": word // 2 - 4 * blocks}


def move_on(bits: np.random.Philox, count: int, dtype: np.dtype) -> None:
    """Leaves NumPy's generator as if it had drawn `count` uniform numbers, in constant time.

    Blocks in the middle are skipped, and NumPy draws the rest, the words of at least two blocks, so
    that nothing is left of the block where it stood.
    """
    per_block = 32 // dtype.itemsize
    skipped = max(0, count // per_block - 2)
    if skipped:
        state = bits.state
        counter = _plus(state["state"]["counter"], skipped)
        bits.state = {**state, "state": {**state["state"], "counter": counter}}
    np.random.Generator(bits).random(count - skipped * per_block, dtype=dtype)


def _plus(counter: np.ndarray, blocks: int) -> np.ndarray:
    """A number of 256 bits plus another."""
    number = sum(int(part) << 64 * i for i, part in enumerate(counter)) + blocks
    return np.array([number >> 64 * i & 2**64 - 1 for i in range(4)], np.uint64)


def box_muller(r: np.ndarray) -> np.ndarray:
    """(2n,) uniform numbers in [0, 1) -> (n,) normal ones; see the package."""
    radius = np.log(1 - r[0::2])
    radius *= -2
    np.sqrt(radius, out=radius)
    cosine = r[1::2] * (2 * math.pi)
    np.cos(cosine, out=cosine)
    radius *= cosine
    return radius


def _at(state: np.ndarray) -> np.random.Philox:
    bits = np.random.Philox(key=0)
    place(bits, state)
    return bits


def uniform_numpy(state, count, dtype):
    """Rung 1. Changed: NumPy's generator, put where the state says. Faster: compiled, each block
    computed once. Bound: one core, the multiplications of ten rounds."""
    return np.random.Generator(_at(state)).random(count, dtype=dtype)


def normal_numpy(state, count, dtype):
    """Rung 1. Changed: NumPy's functions of whole arrays. Faster: compiled, vectors of numbers.
    Bound: one core, the logarithm and the cosine."""
    return box_muller(uniform_numpy(state, 2 * count, dtype))


def advance_numpy(state, count, dtype):
    """Rung 1. Changed: NumPy's generator is moved, past whole blocks at once. Faster: the same
    time for any count. Bound: Python's calls."""
    if count:
        bits = _at(state)
        move_on(bits, count, dtype)
        state[...] = position(bits)
    return state
