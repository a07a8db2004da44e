"""Initial values, drawn from tinygan's random stream into existing tensors, in place."""

from __future__ import annotations

import math

from tinygan.device import beside, generator, to_device
from tinygan.nn.module import Module, Parameter
from tinygan.tensor import Tensor


def _assign(tensor: Tensor, values) -> Tensor:
    with beside(tensor.array):
        tensor.array[...] = to_device(values, tensor.device) if hasattr(values, "dtype") else values
    tensor.version += 1
    return tensor


def constant_(tensor: Tensor, value: float) -> Tensor:
    """All elements `value`."""
    return _assign(tensor, value)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Samples of N(mean, std^2)."""
    return _assign(tensor, generator.ziggurat_normal(tensor.shape, tensor.dtype) * std + mean)


def truncated_normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Samples of N(mean, std^2) within two deviations: others are drawn again (TensorFlow's)."""
    values = generator.ziggurat_normal(tensor.shape, tensor.dtype)
    while (outside := abs(values) > 2).any():
        values[outside] = generator.ziggurat_normal((int(outside.sum()),), tensor.dtype)
    return _assign(tensor, values * std + mean)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Samples uniform in [a, b)."""
    return _assign(tensor, generator.uniform(tensor.shape, tensor.dtype) * (b - a) + a)


def fan_in_uniform_(tensor: Tensor, fan_in: int) -> Tensor:
    """Samples uniform in +-1 / sqrt(fan_in): PyTorch's default of linear and convolution."""
    bound = 1 / math.sqrt(max(1, fan_in))
    return uniform_(tensor, -bound, bound)


def dcgan_(module: Module) -> Module:
    """The initialisation of DCGAN (Radford 2015, arXiv:1511.06434, section 4), for all parts.

    Weights of linear layers and convolutions are N(0, 0.02^2) (0.02 is the standard deviation),
    weights of batch norms N(1, 0.02^2), biases 0.
    """
    for part in module.modules():
        is_norm = hasattr(part, "running_mean")
        for name, value in vars(part).items():
            if not isinstance(value, Parameter):
                continue
            if name == "bias":
                constant_(value, 0.0)
            else:
                normal_(value, 1.0 if is_norm else 0.0, 0.02)
    return module
