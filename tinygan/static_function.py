"""Ops written as PyTorch's ``autograd.Function``: two static methods, and a context between them.

    class Exp(tinygan.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, grad_output):
            (y,) = ctx.saved_tensors
            return grad_output * y

    y = Exp.apply(x)

Both work on tensors, where tinygan's own ops take raw arrays in `forward`.
"""

from __future__ import annotations

from typing import Any

from tinygan.autograd import Function
from tinygan.devices import Array
from tinygan.grad_mode import no_grad
from tinygan.tensor import Tensor


class Context:
    """What `forward` leaves for `backward`: saved tensors, and any attributes."""

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self, node: StaticFunction):
        self._node = node
        self._saved: tuple[tuple[Tensor | None, int], ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps inputs, the output, or other tensors."""
        self._saved = tuple((x, 0 if x is None else x.version) for x in tensors)

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What was saved; the output as part of the graph, so that it can be differentiated."""
        for x, version in self._saved:
            if x is not None and x.version != version:
                raise RuntimeError(
                    f"{self._node.name}: a saved tensor of shape {x.shape} was changed in place "
                    "after the forward pass"
                )
        result = self._node.result
        return tuple(self._node.output if x is result and x is not None else x
                     for x, _ in self._saved)  # fmt: skip

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Refused: an op has one result, which has a gradient."""
        raise NotImplementedError(
            "mark_non_differentiable: an op has one result; compute others beside it, under no_grad"
        )


class StaticFunction(Function):
    """The node of a class with static methods."""

    saves_output = True

    def __init__(self, function: type[Function], args: tuple):
        self.function, self.args = function, args
        self.context = Context(self)
        self.result: Tensor | None = None

    @property
    def name(self) -> str:
        return self.function.__name__ if "function" in vars(self) else "StaticFunction"

    def forward(self, *arrays: Array) -> Array:
        needs = iter(self.needs_input_grad)
        self.context.needs_input_grad = tuple(
            next(needs) if isinstance(arg, Tensor) else False for arg in self.args
        )
        with no_grad():
            result = self.function.forward(self.context, *self.args)  # type: ignore[arg-type]
        if not isinstance(result, Tensor):
            raise TypeError(
                f"{self.name}.forward must return one Tensor, got {type(result).__name__}"
            )
        self.result = result
        return result.array

    def backward(self, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        grads = self.function.backward(self.context, grad_output)  # type: ignore[arg-type]
        grads = (grads,) if isinstance(grads, Tensor) or grads is None else tuple(grads)
        if len(grads) != len(self.args):
            raise RuntimeError(
                f"{self.name}.backward returned {len(grads)} gradients for {len(self.args)} "
                "arguments"
            )
        return tuple(
            grad for grad, arg in zip(grads, self.args, strict=True) if isinstance(arg, Tensor)
        )


def apply(function: type[Function], *args: Any) -> Tensor:
    """What ``function.apply(*args)`` computes; gradients go to the tensors among the arguments."""
    return StaticFunction(function, args)(*(arg for arg in args if isinstance(arg, Tensor)))
