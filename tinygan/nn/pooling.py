"""The pooling layers. Names, argument orders and results are PyTorch's."""

from __future__ import annotations

import tinygan.functional as F
from tinygan.nn.module import Module
from tinygan.ops.conv import Padding, Pair
from tinygan.tensor import Tensor


class MaxPool2d(Module):
    """The maximum of each window; see `tinygan.functional.max_pool2d`."""

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None = None, padding: Padding = 0
    ):
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding)

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding!r}"
