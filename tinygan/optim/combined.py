"""Schedules made of schedules: one after the other, or all at once."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any

from tinygan.optim.optimizer import Optimizer
from tinygan.optim.schedule import LRScheduler


class _Combined(LRScheduler):
    """What both have in common."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler]):
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name}: needs at least one schedule")
        for i, part in enumerate(schedulers):
            if not isinstance(part, LRScheduler):
                raise TypeError(
                    f"{name}: schedule {i} is a {type(part).__name__}, which does not step by "
                    "epochs alone"
                )
            if part.optimizer is not optimizer:
                raise ValueError(f"{name}: schedule {i} belongs to another optimizer")
        self.optimizer, self.schedulers = optimizer, list(schedulers)
        self.last_epoch, self.base_lrs = 0, list(schedulers[0].base_lrs)

    def state_dict(self) -> dict[str, Any]:
        """The count of steps, and the states of the schedules."""
        states = [part.state_dict() for part in self.schedulers]
        return {"last_epoch": self.last_epoch, "schedulers": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on as the schedule whose `state_dict` it is."""
        self.last_epoch = state_dict["last_epoch"]
        for part, state in zip(self._in_order(), self._in_order(state_dict["schedulers"]),
                               strict=True):  # fmt: skip
            part.load_state_dict(state)

    def _in_order(self, parts: list | None = None) -> list:
        """The schedules, or what is given for each, the one that sets the rates now last."""
        return self.schedulers if parts is None else parts


class SequentialLR(_Combined):
    """One schedule after the other: from epoch milestones[i] on, schedulers[i + 1], which begins
    with the first rates."""

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int],
        last_epoch: int = -1,
    ):  # fmt: skip
        super().__init__(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedules need {len(schedulers) - 1} milestones, "
                f"got {len(milestones)}"
            )
        self.milestones, self.last_epoch = list(milestones), last_epoch + 1
        self.schedulers[self._now()].restart()

    def _now(self) -> int:
        return bisect.bisect_right(self.milestones, self.last_epoch)

    def _in_order(self, parts: list | None = None) -> list:
        parts = self.schedulers if parts is None else parts
        now = self._now()
        return [*parts[:now], *parts[now + 1 :], parts[now]]

    def step(self, epoch: int | None = None) -> None:
        """To be called after each step (or epoch) of the optimizer."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        now = self._now()
        if now > 0 and self.milestones[now - 1] == self.last_epoch:
            self.schedulers[now].restart()
        else:
            self.schedulers[now].step()


class ChainedScheduler(_Combined):
    """All schedules at once: each step is a step of each, in their order."""

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ):
        if optimizer is None and schedulers:
            optimizer = schedulers[0].optimizer
        super().__init__(optimizer, schedulers)  # type: ignore[arg-type]

    def restart(self) -> None:
        self.last_epoch = 0
        self.schedulers[0].restart()
        for part in self.schedulers[1:]:
            part.begin_at(0)

    def step(self, epoch: int | None = None) -> None:
        """To be called after each step (or epoch) of the optimizer."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        for part in self.schedulers:
            part.step(epoch)
