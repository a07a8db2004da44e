"""Making one batch of a list of samples."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from tinygan.creation import as_tensor, tensor
from tinygan.ops.shape import stack
from tinygan.tensor import Tensor, float64


def default_collate(batch: Sequence[Any]) -> Any:
    """The samples of a batch as one: each number, array or tensor in them gets a new first
    dimension, the batch. (As torch.utils.data.default_collate.)

    ========================  ==================================================================
    a sample is               the batch is
    ========================  ==================================================================
    a tensor or an array      a tensor (batch, ...) of the same dtype
    a Python float            a float64 tensor (batch,)
    an int or a bool          an int64 or a bool tensor (batch,)
    a NumPy number            a tensor (batch,) of the same dtype
    a str or bytes            the list of them
    a dict                    a dict: each value collated
    a named tuple             a named tuple: each field collated
    a tuple or a list         a list: each place collated
    ========================  ==================================================================

    Raises:
        TypeError: samples of another type, as of a PIL image that no transform made a tensor.
        ValueError: lists of unequal lengths, or tensors of unequal shapes.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(list(batch))
    if isinstance(first, np.ndarray):
        return stack([as_tensor(np.asarray(array)) for array in batch])
    if isinstance(first, (np.number, np.bool_)):
        return tensor(np.asarray(batch))
    if isinstance(first, float):
        return tensor(batch, float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        collated = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return _mapping_like(first, collated)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(field) for field in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        lengths = {len(sample) for sample in batch}
        if len(lengths) > 1:
            raise ValueError(
                f"default_collate: the samples have {sorted(lengths)} elements; expected the same "
                "number in each sample of a batch"
            )
        places = [default_collate(place) for place in zip(*batch, strict=True)]
        return places if isinstance(first, tuple) else _sequence_like(first, places)
    raise TypeError(
        f"default_collate: a sample holds an element of type {type(first).__name__}; expected "
        "tensors, arrays, numbers, strings, or dicts, tuples and lists of them. A transform of the "
        "data set (as ToTensor of images) or a collate_fn of your own can make them"
    )


def default_convert(sample: Any) -> Any:
    """A sample that is not to be put into a batch: its arrays become tensors, the rest stays."""
    if isinstance(sample, (np.ndarray, np.number, np.bool_)):
        if np.asarray(sample).dtype.kind not in "fiub":
            return sample
        return as_tensor(np.asarray(sample))
    return _each(default_convert, sample)


def _each(function: Callable[[Any], Any], sample: Any) -> Any:
    """The sample with the function applied to what it holds, where it holds anything."""
    if isinstance(sample, Mapping):
        return _mapping_like(sample, {key: function(value) for key, value in sample.items()})
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*(function(value) for value in sample))
    if isinstance(sample, tuple):
        return [function(value) for value in sample]
    if isinstance(sample, Sequence) and not isinstance(sample, (str, bytes)):
        return _sequence_like(sample, [function(value) for value in sample])
    return sample


def _mapping_like(example: Mapping, values: dict) -> Mapping:
    """The values in a mapping of the example's type, where such a one can be made."""
    try:
        if isinstance(example, MutableMapping):
            clone = copy.copy(example)
            clone.update(values)
            return clone
        return type(example)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _sequence_like(example: Sequence, values: list) -> Sequence:
    """The values in a sequence of the example's type, where such a one can be made."""
    try:
        if isinstance(example, MutableSequence):
            clone = copy.copy(example)
            for place, value in enumerate(values):
                clone[place] = value
            return clone
        return type(example)(values)  # type: ignore[call-arg]
    except TypeError:
        return values
