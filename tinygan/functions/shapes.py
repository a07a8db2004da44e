"""Parts of tensors, and tensors put together and turned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygan import ops
from tinygan.devices import array_module, beside
from tinygan.ops.shape import check_dim, check_range
from tinygan.tensor import Tensor, sizes

__all__ = [
    "broadcast_tensors", "broadcast_to", "chunk", "flip", "hstack", "index_select",
    "masked_select", "meshgrid", "movedim", "narrow", "nonzero", "repeat", "roll", "split",
    "swapaxes", "t", "tile", "unbind", "vstack",
]  # fmt: skip

def narrow(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` elements of `dim`, from `start` on."""
    dim = check_dim("narrow", dim, x.ndim)
    if start < 0 or length < 0 or start + length > x.shape[dim]:
        raise ValueError(
            f"narrow: {length} from {start} on is outside of dim {dim} of shape {x.shape}"
        )
    return x[(slice(None),) * dim + (slice(start, start + length),)]


def split(x: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of `split_size` along `dim`, the last one smaller; or of the sizes that are listed."""
    size = x.shape[check_dim("split", dim, x.ndim)]
    if isinstance(split_size, int):
        if split_size <= 0:
            raise ValueError(f"split: split_size must be at least 1, got {split_size}")
        parts = [min(split_size, size - i) for i in range(0, size, split_size)] or [0]
    else:
        parts = list(split_size)
        if sum(parts) != size:
            raise ValueError(f"split: sizes {parts} do not add up to {size}, that of dim {dim}")
    starts = [sum(parts[:i]) for i in range(len(parts))]
    return tuple(narrow(x, dim, start, part) for start, part in zip(starts, parts, strict=True))


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` parts of equal size along `dim`, the last one smaller."""
    if chunks <= 0:
        raise ValueError(f"chunk: chunks must be at least 1, got {chunks}")
    size = x.shape[check_dim("chunk", dim, x.ndim)]
    return split(x, max(-(-size // chunks), 1), dim)


def unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along `dim`, without it."""
    dim = check_dim("unbind", dim, x.ndim)
    return tuple(x[(slice(None),) * dim + (i,)] for i in range(x.shape[dim]))


def repeat(x: Tensor, *repeats) -> Tensor:
    """x, so often along each dimension (``numpy.tile``); new dimensions come in front."""
    times = sizes(repeats)
    if len(times) < x.ndim:
        raise ValueError(f"repeat: {len(times)} numbers for a tensor of shape {x.shape}")
    shape = (1,) * (len(times) - x.ndim) + x.shape
    between = [size for pair in zip((1,) * len(times), shape, strict=True) for size in pair]
    wide = [size for pair in zip(times, shape, strict=True) for size in pair]
    whole = [n * size for n, size in zip(times, shape, strict=True)]
    return ops.reshape(ops.expand(ops.reshape(x, between), wide), whole)


def tile(x: Tensor, *dims) -> Tensor:
    """As `repeat`; missing numbers in front are 1."""
    times = sizes(dims)
    return repeat(x, (1,) * (x.ndim - len(times)) + times)


def flip(x: Tensor, *dims) -> Tensor:
    """x in reverse order along each of the dimensions."""
    turned = {check_dim("flip", dim, x.ndim) for dim in sizes(dims)}
    return x[tuple(slice(None, None, -1 if i in turned else 1) for i in range(x.ndim))]


def roll(x: Tensor, shifts: int, dims: int | None = None) -> Tensor:
    """Elements moved on by `shifts` along a dimension, from its end to its front."""
    if dims is None:
        return ops.reshape(roll(x.reshape(-1), shifts, 0), x.shape)
    size = x.shape[check_dim("roll", dims, x.ndim)]
    if size == 0 or shifts % size == 0:
        return x.clone()
    first = size - shifts % size
    return ops.cat([narrow(x, dims, first, size - first), narrow(x, dims, 0, first)], dims)


def t(x: Tensor) -> Tensor:
    """The transpose of a matrix; a vector or a number as it is."""
    return x.T


def swapaxes(x: Tensor, axis0: int, axis1: int) -> Tensor:
    """As `transpose`."""
    return ops.transpose(x, axis0, axis1)


def movedim(x: Tensor, source: int, destination: int) -> Tensor:
    """One dimension at another place, the others in their order."""
    source = check_dim("movedim", source, x.ndim)
    destination = check_dim("movedim", destination, x.ndim)
    order = [i for i in range(x.ndim) if i != source]
    order.insert(destination, source)
    return ops.permute(x, order)


def broadcast_to(x: Tensor, *shape) -> Tensor:
    """As `expand`."""
    return x.expand(*shape)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All expanded to their common shape."""
    shape = np.broadcast_shapes(*(x.shape for x in tensors))
    return tuple(ops.expand(x, shape) for x in tensors)


def meshgrid(*tensors: Tensor, indexing: str = "ij") -> tuple[Tensor, ...]:
    """The coordinates of a grid, from a vector for each of its dimensions."""
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    vectors = list(tensors[0]) if isinstance(tensors[0], (tuple, list)) else list(tensors)
    count = len(vectors)
    placed = [ops.reshape(x, [-1 if i == j else 1 for j in range(count)])
              for i, x in enumerate(vectors)]  # fmt: skip
    grids = broadcast_tensors(*placed)
    if indexing == "xy" and count > 1:
        grids = tuple(ops.transpose(x, 0, 1) for x in grids)
    return grids


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along dimension 1, vectors along 0."""
    return ops.cat(tensors, 0 if tensors[0].ndim <= 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along dimension 0; a vector is a row."""
    return ops.cat([x.unsqueeze(0) if x.ndim == 1 else x for x in tensors], 0)


def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """The entries of `dim` that the integers `index` name."""
    dim = check_dim("index_select", dim, x.ndim)
    check_range("index_select: an index", index, x.shape[dim])
    return x[(slice(None),) * dim + (index,)]


def masked_select(x: Tensor, mask: Tensor) -> Tensor:
    """The elements where the bool tensor `mask` holds, in one dimension."""
    x, mask = broadcast_tensors(x, mask)
    return x[mask]


def nonzero(x: Tensor, as_tuple: bool = False):
    """The indices of elements that are not 0: (count, ndim), or a vector for each dimension."""
    with beside(x.array):
        vectors = tuple(Tensor(i) for i in array_module(x.array).nonzero(x.array))
    return vectors if as_tuple else ops.stack(vectors, 1)
