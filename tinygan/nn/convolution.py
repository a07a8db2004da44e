"""The convolution layers. Names, argument orders, shapes and initial values are PyTorch's."""

from __future__ import annotations

import tinygan.functional as F
from tinygan.nn import init
from tinygan.nn.layers import _empty, _positive
from tinygan.nn.module import Module
from tinygan.ops.conv import Padding, Pair, pair
from tinygan.tensor import Tensor


class _Convolution(Module):
    """Shared by both convolutions."""

    def __init__(self, in_channels, out_channels, kernel_size, stride, padding):
        _positive(type(self).__name__, in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = pair(type(self).__name__, "kernel_size", kernel_size, 1)
        self.stride = pair(type(self).__name__, "stride", stride, 1)
        self.padding = padding

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        return f"{text}, stride={self.stride}, padding={self.padding!r}"


class Conv2d(_Convolution):
    """Convolution of images (n, in_channels, h, w); see `tinygan.functional.conv2d`.

    The weight is (out_channels, in_channels, *kernel_size), uniform in +-1 / sqrt(fan in), as is
    the bias.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | Pair,
        stride: int | Pair = 1, padding: Padding = 0, bias: bool = True,
    ):  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding)
        fan_in = in_channels * self.kernel_size[0] * self.kernel_size[1]
        # In memory as (r, s, c, k): the order in which the kernels want it (kernels/conv2d).
        weight = _empty(out_channels, in_channels, *self.kernel_size, order=(2, 3, 1, 0))
        self.weight = init.fan_in_uniform_(weight, fan_in)
        self.bias = init.fan_in_uniform_(_empty(out_channels), fan_in) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class ConvTranspose2d(_Convolution):
    """Transposed convolution of images (n, in_channels, h, w); see
    `tinygan.functional.conv_transpose2d`.

    The weight is (in_channels, out_channels, *kernel_size), uniform in +-1 / sqrt(out_channels
    times kernel), as is the bias: PyTorch's rule. Give either output_padding or output_size.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | Pair,
        stride: int | Pair = 1, padding: Padding = 0, output_padding: int | Pair = 0,
        bias: bool = True, output_size: Pair | None = None,
    ):  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding)
        self.output_padding, self.output_size = output_padding, output_size
        fan_in = out_channels * self.kernel_size[0] * self.kernel_size[1]
        weight = _empty(in_channels, out_channels, *self.kernel_size, order=(2, 3, 0, 1))
        self.weight = init.fan_in_uniform_(weight, fan_in)
        self.bias = init.fan_in_uniform_(_empty(out_channels), fan_in) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding,
            output_size=self.output_size,
        )  # fmt: skip
