"""The functions that PyTorch has beside its ops, each made of ops: ``tinygan.logsumexp(x, 1)``.

They are methods of tensors too (`tinygan/methods.py`). Names, arguments and results are those of
``torch``; each has derivatives of any order, where it has any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinygan import ops
from tinygan.autograd import Function
from tinygan.devices import array_module, beside
from tinygan.ops.math import as_tensor, floating
from tinygan.ops.reduction import ValuesAndIndices
from tinygan.ops.shape import check_dim, check_range
from tinygan.ops.trigonometry import cos, sin, tan
from tinygan.tensor import Dim, Scalar, Tensor, sizes

__all__ = [
    "addcdiv",
    "addcmul",
    "addmm",
    "allclose",
    "argsort",
    "baddbmm",
    "bmm",
    "broadcast_tensors",
    "broadcast_to",
    "ceil",
    "chunk",
    "cos",
    "cumsum",
    "diag",
    "dot",
    "einsum",
    "equal",
    "exp2",
    "expm1",
    "flip",
    "floor",
    "floor_divide",
    "hstack",
    "index_select",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "lerp",
    "log1p",
    "log2",
    "log10",
    "logsumexp",
    "masked_select",
    "maximum",
    "median",
    "meshgrid",
    "minimum",
    "mm",
    "movedim",
    "mv",
    "narrow",
    "nonzero",
    "norm",
    "outer",
    "prod",
    "reciprocal",
    "remainder",
    "repeat",
    "roll",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sort",
    "split",
    "square",
    "swapaxes",
    "t",
    "tan",
    "tile",
    "topk",
    "trace",
    "tril",
    "triu",
    "trunc",
    "unbind",
    "vstack",
]  # fmt: skip

# Elementwise


def _step(name: str):
    """A function that is constant almost everywhere: its derivative is 0."""

    def step(x: Tensor) -> Tensor:
        with beside(x.array):
            result = Tensor(getattr(array_module(x.array), name)(x.array).astype(x.dtype))
        return result + ops.mul(x, 0.0) if x._requires_grad and x.dtype.kind == "f" else result

    step.__name__ = step.__qualname__ = name
    step.__doc__ = f"``numpy.{name}`` of each element; the derivative is 0."
    return step


floor, ceil, sign = (_step(name) for name in ("floor", "ceil", "sign"))


def trunc(x: Tensor) -> Tensor:
    """The integer part of each element; the derivative is 0."""
    return ops.where(x < 0, ceil(x), floor(x))


def round(x: Tensor, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals, of two the even one; the derivative is 0."""
    if decimals:
        return round(x * 10.0**decimals) / 10.0**decimals
    below = floor(x)
    rest = (x - below).detach()
    odd = remainder(below.detach(), 2) == 1
    return ops.where((rest > 0.5) | ((rest == 0.5) & odd), below + 1, below)


def exp2(x: Tensor) -> Tensor:
    """2^x"""
    return ops.exp(floating(x) * math.log(2))


def expm1(x: Tensor) -> Tensor:
    """e^x - 1, exact for small x: 2 e^(x/2) sinh(x/2), by tanh(x/2)."""
    half = ops.tanh(floating(x) * 0.5)  # t = tanh(x/2): e^x - 1 = 2 t / (1 - t)
    return half * 2.0 / (1.0 - half)


def log1p(x: Tensor) -> Tensor:
    """ln(1 + x)"""
    return ops.log(floating(x) + 1.0)


def log2(x: Tensor) -> Tensor:
    """The logarithm to base 2."""
    return ops.log(x) * (1 / math.log(2))


def log10(x: Tensor) -> Tensor:
    """The logarithm to base 10."""
    return ops.log(x) * (1 / math.log(10))


def square(x: Tensor) -> Tensor:
    """x x"""
    return x * x


def reciprocal(x: Tensor) -> Tensor:
    """1 / x"""
    return 1.0 / floating(x)


def rsqrt(x: Tensor) -> Tensor:
    """1 / sqrt(x)"""
    return 1.0 / ops.sqrt(x)


def floor_divide(a, b) -> Tensor:
    """floor(a / b), of the operands' dtype; no gradient."""
    return _without_gradient("floor_divide", a, b)


def remainder(a, b) -> Tensor:
    """a - b floor(a / b), of the sign of b; the derivative by a is 1."""
    if not isinstance(a, Tensor) or a.dtype.kind != "f":
        return _without_gradient("remainder", a, b)
    return a - floor_divide(a, b) * b


def _without_gradient(name: str, a, b) -> Tensor:
    a, b = ops.math._pair(name, a, b)
    with beside(a.array):
        return Tensor(getattr(array_module(a.array), name)(a.array, b.array))


def maximum(a, b) -> Tensor:
    """The larger of each two elements; of equal ones each gets half of the gradient."""
    return ops.where(a > b, a, ops.where(b > a, b, (a + b) * 0.5 if _floats(a, b) else a))


def minimum(a, b) -> Tensor:
    """The smaller of each two elements; of equal ones each gets half of the gradient."""
    return ops.where(a < b, a, ops.where(b < a, b, (a + b) * 0.5 if _floats(a, b) else a))


def _floats(*tensors: Tensor) -> bool:
    return all(x.dtype.kind == "f" for x in tensors)


def lerp(input: Tensor, end: Tensor, weight) -> Tensor:
    """input + weight (end - input)"""
    return input + (end - input) * weight


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Scalar = 1) -> Tensor:
    """input + value tensor1 tensor2"""
    return input + tensor1 * tensor2 * value


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Scalar = 1) -> Tensor:
    """input + value tensor1 / tensor2"""
    return input + tensor1 / tensor2 * value


# Bools


def _test(name: str):
    def test(x: Tensor) -> Tensor:
        with beside(x.array):
            return Tensor(getattr(array_module(x.array), name)(x.array))

    test.__name__ = test.__qualname__ = name
    test.__doc__ = f"``numpy.{name}`` of each element: a bool tensor."
    return test


isnan, isinf, isfinite = (_test(name) for name in ("isnan", "isinf", "isfinite"))


def isclose(
    a: Tensor, b: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |a - b| <= atol + rtol |b|, for each element."""
    a, b = a.detach(), b.detach()
    close = (a == b) | (isfinite(b) & (ops.abs(a - b) <= ops.abs(b) * rtol + atol))
    return close | (isnan(a) & isnan(b)) if equal_nan else close


def allclose(
    a: Tensor, b: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether `isclose` holds for all elements."""
    return bool(isclose(a, b, rtol, atol, equal_nan).all().item())


def equal(a: Tensor, b: Tensor) -> bool:
    """Whether both have one shape and the same elements."""
    return a.shape == b.shape and bool((a == b).all().item())


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
        dtype = np.float64 if x.dtype.kind == "f" else None  # float32 sums of many terms drift
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


# Shapes


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


# Matrices


def tril(x: Tensor, diagonal: int = 0) -> Tensor:
    """The elements on a diagonal of a matrix and below it, 0 above."""
    if x.ndim < 2:
        raise ValueError(f"tril: needs at least 2 dimensions, got shape {x.shape}")
    mask = as_tensor(np.tri(x.shape[-2], x.shape[-1], diagonal) != 0).to(x.device)
    return ops.where(mask, x, 0)


def triu(x: Tensor, diagonal: int = 0) -> Tensor:
    """The elements on a diagonal of a matrix and above it, 0 below."""
    return x - tril(x, diagonal - 1)


def diag(x: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with this diagonal."""
    rows = np.arange(x.shape[0] if x.ndim == 1 else _diagonal_length(x.shape, diagonal))
    rows, columns = rows + max(-diagonal, 0), rows + max(diagonal, 0)
    if x.ndim == 2:
        return x[rows, columns]
    if x.ndim != 1:
        raise ValueError(f"diag: needs a vector or a matrix, got shape {x.shape}")
    size = x.shape[0] + abs(diagonal)
    index = ops.shape.index_arrays(x, (rows, columns))
    return ops.shape.PutItem(index, (size, size))(x)


def _diagonal_length(shape: tuple[int, ...], diagonal: int) -> int:
    return max(min(shape[0] + min(diagonal, 0), shape[1] - max(diagonal, 0)), 0)


def trace(x: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
    return ops.sum(diag(x))


def _product(name: str, first: int, second: int):
    def product(a: Tensor, b: Tensor) -> Tensor:
        if (a.ndim, b.ndim) != (first, second):
            raise ValueError(
                f"{name}: needs tensors of {first} and {second} dimensions, got shapes {a.shape} "
                f"and {b.shape}"
            )
        return ops.matmul(a, b)

    product.__name__ = product.__qualname__ = name
    product.__doc__ = f"The product a @ b of tensors of {first} and {second} dimensions."
    return product


dot, mv, mm = _product("dot", 1, 1), _product("mv", 2, 1), _product("mm", 2, 2)
bmm = _product("bmm", 3, 3)


def addmm(input: Tensor, a: Tensor, b: Tensor, *, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor:
    """beta input + alpha a @ b"""
    return input * beta + mm(a, b) * alpha


def baddbmm(input: Tensor, a: Tensor, b: Tensor, *, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor:
    """beta input + alpha a @ b, of a batch of matrices"""
    return input * beta + bmm(a, b) * alpha


def outer(a: Tensor, b: Tensor) -> Tensor:
    """a[i] b[j], of two vectors."""
    return a.unsqueeze(1) * b.unsqueeze(0)


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """Sums of products, written with a letter for each dimension: ``einsum("ij,jk->ik", a, b)``.

    Letters that the result lacks are summed over. Without an arrow the result has the letters that
    occur once, in the order of the alphabet.

    Raises:
        ValueError: letters and dimensions do not fit, or one operand has a letter twice.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    names = left.split(",")
    if "." in equation:
        raise ValueError("einsum: '...' is not supported; name all dimensions")
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if len(names) != len(operands):
        raise ValueError(f"einsum: {equation!r} is for {len(names)} tensors, got {len(operands)}")
    for letters, x in zip(names, operands, strict=True):
        if len(letters) != x.ndim or len(set(letters)) != len(letters):
            raise ValueError(f"einsum: {letters!r} does not name the dimensions of {x.shape}")
    if not arrow:
        right = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    if set(right) - set(left) or len(set(right)) != len(right):
        raise ValueError(f"einsum: the result {right!r} has letters that no operand has")
    terms = list(zip(names, operands, strict=True))
    while len(terms) > 1:
        (a, x), (b, y) = terms[:2]
        needed = set(right).union(*(letters for letters, _ in terms[2:]))
        terms[:2] = [_contract(a, x, b, y, needed)]
    letters, x = terms[0]
    letters, x = _summed(letters, x, set(right))
    return ops.permute(x, [letters.index(c) for c in right])


def _summed(letters: str, x: Tensor, needed: set[str]) -> tuple[str, Tensor]:
    gone = tuple(i for i, c in enumerate(letters) if c not in needed)
    return "".join(c for c in letters if c in needed), ops.sum(x, gone) if gone else x


def _contract(a: str, x: Tensor, b: str, y: Tensor, needed: set[str]) -> tuple[str, Tensor]:
    """One product of matrices: (both, left, summed) @ (both, summed, right)."""
    a, x = _summed(a, x, needed | set(b))
    b, y = _summed(b, y, needed | set(a))
    both = "".join(c for c in a if c in b and c in needed)
    gone = "".join(c for c in a if c in b and c not in needed)
    left, right = ("".join(c for c in s if c not in o) for s, o in ((a, b), (b, a)))
    size = dict(zip(a + b, x.shape + y.shape, strict=True))
    for c in both + gone:
        if x.shape[a.index(c)] != y.shape[b.index(c)]:
            raise ValueError(f"einsum: {c!r} has two sizes, in shapes {x.shape} and {y.shape}")

    def matrix(letters: str, z: Tensor, order: tuple[str, ...]) -> Tensor:
        turned = ops.permute(z, [letters.index(c) for group in order for c in group])
        return ops.reshape(turned, [math.prod(size[c] for c in group) for group in order])

    product = matrix(a, x, (both, left, gone)) @ matrix(b, y, (both, gone, right))
    letters = both + left + right
    return letters, ops.reshape(product, [size[c] for c in letters])


