"""Hooks: functions that a module calls before or after its forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Handle:
    """What `register_forward_hook` returns; ``remove()`` takes the hook away again."""

    def __init__(self, hooks: list[tuple[Callable, bool]], entry: tuple[Callable, bool]):
        self._hooks, self._entry = hooks, entry

    def remove(self) -> None:
        if self._entry in self._hooks:
            self._hooks.remove(self._entry)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def register(
    hooks: list[tuple[Callable, bool]], hook: Callable, prepend: bool, with_kwargs: bool
) -> Handle:
    """Adds `hook` at the end of the list, or at its beginning."""
    if not callable(hook):
        raise TypeError(f"a hook must be callable, got {type(hook).__name__}")
    entry = (hook, with_kwargs)
    hooks.insert(0 if prepend else len(hooks), entry)
    return Handle(hooks, entry)


def call(module: Any, inputs: tuple, options: dict[str, Any]) -> Any:
    """``module.forward(*inputs, **options)`` with the module's hooks before and after it."""
    for hook, with_kwargs in list(module._forward_pre_hooks):
        if with_kwargs:
            changed = hook(module, inputs, options)
            if changed is not None:
                inputs, options = changed
        else:
            changed = hook(module, inputs)
            if changed is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
    output = module.forward(*inputs, **options)
    for hook, with_kwargs in list(module._forward_hooks):
        changed = (
            hook(module, inputs, options, output) if with_kwargs else hook(module, inputs, output)
        )
        output = output if changed is None else changed
    return output
