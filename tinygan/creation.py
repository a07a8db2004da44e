"""Making tensors: from data, filled with a value, random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygan import devices
from tinygan.devices import Generator, array_module, beside, check_device, generator, to_device
from tinygan.tensor import Scalar, Tensor, check_dtype, float32, float64, int64, sizes

__all__ = [
    "arange", "as_tensor", "bernoulli", "empty", "empty_like", "eye", "from_numpy", "full",
    "full_like", "linspace", "logspace", "multinomial", "normal", "ones", "ones_like", "rand",
    "rand_like", "randint", "randn", "randn_like", "randperm", "tensor", "zeros", "zeros_like",
]  # fmt: skip


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
    array = devices.full(sizes(size), value, check_dtype(dtype), device)
    return Tensor(array).requires_grad_(requires_grad)


def zeros(*size, dtype=None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros, float32 unless `dtype` says otherwise."""
    return _filled(0, size, dtype, device, requires_grad)


def ones(*size, dtype=None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones, float32 unless `dtype` says otherwise."""
    return _filled(1, size, dtype, device, requires_grad)


def zeros_like(x: Tensor, **options) -> Tensor:
    """Zeros of the shape, dtype and device of `x`, lying in memory as it does."""
    if options:
        return zeros(*x.shape, **_like(x, options))
    with beside(x.array):
        return Tensor(array_module(x.array).zeros_like(x.array))


def ones_like(x: Tensor, **options) -> Tensor:
    """Ones of the shape, dtype and device of `x`, lying in memory as it does."""
    if options:
        return ones(*x.shape, **_like(x, options))
    with beside(x.array):
        return Tensor(array_module(x.array).ones_like(x.array))


def arange(
    start: Scalar, end: Scalar | None = None, step: Scalar = 1, dtype=None,
    device: str | None = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The numbers start, start + step, ... below end (``arange(end)`` starts at 0)."""
    start, end = (0, start) if end is None else (start, end)
    return tensor(np.arange(start, end, step).tolist(), dtype, device, requires_grad)


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


def full(
    size: int | Sequence[int], fill_value: Scalar, dtype=None, device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor of one value; of an integer it is int64, of a bool bool, else float32."""
    if dtype is None and isinstance(fill_value, (bool, int)):
        dtype = np.dtype(bool) if isinstance(fill_value, bool) else int64
    size = (size,) if isinstance(size, int) else size
    return _filled(fill_value, tuple(size), dtype, device, requires_grad)


def empty(*size, dtype=None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of this size, whose values do not matter: here they are zeros."""
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def eye(
    n: int, m: int | None = None, dtype=None, device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Ones on the diagonal, zeros elsewhere: (n, m), (n, n) without m."""
    array = np.eye(n, m, dtype=check_dtype(dtype))
    return tensor(array, device=device, requires_grad=requires_grad)


def linspace(
    start: Scalar, end: Scalar, steps: int, dtype=None, device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """`steps` numbers at equal distances, from start to end inclusive."""
    array = np.linspace(start, end, steps).astype(check_dtype(dtype))
    return tensor(array, device=device, requires_grad=requires_grad)


def logspace(
    start: Scalar, end: Scalar, steps: int, base: float = 10.0, dtype=None,
    device: str | None = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """base^x for the numbers x of `linspace`."""
    array = np.logspace(start, end, steps, base=base).astype(check_dtype(dtype))
    return tensor(array, device=device, requires_grad=requires_grad)


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor on the array's own memory: a change of one is a change of both."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: expected a NumPy array, got {type(array).__name__}")
    check_dtype(array.dtype)
    return Tensor(array)


def as_tensor(data, dtype=None, device: str | None = None) -> Tensor:
    """`data` itself where it is a tensor already, on its memory where it is an array, else a copy;
    in another dtype or on another device always a copy."""
    if isinstance(data, np.ndarray):
        data = from_numpy(data)
    if not isinstance(data, Tensor):
        return tensor(data, dtype, device)
    return data.to(dtype=dtype, device=device)


def _like(x: Tensor, options: dict) -> dict:
    return {
        "dtype": options.pop("dtype", None) or x.dtype,
        "device": options.pop("device", None) or x.device, **options,
    }  # fmt: skip


def full_like(x: Tensor, fill_value: Scalar, **options) -> Tensor:
    """A tensor of one value, of the shape, dtype and device of `x`."""
    return full(x.shape, fill_value, **_like(x, options))


def empty_like(x: Tensor, **options) -> Tensor:
    """A tensor of the shape, dtype and device of `x`, whose values do not matter."""
    return empty(*x.shape, **_like(x, options))


def rand_like(x: Tensor, **options) -> Tensor:
    """`rand` of the shape, dtype and device of `x`."""
    return rand(*x.shape, **_like(x, options))


def randn_like(x: Tensor, **options) -> Tensor:
    """`randn` of the shape, dtype and device of `x`."""
    return randn(*x.shape, **_like(x, options))


def randint(
    low: int, high: int | Sequence[int] | None = None, size: Sequence[int] | None = None, *,
    generator: Generator = generator, dtype=None, device: str | None = None,
) -> Tensor:  # fmt: skip
    """Integers uniform in low ... high - 1: ``randint(10, (2, 3))``, ``randint(5, 10, (2, 3))``."""
    if not isinstance(high, int):
        size = high if size is None else size
        low, high = 0, low
    if size is None or high <= low:
        raise ValueError(f"randint: needs low < high and a size, got {low}, {high} and {size}")
    array = generator.numpy.integers(low, high, tuple(size))
    return tensor(array, int64 if dtype is None else dtype, device)


def randperm(
    n: int, *, generator: Generator = generator, dtype=None, device: str | None = None
) -> Tensor:
    """The integers 0 ... n - 1 in random order."""
    return tensor(generator.numpy.permutation(n), int64 if dtype is None else dtype, device)


def normal(
    mean: Scalar | Tensor = 0.0, std: Scalar | Tensor = 1.0, size: Sequence[int] | None = None, *,
    generator: Generator = generator, dtype=None, device: str | None = None,
) -> Tensor:  # fmt: skip
    """Samples of N(mean, std^2); the shape is `size`, or that of the tensors among the two."""
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if size is None and not tensors:
        raise ValueError("normal: needs a size, or a tensor as mean or std")
    if size is None:
        size = np.broadcast_shapes(*(x.shape for x in tensors))
        dtype, device = dtype or tensors[0].dtype, device or tensors[0].device
    return randn(*size, generator=generator, dtype=dtype, device=device) * std + mean


def bernoulli(input: Tensor, *, generator: Generator = generator) -> Tensor:
    """1 with the probability that `input` holds for each element, else 0."""
    drawn = rand(*input.shape, generator=generator, dtype=input.dtype, device=input.device)
    return (drawn < input).to(input.dtype)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator = generator
) -> Tensor:
    """Indices drawn with the probabilities of each row of `input`, which need not add up to 1."""
    rows = input.detach().cpu().double().numpy().reshape(-1, input.shape[-1])
    drawn = [
        generator.numpy.choice(len(row), num_samples, replacement, row / row.sum()) for row in rows
    ]
    return tensor(np.array(drawn), int64, input.device).reshape(*input.shape[:-1], num_samples)
