"""Where elements stand: chosen, repeated, turned, added at indices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygan import ops
from tinygan.devices import to_device
from tinygan.functions.shapes import flip, movedim, swapaxes
from tinygan.ops.shape import ScatterAdd, check_dim, check_range, index_arrays
from tinygan.tensor import Tensor

__all__ = [
    "atleast_1d", "atleast_2d", "column_stack", "diagonal", "dstack", "fliplr", "flipud",
    "index_add", "moveaxis", "ravel", "repeat_interleave", "rot90", "row_stack", "scatter_add",
    "select", "swapdims", "take", "take_along_dim", "tensordot", "unflatten",
]  # fmt: skip

moveaxis, swapdims = movedim, swapaxes


def ravel(x: Tensor) -> Tensor:
    """All elements in reading order: a vector."""
    return ops.reshape(x, (-1,))


def unflatten(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension `dim` split into these sizes, one of which may be -1."""
    dim = check_dim("unflatten", dim, x.ndim)
    given, rest = list(sizes), x.shape[dim]
    if given.count(-1) == 1:
        known = int(np.prod([size for size in given if size != -1]))
        given[given.index(-1)] = rest // known if known else 0
    if int(np.prod(given)) != rest:
        raise ValueError(f"unflatten: sizes {tuple(sizes)} do not multiply to {rest}, of dim {dim}")
    return ops.reshape(x, (*x.shape[:dim], *given, *x.shape[dim + 1 :]))


def select(x: Tensor, dim: int, index: int) -> Tensor:
    """Entry `index` of `dim`, which goes away."""
    return x[(slice(None),) * check_dim("select", dim, x.ndim) + (index,)]


def diagonal(x: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two dimensions, as a new last dimension."""
    dim1, dim2 = (check_dim("diagonal", dim, x.ndim) for dim in (dim1, dim2))
    if dim1 == dim2:
        raise ValueError(f"diagonal: dim1 and dim2 are both {dim1}")
    rest = [i for i in range(x.ndim) if i not in (dim1, dim2)]
    last = ops.permute(x, [*rest, dim1, dim2])
    height, width = last.shape[-2:]
    count = max(min(height + min(offset, 0), width - max(offset, 0)), 0)
    number = np.arange(count)
    return last[(..., number + max(-offset, 0), number + max(offset, 0))]


def take(x: Tensor, index: Tensor) -> Tensor:
    """The elements at these places, counted in reading order."""
    check_range("take: an index", index, x.numel())
    return ravel(x)[index]


def take_along_dim(x: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """As `gather`, with sizes of 1 broadcast; without `dim` as `take`."""
    if dim is None:
        return take(x, indices)
    dim = check_dim("take_along_dim", dim, x.ndim)
    others = [max(a, b) for a, b in zip(x.shape, indices.shape, strict=True)]
    sizes = [tuple(y.shape[i] if i == dim else n for i, n in enumerate(others))
             for y in (x, indices)]  # fmt: skip
    return ops.gather(ops.expand(x, sizes[0]), dim, ops.expand(indices, sizes[1]))


def repeat_interleave(
    x: Tensor, repeats: int | Tensor, dim: int | None = None
) -> Tensor:
    """Each entry of `dim` so often, one after the other; without `dim` each element."""
    if dim is None:
        return repeat_interleave(ravel(x), repeats, 0)
    dim = check_dim("repeat_interleave", dim, x.ndim)
    times = repeats.cpu().numpy() if isinstance(repeats, Tensor) else repeats
    index = np.repeat(np.arange(x.shape[dim]), times)
    return x[(slice(None),) * dim + (index,)]


def scatter_add(x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """x[.., index[.., i, ..], ..] + src[.., i, ..] along `dim`: what has one index is summed up.

    Raises:
        ValueError: index and src differ in shape, or an index is out of range.
    """
    dim = check_dim("scatter_add", dim, x.ndim)
    check_range("scatter_add: an index", index, x.shape[dim])
    src = src[tuple(slice(size) for size in index.shape)]
    if src.shape != index.shape:
        raise ValueError(
            f"scatter_add: src of shape {src.shape} is smaller than index, {index.shape}"
        )
    return x + ScatterAdd(dim, to_device(index.array, x.device), x.shape)(src)


def index_add(x: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """x with alpha times entry i of `source` added to entry index[i], along `dim`.

    Raises:
        ValueError: an index is out of range.
    """
    dim = check_dim("index_add", dim, x.ndim)
    check_range("index_add: an index", index, x.shape[dim])
    place = index_arrays(x, (slice(None),) * dim + (index,))
    return x + ops.shape.PutItem(place, x.shape)(source if alpha == 1 else source * alpha)


def fliplr(x: Tensor) -> Tensor:
    """x in reverse order along dimension 1."""
    return flip(x, 1)


def flipud(x: Tensor) -> Tensor:
    """x in reverse order along dimension 0."""
    return flip(x, 0)


def rot90(x: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """x turned by k quarters, from the first of `dims` towards the second."""
    first, second = dims
    if k % 4 == 2:
        return flip(x, first, second)
    if k % 4 == 1:
        return ops.transpose(flip(x, second), first, second)
    return flip(ops.transpose(x, first, second), second) if k % 4 == 3 else x


def atleast_1d(x: Tensor) -> Tensor:
    """x, a number as a vector of one element."""
    return ops.reshape(x, (1,)) if x.ndim == 0 else x


def atleast_2d(x: Tensor) -> Tensor:
    """x, a vector as a matrix of one row."""
    return ops.unsqueeze(atleast_1d(x), 0) if x.ndim < 2 else x


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along dimension 1; a vector is a column."""
    return ops.cat([ops.reshape(x, (-1, 1)) if x.ndim < 2 else x for x in tensors], 1)


def row_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along dimension 0; a vector is a row."""
    return ops.cat([atleast_2d(x) for x in tensors], 0)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along dimension 2; matrices get it."""
    deep = [atleast_2d(x) for x in tensors]
    return ops.cat([ops.unsqueeze(x, 2) if x.ndim == 2 else x for x in deep], 2)


def tensordot(a: Tensor, b: Tensor, dims: int | Sequence[Sequence[int]] = 2) -> Tensor:
    """The sum of products over the last `dims` dimensions of a and the first of b, or over the
    dimensions that are listed for each."""
    if isinstance(dims, int):
        of_a, of_b = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        of_a, of_b = ([check_dim("tensordot", d, x.ndim) for d in listed]
                      for x, listed in zip((a, b), dims, strict=True))  # fmt: skip
    sizes = [[x.shape[d] for d in listed] for x, listed in ((a, of_a), (b, of_b))]
    if sizes[0] != sizes[1]:
        raise ValueError(f"tensordot: sizes {sizes[0]} and {sizes[1]} of the summed dimensions")
    rest_a, rest_b = ([i for i in range(x.ndim) if i not in listed]
                      for x, listed in ((a, of_a), (b, of_b)))  # fmt: skip
    count = int(np.prod(sizes[0]))
    left = ops.reshape(ops.permute(a, [*rest_a, *of_a]), (-1, count))
    right = ops.reshape(ops.permute(b, [*of_b, *rest_b]), (count, -1))
    shape = [*(a.shape[i] for i in rest_a), *(b.shape[i] for i in rest_b)]
    return ops.reshape(ops.matmul(left, right), shape)
