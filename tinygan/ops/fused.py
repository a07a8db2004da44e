"""Two or three ops in one, as `tinygan/nn/fusion.py` asks for: fewer passes over the data.

Each computes what the public functions that it is named after compute one after the other.
"""

from __future__ import annotations

import math
from copy import copy

import numpy as np

import tinygan.kernels.conv_batch_norm as ladders
from tinygan.autograd import grad, is_grad_enabled
from tinygan.kernels.conv2d.covers import few_outputs
from tinygan.kernels.ladder import Ladder
from tinygan.ops import norm
from tinygan.ops.activation import check_negative_slope
from tinygan.ops.conv import Conv2d, conv2d, conv2d_op
from tinygan.ops.matmul import linear
from tinygan.ops.norm import BatchNorm, Normalisation, batch_norm_activation
from tinygan.ops.shape import flatten, reshape
from tinygan.ops.windows import Padding, Pair
from tinygan.tensor import Tensor

__all__ = [
    "batch_norm_activation", "conv2d_activation", "convolution_batch_norm", "flatten_linear"
]  # fmt: skip


class ConvBatchNorm(Normalisation):
    """batch norm (and activation) of what a convolution computes, as one op.

    Args:
        convolution: a Conv2d or ConvTranspose2d, which says how; it becomes no node of a graph.
    """

    saves_inputs = True

    def __init__(
        self, convolution: norm.Convolution, eps: float, slope: float,
        running: norm.Running | None = None,
    ):  # fmt: skip
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
        grad_h, *grad_affine = map(Tensor, self.gradients_of_norm(grad_output))
        need = self.needs_input_grad[: len(inputs)]
        return *self.convolution.gradients(inputs, need, grad_h), *grad_affine


def conv2d_activation(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: int | Pair, padding: Padding,
    negative_slope: float, dilation: int | Pair = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """`leaky_relu` of `conv2d` of a batch; slope 0 is ReLU."""
    check_negative_slope(negative_slope)
    op, inputs = conv2d_op(
        input, weight, bias, stride, padding, dilation, groups, negative_slope=negative_slope
    )
    return op(*inputs)


def flatten_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`linear` of ``input.flatten(1)``.

    On a GPU, a layer of few outputs reads images (n, c, h, w) in the order in which they lie in
    memory, as a convolution with a kernel of their size.
    """
    outputs, terms = weight.shape
    if input.ndim == 4 and terms == math.prod(input.shape[1:]):
        taps = reshape(weight, (outputs, *input.shape[1:]))
        if not isinstance(input.array, np.ndarray) and few_outputs(input.array, taps.array):
            return reshape(conv2d(input, taps, bias), (-1, outputs))
    return linear(flatten(input, 1), weight, bias)


def convolution_batch_norm(
    convolution: norm.Convolution, inputs: tuple[Tensor, ...], running_mean: Tensor | None,
    running_var: Tensor | None, weight: Tensor | None, bias: Tensor | None, momentum: float,
    eps: float, negative_slope: float,
) -> Tensor:  # fmt: skip
    """`leaky_relu` of `batch_norm`, in training, of ``convolution(*inputs)``, an op and its inputs
    as `conv2d_op` and `conv_transpose2d_op` return them."""
    check_negative_slope(negative_slope)
    arrays = inputs[0].array, inputs[1].array
    if not convolution.is_plain or not norm.has_fused_rung(
        _kernel(convolution), *arrays, convolution.precision
    ):
        return batch_norm_activation(
            convolution(*inputs), running_mean, running_var, weight, bias, True, momentum, eps,
            negative_slope,
        )  # fmt: skip
    outputs = inputs[1].shape[0 if isinstance(convolution, Conv2d) else 1]
    shape = (inputs[0].shape[0], outputs, *convolution.output_size)
    given = dict(running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    weight, bias = norm.checked(shape, inputs[0], given)
    norm.check_count(shape)
    running = norm.running_arrays(running_mean, running_var, momentum)
    return ConvBatchNorm(convolution, eps, negative_slope, running)(*inputs, weight, bias)


def _kernel(convolution: norm.Convolution) -> Ladder:
    is_plain = isinstance(convolution, Conv2d)
    return ladders.conv2d_batch_norm if is_plain else ladders.conv_transpose2d_batch_norm
