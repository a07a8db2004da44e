"""Learning-rate schedules. Each is made of an optimizer, sets the rate of its groups at once, and
again at each call of ``step()``, after the optimizer's step or once an epoch.

Several may act on one optimizer: their factors are multiplied.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from tinygan.optim.combined import ChainedScheduler, SequentialLR
from tinygan.optim.cycles import CosineAnnealingWarmRestarts, OneCycleLR
from tinygan.optim.optimizer import Optimizer
from tinygan.optim.schedule import LRScheduler

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
    "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR",
    "OneCycleLR", "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip


def _each(name: str, given: Any, optimizer: Optimizer) -> list:
    """A function for each group, of one or as many."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{name}: optimizer is a {type(optimizer).__name__}, no Optimizer")
    count = len(optimizer.param_groups)
    functions = [given] * count if callable(given) else list(given)
    if len(functions) != count:
        raise ValueError(f"{name}: {len(functions)} functions for {count} groups")
    return functions


class LambdaLR(LRScheduler):
    """The first rate times lr_lambda(epoch), whatever the rate is now; a function, or one for each
    group."""

    def __init__(
        self, optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]], last_epoch: int = -1,
    ):  # fmt: skip
        self.lr_lambdas = _each("LambdaLR", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [lr * function(self.last_epoch) for lr, function in pairs]


class MultiplicativeLR(LRScheduler):
    """The rate times lr_lambda(epoch), at each epoch but the first; a function, or one for each
    group."""

    def __init__(
        self, optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]], last_epoch: int = -1,
    ):  # fmt: skip
        self.lr_lambdas = _each("MultiplicativeLR", lr_lambda, optimizer)
        self._products = [[1.0] for _ in self.lr_lambdas]
        super().__init__(optimizer, last_epoch)

    def factors(self, epoch: int) -> list[float]:
        for function, products in zip(self.lr_lambdas, self._products, strict=True):
            for e in itertools.count(len(products)):
                if e > epoch:
                    break
                products.append(products[-1] * function(e))
        return [products[epoch] for products in self._products]


class StepLR(LRScheduler):
    """The rate times gamma, every step_size epochs."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ):
        if step_size < 1:
            raise ValueError(f"StepLR: step_size must be >= 1, got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        return self.gamma ** (epoch // self.step_size)


class MultiStepLR(LRScheduler):
    """The rate times gamma, at each epoch of `milestones`."""

    def __init__(
        self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1,
        last_epoch: int = -1,
    ):  # fmt: skip
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        return self.gamma ** bisect.bisect_right(self.milestones, epoch)


class ExponentialLR(LRScheduler):
    """The rate times gamma, every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        return self.gamma**epoch


class ConstantLR(LRScheduler):
    """The first rate times `factor` for total_iters epochs, then the first rate."""

    def __init__(
        self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5,
        last_epoch: int = -1,
    ):  # fmt: skip
        if not 0 <= factor <= 1:
            raise ValueError(f"ConstantLR: factor must be in [0, 1], got {factor}")
        self.start, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        return self.start if epoch < self.total_iters else 1.0


class LinearLR(LRScheduler):
    """Changes the rate linearly from start_factor to end_factor times the first one.

    The rate stays at the start for `begin` calls of ``step()``, then moves during `total_iters`
    calls, then stays at the end. With begin=0 it is PyTorch's schedule of the same name.
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0,
        total_iters: float = 5, last_epoch: int = -1, *, begin: float = 0,
    ):  # fmt: skip
        if total_iters <= 0 or begin < 0:
            raise ValueError(
                f"LinearLR: total_iters must be > 0 and begin >= 0, got {total_iters}, {begin}"
            )
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters, self.begin = total_iters, begin
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        progress = min(max(epoch - self.begin, 0) / self.total_iters, 1.0)
        return self.start_factor + (self.end_factor - self.start_factor) * progress


class PolynomialLR(LRScheduler):
    """The first rate times (1 - epoch / total_iters)^power, then 0."""

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ):
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        return (1 - min(epoch, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(LRScheduler):
    """eta_min + (lr - eta_min) (1 + cos(pi epoch / T_max)) / 2 (Loshchilov 2016,
    arXiv:1608.03983)."""

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ):
        self.T_max, self.eta_min = T_max, eta_min
        self.floor = eta_min
        super().__init__(optimizer, last_epoch)

    def factor(self, epoch: int) -> float:
        return (1 + math.cos(math.pi * epoch / self.T_max)) / 2


class ReduceLROnPlateau:
    """The rate times `factor` when a measure has not become better for `patience` epochs.

    Args:
        mode: "min": better is smaller; "max": larger.
        threshold: better by this share of the best ("rel") or by this much ("abs").
        cooldown: epochs after a change in which nothing is counted.
        min_lr: the lowest rate, one or one for each group.
        eps: a change of the rate by less than this is left out.
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0, eps: float = 1e-8,
    ):  # fmt: skip
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                "ReduceLROnPlateau: mode must be 'min' or 'max' and threshold_mode 'rel' or 'abs', "
                f"got {mode!r}, {threshold_mode!r}"
            )
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, got {factor}")
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        count = len(optimizer.param_groups)
        self.min_lrs = [min_lr] * count if isinstance(min_lr, (int, float)) else list(min_lr)
        self.eps, self.last_epoch = eps, 0
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0

    def step(self, metrics: Any) -> None:
        """To be called after each epoch, with the measure: a number or a tensor of one."""
        measure = float(metrics)
        self.last_epoch += 1
        better = self._is_better(measure)
        self.num_bad_epochs = 0 if better else self.num_bad_epochs + 1
        if better:
            self.best = measure
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, lowest in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                lr = max(group["lr"] * self.factor, lowest)
                if group["lr"] - lr > self.eps:
                    group["lr"] = lr
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, measure: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            # PyTorch's rule: of the best itself, whatever its sign.
            bound = self.best * (1 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return measure < bound if self.mode == "min" else measure > bound

    def get_last_lr(self) -> list[float]:
        """The rates of all groups now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The best measure and the counts."""
        names = "best", "last_epoch", "num_bad_epochs", "cooldown_counter"
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on as the schedule whose `state_dict` it is."""
        vars(self).update(state_dict)
