"""Norms that treat each sample by itself: instance, layer and group normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinygan.autograd import Array, Function, is_grad_enabled, no_grad
from tinygan.devices import array_module, beside
from tinygan.kernels.layout import along
from tinygan.ops.math import clip, floating
from tinygan.ops.norm import batch_norm
from tinygan.ops.reduction import mean, sum, var
from tinygan.ops.shape import check_dim, reshape
from tinygan.tensor import Tensor

__all__ = ["group_norm", "instance_norm", "layer_norm", "normalize"]


def _average(x: Array, dims: tuple[int, ...]) -> Array:
    """The mean over neighbouring dimensions, kept with size 1; summed in float64."""
    first, last = min(dims), max(dims) + 1
    kept = tuple(1 if i in dims else size for i, size in enumerate(x.shape))
    count, behind = math.prod(x.shape[first:last]), math.prod(x.shape[last:])
    if count % ROWS or behind == 1 or last - first != len(dims) or not x.flags.c_contiguous:
        return x.mean(axis=dims, dtype=np.float64, keepdims=True)
    wide = x.reshape(-1, count // ROWS, ROWS * behind).sum(1, dtype=np.float64)
    return (wide.reshape(-1, ROWS, behind).sum(1) / count).reshape(kept)


def _centred(arrays: Sequence[Array], dims: tuple[int, ...]) -> Array:
    (x,) = arrays
    return x - _average(x, dims).astype(x.dtype)


def _average_square(arrays: Sequence[Array], dims: tuple[int, ...]) -> Array:
    (x,) = arrays
    return _average(x * x, dims)


ROWS = 8  # summed side by side: NumPy is slow in adding short rows, as of sixteen channels


class Standardise(Function):
    """z = (x - mean) / sqrt(var + eps), over dims;  (g - mean g - z mean(g z)) / sqrt(var + eps)"""

    saves_inputs = True
    saves_output = True
    inverse: Array

    def __init__(self, dims: tuple[int, ...], eps: float):
        self.dims, self.eps = dims, eps

    def forward(self, x):
        z = along(_centred, [x], self.dims)
        variance = along(_average_square, [z], self.dims)
        self.inverse = (1 / array_module(x).sqrt(variance + self.eps)).astype(x.dtype)
        z *= self.inverse
        return z

    def _gradient(self, arrays, dims):
        z, grad, inverse = arrays
        change = z * -_average(grad * z, dims).astype(z.dtype)  # lies in memory as z does
        change += grad
        change -= _average(grad, dims).astype(z.dtype)
        change *= inverse
        return change

    def backward(self, grad_output):
        if not is_grad_enabled():
            arrays = [self.output.array, grad_output.array, self.inverse]
            return (Tensor(along(self._gradient, arrays, self.dims)),)
        (x,) = self.inputs
        centred = x - mean(x, self.dims, keepdim=True)
        inverse = (mean(centred * centred, self.dims, keepdim=True) + self.eps) ** -0.5
        z = centred * inverse
        product = mean(grad_output * z, self.dims, keepdim=True)
        return (inverse * (grad_output - mean(grad_output, self.dims, keepdim=True) - z * product),)


def _by_channel(name: str, z: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """weight z + bias, with a number for each channel (dimension 1)."""
    channels = z.shape[1]
    for what, x in (("weight", weight), ("bias", bias)):
        if x is not None and x.shape != (channels,):
            raise ValueError(f"{name}: {what} has shape {x.shape}, expected ({channels},)")
    shape = (1, channels, *(1,) * (z.ndim - 2))
    z = z if weight is None else z * reshape(weight, shape)
    return z if bias is None else z + reshape(bias, shape)


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalises each channel of each sample of `input` (n, c, ...) by itself.

        y = weight (x - mean) / sqrt(var + eps) + bias,    mean and var over the dimensions after c

    (Ulyanov 2016, arXiv:1607.08022.) Running statistics, if given, move in place towards the
    average over the samples; with use_input_stats=False they take the place of mean and var.

    Raises:
        ValueError: a shape does not fit; there is a single value per channel; running statistics
            are needed and missing.
    """
    if input.ndim < 3:
        raise ValueError(f"instance_norm: input needs (n, c, ...) dimensions, got {input.shape}")
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ValueError(
                "instance_norm: running_mean and running_var are needed with use_input_stats=False"
            )
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    count = math.prod(input.shape[2:])
    if count <= 1:
        raise ValueError(
            f"instance_norm: input of shape {input.shape} has {count} value(s) per channel; 2 or "
            "more are needed"
        )
    dims = tuple(range(2, input.ndim))
    output = _by_channel("instance_norm", Standardise(dims, eps)(input), weight, bias)
    if running_mean is not None and running_var is not None:
        with no_grad():
            _follow(running_mean, mean(mean(input, dims), 0), momentum)
            _follow(running_var, mean(var(input, dims), 0), momentum)
    return output


def _follow(running: Tensor, value: Tensor, momentum: float) -> None:
    with beside(running.array):
        running.array[...] = (1 - momentum) * running.array + momentum * value.array
    running.version += 1


def layer_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None,
    bias: Tensor | None = None, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalises the last dimensions of `input`, of sizes `normalized_shape`, together.

        y = weight (x - mean) / sqrt(var + eps) + bias,    weight and bias of normalized_shape

    (Ba 2016, arXiv:1607.06450.)

    Raises:
        ValueError: the shapes do not fit.
    """
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not sizes or input.shape[-len(sizes) :] != sizes:
        raise ValueError(
            f"layer_norm: input of shape {input.shape} does not end in normalized_shape {sizes}"
        )
    for what, x in (("weight", weight), ("bias", bias)):
        if x is not None and x.shape != sizes:
            raise ValueError(f"layer_norm: {what} has shape {x.shape}, expected {sizes}")
    z = Standardise(tuple(range(input.ndim - len(sizes), input.ndim)), eps)(input)
    z = z if weight is None else z * weight
    return z if bias is None else z + bias


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalises each of `num_groups` groups of neighbouring channels of each sample (n, c, ...).

        y = weight (x - mean) / sqrt(var + eps) + bias,    weight and bias (c,)

    (Wu and He 2018, arXiv:1803.08494.)

    Raises:
        ValueError: the channels are no multiple of the groups, or a shape does not fit.
    """
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: input of shape {input.shape} does not have a multiple of num_groups "
            f"{num_groups} channels"
        )
    n, c, *others = input.shape
    groups = reshape(input, (n, num_groups, c // num_groups, *others))
    z = Standardise(tuple(range(2, groups.ndim)), eps)(groups)
    return _by_channel("group_norm", reshape(z, input.shape), weight, bias)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """input / max(||input||_p, eps) along `dim`, any shape: vectors of length 1.

    Raises:
        ValueError: there is no such `dim`, or p is not 1 or 2.
    """
    check_dim("normalize", dim, input.ndim)
    input = floating(input)
    if p == 2:
        norm = sum(input * input, dim, keepdim=True) ** 0.5
    elif p == 1:
        norm = sum(abs(input), dim, keepdim=True)
    else:
        raise ValueError(f"normalize: p must be 1 or 2, got {p!r}; divide by your own norm")
    return input / clip(norm, eps, None)
