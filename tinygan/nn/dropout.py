"""Layers that set values to zero at random, in training."""

from __future__ import annotations

import tinygan.functional as F
from tinygan.nn.module import Module
from tinygan.tensor import Tensor

__all__ = ["AlphaDropout", "Dropout", "Dropout2d"]


class Dropout(Module):
    """In training, zero with probability p; see `tinygan.functional.dropout`. With `inplace`
    the input takes the values of the result."""

    def __init__(self, p: float = 0.5, inplace: bool = False):
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p must be in [0, 1], got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout2d(Dropout):
    """In training, each channel is zero with probability p; see `tinygan.functional.dropout2d`."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class AlphaDropout(Dropout):
    """Dropout for SELU; see `tinygan.functional.alpha_dropout`."""

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training, self.inplace)
