"""Hooks: functions that a module calls before or after its forward, or after its backward."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygan.autograd import Function
from tinygan.ops.shape import cat, reshape
from tinygan.tensor import Tensor


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
    watch = _Watch(module) if module._backward_hooks else None
    if watch is not None:
        inputs = watch.of_inputs(inputs)
    output = module.forward(*inputs, **options)
    if watch is not None:
        output = watch.of_outputs(output)
    for hook, with_kwargs in list(module._forward_hooks):
        changed = (
            hook(module, inputs, options, output) if with_kwargs else hook(module, inputs, output)
        )
        output = output if changed is None else changed
    return output


class Through(Function):
    """x;  what `look` makes of g"""

    def __init__(self, look: Callable[[Tensor], Tensor]):
        self.look = look

    def forward(self, x):
        return x

    def backward(self, grad_output):
        return (self.look(grad_output),)


class _Watch:
    """Sees the gradients of one call's inputs and outputs, and calls the backward hooks."""

    def __init__(self, module: Any):
        self.module = module
        self.places: list[int] = []  # of the inputs that have gradients
        self.tensors: list[Tensor] = []  # those inputs
        self.inputs: tuple = ()
        self.grad_output: list[Tensor | None] = []

    def of_inputs(self, inputs: tuple) -> tuple:
        self.inputs = inputs
        self.places = [
            i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad
        ]
        self.tensors = [inputs[i] for i in self.places]
        if not self.places:
            return inputs
        # As one vector, so that all their gradients arrive together.
        if len(self.tensors) == 1:
            parts = [Through(self._arrived)(self.tensors[0])]
        else:
            flat = Through(self._arrived_flat)(cat([reshape(x, (-1,)) for x in self.tensors]))
            parts = self._split(flat)
        seen = list(inputs)
        for i, part in zip(self.places, parts, strict=True):
            seen[i] = part
        return tuple(seen)

    def _split(self, flat: Tensor) -> list[Tensor]:
        parts, end = [], 0
        for x in self.tensors:
            start, end = end, end + x.numel()
            parts.append(reshape(flat[start:end], x.shape))
        return parts

    def of_outputs(self, output: Any) -> Any:
        several = list(output) if isinstance(output, (tuple, list)) else [output]
        self.grad_output = [None] * len(several)
        for i, x in enumerate(several):
            if isinstance(x, Tensor) and x.requires_grad:
                several[i] = Through(functools.partial(self._left, i))(x)
        return type(output)(several) if isinstance(output, (tuple, list)) else several[0]

    def _left(self, i: int, grad: Tensor) -> Tensor:
        self.grad_output[i] = grad
        if not self.places and i == 0:  # the first one is walked last
            self._call([])
        return grad

    def _arrived(self, grad: Tensor) -> Tensor:
        return self._call([grad])[0]

    def _arrived_flat(self, grad: Tensor) -> Tensor:
        return cat([reshape(x, (-1,)) for x in self._call(self._split(grad))])

    def _call(self, grads: list[Tensor]) -> list[Tensor]:
        """The gradients that the hooks leave."""
        if all(grad is None for grad in self.grad_output):
            return grads  # a derivative of the derivative, which does not pass the outputs
        whole: list[Tensor | None] = [None] * len(self.inputs)
        if grads:
            # PyTorch's rule for tensors without a gradient beside one that has one.
            whole = [x.detach() * 0 if isinstance(x, Tensor) else None for x in self.inputs]
        for i, grad in zip(self.places, grads, strict=True):
            whole[i] = grad
        given, seen = tuple(whole), tuple(self.grad_output)
        self.grad_output = [None] * len(seen)
        for hook, _ in list(self.module._backward_hooks):
            changed = hook(self.module, given, seen)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                if [x is None for x in changed] != [x is None for x in given]:
                    raise ValueError(
                        f"a backward hook of {type(self.module).__name__} must return gradients "
                        f"for the same {len(given)} inputs, got {len(changed)}"
                    )
                given = changed
        return [given[i] for i in self.places]  # type: ignore[misc]
