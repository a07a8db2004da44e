"""Batch normalisation."""

from __future__ import annotations

import math

import tinygan.kernels.conv_batch_norm as ladders
from tinygan.autograd import Array, Function, is_grad_enabled
from tinygan.devices import array_module, beside
from tinygan.kernels.batch_norm import batch_norm as forward_kernel
from tinygan.kernels.batch_norm import batch_norm_backward as backward_kernel
from tinygan.kernels.copies import contiguous
from tinygan.kernels.ladder import Ladder
from tinygan.ops.activation import LeakyReLUBackward, leaky_relu
from tinygan.ops.conv import Conv2d, ConvTranspose2d
from tinygan.ops.reduction import mean, sum
from tinygan.tensor import Tensor

__all__ = ["batch_norm"]

Convolution = Conv2d | ConvTranspose2d
Running = tuple[Array, Array, float]
"""Running mean and variance, and how far they move towards those of a batch."""


class Normalisation(Function):
    """What a batch norm and a convolution with one have in common, where no graph is recorded.

    After the forward pass, ``h`` (n, c, ...) is what was normalised, with these statistics. The
    gradient may come from a convolution that has computed this op's own gradients with it: they
    are kept with the gradient that they belong to. It is another one that arrives when the output
    was used twice, and the two were added.
    """

    eps: float
    slope: float
    h: Array
    affine: tuple[Array, Array]
    mean: Array
    var: Array
    known: tuple[Tensor, tuple[Array, ...]] | None = None

    def gradient_from(self, convolution: Convolution, inputs: tuple[Tensor, ...]) -> Tensor:
        """The gradient of the output, as a convolution of `inputs` computes it."""
        kernel = _backward_kernel(convolution)
        y, weight = (x.array for x in inputs)
        fuses = has_fused_rung(kernel, y, weight, convolution.precision)
        if is_grad_enabled() or self.released or self.h.ndim != 4 or not fuses:
            return convolution(*inputs)
        grad, grad_h, *grad_affine = kernel(
            y.transpose(0, 2, 3, 1), weight, self.h.transpose(0, 2, 3, 1),
            *self.affine, self.mean, self.var, self.eps, self.slope,
            stride=convolution.stride, padding=convolution.padding,
            output_size=convolution.output_size, precision=convolution.precision,
        )  # fmt: skip
        result = Tensor(grad.transpose(0, 3, 1, 2))
        self.known = result, (grad_h.transpose(0, 3, 1, 2), *grad_affine)
        return result

    def gradients_of_norm(self, grad_output):
        """Of h, weight and bias."""
        known, self.known = self.known, None
        if known is not None and known[0] is grad_output:
            return known[1]
        grad_h, *grad_affine = backward_kernel(
            _matrix(self.h), _matrix(grad_output.array), *self.affine, self.mean, self.var,
            self.eps, self.slope,
        )  # fmt: skip
        return _image(grad_h, self.h.shape), *grad_affine


class BatchNorm(Normalisation):
    """u = weight z + bias with z = (x - mean) / sqrt(var + eps), over all dimensions but the
    second; then u where u > 0, slope u elsewhere: with slope 1 no activation, with 0 ReLU.

    The forward pass moves ``running`` towards the batch's statistics (kernels/batch_norm).
    """

    saves_inputs = True
    saves_output = True

    def __init__(self, eps: float, slope: float, running: Running | None = None):
        self.eps, self.slope, self.running = eps, slope, running

    def forward(self, x, weight, bias):
        matrix, self.affine = _matrix(x), (weight, bias)
        y, self.mean, self.var, *_ = forward_kernel(
            matrix, weight, bias, self.eps, self.slope, self.running
        )
        self.h = _image(matrix, x.shape)
        return _image(y, x.shape)

    def backward(self, grad_output):
        x, weight, _ = self.inputs
        if is_grad_enabled():
            if self.slope != 1:
                grad_output = LeakyReLUBackward(self.output.array, self.slope)(grad_output)
            return _differentiable_gradients(x, weight, grad_output, self.eps)
        return tuple(map(Tensor, self.gradients_of_norm(grad_output)))


def _differentiable_gradients(x, weight, grad, eps):
    """What the backward kernel computes, spelled out in ops, for derivatives of derivatives."""
    dims = (0, *range(2, x.ndim))
    channels = (1, -1, *(1,) * (x.ndim - 2))
    centred = x - mean(x, dims, keepdim=True)
    inverse = (mean(centred * centred, dims, keepdim=True) + eps) ** -0.5
    z = centred * inverse
    product = grad * z
    grad_x = (weight.reshape(channels) * inverse) * (
        grad - mean(grad, dims, keepdim=True) - z * mean(product, dims, keepdim=True)
    )
    return grad_x, sum(product, dims), sum(grad, dims)


def _matrix(x):
    """(n, c, ...) as a matrix with a row for each sample and position: a view when channels are
    last in memory."""
    order = (0, *range(2, x.ndim), 1)
    return contiguous(x.transpose(order)).reshape(-1, x.shape[1])


def _image(matrix, shape):
    """The inverse of `_matrix`: (n, c, ...) by name, channels last in memory."""
    n, c, *spatial = shape
    order = (0, len(shape) - 1, *range(1, len(shape) - 1))
    return matrix.reshape(n, *spatial, c).transpose(order)


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None,
    weight: Tensor | None = None, bias: Tensor | None = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalises each channel (dimension 1) of `input` (n, c) or (n, c, h, w).

        y = weight (x - mean) / sqrt(var + eps) + bias

    In training, mean and var (biased) are those of the batch, and the running statistics move
    towards them in place: running = (1 - momentum) running + momentum batch, the variance
    unbiased, as in PyTorch. Otherwise they are the running ones, and each sample is treated by
    itself. (Ioffe and Szegedy 2015, arXiv:1502.03167.)

    Args:
        running_mean, running_var: (c,), or None for none (then `training` must be True).
        weight, bias: (c,), None for 1 and 0.

    Raises:
        ValueError: a shape does not fit; no running statistics in evaluation; a single value per
            channel in training, whose variance would be zero.
    """
    return batch_norm_activation(
        input, running_mean, running_var, weight, bias, training, momentum, eps, 1.0
    )


def batch_norm_activation(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None,
    bias: Tensor | None, training: bool, momentum: float, eps: float, negative_slope: float,
) -> Tensor:  # fmt: skip
    """`leaky_relu` of `batch_norm`, in the same passes over the data; slope 1 is no activation."""
    given = dict(running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    weight, bias = checked(input.shape, input, given)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: running_mean and running_var are needed in evaluation")
        shape = (1, -1, *(1,) * (input.ndim - 2))
        scale = weight * (running_var + eps) ** -0.5
        shift = bias - running_mean * scale
        output = input * scale.reshape(shape) + shift.reshape(shape)
        return output if negative_slope == 1 else leaky_relu(output, negative_slope)
    check_count(input.shape)
    node = BatchNorm(eps, negative_slope, running_arrays(running_mean, running_var, momentum))
    return node(input, weight, bias)


def has_fused_rung(ladder: Ladder, x: Array, weight: Array, precision: str | None) -> bool:
    """Whether a rung computes both in one go: there are some of low precision, on GPUs."""
    return ladder.pick(x, weight, precision=precision).precision is not None


def _backward_kernel(convolution: Convolution) -> Ladder:
    if isinstance(convolution, Conv2d):
        return ladders.conv2d_batch_norm_backward
    return ladders.conv_transpose2d_batch_norm_backward


def checked(shape, input, given):
    """Weight and bias for an input of this shape, whose device and dtype are those of `input`."""
    if len(shape) < 2:
        raise ValueError(f"batch_norm: input needs (n, c, ...) dimensions, got shape {shape}")
    channels = shape[1]
    for name, x in given.items():
        if x is not None and x.shape != (channels,):
            raise ValueError(
                f"batch_norm: {name} has shape {x.shape}, expected ({channels},) for input of "
                f"shape {shape}"
            )
        if x is not None and x.device != input.device:
            raise ValueError(f"batch_norm: {name} is on {x.device}, input on {input.device}")
    xp, weight, bias = array_module(input.array), given["weight"], given["bias"]
    with beside(input.array):
        weight = Tensor(xp.ones(channels, input.dtype)) if weight is None else weight
        bias = Tensor(xp.zeros(channels, input.dtype)) if bias is None else bias
    return weight, bias


def check_count(shape):
    count = math.prod(shape) // max(1, shape[1])
    if count <= 1:
        raise ValueError(
            f"batch_norm: input of shape {shape} has {count} value(s) per channel; training "
            "needs 2 or more"
        )


def running_arrays(mean: Tensor | None, var: Tensor | None, momentum: float) -> Running | None:
    """The arrays of running statistics, which are about to be changed."""
    if mean is None or var is None:
        return None
    mean.version += 1
    var.version += 1
    return mean.array, var.array, momentum
