"""Data sets, and the loader that deals them out in batches: the names of torch.utils.data.

    digits = TensorDataset(images, labels)
    for x, y in DataLoader(digits, batch_size=64, shuffle=True):
        ...

A map-style data set has ``__getitem__`` and ``__len__``; an iterable one has ``__iter__``. What
draws random numbers takes them from the stream that `tinygan.manual_seed` starts, so that a seed
repeats the order. (The orders are not PyTorch's.)
"""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from tinygan.devices import Generator
from tinygan.devices import generator as default_generator
from tinygan.tensor import Tensor
from tinygan.utils.collate import default_collate, default_convert
from tinygan.utils.samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    batches,
)

__all__ = [
    "BatchSampler", "ConcatDataset", "DataLoader", "Dataset", "IterableDataset", "RandomSampler",
    "Sampler", "SequentialSampler", "Subset", "SubsetRandomSampler", "TensorDataset",
    "default_collate", "default_convert", "get_worker_info", "random_split",
]  # fmt: skip

T_co = TypeVar("T_co", covariant=True)

# Data sets


class Dataset(Generic[T_co]):
    """What all map-style data sets have in common: ``dataset[index]`` is a sample. (As
    torch.utils.data.Dataset.)

    A subclass has ``__getitem__(index)`` and ``__len__()``; it may have ``__getitems__(indices)``,
    which returns the list of samples of a batch. The sum of two data sets is one that holds both.
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} needs a method __getitem__")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """A data set that is a stream: a subclass has ``__iter__()``. (As
    torch.utils.data.IterableDataset.)"""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} needs a method __iter__")


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Sample i is ``(tensors[0][i], tensors[1][i], ...)``. (As torch.utils.data.TensorDataset.)

    Raises:
        ValueError: the tensors have unequal first dimensions, or there are none.
    """

    def __init__(self, *tensors: Tensor):
        if len({len(x) for x in tensors}) != 1:
            raise ValueError(
                f"TensorDataset: the tensors have shapes {[x.shape for x in tensors]}; expected "
                "one tensor or more, with equal first dimensions"
            )
        self.tensors = tensors

    def __getitem__(self, index) -> tuple[Tensor, ...]:
        return tuple(x[index] for x in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset[T_co]):
    """The samples of `dataset` at `indices`. (As torch.utils.data.Subset.)"""

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[T_co]):
    """The samples of several map-style data sets, one set after the other. (As
    torch.utils.data.ConcatDataset.)

    Raises:
        ValueError: there is none.
        TypeError: one of them is iterable.
    """

    def __init__(self, datasets: Iterable[Dataset]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: expected one data set or more, got none")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise TypeError(
                    f"ConcatDataset: {type(dataset).__name__} is an IterableDataset, which has no "
                    "indices; chain the streams with itertools.chain"
                )
        sizes = [len(dataset) for dataset in self.datasets]  # type: ignore[arg-type]
        self.cumulative_sizes = list(itertools.accumulate(sizes))

    def __getitem__(self, index) -> T_co:
        if not -len(self) <= index < len(self):
            raise IndexError(f"ConcatDataset: index {index} of a data set of {len(self)} samples")
        index = index + len(self) if index < 0 else index
        place = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[place - 1] if place > 0 else 0
        return self.datasets[place][index - before]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def random_split(
    dataset: Dataset[T_co], lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset[T_co]]:
    """Parts of a data set that do not overlap, drawn at random. (As torch.utils.data.random_split.)

    Args:
        lengths: how many samples each part has; or fractions that add up to 1, each rounded down,
            where the samples left over go to the first parts, one each.
        generator: the random stream; by default the one that `tinygan.manual_seed` starts.

    Raises:
        ValueError: a length is negative, or they do not add up to the length of the data set.
    """
    size = len(dataset)  # type: ignore[arg-type]
    if any(length < 0 for length in lengths):
        raise ValueError(f"random_split: lengths must not be negative, got {list(lengths)}")
    counts = [int(length) for length in lengths]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        counts = [math.floor(size * fraction) for fraction in lengths]
        for place in range(size - sum(counts)):
            counts[place % len(counts)] += 1
        if 0 in counts:
            warnings.warn(
                f"random_split: the parts have {counts} samples, one has none", stacklevel=2
            )
    elif any(count != length for count, length in zip(counts, lengths, strict=True)):
        raise ValueError(
            f"random_split: the fractions {list(lengths)} add up to {sum(lengths)}; expected 1"
        )
    if sum(counts) != size:
        raise ValueError(
            f"random_split: the lengths {counts} add up to {sum(counts)}; expected the length of "
            f"the data set, {size}"
        )
    order = (default_generator if generator is None else generator).numpy.permutation(size).tolist()
    ends = itertools.accumulate(counts)
    return [
        Subset(dataset, order[end - count : end]) for end, count in zip(ends, counts, strict=True)
    ]


# The loader


class DataLoader(Generic[T_co]):
    """Deals out a data set in batches: ``for batch in loader``; ``len(loader)`` is their number.
    (As torch.utils.data.DataLoader.)

    All samples are read in this process, one after the other, when their batch is asked for.
    `num_workers`, `pin_memory`, `timeout`, `worker_init_fn`, `multiprocessing_context`,
    `prefetch_factor` and `persistent_workers` are taken so that programs written for PyTorch run,
    are checked as there, and change nothing: `worker_init_fn` is not called, and
    `get_worker_info` is always None.

    Args:
        dataset: map-style or iterable.
        batch_size: samples in a batch; None deals out samples without a batch dimension.
        shuffle: whether each pass has a new random order.
        sampler: an iterable of indices, the order of the samples; excludes `shuffle`.
        batch_sampler: an iterable of lists of indices; excludes `batch_size`, `shuffle`, `sampler`
            and `drop_last`.
        collate_fn: makes a batch of a list of samples, by default `default_collate`; without
            `batch_size` it is given each sample, and is by default `default_convert`.
        drop_last: leaves out a last batch that is not full.
        generator: the random stream of `shuffle`; by default the one that `tinygan.manual_seed`
            starts.

    Raises:
        ValueError: arguments that exclude each other, or that are out of their range.
    """

    def __init__(
        self, dataset: Dataset[T_co], batch_size: int | None = 1, shuffle: bool | None = None,
        sampler: Iterable | None = None, batch_sampler: Iterable[Sequence] | None = None,
        num_workers: int = 0, collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False, drop_last: bool = False, timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None, multiprocessing_context: Any = None,
        generator: Generator | None = None, *, prefetch_factor: int | None = None,
        persistent_workers: bool = False,
    ):  # fmt: skip
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        iterable = isinstance(dataset, IterableDataset)
        if iterable and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(
                "DataLoader: shuffle, sampler and batch_sampler need a data set with indices, got "
                "an IterableDataset; shuffle within its __iter__"
            )
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: sampler excludes shuffle")
        if batch_sampler is not None and (
            batch_size != 1 or shuffle or sampler is not None or drop_last
        ):
            raise ValueError(
                "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last"
            )
        if batch_size is None and drop_last:
            raise ValueError("DataLoader: batch_size=None makes no batches, and excludes drop_last")
        if sampler is None and not iterable and batch_sampler is None:
            if shuffle:
                sampler = RandomSampler(dataset, generator=generator)  # type: ignore[arg-type]
            else:
                sampler = SequentialSampler(dataset)  # type: ignore[arg-type]
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:  # an iterable data set counts its batches with it alone
            batch_sampler = BatchSampler(dataset if iterable else sampler, batch_size, drop_last)  # type: ignore[arg-type]
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.collate_fn: Callable[[Any], Any] = collate_fn
        self.drop_last = drop_last
        self.generator = generator
        self.num_workers, self.pin_memory, self.timeout = num_workers, pin_memory, timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.prefetch_factor, self.persistent_workers = prefetch_factor, persistent_workers

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.dataset, IterableDataset):
            groups: Iterable = self.dataset
            if self.batch_size is not None:
                groups = batches(self.dataset, self.batch_size, self.drop_last)
            yield from map(self.collate_fn, groups)
        elif self.batch_sampler is None:
            for index in self.sampler:  # type: ignore[union-attr]
                yield self.collate_fn(self.dataset[index])
        else:
            for indices in self.batch_sampler:
                yield self.collate_fn(_samples(self.dataset, indices))

    def __len__(self) -> int:
        """The number of batches; of an iterable data set, if it has a length."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        return len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]


def _samples(dataset: Any, indices: Sequence) -> list[Any]:
    """Those of a batch, all at once where the data set knows how to."""
    if hasattr(dataset, "__getitems__"):
        return dataset.__getitems__(indices)
    return [dataset[index] for index in indices]


def get_worker_info() -> None:
    """None: a `DataLoader` reads its data set in the process that made it."""
    return None


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise ValueError(f"DataLoader: num_workers must not be negative, got {num_workers}")
    if timeout < 0:
        raise ValueError(f"DataLoader: timeout must not be negative, got {timeout}")
    if prefetch_factor is not None and (num_workers == 0 or prefetch_factor < 0):
        raise ValueError(
            f"DataLoader: prefetch_factor, got {prefetch_factor}, must not be negative and needs "
            "num_workers of 1 or more"
        )
    if persistent_workers and num_workers == 0:
        raise ValueError("DataLoader: persistent_workers needs num_workers of 1 or more")
