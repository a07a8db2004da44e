"""Module: a function with parameters, buffers and parts that are modules themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

import numpy as np

from tinygan.device import beside, to_device
from tinygan.tensor import Tensor

M = TypeVar("M", bound="Module")


class Parameter(Tensor):
    """A tensor that an optimizer trains."""

    def __init__(self, data):
        super().__init__(data.array if isinstance(data, Tensor) else data, requires_grad=True)


class Buffer(Tensor):
    """A tensor that belongs to a module's state and is not trained, such as running statistics."""

    def __init__(self, data):
        super().__init__(data.array if isinstance(data, Tensor) else data)


class Module:
    """Base of all layers and models: define ``forward``, set parts as attributes.

    Every attribute that is a `Parameter`, a `Buffer` or a `Module` belongs to the module's state,
    in the order in which the attributes were set.
    """

    training: bool = True

    def forward(self, *inputs):
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def __call__(self, *inputs, **options):
        return self.forward(*inputs, **options)

    # The parts

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the direct parts."""
        return ((n, part) for n, part in vars(self).items() if isinstance(part, Module))

    def children(self) -> Iterator[Module]:
        return (part for _, part in self.named_children())

    def modules(self) -> Iterator[Module]:
        """This module and all parts, parts of parts, and so on."""
        yield self
        for part in self.children():
            yield from part.modules()

    def _named(self, kind: type, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        for name, value in vars(self).items():
            if isinstance(value, kind):
                yield prefix + name, value  # type: ignore[misc]
            elif isinstance(value, Module):
                yield from value._named(kind, f"{prefix}{name}.")

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, parameter) of this module and all parts."""
        return self._named(Parameter)

    def parameters(self) -> Iterator[Tensor]:
        return (value for _, value in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, buffer) of this module and all parts."""
        return self._named(Buffer)

    def buffers(self) -> Iterator[Tensor]:
        return (value for _, value in self.named_buffers())

    # Modes

    def train(self: M, mode: bool = True) -> M:
        """Sets training mode (or, with False, evaluation mode) here and in all parts."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Sets evaluation mode: batch norm uses running statistics, dropout does nothing."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Whether gradients of the parameters are computed; off while the other net trains."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self) -> None:
        for parameter in self.parameters():
            parameter.grad = None

    def to(self: M, device: str) -> M:
        """Moves all parameters and buffers to `device`, in place."""
        for kind in (Parameter, Buffer):
            for _, value in self._named(kind):
                value.array, value.grad = to_device(value.array, device), None
        return self

    # State

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers, by dotted name."""
        named = dict(self._named((Parameter, Buffer)))  # type: ignore[arg-type]
        return {name: np.array(to_device(value.array, "cpu")) for name, value in named.items()}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Copies the values of `state` (arrays or Tensors by dotted name) into this module.

        Raises:
            ValueError: names are missing or unexpected, or shapes differ; all are listed, and
                nothing is changed.
        """
        named = dict(self._named((Parameter, Buffer)))  # type: ignore[arg-type]
        arrays = {
            name: np.asarray(to_device(value.array, "cpu") if isinstance(value, Tensor) else value)
            for name, value in state.items()
        }
        problems = [f"missing: {name}" for name in named if name not in arrays]
        problems += [f"unexpected: {name}" for name in arrays if name not in named]
        problems += [
            f"shape of {name}: {arrays[name].shape} given, {value.shape} expected"
            for name, value in named.items()
            if name in arrays and arrays[name].shape != value.shape
        ]
        if problems:
            raise ValueError(
                f"load_state_dict of {type(self).__name__}:\n  " + "\n  ".join(problems)
            )
        for name, value in named.items():
            with beside(value.array):
                value.array[...] = to_device(arrays[name].astype(value.dtype), value.device)
            value.version += 1

    # Print

    def extra_repr(self) -> str:
        """The options, for the printed form."""
        return ""

    def __repr__(self) -> str:
        count = sum(parameter.numel() for parameter in self.parameters())
        note = f"  # {count:,} parameters" if count else ""
        head = f"{type(self).__name__}({self.extra_repr()}"
        parts = list(self.named_children())
        if not parts:
            return f"{head}){note}"
        lines = [f"{head}{note}"]
        for name, part in parts:
            first, *rest = repr(part).split("\n")
            lines += [f"  ({name}): {first}", *(f"  {line}" for line in rest)]
        return "\n".join([*lines, ")"])
