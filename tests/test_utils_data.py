"""Data sets, samplers and the loader; where PyTorch is installed, beside PyTorch's."""

from __future__ import annotations

import collections
import re

import needs
import numpy as np
import pytest

import tinygan
from tinygan.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    default_collate,
    get_worker_info,
    random_split,
)

Point = collections.namedtuple("Point", ["x", "y"])


class Squares(Dataset):
    def __init__(self, size):
        self.size = size

    def __getitem__(self, index):
        return index * index, f"{index}"

    def __len__(self):
        return self.size


class Countdown(IterableDataset):
    def __init__(self, start):
        self.start = start

    def __iter__(self):
        return iter(range(self.start, 0, -1))

    def __len__(self):
        return self.start


# Data sets


def test_a_subclass_without_its_methods_says_which():
    with pytest.raises(NotImplementedError, match="Dataset needs a method __getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="IterableDataset needs a method __iter__"):
        iter(IterableDataset())


def test_tensor_dataset_pairs_the_rows(rng):
    x, y = rng.standard_normal((5, 2, 3)).astype(np.float32), np.arange(5)
    dataset = TensorDataset(tinygan.tensor(x), tinygan.tensor(y))
    assert len(dataset) == 5
    row, label = dataset[3]
    assert np.array_equal(row.numpy(), x[3])
    assert (label.shape, label.item()) == ((), 3)
    assert len(list(dataset)) == 5  # ends by itself
    rows, _ = dataset[1:3]
    assert np.array_equal(rows.numpy(), x[1:3])
    with pytest.raises(ValueError, match=r"shapes \[\(5,\), \(4,\)\]; expected .* equal first"):
        TensorDataset(tinygan.zeros(5), tinygan.zeros(4))
    with pytest.raises(ValueError, match="one tensor or more"):
        TensorDataset()


def test_concatenated_sets_follow_one_another():
    both = Squares(3) + Squares(4)
    assert isinstance(both, ConcatDataset)
    assert [both[i][0] for i in range(-7, 7)] == 2 * [0, 1, 4, 0, 1, 4, 9]
    assert [value for value, _ in both] == [0, 1, 4, 0, 1, 4, 9]
    for index in (7, -8):
        with pytest.raises(IndexError, match=f"index {index} of a data set of 7"):
            both[index]
    assert ConcatDataset([Squares(0), Squares(2)])[0] == (0, "0")
    with pytest.raises(ValueError, match="one data set or more"):
        ConcatDataset([])
    with pytest.raises(TypeError, match="Countdown is an IterableDataset"):
        Squares(2) + Countdown(3)


def test_subset_and_random_split():
    assert list(Subset(Squares(9), [8, 2])) == [(64, "8"), (4, "2")]
    tensors = TensorDataset(tinygan.arange(9))
    assert Subset(tensors, [8, 2, 5])[[0, 2]][0].tolist() == [8, 5]
    parts = random_split(Squares(10), [3, 7])
    assert [len(part) for part in parts] == [3, 7]
    indices = [i for part in parts for i in part.indices]
    assert sorted(indices) == list(range(10))
    assert indices != list(range(10))
    # 10 times 0.33, 0.33 and 0.34 are 3 each; the sample left over goes to the first part
    assert [len(part) for part in random_split(Squares(10), [0.33, 0.33, 0.34])] == [4, 3, 3]
    with pytest.warns(UserWarning, match=r"\[1, 0\] samples, one has none"):
        random_split(Squares(1), [0.5, 0.5])


def test_random_split_repeats_with_its_generator():
    def split(seed):
        return random_split(range(50), [0.5, 0.5], generator=tinygan.Generator(seed))[0].indices

    assert split(4) == split(4)
    assert split(4) != split(5)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([3, 6], "add up to 9; expected the length of the data set, 10"),
        ([12, -2], "must not be negative"),
        ([0.5, 0.6], "add up to 1.1; expected 1"),
    ],
)
def test_random_split_refuses_other_lengths(lengths, message):
    with pytest.raises(ValueError, match=message):
        random_split(Squares(10), lengths)


# Samplers


def test_orders():
    data = "abcde"
    assert list(SequentialSampler(data)) == [0, 1, 2, 3, 4]
    sampler = RandomSampler(range(50))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second  # each pass has an order of its own
    subset = SubsetRandomSampler([9, 7, 5])
    assert sorted(subset) == [5, 7, 9]
    assert (len(sampler), len(subset)) == (50, 3)


def test_random_sampler_draws_more_and_fewer_than_there_are():
    more = list(RandomSampler(range(4), num_samples=10))
    assert [sorted(more[:4]), sorted(more[4:8])] == 2 * [[0, 1, 2, 3]]
    assert len(more) == 10
    assert len(set(RandomSampler(range(40), num_samples=9))) == 9
    drawn = list(RandomSampler(range(3), replacement=True, num_samples=600))
    counts = np.bincount(drawn, minlength=4)
    assert counts[3] == 0
    assert (abs(counts[:3] - 200) < 70).all()  # six standard deviations of 11.5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(replacement=1), TypeError, "replacement must be a bool, got 1"),
        (dict(num_samples=0), ValueError, "num_samples must be a positive integer, got 0"),
        (dict(data_source=[]), ValueError, "the data set is empty"),
    ],
)
def test_random_sampler_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        RandomSampler(**{"data_source": range(3), **arguments})


def test_batch_sampler():
    full = [[0, 1, 2], [3, 4, 5]]
    for drop_last, expected in ((False, [*full, [6]]), (True, full)):
        sampler = BatchSampler(SequentialSampler(range(7)), 3, drop_last)
        assert list(sampler) == expected
        assert len(sampler) == len(expected)
    with pytest.raises(ValueError, match="batch_size must be a positive integer, got 0"):
        BatchSampler(range(7), 0, False)
    with pytest.raises(ValueError, match="drop_last must be a bool, got 3"):
        BatchSampler(range(7), 2, 3)


# The loader


def test_batches_in_order():
    loader = DataLoader(Squares(5), 2)
    assert len(loader) == 3
    batches = list(loader)
    assert [x.tolist() for x, _ in batches] == [[0, 1], [4, 9], [16]]
    assert [tuple(names) for _, names in batches] == [("0", "1"), ("2", "3"), ("4",)]
    assert batches[0][0].dtype == tinygan.int64
    assert type(batches[0]) is list
    dropping = DataLoader(Squares(5), batch_size=2, drop_last=True)
    assert (len(dropping), len(list(dropping))) == (2, 2)
    assert loader.dataset.size == 5
    assert loader.batch_size == 2


def test_shuffling_repeats_under_manual_seed():
    loader = DataLoader(Squares(30), batch_size=30, shuffle=True)

    def one_pass():
        ((values, _),) = loader
        return values.tolist()

    tinygan.manual_seed(7)
    first, second = one_pass(), one_pass()
    assert sorted(first) == [i * i for i in range(30)]
    assert first != second
    tinygan.manual_seed(7)
    assert [one_pass(), one_pass()] == [first, second]
    loader = DataLoader(Squares(30), 30, True, generator=tinygan.Generator(7))
    assert one_pass() == first  # from a stream of its own


def test_samplers_and_collate_of_ones_own():
    assert [x.tolist() for x, _ in DataLoader(Squares(9), 2, sampler=[3, 1, 2])] == [[9, 1], [4]]
    loader = DataLoader(Squares(9), batch_sampler=[[1], [2, 3]])
    assert [x.tolist() for x, _ in loader] == [[1], [4, 9]]
    assert len(loader) == 2
    assert list(DataLoader(range(3), 2, collate_fn=sum)) == [1, 2]


def test_a_data_set_may_read_a_batch_at_once():
    class Together(Squares):
        def __getitems__(self, indices):
            return [sum(indices)] * len(indices)

    assert [x.tolist() for x in DataLoader(Together(5), 3)] == [[3, 3, 3], [7, 7]]


def test_without_a_batch_size_samples_come_one_by_one():
    loader = DataLoader([{"a": np.ones(2, np.float32)}, (1, "b")], batch_size=None)
    first, second = loader
    assert isinstance(first["a"], tinygan.Tensor)
    assert second == [1, "b"]
    assert len(loader) == 2


def test_iterable_data_sets():
    loader = DataLoader(Countdown(5), batch_size=2)
    assert [x.tolist() for x in loader] == [[5, 4], [3, 2], [1]]
    assert len(loader) == 3
    assert [x.tolist() for x in DataLoader(Countdown(3), 2, drop_last=True)] == [[3, 2]]
    assert list(DataLoader(Countdown(3), batch_size=None)) == [3, 2, 1]
    with pytest.raises(ValueError, match="got an IterableDataset; shuffle within"):
        DataLoader(Countdown(3), shuffle=True)


def test_options_of_workers_are_taken_and_change_nothing():
    seen = []

    class Watching(Squares):
        def __getitem__(self, index):
            seen.append(get_worker_info())
            return index

    loader = DataLoader(
        Watching(3), num_workers=2, pin_memory=True, timeout=5, worker_init_fn=seen.append,
        prefetch_factor=2, persistent_workers=True,
    )  # fmt: skip
    assert [x.tolist() for x in loader] == [[0], [1], [2]]
    assert seen == [None, None, None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(sampler=[0], shuffle=True), "sampler excludes shuffle"),
        (dict(batch_sampler=[[0]], batch_size=2), "batch_sampler excludes batch_size"),
        (dict(batch_sampler=[[0]], drop_last=True), "batch_sampler excludes batch_size"),
        (dict(batch_size=None, drop_last=True), "excludes drop_last"),
        (dict(batch_size=0), "batch_size must be a positive integer, got 0"),
        (dict(num_workers=-1), "num_workers must not be negative, got -1"),
        (dict(timeout=-1), "timeout must not be negative"),
        (dict(prefetch_factor=2), "needs num_workers of 1 or more"),
        (dict(persistent_workers=True), "needs num_workers of 1 or more"),
    ],
)
def test_the_loader_refuses(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        DataLoader(Squares(3), **arguments)


# Collating

SAMPLES = {
    "floats": [0.5, 2.0],
    "integers": [3, -1],
    "booleans": [True, False],
    "float32 numbers": [np.float32(0.5), np.float32(2)],
    "float64 numbers": [np.float64(0.1), np.float64(2)],
    "int32 numbers": [np.int32(4), np.int32(5)],
    "arrays": [np.arange(6.0).reshape(2, 3), np.ones((2, 3))],
    "uint8 arrays": [np.arange(3, dtype=np.uint8), np.arange(3, dtype=np.uint8)],
    "0-d arrays": [np.array(1.5), np.array(2.5)],
    "strings": ["a", "b"],
    "bytes": [b"a", b"b"],
    "tuples": [(1, "a", 0.5), (2, "b", 1.5)],
    "lists": [[1, 0.5], [2, 1.5]],
    "dicts": [{"x": 1, "y": [np.ones(2), "u"]}, {"x": 2, "y": [np.zeros(2), "v"]}],
    "ordered dicts": [collections.OrderedDict(b=1, a=2.0), collections.OrderedDict(b=3, a=4.0)],
    "named tuples": [Point(1, (0.5, 2)), Point(2, (1.5, 3))],
    "ranges": [range(2), range(2, 4)],
}


def described(value):
    """Values, dtypes and types of what was collated, in one form for both libraries."""
    if hasattr(value, "tolist"):
        return tuple(value.shape), str(value.dtype).removeprefix("torch."), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {key: described(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [described(part) for part in value]
    return value


@pytest.mark.parametrize("name", SAMPLES)
def test_collates_as_pytorch(name):
    torch = needs.pytorch()
    expected = torch.utils.data.default_collate(SAMPLES[name])
    assert described(default_collate(SAMPLES[name])) == described(expected)


def test_collates_tensors_and_keeps_the_samples(rng):
    arrays = [rng.standard_normal((2, 3)) for _ in range(3)]
    batch = default_collate([(tinygan.tensor(a), {"n": i}) for i, a in enumerate(arrays)])
    assert np.array_equal(batch[0].numpy(), np.stack(arrays))
    assert batch[1]["n"].tolist() == [0, 1, 2]
    samples = [{"a": 1}, {"a": 2}]
    default_collate(samples)
    assert samples == [{"a": 1}, {"a": 2}]


def test_collate_refuses_what_it_does_not_know():
    with pytest.raises(TypeError, match="an element of type object; expected"):
        default_collate([object()])
    with pytest.raises(ValueError, match=r"have \[1, 2\] elements"):
        default_collate([[1], [1, 2]])
    with pytest.raises(ValueError, match=r"tensor 1 has shape \(3,\)"):
        default_collate([np.ones(2), np.ones(3)])
