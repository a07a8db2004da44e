"""One batch of many samples."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from tinygan.devices import array_module, beside
from tinygan.ops.shape import stack
from tinygan.tensor import Tensor, float32, float64


def default_collate(batch: Sequence[Any]) -> Any:
    """The samples of a batch, joined along a new first dimension.

    ===================  =================================================================
    a sample             the batch
    ===================  =================================================================
    Tensor, array        Tensor (b, ...) of the same dtype
    float, int, bool     Tensor (b,) of float64, int64, bool
    str, bytes           all of them, as they are
    mapping              a mapping of the same type, key by key
    named tuple          a named tuple of the same type, field by field
    tuple                a list, place by place
    another sequence     a sequence of the same type, place by place
    ===================  =================================================================

    Raises:
        ValueError: no samples; arrays of different shapes; sequences of different lengths.
        TypeError: a sample is something else, or arrays have different dtypes.

    (As torch.utils.data.default_collate.)
    """
    if len(batch) == 0:
        raise ValueError("default_collate: the batch has no samples")
    first = batch[0]
    if isinstance(first, Tensor):
        return _stacked(batch)
    if isinstance(first, (np.ndarray, np.generic)):
        if first.dtype.kind not in "fiub":
            raise TypeError(f"default_collate: arrays must be of numbers, got {first.dtype}")
        return _stacked([Tensor(np.asarray(value)) for value in batch])
    if isinstance(first, (int, float)):
        return Tensor(_numbers(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        values = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return _mapping_like(first, values)
    if isinstance(first, Sequence):
        return _sequence(batch)
    picture = hasattr(first, "getbands")
    hint = "; give the data set transform=transforms.ToTensor()" if picture else ""
    raise TypeError(
        "default_collate: a sample must consist of tensors, arrays, numbers, strings, mappings and "
        f"sequences, got {type(first).__module__}.{type(first).__name__}{hint}"
    )


def default_convert(data: Any) -> Any:
    """A sample with its NumPy arrays and numbers as Tensors; all else is left as it is. It is for
    a `DataLoader` that makes no batches. (As torch.utils.data.default_convert.)"""
    if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind in "fiub":
        return Tensor(np.asarray(data))
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _sequence_like(data, [default_convert(value) for value in data])
    return data


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    first = tensors[0]
    for index, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor) or tensor.shape != first.shape:
            got = getattr(tensor, "shape", type(tensor).__name__)
            raise ValueError(
                f"default_collate: sample {index} of the batch is {got}, the first is "
                f"{first.shape}; make them of one shape, or pass a collate_fn"
            )
    if any(x.requires_grad or x.dtype != first.dtype for x in tensors):
        return stack(tensors)
    with beside(first.array):  # without a node of a graph for each sample
        return Tensor(array_module(first.array).stack([x.array for x in tensors]))


def _numbers(batch: Sequence[Any]) -> np.ndarray:
    """The first decides, as in PyTorch: floats become float64, but float32 after an integer."""
    array = np.asarray(batch)
    if array.ndim != 1 or array.dtype.kind not in "fiub":
        kinds = sorted({type(value).__name__ for value in batch})
        raise TypeError(f"default_collate: the batch mixes numbers and others: {', '.join(kinds)}")
    if isinstance(batch[0], float):
        return array.astype(float64, copy=False)
    return array.astype(float32) if array.dtype.kind == "f" else array


def _sequence(batch: Sequence[Any]) -> Any:
    first = batch[0]
    lengths = {len(sample) for sample in batch}
    if len(lengths) > 1:
        raise ValueError(
            f"default_collate: the samples are sequences of different lengths, {sorted(lengths)}; "
            "make them of one length, or pass a collate_fn"
        )
    places = [default_collate(values) for values in zip(*batch, strict=True)]
    if isinstance(first, tuple):
        return type(first)(*places) if hasattr(first, "_fields") else places
    return _sequence_like(first, places)


def _mapping_like(model: Mapping, values: dict) -> Any:
    """The values in a mapping of the model's type and attributes, where one can be made."""
    try:
        if isinstance(model, MutableMapping):
            twin = copy.copy(model)
            twin.update(values)
            return twin
        return type(model)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _sequence_like(model: Sequence, values: list) -> Any:
    """The values in a sequence of the model's type and attributes, where one can be made."""
    try:
        if isinstance(model, MutableSequence):
            twin = copy.copy(model)
            twin[:] = values
            return twin
        return type(model)(values)  # type: ignore[call-arg]
    except TypeError:  # as of range, which is not made of a list
        return values
