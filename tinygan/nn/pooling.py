"""The pooling layers. Names, argument orders and results are PyTorch's."""

from __future__ import annotations

import tinygan.functional as F
from tinygan.nn.module import Module
from tinygan.ops.windows import Padding, Pair
from tinygan.tensor import Tensor


class MaxPool2d(Module):
    """The maximum of each window; see `tinygan.functional.max_pool2d`. (As torch.nn.MaxPool2d.)"""

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None = None, padding: Padding = 0,
        dilation: int | Pair = 1, return_indices: bool = False, ceil_mode: bool = False,
    ):  # fmt: skip
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.dilation, self.return_indices, self.ceil_mode = dilation, return_indices, ceil_mode

    def forward(self, x: Tensor):
        return F.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding!r}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """The mean of each window; see `tinygan.functional.avg_pool2d`. (As torch.nn.AvgPool2d.)"""

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None = None, padding: Padding = 0,
        ceil_mode: bool = False, count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):  # fmt: skip
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding!r}"


class AdaptiveAvgPool2d(Module):
    """Means of as many windows as asked for; see `tinygan.functional.adaptive_avg_pool2d`.

    (As torch.nn.AdaptiveAvgPool2d.)
    """

    def __init__(self, output_size: int | Pair):
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"
