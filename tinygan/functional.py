"""The functions that layers are made of: ``import tinygan.functional as F``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygan.absent import missing as _missing
from tinygan.creation import rand
from tinygan.devices import array_module, beside, generator
from tinygan.inplace import with_inplace
from tinygan.ops import (
    activation,
    adversarial,
    conv,
    distance,
    loss,
    more_pooling,
    norm,
    padding,
    pooling,
    resize,
    sample_norm,
    smooth_units,
)
from tinygan.ops.activation import *
from tinygan.ops.adversarial import *
from tinygan.ops.conv import *
from tinygan.ops.distance import *
from tinygan.ops.loss import *
from tinygan.ops.math import where
from tinygan.ops.matmul import linear
from tinygan.ops.more_pooling import *
from tinygan.ops.norm import *
from tinygan.ops.padding import *
from tinygan.ops.pooling import *
from tinygan.ops.resize import *
from tinygan.ops.sample_norm import *
from tinygan.ops.shape import check_range
from tinygan.ops.smooth_units import *
from tinygan.tensor import Tensor, float32, int64

# What a file of ops lists in its own __all__ is public here.
__all__ = [
    "alpha_dropout", "dropout", "dropout2d", "embedding", "gumbel_softmax", "linear", "one_hot",
]  # fmt: skip
__all__ += [*activation.__all__, *conv.__all__, *loss.__all__, *norm.__all__]
__all__ += [*distance.__all__, *adversarial.__all__, *sample_norm.__all__]
__all__ += [*pooling.__all__, *more_pooling.__all__, *padding.__all__]
__all__ += [*resize.__all__, *smooth_units.__all__]


# Here, because what changes in place lies above the ops.
relu, leaky_relu, relu6 = with_inplace(relu), with_inplace(leaky_relu), with_inplace(relu6)
elu, celu, selu = with_inplace(elu), with_inplace(celu), with_inplace(selu)
silu, mish, threshold = with_inplace(silu), with_inplace(mish), with_inplace(threshold)
hardtanh, hardsigmoid = with_inplace(hardtanh), with_inplace(hardsigmoid)
hardswish = with_inplace(hardswish)


def _mask(input: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
    """0 with probability p, else 1: of input's dtype and device."""
    drawn = rand(*shape, generator=generator, dtype=float32, device=input.device)
    with beside(drawn.array):
        return Tensor((drawn.array >= p).astype(input.dtype))


def _drops(name: str, input: Tensor, p: float, training: bool) -> bool:
    """Whether anything is to be dropped."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must be in [0, 1], got {p}")
    return training and p > 0


@with_inplace
def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """In training, each element is zero with probability p and else divided by 1 - p.

    (Srivastava 2014, JMLR 15.) With `inplace` the input takes the values of the result.

    Raises:
        ValueError: p is not in [0, 1].
    """
    if not _drops("dropout", input, p, training):
        return input
    mask = _mask(input, p, input.shape)
    with beside(mask.array):
        mask.array *= input.dtype.type(0.0 if p == 1 else 1 / (1 - p))
    return input * mask


@with_inplace
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """In training, each channel of each image (n, c, ...) is zero with probability p and else
    divided by 1 - p. (Tompson 2015, arXiv:1411.4280.)

    Raises:
        ValueError: p is not in [0, 1], or the input has less than 3 dimensions.
    """
    if input.ndim < 3:
        raise ValueError(f"dropout2d: input needs (n, c, ...) dimensions, got {input.shape}")
    if not _drops("dropout2d", input, p, training):
        return input
    mask = _mask(input, p, (*input.shape[:2], *(1,) * (input.ndim - 2)))
    return input * (mask * (0.0 if p == 1 else 1 / (1 - p)))


@with_inplace
def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """In training, each element is the smallest value of `selu` with probability p; then all are
    scaled and moved so that mean 0 and variance 1 stay. (Klambauer 2017, arXiv:1706.02515.)

    Raises:
        ValueError: p is not in [0, 1].
    """
    if not _drops("alpha_dropout", input, p, training):
        return input
    if p == 1:
        return input * 0.0
    low = -1.7580993408473766  # -1.0507 times 1.6733
    scale = ((1 - p) * (1 + p * low**2)) ** -0.5
    mask = _mask(input, p, input.shape)
    return (input * mask + (1.0 - mask) * low) * scale - p * low * scale


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((logits + noise) / tau) along `dim`, the noise of Gumbel's distribution: a sample of
    a category that can be differentiated by its logits. (Jang 2016, arXiv:1611.01144.)

    Args:
        hard: the result is one-hot, the gradient that of the soft sample.
        eps: changes nothing, as in PyTorch.
    """
    drawn = rand(*logits.shape, generator=generator, dtype=logits.dtype, device=logits.device)
    tiny = float(np.finfo(logits.dtype).tiny)
    exponential = -((1.0 - drawn).clip(tiny, None).log())  # of rate 1: -ln of a uniform number
    noise = -(exponential.clip(tiny, None).log())
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    chosen = soft.argmax(dim, keepdim=True)
    with beside(soft.array):
        places = array_module(soft.array).arange(soft.shape[dim])
    shape = [-1 if i == dim % soft.ndim else 1 for i in range(soft.ndim)]
    one = (Tensor(places).reshape(shape) == chosen).to(soft.dtype)
    return one - soft.detach() + soft


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """Rows of the identity: (..., ) class indices -> (..., num_classes) int64.

    (As torch.nn.functional.one_hot; a net takes ``one_hot(labels, 10).float()``.)

    Args:
        num_classes: -1 for the largest index plus 1.

    Raises:
        TypeError: input is not of integers.
        ValueError: an index is outside 0 ... num_classes - 1; there is none to count classes from.
    """
    if input.dtype.kind not in "iu":
        raise TypeError(f"one_hot: input must be of integers, got {input.dtype}")
    if num_classes == -1:
        if not input.numel():
            raise ValueError("one_hot: num_classes must be given where there are no indices")
        num_classes = int(input.max().item()) + 1
    check_range("one_hot: a class index", input, num_classes)
    with beside(input.array):
        return Tensor(array_module(input.array).eye(num_classes, dtype=int64)[input.array])


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """Rows of `weight` (count, size) by the indices `input` (...): (..., size).

    Args:
        padding_idx: the row of this index gets no gradient.

    Raises:
        TypeError: input is not of integers.
        ValueError: an index is outside 0 ... count - 1; weight is not 2-D; max_norm,
            scale_grad_by_freq or sparse, which are not supported.
    """
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise ValueError(
            "embedding: max_norm, scale_grad_by_freq and sparse are not supported; gradients are "
            "dense, and rows may be scaled between steps"
        )
    if input.dtype.kind not in "iu":
        raise TypeError(f"embedding: input must be of integers, got {input.dtype}")
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight must be (count, size), got shape {weight.shape}")
    check_range("embedding: an index", input, weight.shape[0])
    rows = weight[input]
    if padding_idx is None:
        return rows
    if not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise ValueError(f"embedding: padding_idx {padding_idx} is no row of {weight.shape[0]}")
    is_padding = (input == padding_idx % weight.shape[0]).reshape((*input.shape, 1))
    return where(is_padding, rows.detach(), rows)


if not TYPE_CHECKING:  # which would take any name for one that exists

    def __getattr__(name: str) -> Any:
        raise AttributeError(_missing("tinygan.nn.functional", name))
