"""Orders in which the elements of a data set are taken: iterables over indices."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from tinygan.devices import Generator
from tinygan.devices import generator as default_generator

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """What all samplers have in common: ``iter(sampler)`` yields indices, or lists of them."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} needs a method __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, ..., len(data_source) - 1. (As torch.utils.data.SequentialSampler.)"""

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices of `data_source` in random order, drawn anew in each pass.

    Args:
        replacement: draw each index independently of the others.
        num_samples: how many; by default as many as there are elements. Where there are more, and
            no replacement, one random order follows another.
        generator: the random stream; by default the one that `tinygan.manual_seed` starts.

    Raises:
        TypeError: `replacement` is not a bool.
        ValueError: `num_samples` is not a positive integer, or there is nothing to draw from.

    (As torch.utils.data.RandomSampler; the random numbers are tinygan's.)
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
        generator: Generator | None = None,
    ):  # fmt: skip
        if not isinstance(replacement, bool):
            raise TypeError(f"RandomSampler: replacement must be a bool, got {replacement!r}")
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples
        if num_samples is not None:
            _check_positive("RandomSampler", "num_samples", num_samples)
        if len(data_source) == 0:
            raise ValueError("RandomSampler: the data set is empty; expected 1 element or more")

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        size, count = len(self.data_source), self.num_samples
        random = _stream(self.generator)
        if self.replacement:
            yield from random.integers(size, size=count).tolist()
            return
        while count > 0:
            yield from random.permutation(size)[:count].tolist()
            count -= size

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, drawn anew in each pass. (As
    torch.utils.data.SubsetRandomSampler.)"""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None):
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for place in _stream(self.generator).permutation(len(self.indices)).tolist():
            yield self.indices[place]

    def __len__(self) -> int:
        return len(self.indices)


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices each, in the order of `sampler`; the last is shorter where they
    do not come out even, or left out with `drop_last`. (As torch.utils.data.BatchSampler.)

    Raises:
        ValueError: `batch_size` is not a positive integer, or `drop_last` is not a bool.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        _check_positive("BatchSampler", "batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"BatchSampler: drop_last must be a bool, got {drop_last!r}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        return batches(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full if self.drop_last or rest == 0 else full + 1


def batches(elements: Iterable[Any], batch_size: int, drop_last: bool) -> Iterator[list[Any]]:
    """The elements in lists of `batch_size`."""
    rest = iter(elements)
    while batch := list(itertools.islice(rest, batch_size)):
        if drop_last and len(batch) < batch_size:
            return
        yield batch


def _stream(generator: Generator | None):
    return (default_generator if generator is None else generator).numpy


def _check_positive(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{owner}: {name} must be a positive integer, got {value!r}")
