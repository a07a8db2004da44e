"""Layers that move pixels: values around images, other sizes, channels for pixels."""

from __future__ import annotations

from collections.abc import Sequence

import tinygan.functional as F
from tinygan.nn.module import Module
from tinygan.tensor import Tensor

__all__ = [
    "CircularPad2d", "ConstantPad2d", "PixelShuffle", "PixelUnshuffle", "ReflectionPad1d",
    "ReflectionPad2d", "ReplicationPad1d", "ReplicationPad2d", "Upsample", "UpsamplingBilinear2d",
    "UpsamplingNearest2d", "ZeroPad2d",
]  # fmt: skip


class _Pad(Module):
    """Pads the last dimensions: by one number everywhere, or (left, right, top, bottom)."""

    mode = "constant"
    dimensions = 2
    value: float | None = None

    def __init__(self, padding: int | Sequence[int]):
        each = (padding,) * (2 * self.dimensions) if isinstance(padding, int) else tuple(padding)
        if len(each) != 2 * self.dimensions:
            raise ValueError(
                f"{type(self).__name__}: padding must be an integer or {2 * self.dimensions} of "
                f"them, got {padding!r}"
            )
        self.padding = each

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return str(self.padding)


class ConstantPad2d(_Pad):
    """The same value around images (n, c, h, w) or (c, h, w)."""

    def __init__(self, padding: int | Sequence[int], value: float):
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPad2d(_Pad):
    """Zeros around images."""


class ReflectionPad2d(_Pad):
    """What lies inside images, mirrored at their edges."""

    mode = "reflect"


class ReflectionPad1d(_Pad):
    """What lies inside (n, c, length), mirrored at both ends."""

    mode, dimensions = "reflect", 1


class ReplicationPad2d(_Pad):
    """The edges of images, repeated."""

    mode = "replicate"


class ReplicationPad1d(_Pad):
    """Both ends of (n, c, length), repeated."""

    mode, dimensions = "replicate", 1


class CircularPad2d(_Pad):
    """What lies at the other edge of images."""

    mode = "circular"


def _numbers(value, kind: type):
    """A number or numbers of one kind, or None."""
    return tuple(map(kind, value)) if isinstance(value, Sequence) else (
        None if value is None else kind(value)
    )


class Upsample(Module):
    """Images of another size; see `tinygan.functional.interpolate`."""

    def __init__(
        self, size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None, mode: str = "nearest",
        align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    ):  # fmt: skip
        self.size, self.scale_factor = _numbers(size, int), _numbers(scale_factor, float)
        self.mode, self.align_corners = mode, align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        given = f"size={self.size}"
        if self.scale_factor is not None:
            given = f"scale_factor={self.scale_factor}"
        return f"{given}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample with mode="nearest"."""

    def __init__(
        self, size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ):  # fmt: skip
        super().__init__(size, scale_factor)


class UpsamplingBilinear2d(Upsample):
    """Upsample with mode="bilinear" and align_corners=True."""

    def __init__(
        self, size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
    ):  # fmt: skip
        super().__init__(size, scale_factor, "bilinear", True)


class PixelShuffle(Module):
    """Channels become pixels; see `tinygan.functional.pixel_shuffle`."""

    def __init__(self, upscale_factor: int):
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Pixels become channels; see `tinygan.functional.pixel_unshuffle`."""

    def __init__(self, downscale_factor: int):
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"
