"""Reverse-mode automatic differentiation: the graph, and the walk back through it.

Every op is a subclass of `Function`. Calling an instance on tensors computes the result and, when
a gradient may be wanted later, makes the instance a node of the graph:

    y = Tanh()(x)        y.grad_fn is that Tanh, and its edge leads to where x came from

To differentiate, we visit the nodes from the last to the first, hand each the gradient of the loss
with respect to its output (`grad_output`), and receive the gradients with respect to its inputs:
the chain rule, one local product of vector and Jacobian at a time.

Backward functions are written with ops on tensors. With ``create_graph=True`` these ops are
recorded too, so that the gradient can itself be differentiated (as the R1 and WGAN-GP penalties
need); otherwise recording is off and costs nothing.
"""

from __future__ import annotations

import inspect
import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from tinygan.devices import Array, beside, device_of
from tinygan.grad_mode import enable_grad, is_grad_enabled, mode, no_grad, set_grad_enabled

__all__ = [
    "AccumulateGrad", "Function", "backward", "enable_grad", "grad", "is_grad_enabled", "no_grad",
    "set_grad_enabled",
]  # fmt: skip

if TYPE_CHECKING:
    from tinygan.tensor import Tensor

    # Where a gradient flows to: the node that made a tensor, a leaf tensor, or nowhere.
    Edge: TypeAlias = "Function | Tensor | None"


_sequence = itertools.count()

# While a profile is being taken, the forward and backward of nodes, and whole walks, go through
# hook(function, *args, **options), which runs the function and returns its result (profiler.py).
hook: Callable[..., Any] | None = None


class Function:
    """One op, applied once: a node of the graph.

    A subclass takes its options in ``__init__`` and defines

    - ``forward(*arrays) -> array``: raw arrays in, one raw array out;
    - ``backward(grad_output) -> tuple``: a Tensor in, one Tensor (or None) per input out, written
      with ops. ``self.needs_input_grad[i]`` says whether input i's gradient is wanted.

    What backward reads must be announced: ``saves_inputs`` keeps ``self.inputs``, ``saves_output``
    keeps ``self.output``; ``self.input_shapes`` is there always; anything else the instance may
    hold as attributes. All of it is dropped as soon as the node has been walked.
    """

    saves_inputs: ClassVar[bool] = False
    saves_output: bool = False

    edges: tuple[Edge, ...] = ()
    sequence: int = -1
    needs_input_grad: tuple[bool, ...] = ()
    released: bool = False
    shape: tuple[int, ...] = ()
    input_shapes: tuple[tuple[int, ...], ...] = ()
    hooks: tuple[Callable[[Tensor], Tensor | None], ...] = ()  # see the gradient of the output
    _inputs: tuple[Tensor, ...] | None = None
    _versions: tuple[int, ...] = ()
    _output: Array = None
    _output_changes: list[int] | None = None
    _output_version: int = 0

    @property
    def name(self) -> str:
        return type(self).__name__

    def forward(self, *arrays: Array) -> Array:
        raise NotImplementedError(f"{self.name}.forward")

    def backward(self, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        raise NotImplementedError(f"{self.name}.backward")

    def __call__(self, *inputs: Tensor) -> Tensor:
        # This runs for every op: its ten lines take as long as NumPy's own call on small arrays.
        try:
            arrays = [x.array for x in inputs]
        except AttributeError:
            wrong = next(x for x in inputs if not isinstance(x, Tensor))
            raise TypeError(
                f"{self.name}: expected a Tensor, got {type(wrong).__name__}"
            ) from None
        plain = hook is None  # and arrays of the CPU, all of one dtype: nothing to check
        for array in arrays:
            if type(array) is not np.ndarray or array.dtype is not arrays[0].dtype:
                self._check(arrays)
                plain = False
                break
        if self.sequence >= 0:
            raise RuntimeError(f"{self.name}: this instance is a node of a graph; make a new one")
        recorded = False
        if mode.recording:
            # Known before forward runs, so that it can skip what only backward would read.
            self.needs_input_grad = tuple([x._requires_grad for x in inputs])
            recorded = True in self.needs_input_grad
        else:
            self.needs_input_grad = (False,) * len(inputs)
        result = self.forward(*arrays) if plain else self._run(arrays)
        output = Tensor(result if type(result) is np.ndarray else self._as_array(result))
        owner = _owner(output.array)
        for array in arrays:
            if array is owner or array.base is owner:
                _be_view(output, self, inputs)
        if recorded:
            self._record(inputs, output)
        return output

    @classmethod
    def apply(cls, *inputs: Any) -> Tensor:
        """``Op.apply(x)`` is ``Op()(x)``; of a class with a static ``forward(ctx, ...)``, as in
        PyTorch, see tinygan/static_function.py."""
        if isinstance(inspect.getattr_static(cls, "forward"), staticmethod):
            from tinygan.static_function import apply

            return apply(cls, *inputs)
        return cls()(*inputs)

    def _record(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Makes this instance the node that `output` comes from."""
        self.sequence = next(_sequence)
        self.edges = tuple([(x.grad_fn or x) if x._requires_grad else None for x in inputs])
        self.shape = output.array.shape
        self.input_shapes = tuple([x.array.shape for x in inputs])
        if self.saves_inputs:
            self._inputs = inputs
            self._versions = tuple([x._changes[0] for x in inputs])
        if self.saves_output:
            self._output = output.array
            self._output_changes, self._output_version = output._changes, output._changes[0]
        output._requires_grad = True
        output.grad_fn = self

    def _check(self, arrays: list[Array]) -> None:
        """One device, and one floating dtype: float32 and float64 never mix silently."""
        devices = dict.fromkeys(map(device_of, arrays))
        if len(devices) > 1:
            raise ValueError(f"{self.name}: inputs on different devices, {' and '.join(devices)}")
        floats = {x.dtype for x in arrays if x.dtype.kind == "f"}
        if len(floats) > 1:
            raise TypeError(
                f"{self.name}: inputs of different dtypes, {' and '.join(sorted(map(str, floats)))}"
                "; convert one with .to(dtype)"
            )

    def _run(self, arrays: list[Array]) -> Array:
        """forward on the GPU where the arrays lie, through the hook while there is one."""
        with beside(arrays[0] if arrays else None):
            return self.forward(*arrays) if hook is None else hook(self.forward, *arrays)

    def _as_array(self, result: Any) -> Array:
        """What forward returned, where that is no NumPy array."""
        if isinstance(result, Tensor) or not (hasattr(result, "dtype") and hasattr(result, "ndim")):
            raise TypeError(
                f"{self.name}.forward must return one array, got {type(result).__name__}; it takes "
                "raw arrays and returns one, as in x * x of arrays"
            )
        return result

    @property
    def next_functions(self) -> tuple[tuple[Function | AccumulateGrad | None, int], ...]:
        """Where the gradients of the inputs go to, as in PyTorch: (node, 0) for each."""
        return tuple(
            (AccumulateGrad(edge) if isinstance(edge, Tensor) else edge, 0) for edge in self.edges
        )

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The input tensors, for backward (``saves_inputs``)."""
        assert self._inputs is not None, f"{self.name} reads its inputs without saves_inputs"
        for x, version in zip(self._inputs, self._versions, strict=True):
            if x._changes[0] != version:
                raise RuntimeError(
                    f"{self.name}.backward: an input of shape {x.shape} was changed in place (by "
                    "an optimizer step?) after the forward pass that read it"
                )
        return self._inputs

    @property
    def output(self) -> Tensor:
        """The output tensor, for backward (``saves_output``)."""
        assert self._output is not None, f"{self.name} reads its output without saves_output"
        # A new Tensor each time: holding the original would make a cycle of references.
        output = Tensor(self._output)
        output._requires_grad, output.grad_fn = True, self
        return output

    def release(self) -> None:
        """Drops everything that was kept for backward; the graph can still be printed."""
        self.__dict__ = {
            "edges": self.edges, "sequence": self.sequence, "shape": self.shape, "released": True,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"<{self.name}>"


class AccumulateGrad:
    """What PyTorch calls the end of a path through the graph: a leaf, whose ``.grad`` grows."""

    next_functions = ()

    def __init__(self, variable: Tensor):
        self.variable = variable

    @property
    def name(self) -> str:
        return "AccumulateGrad"

    def __repr__(self) -> str:
        return "<AccumulateGrad>"


def _owner(array: Array) -> object:
    """What holds the memory of `array`: itself, or the array that it is a view of."""
    return array if array.base is None else array.base


def _be_view(view: Tensor, op: Function, inputs: Sequence[Tensor]) -> None:
    """A change of one is a change of both: what views one memory has one version."""
    for x in inputs:
        if _owner(x.array) is _owner(view.array):
            view._changes = x._changes
            # Of a view of a view, the one between may have no other name.
            view._view = op, x if hasattr(x, "_view") else weakref.ref(x)


# At the end, because these modules import this one.
from tinygan.tensor import Tensor  # noqa: E402
from tinygan.walk import backward, grad  # noqa: E402
