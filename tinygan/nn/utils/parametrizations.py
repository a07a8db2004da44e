"""Layers whose weight is computed from another one."""

from __future__ import annotations

from tinygan.nn import stabilisers
from tinygan.nn.module import Module

__all__ = ["spectral_norm"]


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> stabilisers.SpectralNorm:  # fmt: skip
    """`tinygan.nn.spectral_norm` with PyTorch's arguments.

    It returns a module around the layer, which computes what PyTorch's changed layer does, to the
    second derivative. Different on purpose: the layer itself stays as it is, its weight is
    ``.layer.weight``, and in a `state_dict` "layer.weight", with u and v as buffers of their own.

    Raises:
        ValueError: another parameter than "weight", or a `dim` other than that of the outputs.
        TypeError: the layer is no Linear, Conv2d or ConvTranspose2d.
    """
    _check(name, dim)
    return stabilisers.spectral_norm(module, n_power_iterations, eps)


def older_spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> stabilisers.SpectralNorm:  # fmt: skip
    """As `parametrizations.spectral_norm`, with the iteration of PyTorch's older function, which
    many programs for GANs call: its steps have the other order, and there are none at the start.

    Raises:
        ValueError, TypeError: as there.
    """
    _check(name, dim)
    return stabilisers.spectral_norm(module, n_power_iterations, eps, older=True)


def _check(name: str, dim: int | None) -> None:
    if name != "weight":
        raise ValueError(f"spectral_norm: name must be 'weight', got {name!r}")
    if dim is not None:
        raise ValueError(
            f"spectral_norm: dim {dim} is not supported; leave it out, and rows of the matrix are "
            "the output channels"
        )
