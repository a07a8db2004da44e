"""Batches of samples and orders of samples, beside PyTorch's where it helps."""

from __future__ import annotations

import collections
import types

import needs
import numpy as np
import pytest

import tinygan
from tinygan.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
)

# Batches of samples

Point = collections.namedtuple("Point", "x y")



class Named(list):
    def __init__(self, name, values):
        super().__init__(values)
        self.name = name


SAMPLES = {
    "floats": lambda m: [0.5, 1.5],
    "integers": lambda m: [3, -1],
    "an integer and a float": lambda m: [3, 0.5],
    "bools": lambda m: [True, False],
    "arrays": lambda m: [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((2, 3), np.float32)],
    "numbers of NumPy": lambda m: [np.float32(1), np.float32(2)],
    "double numbers of NumPy": lambda m: [np.float64(1), np.float64(2)],
    "bytes": lambda m: [np.array([1, 2], np.uint8), np.array([3, 255], np.uint8)],
    "tensors": lambda m: [m.ones(2, 1), m.zeros(2, 1)],
    "0-d tensors": lambda m: [m.tensor(1.5), m.tensor(2.5)],
    "strings": lambda m: ["a", "b"],
    "tuples": lambda m: [(1, 2.0, "x"), (3, 4.0, "y")],
    "lists": lambda m: [[1, 2], [3, 4]],
    "named tuples": lambda m: [Point(1, m.ones(2)), Point(2, m.zeros(2))],
    "dictionaries": lambda m: [{"a": 1, "b": {"c": (1.0, "z")}}, {"a": 2, "b": {"c": (2.0, "w")}}],
    "frozen dictionaries": lambda m: [types.MappingProxyType({"a": i}) for i in (1, 2)],
    "lists with attributes": lambda m: [Named("x", [1, 0.5]), Named("x", [2, 1.5])],
    "ranges": lambda m: [range(2), range(2, 4)],
    "an ordered dictionary": lambda m: [collections.OrderedDict(b=1, a=2)] * 2,
}


def plain(x):
    """Types, dtypes and values, without whose tensors they are."""
    if hasattr(x, "tolist"):
        return "tensor", str(x.dtype).removeprefix("torch."), x.tolist()
    if isinstance(x, dict):
        return type(x).__name__, [(key, plain(value)) for key, value in x.items()]
    if isinstance(x, types.MappingProxyType):
        return type(x).__name__, plain(dict(x))
    if isinstance(x, (list, tuple)):
        return type(x).__name__, [plain(value) for value in x], vars(x) if type(x) is Named else {}
    return x


@pytest.mark.parametrize("function", ["default_collate", "default_convert"])
@pytest.mark.parametrize("name", SAMPLES)
def test_collating_and_converting_as_pytorch_does(name, function):
    torch = needs.pytorch()
    ours = {"default_collate": default_collate, "default_convert": default_convert}[function]
    theirs = getattr(torch.utils.data, function)
    assert plain(ours(SAMPLES[name](tinygan))) == plain(theirs(SAMPLES[name](torch)))


def test_collating_by_hand():
    """The same without PyTorch, for the form that most data sets have."""
    images, labels = default_collate([(np.full((1, 2), i, np.float32), i) for i in (4, 5)])
    assert images.tolist() == [[[4, 4]], [[5, 5]]] and images.dtype == np.float32
    assert labels.tolist() == [4, 5] and labels.dtype == np.int64
    assert default_collate([0.5, 1]).dtype == np.float64


def test_gradients_flow_through_a_batch():
    x = tinygan.ones(2, requires_grad=True)
    (default_collate([x, 3 * x]) * tinygan.tensor([[1.0], [10.0]])).sum().backward()
    assert x.grad.tolist() == [31, 31]


def test_batches_of_tensors_stay_on_their_device(device, rng):
    x = tinygan.tensor(rng.standard_normal((5, 3)), device=device)
    y = tinygan.tensor([4, 3, 2, 1, 0], device=device)
    (first, labels), (second, _) = DataLoader(TensorDataset(x, y), 3)
    assert first.device == second.device == labels.device == x.device
    assert first.tolist() == x[:3].tolist() and second.tolist() == x[3:].tolist()
    assert labels.tolist() == [4, 3, 2]
    stacked = default_collate([x[4], x[1]])
    assert stacked.device == x.device and stacked.tolist() == [x[4].tolist(), x[1].tolist()]


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ([], ValueError, "no samples"),
        ([tinygan.zeros(2), tinygan.zeros(3)], ValueError,
         r"sample 1 of the batch is \(3,\), the first is \(2,\)"),
        ([tinygan.zeros(2), 1], ValueError, "sample 1 of the batch is int"),
        ([(1, 2), (1, 2, 3)], ValueError, r"different lengths, \[2, 3\]"),
        ([1, "a"], TypeError, "mixes numbers and others: int, str"),
        ([None, None], TypeError, "got builtins.NoneType"),
        ([np.array(["a"])], TypeError, "arrays must be of numbers, got <U1"),
    ],
)  # fmt: skip
def test_collating_refuses_what_makes_no_batch(batch, error, message):
    with pytest.raises(error, match=message):
        default_collate(batch)


def test_pictures_are_refused_with_the_transform_that_helps():
    image = pytest.importorskip("PIL.Image").new("L", (2, 2))
    with pytest.raises(TypeError, match=r"give the data set transform=transforms.ToTensor\(\)"):
        default_collate([image])


# Samplers


def test_each_pass_is_another_order_of_all_indices():
    sampler = RandomSampler(range(20))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second and first != list(range(20))
    assert len(sampler) == sampler.num_samples == 20
    tinygan.manual_seed(0)
    assert [list(sampler), list(sampler)] == [first, second]


def test_every_order_is_as_likely():
    """6 orders of 3 in 3000 draws: 500 each, with a standard deviation of 20; 5 of them."""
    sampler = RandomSampler(range(3))
    counts = collections.Counter(tuple(sampler) for _ in range(3000))
    assert len(counts) == 6 and all(abs(n - 500) < 100 for n in counts.values())


def test_an_order_takes_one_number_of_the_stream():
    """Whatever its length: what is drawn after it depends on the seed alone."""
    after = []
    for size in (2, 1000):
        tinygan.manual_seed(3)
        list(RandomSampler(range(size)))
        after.append(tinygan.rand(3).tolist())
    assert after[0] == after[1]


def test_numbers_of_samples_with_and_without_replacement():
    without = list(RandomSampler(range(4), num_samples=10))
    assert sorted(without[:4]) == sorted(without[4:8]) == [0, 1, 2, 3]
    assert len(without) == 10 and len(set(without[8:])) == 2
    replaced = list(RandomSampler(range(4), replacement=True, num_samples=4000))
    counts = np.bincount(replaced, minlength=4)
    assert len(replaced) == 4000 and (abs(counts - 1000) < 150).all()  # 5 deviations of 27
    assert set(without) <= set(range(4))


def test_weights_are_probabilities():
    sampler = WeightedRandomSampler(tinygan.tensor([1.0, 0.0, 3.0]), 4000)
    counts = np.bincount(list(sampler), minlength=3)
    assert len(sampler) == counts.sum() == 4000 and counts[1] == 0
    assert abs(counts[2] - 3000) < 140  # 5 deviations of 27
    without = WeightedRandomSampler([5, 1, 0, 2], 3, replacement=False)
    assert sorted(without) == [0, 1, 3]


def test_subsets_and_sequences():
    sampler = SubsetRandomSampler([9, 5, 7])
    assert sorted(sampler) == [5, 7, 9] and len(sampler) == 3
    assert len({tuple(sampler) for _ in range(50)}) == 6
    assert list(SequentialSampler("abc")) == [0, 1, 2]


@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_of_indices(drop_last):
    sampler = BatchSampler(SequentialSampler(range(7)), 3, drop_last)
    expected = [[0, 1, 2], [3, 4, 5], [6]][: 3 - drop_last]
    assert list(sampler) == list(sampler) == expected and len(sampler) == len(expected)
    assert len(BatchSampler(range(6), 3, drop_last)) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomSampler([]), "RandomSampler: the data set has no samples"),
        (lambda: RandomSampler([1], num_samples=0), "num_samples must be a positive integer"),
        (lambda: RandomSampler([1], replacement=1), "replacement must be True or False"),
        (lambda: list(RandomSampler([1], generator=5)), "must be a tinygan.Generator or None"),
        (lambda: WeightedRandomSampler([-1, 2], 1), "finite and not negative"),
        (lambda: WeightedRandomSampler([np.nan], 1), "finite and not negative"),
        (lambda: WeightedRandomSampler([0, 0], 1), "0 weights are above 0"),
        (lambda: WeightedRandomSampler([1, 0], 2, False), "1 weights are above 0"),
        (lambda: WeightedRandomSampler([[1.0]], 1), r"shape \(1, 1\); expected \(n,\)"),
        (lambda: BatchSampler([1], 0, False), "batch_size must be a positive integer, got 0"),
        (lambda: BatchSampler([1], 1.5, False), r"batch_size must be .*, got 1\.5"),
    ],
)
def test_samplers_refuse_what_they_cannot_draw(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
