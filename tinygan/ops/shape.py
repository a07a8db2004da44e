"""Ops that move elements and compute nothing: their gradients move them back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinygan.autograd import Function
from tinygan.devices import array_module, beside, device_of, to_device
from tinygan.kernels.copies import contiguous as contiguous_array
from tinygan.kernels.cuda import graph
from tinygan.kernels.layout import along
from tinygan.tensor import Tensor


class Reshape(Function):
    """The elements in reading order, in another shape;  g in the old shape"""

    def __init__(self, size: tuple[int, ...]):
        self.size = size

    def forward(self, x):
        return contiguous_array(x).reshape(self.size)

    def backward(self, grad_output):
        return (reshape(grad_output, self.input_shapes[0]),)

    def put_back(self, whole, view):
        return reshape(view, whole.shape)


class Permute(Function):
    """Dimension i of the result is dims[i] of x;  g, permuted back"""

    def __init__(self, dims: tuple[int, ...]):
        self.dims = dims

    def forward(self, x):
        return x.transpose(self.dims)

    def backward(self, grad_output):
        return (self._inverse()(grad_output),)

    def _inverse(self):
        return Permute(tuple(self.dims.index(i) for i in range(len(self.dims))))

    def put_back(self, whole, view):
        return self._inverse()(view)


class Expand(Function):
    """x repeated along dimensions of size 1 and new leading ones;  g, summed over them"""

    def __init__(self, size: tuple[int, ...]):
        self.size = size

    def forward(self, x):
        return array_module(x).broadcast_to(x, self.size)

    def backward(self, grad_output):
        return (sum_to(grad_output, self.input_shapes[0]),)


class SumTo(Function):
    """The transpose of Expand: x summed over what Expand repeats;  g, repeated"""

    def __init__(self, size: tuple[int, ...]):
        self.size = size

    def forward(self, x):
        leading = x.ndim - len(self.size)
        dims = [i for i in range(x.ndim)
                if i < leading or (self.size[i - leading] == 1 and x.shape[i] != 1)]  # fmt: skip
        # float32 sums of many terms drift.
        total = along(lambda a, d: a[0].sum(axis=d, dtype=np.float64, keepdims=True), [x], dims)
        return total.astype(x.dtype, copy=False).reshape(self.size)

    def backward(self, grad_output):
        return (expand(grad_output, self.input_shapes[0]),)


class GetItem(Function):
    """x[index];  g at the index, 0 elsewhere"""

    def __init__(self, index):
        self.index = index

    def forward(self, x):
        result = x[self.index]
        if isinstance(result, np.generic):  # a copy; with an ellipsis it is a view
            index = self.index if isinstance(self.index, tuple) else (self.index,)
            result = x[(*index, ...)]
        return result

    def backward(self, grad_output):
        return (PutItem(self.index, self.input_shapes[0])(grad_output),)

    def put_back(self, whole, view):
        return SetItem(self.index)(whole, view)


class PutItem(Function):
    """Zeros with x added at the index, once for each time it is named;  g[index]"""

    def __init__(self, index, size: tuple[int, ...]):
        self.index, self.size = index, size

    def forward(self, x):
        xp = array_module(x)
        result = xp.zeros(self.size, x.dtype)
        if is_basic(self.index):
            result[self.index] = x
        else:
            xp.add.at(result, self.index, x)
        return result

    def backward(self, grad_output):
        return (GetItem(self.index)(grad_output),)


class SetItem(Function):
    """x with x[index] = value;  g with 0 at the index, g[index] summed to the value's shape"""

    def __init__(self, index):
        self.index = index

    def forward(self, x, value):
        result = x.copy(order="K")
        result[self.index] = value
        return result

    def backward(self, grad_output):
        x, value = self.needs_input_grad
        with beside(grad_output.array):
            nothing = Tensor(array_module(grad_output.array).zeros((), grad_output.dtype))
        taken = GetItem(self.index)(grad_output) if value else None
        return (
            SetItem(self.index)(grad_output, nothing) if x else None,
            None if taken is None else sum_to(taken, self.input_shapes[1]),
        )


class Gather(Function):
    """result[.., i, ..] = x[.., index[.., i, ..], ..] along dim;  g, added at the index"""

    def __init__(self, dim: int, index):
        self.dim, self.index = dim, index

    def forward(self, x):
        take = array_module(x).take_along_axis
        return along(lambda arrays, dim: take(*arrays, dim[0]), [x, self.index], [self.dim])

    def backward(self, grad_output):
        return (ScatterAdd(self.dim, self.index, self.input_shapes[0])(grad_output),)


class ScatterAdd(Function):
    """The transpose of Gather: zeros with x added at the index;  g, gathered"""

    def __init__(self, dim: int, index, size: tuple[int, ...]):
        self.dim, self.index, self.size = dim, index, size

    def forward(self, x):
        xp = array_module(x)
        result = xp.zeros(self.size, x.dtype)
        where = list(xp.ogrid[tuple(slice(size) for size in self.index.shape)])
        where[self.dim] = self.index
        xp.add.at(result, tuple(where), x)
        return result

    def backward(self, grad_output):
        return (Gather(self.dim, self.index)(grad_output),)


class Cat(Function):
    """The inputs joined along dim;  the parts of g"""

    def __init__(self, dim: int):
        self.dim = dim

    def forward(self, *arrays):
        self.sizes = [array.shape[self.dim] for array in arrays]
        if len(arrays) > 8 and graph.capturing():  # whose addresses CuPy copies from the host
            graph.refuse(f"cat of {len(arrays)} tensors; at most 8 at a time can be captured")
        xp = array_module(arrays[0])
        return along(lambda parts, dim: xp.concatenate(parts, axis=dim[0]), arrays, [self.dim])

    def backward(self, grad_output):
        grads: list[Tensor | None] = []
        start = 0
        for size, needed in zip(self.sizes, self.needs_input_grad, strict=True):
            part = (slice(None),) * self.dim + (slice(start, start + size),)
            grads.append(GetItem(part)(grad_output) if needed else None)
            start += size
        return tuple(grads)


class To(Function):
    """x in another dtype and on another device;  g, taken back"""

    def __init__(self, dtype: np.dtype, device: str):
        self.dtype, self.device = dtype, device

    def forward(self, x):
        self.source = x.dtype, device_of(x)
        return to_device(x.astype(self.dtype, copy=False), self.device)

    def backward(self, grad_output):
        return (To(*self.source)(grad_output),)


class Clone(Function):
    """A copy of x;  g"""

    def forward(self, x):
        return x.copy(order="K")

    def backward(self, grad_output):
        return (grad_output,)


class Contiguous(Function):
    """x in the order of its dimensions in memory;  g"""

    def forward(self, x):
        return contiguous_array(x)

    def backward(self, grad_output):
        return (grad_output,)


def reshape(x: Tensor, size: Sequence[int]) -> Tensor:
    """x with its elements in reading (row-major) order in another shape; one entry may be -1.

    Raises:
        ValueError: the number of elements differs.
    """
    size = tuple(size)
    if size == x.array.shape:
        return x
    known = math.prod(s for s in size if s != -1)
    if size.count(-1) == 1 and known and x.numel() % known == 0:
        size = tuple(x.numel() // known if s == -1 else s for s in size)
    if -1 in size or math.prod(size) != x.numel():
        raise ValueError(f"reshape: {x.numel()} elements of shape {x.shape} do not fit {size}")
    return x if size == x.shape else Reshape(size)(x)  # after -1 has its value


def permute(x: Tensor, dims: Sequence[int]) -> Tensor:
    """x with its dimensions in another order: dimension i of the result is dims[i] of x."""
    if sorted(d % x.ndim if -x.ndim <= d < x.ndim else -1 for d in dims) != list(range(x.ndim)):
        raise ValueError(f"permute: {tuple(dims)} is no order of {x.ndim} dimensions")
    return Permute(tuple(d % x.ndim for d in dims))(x)


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """x with two dimensions exchanged."""
    dims = list(range(x.ndim))
    check_dim("transpose", dim0, x.ndim)
    check_dim("transpose", dim1, x.ndim)
    dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    return Permute(tuple(dims))(x)


def check_dim(name: str, dim: int, ndim: int) -> int:
    """`dim` counted from the front, for the op or layer of this name."""
    if not -ndim <= dim < ndim:
        raise ValueError(f"{name}: dim {dim} is out of range for {ndim} dimensions")
    return dim % ndim


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """x with the dimensions start_dim ... end_dim made one."""
    if x.ndim == 0:
        return reshape(x, (1,))
    start = check_dim("flatten", start_dim, x.ndim)
    end = check_dim("flatten", end_dim, x.ndim)
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} is after end_dim {end_dim}")
    middle = math.prod(x.shape[start : end + 1])
    return reshape(x, (*x.shape[:start], middle, *x.shape[end + 1 :]))


def squeeze(x: Tensor, dim: int | None = None) -> Tensor:
    """x without dimension `dim`, when its size is 1; else x. Without `dim`, without all such."""
    if dim is None:
        return reshape(x, [size for size in x.shape if size != 1])
    dim = check_dim("squeeze", dim, x.ndim)
    return reshape(x, x.shape[:dim] + x.shape[dim + 1 :]) if x.shape[dim] == 1 else x


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """x with a new dimension of size 1 at `dim`."""
    dim = check_dim("unsqueeze", dim, x.ndim + 1)
    return reshape(x, (*x.shape[:dim], 1, *x.shape[dim:]))


def expand(x: Tensor, size: Sequence[int]) -> Tensor:
    """x repeated (without a copy) along dimensions of size 1 and new leading ones.

    Raises:
        ValueError: a size is neither that of x nor stands against a 1.
    """
    size = tuple(size)
    if size == x.shape:
        return x
    pairs = zip(reversed(x.shape), reversed(size), strict=False)
    if len(size) < x.ndim or not all(have in (1, wanted) for have, wanted in pairs):
        raise ValueError(f"expand: shape {x.shape} does not expand to {size}")
    return Expand(size)(x)


def sum_to(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """x summed down to `size`: what the gradient of a broadcast input needs."""
    return x if x.array.shape == size else SumTo(size)(x)


def is_basic(index) -> bool:
    """Whether an index names no element twice: integers, slices, None, Ellipsis."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or isinstance(part, (int, np.integer, slice))
        for part in parts
    )


def getitem(x: Tensor, index) -> Tensor:
    """x[index], where index is what NumPy accepts, integer and bool tensors included."""
    return GetItem(index_arrays(x, index))(x)


def index_arrays(x: Tensor, index) -> tuple:
    """The index of x with arrays of its device in the place of tensors and lists.

    Raises:
        TypeError: an array is of other things than integers and bools.
    """
    parts = index if isinstance(index, tuple) else (index,)
    parts = tuple(
        to_device(part.array, x.device) if isinstance(part, Tensor)
        else to_device(np.asarray(part), x.device) if isinstance(part, (list, np.ndarray))
        else part
        for part in parts
    )  # fmt: skip
    for part in parts:
        kind = getattr(getattr(part, "dtype", None), "kind", "i")
        if kind not in "iub":
            raise TypeError(f"an index must be of integers or bools, got {part.dtype}")
    return parts


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """result[i][j] = x[i][index[i][j]] for dim 1, and likewise for any dim (torch.gather).

    `index` has as many dimensions as x; other sizes than that of `dim` must be those of x.

    Raises:
        ValueError: shapes do not fit, or an index is out of range.
        TypeError: index is not of integers.
    """
    dim = check_dim("gather", dim, x.ndim)
    if index.dtype.kind not in "iu":
        raise TypeError(f"gather: index must be of integers, got {index.dtype}")
    others = [i for i in range(x.ndim) if i != dim]
    if index.ndim != x.ndim or any(index.shape[i] != x.shape[i] for i in others):
        raise ValueError(
            f"gather: index of shape {index.shape} does not fit {x.shape} along dim {dim}"
        )
    check_range("gather: an index", index, x.shape[dim])
    return Gather(dim, to_device(index.array, x.device))(x)


def check_range(what: str, indices: Tensor, count: int) -> None:
    """Raises a ValueError about `what` unless all `indices` lie in 0 ... count - 1.

    Not while a step is captured, when no value can be read: the runs before it were checked.
    """
    if indices.numel() and not graph.capturing():
        with beside(indices.array):
            low, high = int(indices.array.min()), int(indices.array.max())
        if low < 0 or high >= count:
            got = low if low < 0 else high
            raise ValueError(f"{what} is {got}, which is outside 0 ... {count - 1}")


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors joined along `dim`; all other sizes are equal.

    Integers and bools become the floating dtype that is among them, else a common integer one.

    Raises:
        ValueError: no tensors, or other sizes differ.
        TypeError: float32 and float64 are both among them.
    """
    tensors = list(tensors)
    if not tensors:
        raise ValueError("cat: needs at least one tensor")
    dim = check_dim("cat", dim, tensors[0].ndim)
    for index, x in enumerate(tensors):
        if x.ndim != tensors[0].ndim or any(
            i != dim and a != b
            for i, (a, b) in enumerate(zip(x.shape, tensors[0].shape, strict=True))
        ):
            raise ValueError(
                f"cat: tensor {index} has shape {x.shape}, which does not fit "
                f"{tensors[0].shape} along dim {dim}"
            )
    if any(x.dtype != tensors[0].dtype for x in tensors):
        tensors = _of_one_dtype(tensors)
    return Cat(dim)(*tensors)


def _of_one_dtype(tensors: list[Tensor]) -> list[Tensor]:
    dtypes = {x.dtype: index for index, x in enumerate(tensors)}
    floats = [dtype for dtype in dtypes if dtype.kind == "f"]
    if len(floats) > 1:
        first, second = floats
        raise TypeError(
            f"cat: tensor {dtypes[second]} has dtype {second}, tensor {dtypes[first]} has {first}; "
            "write .to(dtype)"
        )
    common = floats[0] if floats else np.result_type(*dtypes)
    return [to(x, common, x.device) for x in tensors]


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors, all of one shape, along a new dimension `dim`.

    Raises:
        ValueError: no tensors, or shapes differ.
        TypeError: as of `cat`.
    """
    tensors = list(tensors)
    if not tensors:
        raise ValueError("stack: needs at least one tensor")
    for index, x in enumerate(tensors):
        if x.shape != tensors[0].shape:
            raise ValueError(
                f"stack: tensor {index} has shape {x.shape}, the first has {tensors[0].shape}"
            )
    return cat([unsqueeze(x, dim) for x in tensors], dim)


def to(x: Tensor, dtype: np.dtype, device: str) -> Tensor:
    """x with another dtype and on another device; x itself when it is so already."""
    if x.dtype == dtype and x.device == device:
        return x
    if dtype.kind != "f":
        with beside(x.array):
            return Tensor(to_device(x.array.astype(dtype), device))
    return To(dtype, device)(x)


def clone(x: Tensor) -> Tensor:
    """A copy that gradients flow through."""
    return Clone()(x)


def contiguous(x: Tensor) -> Tensor:
    """x in the order of its dimensions in memory, the last one densest: itself, or a copy."""
    return x if x.array.flags.c_contiguous else Contiguous()(x)
