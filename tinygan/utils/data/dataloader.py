"""The loader: a data set in batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np

from tinygan.devices import Generator
from tinygan.tensor import Tensor
from tinygan.utils.data.collate import default_collate, default_convert
from tinygan.utils.data.dataset import Dataset, IterableDataset
from tinygan.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler

T = TypeVar("T", covariant=True)


class DataLoader(Generic[T]):
    """A data set in batches: ``for batch in loader``, and again for the next epoch.

    Args:
        dataset: samples by index, or an `IterableDataset`.
        batch_size: samples in a batch; None for single samples, which no collate_fn joins.
        shuffle: a new random order for each epoch.
        sampler: the order, as indices; in the place of `shuffle`.
        batch_sampler: lists of indices; in the place of batch_size, shuffle, sampler, drop_last.
        collate_fn: makes a batch of a list of samples; by default `default_collate`.
        drop_last: leave out a last batch that is not full.
        generator: of the shuffling; by default tinygan's own stream, which `manual_seed` starts.
        num_workers, timeout, worker_init_fn, multiprocessing_context, prefetch_factor,
            persistent_workers, in_order: checked and not used. Everything is loaded in the process
            and the thread that iterates, as PyTorch does for ``num_workers=0``: results do not
            depend on the number of workers, `worker_init_fn` is not called, and `get_worker_info`
            returns None. Batches of a `TensorDataset` and of images in memory are made as a whole.
        pin_memory, pin_memory_device: not used: batches lie in ordinary memory.

    Attributes: dataset, batch_size, sampler, batch_sampler, collate_fn, drop_last, generator,
        num_workers, pin_memory, timeout, worker_init_fn.

    Raises:
        ValueError: a number is out of range, or arguments exclude each other.

    (As torch.utils.data.DataLoader.)
    """

    def __init__(
        self, dataset: Dataset[T], batch_size: int | None = 1, shuffle: bool | None = None,
        sampler: Iterable | None = None, batch_sampler: Iterable | None = None,
        num_workers: int = 0, collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False, drop_last: bool = False, timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None, multiprocessing_context: Any = None,
        generator: Generator | None = None, *, prefetch_factor: int | None = None,
        persistent_workers: bool = False, pin_memory_device: str = "", in_order: bool = True,
    ):  # fmt: skip
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.prefetch_factor, self.persistent_workers = prefetch_factor, persistent_workers
        self.pin_memory, self.generator = pin_memory, generator
        self.batch_size = None if batch_sampler is not None else batch_size
        self.drop_last = drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        if sampler is None and not isinstance(dataset, IterableDataset):
            self.sampler = (
                RandomSampler(dataset, generator=generator)  # type: ignore[arg-type]
                if shuffle
                else SequentialSampler(dataset)  # type: ignore[arg-type]
            )
        if self.sampler is not None and self.batch_size is not None:
            self.batch_sampler = BatchSampler(self.sampler, self.batch_size, drop_last)
        batches = self.batch_size is not None or batch_sampler is not None
        by_default = default_collate if batches else default_convert
        self.collate_fn: Callable[[Any], Any] = collate_fn or by_default

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.dataset, IterableDataset):
            return self._in_sequence(self.dataset)
        if self.batch_sampler is not None:
            return map(self._load, self.batch_sampler)
        return (self.collate_fn(self.dataset[index]) for index in self.sampler or ())

    def __len__(self) -> int:
        """Batches in an epoch; single samples where `batch_size` is None.

        Raises:
            TypeError: of an `IterableDataset`, or of a sampler, that has no length.
        """
        if isinstance(self.dataset, IterableDataset):
            size = len(self.dataset)  # type: ignore[arg-type]
            if self.batch_size is None:
                return size
            return (size + (0 if self.drop_last else self.batch_size - 1)) // self.batch_size
        source = self.sampler if self.batch_sampler is None else self.batch_sampler
        return len(source)  # type: ignore[arg-type]

    def _load(self, indices: Iterable) -> Any:
        """The batch of these samples."""
        places = [int(i) if isinstance(i, Tensor) else i for i in indices]
        if self.collate_fn is default_collate and hasattr(self.dataset, "_collated"):
            batch = self.dataset._collated(places)
            if batch is not None:
                return batch
        if hasattr(self.dataset, "__getitems__"):
            return self.collate_fn(self.dataset.__getitems__(places))
        return self.collate_fn([self.dataset[place] for place in places])

    def _in_sequence(self, dataset: IterableDataset) -> Iterator[Any]:
        samples = iter(dataset)
        if self.batch_size is None:
            yield from map(self.collate_fn, samples)
            return
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)


def get_worker_info() -> None:
    """None: samples are loaded in the process that asks for them, as in PyTorch's main process."""
    return None


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise ValueError(f"DataLoader: num_workers is {num_workers}; expected 0 or more")
    if timeout < 0:
        raise ValueError(f"DataLoader: timeout is {timeout}; expected 0 or more seconds")
    if num_workers == 0 and (prefetch_factor is not None or persistent_workers):
        raise ValueError(
            "DataLoader: prefetch_factor and persistent_workers need num_workers of 1 or more"
        )
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ValueError(f"DataLoader: prefetch_factor is {prefetch_factor}; expected 1 or more")


def _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last) -> None:
    """Each of these says in which order samples come, or how they are grouped: not two at once."""
    if isinstance(dataset, IterableDataset):
        for name, value in (
            ("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler),
        ):  # fmt: skip
            if value is not None:
                raise ValueError(
                    f"DataLoader: {name} is {value!r}, but an IterableDataset says itself in which "
                    "order its samples come"
                )
    if shuffle and sampler is not None:
        raise ValueError("DataLoader: shuffle=True and a sampler exclude each other")
    if batch_sampler is not None and (
        batch_size != 1 or shuffle or sampler is not None or drop_last
    ):
        raise ValueError(
            "DataLoader: a batch_sampler excludes batch_size, shuffle, sampler and drop_last"
        )
    if batch_size is None and drop_last:
        raise ValueError("DataLoader: drop_last=True needs a batch_size")
    integer = isinstance(batch_size, (int, np.integer))
    if batch_size is not None and (not integer or batch_size < 1):
        raise ValueError(f"DataLoader: batch_size must be a positive integer, got {batch_size!r}")
