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

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeAlias, TypeVar

import numpy as np

from tinygan.devices import Array, array_module, beside, device_of
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

P = ParamSpec("P")
R = TypeVar("R")


def _hooked(walk: Callable[P, R]) -> Callable[P, R]:
    """`walk`, which goes through the hook while there is one."""

    @functools.wraps(walk)
    def run(*args: P.args, **options: P.kwargs) -> R:
        return walk(*args, **options) if hook is None else hook(walk, *args, **options)

    return run


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
                _share_version(output, inputs)
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


def _share_version(view: Tensor, inputs: Sequence[Tensor]) -> None:
    """A change of one is a change of both: what views one memory has one version."""
    for x in inputs:
        if _owner(x.array) is _owner(view.array):
            view._changes = x._changes


def _edge(x: Tensor) -> Edge:
    if not x._requires_grad:
        return None
    return x if x.grad_fn is None else x.grad_fn


def graph_nodes(outputs: Iterable[Tensor]) -> list[Function]:
    """All nodes that `outputs` depend on, in the order of their creation.

    A node is made after everything it reads, so this order is topological. The search is a loop
    with its own stack: a chain of 10,000 ops must not meet Python's recursion limit.
    """
    found: dict[int, Function] = {}
    stack = [x.grad_fn for x in outputs if x.grad_fn is not None]
    while stack:
        node = stack.pop()
        if id(node) not in found:
            found[id(node)] = node
            stack.extend(edge for edge in node.edges if isinstance(edge, Function))
    return sorted(found.values(), key=lambda node: node.sequence)


def _walk(
    outputs: Sequence[Tensor], starts: Sequence[Tensor], targets: Sequence[Edge] | None,
    create_graph: bool, retain_graph: bool,
) -> list[tuple[Edge, Tensor | None]]:  # fmt: skip
    """(target, gradient of sum(output * start) with respect to it), for all leaves for None."""
    nodes = graph_nodes(outputs)
    if targets is None:
        wanted, walked = set(), {id(node) for node in nodes}  # they all lead to leaves
    else:
        wanted = {id(edge) for edge in targets if edge is not None}
        walked = _between(nodes, wanted)
    for node in nodes:
        if node.released and id(node) in walked:
            raise RuntimeError(
                f"{node.name}: a second walk through a graph whose saved arrays were released "
                "by the first; pass retain_graph=True to the first walk to keep them"
            )

    grads: dict[int, Tensor] = {}  # by node
    leaves: dict[int, tuple[Tensor, list[Tensor]]] = {}  # their gradients are summed at the end

    def add(edge: Function | Tensor, grad: Tensor) -> None:
        key = id(edge)
        if isinstance(edge, Function):
            # Always a new array: another node may hold the one that is there.
            grads[key] = grads[key] + grad if key in grads else grad
        elif key in leaves:
            leaves[key][1].append(grad)
        else:
            leaves[key] = edge, [grad]

    with set_grad_enabled(create_graph), beside(outputs[0].array):
        for x, start in zip(outputs, starts, strict=True):
            add(x.grad_fn or x, start)
        for node in reversed(nodes):
            key = id(node)
            if key not in grads or key not in walked:
                continue
            for see in node.hooks:
                grads[key] = _seen(see, grads[key])
            grad_output = grads[key] if key in wanted else grads.pop(key)
            recorded = node.needs_input_grad
            if targets is not None:
                node.needs_input_grad = tuple(
                    id(edge) in wanted or id(edge) in walked for edge in node.edges
                )
            results, needed = _gradients(node, grad_output), node.needs_input_grad
            node.needs_input_grad = recorded
            for i, edge in enumerate(node.edges):
                grad = results[i]
                if needed[i] and edge is not None and grad is not None:
                    if type(grad) is not Tensor or grad.array.shape != edge.shape:
                        _check_gradient(node, edge, grad)
                    add(edge, grad)
            if not retain_graph:
                node.release()
        grads.update(sum_each({key: parts for key, (_, parts) in leaves.items()}))
        for key, (leaf, _) in leaves.items():
            for see in leaf._hooks or ():
                grads[key] = _seen(see, grads[key])
        found = [leaf for leaf, _ in leaves.values()] if targets is None else targets
        return _with_own_memory([(edge, grads.get(id(edge))) for edge in found], starts)


def _between(nodes: list[Function], wanted: set[int]) -> set[int]:
    """The nodes on a path from an output to what is wanted."""
    found: set[int] = set()
    for node in nodes:
        if any(id(edge) in wanted or id(edge) in found for edge in node.edges if edge is not None):
            found.add(id(node))
    return found


def _with_own_memory(
    pairs: list[tuple[Edge, Tensor | None]], starts: Sequence[Tensor]
) -> list[tuple[Edge, Tensor | None]]:
    """An op may hand one array to several of its inputs, or the one that a walk started from: what
    users get shares no memory."""
    taken = {id(_owner(start.array)) for start in starts}
    result = []
    for edge, grad in pairs:
        if grad is not None:
            if id(_owner(grad.array)) in taken or _repeats(grad.array):
                grad = grad.clone()
            taken.add(id(_owner(grad.array)))
        result.append((edge, grad))
    return result


def _repeats(array: Array) -> bool:
    """Whether the array shows one element in several places, as a broadcast one does."""
    return 0 in array.strides and any(
        step == 0 and size > 1 for step, size in zip(array.strides, array.shape, strict=True)
    )


def _gradients(node: Function, grad_output: Tensor) -> Sequence[Tensor | None]:
    """What the node's backward returns: as many as there are inputs."""
    if node._output_changes and node._output_changes[0] != node._output_version:
        raise RuntimeError(
            f"{node.name}.backward: its output, of shape {node.shape}, was changed in place after "
            "the forward pass, and backward reads it"
        )
    run = node.backward
    results = run(grad_output) if hook is None else hook(run, grad_output)
    if isinstance(results, Tensor) and len(node.edges) == 1:
        results = (results,)
    if not isinstance(results, (tuple, list)):
        raise TypeError(
            f"{node.name}.backward must return a tuple with one Tensor or None for each of the "
            f"{len(node.edges)} inputs, got {type(results).__name__}"
        )
    if len(results) != len(node.edges):
        raise RuntimeError(
            f"{node.name}.backward returned {len(results)} gradients for {len(node.edges)} inputs"
        )
    return results


def _check_gradient(node: Function, edge: Function | Tensor, grad: Any) -> None:
    if not isinstance(grad, Tensor):
        raise TypeError(
            f"{node.name}.backward must return Tensors, got {type(grad).__name__}; it is written "
            "with ops on tensors, so that it can be differentiated again"
        )
    if grad.shape != edge.shape:
        raise RuntimeError(
            f"{node.name}.backward returned a gradient of shape {grad.shape} for an input of "
            f"shape {edge.shape}"
        )


def _seen(see: Callable[[Tensor], Tensor | None], grad: Tensor) -> Tensor:
    """The gradient after a hook: what the hook returned, or the gradient as it was."""
    result = see(grad)
    if result is None:
        return grad
    if not isinstance(result, Tensor) or result.shape != grad.shape or result.dtype != grad.dtype:
        got = f"{result.dtype} {result.shape}" if isinstance(result, Tensor) else repr(result)
        raise TypeError(
            f"a gradient's hook must return None or a tensor as it got, {grad.dtype} {grad.shape}; "
            f"got {got}"
        )
    return result


def _start(output: Tensor, gradient: Tensor | None, caller: str) -> Tensor:
    """The gradient to start from: `gradient`, checked, or one for a scalar output."""
    if not output.requires_grad:
        raise RuntimeError(
            f"{caller}: the tensor does not require a gradient: no input of it had "
            "requires_grad=True, or it was computed under no_grad()"
        )
    if gradient is None:
        if output.array.size != 1:
            raise RuntimeError(
                f"{caller}: a tensor of shape {output.shape} is not a scalar; pass the gradient to "
                "start from, or reduce it with .sum() or .mean()"
            )
        with beside(output.array):
            return Tensor(array_module(output.array).ones_like(output.array))
    if not isinstance(gradient, Tensor):
        raise TypeError(f"{caller}: gradient must be a Tensor, got {type(gradient).__name__}")
    if gradient.shape != output.shape:
        raise ValueError(
            f"{caller}: gradient has shape {gradient.shape}, the tensor has {output.shape}"
        )
    if gradient.dtype != output.dtype:
        raise TypeError(
            f"{caller}: gradient has dtype {gradient.dtype}, the tensor has {output.dtype}"
        )
    return gradient


@_hooked
def backward(
    output: Tensor, gradient: Tensor | None = None, retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:  # fmt: skip
    """Adds d(output)/d(leaf) to ``leaf.grad`` of every leaf that requires a gradient.

    See `Tensor.backward`.
    """
    start = _start(output, gradient, "backward")
    retain = create_graph if retain_graph is None else retain_graph
    pairs = _walk([output], [start], None, create_graph, retain)
    with set_grad_enabled(create_graph):
        for leaf, grad in pairs:
            assert grad is not None and isinstance(leaf, Tensor)  # all leaves were asked for
            leaf._grad = grad if leaf._grad is None else leaf._grad + grad


@_hooked
def grad(
    outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None, retain_graph: bool | None = None,
    create_graph: bool = False, only_inputs: bool = True, allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """The gradients of sum_i <outputs[i], grad_outputs[i]> with respect to `inputs`.

    Nothing is written to any ``.grad``, and no other gradient is computed.

    Args:
        outputs: a tensor or several.
        inputs: the tensor or tensors to differentiate by; they may be inner ones.
        grad_outputs: one tensor per output, of its shape and dtype; None means 1 for a scalar.
        retain_graph: keep the saved arrays for another walk; by default as `create_graph`.
        create_graph: record the computation, so that the result can be differentiated again.
        only_inputs: True always; a name from before PyTorch 0.4.
        allow_unused: return None for an input that the outputs do not depend on.

    Raises:
        RuntimeError: an output needs no gradient or is no scalar and has no grad_output; an input
            was not used (unless `allow_unused`); the graph was already released.
    """
    if not only_inputs:
        raise ValueError("grad: only_inputs=False is not supported; call backward")
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if grad_outputs is None:
        grad_outputs = [None] * len(outputs)
    elif isinstance(grad_outputs, Tensor):
        grad_outputs = [grad_outputs]
    if len(grad_outputs) != len(outputs):
        raise ValueError(f"grad: {len(outputs)} outputs but {len(grad_outputs)} grad_outputs")
    starts = [_start(x, g, "grad") for x, g in zip(outputs, grad_outputs, strict=True)]
    for index, x in enumerate(inputs):
        if not x.requires_grad:
            raise RuntimeError(f"grad: input {index} does not require a gradient")
    retain = create_graph if retain_graph is None else retain_graph
    targets = [_edge(x) for x in inputs]
    pairs = _walk(outputs, starts, targets, create_graph, retain)
    for index, (_, result) in enumerate(pairs):
        if result is None and not allow_unused:
            raise RuntimeError(
                f"grad: the outputs do not depend on input {index}; pass allow_unused=True to get "
                "None for it"
            )
    return tuple(result for _, result in pairs)


# At the end, because these modules import this one.
from tinygan.ops.accumulation import sum_each  # noqa: E402
from tinygan.tensor import Tensor  # noqa: E402
