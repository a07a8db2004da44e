"""How class labels enter a net: as one-hot vectors, concatenated to the net's input."""

from __future__ import annotations

import tinygan.functional as F
from tinygan import nn
from tinygan.ops.shape import cat
from tinygan.tensor import Tensor


def one_hot(labels: Tensor, classes: int, like: Tensor) -> Tensor:
    """Labels (n,) as rows of the identity (n, classes), of the dtype of `like` (n, ...).

    Raises:
        TypeError: the labels are not integers.
        ValueError: a label is outside 0 ... classes - 1, or there is not one for each row.
    """
    if labels.shape != like.shape[:1]:
        raise ValueError(f"labels has shape {labels.shape}, expected {like.shape[:1]}: one a row")
    return F.one_hot(labels, classes).to(like.dtype)


class WithLabels(nn.Module):
    """net(x, labels) = net(cat(x, y)), y the one-hot labels.

    To vectors (n, size), y is concatenated as further features; to images (n, c, h, w) as further
    channels, each constant: map k is 1 all over in images of class k, and 0 in all others.
    """

    def __init__(self, net: nn.Module, classes: int):
        self.net, self.classes = net, classes

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        y = one_hot(labels, self.classes, x)
        if x.ndim == 4:
            y = y.reshape(*y.shape, 1, 1).expand(*y.shape, *x.shape[2:])
        return self.net(cat([x, y], 1))

    def extra_repr(self) -> str:
        return f"classes={self.classes}"


class LabelAtInput(nn.Module):
    """layer(cat(x, y)): a way to join features x and one-hot labels y."""

    def __init__(self, layer: nn.Module):
        self.layer = layer

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.layer(cat([x, y], 1))


class LabelThroughHidden(nn.Module):
    """cat(of_input(x), of_label(y)): the other way, through a hidden layer for each."""

    def __init__(self, of_input: nn.Module, of_label: nn.Module):
        self.of_input, self.of_label = of_input, of_label

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return cat([self.of_input(x), self.of_label(y)], 1)


class Conditional(nn.Module):
    """net(join(prepare(x), y)), y the one-hot labels."""

    def __init__(self, classes: int, prepare: nn.Module, join: nn.Module, net: nn.Module):
        self.classes, self.prepare, self.join, self.net = classes, prepare, join, net

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        y = one_hot(labels, self.classes, x)
        return self.net(self.join(self.prepare(x), y))
