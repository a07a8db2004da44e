"""In which order samples are taken. (As ``torch.utils.data.sampler``, with tinygan's own stream of
random numbers.)"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from tinygan.devices import Generator
from tinygan.devices import generator as default_generator
from tinygan.tensor import Tensor

T = TypeVar("T", covariant=True)


def fresh(generator: Generator | None) -> np.random.Generator:
    """A NumPy generator whose seed is the next number of `generator`, by default tinygan's own.

    The stream of `generator` moves on by one number, however many are drawn from the new one.

    Raises:
        TypeError: `generator` is something else.
    """
    source = default_generator if generator is None else generator
    if not isinstance(source, Generator):
        raise TypeError(
            f"generator must be a tinygan.Generator or None, got {type(source).__name__}"
        )
    return np.random.Generator(np.random.Philox(int(source.numpy.integers(2**63))))


def permutation(size: int, generator: Generator | None) -> list[int]:
    """0 ... size - 1 in a random order."""
    return fresh(generator).permutation(size).tolist()


class Sampler(Generic[T]):
    """An order of samples: a subclass defines ``__iter__()``, which yields indices, and mostly
    ``__len__()``. `data_source` is not used, as in PyTorch."""

    def __init__(self, data_source: Any = None):
        pass

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__(self)")


class SequentialSampler(Sampler[int]):
    """0, 1, ... ``len(data_source) - 1``."""

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The indices of `data_source` in a random order, a new one each time it is iterated.

    Args:
        replacement: draw each index independently of the others.
        num_samples: how many, by default ``len(data_source)``. More than that without replacement
            are several whole orders and a part of one.
        generator: of the orders; by default tinygan's own stream, which `manual_seed` starts.

    Raises:
        TypeError: `replacement` is no bool.
        ValueError: `num_samples` is not positive, or there are no samples.
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
        generator: Generator | None = None,
    ):  # fmt: skip
        _check_bool("RandomSampler", replacement=replacement)
        if num_samples is not None:
            _check_positive("RandomSampler", num_samples=num_samples)
        if len(data_source) == 0:
            raise ValueError("RandomSampler: the data set has no samples")
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        random, size = fresh(self.generator), len(self.data_source)
        if self.replacement:
            yield from random.integers(size, size=self.num_samples).tolist()
            return
        left = self.num_samples
        while left > 0:
            order = random.permutation(size)[:left].tolist()
            yield from order
            left -= len(order)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in a random order, a new one each time."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None):
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        for place in permutation(len(self.indices), self.generator):
            yield self.indices[place]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices, i with a probability proportional to ``weights[i]``.

    Args:
        weights: non-negative numbers, which need not add up to 1.
        replacement: whether an index can come twice.

    Raises:
        TypeError: `replacement` is no bool.
        ValueError: `weights` are not of shape (n,), one is negative or not finite, all are 0;
            `num_samples` is not positive or, without replacement, larger than the number of
            weights above 0.
    """

    def __init__(
        self, weights: Sequence[float] | np.ndarray | Tensor, num_samples: int,
        replacement: bool = True, generator: Generator | None = None,
    ):  # fmt: skip
        _check_bool("WeightedRandomSampler", replacement=replacement)
        _check_positive("WeightedRandomSampler", num_samples=num_samples)
        array = weights.detach().cpu().numpy() if isinstance(weights, Tensor) else weights
        self.weights = np.asarray(array, np.float64)
        if self.weights.ndim != 1:
            raise ValueError(
                f"WeightedRandomSampler: weights have shape {self.weights.shape}; expected (n,)"
            )
        if not np.isfinite(self.weights).all() or (self.weights < 0).any():
            raise ValueError("WeightedRandomSampler: weights must be finite and not negative")
        above = np.count_nonzero(self.weights)
        if above == 0 or (not replacement and num_samples > above):
            raise ValueError(
                f"WeightedRandomSampler: num_samples is {num_samples}, but {above} weights are "
                "above 0"
            )
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        shares = self.weights / self.weights.sum()
        random = fresh(self.generator)
        chosen = random.choice(len(shares), self.num_samples, self.replacement, shares)
        yield from chosen.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of `batch_size`; the last list is shorter, or is left
    out with `drop_last`.

    Raises:
        TypeError: `drop_last` is no bool.
        ValueError: `batch_size` is no positive integer.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        _check_positive("BatchSampler", batch_size=batch_size)
        _check_bool("BatchSampler", drop_last=drop_last)
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full + (rest > 0 and not self.drop_last)


def _check_positive(name: str, **arguments: int) -> None:
    for argument, value in arguments.items():
        integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not integer or value < 1:
            raise ValueError(f"{name}: {argument} must be a positive integer, got {value!r}")


def _check_bool(name: str, **arguments: bool) -> None:
    for argument, value in arguments.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name}: {argument} must be True or False, got {value!r}")
