"""Layers that normalise: over a batch, over each image, over features, over groups of channels."""

from __future__ import annotations

import numpy as np

import tinygan.functional as F
from tinygan.kernels.cuda import graph
from tinygan.nn import init
from tinygan.nn.layers import _empty, _positive
from tinygan.nn.module import Module
from tinygan.nn.parameter import Buffer, HostBuffer
from tinygan.tensor import Tensor

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "LayerNorm"
]  # fmt: skip


class _ChannelNorm(Module):
    """What norms of channels (dimension 1) have in common.

    Args:
        momentum: how far the running statistics move towards those of a batch; None averages all
            batches so far with equal weights.
        affine: whether there are a weight and a bias for each channel.
        track_running_stats: whether there are running statistics; without them those of the input
            are used in evaluation, too.
    """

    dimensions: tuple[int, ...] = ()
    _may_be_missing = ("num_batches_tracked",)  # state dicts of older versions

    def __init__(
        self, num_features: int, eps: float, momentum: float | None, affine: bool,
        track_running_stats: bool,
    ):  # fmt: skip
        _positive(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = init.constant_(_empty(num_features), 1.0) if affine else None
        self.bias = _empty(num_features) if affine else None
        mean, var = np.zeros(num_features, np.float32), np.ones(num_features, np.float32)
        self.running_mean = Buffer(mean) if track_running_stats else None
        self.running_var = Buffer(var) if track_running_stats else None
        count = HostBuffer(np.array(0, np.int64))
        self.num_batches_tracked = count if track_running_stats else None

    def check(self, x: Tensor) -> None:
        """Raises a ValueError unless `x` has the dimensions and channels of this layer."""
        if x.ndim not in self.dimensions or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: expected {' or '.join(map(str, self.dimensions))} "
                f"dimensions with {self.num_features} channels, got shape {x.shape}"
            )

    @property
    def uses_input(self) -> bool:
        """Whether the statistics are those of the input: in training, or if there are no others."""
        return self.training or self.running_mean is None

    def average_factor(self) -> float:
        """How far running statistics move in the next step."""
        if self.momentum is not None:
            return self.momentum
        if self.num_batches_tracked is None:
            return 0.0
        graph.refuse(f"{type(self).__name__} with momentum=None")
        return 1 / (int(self.num_batches_tracked.item()) + 1)

    def count(self) -> None:
        """After a forward pass: in training, one more batch."""
        if self.training and self.num_batches_tracked is not None:
            graph.on_host(self._count_one)

    def _count_one(self) -> None:
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.array[...] += 1
            self.num_batches_tracked.version += 1

    def reset_running_stats(self) -> None:
        for name, buffer in self.named_buffers(recurse=False):
            init.constant_(buffer, 1 if name == "running_var" else 0)

    def reset_parameters(self) -> None:
        """The initial values again."""
        self.reset_running_stats()
        for name, parameter in self.named_parameters(recurse=False):
            init.constant_(parameter, 1 if name == "weight" else 0)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_ChannelNorm):
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True,
    ):  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def forward(self, input: Tensor) -> Tensor:
        self.check(input)
        output = F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, self.uses_input,
            self.average_factor(), self.eps,
        )  # fmt: skip
        self.count()
        return output


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (n, num_features) or (n, num_features, length); see
    `tinygan.functional.batch_norm`."""

    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (n, num_features, h, w); see `tinygan.functional.batch_norm`."""

    dimensions = (4,)


class _InstanceNorm(_ChannelNorm):
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False,
    ):  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def check(self, x: Tensor) -> None:
        channels = x.ndim - max(self.dimensions) + 1  # one dimension less: no batch
        if x.ndim not in self.dimensions or x.shape[channels] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: expected {' or '.join(map(str, self.dimensions))} "
                f"dimensions with {self.num_features} channels, got shape {x.shape}"
            )

    def forward(self, input: Tensor) -> Tensor:
        self.check(input)
        single = input.ndim < max(self.dimensions)
        output = F.instance_norm(
            input.unsqueeze(0) if single else input, self.running_mean, self.running_var,
            self.weight, self.bias, self.uses_input, self.momentum or 0.0, self.eps,
        )  # fmt: skip
        return output.reshape(input.shape)


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample (n, num_features, length) by itself; see
    `tinygan.functional.instance_norm`."""

    dimensions = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each image (n, num_features, h, w) by itself; see
    `tinygan.functional.instance_norm`."""

    dimensions = (3, 4)


class LayerNorm(Module):
    """The last dimensions, of size `normalized_shape`; see `tinygan.functional.layer_norm`."""

    def __init__(
        self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5,
        elementwise_affine: bool = True, bias: bool = True,
    ):  # fmt: skip
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape = tuple(shape)
        for size in self.normalized_shape:
            _positive("LayerNorm", normalized_shape=size)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        affine = elementwise_affine
        self.weight = init.ones_(_empty(*self.normalized_shape)) if affine else None
        self.bias = _empty(*self.normalized_shape) if affine and bias else None

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Groups of channels of each sample by themselves; see `tinygan.functional.group_norm`."""

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True
    ):
        _positive("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_channels {num_channels} is no multiple of num_groups {num_groups}"
            )
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.affine = affine
        self.weight = init.ones_(_empty(num_channels)) if affine else None
        self.bias = _empty(num_channels) if affine else None

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
