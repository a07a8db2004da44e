"""Shared by all optimizers: groups of parameters, their state, and saving it.

The numbers that change at each step (the learning rate, the count of steps) lie in an array on the
device, beside the parameters. So a step that was captured as a CUDA graph, whose arguments are
fixed, goes on counting and follows the learning rate.
"""

from __future__ import annotations

import collections
import functools
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np

from tinygan.autograd import enable_grad
from tinygan.devices import Array, array_module, beside, to_device
from tinygan.kernels.cuda import graph
from tinygan.kernels.layout import elementwise
from tinygan.tensor import Tensor


class ParameterGroup(dict):
    """Parameters ("params") and the options that they share, in ``optimizer.param_groups``.

    ``group["lr"] = 0.1`` between steps is followed, by captured steps, too.
    """

    def __init__(self, options: dict[str, Any], optimizer: Optimizer):
        super().__init__(options)
        self._optimizer = optimizer

    def __setitem__(self, name: str, value: Any) -> None:
        optimizer = vars(self).get("_optimizer")  # none while it is being unpickled
        if optimizer is not None:
            optimizer._write(self, name, value)
        super().__setitem__(name, value)

    def update(self, *others: Any, **options: Any) -> None:
        for name, value in dict(*others, **options).items():
            self[name] = value


class Optimizer:
    """Changes parameters by their gradients.

    A subclass names in ``slots`` the arrays that it keeps for each parameter, and defines
    ``_update``. What a user may change between steps, and a captured step follows, is named in
    ``numbers``: options, each a number, that the optimizer keeps on the device too. Options can be
    read and set as attributes, for all groups: ``optimizer.lr``.

    Args:
        params: the parameters; or dicts, each a group: {"params": parameters, "lr": 0.1, ...},
            where an option that is left out is that of the optimizer.
        defaults, options: numbers and others, by name: as a dict, as in PyTorch, or one by one.

    An optimizer may also be written as in PyTorch, with a ``step`` of its own that goes through
    ``param_groups`` and keeps what it needs in ``state[p]``, a dict for each parameter p.
    """

    slots: tuple[str, ...] = ()
    numbers: ClassVar[tuple[str, ...]] = ("lr",)
    lr: float

    def __init__(
        self, params: Iterable[Any], defaults: dict[str, Any] | None = None, **options: Any
    ):
        options = {**(defaults or {}), **options}
        for name in self.numbers:  # that a subclass has set as attributes
            if name in vars(self):
                options.setdefault(name, vars(self).pop(name))
        self.defaults = options
        self.params: list[Tensor] = []
        self.param_groups: list[ParameterGroup] = []
        self._repeats: list[int] = []  # how often each parameter is listed
        self._state: list[dict[str, Array]] = []
        self._runs: list[_Run] = []
        self.state: dict[Tensor, dict[str, Any]] = collections.defaultdict(dict)
        given: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        if not given:
            raise ValueError(f"{self._name}: got no parameters")
        if not isinstance(given[0], dict):
            given = [{"params": given}]
        for group in given:
            self.add_param_group(group)

    @property
    def _name(self) -> str:
        return type(self).__name__

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """More parameters, with options of their own.

        A parameter that the group lists twice is changed twice in each step, as by PyTorch's
        optimizers; a warning says so.

        Raises:
            TypeError: there is something else than leaf tensors, or an unknown option.
            ValueError: an option has no value that makes sense; a parameter is in another group.
        """
        name, group = self._name, {**self.defaults, **param_group}
        unknown = sorted(set(param_group) - set(self.defaults) - {"params", "initial_lr"})
        if unknown:
            raise TypeError(f"{name}: no option {', '.join(unknown)}")
        params = group.pop("params", ())
        params = [params] if isinstance(params, Tensor) else list(params)
        start = len(self.params)
        if not params:
            raise ValueError(f"{name}: got no parameters")
        for index, p in enumerate(params, start):
            if not isinstance(p, Tensor) or not p.is_leaf:
                raise TypeError(f"{name}: parameter {index} is not a leaf tensor")
        repeats = collections.Counter(id(p) for p in params)
        params = list({id(p): p for p in params}.values())
        if not repeats.keys().isdisjoint(id(p) for p in self.params):
            raise ValueError(f"{name}: a parameter is in two groups")
        if any(count > 1 for count in repeats.values()):
            warnings.warn(
                f"{name}: a parameter is listed twice: each step changes it twice. Modules that "
                "share parts list their parameters several times; list each once",
                stacklevel=4,
            )
        for option, value in group.items():
            self._check_option(option, value)
        self._check_options(group)
        with beside(params[0].array):
            self._state += [
                {slot: self._first(slot, p.array, group) for slot in self.slots} for p in params
            ]
        steps = self.steps
        self.params += params
        self._repeats += [repeats[id(p)] for p in params]
        self.param_groups.append(ParameterGroup({"params": params, **group}, self))
        self._regroup([*steps, *(0 for _ in params)])

    def _check_option(self, name: str, value: Any) -> None:
        """Raises a ValueError unless the value makes sense."""
        if name == "betas":
            if not (0 <= value[0] < 1 and 0 <= value[1] < 1):
                raise ValueError(f"{self._name}: betas must be in [0, 1), got {value}")
        elif isinstance(value, (int, float)) and value < 0:
            raise ValueError(f"{self._name}: {name} must be >= 0, got {value}")

    def _check_options(self, group: dict[str, Any]) -> None:
        """Raises a ValueError unless the options of a group go together."""

    def _first(self, slot: str, array: Array, group: dict[str, Any]) -> Array:
        """What a slot of a parameter holds before the first step."""
        return array_module(array).zeros_like(array)

    # Options, as attributes: those of all groups

    def __getattr__(self, name: str) -> Any:  # called when the usual places have no such name
        groups = vars(self).get("param_groups")
        if groups and name in self.defaults:
            return groups[0][name]
        raise AttributeError(f"{self._name} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self).get("defaults", ()):
            for group in self.param_groups:
                group[name] = value
        else:
            super().__setattr__(name, value)

    def _write(self, group: ParameterGroup, name: str, value: Any) -> None:
        """A changed number is written to the device, too."""
        if name not in self.numbers or value == group.get(name):
            return
        graph.refuse(f"a change of {self._name}.{name}")
        for run in vars(self).get("_runs", ()):
            if run.group is group:
                with beside(run.state):
                    run.state[1 + self.numbers.index(name)] = value

    # Steps

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets all gradients, or fills them with zeros."""
        for p in self.params:
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                with beside(p.array):  # in memory of its own, which others may read
                    p.grad.array = array_module(p.array).zeros_like(p.array)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Changes every parameter that has a gradient, in place.

        Args:
            closure: is called first, to compute the gradients; what it returns is returned.

        Raises:
            ValueError: a gradient has another shape than its parameter.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with beside(self.params[0].array):
            self._step()
        return loss

    def _ready_runs(self) -> Iterator[_Run]:
        """Runs whose parameters have gradients, each as often as its parameters are listed."""
        for run in list(self._runs):
            ready = [i for i in run.indices if self.params[i].grad is not None]
            if ready and len(ready) < len(run.indices):  # from now on these are counted apart
                run.indices = sorted(set(run.indices) - set(ready))
                run = _Run(run.group, ready, run.state.copy())
                self._runs.append(run)
            if ready:
                yield from itertools.repeat(run, self._repeats[ready[0]])

    def _step(self) -> None:
        for run in self._ready_runs():
            ready = run.indices
            changed, grads = [self.params[i] for i in ready], []
            for index, p in zip(ready, changed, strict=True):
                grad = p.grad
                if grad is None or grad.array.shape != p.array.shape:
                    shape = None if grad is None else grad.shape
                    raise ValueError(
                        f"{self._name}: the gradient of parameter {index}, of shape {p.shape}, has "
                        f"shape {shape}"
                    )
                grads.append(grad.array)
            params = [p.array for p in changed]
            if run.group.get("maximize"):
                grads = [-g for g in grads]
            if run.group.get("weight_decay") and self._decays_gradients:
                add = functools.partial(_decayed, run.group["weight_decay"])
                grads = [elementwise(add, g, p) for g, p in zip(grads, params, strict=True)]
            slots = [self._state[i] for i in ready]
            if not all(p.ndim for p in params):  # the state is of shape (1,), and so is its share
                params, grads = [_at_least_1d(a) for a in params], [_at_least_1d(a) for a in grads]
                slots = [{k: _at_least_1d(a) for k, a in arrays.items()} for arrays in slots]
            self._update(params, grads, slots, run.state, run.group)
            graph.on_host(functools.partial(_count_change, changed))

    _decays_gradients = True  # weight_decay times the parameter is added to its gradient

    def _update(
        self, params: list[Array], grads: list[Array], slots: list[dict[str, Array]],
        state: Array, group: dict[str, Any],
    ) -> None:  # fmt: skip
        """Changes `params`, whose arrays `slots` are, all of which have had equally many steps.

        Args:
            state: (1 + len(numbers),) float64 on the device: that count, which is to be raised by
                1, then the numbers.
            group: the options.
        """
        raise NotImplementedError

    def _regroup(self, steps: Sequence[int]) -> None:
        """One run of all parameters of a group that are listed equally often, for each count of
        steps. Where the runs stay the same, so do their arrays, which a captured step goes on
        using."""
        found: dict[tuple[int, int, int], list[int]] = {}
        index = 0
        for number, group in enumerate(self.param_groups):
            for _ in group["params"]:
                key = number, steps[index], self._repeats[index]
                found.setdefault(key, []).append(index)
                index += 1
        xp = array_module(self.params[0].array)
        with beside(self.params[0].array):
            if list(found.values()) != [run.indices for run in self._runs]:
                self._runs = [
                    _Run(self.param_groups[number], indices, xp.zeros(1 + len(self.numbers)))
                    for (number, _, _), indices in found.items()
                ]
            for (_, count, _), run in zip(found, self._runs, strict=True):
                values = [count, *(run.group.get(name, 0.0) for name in self.numbers)]
                run.state[...] = xp.asarray(np.array(values, np.float64))

    @property
    def steps(self) -> list[int]:
        """How many steps each parameter has had."""
        counts = [0] * len(self.params)
        for run in self._runs:
            for index in run.indices:
                counts[index] = int(run.state[0].item())
        return counts

    # State

    def state_dict(self) -> dict:
        """The options, step counts and arrays, for `load_state_dict`."""
        numbers = iter(range(len(self.params)))
        return {
            "param_groups": [
                {**group, "params": [next(numbers) for _ in group["params"]]}
                for group in self.param_groups
            ],
            "steps": self.steps,
            "state": [
                {slot: np.array(to_device(array, "cpu")) for slot, array in slots.items()}
                for slots in self._state
            ],
            **self._own_state(),
        }

    def _own_state(self) -> dict[str, Any]:
        """What a ``step`` of a subclass keeps, if anything."""
        if not self.state:
            return {}
        return {"own": [
            {name: np.array(value.cpu().detach().array) if isinstance(value, Tensor) else value
             for name, value in self.state.get(p, {}).items()}
            for p in self.params
        ]}  # fmt: skip

    def load_state_dict(self, state_dict: dict) -> None:
        """Goes on where `state_dict` was saved.

        Raises:
            ValueError: it belongs to other parameters; nothing is changed.
        """
        name, state = f"{self._name}.load_state_dict", state_dict
        if not isinstance(state, dict) or not isinstance(state.get("state"), list):
            raise ValueError(
                f"{name}: not a state of tinygan's optimizers, which are dicts with a list "
                '"state". Those of PyTorch\'s do not fit: load the weights of the net, and start '
                "the optimizer anew"
            )
        expected = [p.shape for p in self.params]
        given = [next((array.shape for array in entry.values()), None) for entry in state["state"]]
        if any(array.shape != shape for entry, shape in zip(state["state"], given, strict=True)
               for array in entry.values()):  # fmt: skip
            raise ValueError(f"{name}: the arrays of one parameter differ in shape")
        if any(np.dtype(array.dtype).kind not in "biuf" for entry in state["state"]
               for array in entry.values()):  # fmt: skip
            raise ValueError(f"{name}: an array of a parameter holds no numbers")
        if any(set(entry) != set(self.slots) for entry in state["state"]):
            raise ValueError(
                f"{name}: the state of another optimizer: it needs {', '.join(self.slots)}, got "
                f"{', '.join(sorted(set().union(*state['state'])))}"
            )
        if self.slots and given != expected:
            raise ValueError(
                f"{name}: the state is for parameters of shapes {given}, these are {expected}"
            )
        # Files of older versions have one rate and nothing else.
        saved = state.get("param_groups") or [{"lr": state["lr"]}] * len(self.param_groups)
        sizes = [len(group.get("params", mine["params"]))
                 for group, mine in zip(saved, self.param_groups, strict=False)]  # fmt: skip
        if len(saved) != len(self.param_groups) or sizes != [
            len(group["params"]) for group in self.param_groups
        ]:
            raise ValueError(f"{name}: the state is for other groups of parameters")
        for group in saved:
            self._check_loaded(group)
        steps = state["steps"]
        if len(steps) != len(self.params) or not all(
            isinstance(count, Integral) and int(count) >= 0 for count in steps
        ):
            raise ValueError(f"{name}: steps must be a count for each parameter, got {steps!r}")
        kept = state.get("own", [])
        if not isinstance(kept, list) or not all(isinstance(own, dict) for own in kept):
            raise ValueError(f"{name}: own must be a list of dicts, got {kept!r}")
        for mine, theirs in zip(self.param_groups, saved, strict=True):
            for key in mine.keys() - theirs.keys() - self.defaults.keys() - {"params"}:
                del mine[key]  # added to the group since, as a schedule does
            # Without writing to the device, which `_regroup` does; what is saved as a list may be
            # a tuple here.
            dict.update(mine, {
                key: type(mine[key])(value) if isinstance(mine.get(key), tuple) else value
                for key, value in theirs.items() if key != "params"
            })  # fmt: skip
        self._regroup(steps)
        for p, own in zip(self.params, kept, strict=False):
            self.state[p] = {
                name: Tensor(value.copy()).to(p.device) if isinstance(value, np.ndarray) else value
                for name, value in own.items()
            }
        with beside(self.params[0].array):
            for here, there in zip(self._state, state["state"], strict=True):
                for slot in self.slots:
                    # Into the existing array, which has the memory order of its parameter.
                    here[slot][...] = array_module(here[slot]).asarray(there[slot])

    def _check_loaded(self, group: dict[str, Any]) -> None:
        """Raises a ValueError unless the options of a saved group are of the kinds that they are
        made with. Files of older versions may lack some, but never the rate."""
        if "lr" not in group:
            raise ValueError(f"{self._name}.load_state_dict: a group of parameters without lr")
        for key, value in group.items():
            own = self.defaults.get("lr" if key == "initial_lr" else key)
            if isinstance(own, tuple):
                well = isinstance(value, (list, tuple)) and len(value) == len(own) and all(
                    isinstance(item, Real) for item in value
                )
            elif isinstance(own, Real):
                well = isinstance(value, Real) and isinstance(own, bool) == isinstance(value, bool)
            else:  # None, or an option that is not known here
                continue
            if not well:
                raise ValueError(
                    f"{self._name}.load_state_dict: {key} is {value!r}; expected a value as {own!r}"
                )
            if key in self.defaults:
                self._check_option(key, value)

    def __repr__(self) -> str:
        lines = [f"{self._name} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            options = sorted(key for key in group if key != "params")
            lines += [f"    {key}: {group[key]}" for key in options]
        return "\n".join([*lines, ")"])


class _Run:
    """Parameters of one group that have always had a gradient together, and their state on the
    device."""

    def __init__(self, group: ParameterGroup, indices: list[int], state: Array):
        self.group, self.indices, self.state = group, indices, state


def _at_least_1d(array: Array) -> Array:
    """The same memory; a single number as an array of one."""
    return array if array.ndim else array.reshape(1)


def _decayed(weight_decay: float, grad: Array, p: Array) -> Array:
    return grad + weight_decay * p


def _count_change(tensors: list[Tensor]) -> None:
    for tensor in tensors:
        tensor.version += 1
