"""The layers. Names, argument orders, shapes and initial values are PyTorch's."""

from __future__ import annotations

import numpy as np

import tinygan.functional as F
from tinygan.nn import init
from tinygan.nn.module import Module
from tinygan.nn.parameter import Parameter
from tinygan.ops.shape import check_dim
from tinygan.tensor import Tensor


def _positive(layer: str, **sizes: int) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"{layer}: {name} must be a positive integer, got {size!r}")


def _empty(*shape: int, order: tuple[int, ...] | None = None) -> Parameter:
    """A float32 parameter whose dimensions lie in memory in `order`, outermost first."""
    order = tuple(range(len(shape))) if order is None else order
    memory = np.zeros(tuple(shape[i] for i in order), np.float32)
    return Parameter(memory.transpose(tuple(order.index(i) for i in range(len(shape)))))


class Linear(Module):
    """y = x W^T + b: (n, in_features) -> (n, out_features).

    W and b start uniform in +-1 / sqrt(in_features).
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        _positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = init.fan_in_uniform_(_empty(out_features, in_features), in_features)
        self.bias = init.fan_in_uniform_(_empty(out_features), in_features) if bias else None

    def reset_parameters(self) -> None:
        """The initial values again, others."""
        for parameter in self.parameters():
            init.fan_in_uniform_(parameter, self.in_features)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


class Flatten(Module):
    """(n, ...) -> (n, product of the rest), or the dimensions start_dim ... end_dim made one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Dimension `dim` split into `unflattened_size`: Unflatten(1, (128, 7, 7))."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        dim = check_dim("Unflatten", self.dim, input.ndim)
        return input.reshape(*input.shape[:dim], *self.unflattened_size, *input.shape[dim + 1 :])

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Maxout(Module):
    """A linear layer of out_features * pieces units and the maximum of each `pieces` of them.

    (Goodfellow 2013, arXiv:1302.4389.)
    """

    def __init__(self, in_features: int, out_features: int, pieces: int):
        _positive("Maxout", out_features=out_features, pieces=pieces)
        self.linear, self.pieces = Linear(in_features, out_features * pieces), pieces

    def forward(self, x: Tensor) -> Tensor:
        return F.maxout(self.linear(x), self.pieces)

    def extra_repr(self) -> str:
        return f"pieces={self.pieces}"


class Embedding(Module):
    """A table of num_embeddings vectors of N(0, 1): indices (...) -> (..., embedding_dim).

    The row `padding_idx` starts as zeros and gets no gradient.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None
    ):
        _positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(
                    f"Embedding: padding_idx {padding_idx} is no row of {num_embeddings}"
                )
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx
        self.weight = init.normal_(_empty(num_embeddings, embedding_dim))
        if padding_idx is not None:
            self.weight.array[padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
