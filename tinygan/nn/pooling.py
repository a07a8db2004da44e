"""The pooling layers. Names, argument orders and results are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinygan.functional as F
from tinygan.nn.module import Module
from tinygan.ops.windows import Padding, Pair, single
from tinygan.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AvgPool1d", "AvgPool2d", "MaxPool1d", "MaxPool2d", "MaxUnpool2d",
]  # fmt: skip


class MaxPool2d(Module):
    """The maximum of each window; see `tinygan.functional.max_pool2d`. (As torch.nn.MaxPool2d.)"""

    function: Callable[..., Any] = staticmethod(F.max_pool2d)

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None = None, padding: Padding = 0,
        dilation: int | Pair = 1, return_indices: bool = False, ceil_mode: bool = False,
    ):  # fmt: skip
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.dilation, self.return_indices, self.ceil_mode = dilation, return_indices, ceil_mode

    def forward(self, x: Tensor):
        return self.function(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding!r}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(MaxPool2d):
    """The maximum of each window of a sequence; see `tinygan.functional.max_pool1d`."""

    function = staticmethod(F.max_pool1d)


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


class AvgPool1d(Module):
    """The mean of each window of a sequence; see `tinygan.functional.avg_pool1d`."""

    def __init__(
        self, kernel_size: int, stride: int | None = None, padding: int = 0,
        ceil_mode: bool = False, count_include_pad: bool = True,
    ):  # fmt: skip
        stride = kernel_size if stride is None else stride
        self.kernel_size = single("AvgPool1d", "kernel_size", kernel_size, 1)
        self.stride = single("AvgPool1d", "stride", stride, 1)
        self.padding = single("AvgPool1d", "padding", padding, 0)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool1d(
            x, self.kernel_size[0], self.stride[0], self.padding[0], self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding!r}"


class MaxUnpool2d(Module):
    """Maxima where they came from, zeros elsewhere; see `tinygan.functional.max_unpool2d`."""

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None = None, padding: int | Pair = 0
    ):
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride

    def forward(
        self, x: Tensor, indices: Tensor, output_size: tuple[int, ...] | None = None
    ) -> Tensor:
        return F.max_unpool2d(
            x, indices, self.kernel_size, self.stride, self.padding, output_size
        )

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


class AdaptiveAvgPool1d(AdaptiveAvgPool2d):
    """Means of as many windows as asked for, of a sequence."""

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(x, self.output_size)  # type: ignore[arg-type]


class AdaptiveMaxPool2d(Module):
    """Maxima of as many windows as asked for; see `tinygan.functional.adaptive_max_pool2d`.

    (As torch.nn.AdaptiveMaxPool2d.)
    """

    function: Callable[..., Any] = staticmethod(F.adaptive_max_pool2d)

    def __init__(self, output_size: int | Pair, return_indices: bool = False):
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, x: Tensor):
        return self.function(x, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(AdaptiveMaxPool2d):
    """Maxima of as many windows as asked for, of a sequence."""

    function = staticmethod(F.adaptive_max_pool1d)
