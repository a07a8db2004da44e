"""Loading the state of a module: what fits, what does not, and saying all of it at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tinygan.devices import beside, to_device
from tinygan.tensor import Tensor

if TYPE_CHECKING:
    from tinygan.nn.module import Module


class IncompatibleKeys(NamedTuple):
    """The names that ``load_state_dict(state, strict=False)`` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


class StateDictError(RuntimeError, ValueError):
    """A state does not fit a module; the message names every name and shape that does not."""


def load(module: Module, state: Mapping[str, object], strict: bool) -> IncompatibleKeys:
    """Copies the values of `state` into the module, as `Module.load_state_dict` says."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"load_state_dict: state must be a dict, got {type(state).__name__}"
            + ("; it is what load returned, not the name of a file" if isinstance(state, str)
               else "")
        )  # fmt: skip
    own = module.state_dict(keep_vars=True)
    optional = {
        prefix + name
        for path, part in module.named_modules(remove_duplicate=False)
        for prefix in (f"{path}." if path else "",)
        for name in part._may_be_missing
    }
    renamed = {
        prefix + theirs: prefix + ours
        for path, part in module.named_modules(remove_duplicate=False)
        for prefix in (f"{path}." if path else "",)
        for theirs, ours in part._renamed.items()
        if prefix + ours not in state
    }
    arrays = {
        renamed.get(name, name): np.asarray(
            to_device(value.array, "cpu") if isinstance(value, Tensor) else value
        )
        for name, value in state.items()
    }
    missing = [name for name in own if name not in arrays and name not in optional]
    unexpected = [name for name in arrays if name not in own]
    problems = []
    if strict:
        problems += [f"missing: {name}" for name in missing]
        problems += [f"unexpected: {name}" for name in unexpected]
    problems += [
        f"shape of {name}: {arrays[name].shape} given, {value.shape} expected"
        for name, value in own.items()
        if name in arrays and arrays[name].shape != value.shape
    ]
    problems += [
        f"type of {name}: {array.dtype} given, numbers expected"
        for name, array in arrays.items()
        if name in own and array.dtype.kind not in "biuf"
    ]
    if problems:
        raise StateDictError(
            f"load_state_dict of {type(module).__name__}:\n  " + "\n  ".join(problems)
        )
    for name, value in own.items():
        if name in arrays:
            with beside(value.array):
                value.array[...] = to_device(arrays[name].astype(value.dtype), value.device)
            value.version += 1
    return IncompatibleKeys(missing, unexpected)
