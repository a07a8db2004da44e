"""Batch normalisation."""

from __future__ import annotations

import math
from copy import copy

from tinygan.autograd import Array, Function, grad, is_grad_enabled
from tinygan.device import array_module
from tinygan.kernels.batch_norm import batch_norm as forward_kernel
from tinygan.kernels.batch_norm import batch_norm_backward as backward_kernel
from tinygan.kernels.conv_batch_norm import (
    conv2d_batch_norm,
    conv2d_batch_norm_backward,
    conv_transpose2d_batch_norm,
    conv_transpose2d_batch_norm_backward,
    is_one,
)
from tinygan.kernels.layout import contiguous
from tinygan.ops.activation import LeakyReLUBackward, leaky_relu
from tinygan.ops.conv import Conv2d, ConvTranspose2d
from tinygan.ops.reduction import mean, sum
from tinygan.tensor import Tensor

Convolution = Conv2d | ConvTranspose2d
Running = tuple[Array, Array, float]
"""Running mean and variance, and how far they move towards those of a batch."""


class _Normalisation(Function):
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

    def gradient_by(self, convolution: Convolution, inputs: tuple[Tensor, ...]) -> Tensor:
        """The gradient of the output, as a convolution of `inputs` computes it."""
        kernel = _backward_kernel(convolution)
        y, weight = (x.data for x in inputs)
        one = is_one(kernel, y, weight, convolution.precision)
        if is_grad_enabled() or self.released or self.h.ndim != 4 or not one:
            return convolution(*inputs)
        grad, grad_h, *of_affine = kernel(
            y.transpose(0, 2, 3, 1), weight, self.h.transpose(0, 2, 3, 1),
            *self.affine, self.mean, self.var, self.eps, self.slope,
            stride=convolution.stride, padding=convolution.padding,
            output_size=convolution.output_size, precision=convolution.precision,
        )  # fmt: skip
        result = Tensor(grad.transpose(0, 3, 1, 2))
        self.known = result, (grad_h.transpose(0, 3, 1, 2), *of_affine)
        return result

    def gradients_of_norm(self, grad_output):
        """Of h, weight and bias."""
        known, self.known = self.known, None
        if known is not None and known[0] is grad_output:
            return known[1]
        grad_h, *of_affine = backward_kernel(
            _matrix(self.h), _matrix(grad_output.data), *self.affine, self.mean, self.var,
            self.eps, self.slope,
        )  # fmt: skip
        return _image(grad_h, self.h.shape), *of_affine


class BatchNorm(_Normalisation):
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
                grad_output = LeakyReLUBackward(self.output.data, self.slope)(grad_output)
            return _differentiable_gradients(x, weight, grad_output, self.eps)
        return tuple(map(Tensor, self.gradients_of_norm(grad_output)))


class ConvBatchNorm(_Normalisation):
    """batch norm (and activation) of what a convolution computes, as one op.

    Args:
        convolution: a Conv2d or ConvTranspose2d, which says how; it becomes no node of a graph.
    """

    saves_inputs = True

    def __init__(
        self, convolution: Convolution, eps: float, slope: float, running: Running | None = None
    ):
        self.convolution, self.eps, self.slope, self.running = convolution, eps, slope, running

    def forward(self, x, weight, *rest):
        *bias, gamma, beta = rest
        how = self.convolution
        h, y, self.mean, self.var, *_ = _kernel(how)(
            x.transpose(0, 2, 3, 1), weight, bias[0] if bias else None, gamma, beta, self.eps,
            self.slope, self.running, stride=how.stride, padding=how.padding,
            output_size=how.output_size, precision=how.precision,
        )  # fmt: skip
        self.h, self.affine = h.transpose(0, 3, 1, 2), (gamma, beta)
        return y.transpose(0, 3, 1, 2)

    def backward(self, grad_output):
        *inputs, gamma, beta = self.inputs
        if is_grad_enabled():  # by the two ops, from the start
            h = copy(self.convolution)(*inputs)
            y = BatchNorm(self.eps, self.slope)(h, gamma, beta)
            wanted = [x for x, need in zip(self.inputs, self.needs_input_grad, strict=True) if need]
            found = iter(grad([y], wanted, [grad_output], create_graph=True))
            return tuple(next(found) if need else None for need in self.needs_input_grad)
        grad_h, *of_affine = map(Tensor, self.gradients_of_norm(grad_output))
        need = self.needs_input_grad[: len(inputs)]
        return *self.convolution.gradients(inputs, need, grad_h), *of_affine


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
    given = dict(running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    weight, bias = _checked(input.shape, input, given, activation_slope)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: running_mean and running_var are needed in evaluation")
        shape = (1, -1, *(1,) * (input.ndim - 2))
        scale = weight * (running_var + eps) ** -0.5
        shift = bias - running_mean * scale
        output = input * scale.reshape(shape) + shift.reshape(shape)
        return output if activation_slope == 1 else leaky_relu(output, activation_slope)
    _check_count(input.shape)
    node = BatchNorm(eps, activation_slope, _running(running_mean, running_var, momentum))
    return node(input, weight, bias)


def batch_norm_of(
    convolution: Convolution,
    inputs: tuple[Tensor, ...],
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
    activation_slope: float = 1.0,
) -> Tensor:
    """`batch_norm`, in training, of what a convolution computes, as one op where there is a kernel
    for that: for `then` of `conv2d` and `conv_transpose2d`, which give the first two arguments."""
    arrays = inputs[0].data, inputs[1].data
    if not is_one(_kernel(convolution), *arrays, convolution.precision):
        return batch_norm(
            convolution(*inputs), running_mean, running_var, weight, bias, True, momentum, eps,
            activation_slope,
        )  # fmt: skip
    outputs = inputs[1].shape[0 if isinstance(convolution, Conv2d) else 1]
    shape = (inputs[0].shape[0], outputs, *convolution.output_size)
    given = dict(running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    weight, bias = _checked(shape, inputs[0], given, activation_slope)
    _check_count(shape)
    running = _running(running_mean, running_var, momentum)
    return ConvBatchNorm(convolution, eps, activation_slope, running)(*inputs, weight, bias)


def _kernel(convolution: Convolution):
    is_plain = isinstance(convolution, Conv2d)
    return conv2d_batch_norm if is_plain else conv_transpose2d_batch_norm


def _backward_kernel(convolution: Convolution):
    is_plain = isinstance(convolution, Conv2d)
    return conv2d_batch_norm_backward if is_plain else conv_transpose2d_batch_norm_backward


def _checked(shape, input, given, slope):
    """Weight and bias for an input of this shape, whose device and dtype are those of `input`."""
    if slope < 0:
        raise ValueError(f"batch_norm: activation_slope must be >= 0, got {slope}")
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
    xp, weight, bias = array_module(input.data), given["weight"], given["bias"]
    weight = Tensor(xp.ones(channels, input.dtype)) if weight is None else weight
    bias = Tensor(xp.zeros(channels, input.dtype)) if bias is None else bias
    return weight, bias


def _check_count(shape):
    count = math.prod(shape) // max(1, shape[1])
    if count <= 1:
        raise ValueError(
            f"batch_norm: input of shape {shape} has {count} value(s) per channel; training "
            "needs 2 or more"
        )


def _running(mean: Tensor | None, var: Tensor | None, momentum: float) -> Running | None:
    """The arrays of running statistics, which are about to be changed."""
    if mean is None or var is None:
        return None
    mean.version += 1
    var.version += 1
    return mean.data, var.data, momentum
