"""The layers. Names, argument orders, shapes and initial values are PyTorch's."""

from __future__ import annotations

import numpy as np

import tinygan.functional as F
from tinygan.nn import init
from tinygan.nn.module import Buffer, Module, Parameter
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

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"


class _BatchNorm(Module):
    dimensions: tuple[int, ...] = ()

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ):
        _positive(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = init.constant_(_empty(num_features), 1.0) if affine else None
        self.bias = _empty(num_features) if affine else None
        self.running_mean = Buffer(np.zeros(num_features, np.float32))
        self.running_var = Buffer(np.ones(num_features, np.float32))

    def check(self, x: Tensor) -> None:
        """Raises a ValueError unless `x` has the dimensions and channels of this layer."""
        if x.ndim not in self.dimensions or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: expected {' or '.join(map(str, self.dimensions))} "
                f"dimensions with {self.num_features} channels, got shape {x.shape}"
            )

    def forward(self, x: Tensor) -> Tensor:
        self.check(x)
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training,
            self.momentum, self.eps,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (n, num_features); see `tinygan.functional.batch_norm`."""

    dimensions = (2,)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (n, num_features, h, w); see `tinygan.functional.batch_norm`."""

    dimensions = (4,)


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


class LeakyReLU(Module):
    """x where x > 0, negative_slope * x elsewhere"""

    def __init__(self, negative_slope: float = 0.01):
        if negative_slope < 0:
            raise ValueError(f"LeakyReLU: negative_slope must be >= 0, got {negative_slope}")
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return str(self.negative_slope)


class Tanh(Module):
    """tanh(x)"""

    def forward(self, x: Tensor) -> Tensor:
        return F.tanh(x)


class Sigmoid(Module):
    """1 / (1 + e^-x)"""

    def forward(self, x: Tensor) -> Tensor:
        return F.sigmoid(x)


class Softplus(Module):
    """ln(1 + e^x)"""

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(x)


class Flatten(Module):
    """(n, ...) -> (n, product of the rest)"""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class Unflatten(Module):
    """Dimension `dim` split into `unflattened_size`: Unflatten(1, (128, 7, 7))."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        dim = check_dim("Unflatten", self.dim, x.ndim)
        return x.reshape(*x.shape[:dim], *self.unflattened_size, *x.shape[dim + 1 :])

    def extra_repr(self) -> str:
        return f"{self.dim}, {self.unflattened_size}"


class Dropout(Module):
    """In training, zero with probability p; see `tinygan.functional.dropout`."""

    def __init__(self, p: float = 0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must be in [0, 1], got {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        return str(self.p)


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
    """A table of num_embeddings vectors of N(0, 1): indices (...) -> (..., embedding_dim)."""

    def __init__(self, num_embeddings: int, embedding_dim: int):
        _positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.weight = init.normal_(_empty(num_embeddings, embedding_dim))

    def forward(self, indices: Tensor) -> Tensor:
        return F.embedding(indices, self.weight)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"
