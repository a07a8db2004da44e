"""Reductions: sums, means, maxima over dimensions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tinygan.autograd import Function
from tinygan.devices import array_module, beside
from tinygan.kernels.layout import along, elementwise
from tinygan.kernels.reduction import column_sums
from tinygan.ops.math import where
from tinygan.ops.shape import check_dim, expand, gather, reshape
from tinygan.tensor import Dim, Tensor


def _dims(name: str, dim: Dim, ndim: int) -> tuple[int, ...]:
    """`dim` as a sorted tuple of non-negative dimensions, all of them for None."""
    if dim is None:
        return tuple(range(ndim))
    given = (dim,) if isinstance(dim, (int, np.integer)) else tuple(dim)
    result = tuple(sorted({check_dim(name, d, ndim) for d in given}))
    if len(result) != len(given):
        raise ValueError(f"{name}: dim {dim} names a dimension twice")
    return result


def _kept(shape: tuple[int, ...], dims: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if i in dims else size for i, size in enumerate(shape))


class Sum(Function):
    """The sum over `dims`;  g, repeated. float32 is accumulated in float64, integers in int64."""

    def __init__(self, dims: tuple[int, ...], keepdim: bool):
        self.dims, self.keepdim = dims, keepdim

    def forward(self, x):
        if x.dtype.kind != "f":
            return x.sum(axis=self.dims, dtype=np.int64, keepdims=self.keepdim)
        others = [i for i in range(x.ndim) if i not in self.dims]
        if len(others) == 1:  # the gradient of a bias; channels are last in memory
            rows = x.transpose(*self.dims, *others)
            if rows.flags.c_contiguous and rows.size:
                total = column_sums(rows.reshape(-1, rows.shape[-1]))
                return total.reshape(_kept(x.shape, self.dims)) if self.keepdim else total
        total = along(
            lambda a, d: a[0].sum(axis=d, dtype=np.float64, keepdims=True), [x], self.dims
        )
        total = total.astype(x.dtype, copy=False)
        return total if self.keepdim else total.squeeze(self.dims)

    def backward(self, grad_output):
        kept = _kept(self.input_shapes[0], self.dims)
        return (expand(reshape(grad_output, kept), self.input_shapes[0]),)


class Deviation(Function):
    """sqrt(x) of a variance x;  g / (2 y), and 0 where y = 0, as of PyTorch's std"""

    saves_output = True

    def forward(self, x):
        return elementwise(array_module(x).sqrt, x)

    def backward(self, grad_output):
        y = self.output
        return (where(y == 0, 0.0, grad_output * 0.5 / where(y == 0, 1.0, y)),)


class Amax(Function):
    """The maximum over `dims`;  g to the largest element, in equal parts to several"""

    def __init__(self, dims: tuple[int, ...], keepdim: bool):
        self.dims, self.keepdim = dims, keepdim

    def forward(self, x):
        result = along(lambda a, d: a[0].max(axis=d, keepdims=True), [x], self.dims)
        if self.needs_input_grad[0]:
            xp = array_module(x)
            largest = elementwise(xp.equal, x, result)
            share = elementwise(xp.divide, largest, largest.sum(axis=self.dims, keepdims=True))
            self.share = share.astype(x.dtype)
        return result if self.keepdim else result.squeeze(self.dims)

    def backward(self, grad_output):
        shape = self.share.shape
        grad = expand(reshape(grad_output, _kept(shape, self.dims)), shape)
        return (grad * Tensor(self.share),)


class ValuesAndIndices(NamedTuple):
    """What ``x.max(dim)`` returns."""

    values: Tensor
    indices: Tensor


def sum(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The sum over `dim`; float32 is accumulated in float64."""
    return Sum(_dims("sum", dim, x.ndim), keepdim)(x)


def mean(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """sum / count.

    Raises:
        ValueError: there is nothing to average, or x is not floating.
    """
    dims = _dims("mean", dim, x.ndim)
    if x.dtype.kind != "f":
        raise TypeError(f"mean: needs a floating dtype, got {x.dtype}")
    count = math.prod(x.shape[i] for i in dims)
    if count == 0:
        raise ValueError(f"mean: nothing to average over dim {dim} of shape {x.shape}")
    return Sum(dims, keepdim)(x) * (1.0 / count)


def var(x: Tensor, dim: Dim = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """sum (x - mean)^2 / (count - correction)."""
    dims = _dims("var", dim, x.ndim)
    count = math.prod(x.shape[i] for i in dims) - correction
    if count <= 0:
        raise ValueError(f"var: too few elements over dim {dim} of shape {x.shape}")
    centred = x - mean(x, dims, keepdim=True)
    return sum(centred * centred, dims, keepdim) * (1.0 / count)


def std(x: Tensor, dim: Dim = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """The root of `var`; where that is 0, so is the gradient."""
    return Deviation()(var(x, dim, correction, keepdim))


def amax(x: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The maximum over `dim`; equal elements share the gradient."""
    dims = _dims("amax", dim, x.ndim)
    if any(x.shape[i] == 0 for i in dims):
        raise ValueError(f"amax: nothing to compare over dim {dim} of shape {x.shape}")
    return Amax(dims, keepdim)(x)


def max_along(x: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices:
    """The largest elements along one dimension and where they are (the first of equals)."""
    (dim,) = _dims("max", dim, x.ndim)
    if x.shape[dim] == 0:
        raise ValueError(f"max: nothing to compare over dim {dim} of shape {x.shape}")
    with beside(x.array):
        indices = Tensor(array_module(x.array).expand_dims(x.array.argmax(dim), dim))
    values = gather(x, dim, indices)
    if keepdim:
        return ValuesAndIndices(values, indices)
    shape = tuple(size for i, size in enumerate(x.shape) if i != dim)
    return ValuesAndIndices(reshape(values, shape), reshape(indices, shape))
