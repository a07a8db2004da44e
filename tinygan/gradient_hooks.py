"""Looking at gradients on their way: hooks, and the kept gradients of inner tensors."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinygan.tensor import Tensor


class RemovableHandle:
    """What takes a hook away again."""

    def __init__(self, owner: Any, attribute: str, hook: Callable):
        self.owner, self.attribute, self.hook = owner, attribute, hook

    def remove(self) -> None:
        hooks = getattr(self.owner, self.attribute)
        setattr(self.owner, self.attribute, tuple(h for h in hooks if h is not self.hook))


def retain_grad(x: Tensor) -> None:
    """Keeps the gradient of an inner tensor in its ``.grad``, as that of a leaf is kept."""
    if not x._requires_grad:
        raise RuntimeError("retain_grad: the tensor does not require a gradient")
    if x.grad_fn is not None:
        here = weakref.ref(x)  # the node must not hold its own output

        def keep(grad: Tensor) -> None:
            kept = here()
            if kept is not None:
                kept._grad = grad.clone() if kept._grad is None else kept._grad + grad

        keep.comes_last = True  # type: ignore[attr-defined]
        x.grad_fn.hooks = (*x.grad_fn.hooks, keep)


def register_hook(x: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """``hook(grad)`` is called with this tensor's gradient when it is complete; a tensor that
    it returns takes its place.

    Returns:
        A handle whose ``remove()`` takes the hook away.
    """
    if not x._requires_grad:
        raise RuntimeError("register_hook: the tensor does not require a gradient")
    if x.grad_fn is not None:
        # What keeps the gradient sees what the other hooks make of it.
        hooks = (*x.grad_fn.hooks, hook)
        x.grad_fn.hooks = tuple(sorted(hooks, key=lambda each: hasattr(each, "comes_last")))
        return RemovableHandle(x.grad_fn, "hooks", hook)
    x._hooks = (*(x._hooks or ()), hook)
    return RemovableHandle(x, "_hooks", hook)
