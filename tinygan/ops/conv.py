"""Convolution, transposed convolution, and the gradient by their weight.

The three are each other's derivatives; see ``kernels/conv2d/__init__.py`` for the sums. Tensors
are NCHW by name; the kernels take and return NHWC views of the same memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygan.kernels.conv2d as plain
import tinygan.kernels.grouped_conv2d as grouped
from tinygan.autograd import Function
from tinygan.kernels.ladder import Ladder
from tinygan.kernels.layout import memory_order
from tinygan.ops.activation import LeakyReLUBackward
from tinygan.ops.reduction import sum
from tinygan.ops.shape import squeeze, unsqueeze
from tinygan.ops.windows import Padding, Pair, check_image, extent, four_sides, pair, single
from tinygan.precision import product_precision
from tinygan.tensor import Tensor

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]


class Convolution(Function):
    """What the three have in common: which elements of the images meet which tap."""

    saves_inputs = True

    def __init__(
        self, stride: Pair, padding: Pair, precision: str | None, dilation: Pair, groups: int
    ):
        self.stride, self.padding, self.precision = stride, padding, precision
        self.dilation, self.groups = dilation, groups

    @property
    def is_plain(self) -> bool:
        """Whether the kernels of `kernels/conv2d` compute it."""
        return self.groups == 1 and self.dilation == (1, 1)

    @property
    def same(self) -> tuple[Pair, Pair, str | None, Pair, int]:
        """The arguments that its gradients share."""
        return self.stride, self.padding, self.precision, self.dilation, self.groups

    def run(self, of_plain: Ladder, of_groups: Ladder, *arrays, **options):
        how: dict[str, Any] = dict(stride=self.stride, padding=self.padding)
        how["precision"] = self.precision
        if self.is_plain:
            return of_plain(*arrays, **how, **options)
        return of_groups(*arrays, **how, dilation=self.dilation, groups=self.groups, **options)


class Conv2d(Convolution):
    """y = conv2d(x, weight) + bias, then slope y where y <= 0;
    conv_transpose2d(g, weight), weight_grad(x, g), sum(g) with slope g for g where y <= 0"""

    def __init__(
        self, stride: Pair, padding: Pair, precision: str | None, dilation: Pair, groups: int,
        output_size: Pair, slope: float = 1.0,
    ):  # fmt: skip
        super().__init__(stride, padding, precision, dilation, groups)
        self.output_size, self.slope = output_size, slope
        self.saves_output = slope != 1

    def forward(self, x, weight, bias=None):
        y = self.run(
            plain.conv2d, grouped.grouped_conv2d, x.transpose(0, 2, 3, 1), weight, bias,
            output_size=self.output_size, slope=self.slope,
        )  # fmt: skip
        return y.transpose(0, 3, 1, 2)

    def backward(self, grad_output):
        if self.slope != 1:
            grad_output = LeakyReLUBackward(self._output, self.slope)(grad_output)
        return self.gradients(self.inputs, self.needs_input_grad, grad_output)

    def gradients(self, inputs, need, grad_output):
        x, weight, *_ = inputs
        by_x = ConvTranspose2d(*self.same, x.shape[2:])
        grad_x = _gradient(x, by_x, (grad_output, weight)) if need[0] else None
        by_w = Conv2dWeightGrad(*self.same, weight.shape[2:], memory_order(weight.array))
        grad_w = by_w(x, grad_output) if need[1] else None
        grad_b = sum(grad_output, (0, 2, 3)) if need[2:] == (True,) else None
        return (grad_x, grad_w, grad_b)[: len(need)]


class ConvTranspose2d(Convolution):
    """x = conv_transpose2d(y, weight) + bias;  conv2d(g, weight), weight_grad(g, y), sum(g)"""

    def __init__(
        self, stride: Pair, padding: Pair, precision: str | None, dilation: Pair, groups: int,
        output_size: Pair,
    ):  # fmt: skip
        super().__init__(stride, padding, precision, dilation, groups)
        self.output_size = output_size

    def forward(self, y, weight, bias=None):
        x = self.run(
            plain.conv_transpose2d, grouped.grouped_conv_transpose2d, y.transpose(0, 2, 3, 1),
            weight, bias, output_size=self.output_size,
        )  # fmt: skip
        return x.transpose(0, 3, 1, 2)

    def backward(self, grad_output):
        return self.gradients(self.inputs, self.needs_input_grad, grad_output)

    def gradients(self, inputs, need, grad_output):
        y, weight, *_ = inputs
        by_y = Conv2d(*self.same, y.shape[2:])
        grad_y = _gradient(y, by_y, (grad_output, weight)) if need[0] else None
        by_w = Conv2dWeightGrad(*self.same, weight.shape[2:], memory_order(weight.array))
        grad_w = by_w(grad_output, y) if need[1] else None
        grad_b = sum(grad_output, (0, 2, 3)) if need[2:] == (True,) else None
        return (grad_y, grad_w, grad_b)[: len(need)]


class Conv2dWeightGrad(Convolution):
    """weight = weight_grad(x, y);  conv_transpose2d(y, g), conv2d(x, g)"""

    def __init__(
        self, stride: Pair, padding: Pair, precision: str | None, dilation: Pair, groups: int,
        kernel_size: Pair, order: Sequence[int],
    ):  # fmt: skip
        super().__init__(stride, padding, precision, dilation, groups)
        # The memory order of the weight itself, so that an optimizer finds the two side by side.
        self.kernel_size, self.order = kernel_size, order

    def forward(self, x, y):
        return self.run(
            plain.conv2d_weight_grad, grouped.grouped_conv2d_weight_grad,
            x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1), kernel_size=self.kernel_size,
            order=self.order,
        )  # fmt: skip

    def backward(self, grad_output):
        (x, y), (need_x, need_y) = self.inputs, self.needs_input_grad
        return (
            ConvTranspose2d(*self.same, x.shape[2:])(y, grad_output) if need_x else None,
            Conv2d(*self.same, y.shape[2:])(x, grad_output) if need_y else None,
        )


def _gradient(x: Tensor, convolution: Convolution, inputs: tuple[Tensor, ...]) -> Tensor:
    """The gradient of x, which a convolution computes. On a GPU, where a batch norm computed x, it
    can sum up what the batch norm's own gradients need (`Normalisation.gradient_from`)."""
    fused = getattr(x.grad_fn, "gradient_from", None) if convolution.is_plain else None
    return convolution(*inputs) if fused is None else fused(convolution, inputs)


# What users call

def _check(
    name: str, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int, transposed: bool
) -> None:
    """The checks that both convolutions share."""
    check_image(name, "input", input)
    check_image(name, "weight", weight, (4,))
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or groups < 1:
        raise ValueError(f"{name}: groups must be a positive integer, got {groups!r}")
    channels = input.shape[-3]
    expected = weight.shape[0] if transposed else weight.shape[1] * groups
    if channels != expected:
        of_groups = f" in {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"{name}: input of shape {input.shape} has {channels} channels, weight of shape "
            f"{weight.shape} expects {expected}{of_groups}"
        )
    if 0 in weight.shape or 0 in input.shape[-3:]:
        raise ValueError(f"{name}: empty input {input.shape} or weight {weight.shape}")
    if weight.shape[0] % groups:
        raise ValueError(
            f"{name}: dimension 0 of the weight {weight.shape} must be a multiple of groups, "
            f"{groups}"
        )
    outputs = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and (not isinstance(bias, Tensor) or bias.shape != (outputs,)):
        got = f"shape {bias.shape}" if isinstance(bias, Tensor) else type(bias).__name__
        raise ValueError(f"{name}: bias must be a tensor of shape ({outputs},), got {got}")


def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1, padding: Padding = 0,
    dilation: int | tuple[int, ...] = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """`conv2d` of images one pixel high: input (n, c, l) or (c, l), weight (k, c / groups, s).

    Raises:
        ValueError: a shape or option does not fit; the kernel is larger than the padded input.
    """
    check_image("conv1d", "input", input, (2, 3))
    check_image("conv1d", "weight", weight, (3,))
    strides = 1, *single("conv1d", "stride", stride, 1)
    dilations = 1, *single("conv1d", "dilation", dilation, 1)
    if not isinstance(padding, str):
        padding = (0, *single("conv1d", "padding", padding, 0))
    image, kernel = unsqueeze(input, -2), unsqueeze(weight, 2)
    return squeeze(conv2d(image, kernel, bias, strides, padding, dilations, groups), -2)


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int | Pair = 1,
    padding: Padding = 0, dilation: int | Pair = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """y[n, k, p, q] = bias[k] + sum over c, r, s of
    input[n, c, stride p + dilation r - top, stride q + dilation s - left] weight[k, c, r, s]

    where c runs over the channels of the group of k. (As torch.nn.functional.conv2d.)

    Args:
        input: (n, c, h, w), or (c, h, w) for one image.
        weight: (k, c / groups, r, s).
        bias: (k,) or None.
        stride: an integer or (vertical, horizontal).
        padding: zeros around the input: an integer, (vertical, horizontal),
            (top, bottom, left, right), "valid" for none, or "same": ceil(size / stride) outputs,
            the odd pixel at the bottom and on the right, as in TensorFlow.
        dilation: the distance between the taps: an integer or (vertical, horizontal).
        groups: into how many groups the channels are cut; each output sees its own group alone.
            As many as channels is a depthwise convolution.

    Returns:
        (n, k, p, q) with p = (h + top + bottom - dilation (r - 1) - 1) // stride + 1, q likewise.

    Raises:
        ValueError: a shape or option does not fit; the kernel is larger than the padded input.
    """
    if isinstance(input, Tensor) and input.ndim == 3:
        batch = conv2d(unsqueeze(input, 0), weight, bias, stride, padding, dilation, groups)
        return squeeze(batch, 0)
    op, inputs = conv2d_op(input, weight, bias, stride, padding, dilation, groups)
    return op(*inputs)


def conv2d_op(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: int | Pair, padding: Padding,
    dilation: int | Pair = 1, groups: int = 1, *, negative_slope: float = 1.0,
) -> tuple[Conv2d, tuple[Tensor, ...]]:  # fmt: skip
    """The op of `conv2d` of a batch and its inputs, all checked; nothing is computed."""
    _check("conv2d", input, weight, bias, groups, transposed=False)
    stride = pair("conv2d", "stride", stride, 1)
    dilation = pair("conv2d", "dilation", dilation, 1)
    size, kernel = input.shape[2:], weight.shape[2:]
    window = extent(kernel, dilation)
    top, bottom, left, right = four_sides("conv2d", padding, size, window, stride)
    padded = size[0] + top + bottom, size[1] + left + right
    if window[0] > padded[0] or window[1] > padded[1]:
        dilated = "" if dilation == (1, 1) else f", dilated to {window},"
        raise ValueError(
            f"conv2d: the kernel {kernel}{dilated} is larger than the padded input {padded} "
            f"(input {size}, padding {padding!r})"
        )
    output_size = tuple((padded[i] - window[i]) // stride[i] + 1 for i in range(2))
    inputs = (input, weight) if bias is None else (input, weight, bias)
    how = stride, (top, left), product_precision(input.device), dilation, groups
    return Conv2d(*how, output_size, negative_slope), inputs


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int | Pair = 1,
    padding: Padding = 0, output_padding: int | Pair = 0, groups: int = 1,
    dilation: int | Pair = 1, *, output_size: Pair | None = None,
) -> Tensor:  # fmt: skip
    """The gradient of conv2d by its input: x[n, c, h, w] = bias[c] + sum over k, p, q, r, s of
    input[n, k, p, q] weight[k, c, r, s]  where  h = stride p + dilation r - top, w likewise

    and k runs over the channels of the group of c. (As torch.nn.functional.conv_transpose2d.)

    Args:
        input: (n, k, p, q), or (k, p, q) for one image.
        weight: (k, c / groups, r, s): input channels first, as in PyTorch.
        bias: (c,) or None.
        stride: an integer or (vertical, horizontal).
        padding: what the convolution that this one reverses pads: an integer, a pair,
            (top, bottom, left, right), "valid", or "same" (then the output is stride times the
            input, or `output_size`).
        output_padding: rows and columns added at the bottom and on the right; below stride or
            dilation.
        groups, dilation: as for conv2d.
        output_size: (h, w), instead of output_padding: one of the sizes that conv2d would map to
            (p, q).

    Returns:
        (n, c, h, w) with
        h = (p - 1) stride - top - bottom + dilation (r - 1) + 1 + output_padding, w likewise.

    Raises:
        ValueError: a shape or option does not fit; the output would be empty.
    """
    if isinstance(input, Tensor) and input.ndim == 3:
        batch = conv_transpose2d(
            unsqueeze(input, 0), weight, bias, stride, padding, output_padding, groups, dilation,
            output_size=output_size,
        )  # fmt: skip
        return squeeze(batch, 0)
    op, inputs = conv_transpose2d_op(
        input, weight, bias, stride, padding, output_padding, output_size, groups, dilation
    )
    return op(*inputs)


def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1, padding: int | tuple[int, ...] = 0,
    output_padding: int | tuple[int, ...] = 0, groups: int = 1,
    dilation: int | tuple[int, ...] = 1,
) -> Tensor:  # fmt: skip
    """`conv_transpose2d` of images one pixel high: input (n, k, p) or (k, p), weight
    (k, c / groups, s).

    Raises:
        ValueError: a shape or option does not fit; the output would be empty.
    """
    name = "conv_transpose1d"
    check_image(name, "input", input, (2, 3))
    check_image(name, "weight", weight, (3,))
    strides = 1, *single(name, "stride", stride, 1)
    dilations = 1, *single(name, "dilation", dilation, 1)
    around = 0, *single(name, "padding", padding, 0)
    extra = 0, *single(name, "output_padding", output_padding, 0)
    images = conv_transpose2d(
        unsqueeze(input, -2), unsqueeze(weight, 2), bias, strides, around, extra, groups, dilations
    )
    return squeeze(images, -2)


def conv_transpose2d_op(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: int | Pair, padding: Padding,
    output_padding: int | Pair, output_size: Pair | None, groups: int = 1,
    dilation: int | Pair = 1,
) -> tuple[ConvTranspose2d, tuple[Tensor, ...]]:  # fmt: skip
    """The op of `conv_transpose2d` of a batch and its inputs, all checked; nothing is computed."""
    name = "conv_transpose2d"
    _check(name, input, weight, bias, groups, transposed=True)
    stride = pair(name, "stride", stride, 1)
    dilation = pair(name, "dilation", dilation, 1)
    extra = pair(name, "output_padding", output_padding, 0)
    size, kernel = input.shape[2:], weight.shape[2:]
    window = extent(kernel, dilation)
    if any(extra[i] >= max(stride[i], dilation[i]) for i in range(2)):
        or_dilation = "" if dilation == (1, 1) else f" or dilation {dilation}"
        raise ValueError(
            f"{name}: output_padding {extra} must be smaller than stride {stride}{or_dilation}"
        )
    if output_size is not None:
        output_size = pair(name, "output_size", output_size, 1)
        if extra != (0, 0):
            raise ValueError(f"{name}: give output_padding or output_size, not both")
    if padding == "same" and output_size is None:
        output_size = size[0] * stride[0], size[1] * stride[1]
    # Only "same" looks at the size of the output, and there it is known by now.
    around = four_sides(name, padding, output_size or (0, 0), window, stride)
    smallest = tuple(
        (size[i] - 1) * stride[i] + window[i] - around[2 * i] - around[2 * i + 1] for i in range(2)
    )
    if output_size is None:
        output_size = smallest[0] + extra[0], smallest[1] + extra[1]
        if min(output_size) < 1:
            raise ValueError(
                f"{name}: the output would have size {output_size} (input {size}, kernel {kernel}, "
                f"padding {padding!r})"
            )
    elif any(
        # Stride > kernel leaves gaps that "same" does not pad: sizes below `smallest` too.
        (output_size[i] + around[2 * i] + around[2 * i + 1] - window[i]) // stride[i] + 1 != size[i]
        for i in range(2)
    ):
        largest = tuple(smallest[i] + stride[i] - 1 for i in range(2))
        raise ValueError(
            f"{name}: output_size {output_size} is not between {smallest} and {largest}, the sizes "
            f"that a convolution maps to {size}"
        )
    inputs = (input, weight) if bias is None else (input, weight, bias)
    how = stride, (around[0], around[2]), product_precision(input.device), dilation, groups
    return ConvTranspose2d(*how, output_size), inputs
