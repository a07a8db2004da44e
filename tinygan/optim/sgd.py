"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygan.optim.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent with momentum: b = momentum b + (1 - dampening) g, p = p - lr b.

    At the first step b = g. With `nesterov`, p = p - lr (g + momentum b). Set ``.momentum`` between
    steps to change it, as the original GAN's recipe does.

    Args:
        weight_decay: this times p is added to g.
        maximize: go up instead of down.

    Raises:
        ValueError: an option is negative; nesterov without momentum, or with dampening.
    """

    slots = ("momentum_buffer",)
    numbers = ("lr", "momentum")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0,
        dampening: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False, *,
        maximize: bool = False,
    ):  # fmt: skip
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
            nesterov=nesterov, maximize=maximize,
        )  # fmt: skip

    def _check_options(self, group):
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError("SGD: nesterov needs momentum > 0 and dampening 0")

    def _update(self, params, grads, slots, state, group):
        share = 1 - group["dampening"] * (state[0:1] > 0)  # of g in b: all of it at first
        state[0:1] += 1
        for p, g, arrays in zip(params, grads, slots, strict=True):
            lr, momentum = state[1:2].astype(p.dtype), state[2:3].astype(p.dtype)
            buffer = arrays["momentum_buffer"]
            buffer *= momentum
            buffer += g if group["dampening"] == 0 else share.astype(p.dtype) * g
            p -= lr * (g + momentum * buffer if group["nesterov"] else buffer)
