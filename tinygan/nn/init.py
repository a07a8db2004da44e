"""Initial values, drawn from tinygan's random stream into existing tensors, in place.

Each function takes a Tensor, a Parameter or its ``.data``, and returns it.
"""

from __future__ import annotations

import math

import numpy as np

from tinygan.devices import beside, generator, to_device
from tinygan.nn.module import Module
from tinygan.tensor import Tensor


def _assign(tensor: Tensor, values) -> Tensor:
    with beside(tensor.array):
        tensor.array[...] = to_device(values, tensor.device) if hasattr(values, "dtype") else values
    tensor.version += 1
    return tensor


def constant_(tensor: Tensor, val: float) -> Tensor:
    """All elements `val`."""
    return _assign(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """All elements 1."""
    return _assign(tensor, 1)


def zeros_(tensor: Tensor) -> Tensor:
    """All elements 0."""
    return _assign(tensor, 0)


def eye_(tensor: Tensor) -> Tensor:
    """Ones on the diagonal of a matrix, zeros elsewhere."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_: tensor must be a matrix, got shape {tensor.shape}")
    return _assign(tensor, np.eye(*tensor.shape, dtype=tensor.dtype))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Samples of N(mean, std^2)."""
    return _assign(tensor, generator.ziggurat_normal(tensor.shape, tensor.dtype) * std + mean)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Tensor:
    """Samples of N(mean, std^2) within [a, b], which are values, not deviations: others are drawn
    again.

    Raises:
        ValueError: hardly any sample would lie in [a, b].
    """
    if not a < b or mean - 4 * std > b or mean + 4 * std < a:
        raise ValueError(f"trunc_normal_: N({mean}, {std}^2) has hardly a value in [{a}, {b}]")
    values = generator.ziggurat_normal(tensor.shape, tensor.dtype) * std + mean
    while (outside := (values < a) | (values > b)).any():
        count = int(outside.sum())
        values[outside] = generator.ziggurat_normal((count,), tensor.dtype) * std + mean
    return _assign(tensor, values)


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


_GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0, "conv_transpose3d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3,
    "relu": math.sqrt(2), "selu": 3 / 4,
}  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much an activation shrinks what it gets: the factor that weights before it need.

    Args:
        param: the negative slope of "leaky_relu", 0.01 by default.

    Raises:
        ValueError: the activation has no known gain.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(f"calculate_gain: no gain for {nonlinearity!r}; there are {known}")
    return _GAINS[nonlinearity]


def _fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """(fan in, fan out) of a weight (out, in, ...)."""
    if tensor.ndim < 2:
        raise ValueError(f"{name}: tensor needs 2 or more dimensions, got shape {tensor.shape}")
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Uniform in +-gain sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6 / sum(_fans("xavier_uniform_", tensor)))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """N(0, std^2) with std = gain sqrt(2 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans("xavier_normal_", tensor))))


def _kaiming_std(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan = _fans(name, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, fan))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Uniform in +-gain sqrt(3 / fan) (He 2015, arXiv:1502.01852).

    Args:
        a: the negative slope of the leaky ReLU after the layer.
        mode: the fan, "fan_in" (keeps the size of values) or "fan_out" (of gradients).
        nonlinearity: the activation after the layer; see `calculate_gain`.
    """
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """N(0, gain^2 / fan), as `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity))


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """A random orthogonal matrix times gain; dimensions after the first are made one.

    Rows are orthonormal, or columns if there are more rows. (Saxe 2013, arXiv:1312.6120.)
    """
    if tensor.ndim < 2:
        raise ValueError(
            f"orthogonal_: tensor needs 2 or more dimensions, got shape {tensor.shape}"
        )
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    drawn = generator.ziggurat_normal((max(rows, columns), min(rows, columns)), tensor.dtype)
    q, r = np.linalg.qr(drawn)
    q = q * np.sign(np.diag(r))  # so that all orthogonal matrices are equally likely
    matrix = q if rows >= columns else q.T
    return _assign(tensor, gain * matrix.reshape(tensor.shape))


def dcgan_(module: Module) -> Module:
    """The initialisation of DCGAN (Radford 2015, arXiv:1511.06434, section 4), for all parts.

    Weights of linear layers and convolutions are N(0, 0.02^2) (0.02 is the standard deviation),
    weights of batch norms N(1, 0.02^2), biases 0.
    """
    for part in module.modules():
        is_norm = hasattr(part, "running_mean")
        for name, value in part.named_parameters(recurse=False):
            if name == "bias":
                constant_(value, 0.0)
            else:
                normal_(value, 1.0 if is_norm else 0.0, 0.02)
    return module


# Names that PyTorch has deprecated, and older programs use.
uniform, normal, constant, eye = uniform_, normal_, constant_, eye_
xavier_uniform, xavier_normal, orthogonal = xavier_uniform_, xavier_normal_, orthogonal_
kaiming_uniform, kaiming_normal = kaiming_uniform_, kaiming_normal_
