"""Layers: modules with parameters, made of the functions in ``tinygan.functional``."""

from typing import TYPE_CHECKING, Any

from tinygan.absent import missing as _missing
from tinygan.nn import (
    activations,
    containers,
    dropout,
    functional,
    images,
    init,
    losses,
    norms,
    pooling,
    utils,
)
from tinygan.nn.activations import *
from tinygan.nn.containers import *
from tinygan.nn.convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from tinygan.nn.dropout import *
from tinygan.nn.images import *
from tinygan.nn.layers import (
    Embedding,
    Flatten,
    Linear,
    Maxout,
    Unflatten,
)
from tinygan.nn.losses import *
from tinygan.nn.module import Module
from tinygan.nn.norms import *
from tinygan.nn.parameter import Buffer, Parameter
from tinygan.nn.pooling import *
from tinygan.nn.sequential import Sequential
from tinygan.nn.stabilisers import (
    MinibatchDiscrimination,
    Rescale,
    SpectralNorm,
    spectral_norm,
)

# What a file lists in its own __all__ is public here.
__all__ = [
    "Buffer", "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "Embedding", "Flatten",
    "Linear", "Maxout", "MinibatchDiscrimination", "Module", "Parameter", "Rescale", "Sequential",
    "SpectralNorm", "Unflatten", "functional", "init", "spectral_norm", "utils",
]  # fmt: skip
__all__ += [*activations.__all__, *containers.__all__, *dropout.__all__, *images.__all__]
__all__ += [*losses.__all__, *norms.__all__, *pooling.__all__]


if not TYPE_CHECKING:  # which would take any name for one that exists

    def __getattr__(name: str) -> Any:
        raise AttributeError(_missing("tinygan.nn", name))
