"""Data sets and the loader: their samples and order."""

from __future__ import annotations

import numpy as np
import pytest

import tinygan
from tinygan.data import BatchSampler as ResumableSampler
from tinygan.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    get_worker_info,
    random_split,
)


class Squares(Dataset):
    """Sample i is (i^2, "i")."""

    def __init__(self, size=10):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if not 0 <= index < self.size:
            raise IndexError(index)
        return float(index * index), str(index)


class Countdown(IterableDataset):
    def __init__(self, size=7):
        self.size = size

    def __iter__(self):
        return iter(range(self.size, 0, -1))


def values(loader):
    """What a loader of single values yields, as lists."""
    return [batch.tolist() for batch in loader]


# Data sets


def test_a_tensor_dataset_is_rows_of_its_tensors(rng):
    x, y = rng.standard_normal((5, 2, 3)), np.arange(5)
    dataset = TensorDataset(tinygan.tensor(x), tinygan.tensor(y))
    assert len(dataset) == 5
    image, label = dataset[3]
    assert image.tolist() == x[3].tolist() and label.item() == 3
    assert dataset[-1][1].item() == 4
    assert dataset.tensors[1].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ([tinygan.zeros(3), tinygan.zeros(4)], ValueError, r"one length, got \(3,\), \(4,\)"),
        ([tinygan.tensor(1.0)], ValueError, r"one length, got \(\)"),
        ([np.zeros(3)], TypeError, "argument 0 must be a Tensor, got ndarray"),
        ([], ValueError, "at least one tensor"),
    ],
)
def test_a_tensor_dataset_refuses_what_has_no_rows(arguments, error, message):
    with pytest.raises(error, match=f"TensorDataset: .*{message}"):
        TensorDataset(*arguments)


def test_concatenated_data_sets_go_on_from_one_to_the_next():
    joined = Squares(3) + Squares(0) + Squares(2)
    assert isinstance(joined, ConcatDataset)
    assert [joined[i][1] for i in range(len(joined))] == ["0", "1", "2", "0", "1"]
    assert joined[-1][1] == "1" and joined[-5][1] == "0"
    assert ConcatDataset([Squares(3), Squares(2)]).cumulative_sizes == [3, 5]
    for outside in (5, -6):
        with pytest.raises(IndexError, match=f"index is {outside}; the data set has 5 samples"):
            joined[outside]
    with pytest.raises(TypeError, match="data set 1 is an IterableDataset"):
        ConcatDataset([Squares(), Countdown()])
    with pytest.raises(ValueError, match="at least one data set"):
        ConcatDataset([])


@pytest.mark.parametrize("indices", [[4, 0, 4], np.array([4, 0, 4]), tinygan.tensor([4, 0, 4])])
def test_a_subset_has_the_samples_at_its_indices(indices):
    subset = Subset(Squares(), indices)
    assert [subset[i] for i in range(len(subset))] == [(16.0, "4"), (0.0, "0"), (16.0, "4")]
    rows = Subset(TensorDataset(tinygan.arange(10)), indices)
    assert [b[0].tolist() for b in DataLoader(rows, 2)] == [[4, 0], [4]]


def test_subclasses_may_change_the_samples():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return 2 * super().__getitem__(index)[0]

    assert values(DataLoader(Doubled(tinygan.arange(3)), 2)) == [[0, 2], [4]]

    class Negative(Subset):
        def __getitem__(self, index):
            return -super().__getitem__(index)[0]

    dataset = Negative(TensorDataset(tinygan.arange(5)), [1, 3])
    assert values(DataLoader(dataset, 2)) == [[-1, -3]]


def test_random_split_deals_out_every_sample_once():
    parts = random_split(Squares(10), [3, 7])
    assert [len(part) for part in parts] == [3, 7]
    order = [i for part in parts for i in part.indices]
    assert sorted(order) == list(range(10)) and order != sorted(order)
    again = random_split(Squares(10), [3, 7])
    assert [i for part in again for i in part.indices] != order  # the stream has moved on
    tinygan.manual_seed(0)
    assert random_split(Squares(10), [3, 7])[0].indices == parts[0].indices
    seeded = [random_split(Squares(10), [3, 7], tinygan.Generator(5))[0].indices for _ in range(2)]
    assert seeded[0] == seeded[1]


def test_random_split_takes_fractions_as_pytorch_does():
    """Rounded down, and what is left goes round: 30 (0.25, 0.35, 0.4) = 7 + 1, 10 + 1, 12 - 1."""
    lengths = [len(part) for part in random_split(Squares(31), [0.25, 0.35, 0.4])]
    assert lengths == [8, 11, 12]
    with pytest.warns(UserWarning, match=r"the lengths are \[1, 0\]: a subset is empty"):
        random_split(Squares(1), [0.5, 0.5])


@pytest.mark.parametrize("lengths", [[3, 8], [3], [-1, 11], [0.5, 0.4]])
def test_random_split_refuses_lengths_that_do_not_add_up(lengths):
    with pytest.raises(ValueError, match="must add up to 10"):
        random_split(Squares(10), lengths)


def test_random_split_refuses_fractions_that_are_none():
    with pytest.raises(ValueError, match=r"a fraction is -0\.5; expected 0 to 1"):
        random_split(Squares(10), [-0.5, 1.5])


# The loader


def test_a_loader_makes_batches_and_counts_them():
    loader = DataLoader(Squares(7), batch_size=3)
    batches = list(loader)
    assert [squares.tolist() for squares, _ in batches] == [[0, 1, 4], [9, 16, 25], [36]]
    assert [names for _, names in batches] == [("0", "1", "2"), ("3", "4", "5"), ("6",)]
    assert len(loader) == 3 and len(loader.dataset) == 7 and loader.batch_size == 3
    assert len(DataLoader(Squares(7), 3, drop_last=True)) == 2
    assert len(list(DataLoader(Squares(7), 3, drop_last=True))) == 2
    assert next(iter(DataLoader(Squares(7))))[0].tolist() == [0]


@pytest.mark.parametrize("dataset", [Squares(30), TensorDataset(tinygan.arange(30) * 1.0)])
def test_shuffling_is_new_in_each_epoch_and_repeats_with_the_seed(dataset):
    loader = DataLoader(dataset, batch_size=8, shuffle=True)

    def epoch():
        return [x for batch in loader for x in batch[0].tolist()]

    first, second = epoch(), epoch()
    everything = [float(dataset[i][0]) for i in range(30)]
    assert sorted(first) == sorted(second) == everything
    assert first != second and first != everything
    tinygan.manual_seed(0)
    assert epoch() == first
    own = [DataLoader(dataset, 30, True, generator=tinygan.Generator(9)) for _ in range(2)]
    (a,), (b,) = (list(loader) for loader in own)
    assert a[0].tolist() == b[0].tolist() != everything


def test_workers_and_pinned_memory_change_nothing():
    x = TensorDataset(tinygan.arange(20))
    plain_loader = DataLoader(x, 6, shuffle=True)
    first = [batch[0].tolist() for batch in plain_loader]
    tinygan.manual_seed(0)
    loader = DataLoader(
        x, 6, shuffle=True, num_workers=4, pin_memory=True, timeout=3, prefetch_factor=2,
        persistent_workers=True, worker_init_fn=lambda worker: pytest.fail("there is no worker"),
    )  # fmt: skip
    assert [batch[0].tolist() for batch in loader] == first
    assert loader.num_workers == 4 and get_worker_info() is None


def test_samplers_and_batch_samplers_say_the_order():
    dataset = TensorDataset(tinygan.arange(10))
    assert [b[0].tolist() for b in DataLoader(dataset, 2, sampler=[7, 1, 3])] == [[7, 1], [3]]
    loader = DataLoader(dataset, batch_sampler=[[5], [2, 2, 0]])
    assert [b[0].tolist() for b in loader] == [[5], [2, 2, 0]] and len(loader) == 2
    assert loader.batch_size is None
    tensors = DataLoader(dataset, 2, sampler=tinygan.tensor([7, 1]))
    assert [b[0].tolist() for b in tensors] == [[7, 1]]
    assert list(DataLoader(["a", "b"], 2, sampler=tinygan.tensor([1, 0]))) == [["b", "a"]]
    resumable = ResumableSampler(10, 4, seed=0)
    batches = [b[0].tolist() for b in DataLoader(dataset, batch_sampler=resumable)]
    assert [len(batch) for batch in batches] == [4, 4]


def test_collate_fn_gets_the_list_of_samples():
    loader = DataLoader(Squares(3), 2, collate_fn=lambda samples: samples)
    assert list(loader) == [[(0.0, "0"), (1.0, "1")], [(4.0, "2")]]
    rows = DataLoader(TensorDataset(tinygan.arange(3)), 2, collate_fn=len)
    assert list(rows) == [2, 1]


def test_a_data_set_may_return_several_samples_at_once():
    class Rows(Squares):
        def __getitems__(self, indices):
            return [-i for i in indices]

    assert values(DataLoader(Rows(5), 3)) == [[0, -1, -2], [-3, -4]]


def test_without_a_batch_size_samples_come_one_by_one():
    loader = DataLoader(TensorDataset(tinygan.arange(3)), batch_size=None)
    assert [sample[0].tolist() for sample in loader] == [0, 1, 2] and len(loader) == 3
    arrays = DataLoader([np.zeros(2), np.ones(2)], batch_size=None)
    assert [type(x).__name__ for x in arrays] == ["Tensor", "Tensor"]


def test_what_comes_in_sequence_is_batched_in_sequence():
    assert values(DataLoader(Countdown(5), 2)) == [[5, 4], [3, 2], [1]]
    assert values(DataLoader(Countdown(5), 2, drop_last=True)) == [[5, 4], [3, 2]]
    assert list(DataLoader(Countdown(3), batch_size=None)) == [3, 2, 1]
    loader = DataLoader(Countdown(5), 2)
    assert values(loader) == values(loader)
    with pytest.raises(TypeError, match=r"has no len\(\)"):
        len(loader)


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        (Squares(), {"batch_size": 0}, "batch_size must be a positive integer, got 0"),
        (Squares(), {"num_workers": -1}, "num_workers is -1"),
        (Squares(), {"timeout": -1}, "timeout is -1"),
        (Squares(), {"prefetch_factor": 2}, "need num_workers of 1 or more"),
        (Squares(), {"persistent_workers": True}, "need num_workers of 1 or more"),
        (Squares(), {"num_workers": 1, "prefetch_factor": 0}, "prefetch_factor is 0"),
        (Squares(), {"shuffle": True, "sampler": [1]}, "shuffle=True and a sampler exclude"),
        (Squares(), {"batch_sampler": [[1]], "shuffle": True}, "a batch_sampler excludes"),
        (Squares(), {"batch_sampler": [[1]], "batch_size": 2}, "a batch_sampler excludes"),
        (Squares(), {"batch_size": None, "drop_last": True}, "drop_last=True needs a batch_size"),
        (Squares(0), {"shuffle": True}, "the data set has no samples"),
        (Countdown(), {"shuffle": True}, "shuffle is True, but an IterableDataset"),
        (Countdown(), {"sampler": [1]}, "sampler is .*, but an IterableDataset"),
    ],
)
def test_a_loader_refuses_arguments_that_exclude_each_other(dataset, options, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(dataset, **options)


def test_data_sets_say_which_method_is_missing():
    with pytest.raises(NotImplementedError, match="Dataset must define __getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="IterableDataset must define __iter__"):
        iter(IterableDataset())
