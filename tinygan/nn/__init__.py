"""Layers: modules with parameters, made of the functions in ``tinygan.functional``."""

from tinygan.nn import init
from tinygan.nn.convolution import Conv1d, Conv2d, ConvTranspose2d
from tinygan.nn.layers import (
    BatchNorm1d,
    BatchNorm2d,
    Dropout,
    Embedding,
    Flatten,
    LeakyReLU,
    Linear,
    Maxout,
    ReLU,
    Sigmoid,
    Softplus,
    Tanh,
    Unflatten,
)
from tinygan.nn.module import Buffer, Module, Parameter
from tinygan.nn.pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from tinygan.nn.sequential import Sequential
from tinygan.nn.stabilisers import (
    MinibatchDiscrimination,
    Rescale,
    SpectralNorm,
    spectral_norm,
)

__all__ = [
    "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "Buffer", "Conv1d", "Conv2d",
    "ConvTranspose2d", "Dropout", "Embedding", "Flatten", "LeakyReLU", "Linear", "MaxPool2d",
    "Maxout", "MinibatchDiscrimination", "Module", "Parameter", "ReLU", "Rescale", "Sequential",
    "Sigmoid", "Softplus", "SpectralNorm", "Tanh", "Unflatten", "init", "spectral_norm",
]  # fmt: skip
