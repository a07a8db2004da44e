"""Making tensors: from data, filled with a value, random."""

from __future__ import annotations

import numpy as np

from tinygan.device import Generator, array_module, beside, check_device, full, generator, to_device
from tinygan.tensor import Scalar, Tensor, check_dtype, float32, float64, sizes


def tensor(data, dtype=None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of `data`: a number, nested lists, an array or a Tensor.

    Python floats become float32, Python integers int64; arrays keep their dtype.

    Raises:
        TypeError: the data is not numeric, the dtype is not supported, or requires_grad is asked
            of integers.
        ValueError: nested lists of unequal lengths, or an unknown device.
    """
    if isinstance(data, Tensor):
        data = data.array
    is_array = hasattr(data, "dtype") and hasattr(data, "ndim")
    try:
        array = data if is_array else np.asarray(data)
    except ValueError as error:
        raise ValueError(f"tensor: the nested lists are not rectangular ({error})") from None
    if not is_array and array.dtype == float64:
        array = array.astype(float32) if dtype is None else array
    if array.dtype.kind not in "fiub":
        raise TypeError(f"tensor: data must be numbers, got {array.dtype}")
    dtype = check_dtype(dtype, check_dtype(array.dtype))
    with beside(array):
        array = to_device(array.astype(dtype, order="K", copy=True), check_device(device))
    return Tensor(array).requires_grad_(requires_grad)


def _filled(value, size, dtype, device, requires_grad) -> Tensor:
    array = full(sizes(size), value, check_dtype(dtype), device)
    return Tensor(array).requires_grad_(requires_grad)


def zeros(*size, dtype=None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros, float32 unless `dtype` says otherwise."""
    return _filled(0, size, dtype, device, requires_grad)


def ones(*size, dtype=None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones, float32 unless `dtype` says otherwise."""
    return _filled(1, size, dtype, device, requires_grad)


def zeros_like(x: Tensor) -> Tensor:
    """Zeros of the shape, dtype and device of `x`."""
    with beside(x.array):
        return Tensor(array_module(x.array).zeros_like(x.array))


def ones_like(x: Tensor) -> Tensor:
    """Ones of the shape, dtype and device of `x`."""
    with beside(x.array):
        return Tensor(array_module(x.array).ones_like(x.array))


def arange(start: Scalar, end: Scalar | None = None, step: Scalar = 1, dtype=None) -> Tensor:
    """The numbers start, start + step, ... below end (``arange(end)`` starts at 0)."""
    start, end = (0, start) if end is None else (start, end)
    return tensor(np.arange(start, end, step).tolist(), dtype)


def randn(
    *size, generator: Generator = generator, dtype=None, device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Samples of N(0, 1) from the stream of `generator`, made on `device`.

    Raises:
        TypeError: the dtype is neither float32 nor float64.
        ValueError: a negative size, or an unknown device.
    """
    array = generator.normal(sizes(size), check_dtype(dtype), device)
    return Tensor(array).requires_grad_(requires_grad)


def rand(
    *size, generator: Generator = generator, dtype=None, device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Samples uniform in [0, 1), as `randn`."""
    array = generator.uniform(sizes(size), check_dtype(dtype), device)
    return Tensor(array).requires_grad_(requires_grad)
