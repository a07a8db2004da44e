"""Looking into nets without changing them: evaluation mode, outputs, the layers and their blocks.

Everything in tinygan.explore runs the nets in evaluation mode and differentiates by their inputs
alone. It never changes them, so that other threads can use them meanwhile.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np

from tinygan import nn
from tinygan.creation import tensor
from tinygan.devices import temporary_seed, to_device
from tinygan.nn.evaluation import evaluating
from tinygan.tensor import Tensor
from tinygan.training.sampling import sample

__all__ = [
    "Block", "Rate", "block_at", "blocks_of", "convolution_in", "cut", "evaluating", "input_of",
    "layers_of", "outputs", "pictures", "positive", "rate", "untrained", "values",
]  # fmt: skip


class Rate(NamedTuple):
    """A mean over trials and its standard error."""

    mean: float
    error: float


def rate(trials) -> Rate:
    """The mean of numbers or truths (n,), n >= 2, and its standard error, std / sqrt(n)."""
    x = values("rate: trials", np.asarray(trials) * 1.0, 1)
    if len(x) < 2:
        raise ValueError("rate: trials: expected at least 2, got 1")
    return Rate(float(x.mean()), float(x.std(ddof=1) / len(x) ** 0.5))


class Block(NamedTuple):
    """A convolution with the batch norm and the activation that follow it, if they do.

    ``layers_of(net)[convolution:end]`` are its layers.
    """

    convolution: int
    end: int


def values(name: str, x, ndim: int | None = None) -> np.ndarray:
    """A Tensor or array of numbers as an array on the CPU, checked.

    Raises:
        TypeError: it is not of numbers.
        ValueError: not `ndim` dimensions, no elements, or a value that is not finite.
    """
    array = np.asarray(to_device(x.array, "cpu") if isinstance(x, Tensor) else x)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected a Tensor or array of numbers, got {array.dtype}")
    if array.size == 0 or (ndim is not None and array.ndim != ndim):
        wanted = "at least one number" if ndim is None else f"{ndim} dimensions, none of them empty"
        raise ValueError(f"{name}: expected {wanted}, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: has values that are not finite")
    return array


def pictures(name: str, images) -> np.ndarray:
    """Images (n, c, h, w) as an array on the CPU, checked as `values` does."""
    return values(name, images, 4)


def positive(name: str, value, minimum: int = 1) -> int:
    """An integer of at least `minimum`; anything else raises a ValueError that names it."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ValueError(f"{name}: expected an integer of at least {minimum}, got {value!r}")
    return int(value)


def input_of(net: nn.Module, x) -> Tensor:
    """A Tensor or array where the net lies, floats in the dtype of its weights."""
    weight = next(net.parameters(), None)
    x = x.detach() if isinstance(x, Tensor) else Tensor(np.asarray(x))
    dtype = x.dtype if weight is None or x.dtype.kind != "f" else weight.dtype
    return tensor(x, dtype, "cpu" if weight is None else weight.device)


def outputs(net: nn.Module, x, labels=None, batch_size: int = 250) -> np.ndarray:
    """What `net` makes of a Tensor or array (n, ...), in evaluation mode, on the CPU.

    A generator's images are ``outputs(generator, latent)``, those of a class-conditional one
    ``outputs(generator, latent, labels)``; `batch_size` does not change them. As
    `tinygan.training.sample`, but it takes arrays, and moves them to where the net lies.

    Raises:
        ValueError: x is empty, or there is not one label for each of it.
    """
    if len(x) < 1:
        raise ValueError("outputs: expected inputs of a length of at least 1, got 0")
    positive("outputs: batch_size", batch_size)
    given = None if labels is None else input_of(net, labels)
    return sample(net, input_of(net, x), given, batch_size)


def untrained(net: nn.Module, images, seed: int = 0, batch_size: int = 100) -> nn.Module:
    """A net of the same layers with random weights: what training has to beat.

    It is made as good as it can be without training. Weights are N(0, 2 / fan in) (He 2015,
    arXiv:1502.01852), so that the maps of all layers are of about one size, with or without batch
    norm; with DCGAN's 0.02 they would fade from layer to layer. Batch norms use the mean statistics
    of the batches of `images`. `net` itself is left alone.
    """
    x = values("untrained: images", images)
    positive("untrained: batch_size", batch_size)
    twin = copy.deepcopy(net).requires_grad_(False).train()
    norms = [x for x in twin.modules() if isinstance(x, (nn.BatchNorm1d, nn.BatchNorm2d))]
    momenta = [norm.momentum for norm in norms]
    with temporary_seed(seed):
        for parameter in twin.parameters():
            if parameter.ndim > 1:
                fan_in = parameter.numel() / len(parameter)
                nn.init.normal_(parameter, 0.0, (2 / fan_in) ** 0.5)
            else:
                nn.init.constant_(parameter, 0.0)
        for norm in norms:
            if norm.weight is not None:
                nn.init.constant_(norm.weight, 1.0)
        for count, start in enumerate(range(0, len(x), batch_size), start=1):
            for norm in norms:
                norm.momentum = 1 / count  # the mean of all batches so far
            twin(input_of(twin, x[start : start + batch_size]))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return twin.eval()


def layers_of(net: nn.Module) -> list[nn.Module]:
    """The layers of a Sequential in their order, those of Sequentials inside it included.

    Raises:
        TypeError: `net` is no Sequential: what happens between its parts is not known.
    """
    if not isinstance(net, nn.Sequential):
        raise TypeError(
            f"expected an nn.Sequential, whose layers can be run one by one, got a "
            f"{type(net).__name__}"
        )
    layers: list[nn.Module] = []
    for layer in net:
        layers += layers_of(layer) if isinstance(layer, nn.Sequential) else [layer]
    return layers


def convolution_in(layer: nn.Module) -> nn.Conv2d | nn.ConvTranspose2d | None:
    """The convolution that `layer` is, or that it holds, as a normalisation of its weight does."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    return next((part for part in layer.modules() if isinstance(part, kinds)), None)


def blocks_of(net: nn.Module) -> list[Block]:
    """The convolutions of a Sequential, each with its batch norm and activation.

    Raises:
        TypeError: `net` is no Sequential.
        ValueError: it has no convolution.
    """
    layers = layers_of(net)
    blocks = []
    for index, layer in enumerate(layers):
        if convolution_in(layer) is None:
            continue
        end = index + 1
        while end < len(layers) and isinstance(
            layers[end], (nn.BatchNorm2d, nn.ReLU, nn.LeakyReLU, nn.Tanh)
        ):
            end += 1
        blocks.append(Block(index, end))
    if not blocks:
        raise ValueError(f"the net has no convolution: {[type(x).__name__ for x in layers]}")
    return blocks


def block_at(net: nn.Module, layer: int) -> Block:
    """Convolution number `layer` of `net`, from 0, or from -1 backwards.

    Raises:
        IndexError: there are fewer.
    """
    blocks = blocks_of(net)
    if not -len(blocks) <= layer < len(blocks):
        raise IndexError(f"layer: the net has {len(blocks)} convolutions, got {layer}")
    return blocks[layer]


def cut(net: nn.Module, layer: int) -> tuple[nn.Sequential, nn.Sequential]:
    """`net` in two, after the block of convolution `layer`; the parts share its weights."""
    layers, end = layers_of(net), block_at(net, layer).end
    return nn.Sequential(*layers[:end]), nn.Sequential(*layers[end:])
