"""Sums, products and norms over dimensions; order along one."""

from __future__ import annotations

import math

import numpy as np

from tinygan import ops
from tinygan.autograd import Function
from tinygan.devices import array_module, beside
from tinygan.functions.elementwise import isfinite
from tinygan.functions.shapes import flip, narrow
from tinygan.ops.math import as_tensor, floating
from tinygan.ops.reduction import ValuesAndIndices
from tinygan.ops.shape import check_dim
from tinygan.tensor import Dim, Tensor

__all__ = [
    "argsort", "cumsum", "logsumexp", "median", "norm", "prod", "sort", "topk",
]  # fmt: skip

# Reductions


def logsumexp(x: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """ln sum e^x over `dim`, without overflow."""
    x = floating(x)
    with beside(x.array):
        largest = ops.amax(x.detach(), dim, keepdim=True)
        infinite = ~isfinite(largest)
        largest = ops.where(infinite, 0.0, largest)
    total = ops.log(ops.sum(ops.exp(x - largest), dim, keepdim=True)) + largest
    return total if keepdim else _squeezed(total, dim)


def _squeezed(x: Tensor, dim: Dim) -> Tensor:
    dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    gone = {check_dim("squeeze", d, x.ndim) for d in dims}
    return x.reshape(*(size for i, size in enumerate(x.shape) if i not in gone))


def prod(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The product of all elements, or along `dim`."""
    if dim is None:
        return prod(x.reshape(-1), 0)
    dim = check_dim("prod", dim, x.ndim)
    if x.shape[dim] == 0:
        ones = np.ones([1 if i == dim else size for i, size in enumerate(x.shape)], x.dtype)
        product = as_tensor(ones).to(x.device) + ops.sum(x, dim, keepdim=True)
    else:
        product = x
    while product.shape[dim] > 1:  # halves: derivatives are right at zeros, too
        half = product.shape[dim] // 2
        pairs = narrow(product, dim, 0, half) * narrow(product, dim, half, half)
        rest = product.shape[dim] - 2 * half
        tail = [narrow(product, dim, 2 * half, 1)] if rest else []
        product = ops.cat([pairs, *tail], dim) if tail else pairs
    return product if keepdim else ops.squeeze(product, dim)


class CumSum(Function):
    """result[i] = x[0] + ... + x[i] along dim;  the same of g, from the end"""

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, x):
        dtype = np.float64 if x.dtype.kind == "f" else np.int64  # float32 sums of many terms drift
        total = array_module(x).cumsum(x, axis=self.dim, dtype=dtype)
        return total.astype(x.dtype) if x.dtype.kind == "f" else total

    def backward(self, grad_output):
        return (flip(CumSum(self.dim)(flip(grad_output, self.dim)), self.dim),)


def cumsum(x: Tensor, dim: int) -> Tensor:
    """The sums of the first elements along `dim`: x[0], x[0] + x[1], ..."""
    return CumSum(check_dim("cumsum", dim, x.ndim))(x)


def norm(
    x: Tensor, p: float | str = "fro", dim: Dim = None, keepdim: bool = False
) -> Tensor:
    """(sum |x|^p)^(1/p) over `dim`, of p = inf the largest |x|; "fro" is p = 2.

    The derivative of the 2-norm at 0 is 0, as in PyTorch.
    """
    if p in ("fro", 2):
        squares = ops.sum(x * x, dim, keepdim)
        zero = squares == 0
        return ops.where(zero, squares, ops.sqrt(ops.where(zero, 1.0, squares)))
    if not isinstance(p, (int, float)):
        raise ValueError(f"norm: p must be a number or 'fro', got {p!r}")
    size = ops.abs(x)
    if p == math.inf:
        return ops.amax(size, dim, keepdim)
    if p == -math.inf:
        return -ops.amax(-size, dim, keepdim)
    if p == 0:
        return ops.sum((x != 0).to(x.dtype), dim, keepdim)
    return ops.sum(size if p == 1 else size**p, dim, keepdim) ** (1 / p)


def median(x: Tensor, dim: int | None = None, keepdim: bool = False):
    """The element in the middle, of two the smaller; with `dim`, (values, indices) along it."""
    if dim is None:
        return median(x.reshape(-1), 0).values
    middle = (x.shape[check_dim("median", dim, x.ndim)] - 1) // 2
    values, indices = sort(x, dim)
    pair = narrow(values, dim, middle, 1), narrow(indices, dim, middle, 1)
    return ValuesAndIndices(*(y if keepdim else ops.squeeze(y, dim) for y in pair))


# Order


def argsort(x: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that sort x along `dim`; equal elements keep their order."""
    dim = check_dim("argsort", dim, x.ndim) if x.ndim else 0
    with beside(x.array):
        xp = array_module(x.array)
        if not x.ndim:
            return Tensor(xp.zeros((), np.int64))
        array = xp.flip(x.array, dim) if descending else x.array
        indices = xp.argsort(array, axis=dim, kind="stable")
        if descending:  # sorted from the back, so that equal elements keep their order
            indices = xp.flip(x.shape[dim] - 1 - indices, dim)
        return Tensor(xp.ascontiguousarray(indices))


def sort(x: Tensor, dim: int = -1, descending: bool = False, stable: bool = True):
    """The elements in order along `dim`, and where they were: (values, indices)."""
    indices = argsort(x, dim, descending)
    return ValuesAndIndices(ops.gather(x, dim, indices) if x.ndim else x, indices)


def topk(x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True):
    """The k largest (or smallest) elements along `dim`, in order: (values, indices)."""
    size = x.shape[check_dim("topk", dim, x.ndim)]
    if not 0 <= k <= size:
        raise ValueError(f"topk: k must be in 0 ... {size}, got {k}")
    values, indices = sort(x, dim, descending=largest)
    return ValuesAndIndices(narrow(values, dim, 0, k), narrow(indices, dim, 0, k))
