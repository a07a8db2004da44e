"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable

from tinygan.optim.optimizer import Optimizer
from tinygan.tensor import Tensor


class SGD(Optimizer):
    """Gradient descent with momentum: b = momentum b + g, p = p - lr b (b = g at first).

    Set ``.momentum`` between steps to change it, as the original GAN's recipe does.
    """

    slots = ("momentum_buffer",)
    numbers = ("lr", "momentum")

    def __init__(self, params: Iterable[Tensor], lr: float = 1e-3, momentum: float = 0.0):
        super().__init__(params, lr=lr, momentum=momentum)

    def _update(self, params, grads, slots, state):
        state[0:1] += 1
        for p, g, arrays in zip(params, grads, slots, strict=True):
            lr, momentum = state[1:2].astype(p.dtype), state[2:3].astype(p.dtype)
            buffer = arrays["momentum_buffer"]
            buffer *= momentum
            buffer += g
            p -= lr * buffer
