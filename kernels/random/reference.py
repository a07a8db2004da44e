"""Rung 0 of the random numbers: Philox on Python's integers, a number at a time."""

import itertools
import math

import numpy as np

MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B  # the golden ratio and sqrt(3) - 1
ROUNDS = 10


def philox(key, counter):
    """The four words of a block: two and four integers of 64 bits -> four."""
    for _ in range(ROUNDS):
        a, b = MULTIPLIERS[0] * counter[0], MULTIPLIERS[1] * counter[2]
        counter = [(b >> 64) ^ counter[1] ^ key[0], b % 2**64,
                   (a >> 64) ^ counter[3] ^ key[1], a % 2**64]  # fmt: skip
        key = [(k + w) % 2**64 for k, w in zip(key, WEYL, strict=True)]
    return counter


def word_at(state, index):
    """Word `index`, of 64 bits, counted from the block of the state's counter."""
    numbers = [int(number) for number in state]
    number = sum(part << 64 * i for i, part in enumerate(numbers[2:6])) + index // 4
    counter = [number >> 64 * i & 2**64 - 1 for i in range(4)]
    return philox(numbers[:2], counter)[index % 4]


def _halves(state):
    *_, word, has, first = (int(number) for number in state)
    if has:
        yield first
    for index in itertools.count(word // 2):
        value = word_at(state, index)
        yield value % 2**32
        yield value >> 32


def uniform(state, count, dtype):
    if dtype == np.float32:
        halves = itertools.islice(_halves(state), count)
        return np.array([(half >> 8) / 2**24 for half in halves], dtype)
    start = int(state[6]) // 2
    return np.array([(word_at(state, start + i) >> 11) / 2**53 for i in range(count)], dtype)


def normal(state, count, dtype):
    r = uniform(state, 2 * count, dtype).tolist()
    pairs = zip(r[0::2], r[1::2], strict=True)
    return np.array(
        [math.sqrt(-2 * math.log(1 - a)) * math.cos(2 * math.pi * b) for a, b in pairs], dtype
    )


def advance(state, count, dtype):
    *_, word, has, first = (int(number) for number in state)
    index = word // 2
    for _ in range(count):
        if dtype == np.float32 and has:
            has = 0
            continue
        if dtype == np.float32:
            has, first = 1, word_at(state, index) >> 32
        index += 1
    if count:
        # NumPy stays in a block until it needs a word of the next one: 1 to 4 words are taken.
        drawn = (index - 1) // 4 if index else 0
        number = sum(int(part) << 64 * i for i, part in enumerate(state[2:6])) + drawn
        state[2:6] = [number >> 64 * i & 2**64 - 1 for i in range(4)]
        state[6:] = 2 * (index - 4 * drawn), has, first
    return state
