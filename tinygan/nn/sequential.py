"""Sequential: modules one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from tinygan.nn.fusion import calls
from tinygan.nn.module import Module


class Sequential(Module):
    """Modules one after the other: the output of each is the input of the next.

    Neighbours that `fusion.py` lists, as a convolution and its activation, are computed as one op.
    """

    def __init__(self, *layers: Module):
        for index, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(
                    f"Sequential: part {index} is a {type(layer).__name__}, not a Module"
                )
            setattr(self, str(index), layer)

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index):
        parts = list(self.children())[index]
        return Sequential(*parts) if isinstance(index, slice) else parts

    def forward(self, x):
        for call in calls(self.children()):
            x = call(x)
        return x
