"""RMSprop, Adagrad and Adadelta: a rate for each weight, by the size of its gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygan.devices import array_module
from tinygan.optim.optimizer import Optimizer


class RMSprop(Optimizer):
    """v = alpha v + (1 - alpha) g^2, p = p - lr g / (sqrt(v) + eps).

    (Tieleman and Hinton 2012, lecture 6e of "Neural networks for machine learning".)

    Args:
        weight_decay: this times p is added to g.
        momentum: b = momentum b + g / (sqrt(v) + eps), p = p - lr b.
        centered: v - a^2 takes the place of v, where a = alpha a + (1 - alpha) g.
        maximize: go up instead of down.
    """

    slots: tuple[str, ...] = ("square_avg",)
    numbers = ("lr", "momentum")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False, *,
        maximize: bool = False,
    ):  # fmt: skip
        self.slots = ("square_avg", "momentum_buffer", *(("grad_avg",) if centered else ()))
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum,
            centered=centered, maximize=maximize,
        )  # fmt: skip

    def _check_options(self, group):
        if group["centered"] != self.defaults["centered"]:
            raise ValueError("RMSprop: centered must be the same in all groups")

    def _update(self, params, grads, slots, state, group):
        state[0:1] += 1
        alpha = group["alpha"]
        for p, g, arrays in zip(params, grads, slots, strict=True):
            lr, momentum = state[1:2].astype(p.dtype), state[2:3].astype(p.dtype)
            v, buffer = arrays["square_avg"], arrays["momentum_buffer"]
            v *= alpha
            v += (1 - alpha) * g * g
            square = v
            if group["centered"]:
                mean = arrays["grad_avg"]
                mean *= alpha
                mean += (1 - alpha) * g
                square = v - mean * mean
            buffer *= momentum
            buffer += g / (array_module(p).sqrt(square) + group["eps"])
            p -= lr * buffer


class Adagrad(Optimizer):
    """s = s + g^2, p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps) at step t.

    (Duchi 2011, JMLR 12.) s starts at initial_accumulator_value.
    """

    slots = ("sum",)

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0.0,
        weight_decay: float = 0.0, initial_accumulator_value: float = 0.0, eps: float = 1e-10, *,
        maximize: bool = False,
    ):  # fmt: skip
        super().__init__(
            params, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, eps=eps, maximize=maximize,
        )  # fmt: skip

    def _first(self, slot, array, group):
        return array_module(array).full_like(array, group["initial_accumulator_value"])

    def _update(self, params, grads, slots, state, group):
        rate = state[1:2] / (1 + state[0:1] * group["lr_decay"])
        state[0:1] += 1
        for p, g, arrays in zip(params, grads, slots, strict=True):
            total = arrays["sum"]
            total += g * g
            p -= rate.astype(p.dtype) * g / (array_module(p).sqrt(total) + group["eps"])


class Adadelta(Optimizer):
    """v = rho v + (1 - rho) g^2, d = sqrt(u + eps) / sqrt(v + eps) g, u = rho u + (1 - rho) d^2,
    p = p - lr d. (Zeiler 2012, arXiv:1212.5701.)"""

    slots = ("square_avg", "acc_delta")

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6,
        weight_decay: float = 0.0, *, maximize: bool = False,
    ):  # fmt: skip
        super().__init__(
            params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize
        )

    def _update(self, params, grads, slots, state, group):
        state[0:1] += 1
        rho, eps = group["rho"], group["eps"]
        for p, g, arrays in zip(params, grads, slots, strict=True):
            xp, v, u = array_module(p), arrays["square_avg"], arrays["acc_delta"]
            v *= rho
            v += (1 - rho) * g * g
            delta = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
            u *= rho
            u += (1 - rho) * delta * delta
            p -= state[1:2].astype(p.dtype) * delta
