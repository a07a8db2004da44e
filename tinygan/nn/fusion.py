"""Which neighbouring layers are computed as one op: one table, read by `Sequential`.

One op instead of two passes over the data once less: a convolution applies the activation while it
stores its result; a batch norm likewise; on a GPU a convolution also sums up what the batch norm
after it needs, and a Linear layer of few outputs reads images as they lie in memory.

Only layers of exactly these types are fused. A subclass, a layer whose ``forward`` was replaced, or
one with a hook is called as it is: it may do anything.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator

from tinygan.nn.activations import LeakyReLU, ReLU
from tinygan.nn.convolution import Conv2d, ConvTranspose2d
from tinygan.nn.layers import (
    Flatten,
    Linear,
)
from tinygan.nn.module import Module
from tinygan.nn.norms import BatchNorm1d, BatchNorm2d
from tinygan.nn.stabilisers import SpectralNorm
from tinygan.ops import fused
from tinygan.ops.conv import conv2d_op, conv_transpose2d_op
from tinygan.tensor import Tensor

Call = Callable[[Tensor], Tensor]


def _slope(activation: ReLU | LeakyReLU | None) -> float:
    """The factor of values below 0; 1 is no activation."""
    if activation is None:
        return 1.0
    return 0.0 if isinstance(activation, ReLU) else activation.negative_slope


def _conv_activation(x, conv, activation):
    if x.ndim == 3:
        return activation(conv(x))
    return fused.conv2d_activation(
        x, conv.weight, conv.bias, conv.stride, conv.padding, _slope(activation), conv.dilation,
        conv.groups,
    )  # fmt: skip


def _spectral_norm_activation(x, wrapped, activation):
    if not is_exactly(wrapped.layer, Conv2d) or x.ndim == 3:
        return activation(wrapped(x))
    return _conv_activation(x, wrapped.normalised(), activation)


def _batch_norm_activation(x, norm, activation):
    norm.check(x)
    output = fused.batch_norm_activation(
        x, norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.uses_input,
        norm.average_factor(), norm.eps, negative_slope=_slope(activation),
    )  # fmt: skip
    norm.count()
    return output


def _conv_batch_norm(x, conv, norm, activation=None):
    if not norm.uses_input or x.ndim == 3:
        return _batch_norm_activation(conv(x), norm, activation)
    op = conv2d_op(
        x, conv.weight, conv.bias, conv.stride, conv.padding, conv.dilation, conv.groups
    )
    return _normalised(*op, norm, activation)


def _conv_transpose_batch_norm(x, conv, norm, activation=None):
    if not norm.uses_input or x.ndim == 3:
        return _batch_norm_activation(conv(x), norm, activation)
    op = conv_transpose2d_op(
        x, conv.weight, conv.bias, conv.stride, conv.padding, conv.output_padding,
        conv.output_size, conv.groups, conv.dilation,
    )  # fmt: skip
    return _normalised(*op, norm, activation)


def _normalised(op, inputs, norm, activation):
    output = fused.convolution_batch_norm(
        op, inputs, norm.running_mean, norm.running_var, norm.weight, norm.bias,
        norm.average_factor(), norm.eps, _slope(activation),
    )  # fmt: skip
    norm.count()
    return output


def _flatten_linear(x, flatten, linear):
    if (flatten.start_dim, flatten.end_dim) != (1, -1):
        return linear(flatten(x))
    return fused.flatten_linear(x, linear.weight, linear.bias)


_ACTIVATION = (ReLU, LeakyReLU)
# (types of neighbours, what computes all of them); the first that fits is taken.
TABLE: list[tuple[tuple, Callable[..., Tensor]]] = [
    ((Conv2d, BatchNorm2d, _ACTIVATION), _conv_batch_norm),
    ((Conv2d, BatchNorm2d), _conv_batch_norm),
    ((Conv2d, _ACTIVATION), _conv_activation),
    ((ConvTranspose2d, BatchNorm2d, _ACTIVATION), _conv_transpose_batch_norm),
    ((ConvTranspose2d, BatchNorm2d), _conv_transpose_batch_norm),
    ((SpectralNorm, _ACTIVATION), _spectral_norm_activation),
    (((BatchNorm1d, BatchNorm2d), _ACTIVATION), _batch_norm_activation),
    ((Flatten, Linear), _flatten_linear),
]


_FORWARDS: dict[type[Module], Callable] = {
    layer: layer.forward
    for layer in (BatchNorm1d, BatchNorm2d, Conv2d, ConvTranspose2d, Flatten, LeakyReLU, Linear,
                  ReLU, SpectralNorm)
}  # fmt: skip


def is_exactly(layer: Module, types: type | tuple[type, ...]) -> bool:
    """Whether the layer is of one of these types itself, with the forward that is known here."""
    kind, types = type(layer), types if isinstance(types, tuple) else (types,)
    hooked = layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks
    if kind not in types or hooked or getattr(layer, "padding_mode", "zeros") != "zeros":
        return False
    return kind.forward is _FORWARDS[kind] and "forward" not in vars(layer)


def calls(layers: Iterable[Module]) -> Iterator[Call]:
    """What to call, one after the other: a layer, or one function in place of several."""
    rest = list(layers)
    while rest:
        count, call = _next(rest)
        yield call
        del rest[:count]


def _next(layers: list[Module]) -> tuple[int, Call]:
    """How many of the first layers are computed together, and by what."""
    for types, together in TABLE:
        some = layers[: len(types)]
        if len(some) == len(types) and all(map(is_exactly, some, types)):
            return len(some), functools.partial(_apply, together, some)
    return 1, layers[0]


def _apply(together: Callable[..., Tensor], layers: list[Module], x: Tensor) -> Tensor:
    return together(x, *layers)
