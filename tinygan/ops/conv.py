"""Convolution, transposed convolution, and the gradient by their weight.

The three are each other's derivatives; see ``kernels/conv2d/__init__.py`` for the sums. Tensors
are NCHW by name; the kernels take and return NHWC views of the same memory.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from tinygan.autograd import Function
from tinygan.device import array_module, beside, to_device
from tinygan.kernels.conv2d import conv2d as conv2d_kernel
from tinygan.kernels.conv2d import conv2d_weight_grad as weight_grad_kernel
from tinygan.kernels.conv2d import conv_transpose2d as conv_transpose2d_kernel
from tinygan.kernels.layout import memory_order
from tinygan.ops.activation import LeakyReLUBackward
from tinygan.ops.reduction import sum
from tinygan.ops.shape import flatten, gather, reshape
from tinygan.precision import product_precision
from tinygan.tensor import Tensor

__all__ = ["conv2d", "conv_transpose2d", "max_pool2d"]

Pair = tuple[int, ...]  # of length 2
Padding = int | Sequence[int] | str


class Conv2d(Function):
    """y = conv2d(x, weight) + bias, then slope y where y <= 0;
    conv_transpose2d(g, weight), weight_grad(x, g), sum(g) with slope g for g where y <= 0"""

    saves_inputs = True

    def __init__(
        self, stride: Pair, padding: Pair, precision: str | None, output_size: Pair,
        slope: float = 1.0,
    ):  # fmt: skip
        self.stride, self.padding, self.precision = stride, padding, precision
        self.output_size, self.slope = output_size, slope
        self.saves_output = slope != 1

    def forward(self, x, weight, bias=None):
        y = conv2d_kernel(
            x.transpose(0, 2, 3, 1), weight, bias,
            stride=self.stride, padding=self.padding, precision=self.precision,
            output_size=self.output_size, slope=self.slope,
        )  # fmt: skip
        return y.transpose(0, 3, 1, 2)

    def backward(self, grad_output):
        if self.slope != 1:
            grad_output = LeakyReLUBackward(self._output, self.slope)(grad_output)
        return self.gradients(self.inputs, self.needs_input_grad, grad_output)

    def gradients(self, inputs, need, grad_output):
        x, weight, *_ = inputs
        same = (self.stride, self.padding, self.precision)
        by_x = ConvTranspose2d(*same, x.shape[2:])
        grad_x = _gradient(x, by_x, (grad_output, weight)) if need[0] else None
        by_w = Conv2dWeightGrad(*same, weight.shape[2:], memory_order(weight.array))
        grad_w = by_w(x, grad_output) if need[1] else None
        grad_b = sum(grad_output, (0, 2, 3)) if need[2:] == (True,) else None
        return (grad_x, grad_w, grad_b)[: len(need)]


class ConvTranspose2d(Function):
    """x = conv_transpose2d(y, weight) + bias;  conv2d(g, weight), weight_grad(g, y), sum(g)"""

    saves_inputs = True

    def __init__(self, stride: Pair, padding: Pair, precision: str | None, output_size: Pair):
        self.stride, self.padding, self.precision = stride, padding, precision
        self.output_size = output_size

    def forward(self, y, weight, bias=None):
        x = conv_transpose2d_kernel(
            y.transpose(0, 2, 3, 1), weight, bias,
            stride=self.stride, padding=self.padding, precision=self.precision,
            output_size=self.output_size,
        )  # fmt: skip
        return x.transpose(0, 3, 1, 2)

    def backward(self, grad_output):
        return self.gradients(self.inputs, self.needs_input_grad, grad_output)

    def gradients(self, inputs, need, grad_output):
        y, weight, *_ = inputs
        same = (self.stride, self.padding, self.precision)
        by_y = Conv2d(*same, y.shape[2:])
        grad_y = _gradient(y, by_y, (grad_output, weight)) if need[0] else None
        by_w = Conv2dWeightGrad(*same, weight.shape[2:], memory_order(weight.array))
        grad_w = by_w(grad_output, y) if need[1] else None
        grad_b = sum(grad_output, (0, 2, 3)) if need[2:] == (True,) else None
        return (grad_y, grad_w, grad_b)[: len(need)]


class Conv2dWeightGrad(Function):
    """weight = weight_grad(x, y);  conv_transpose2d(y, g), conv2d(x, g)"""

    saves_inputs = True

    def __init__(
        self, stride: Pair, padding: Pair, precision: str | None, kernel_size: Pair,
        order: Sequence[int],
    ):  # fmt: skip
        self.stride, self.padding, self.precision = stride, padding, precision
        # The memory order of the weight itself, so that an optimizer finds the two side by side.
        self.kernel_size, self.order = kernel_size, order

    def forward(self, x, y):
        return weight_grad_kernel(
            x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1),
            stride=self.stride, padding=self.padding, precision=self.precision,
            kernel_size=self.kernel_size, order=self.order,
        )  # fmt: skip

    def backward(self, grad_output):
        (x, y), (need_x, need_y) = self.inputs, self.needs_input_grad
        same = (self.stride, self.padding, self.precision)
        return (
            ConvTranspose2d(*same, x.shape[2:])(y, grad_output) if need_x else None,
            Conv2d(*same, y.shape[2:])(x, grad_output) if need_y else None,
        )


def _gradient(x: Tensor, convolution: Function, inputs: tuple[Tensor, ...]) -> Tensor:
    """The gradient of x, which a convolution computes. On a GPU, where a batch norm computed x, it
    can sum up what the batch norm's own gradients need (`Normalisation.gradient_from`)."""
    fused = getattr(x.grad_fn, "gradient_from", None)
    return convolution(*inputs) if fused is None else fused(convolution, inputs)


# What users call

def pair(name: str, argument: str, value, minimum: int) -> Pair:
    """An integer or a pair of them as a pair; `name` and `argument` are for the error."""
    both = (value, value) if isinstance(value, (int, np.integer)) else value
    valid = (
        isinstance(both, (tuple, list))
        and len(both) == 2
        and all(isinstance(v, (int, np.integer)) and v >= minimum for v in both)
    )
    if not valid:
        raise ValueError(
            f"{name}: {argument} must be an integer >= {minimum} or a pair of them, got {value!r}"
        )
    return int(both[0]), int(both[1])


def _padding(name: str, padding: Padding, size: Pair, kernel: Pair, stride: Pair):
    """(top, bottom, left, right). "same" gives ceil(size / stride) outputs and puts the odd pixel
    at the bottom and on the right, as TensorFlow does."""
    if padding == "same":
        sides = []
        for i in range(2):
            outputs = -(-size[i] // stride[i])
            total = max((outputs - 1) * stride[i] + kernel[i] - size[i], 0)
            sides += [total // 2, total - total // 2]
        return tuple(sides)
    if isinstance(padding, (tuple, list)) and len(padding) == 4:
        if all(isinstance(v, (int, np.integer)) and v >= 0 for v in padding):
            return tuple(int(v) for v in padding)
    elif not isinstance(padding, str):
        vertical, horizontal = pair(name, "padding", padding, 0)
        return vertical, vertical, horizontal, horizontal
    raise ValueError(
        f"{name}: padding must be an integer, a pair, (top, bottom, left, right) or 'same', "
        f"got {padding!r}"
    )


def _check_images(name: str, input: Tensor, weight: Tensor, bias: Tensor | None, in_dim: int):
    """The checks that both convolutions share; the weight's input channels are its `in_dim`."""
    for argument, x in (("input", input), ("weight", weight)):
        if not isinstance(x, Tensor) or x.ndim != 4 or x.dtype.kind != "f":
            got = f"{x.dtype} {x.shape}" if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"{name}: {argument} must be a floating 4-D tensor, got {got}")
    if input.shape[1] != weight.shape[in_dim]:
        raise ValueError(
            f"{name}: input of shape {input.shape} has {input.shape[1]} channels, weight of shape "
            f"{weight.shape} expects {weight.shape[in_dim]}"
        )
    if 0 in weight.shape or 0 in input.shape[1:]:
        raise ValueError(f"{name}: empty input {input.shape} or weight {weight.shape}")
    outputs = weight.shape[1 - in_dim]
    if bias is not None and (not isinstance(bias, Tensor) or bias.shape != (outputs,)):
        got = f"shape {bias.shape}" if isinstance(bias, Tensor) else type(bias).__name__
        raise ValueError(f"{name}: bias must be a tensor of shape ({outputs},), got {got}")


def _reject_unsupported(name: str, dilation, groups) -> None:
    if dilation not in (1, (1, 1)):
        raise ValueError(f"{name}: dilation {dilation} is not supported, only 1")
    if groups != 1:
        raise ValueError(f"{name}: groups {groups} are not supported, only 1")


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int | Pair = 1,
    padding: Padding = 0, dilation: int = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """y[n, k, p, q] = bias[k] + sum over c, r, s of
    input[n, c, stride p + r - top, stride q + s - left] weight[k, c, r, s]

    Args:
        input: (n, c, h, w).
        weight: (k, c, r, s).
        bias: (k,) or None.
        stride: an integer or (vertical, horizontal).
        padding: zeros around the input: an integer, (vertical, horizontal),
            (top, bottom, left, right), or "same": ceil(size / stride) outputs, the odd pixel at
            the bottom and on the right, as in TensorFlow.
        dilation, groups: only 1.

    Returns:
        (n, k, p, q) with p = (h + top + bottom - r) // stride + 1, and q likewise.

    Raises:
        ValueError: a shape or option does not fit; the kernel is larger than the padded input.
    """
    _reject_unsupported("conv2d", dilation, groups)
    op, inputs = conv2d_op(input, weight, bias, stride, padding)
    return op(*inputs)


def conv2d_op(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: int | Pair, padding: Padding,
    negative_slope: float = 1.0,
) -> tuple[Conv2d, tuple[Tensor, ...]]:  # fmt: skip
    """The op of `conv2d` and its inputs, all checked; nothing is computed."""
    _check_images("conv2d", input, weight, bias, in_dim=1)
    stride = pair("conv2d", "stride", stride, 1)
    size, kernel = input.shape[2:], weight.shape[2:]
    top, bottom, left, right = _padding("conv2d", padding, size, kernel, stride)
    padded = size[0] + top + bottom, size[1] + left + right
    if kernel[0] > padded[0] or kernel[1] > padded[1]:
        raise ValueError(
            f"conv2d: the kernel {kernel} is larger than the padded input {padded} "
            f"(input {size}, padding {padding!r})"
        )
    output_size = tuple((padded[i] - kernel[i]) // stride[i] + 1 for i in range(2))
    inputs = (input, weight) if bias is None else (input, weight, bias)
    precision = product_precision(input.device)
    return Conv2d(stride, (top, left), precision, output_size, negative_slope), inputs


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int | Pair = 1,
    padding: Padding = 0, output_padding: int | Pair = 0, groups: int = 1, dilation: int = 1,
    output_size: Pair | None = None,
) -> Tensor:  # fmt: skip
    """The gradient of conv2d by its input: x[n, c, h, w] = bias[c] + sum over k, p, q of
    input[n, k, p, q] weight[k, c, h + top - stride p, w + left - stride q]

    Args:
        input: (n, k, p, q).
        weight: (k, c, r, s): input channels first, as in PyTorch.
        bias: (c,) or None.
        stride: an integer or (vertical, horizontal).
        padding: what the convolution that this one reverses pads: an integer, a pair,
            (top, bottom, left, right), or "same" (then the output is stride times the input, or
            `output_size`).
        output_padding: rows and columns added at the bottom and on the right; below stride.
        groups, dilation: only 1.
        output_size: (h, w), instead of output_padding: one of the sizes that conv2d would map to
            (p, q).

    Returns:
        (n, c, h, w) with h = (p - 1) stride - top - bottom + r + output_padding, w likewise.

    Raises:
        ValueError: a shape or option does not fit; the output would be empty.
    """
    _reject_unsupported("conv_transpose2d", dilation, groups)
    op, inputs = conv_transpose2d_op(
        input, weight, bias, stride, padding, output_padding, output_size
    )
    return op(*inputs)


def conv_transpose2d_op(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: int | Pair, padding: Padding,
    output_padding: int | Pair, output_size: Pair | None,
) -> tuple[ConvTranspose2d, tuple[Tensor, ...]]:  # fmt: skip
    """The op of `conv_transpose2d` and its inputs, all checked; nothing is computed."""
    name = "conv_transpose2d"
    _check_images(name, input, weight, bias, in_dim=0)
    stride = pair(name, "stride", stride, 1)
    extra = pair(name, "output_padding", output_padding, 0)
    size, kernel = input.shape[2:], weight.shape[2:]
    if extra[0] >= stride[0] or extra[1] >= stride[1]:
        raise ValueError(f"{name}: output_padding {extra} must be smaller than stride {stride}")
    if output_size is not None:
        output_size = pair(name, "output_size", output_size, 1)
        if extra != (0, 0):
            raise ValueError(f"{name}: give output_padding or output_size, not both")
    if padding == "same" and output_size is None:
        output_size = size[0] * stride[0], size[1] * stride[1]
    # Only "same" looks at the size of the output, and there it is known by now.
    around = _padding(name, padding, output_size or (0, 0), kernel, stride)
    smallest = tuple(
        (size[i] - 1) * stride[i] + kernel[i] - around[2 * i] - around[2 * i + 1] for i in range(2)
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
        (output_size[i] + around[2 * i] + around[2 * i + 1] - kernel[i]) // stride[i] + 1 != size[i]
        for i in range(2)
    ):
        largest = tuple(smallest[i] + stride[i] - 1 for i in range(2))
        raise ValueError(
            f"{name}: output_size {output_size} is not between {smallest} and {largest}, the sizes "
            f"that a convolution maps to {size}"
        )
    inputs = (input, weight) if bias is None else (input, weight, bias)
    padding = around[0], around[2]
    precision = product_precision(input.device)
    return ConvTranspose2d(stride, padding, precision, output_size), inputs


@functools.cache  # without a bound: a captured step goes on using the arrays
def _windows(size: Pair, out_size: Pair, kernel: Pair, stride: Pair, padding: Pair, device: str):
    """Positions, flat in h * w, of all elements of all windows, (p q, r s), and whether they are
    inside of the image; those in the padding point to 0."""
    (h, w), (out_h, out_w) = size, out_size
    rows = np.arange(out_h)[:, None] * stride[0] + np.arange(kernel[0]) - padding[0]
    columns = np.arange(out_w)[:, None] * stride[1] + np.arange(kernel[1]) - padding[1]
    in_height, in_width = (rows >= 0) & (rows < h), (columns >= 0) & (columns < w)
    inside = in_height[:, None, :, None] & in_width[None, :, None, :]
    positions = np.where(inside, rows[:, None, :, None] * w + columns[None, :, None, :], 0)
    shape = (out_h * out_w, -1)
    return to_device(positions.reshape(shape), device), to_device(inside.reshape(shape), device)


def max_pool2d(
    input: Tensor, kernel_size: int | Pair, stride: int | Pair | None = None, padding: Padding = 0
) -> Tensor:
    """The maximum of each window; the gradient goes to the first largest element.

    Args:
        input: (n, c, h, w).
        kernel_size: an integer or a pair.
        stride: as kernel_size; by default the windows do not overlap.
        padding: as for conv2d; the padding never wins.

    Raises:
        ValueError: the window is larger than the padded input, or lies in the padding alone.
    """
    if input.ndim != 4:
        raise ValueError(f"max_pool2d: input must be 4-D, got shape {input.shape}")
    kernel = pair("max_pool2d", "kernel_size", kernel_size, 1)
    stride = pair("max_pool2d", "stride", kernel if stride is None else stride, 1)
    n, c, h, w = input.shape
    top, bottom, left, right = _padding("max_pool2d", padding, (h, w), kernel, stride)
    padded = h + top + bottom, w + left + right
    if kernel[0] > padded[0] or kernel[1] > padded[1]:
        raise ValueError(f"max_pool2d: the window {kernel} is larger than the input {padded}")
    if max(top, bottom) >= kernel[0] or max(left, right) >= kernel[1]:
        raise ValueError(f"max_pool2d: padding {padding!r} must be smaller than window {kernel}")
    out_h, out_w = ((padded[i] - kernel[i]) // stride[i] + 1 for i in range(2))
    positions, inside = _windows((h, w), (out_h, out_w), kernel, stride, (top, left), input.device)
    with beside(input.array):
        flat = input.array.reshape(n, c, h * w)
        xp = array_module(flat)
        largest = xp.where(inside, flat[:, :, positions], -np.inf).argmax(-1)
        index = positions[xp.arange(out_h * out_w), largest]
    return reshape(gather(flatten(input, 2), 2, Tensor(index)), (n, c, out_h, out_w))
