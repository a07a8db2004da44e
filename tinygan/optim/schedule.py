"""LRScheduler: what the learning-rate schedules have in common."""

from __future__ import annotations

from typing import Any

from tinygan.optim.optimizer import Optimizer


class LRScheduler:
    """Base of all schedules but `ReduceLROnPlateau`.

    A schedule is a factor of the first rate at each epoch. Several may act on one optimizer: their
    factors are multiplied, whichever steps first, and so is what a user sets in between. A
    subclass defines `factor`, or, for a rule of another kind, `get_lr`.

    Attributes:
        last_epoch: how many steps there have been.
        base_lrs: the rates that the groups began with.
        floor: the rate that is no part of the products, as `eta_min` of a cosine.
    """

    floor = 0.0

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        if not isinstance(optimizer, Optimizer):
            kind = type(optimizer).__name__
            raise TypeError(f"{type(self).__name__}: optimizer is a {kind}, no Optimizer")
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.begin_at(max(0, last_epoch + 1))

    def begin_at(self, epoch: int) -> None:
        """Goes on from this epoch, with the rates that the groups have."""
        self.last_epoch = epoch
        # What the rates of the groups would be without other schedules, and how far they are off.
        self._alone = list(self.base_lrs) if epoch == 0 else self._rates(epoch - 1)
        self._scales = [1.0] * len(self.base_lrs)
        self.apply()

    def restart(self) -> None:
        """Begins again, from the rates that the groups began with."""
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = lr
        self.begin_at(0)

    def get_lr(self) -> list[float]:
        """The rates that belong to `last_epoch`; those of now are in the groups."""
        rates = zip(self._rates(self.last_epoch), self._scales, strict=True)
        return [self._scaled(lr, scale) for lr, scale in rates]

    def factors(self, epoch: int) -> list[float]:
        """What the first rate of each group is multiplied by at this epoch."""
        return [self.factor(epoch)] * len(self.base_lrs)

    def factor(self, epoch: int) -> float:
        """What the first rates are multiplied by at this epoch."""
        raise NotImplementedError(f"{type(self).__name__}.factor")

    def get_last_lr(self) -> list[float]:
        """The rates of all groups now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def apply(self) -> None:
        """Sets the rates that belong to the count of steps."""
        if type(self).get_lr is LRScheduler.get_lr:
            for i, lr in enumerate(self.get_last_lr()):
                before = self._alone[i]
                if lr != self._scaled(before, self._scales[i]) and before != self.floor:
                    self._scales[i] = (lr - self.floor) / (before - self.floor)
        self._set()

    def _set(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr
        if type(self).get_lr is LRScheduler.get_lr:
            self._alone = self._rates(self.last_epoch)

    def _rates(self, epoch: int) -> list[float]:
        """The rates at this epoch, were there no other schedule."""
        if type(self).get_lr is not LRScheduler.get_lr:
            return list(self.base_lrs)
        pairs = zip(self.base_lrs, self.factors(epoch), strict=True)
        return [self._scaled(lr, factor) for lr, factor in pairs]

    def _scaled(self, lr: float, factor: float) -> float:
        # One is left alone, so that nothing is rounded where there is no other schedule.
        return lr if factor == 1 else self.floor + (lr - self.floor) * factor

    def step(self, epoch: int | None = None) -> None:
        """To be called after each step (or epoch) of the optimizer. With `epoch`, goes there."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self.apply()

    def state_dict(self) -> dict[str, Any]:
        """The count of steps, the first rates, and what other schedules did to them."""
        return {
            "last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs),
            "scales": list(self._scales),
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on as the schedule whose `state_dict` it is, and sets its rates. Of several
        schedules of one optimizer load the one first that steps first."""
        if "count" in state_dict:  # of older versions
            first = state_dict["initial_lr"]
            state_dict = {"last_epoch": state_dict["count"],
                          "base_lrs": [first] * len(self.base_lrs)}  # fmt: skip
        self.last_epoch, self.base_lrs = state_dict["last_epoch"], list(state_dict["base_lrs"])
        self._scales = list(state_dict.get("scales", [1.0] * len(self.base_lrs)))
        self._set()
