"""Schedules that go up and down: restarts of a cosine, and the one cycle of "super-convergence"."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinygan.optim.optimizer import Optimizer
from tinygan.optim.schedule import LRScheduler


class CosineAnnealingWarmRestarts(LRScheduler):
    """The cosine of `CosineAnnealingLR`, from the top again after T_0 epochs, then after T_mult
    times as many, and so on. (Loshchilov 2016, arXiv:1608.03983.)

    ``step(epoch)`` takes fractions: ``step(epoch + i / batches)``.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0,
        last_epoch: int = -1,
    ):  # fmt: skip
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"CosineAnnealingWarmRestarts: {name} must be an integer >= 1, got {value!r}"
                )
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        self.epoch = 0.0  # with its fraction
        super().__init__(optimizer, last_epoch)

    def begin_at(self, epoch: int) -> None:
        self.epoch = epoch
        super().begin_at(epoch)

    def step(self, epoch: float | None = None) -> None:
        """To be called after each step (or epoch) of the optimizer. With `epoch`, goes there."""
        self.epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.epoch < 0:
            raise ValueError(f"CosineAnnealingWarmRestarts: epoch must be >= 0, got {epoch}")
        super().step(math.floor(self.epoch))

    def get_lr(self) -> list[float]:
        done, length = self.epoch, self.T_0
        while done >= length:
            done, length = done - length, length * self.T_mult
        share = (1 + math.cos(math.pi * done / length)) / 2
        return [self.eta_min + (lr - self.eta_min) * share for lr in self.base_lrs]

    def state_dict(self) -> dict:
        return {**super().state_dict(), "epoch": self.epoch}

    def load_state_dict(self, state_dict: dict) -> None:
        self.epoch = state_dict["epoch"]
        super().load_state_dict(state_dict)


class OneCycleLR(LRScheduler):
    """The rate from max_lr / div_factor up to max_lr and down to 1 / final_div_factor of where it
    began, within total_steps; momentum (or the first of Adam's betas) the other way round.

    (Smith 2017, arXiv:1708.07120.)

    Args:
        max_lr: the highest rate, one or one for each group.
        total_steps: the steps of the cycle; or epochs times steps_per_epoch.
        pct_start: the share of the cycle in which the rate rises.
        anneal_strategy: "cos" or "linear".
        three_phase: down to the first rate in as many steps as up, then on to the last one.

    Raises:
        ValueError: the number of steps is not given or not positive, an option is none of those;
            at the step after the last one.
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | Sequence[float],
        total_steps: int | None = None, epochs: int | None = None,
        steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: str = "cos",
        cycle_momentum: bool = True, base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95, div_factor: float = 25.0,
        final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1,
    ):  # fmt: skip
        if total_steps is None and epochs is not None and steps_per_epoch is not None:
            total_steps = epochs * steps_per_epoch
        if not isinstance(total_steps, int) or total_steps < 1:
            raise ValueError(
                "OneCycleLR: give total_steps >= 1, or epochs and steps_per_epoch, got "
                f"{total_steps}, {epochs} and {steps_per_epoch}"
            )
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}"
            )
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start must be in [0, 1], got {pct_start}")
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"OneCycleLR: optimizer is a {type(optimizer).__name__}, no Optimizer")
        options = optimizer.defaults
        if cycle_momentum and "momentum" not in options and "betas" not in options:
            raise ValueError(
                "OneCycleLR: the optimizer has neither momentum nor betas; write "
                "cycle_momentum=False"
            )
        self.total_steps, self.anneal_strategy = total_steps, anneal_strategy
        self.cycle_momentum, self.use_beta1 = cycle_momentum, "betas" in options
        count = len(optimizer.param_groups)
        highest, low, high = (
            [value] * count if isinstance(value, (int, float)) else list(value)
            for value in (max_lr, base_momentum, max_momentum)
        )
        rises = pct_start * total_steps - 1
        ends = [rises, 2 * rises, total_steps - 1] if three_phase else [rises, total_steps - 1]
        self._ends = [0.0, *ends]
        # The corners of each group: rates and momentums at the ends of the phases.
        self._rate_corners, self._momentum_corners = [], []
        for group, top, least, most in zip(optimizer.param_groups, highest, low, high, strict=True):
            first = top / div_factor
            if last_epoch == -1:
                group["initial_lr"] = group["lr"] = first
            corners = [first, top, first / final_div_factor]
            self._rate_corners.append([first, top, first, corners[2]] if three_phase else corners)
            back = [most, least, most]
            self._momentum_corners.append([*back, most] if three_phase else back)
        super().__init__(optimizer, last_epoch)

    def _at(self, corners: list[float]) -> float:
        step, last = self.last_epoch, len(self._ends) - 1
        phase = next((i for i in range(1, last) if step <= self._ends[i]), last)
        begin, end = self._ends[phase - 1], self._ends[phase]
        share = (step - begin) / (end - begin)
        start, stop = corners[phase - 1], corners[phase]
        if self.anneal_strategy == "linear":
            return (stop - start) * share + start
        return stop + (start - stop) / 2 * (math.cos(math.pi * share) + 1)

    def get_lr(self) -> list[float]:
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {self.last_epoch} of a cycle of {self.total_steps} steps"
            )
        return [self._at(corners) for corners in self._rate_corners]

    def _set(self) -> None:
        super()._set()
        if self.cycle_momentum:
            groups = zip(self.optimizer.param_groups, self._momentum_corners, strict=True)
            for group, corners in groups:
                momentum = self._at(corners)
                if self.use_beta1:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
