"""Matrices: triangles, diagonals, products, einsum."""

from __future__ import annotations

import math

import numpy as np

from tinygan import ops
from tinygan.ops.math import as_tensor
from tinygan.tensor import Scalar, Tensor

__all__ = [
    "addmm", "baddbmm", "bmm", "diag", "dot", "einsum", "mm", "mv", "outer", "trace", "tril",
    "triu",
]  # fmt: skip

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
