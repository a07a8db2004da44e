"""Learning-rate schedules."""

from __future__ import annotations

from tinygan.optim.optimizer import Optimizer


class LinearLR:
    """Changes an optimizer's rate linearly from start_factor to end_factor times its initial one.

    The rate stays at the start for `begin` calls of ``step()``, then moves during `total_iters`
    calls, then stays at the end. With begin=0 it is PyTorch's schedule of the same name.
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0, end_factor: float = 0.0,
        total_iters: float = 1, begin: float = 0,
    ):  # fmt: skip
        if total_iters <= 0 or begin < 0:
            raise ValueError(
                f"LinearLR: total_iters must be > 0 and begin >= 0, got {total_iters}, {begin}"
            )
        self.optimizer, self.initial_lr = optimizer, optimizer.lr
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters, self.begin, self.count = total_iters, begin, 0
        self.apply()

    def apply(self) -> None:
        """Sets the rate that belongs to the count of steps."""
        progress = min(max(self.count - self.begin, 0) / self.total_iters, 1.0)
        factor = self.start_factor + (self.end_factor - self.start_factor) * progress
        self.optimizer.lr = self.initial_lr * factor

    def step(self) -> None:
        """To be called after each step (or epoch) of the optimizer."""
        self.count += 1
        self.apply()

    def state_dict(self) -> dict:
        return {"count": self.count, "initial_lr": self.initial_lr}

    def load_state_dict(self, state: dict) -> None:
        self.count, self.initial_lr = state["count"], state["initial_lr"]
        self.apply()
