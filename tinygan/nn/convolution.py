"""The convolution layers. Names, argument orders, shapes and initial values are PyTorch's."""

from __future__ import annotations

from collections.abc import Sequence

import tinygan.functional as F
from tinygan.nn import init
from tinygan.nn.layers import _empty, _positive
from tinygan.nn.module import Module
from tinygan.ops.windows import Padding, Pair, extent, four_sides, pair, single
from tinygan.tensor import Tensor

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """Shared by the convolutions."""

    bias: Tensor | None
    output_padding: tuple[int, ...] = ()
    sizes = staticmethod(pair)  # what an integer means along all dimensions

    def __init__(
        self, in_channels, out_channels, kernel_size, stride, padding, dilation, groups,
        padding_mode,
    ):  # fmt: skip
        name = type(self).__name__
        _positive(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        for argument, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(
                    f"{name}: {argument} must be a multiple of groups, got {channels} and {groups}"
                )
        _check_padding_mode(name, padding_mode)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = self.sizes(name, "kernel_size", kernel_size, 1)
        self.stride = self.sizes(name, "stride", stride, 1)
        self.dilation = self.sizes(name, "dilation", dilation, 1)
        self.padding = padding  # where it names a rule or each side
        if not isinstance(padding, (str, tuple, list)):
            self.padding = self.sizes(name, "padding", padding, 0)
        self.groups, self.padding_mode = groups, padding_mode

    def padded(self, x: Tensor) -> tuple[Tensor, Padding]:
        """x and the padding by zeros that is left to do: none, where another mode has done it."""
        if self.padding_mode == "zeros":
            return x, self.padding
        count = len(self.kernel_size)
        window = extent(self.kernel_size, self.dilation)
        size, stride, padding = x.shape[-count:], self.stride, self.padding
        if count == 1:  # a row of pixels
            size, window, stride = (1, *size), (1, *window), (1, *stride)
            padding = padding if isinstance(padding, str) else (0, *padding)
        sides = four_sides(type(self).__name__, padding, size, window, stride)
        # F.pad has the last dimension first.
        return F.pad(x, [*sides[2:], *sides[:2]][: 2 * count], self.padding_mode), 0

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        for name, default in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            value = getattr(self, name)
            if isinstance(value, str) or any(v != default for v in value):
                text += f", {name}={value}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        text += "" if self.bias is not None else ", bias=False"
        mode = self.padding_mode
        return text + ("" if mode == "zeros" else f", padding_mode={mode}")


def _check_padding_mode(name: str, padding_mode: str) -> None:
    modes = PADDING_MODES[:1] if "Transpose" in name else PADDING_MODES
    if padding_mode not in modes:
        expected = " or ".join(map(repr, modes))
        raise ValueError(f"{name}: padding_mode must be {expected}, got {padding_mode!r}")


class Conv2d(_Convolution):
    """Convolution of images (n, in_channels, h, w) or (in_channels, h, w); see
    `tinygan.functional.conv2d`. (As torch.nn.Conv2d.)

    The weight is (out_channels, in_channels / groups, *kernel_size), uniform in
    +-1 / sqrt(in_channels / groups times kernel), as is the bias.

    Raises:
        ValueError: a size is no positive integer, channels are no multiple of groups, or
            padding_mode is not "zeros", "reflect", "replicate" or "circular".
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | Pair,
        stride: int | Pair = 1, padding: Padding = 0, dilation: int | Pair = 1, groups: int = 1,
        bias: bool = True, padding_mode: str = "zeros",
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode
        )
        inputs = in_channels // groups
        fan_in = inputs * self.kernel_size[0] * self.kernel_size[1]
        # In memory as (r, s, c, k): the order in which the kernels want it (kernels/conv2d).
        weight = _empty(out_channels, inputs, *self.kernel_size, order=(2, 3, 1, 0))
        self.weight = init.fan_in_uniform_(weight, fan_in)
        self.bias = init.fan_in_uniform_(_empty(out_channels), fan_in) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        x, padding = self.padded(x)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class ConvTranspose2d(_Convolution):
    """Transposed convolution of images (n, in_channels, h, w) or (in_channels, h, w); see
    `tinygan.functional.conv_transpose2d`. (As torch.nn.ConvTranspose2d.)

    The weight is (in_channels, out_channels / groups, *kernel_size), uniform in
    +-1 / sqrt(out_channels / groups times kernel), as is the bias: PyTorch's rule. Give either
    output_padding or output_size, (h, w).

    Raises:
        ValueError: a size is no positive integer, channels are no multiple of groups, or
            padding_mode is not "zeros".
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int | Pair,
        stride: int | Pair = 1, padding: Padding = 0, output_padding: int | Pair = 0,
        groups: int = 1, bias: bool = True, dilation: int | Pair = 1, padding_mode: str = "zeros",
        *, output_size: Pair | None = None,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode
        )
        self.output_padding = pair("ConvTranspose2d", "output_padding", output_padding, 0)
        self.output_size = output_size
        outputs = out_channels // groups
        fan_in = outputs * self.kernel_size[0] * self.kernel_size[1]
        weight = _empty(in_channels, outputs, *self.kernel_size, order=(2, 3, 0, 1))
        self.weight = init.fan_in_uniform_(weight, fan_in)
        self.bias = init.fan_in_uniform_(_empty(out_channels), fan_in) if bias else None

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The output; `output_size`, (h, w) or a whole shape, in place of the layer's own and of
        output_padding."""
        output_padding: int | Pair = self.output_padding
        if output_size is None:
            output_size = self.output_size
        else:
            output_padding = 0
            output_size = tuple(output_size)[-2 if len(output_size) == x.ndim else 0 :]
        return F.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups,
            self.dilation, output_size=output_size,
        )  # fmt: skip


class Conv1d(_Convolution):
    """Convolution of sequences (n, in_channels, l) or (in_channels, l); see
    `tinygan.functional.conv1d`. (As torch.nn.Conv1d.)

    The weight is (out_channels, in_channels / groups, kernel_size), uniform in
    +-1 / sqrt(in_channels / groups times kernel_size), as is the bias.
    """

    sizes = staticmethod(single)

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1,
        padding: int | str = 0, dilation: int = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros",
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode
        )
        inputs = in_channels // groups
        fan_in = inputs * self.kernel_size[0]
        weight = _empty(out_channels, inputs, *self.kernel_size, order=(2, 1, 0))
        self.weight = init.fan_in_uniform_(weight, fan_in)
        self.bias = init.fan_in_uniform_(_empty(out_channels), fan_in) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        x, padding = self.padded(x)
        return F.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class ConvTranspose1d(_Convolution):
    """Transposed convolution of sequences (n, in_channels, l) or (in_channels, l); see
    `tinygan.functional.conv_transpose1d`. (As torch.nn.ConvTranspose1d.)

    The weight is (in_channels, out_channels / groups, kernel_size), uniform in
    +-1 / sqrt(out_channels / groups times kernel_size), as is the bias.
    """

    sizes = staticmethod(single)

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1,
        padding: int = 0, output_padding: int = 0, groups: int = 1, bias: bool = True,
        dilation: int = 1, padding_mode: str = "zeros",
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode
        )
        self.output_padding = single("ConvTranspose1d", "output_padding", output_padding, 0)
        outputs = out_channels // groups
        fan_in = outputs * self.kernel_size[0]
        weight = _empty(in_channels, outputs, *self.kernel_size, order=(2, 0, 1))
        self.weight = init.fan_in_uniform_(weight, fan_in)
        self.bias = init.fan_in_uniform_(_empty(out_channels), fan_in) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose1d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups,
            self.dilation,
        )  # fmt: skip
