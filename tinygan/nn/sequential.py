"""Sequential: modules one after the other."""

from __future__ import annotations

from typing import Any

from tinygan.nn.containers import _Numbered
from tinygan.nn.fusion import calls
from tinygan.nn.module import Module


class Sequential(_Numbered):
    """Modules one after the other: the output of each is the input of the next.

    ``Sequential(a, b)`` names them "0" and "1"; ``Sequential({"first": a, "second": b})`` (or an
    OrderedDict) gives them names. Neighbours that `fusion.py` lists, as a convolution and its
    activation, are computed as one op.
    """

    def __init__(self, *layers: Any):
        if len(layers) == 1 and isinstance(layers[0], dict):
            for name, layer in layers[0].items():
                self.add_module(name, layer)
        else:
            self.extend(layers)

    def _some(self, parts: dict[str, Module | None]) -> Sequential:
        # As in PyTorch: the names stay.
        result = Sequential()
        result._modules.update(parts)
        return result

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *other)

    def forward(self, input):
        for call in calls(self):
            input = call(input)
        return input
