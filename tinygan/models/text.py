"""How a text enters a net: as the vector of a bag of words."""

from __future__ import annotations

import tinygan.functional as F
from tinygan import nn
from tinygan.tensor import Tensor


class TextEncoder(nn.Module):
    """t = LeakyReLU(W s + b) of k words: tokens (n, length) -> (n, outputs).

    s is the sum of the words' vectors, divided by sqrt(k), so that it starts as large as one of
    them. Token 0 fills a row up and is no word.
    """

    def __init__(self, words: int, outputs: int):
        self.vectors = nn.Embedding(words, outputs, padding_idx=0)
        self.layer = nn.Linear(outputs, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        if tokens.ndim != 2:
            raise ValueError(f"TextEncoder: expected tokens (n, length), got {tokens.shape}")
        vectors = self.vectors(tokens)
        count = (tokens != 0).to(vectors.dtype).sum(1, keepdim=True)
        return F.leaky_relu(self.layer(vectors.sum(1) / count**0.5), 0.2)


def everywhere(t: Tensor, maps: Tensor) -> Tensor:
    """t (n, c) in every cell of maps of the size of `maps`."""
    return t.reshape(*t.shape, 1, 1).expand(*t.shape, *maps.shape[2:])
