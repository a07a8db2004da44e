"""Optimizers, learning-rate schedules, and the moving average of a model."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import numpy as np

from tinygan.device import array_module, to_device
from tinygan.kernels import recording
from tinygan.kernels.adam import adam as adam_kernel
from tinygan.kernels.average import average as average_kernel
from tinygan.nn.module import Module
from tinygan.tensor import Tensor


class Optimizer:
    """Changes parameters by their gradients.

    Subclasses name in ``slots`` the arrays that they keep for each parameter, and define
    ``_update(parameters, step)`` for parameters that have all had `step - 1` steps before.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, params: Iterable[Tensor], lr: float):
        self.params = list(params)
        if not self.params:
            raise ValueError(f"{type(self).__name__}: got no parameters")
        for index, p in enumerate(self.params):
            if not isinstance(p, Tensor) or not p.is_leaf:
                raise TypeError(f"{type(self).__name__}: parameter {index} is not a leaf tensor")
        if len({id(p) for p in self.params}) != len(self.params):
            raise ValueError(f"{type(self).__name__}: a parameter is listed twice")
        if lr < 0:
            raise ValueError(f"{type(self).__name__}: lr must be >= 0, got {lr}")
        self.lr = lr
        self._steps = [0] * len(self.params)
        self._state = [
            {slot: array_module(p.data).zeros_like(p.data) for slot in self.slots}
            for p in self.params
        ]

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        for p in self.params:
            p.grad = None

    def step(self) -> None:
        """Changes every parameter that has a gradient, in place."""
        by_step: dict[int, list[int]] = {}
        for index, p in enumerate(self.params):
            if p.grad is not None:
                self._steps[index] += 1
                by_step.setdefault(self._steps[index], []).append(index)
        for step, indices in by_step.items():
            self._update(indices, step)
            for index in indices:
                self.params[index].version += 1

    def _update(self, indices: list[int], step: int) -> None:
        raise NotImplementedError

    def _arrays(self, indices: list[int], slot: str) -> list:
        return [self._state[i][slot] for i in indices]

    def _params_and_grads(self, indices: list[int]) -> tuple[list, list]:
        chosen = [self.params[i] for i in indices]
        return [p.data for p in chosen], [p.grad.data for p in chosen if p.grad is not None]

    def state_dict(self) -> dict:
        """The learning rate, step counts and arrays, for `load_state_dict`."""
        return {
            "lr": self.lr,
            "steps": list(self._steps),
            "state": [
                {slot: np.array(to_device(array, "cpu")) for slot, array in state.items()}
                for state in self._state
            ],
        }

    def load_state_dict(self, state: dict) -> None:
        """Goes on where `state` was saved.

        Raises:
            ValueError: it belongs to other parameters; nothing is changed.
        """
        expected = [p.shape for p in self.params]
        given = [next((array.shape for array in entry.values()), None) for entry in state["state"]]
        if any(set(entry) != set(self.slots) for entry in state["state"]):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: the state of another optimizer: it needs "
                f"{', '.join(self.slots)}, got {', '.join(sorted(set().union(*state['state'])))}"
            )
        if given != expected:
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: the state is for parameters of shapes "
                f"{given}, these are {expected}"
            )
        self.lr, self._steps = state["lr"], list(state["steps"])
        for mine, theirs in zip(self._state, state["state"], strict=True):
            for slot in self.slots:
                # Into the existing array, which has the memory order of its parameter.
                mine[slot][...] = array_module(mine[slot]).asarray(theirs[slot])


class Adam(Optimizer):
    """Adam (Kingma and Ba 2014, arXiv:1412.6980, algorithm 1):

        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        p = p - lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)

    DCGAN uses lr=2e-4, betas=(0.5, 0.999).
    """

    slots = ("m", "v")

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        if not (0 <= betas[0] < 1 and 0 <= betas[1] < 1):
            raise ValueError(f"Adam: betas must be in [0, 1), got {betas}")
        super().__init__(params, lr)
        self.betas, self.eps = betas, eps

    def _update(self, indices, step):
        options: dict = {}
        if recording.current is not None:
            clock = recording.current.participant(
                (id(self), *indices), lambda: _AdamClock(self, indices)
            )
            options["clock"] = clock.tick()
        adam_kernel(
            *self._params_and_grads(indices), self._arrays(indices, "m"),
            self._arrays(indices, "v"), lr=self.lr, beta1=self.betas[0], beta2=self.betas[1],
            eps=self.eps, step=step, **options,
        )  # fmt: skip


class _Clock:
    """Numbers that change from step to step, in the device's memory too, for steps that are
    replayed (a `tinygan.kernels.recording.Participant`). Kernels count them up there.

    Subclasses define `read`, the host's numbers, `count`, what a step does to them, and `save` and
    `restore`. `now`: as the device has them, within a step that the host has counted.
    """

    def __init__(self, like: Tensor, now: tuple[float, ...]):
        self.known = now  # what the array holds after all that has been launched
        self.array = array_module(like.data).asarray(np.array(now, np.float64))

    def tick(self):
        """The array for a kernel that counts it up to what the host has."""
        self.known = self.read()
        return self.array

    def before(self) -> None:
        if self.known != self.read():
            self.known = self.read()
            self.array[...] = array_module(self.array).asarray(np.array(self.known, np.float64))

    def after(self) -> None:
        self.count()
        self.known = self.read()

    def read(self) -> tuple[float, ...]:
        raise NotImplementedError

    def count(self) -> None:
        raise NotImplementedError


class _AdamClock(_Clock):
    """The learning rate and the step count of some parameters."""

    def __init__(self, optimizer: Adam, indices: list[int]):
        self.optimizer, self.indices = optimizer, indices
        lr, step = self.read()
        super().__init__(optimizer.params[indices[0]], (lr, step - 1))

    def read(self) -> tuple[float, ...]:
        return self.optimizer.lr, self.optimizer._steps[self.indices[0]]

    def count(self) -> None:
        for index in self.indices:
            self.optimizer._steps[index] += 1
            self.optimizer.params[index].version += 1

    def save(self) -> tuple:
        return self.known, list(self.optimizer._steps)

    def restore(self, saved: tuple) -> None:
        self.known, self.optimizer._steps = saved[0], list(saved[1])


class _UpdatesClock(_Clock):
    """The number of updates of an average."""

    def __init__(self, average: ExponentialMovingAverage, like: Tensor):
        self.average = average
        super().__init__(like, (average.updates - 1.0,))

    def read(self) -> tuple[float, ...]:
        return (float(self.average.updates),)

    def count(self) -> None:
        self.average.updates += 1

    def save(self) -> tuple:
        return self.known, self.average.updates

    def restore(self, saved: tuple) -> None:
        self.known, self.average.updates = saved


class SGD(Optimizer):
    """Gradient descent with momentum: b = momentum b + g, p = p - lr b (b = g at first).

    Set ``.momentum`` between steps to change it, as the original GAN's recipe does.
    """

    slots = ("momentum_buffer",)

    def __init__(self, params: Iterable[Tensor], lr: float = 1e-3, momentum: float = 0.0):
        if momentum < 0:
            raise ValueError(f"SGD: momentum must be >= 0, got {momentum}")
        super().__init__(params, lr)
        self.momentum = momentum

    def _update(self, indices, step):
        recording.refuse("SGD, whose learning rate is an argument of its kernels; use Adam")
        params, grads = self._params_and_grads(indices)
        buffers = self._arrays(indices, "momentum_buffer")
        for p, g, buffer in zip(params, grads, buffers, strict=True):
            buffer *= self.momentum
            buffer += g
            p -= self.lr * buffer


class LinearLR:
    """Changes an optimizer's rate linearly from start_factor to end_factor times its initial one.

    The rate stays at the start for `begin` calls of ``step()``, then moves during `total_iters`
    calls, then stays at the end. With begin=0 it is PyTorch's schedule of the same name.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0,
        end_factor: float = 0.0,
        total_iters: int = 1,
        begin: int = 0,
    ):
        if total_iters < 1 or begin < 0:
            raise ValueError(
                f"LinearLR: total_iters must be >= 1 and begin >= 0, got {total_iters}, {begin}"
            )
        self.optimizer, self.initial_lr = optimizer, optimizer.lr
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters, self.begin, self.count = total_iters, begin, 0
        self._set()

    def _set(self) -> None:
        progress = min(max(self.count - self.begin, 0) / self.total_iters, 1.0)
        factor = self.start_factor + (self.end_factor - self.start_factor) * progress
        self.optimizer.lr = self.initial_lr * factor

    def step(self) -> None:
        """To be called after each step (or epoch) of the optimizer."""
        self.count += 1
        self._set()

    def state_dict(self) -> dict:
        return {"count": self.count, "initial_lr": self.initial_lr}

    def load_state_dict(self, state: dict) -> None:
        self.count, self.initial_lr = state["count"], state["initial_lr"]
        self._set()


class ExponentialMovingAverage:
    """A copy of a module whose parameters and buffers follow it slowly:

        average = d average + (1 - d) value,    d = min(decay, (1 + t) / (10 + t)) at update t

    Batch norms' running statistics are averaged along with the weights: a generator with averaged
    weights and the statistics of others makes worse samples than either. ``module`` is the copy;
    sample from it in evaluation mode.
    """

    def __init__(self, module: Module, decay: float = 0.999):
        if not 0 <= decay < 1:
            raise ValueError(f"ExponentialMovingAverage: decay must be in [0, 1), got {decay}")
        self.decay, self.updates, self._source = decay, 0, module
        self.module = copy.deepcopy(module).requires_grad_(False).eval()

    def update(self) -> None:
        """To be called after each step of the module's optimizer."""
        self.updates += 1
        average = [*self.module.parameters(), *self.module.buffers()]
        source = [*self._source.parameters(), *self._source.buffers()]
        floating = [(mean, value) for mean, value in zip(average, source, strict=True)
                    if mean.dtype.kind == "f"]  # fmt: skip
        options: dict = {}
        if floating and recording.current is not None:
            clock = recording.current.participant(
                (id(self),), lambda: _UpdatesClock(self, floating[0][0])
            )
            options["clock"] = clock.tick()
        if floating:
            average_kernel(
                [mean.data for mean, _ in floating], [value.data for _, value in floating],
                decay=self.decay, updates=self.updates, **options,
            )  # fmt: skip
        for mean, value in zip(average, source, strict=True):
            if mean.dtype.kind != "f":
                mean.data[...] = value.data
            mean.version += 1

    def state_dict(self) -> dict:
        return {"updates": self.updates, "module": self.module.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.module.load_state_dict(state["module"])
        self.updates = state["updates"]
