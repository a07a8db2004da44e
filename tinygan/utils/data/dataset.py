"""Data sets: samples by index, samples one after another, and data sets made of others.

A data set may have a method ``_collated(indices)``: what `default_collate` makes of the samples at
these indices, computed for all of them at once, or None where it cannot. `DataLoader` asks for it
first, because a step of Python for each sample costs more than its pixels.
"""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from tinygan.devices import Generator, generator
from tinygan.tensor import Tensor
from tinygan.utils.data.sampler import permutation

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """Samples by index: a subclass defines ``__getitem__(index)`` and ``__len__()``.

    It may also define ``__getitems__(indices)``, which returns a list of samples; `DataLoader` then
    calls it once for each batch. (As torch.utils.data.Dataset.)
    """

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index)")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T]):
    """Samples one after another: a subclass defines ``__iter__()``. There is no index, so that a
    `DataLoader` can neither shuffle nor sample it. (As torch.utils.data.IterableDataset.)"""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__(self)")

    def __add__(self, other: Dataset):
        raise TypeError(
            "IterableDataset: + joins data sets by index, and this one has no indices; write a "
            "data set whose __iter__ goes through both"
        )


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Sample i is ``(tensors[0][i], tensors[1][i], ...)``. (As torch.utils.data.TensorDataset.)

    Raises:
        TypeError: something else than Tensors.
        ValueError: the tensors have different lengths.
    """

    def __init__(self, *tensors: Tensor):
        for index, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"TensorDataset: argument {index} must be a Tensor, got "
                    f"{type(tensor).__name__}"
                )
            if tensor.ndim == 0 or len(tensor) != len(tensors[0]):
                shapes = ", ".join(str(tensor.shape) for tensor in tensors)
                raise ValueError(f"TensorDataset: expected tensors of one length, got {shapes}")
        if not tensors:
            raise ValueError("TensorDataset: expected at least one tensor, got none")
        self.tensors = tensors

    def __getitem__(self, index) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def _collated(self, indices: Sequence[int]) -> list[Tensor] | None:
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return None
        rows = np.asarray(indices)
        return [tensor[rows] for tensor in self.tensors]


class Subset(Dataset[T]):
    """The samples of `dataset` at `indices`, in their order. (As torch.utils.data.Subset.)"""

    def __init__(self, dataset: Dataset[T], indices: Sequence[int]):
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index) -> T:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[_number(self.indices[index])]

    def __len__(self) -> int:
        return len(self.indices)

    def _collated(self, indices: Sequence[int]) -> Any:
        make = getattr(self.dataset, "_collated", None)
        if make is None or type(self).__getitem__ is not Subset.__getitem__:
            return None
        return make([_number(self.indices[i]) for i in indices])


def _number(index: Any) -> Any:
    """The index itself, where it came out of a Tensor of indices."""
    return int(index) if isinstance(index, Tensor) else index


class ConcatDataset(Dataset[T]):
    """The samples of several data sets, one after another. (As torch.utils.data.ConcatDataset.)

    Attributes:
        datasets: the data sets.
        cumulative_sizes: how many samples the first k + 1 of them have together.

    Raises:
        ValueError: no data sets.
        TypeError: one is an `IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Dataset[T]]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expected at least one data set, got none")
        for index, dataset in enumerate(self.datasets):
            if isinstance(dataset, IterableDataset):
                raise TypeError(
                    f"ConcatDataset: data set {index} is an IterableDataset, which has no indices"
                )
        lengths = [len(dataset) for dataset in self.datasets]  # type: ignore[arg-type]
        self.cumulative_sizes = list(itertools.accumulate(lengths))

    def __getitem__(self, index: int) -> T:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index is {index}; the data set has {len(self)} samples")
        index = index % len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - start]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def random_split(
    dataset: Dataset[T], lengths: Sequence[int | float], generator: Generator | None = generator
) -> list[Subset[T]]:
    """Deals the samples of `dataset` out at random into subsets of these lengths.

    Args:
        lengths: numbers of samples that add up to ``len(dataset)``; or fractions that add up to 1,
            each rounded down to samples, of which those left go to the first subsets.
        generator: of the random order; one seed gives one split.

    Raises:
        ValueError: the lengths do not add up, or a fraction is not between 0 and 1.

    (As torch.utils.data.random_split; the order is that of tinygan's own random numbers.)
    """
    size = len(dataset)  # type: ignore[arg-type]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        counts = _counts_of_fractions(size, lengths)
    else:
        counts = [int(length) for length in lengths]
    if sum(counts) != size or min(counts) < 0:
        raise ValueError(
            f"random_split: the lengths {list(lengths)} must add up to {size}, the length of the "
            "data set, or be fractions that add up to 1"
        )
    order = permutation(size, generator)
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - n : end]) for end, n in zip(ends, counts, strict=True)]


def _counts_of_fractions(size: int, fractions: Sequence[float]) -> list[int]:
    for fraction in fractions:
        if not 0 <= fraction <= 1:
            raise ValueError(f"random_split: a fraction is {fraction}; expected 0 to 1")
    counts = [math.floor(size * fraction) for fraction in fractions]
    for left in range(size - sum(counts)):
        counts[left % len(counts)] += 1
    if 0 in counts:
        warnings.warn(f"random_split: the lengths are {counts}: a subset is empty", stacklevel=3)
    return counts
