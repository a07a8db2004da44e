"""Layers that keep a discriminator in check: spectral normalisation, minibatch discrimination."""

from __future__ import annotations

import copy
from typing import ClassVar

from tinygan.devices import Array, array_module, beside, generator, to_device
from tinygan.kernels.matmul import matmul
from tinygan.nn import init
from tinygan.nn.convolution import Conv2d, ConvTranspose2d
from tinygan.nn.layers import Linear, _empty, _positive
from tinygan.nn.module import Module
from tinygan.nn.parameter import Buffer
from tinygan.ops.shape import cat
from tinygan.tensor import Tensor


class MinibatchDiscrimination(Module):
    """How close each sample is to the others of its batch, appended to its features.

    (Salimans 2016, arXiv:1606.03498, section 3.2.) A generator that makes the same image again and
    again gives itself away: (n, in_features) -> (n, in_features + out_features).

        M_i = x_i T                                          out_features rows of kernel_dims
        c_b(x_i, x_j) = exp(-||M_ib - M_jb||_1)
        o_b(x_i) = sum over j != i of c_b(x_i, x_j)

    The paper's sum includes j = i, which adds 1 whatever x is; here it is left out, so that a
    sample far from all others has o = 0. T starts uniform in +-1 / sqrt(in_features).
    """

    def __init__(self, in_features: int, out_features: int, kernel_dims: int):
        _positive(
            "MinibatchDiscrimination",
            in_features=in_features, out_features=out_features, kernel_dims=kernel_dims,
        )  # fmt: skip
        self.in_features, self.out_features = in_features, out_features
        self.kernel_dims = kernel_dims
        weight = _empty(in_features, out_features * kernel_dims)
        self.weight = init.fan_in_uniform_(weight, in_features)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise ValueError(
                f"MinibatchDiscrimination: expected (n, {self.in_features}), got shape {x.shape}"
            )
        m = (x @ self.weight).reshape(-1, self.out_features, self.kernel_dims)  # M_i = x_i T
        m = m.transpose(1, 2)  # the few kernel_dims not last: sums over a short last axis are slow
        distance = (m.unsqueeze(1) - m.unsqueeze(0)).abs().sum(2)  # ||M_ib - M_jb||_1: (i, j, b)
        closeness = (-distance).exp().sum(1) - 1.0  # exp(-0) = 1 of j = i, exactly
        return cat([x, closeness], 1)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, {self.kernel_dims}"


class SpectralNorm(Module):
    """A layer whose weight is divided by its largest singular value; see `spectral_norm`."""

    _renamed: ClassVar[dict[str, str]] = {
        "bias": "layer.bias", "weight_orig": "layer.weight", "weight_u": "u", "weight_v": "v",
        "parametrizations.weight.original": "layer.weight",
        "parametrizations.weight.0._u": "u", "parametrizations.weight.0._v": "v",
    }  # fmt: skip

    def __init__(
        self, layer: Linear | Conv2d | ConvTranspose2d, n_power_iterations: int, eps: float,
        older: bool = False,
    ):  # fmt: skip
        self.layer = layer
        self.n_power_iterations, self.eps, self.older = n_power_iterations, eps, older
        rows, columns = self._matrix().shape
        self.u, self.v = self._random_direction(rows), self._random_direction(columns)
        if not older:
            self._iterate(15)  # a good start, as in PyTorch

    def forward(self, x: Tensor) -> Tensor:
        return self.normalised()(x)

    def normalised(self) -> Linear | Conv2d | ConvTranspose2d:
        """The layer with its weight divided; in training, after a step of the iteration."""
        if self.training:
            self._iterate(self.n_power_iterations)
        # sigma = u^T W v, with u and v held constant: the gradient of sigma by W is u v^T.
        with beside(self.u.array):
            outer = self._like_weight(self.u.array[:, None] * self.v.array)
        sigma = (self.layer.weight * Tensor(outer)).sum()
        normalised = copy.copy(self.layer)
        bias = {name: p for name, p in self.layer._parameters.items() if name != "weight"}
        vars(normalised).update(_parameters=bias, weight=self.layer.weight / sigma)
        return normalised

    def _iterate(self, count: int) -> None:
        """Algorithm 1, step 1: towards the left and right vectors of the largest value. PyTorch's
        older function takes its half steps in the other order."""
        matrix = self._matrix()
        u, v = self.u.array, self.v.array
        with beside(u):
            for _ in range(count):
                # Our product and not the library's, since cuBLAS cannot be captured.
                if self.older:
                    v = self._unit(matmul(matrix.T, u[:, None])[:, 0])
                u = self._unit(matmul(matrix, v[:, None])[:, 0])  # W v / ||W v||
                if not self.older:
                    v = self._unit(matmul(matrix.T, u[:, None])[:, 0])  # W^T u / ||W^T u||
            self.u.array[...], self.v.array[...] = u, v
        self.u.version += 1
        self.v.version += 1

    def _matrix(self) -> Array:
        """The weight as a matrix with a row for each output channel."""
        weight = self.layer.weight.array
        if isinstance(self.layer, ConvTranspose2d):
            weight = weight.swapaxes(0, 1)
        return weight.reshape(len(weight), -1)

    def _like_weight(self, matrix: Array) -> Array:
        """The inverse of `_matrix`."""
        shape = self.layer.weight.shape
        if isinstance(self.layer, ConvTranspose2d):
            return matrix.reshape(shape[1], shape[0], *shape[2:]).swapaxes(0, 1)
        return matrix.reshape(shape)

    def _random_direction(self, size: int) -> Buffer:
        weight = self.layer.weight
        direction = self._unit(generator.ziggurat_normal((size,), weight.dtype))
        return Buffer(to_device(direction, weight.device))

    def _unit(self, vector: Array) -> Array:
        xp = array_module(vector)
        return vector / xp.maximum(xp.sqrt((vector * vector).sum()), self.eps)

    def extra_repr(self) -> str:
        return f"n_power_iterations={self.n_power_iterations}"


def spectral_norm(
    layer: Module, n_power_iterations: int = 1, eps: float = 1e-12, *, older: bool = False
) -> SpectralNorm:
    """A module that computes `layer` with the weight W / sigma(W), sigma the largest singular
    value of W as a matrix (output channels, all the rest).

    The layer can then stretch no input by more than a factor of 1 (of a convolution, each patch).
    (Miyato 2018, arXiv:1802.05957, algorithm 1.) sigma is found by power iteration: one step in
    each forward pass in training mode, from where the last one stopped; u and v are buffers.
    Weight and gradient are those of ``torch.nn.utils.parametrizations.spectral_norm``.

    Initialise the layer before, because u and v start from its weight.

    Args:
        layer: a Linear, Conv2d or ConvTranspose2d.
        n_power_iterations: steps in each forward pass, at least 1.
        eps: a vector shorter than this is divided by eps, not by its length.
        older: as ``torch.nn.utils.spectral_norm``: v from u and then u from v in each step, and no
            steps at the start. Trained weights differ, the limit does not.

    Raises:
        TypeError: the layer is of another kind.
        ValueError: n_power_iterations is no positive integer.
    """
    if not isinstance(layer, (Linear, Conv2d, ConvTranspose2d)):
        raise TypeError(
            "spectral_norm: layer must be a Linear, Conv2d or ConvTranspose2d, "
            f"got {type(layer).__name__}"
        )
    _positive("spectral_norm", n_power_iterations=n_power_iterations)
    return SpectralNorm(layer, n_power_iterations, eps, older)


class Rescale(Module):
    """scale x + shift, with fixed numbers: Rescale(2.0, -1.0) maps [0, 1] to [-1, 1]."""

    def __init__(self, scale: float, shift: float):
        self.scale, self.shift = scale, shift

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift

    def extra_repr(self) -> str:
        return f"{self.scale}, {self.shift}"
