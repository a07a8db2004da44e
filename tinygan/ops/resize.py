"""Images made larger or smaller, and channels exchanged for pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
    """Images (n, c, h, w) of another size: nearest neighbours, or weighted means of four.

    "nearest" also takes (n, c, ...) of other dimensions. Pixel i of the output lies at i s in the
    input ("nearest"), at (i + 1/2) s - 1/2 ("bilinear"), or, with align_corners, where the
    corners of both images meet; s = input size / output size, or 1 / scale_factor.

    Args:
        size: of the output, for all dimensions or each.
        scale_factor: instead of it, output size / input size, rounded down.
        recompute_scale_factor: take s from the sizes even if scale_factor is given.

    Raises:
        ValueError: neither or both of size and scale_factor are given, or they do not fit; there is
            no such mode; align_corners is given without "bilinear"; antialias.
    """
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"interpolate: mode must be 'nearest' or 'bilinear', got {mode!r}")
    if antialias:
        raise ValueError("interpolate: antialias is not supported; blur the images before")
    if input.ndim < 3 or (mode == "bilinear" and input.ndim != 4):
        raise ValueError(
            f"interpolate: mode {mode!r} needs (n, c, h, w) images, got shape {input.shape}"
        )
    if align_corners is not None and mode != "bilinear":
        raise ValueError("interpolate: align_corners needs mode='bilinear'")
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    sizes, steps = _sizes(input.shape[2:], size, scale_factor, bool(recompute_scale_factor))
    if mode == "bilinear":
        return _bilinear(floating(input), sizes, steps, bool(align_corners))
    return _nearest(input, sizes, steps)


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


def _nearest(input: Tensor, sizes: list[int], steps: list[float]) -> Tensor:
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
            source = np.floor(np.arange(out, dtype=np.float32) * np.float32(step))
            index = np.minimum(source.astype(np.int64), size - 1)
            input = Select(dim, to_device(index, input.device))(input)
    return input


def _bilinear(input: Tensor, sizes: list[int], steps: list[float], align: bool) -> Tensor:
    """By a product with a matrix of weights for each of both dimensions."""
    n, c, height, width = input.shape
    rows, columns = (
        _weights(input, size, out, step, align)
        for size, out, step in zip((height, width), sizes, steps, strict=True)
    )
    wide = MatMul(None)(reshape(input, (n * c * height, width)), columns)
    wide = permute(reshape(wide, (n, c, height, sizes[1])), (0, 1, 3, 2))
    output = MatMul(None)(reshape(wide, (n * c * sizes[1], height)), rows)
    return permute(reshape(output, (n, c, sizes[1], sizes[0])), (0, 1, 3, 2))


def _weights(x: Tensor, size: int, out: int, step: float, align: bool) -> Tensor:
    """(size, out): how much each input counts for each output, of x's dtype and device."""
    i = np.arange(out)
    if align:
        source = i * ((size - 1) / (out - 1) if out > 1 else 0.0)
    else:
        source = np.maximum((i + 0.5) * step - 0.5, 0.0)
    first = np.minimum(np.floor(source).astype(np.int64), size - 1)
    share = np.minimum(source - first, 1.0)
    weights = np.zeros((size, out), x.dtype)
    np.add.at(weights, (first, i), 1 - share)
    np.add.at(weights, (np.minimum(first + 1, size - 1), i), share)
    return Tensor(to_device(weights, x.device))


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
