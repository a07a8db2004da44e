"""The patterns that the discriminator's filters detect: guided backpropagation.

Springenberg 2014, arXiv:1412.6806, section 3.4; used on DCGAN's D by Radford 2015,
arXiv:1511.06434, section 6.2. Take the place where a filter responds most, and ask which pixels
made it respond so: the gradient of that one activation by the image. The plain gradient mixes
pixels that excite the filter with pixels that calm its rivals. Guided backpropagation lets only
the positive part through at each activation on the way back, and what is left is mostly the former.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygan import nn
from tinygan.autograd import Function, grad
from tinygan.devices import array_module
from tinygan.explore.nets import (
    block_at,
    cut,
    evaluating,
    input_of,
    layers_of,
    outputs,
    pictures,
)
from tinygan.tensor import Tensor

# Gradients this much smaller than the largest are zeros that fast convolutions have rounded.
NOISE = 1e-4


class GuidedActivation(Function):
    """x where x > 0, slope x elsewhere;  max(g, 0) times 1 or slope, by the sign of x

    Not the derivative of its forward: backward is the rule of guided backpropagation. It is not
    differentiable again.
    """

    def __init__(self, slope: float):
        self.slope = slope

    def forward(self, x):
        xp = array_module(x)
        self.factor = xp.where(x > 0, x.dtype.type(1), x.dtype.type(self.slope))
        return x * self.factor

    def backward(self, grad_output):
        positive_part = array_module(self.factor).maximum(grad_output.array, 0)
        return (Tensor(positive_part * self.factor),)


class Responses(NamedTuple):
    """The strongest response of each of k filters.

    strength: (k,), the activation. image: (k,), the index of the image that has it. pixels:
    (k, c, h, w), that image. gradient: (k, c, h, w), guided, of the strength by the pixels.
    """

    strength: np.ndarray
    image: np.ndarray
    pixels: np.ndarray
    gradient: np.ndarray


def guided_forward(net: nn.Module, x: Tensor, layer: int) -> Tensor:
    """`x` through `net` as far as convolution `layer` with its batch norm and activation.

    The values are the net's own; ReLU and LeakyReLU are replaced by `GuidedActivation`.
    """
    for part in layers_of(net)[: block_at(net, layer).end]:
        if isinstance(part, (nn.ReLU, nn.LeakyReLU)):
            slope = part.negative_slope if isinstance(part, nn.LeakyReLU) else 0.0
            x = GuidedActivation(slope)(x)
        else:
            x = part(x)
    return x


def strongest(discriminator: nn.Module, images, layer: int) -> Responses:
    """The strongest response of each filter of convolution `layer` over all images and places,
    with its guided gradient.

    Raises:
        TypeError, ValueError: the net is no Sequential or has no convolution; or images are no
            (n, c, h, w).
        IndexError: there is no such convolution.
    """
    x = pictures("strongest: images", images)
    maps = outputs(cut(discriminator, layer)[0], x)  # (n, k, h, w)
    n, filters, height, width = maps.shape
    best = maps.transpose(1, 0, 2, 3).reshape(filters, -1).argmax(1)
    image, row, column = np.unravel_index(best, (n, height, width))

    chosen = input_of(discriminator, x[image]).requires_grad_()
    with evaluating(discriminator):
        response = guided_forward(discriminator, chosen, layer)
        start = np.zeros(response.shape, np.float32)
        start[np.arange(filters), np.arange(filters), row, column] = 1
        (gradient,) = grad(response, chosen, input_of(discriminator, start))
    assert gradient is not None
    strength = maps[image, np.arange(filters), row, column]
    return Responses(strength, image, x[image], gradient.cpu().array)


def concentration(gradient, fraction: float = 0.05) -> np.ndarray:
    """How much of each gradient lies in few pixels: the part of its square that is in the top
    `fraction` of them.

    (k, c, h, w) -> (m,), between `fraction` (all pixels equal) and 1. A pixel's square is the sum
    over its channels. Filters whose gradient is zero everywhere are left out, so that m <= k.

    Raises:
        ValueError: `fraction` is not between 0 and 1, or all gradients are zero.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"concentration: fraction must be in (0, 1], got {fraction}")
    g = pictures("concentration: gradient", gradient).astype(np.float64)
    mass = np.sort((g**2).sum(1).reshape(len(g), -1), axis=1)[:, ::-1]
    mass = mass[mass.sum(1) > 0]
    if len(mass) == 0:
        raise ValueError("concentration: gradient: all are zero: no filter responds")
    top = max(1, round(fraction * mass.shape[1]))
    return mass[:, :top].sum(1) / mass.sum(1)


def patches(responses: Responses) -> np.ndarray:
    """What each filter looks at, and its gradient beside it: (2 k, c, s, s) in [-1, 1].

    A patch is the part of the image in which the gradient is not zero, s the side of the largest.
    Gradients are scaled to a largest value of 1; grey (0) is none.
    """
    k, _, h, w = responses.gradient.shape
    size = np.abs(responses.gradient).max(1)
    support = size > NOISE * size.max((1, 2), keepdims=True)
    rows, columns = _extent(support.any(2)), _extent(support.any(1))
    side = min(h, w, int(max(np.diff(rows).max(), np.diff(columns).max())))
    shown = np.empty((k, 2, responses.pixels.shape[1], side, side), np.float32)
    for i in range(k):
        top = int(np.clip(rows[i].sum() // 2 - side // 2, 0, h - side))
        left = int(np.clip(columns[i].sum() // 2 - side // 2, 0, w - side))
        window = np.s_[:, top : top + side, left : left + side]
        gradient = responses.gradient[i][window]
        shown[i, 0] = responses.pixels[i][window]
        shown[i, 1] = gradient / max(float(np.abs(gradient).max()), 1e-30)
    return shown.reshape(2 * k, *shown.shape[2:])


def _extent(occupied: np.ndarray) -> np.ndarray:
    """First and last + 1 of the True in each row: bool (k, n) -> (k, 2); all, where none is."""
    first, last = occupied.argmax(1), occupied.shape[1] - occupied[:, ::-1].argmax(1)
    return np.stack([first, last], axis=1)
