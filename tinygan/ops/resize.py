"""Images made larger or smaller, and channels exchanged for pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinygan.autograd import Function
from tinygan.devices import Array, array_module, to_device
from tinygan.kernels.layout import along
from tinygan.ops.math import floating
from tinygan.ops.matmul import MatMul
from tinygan.ops.shape import permute, reshape
from tinygan.tensor import Tensor

__all__ = ["interpolate", "pixel_shuffle", "pixel_unshuffle"]


class RepeatEach(Function):
    """Each element repeated factors[i] times along dimension i + 2;  g, summed over them"""

    def __init__(self, factors: tuple[int, ...]):
        self.factors = factors

    def forward(self, x):
        return along(self._repeated, [x], range(2, x.ndim))

    def _repeated(self, arrays, dims):
        (x,) = arrays
        for dim, factor in zip(dims, self.factors, strict=True):
            x = x.repeat(factor, axis=dim) if factor > 1 else x
        return x

    def backward(self, grad_output):
        return (SumEach(self.factors)(grad_output),)


class SumEach(Function):
    """The transpose of RepeatEach: sums of factors[i] neighbours along dimension i + 2;  g,
    repeated"""

    def __init__(self, factors: tuple[int, ...]):
        self.factors = factors

    def forward(self, x):
        return along(self._summed, [x], range(2, x.ndim))

    def _summed(self, arrays, dims):
        (x,) = arrays
        for dim, factor in zip(dims, self.factors, strict=True):
            if factor > 1:
                shape = (*x.shape[:dim], x.shape[dim] // factor, factor, *x.shape[dim + 1 :])
                x = x.reshape(shape).sum(axis=dim + 1)
        return x

    def backward(self, grad_output):
        return (RepeatEach(self.factors)(grad_output),)


class Select(Function):
    """The entries of these indices along a dimension;  g, added at the indices"""

    def __init__(self, dim: int, index: Array):
        self.dim, self.index = dim, index

    def forward(self, x):
        return along(lambda a, dims: a[0].take(self.index, axis=dims[0]), [x], [self.dim])

    def backward(self, grad_output):
        return (AddTo(self.dim, self.index, self.input_shapes[0][self.dim])(grad_output),)


class AddTo(Function):
    """The transpose of Select: zeros with x added at the indices;  g at the indices"""

    def __init__(self, dim: int, index: Array, size: int):
        self.dim, self.index, self.size = dim, index, size

    def forward(self, x):
        return along(self._added, [x], [self.dim])

    def _added(self, arrays, dims):
        (x,), (dim,), xp = arrays, dims, array_module(arrays[0])
        result = xp.zeros((*x.shape[:dim], self.size, *x.shape[dim + 1 :]), x.dtype)
        xp.add.at(result, (slice(None),) * dim + (self.index,), x)
        return result

    def backward(self, grad_output):
        return (Select(self.dim, self.index)(grad_output),)


def interpolate(
    input: Tensor, size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:  # fmt: skip
    """Images (n, c, h, w) of another size. (As torch.nn.functional.interpolate.)

    - "nearest": the pixel floor(i s) of the input for pixel i of the output; "nearest-exact": the
      pixel floor((i + 1/2) s).
    - "linear" of (n, c, l), "bilinear" of (n, c, h, w), "trilinear" of (n, c, d, h, w): means of
      the two neighbours along each dimension; "bicubic" of (n, c, h, w): of the four (Keys 1981,
      with a = -3/4). Pixel i lies at (i + 1/2) s - 1/2 in the input, or, with align_corners, where
      the corners of both images meet.
    - "area": means as of `adaptive_avg_pool2d`.

    s = input size / output size, or 1 / scale_factor. The nearest modes and "area" take
    (n, c, ...) of any dimensions.

    Args:
        size: of the output, for all dimensions or each.
        scale_factor: instead of it, output size / input size, rounded down.
        recompute_scale_factor: take s from the sizes even if scale_factor is given.

    Raises:
        ValueError: neither or both of size and scale_factor are given, or they do not fit; there is
            no such mode; align_corners is given where there is nothing to align; antialias.
    """
    if mode not in _MODES:
        names = ", ".join(repr(name) for name in _MODES)
        raise ValueError(f"interpolate: mode must be one of {names}, got {mode!r}")
    if antialias:
        raise ValueError("interpolate: antialias is not supported; blur the images before")
    weights, ndim = _MODES[mode]
    if input.ndim < 3 or (ndim is not None and input.ndim != ndim):
        raise ValueError(
            f"interpolate: mode {mode!r} needs {_SHAPES[ndim]}, got shape {input.shape}"
        )
    if align_corners is not None and ndim is None:
        raise ValueError(
            "interpolate: align_corners needs mode 'linear', 'bilinear', 'bicubic' or 'trilinear'"
        )
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    sizes, steps = _sizes(input.shape[2:], size, scale_factor, bool(recompute_scale_factor))
    if weights is None:
        return _nearest(input, sizes, steps, 0.5 if mode == "nearest-exact" else 0.0)
    x = floating(input)
    for dim, (out, step) in enumerate(zip(sizes, steps, strict=True), 2):
        matrix = weights(x.shape[dim], out, step, bool(align_corners)).astype(x.dtype)
        x = _along(x, dim, Tensor(to_device(matrix, x.device)))
    return x


def _sizes(
    given: tuple[int, ...], size: int | Sequence[int] | None,
    scale_factor: float | Sequence[float] | None, recompute: bool,
) -> tuple[list[int], list[float]]:  # fmt: skip
    """The sizes of the output, and the steps s of `interpolate`."""
    wanted = size if size is not None else scale_factor
    each = list(wanted) if isinstance(wanted, Sequence) else [wanted] * len(given)
    name = "scale_factor" if size is None else "size"
    if len(each) != len(given) or not all(
        isinstance(n, (int, float, np.number)) and n > 0 for n in each
    ):
        raise ValueError(
            f"interpolate: {name} must be a positive number or {len(given)} of them, got {wanted!r}"
        )
    factors = [float(n) for n in each if n is not None]
    if size is not None:
        sizes = [int(n) for n in factors]
        return sizes, [a / b for a, b in zip(given, sizes, strict=True)]
    sizes = [math.floor(a * factor) for a, factor in zip(given, factors, strict=True)]
    if min(sizes) < 1:
        raise ValueError(f"interpolate: scale_factor {wanted!r} of sizes {given} leaves nothing")
    if recompute:
        return sizes, [a / b for a, b in zip(given, sizes, strict=True)]
    return sizes, [1 / factor for factor in factors]


def _nearest(input: Tensor, sizes: list[int], steps: list[float], offset: float) -> Tensor:
    given = input.shape[2:]
    factors = tuple(out // size if size else 1 for out, size in zip(sizes, given, strict=True))
    if all(
        size * factor == out and step == 1 / factor
        for size, factor, out, step in zip(given, factors, sizes, steps, strict=True)
    ):
        return RepeatEach(factors)(input)
    for dim, (size, out, step) in enumerate(zip(given, sizes, steps, strict=True), 2):
        if out != size or step != 1:
            # In float32, as PyTorch rounds.
            places = np.arange(out, dtype=np.float32) + np.float32(offset)
            index = np.minimum(np.floor(places * np.float32(step)).astype(np.int64), size - 1)
            input = Select(dim, to_device(index, input.device))(input)
    return input


def _along(x: Tensor, dim: int, weights: Tensor) -> Tensor:
    """The product with a matrix of weights, (size, out), along one dimension."""
    order = (*(i for i in range(x.ndim) if i != dim), dim)
    last = permute(x, order)
    product = MatMul(None)(reshape(last, (-1, x.shape[dim])), weights)
    inverse = tuple(order.index(i) for i in range(x.ndim))
    return permute(reshape(product, (*last.shape[:-1], weights.shape[1])), inverse)


# How much each input counts for each output along a dimension: (size, out)


def _sources(size: int, out: int, step: float, align: bool) -> Array:
    """Where the pixels of the output lie in the input."""
    i = np.arange(out)
    return i * ((size - 1) / (out - 1) if out > 1 else 0.0) if align else (i + 0.5) * step - 0.5


def _linear(size: int, out: int, step: float, align: bool) -> Array:
    source = np.maximum(_sources(size, out, step, align), 0.0)
    first = np.minimum(np.floor(source).astype(np.int64), size - 1)
    share = np.minimum(source - first, 1.0)
    weights = np.zeros((size, out))
    np.add.at(weights, (first, np.arange(out)), 1 - share)
    np.add.at(weights, (np.minimum(first + 1, size - 1), np.arange(out)), share)
    return weights


def _cubic(size: int, out: int, step: float, align: bool) -> Array:
    source, a = _sources(size, out, step, align), -0.75
    first = np.floor(source).astype(np.int64)
    weights = np.zeros((size, out))
    for tap in range(-1, 3):  # those beyond the border count for the pixel at the border
        t = np.abs(source - first - tap)
        near = ((a + 2) * t - (a + 3)) * t * t + 1
        far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        taken = np.clip(first + tap, 0, size - 1)
        np.add.at(weights, (taken, np.arange(out)), np.where(t <= 1, near, far))
    return weights


def _area(size: int, out: int, step: float, align: bool) -> Array:
    weights = np.zeros((size, out))
    for i in range(out):
        window = slice(i * size // out, -(-(i + 1) * size // out))
        weights[window, i] = 1 / (window.stop - window.start)
    return weights


# For each mode its weights, and the number of dimensions that it needs.
_MODES: dict[str, tuple[Callable[[int, int, float, bool], Array] | None, int | None]] = {
    "nearest": (None, None), "nearest-exact": (None, None), "area": (_area, None),
    "linear": (_linear, 3), "bilinear": (_linear, 4), "bicubic": (_cubic, 4),
    "trilinear": (_linear, 5),
}  # fmt: skip
_SHAPES = {None: "(n, c, ...)", 3: "(n, c, l)", 4: "(n, c, h, w) images", 5: "(n, c, d, h, w)"}


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(n, c r^2, h, w) -> (n, c, h r, w r): channels become pixels. (Shi 2016, arXiv:1609.05158.)

    Raises:
        ValueError: the channels are no multiple of r^2.
    """
    r = upscale_factor
    if input.ndim != 4 or r < 1 or input.shape[1] % (r * r):
        raise ValueError(
            f"pixel_shuffle: input of shape {input.shape} is no (n, c, h, w) whose channels are a "
            f"multiple of {r}^2"
        )
    n, c, h, w = input.shape
    parts = reshape(input, (n, c // (r * r), r, r, h, w))
    return reshape(permute(parts, (0, 1, 4, 2, 5, 3)), (n, c // (r * r), h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(n, c, h r, w r) -> (n, c r^2, h, w): the inverse of `pixel_shuffle`.

    Raises:
        ValueError: height or width is no multiple of r.
    """
    r = downscale_factor
    if input.ndim != 4 or r < 1 or input.shape[2] % r or input.shape[3] % r:
        raise ValueError(
            f"pixel_unshuffle: input of shape {input.shape} is no (n, c, h, w) whose height and "
            f"width are multiples of {r}"
        )
    n, c, h, w = input.shape
    parts = reshape(input, (n, c, h // r, r, w // r, r))
    return reshape(permute(parts, (0, 1, 3, 5, 2, 4)), (n, c * r * r, h // r, w // r))
