"""The sums of the gradients that reach one tensor from several places."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from tinygan.autograd import is_grad_enabled
from tinygan.kernels.add_all import add_all
from tinygan.tensor import Tensor

Key = TypeVar("Key", bound=Hashable)


def sum_each(parts: Mapping[Key, list[Tensor]]) -> dict[Key, Tensor]:
    """The sum of each list, in its order.

    All lists are summed together, first their second parts, then their third: on a GPU each round
    is one launch. A discriminator's parameters get two parts each, from real and from generated
    images. While a graph is recorded, the sums are ops.
    """
    sums = {key: several[0] for key, several in parts.items()}
    for number in range(1, max(map(len, parts.values()), default=0)):
        now = {key: several[number] for key, several in parts.items() if number < len(several)}
        if is_grad_enabled():
            sums.update({key: sums[key] + part for key, part in now.items()})
        else:
            added = add_all([sums[key].array for key in now], [part.array for part in now.values()])
            sums.update(zip(now, map(Tensor, added), strict=True))
    return sums
