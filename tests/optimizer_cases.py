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
        steps: for how many steps it is compared with PyTorch's: few, where rounding grows.
    """

    name: str
    make: Callable[..., optim.Optimizer]
    options: dict[str, Any]
    schedule: tuple[float, float, int] = (1.0, 0.1, 70)
    steps: int = 100

    def __call__(self, params) -> optim.Optimizer:
        return self.make(params, **self.options)


OPTIMIZERS = [
    OptimizerCase("Adam", optim.Adam, dict(lr=0.01, betas=(0.5, 0.999))),
    OptimizerCase("SGD", optim.SGD, dict(lr=0.002), (0.3, 1.0, 5)),
    OptimizerCase("SGD momentum", optim.SGD, dict(lr=0.002, momentum=0.9), (0.3, 1.0, 5)),
    OptimizerCase("SGD nesterov", optim.SGD, dict(
        lr=0.002, momentum=0.9, nesterov=True, weight_decay=0.1), (0.3, 1.0, 5)),
    OptimizerCase("SGD dampening", optim.SGD, dict(lr=0.002, momentum=0.9, dampening=0.5),
                  (0.3, 1.0, 5)),
    OptimizerCase("Adam decay", optim.Adam, dict(lr=0.01, weight_decay=0.1)),
    OptimizerCase("Adam amsgrad", optim.Adam, dict(lr=0.01, betas=(0.5, 0.9), amsgrad=True)),
    OptimizerCase("AdamW", optim.AdamW, dict(lr=0.01, weight_decay=0.1)),
    OptimizerCase("AdamW amsgrad", optim.AdamW, dict(lr=0.01, amsgrad=True)),
    OptimizerCase("RMSprop", optim.RMSprop, dict(lr=0.004, alpha=0.9)),
    OptimizerCase("RMSprop all", optim.RMSprop, dict(
        lr=0.05, alpha=0.9, momentum=0.5, centered=True, weight_decay=0.01, eps=1e-3), steps=5),
    OptimizerCase("Adagrad", optim.Adagrad, dict(
        lr=0.1, lr_decay=0.01, weight_decay=0.01, initial_accumulator_value=0.1)),
    OptimizerCase("Adadelta", optim.Adadelta, dict(lr=1.0, rho=0.8, eps=1e-3, weight_decay=0.01),
                  steps=5),
]

each_optimizer = pytest.mark.parametrize("make", OPTIMIZERS, ids=[case.name for case in OPTIMIZERS])
