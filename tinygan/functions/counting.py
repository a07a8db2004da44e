"""Counts, distinct values, running products, distances between points."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tinygan import ops
from tinygan.devices import array_module, beside, to_device
from tinygan.functions.reductions import norm
from tinygan.ops.math import as_tensor
from tinygan.ops.shape import check_dim
from tinygan.tensor import Dim, Tensor

__all__ = [
    "aminmax", "bincount", "cdist", "count_nonzero", "cumprod", "dist", "isin", "std_mean",
    "unique", "var_mean",
]  # fmt: skip


class MinMax(NamedTuple):
    """What `aminmax` returns."""

    min: Tensor
    max: Tensor


def aminmax(x: Tensor, *, dim: int | None = None, keepdim: bool = False) -> MinMax:
    """The smallest and the largest element, or along `dim`."""
    return MinMax(x.amin(dim, keepdim), x.amax(dim, keepdim))


def var_mean(
    x: Tensor, dim: Dim = None, correction: int = 1, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """(variance, mean) over `dim`."""
    return x.var(dim, correction, keepdim), x.mean(None if isinstance(dim, bool) else dim, keepdim)


def std_mean(
    x: Tensor, dim: Dim = None, correction: int = 1, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """(standard deviation, mean) over `dim`."""
    return x.std(dim, correction, keepdim), x.mean(None if isinstance(dim, bool) else dim, keepdim)


def count_nonzero(x: Tensor, dim: Dim = None) -> Tensor:
    """How many elements are not 0."""
    return ops.sum(x != 0, dim)


def cumprod(x: Tensor, dim: int) -> Tensor:
    """The products of the first elements along `dim`: x[0], x[0] x[1], ..."""
    dim = check_dim("cumprod", dim, x.ndim)
    product, parts = None, []
    for i in range(x.shape[dim]):
        part = x[(slice(None),) * dim + (slice(i, i + 1),)]
        product = part if product is None else product * part
        parts.append(product)
    return ops.cat(parts, dim) if parts else x


def unique(
    x: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
):  # fmt: skip
    """The distinct values of all elements, in order; on request also which of them each element
    has, and how often each occurs. Computed by NumPy, on the CPU.

    Raises:
        ValueError: a `dim` is given.
    """
    if dim is not None:
        raise ValueError("unique: dim is not supported; numpy.unique(x.numpy(), axis=dim) does it")
    values, inverse, counts = np.unique(
        to_device(x.array, "cpu"), return_inverse=True, return_counts=True
    )
    found = [values, *([inverse.reshape(x.shape)] if return_inverse else []),
             *([counts] if return_counts else [])]  # fmt: skip
    tensors = tuple(Tensor(to_device(array, x.device)) for array in found)
    return tensors if len(tensors) > 1 else tensors[0]


def bincount(x: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, ... occurs in a vector of integers, or the sums of its weights.

    Raises:
        ValueError: x is no vector of integers >= 0.
    """
    array = to_device(x.array, "cpu")
    if array.dtype.kind not in "iu" or array.ndim != 1 or (array < 0).any():
        raise ValueError(f"bincount: needs a vector of integers >= 0, got {x.dtype} {x.shape}")
    of = None if weights is None else to_device(weights.array, "cpu")
    return Tensor(to_device(np.bincount(array, of, minlength), x.device))


def isin(elements: Tensor, test_elements: Tensor) -> Tensor:
    """Whether each element is one of test_elements."""
    with beside(elements.array):
        xp = array_module(elements.array)
        others = as_tensor(test_elements).array.reshape(-1)
        return Tensor((elements.array[..., None] == xp.asarray(others)).any(-1))


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other."""
    return norm(input - other, p)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm of the difference of each two rows: (.., n, d), (.., m, d) -> (.., n, m)."""
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1] or not 0 < p <= math.inf:
        raise ValueError(
            f"cdist: needs rows of one length and p > 0, got shapes {x1.shape}, {x2.shape}, p={p}"
        )
    return norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)
