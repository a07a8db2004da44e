"""Batch normalisation."""

from __future__ import annotations

import math

from tinygan.autograd import Array, Function, is_grad_enabled
from tinygan.device import array_module
from tinygan.kernels.batch_norm import batch_norm as forward_kernel
from tinygan.kernels.batch_norm import batch_norm_backward as backward_kernel
from tinygan.kernels.layout import contiguous
from tinygan.ops.activation import LeakyReLUBackward, leaky_relu
from tinygan.ops.reduction import mean, sum
from tinygan.tensor import Tensor

Running = tuple[Array, Array, float]
"""Running mean and variance, and how far they move towards those of a batch."""


class BatchNorm(Function):
    """u = weight z + bias with z = (x - mean) / sqrt(var + eps), over all dimensions but the
    second; then u where u > 0, slope u elsewhere: with slope 1 no activation, with 0 ReLU.

    The forward pass moves ``running`` towards the batch's statistics (kernels/batch_norm).
    """

    saves_inputs = True
    saves_output = True

    def __init__(self, eps: float, slope: float, running: Running | None = None):
        self.eps, self.slope, self.running = eps, slope, running

    def forward(self, x, weight, bias):
        y, self.mean, self.var, *_ = forward_kernel(
            _matrix(x), weight, bias, self.eps, self.slope, self.running
        )
        return _image(y, x.shape)

    def backward(self, grad_output):
        x, weight, bias = self.inputs
        if is_grad_enabled():
            if self.slope != 1:
                grad_output = LeakyReLUBackward(self.output.data, self.slope)(grad_output)
            return _differentiable_gradients(x, weight, grad_output, self.eps)
        grad_x, grad_weight, grad_bias = backward_kernel(
            _matrix(x.data), _matrix(grad_output.data), weight.data, bias.data,
            self.mean, self.var, self.eps, self.slope,
        )  # fmt: skip
        return Tensor(_image(grad_x, x.shape)), Tensor(grad_weight), Tensor(grad_bias)


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
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    activation_slope: float = 1.0,
) -> Tensor:
    """Normalises each channel (dimension 1) of `input` (n, c) or (n, c, h, w).

        u = weight (x - mean) / sqrt(var + eps) + bias
        y = u where u > 0, activation_slope u elsewhere

    In training, mean and var (biased) are those of the batch, and the running statistics move
    towards them in place: running = (1 - momentum) running + momentum batch, the variance
    unbiased, as in PyTorch. Otherwise they are the running ones, and each sample is treated by
    itself. (Ioffe and Szegedy 2015, arXiv:1502.03167.)

    Args:
        running_mean, running_var: (c,), or None for none (then `training` must be True).
        weight, bias: (c,), None for 1 and 0.
        activation_slope: 1 for no activation, 0 for ReLU, 0.2 for a LeakyReLU: in the same passes
            over the data as the normalisation. `tinygan.nn.Sequential` makes use of it.

    Raises:
        ValueError: a shape does not fit; activation_slope is negative; no running statistics in
            evaluation; a single value per channel in training, whose variance would be zero.
    """
    if activation_slope < 0:
        raise ValueError(f"batch_norm: activation_slope must be >= 0, got {activation_slope}")
    if input.ndim < 2:
        raise ValueError(f"batch_norm: input needs (n, c, ...) dimensions, got shape {input.shape}")
    channels = input.shape[1]
    named = dict(running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    for name, x in named.items():
        if x is not None and x.shape != (channels,):
            raise ValueError(
                f"batch_norm: {name} has shape {x.shape}, expected ({channels},) for input of "
                f"shape {input.shape}"
            )
        if x is not None and x.device != input.device:
            raise ValueError(f"batch_norm: {name} is on {x.device}, input on {input.device}")
    xp = array_module(input.data)
    weight = Tensor(xp.ones(channels, input.dtype)) if weight is None else weight
    bias = Tensor(xp.zeros(channels, input.dtype)) if bias is None else bias
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: running_mean and running_var are needed in evaluation")
        shape = (1, channels, *(1,) * (input.ndim - 2))
        scale = weight * (running_var + eps) ** -0.5
        shift = bias - running_mean * scale
        output = input * scale.reshape(shape) + shift.reshape(shape)
        return output if activation_slope == 1 else leaky_relu(output, activation_slope)
    count = math.prod(input.shape) // max(1, channels)
    if count <= 1:
        raise ValueError(
            f"batch_norm: input of shape {input.shape} has {count} value(s) per channel; training "
            "needs 2 or more"
        )
    if running_mean is None or running_var is None:
        return BatchNorm(eps, activation_slope)(input, weight, bias)
    output = BatchNorm(eps, activation_slope, (running_mean.data, running_var.data, momentum))(
        input, weight, bias
    )
    running_mean.version += 1
    running_var.version += 1
    return output
