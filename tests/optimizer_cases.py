"""One table of all optimizers: each test that must hold for every optimizer walks through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tinygan import optim


class OptimizerCase(NamedTuple):
    """An optimizer, with options that PyTorch's optimizer of the same name understands, too.

    Attributes:
        name: PyTorch's, and after it what is special about the case.
        schedule: how its rate goes: arguments of LinearLR.
    """

    name: str
    make: Callable[..., optim.Optimizer]
    options: dict[str, Any]
    schedule: tuple[float, float, int] = (1.0, 0.1, 70)

    def __call__(self, params) -> optim.Optimizer:
        return self.make(params, **self.options)


OPTIMIZERS = [
    OptimizerCase("Adam", optim.Adam, dict(lr=0.01, betas=(0.5, 0.999))),
    OptimizerCase("SGD", optim.SGD, dict(lr=0.002), (0.3, 1.0, 5)),
    OptimizerCase("SGD momentum", optim.SGD, dict(lr=0.002, momentum=0.9), (0.3, 1.0, 5)),
]

each_optimizer = pytest.mark.parametrize("make", OPTIMIZERS, ids=[case.name for case in OPTIMIZERS])
