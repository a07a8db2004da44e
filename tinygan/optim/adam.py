"""Adam."""

from __future__ import annotations

from collections.abc import Iterable

from tinygan.kernels.adam import adam
from tinygan.optim.optimizer import Optimizer
from tinygan.tensor import Tensor


class Adam(Optimizer):
    """Adam (Kingma and Ba 2014, arXiv:1412.6980, algorithm 1):

        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        p = p - lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)

    DCGAN uses lr=2e-4, betas=(0.5, 0.999).
    """

    slots = ("m", "v")

    def __init__(
        self, params: Iterable[Tensor], lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
    ):  # fmt: skip
        if not (0 <= betas[0] < 1 and 0 <= betas[1] < 1):
            raise ValueError(f"Adam: betas must be in [0, 1), got {betas}")
        super().__init__(params, lr=lr)
        self.betas, self.eps = betas, eps

    def _update(self, params, grads, slots, state):
        m, v = ([arrays[slot] for arrays in slots] for slot in self.slots)
        beta1, beta2 = self.betas
        adam(params, grads, m, v, state, beta1=beta1, beta2=beta2, eps=self.eps)
