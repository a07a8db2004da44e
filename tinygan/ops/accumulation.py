"""The sums of the gradients that reach one tensor from several places."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping
from typing import TypeVar

from tinygan.autograd import is_grad_enabled
from tinygan.kernels.add_all import sum_lists
from tinygan.tensor import Tensor

Key = TypeVar("Key", bound=Hashable)


def sum_each(parts: Mapping[Key, list[Tensor]]) -> dict[Key, Tensor]:
    """The sum of each list, in its order.

    A discriminator's parameters get two parts each, from real and from generated images. While a
    graph is recorded, the sums are ops.
    """
    sums = {key: several[0] for key, several in parts.items()}
    more = {key: several for key, several in parts.items() if len(several) > 1}
    if is_grad_enabled():
        for key, several in more.items():
            sums[key] = functools.reduce(Tensor.__add__, several)
    elif more:
        added = sum_lists([[part.array for part in several] for several in more.values()])
        sums.update(zip(more, map(Tensor, added), strict=True))
    return sums
