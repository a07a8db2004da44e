"""Shared by all optimizers: parameters, their state, and saving it.

The numbers that change at each step (the learning rate, the count of steps) lie in an array on the
device, beside the parameters. So a step that was captured as a CUDA graph, whose arguments are
fixed, goes on counting and follows the learning rate.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from tinygan.device import Array, array_module, beside, to_device
from tinygan.kernels.cuda import graph
from tinygan.tensor import Tensor


class Optimizer:
    """Changes parameters by their gradients.

    A subclass names in ``slots`` the arrays that it keeps for each parameter, and defines
    ``_update``. What a user may change between steps is named in ``numbers``: attributes, each a
    number, that the optimizer keeps on the device too.
    """

    slots: ClassVar[tuple[str, ...]] = ()
    numbers: ClassVar[tuple[str, ...]] = ("lr",)
    lr: float
    _groups: Sequence[_Group] = ()  # until __init__ has seen the parameters

    def __init__(self, params: Iterable[Tensor], **numbers: float):
        name = type(self).__name__
        self.params = list(params)
        if not self.params:
            raise ValueError(f"{name}: got no parameters")
        for index, p in enumerate(self.params):
            if not isinstance(p, Tensor) or not p.is_leaf:
                raise TypeError(f"{name}: parameter {index} is not a leaf tensor")
        if len({id(p) for p in self.params}) != len(self.params):
            raise ValueError(f"{name}: a parameter is listed twice")
        for number, value in numbers.items():
            if value < 0:
                raise ValueError(f"{name}: {number} must be >= 0, got {value}")
        with beside(self.params[0].array):
            self._state = [
                {slot: array_module(p.array).zeros_like(p.array) for slot in self.slots}
                for p in self.params
            ]
        vars(self).update(numbers)
        self._regroup([0] * len(self.params))

    def __setattr__(self, name: str, value: Any) -> None:
        """A changed number is written to the device, too."""
        if name in self.numbers and value != getattr(self, name, None):
            graph.refuse(f"a change of {type(self).__name__}.{name}")
            for group in self._groups:
                with beside(group.state):
                    group.state[1 + self.numbers.index(name)] = value
        super().__setattr__(name, value)

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        for p in self.params:
            p.grad = None

    def step(self) -> None:
        """Changes every parameter that has a gradient, in place."""
        with beside(self.params[0].array):
            self._step()

    def _step(self) -> None:
        for group in self._groups:
            ready = [i for i in group.indices if self.params[i].grad is not None]
            if not ready:
                continue
            if len(ready) < len(group.indices):  # from now on these are counted apart
                group.indices = sorted(set(group.indices) - set(ready))
                group = _Group(ready, group.state.copy())
                self._groups = [*self._groups, group]
            changed = [self.params[i] for i in ready]
            grads = [p.grad.array for p in changed if p.grad is not None]
            self._update(
                [p.array for p in changed], grads, [self._state[i] for i in ready], group.state
            )
            graph.on_host(functools.partial(_count_change, changed))

    def _update(
        self, params: list[Array], grads: list[Array], slots: list[dict[str, Array]], state: Array
    ) -> None:
        """Changes `params`, whose arrays `slots` are, all of which have had equally many steps.

        Args:
            state: (1 + len(numbers),) float64 on the device: that count, which is to be raised by
                1, then the numbers.
        """
        raise NotImplementedError

    def _regroup(self, steps: Sequence[int]) -> None:
        """One group of all parameters for each count of steps. Where the groups stay the same,
        so do their arrays, which a captured step goes on using."""
        by_count: dict[int, list[int]] = {}
        for index, count in enumerate(steps):
            by_count.setdefault(count, []).append(index)
        xp = array_module(self.params[0].array)
        with beside(self.params[0].array):
            if list(by_count.values()) != [group.indices for group in self._groups]:
                empty = [xp.zeros(1 + len(self.numbers)) for _ in by_count]
                self._groups = list(map(_Group, by_count.values(), empty))
            for count, group in zip(by_count, self._groups, strict=True):
                values = [count, *(getattr(self, name) for name in self.numbers)]
                group.state[...] = xp.asarray(np.array(values, np.float64))

    @property
    def steps(self) -> list[int]:
        """How many steps each parameter has had."""
        counts = [0] * len(self.params)
        for group in self._groups:
            for index in group.indices:
                counts[index] = int(group.state[0].item())
        return counts

    def state_dict(self) -> dict:
        """The learning rate, step counts and arrays, for `load_state_dict`."""
        return {
            "lr": self.lr,
            "steps": self.steps,
            "state": [
                {slot: np.array(to_device(array, "cpu")) for slot, array in slots.items()}
                for slots in self._state
            ],
        }

    def load_state_dict(self, state: dict) -> None:
        """Goes on where `state` was saved.

        Raises:
            ValueError: it belongs to other parameters; nothing is changed.
        """
        name = f"{type(self).__name__}.load_state_dict"
        expected = [p.shape for p in self.params]
        given = [next((array.shape for array in entry.values()), None) for entry in state["state"]]
        if any(set(entry) != set(self.slots) for entry in state["state"]):
            raise ValueError(
                f"{name}: the state of another optimizer: it needs {', '.join(self.slots)}, got "
                f"{', '.join(sorted(set().union(*state['state'])))}"
            )
        if given != expected:
            raise ValueError(
                f"{name}: the state is for parameters of shapes {given}, these are {expected}"
            )
        vars(self)["lr"] = state["lr"]
        self._regroup(state["steps"])
        with beside(self.params[0].array):
            for mine, theirs in zip(self._state, state["state"], strict=True):
                for slot in self.slots:
                    # Into the existing array, which has the memory order of its parameter.
                    mine[slot][...] = array_module(mine[slot]).asarray(theirs[slot])


class _Group:
    """Parameters that have always had a gradient together, and their state on the device."""

    def __init__(self, indices: list[int], state: Array):
        self.indices, self.state = indices, state


def _count_change(tensors: list[Tensor]) -> None:
    for tensor in tensors:
        tensor.version += 1
