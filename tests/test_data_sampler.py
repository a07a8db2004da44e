"""The batch sampler: every index once an epoch, and a place that survives saving."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tinygan.data import BatchSampler

RANDOM = np.random.default_rng(20)
SIZES = [tuple(map(int, RANDOM.integers(1, [60, 12]))) for _ in range(8)] + [(12, 4), (5, 5)]


def take(sampler: BatchSampler, count: int) -> list[np.ndarray]:
    """The next ``count`` batches, across epochs."""
    batches: list[np.ndarray] = []
    while len(batches) < count:
        for indices in sampler:
            batches.append(indices)
            if len(batches) == count:
                break
    return batches


@pytest.mark.parametrize(("size", "batch_size"), SIZES)
def test_an_epoch_deals_every_index_once(size, batch_size):
    sampler = BatchSampler(size, batch_size, seed=size, drop_last=False)
    batches = list(sampler)
    assert len(batches) == len(sampler) == -(-size // batch_size)
    assert all(batch.dtype == np.int64 and batch.ndim == 1 for batch in batches)
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}
    assert sorted(np.concatenate(batches).tolist()) == list(range(size))
    assert (sampler.epoch, sampler.cursor) == (1, 0)


@pytest.mark.parametrize(("size", "batch_size"), [(10, 3), (12, 4), (7, 7)])
def test_drop_last_deals_full_batches_only(size, batch_size):
    sampler = BatchSampler(size, batch_size, seed=0)
    batches = list(sampler)
    assert len(batches) == len(sampler) == size // batch_size
    assert {len(batch) for batch in batches} == {batch_size}
    assert len(np.unique(np.concatenate(batches))) == len(batches) * batch_size


def test_the_order_depends_on_seed_and_epoch_alone():
    sampler = BatchSampler(100, 100, seed=7)
    (first,), (second,) = list(sampler), list(sampler)
    assert (first != second).any()
    assert (first != np.arange(100)).any()
    (other,) = BatchSampler(100, 100, seed=8)
    assert (first != other).any()
    keyed = np.random.Generator(np.random.Philox(np.random.SeedSequence([7, 1])))
    np.testing.assert_array_equal(second, keyed.permutation(100))


@pytest.mark.parametrize("taken", range(10))
def test_a_loaded_state_yields_exactly_what_was_left(taken):
    everything = take(BatchSampler(20, 6, seed=3), 12)
    sampler = BatchSampler(20, 6, seed=3)
    take(sampler, taken)
    state = json.loads(json.dumps(sampler.state_dict()))
    resumed = BatchSampler(20, 6, seed=3)
    resumed.load_state_dict(state)
    np.testing.assert_array_equal(take(resumed, 12 - taken), everything[taken:])


def test_a_batch_counts_as_taken_once_it_is_yielded():
    sampler = BatchSampler(20, 6, seed=3)
    seen = [(sampler.epoch, sampler.cursor) for _ in sampler]
    assert seen == [(0, 1), (0, 2), (0, 3)]
    for _ in sampler:
        break
    assert (sampler.epoch, sampler.cursor) == (1, 1)
    assert len(list(sampler)) == 2
    assert (sampler.epoch, sampler.cursor) == (2, 0)


def test_state_is_plain_integers():
    sampler = BatchSampler(20, 6, seed=3)
    take(sampler, 4)
    assert sampler.state_dict() == {
        "size": 20, "batch_size": 6, "seed": 3, "drop_last": 1, "epoch": 1, "cursor": 1,
    }
    assert {type(value) for value in sampler.state_dict().values()} == {int}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 21}, "state has size 21; this sampler has 20"),
        ({"batch_size": 5}, "state has batch_size 5; this sampler has 6"),
        ({"seed": 4}, "state has seed 4; this sampler has 3"),
        ({"drop_last": 0}, "state has drop_last 0; this sampler has 1"),
        ({"epoch": -1}, "state has epoch -1; expected 0 or more"),
        ({"cursor": 4}, "state has cursor 4; expected 0 to 3"),
        ({"cursor": -1}, "state has cursor -1; expected 0 to 3"),
        ({"extra": 1}, "state has the keys .*'extra'"),
    ],
)
def test_a_state_of_another_sampler_is_refused(change, message):
    sampler = BatchSampler(20, 6, seed=3)
    take(sampler, 2)
    before = sampler.state_dict()
    with pytest.raises(ValueError, match=message):
        sampler.load_state_dict({**before, "epoch": 5, **change})
    assert sampler.state_dict() == before


def test_moving_the_sampler_under_a_running_loop_is_an_error():
    sampler = BatchSampler(20, 6, seed=3)
    running = iter(sampler)
    next(running)
    assert len(list(sampler)) == 2
    with pytest.raises(RuntimeError, match="went from epoch 0 to 1 during this loop"):
        next(running)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 0), "size is 0; expected 1 or more"),
        ((4, 0, 0), "batch_size is 0; expected 1 or more"),
        ((4, 2, -1), "seed is -1; expected 0 or more"),
        ((4, 5, 0), "batch_size is 5; expected at most the size, 4, with drop_last"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        BatchSampler(*arguments)
