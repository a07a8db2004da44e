"""The functions that layers are made of: ``import tinygan.functional as F``."""

from __future__ import annotations

from tinygan.creation import rand
from tinygan.device import array_module, generator
from tinygan.ops.activation import (
    leaky_relu,
    log_softmax,
    maxout,
    relu,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from tinygan.ops.conv import conv2d, conv_transpose2d, max_pool2d
from tinygan.ops.loss import (
    GAN_LOSSES,
    GANLoss,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gan_loss,
    mse_loss,
)
from tinygan.ops.norm import batch_norm, batch_norm_of
from tinygan.ops.shape import check_range
from tinygan.tensor import Tensor, float32

__all__ = [
    "GAN_LOSSES",
    "GANLoss",
    "batch_norm",
    "batch_norm_of",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "embedding",
    "gan_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool2d",
    "maxout",
    "mse_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias: (..., in) , (out, in) , (out,) -> (..., out).

    Raises:
        ValueError: the shapes do not fit.
    """
    if weight.ndim != 2 or input.ndim < 1 or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: input of shape {input.shape} does not fit weight of shape {weight.shape}; "
            "expected (..., in) and (out, in)"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: bias has shape {bias.shape}, expected ({weight.shape[0]},)")
    rows = input if input.ndim <= 2 else input.reshape(-1, input.shape[-1])
    output = rows @ weight.T
    if input.ndim > 2:
        output = output.reshape(*input.shape[:-1], weight.shape[0])
    return output if bias is None else output + bias


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
    keep = rand(*input.shape, generator=generator, dtype=float32, device=input.device).data >= p
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return input * Tensor(keep.astype(input.dtype) * input.dtype.type(scale))


def one_hot(target: Tensor, num_classes: int) -> Tensor:
    """Rows of the identity: (..., ) class indices -> (..., num_classes) float32.

    Raises:
        TypeError: target is not of integers.
        ValueError: an index is outside 0 ... num_classes - 1.
    """
    if target.dtype.kind not in "iu":
        raise TypeError(f"one_hot: target must be of integers, got {target.dtype}")
    check_range("one_hot: a class index", target, num_classes)
    return Tensor(array_module(target.data).eye(num_classes, dtype=float32)[target.data])


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
