"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygan.devices import array_module
from tinygan.kernels.adam import adam
from tinygan.optim.optimizer import Optimizer


class Adam(Optimizer):
    """Adam (Kingma and Ba 2014, arXiv:1412.6980, algorithm 1):

        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        p = p - lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)

    DCGAN uses lr=2e-4, betas=(0.5, 0.999).

    Args:
        weight_decay: this times p is added to g.
        amsgrad: the largest v so far takes the place of v (Reddi 2018, arXiv:1904.09237).
        maximize: go up instead of down.
    """

    slots: tuple[str, ...] = ("m", "v")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0,
        amsgrad: bool = False, *, maximize: bool = False,
    ):  # fmt: skip
        if amsgrad:
            self.slots = ("m", "v", "largest_v")
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad,
            maximize=maximize,
        )  # fmt: skip

    def _check_options(self, group):
        if group["amsgrad"] != self.defaults["amsgrad"]:
            raise ValueError(f"{self._name}: amsgrad must be the same in all groups")

    def _update(self, params, grads, slots, state, group):
        (beta1, beta2), eps = group["betas"], group["eps"]
        m, v = ([arrays[slot] for arrays in slots] for slot in ("m", "v"))
        if not group["amsgrad"]:
            adam(params, grads, m, v, state, beta1=beta1, beta2=beta2, eps=eps)
            return
        state[0:1] += 1
        size = state[1:2] / (1 - beta1 ** state[0:1])
        correction = (1 - beta2 ** state[0:1]) ** -0.5
        for p, g, first, second, arrays in zip(params, grads, m, v, slots, strict=True):
            xp, largest = array_module(p), arrays["largest_v"]
            first *= beta1
            first += (1 - beta1) * g
            second *= beta2
            second += (1 - beta2) * g * g
            xp.maximum(largest, second, out=largest)
            root = xp.sqrt(largest) * correction.astype(p.dtype) + eps
            p -= size.astype(p.dtype) * first / root


class AdamW(Adam):
    """Adam whose weight decay goes past the moments: first p = p - lr weight_decay p.

    (Loshchilov and Hutter 2017, arXiv:1711.05101.)
    """

    _decays_gradients = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2,
        amsgrad: bool = False, *, maximize: bool = False,
    ):  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize
        )

    def _update(self, params, grads, slots, state, group):
        if group["weight_decay"]:
            kept = 1 - state[1:2] * group["weight_decay"]
            for p in params:
                p *= kept.astype(p.dtype)
        super()._update(params, grads, slots, state, group)
