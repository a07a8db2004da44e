"""The functions that layers are made of: ``import tinygan.functional as F``."""

from __future__ import annotations

from tinygan.creation import rand
from tinygan.device import array_module, beside, generator
from tinygan.ops import activation, conv, loss, norm, pooling
from tinygan.ops.activation import *
from tinygan.ops.conv import *
from tinygan.ops.loss import *
from tinygan.ops.matmul import linear
from tinygan.ops.norm import *
from tinygan.ops.pooling import *
from tinygan.ops.shape import check_range
from tinygan.tensor import Tensor, float32

# What a file of ops lists in its own __all__ is public here.
__all__ = ["dropout", "embedding", "linear", "one_hot"]
__all__ += [*activation.__all__, *conv.__all__, *loss.__all__, *norm.__all__, *pooling.__all__]


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """In training, each element is zero with probability p and else divided by 1 - p.

    (Srivastava 2014, JMLR 15.)

    Raises:
        ValueError: p is not in [0, 1].
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be in [0, 1], got {p}")
    if not training or p == 0:
        return input
    drawn = rand(*input.shape, generator=generator, dtype=float32, device=input.device)
    scale = 0.0 if p == 1 else 1 / (1 - p)
    with beside(drawn.array):
        mask = (drawn.array >= p).astype(input.dtype) * input.dtype.type(scale)
    return input * Tensor(mask)


def one_hot(target: Tensor, num_classes: int) -> Tensor:
    """Rows of the identity: (..., ) class indices -> (..., num_classes) float32.

    Raises:
        TypeError: target is not of integers.
        ValueError: an index is outside 0 ... num_classes - 1.
    """
    if target.dtype.kind not in "iu":
        raise TypeError(f"one_hot: target must be of integers, got {target.dtype}")
    check_range("one_hot: a class index", target, num_classes)
    with beside(target.array):
        return Tensor(array_module(target.array).eye(num_classes, dtype=float32)[target.array])


def embedding(input: Tensor, weight: Tensor) -> Tensor:
    """Rows of `weight` (count, size) by the indices `input` (...): (..., size).

    Raises:
        TypeError: input is not of integers.
        ValueError: an index is outside 0 ... count - 1; weight is not 2-D.
    """
    if input.dtype.kind not in "iu":
        raise TypeError(f"embedding: input must be of integers, got {input.dtype}")
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight must be (count, size), got shape {weight.shape}")
    check_range("embedding: an index", input, weight.shape[0])
    return weight[input]
