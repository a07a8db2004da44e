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

import contextlib
import functools
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeAlias, TypeVar

from tinygan.device import Array, array_module, beside, device_of

if TYPE_CHECKING:
    from tinygan.tensor import Tensor

    # Where a gradient flows to: the node that made a tensor, a leaf tensor, or nowhere.
    Edge: TypeAlias = "Function | Tensor | None"


class _Mode(threading.local):
    recording = True


_mode = _Mode()
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


def is_grad_enabled() -> bool:
    """Whether ops are being recorded."""
    return _mode.recording


class set_grad_enabled(contextlib.ContextDecorator):
    """``with set_grad_enabled(mode):`` records ops (or not) inside the block."""

    def __init__(self, mode: bool):
        self.mode = mode
        self._outer: list[bool] = []

    def __enter__(self):
        self._outer.append(_mode.recording)
        _mode.recording = self.mode
        return self

    def __exit__(self, *exception):
        _mode.recording = self._outer.pop()
        return False


class no_grad(set_grad_enabled):
    """``with no_grad():`` (or ``@no_grad()``) records nothing: for sampling and evaluation."""

    def __init__(self):
        super().__init__(False)


class enable_grad(set_grad_enabled):
    """``with enable_grad():`` records again inside a block that does not."""

    def __init__(self):
        super().__init__(True)


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
    _inputs: tuple[Tensor, ...] | None = None
    _versions: tuple[int, ...] = ()
    _output: Array = None

    @property
    def name(self) -> str:
        return type(self).__name__

    def forward(self, *arrays: Array) -> Array:
        raise NotImplementedError(f"{self.name}.forward")

    def backward(self, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        raise NotImplementedError(f"{self.name}.backward")

    def __call__(self, *inputs: Tensor) -> Tensor:
        self._check(inputs)
        if self.sequence >= 0:
            raise RuntimeError(f"{self.name}: this instance is a node of a graph; make a new one")
        recorded = _mode.recording and any(x.requires_grad for x in inputs)
        # Known before forward runs, so that it can skip what only backward would read.
        self.needs_input_grad = tuple(recorded and x.requires_grad for x in inputs)
        arrays = [x.array for x in inputs]
        with beside(arrays[0] if arrays else None):
            output = Tensor(self.forward(*arrays) if hook is None else hook(self.forward, *arrays))
        for x in inputs:
            if _owner(output.array) is _owner(x.array):
                output._changes = x._changes  # a view: a change of one changes both
        if recorded:
            self.sequence = next(_sequence)
            self.edges = tuple(_edge(x) for x in inputs)
            self.shape, self.input_shapes = output.shape, tuple(x.shape for x in inputs)
            if self.saves_inputs:
                self._inputs = inputs
                self._versions = tuple(x.version for x in inputs)
            if self.saves_output:
                self._output = output.array
            output.requires_grad = True
            output.grad_fn = self
        return output

    def _check(self, inputs: tuple[Tensor, ...]) -> None:
        """One device, and one floating dtype: float32 and float64 never mix silently."""
        first = None
        for x in inputs:
            if not isinstance(x, Tensor):
                raise TypeError(f"{self.name}: expected a Tensor, got {type(x).__name__}")
            if first is None:
                first = x
            if x.array is not first.array and device_of(x.array) != device_of(first.array):
                raise ValueError(
                    f"{self.name}: inputs on different devices, {first.device} and {x.device}"
                )
        floats = {x.array.dtype for x in inputs if x.array.dtype.kind == "f"}
        if len(floats) > 1:
            raise TypeError(
                f"{self.name}: inputs of different dtypes, {' and '.join(sorted(map(str, floats)))}"
                "; convert one with .to(dtype)"
            )

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The input tensors, for backward (``saves_inputs``)."""
        assert self._inputs is not None, f"{self.name} reads its inputs without saves_inputs"
        for index, (x, version) in enumerate(zip(self._inputs, self._versions, strict=True)):
            if x.version != version:
                raise RuntimeError(
                    f"{self.name}.backward: input {index}, of shape {x.shape}, was changed in place"
                    " (by an optimizer step?) after the forward pass that read it"
                )
        return self._inputs

    @property
    def output(self) -> Tensor:
        """The output tensor, for backward (``saves_output``)."""
        assert self._output is not None, f"{self.name} reads its output without saves_output"
        # A new Tensor each time: holding the original would make a cycle of references.
        output = Tensor(self._output, requires_grad=True)
        output.grad_fn = self
        return output

    def release(self) -> None:
        """Drops everything that was kept for backward; the graph can still be printed."""
        edges, sequence, shape = self.edges, self.sequence, self.shape
        self.__dict__.clear()
        self.edges, self.sequence, self.shape, self.released = edges, sequence, shape, True

    def __repr__(self) -> str:
        return f"<{self.name}>"


def _owner(array: Array) -> object:
    """What holds the memory of `array`: itself, or the array that it is a view of."""
    return array if array.base is None else array.base


def _edge(x: Tensor) -> Edge:
    if not x.requires_grad:
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
    outputs: Sequence[Tensor], grad_outputs: Sequence[Tensor], nodes: list[Function],
    targets: Sequence[Edge], create_graph: bool, retain_graph: bool,
) -> list[Tensor | None]:  # fmt: skip
    """The gradients of sum(output * grad_output) with respect to `targets`."""
    wanted = {id(edge) for edge in targets}
    walked: set[int] = set()  # the nodes on a path from an output to a target
    for node in nodes:
        if any(id(edge) in wanted or id(edge) in walked for edge in node.edges if edge is not None):
            walked.add(id(node))
            if node.released:
                raise RuntimeError(
                    f"{node.name}: a second walk through a graph whose saved arrays were released "
                    "by the first; pass retain_graph=True to the first walk to keep them"
                )

    grads: dict[int, Tensor] = {}
    leaf_grads: dict[int, list[Tensor]] = {}  # the gradients of each leaf, summed at the end

    def add(edge: Edge, grad: Tensor) -> None:
        if isinstance(edge, Tensor):
            leaf_grads.setdefault(id(edge), []).append(grad)
        else:
            known = grads.get(id(edge))
            # Always a new array: another node may hold the one that is there.
            grads[id(edge)] = grad if known is None else known + grad

    with set_grad_enabled(create_graph), beside(outputs[0].array):
        for x, grad in zip(outputs, grad_outputs, strict=True):
            add(_edge(x), grad)
        for node in reversed(nodes):
            if id(node) not in walked:
                continue
            grad_output = grads.get(id(node)) if id(node) in wanted else grads.pop(id(node), None)
            if grad_output is None:
                continue
            node.needs_input_grad = tuple(
                edge is not None and (id(edge) in wanted or id(edge) in walked)
                for edge in node.edges
            )
            run = node.backward
            results = run(grad_output) if hook is None else hook(run, grad_output)
            if len(results) != len(node.edges):
                raise RuntimeError(
                    f"{node.name}.backward returned {len(results)} gradients for "
                    f"{len(node.edges)} inputs"
                )
            for edge, needed, grad_input in zip(
                node.edges, node.needs_input_grad, results, strict=True
            ):
                if edge is not None and needed and grad_input is not None:
                    if grad_input.shape != edge.shape:
                        raise RuntimeError(
                            f"{node.name}.backward returned a gradient of shape {grad_input.shape} "
                            f"for an input of shape {edge.shape}"
                        )
                    add(edge, grad_input)
            if not retain_graph:
                node.release()
        grads.update(sum_each(leaf_grads))
    return [grads.get(id(edge)) for edge in targets]


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
    nodes = graph_nodes([output])
    leaves: dict[int, Tensor] = {}
    if output.grad_fn is None:
        leaves[id(output)] = output
    for node in nodes:
        for edge in node.edges:
            if isinstance(edge, Tensor):
                leaves[id(edge)] = edge
    targets = list(leaves.values())
    grads = _walk([output], [start], nodes, targets, create_graph, retain)
    with set_grad_enabled(create_graph):
        for leaf, grad in zip(targets, grads, strict=True):
            if grad is not None:
                leaf.grad = grad if leaf.grad is None else leaf.grad + grad


@_hooked
def grad(
    outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None, create_graph: bool = False, *,
    retain_graph: bool | None = None, allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """The gradients of sum_i <outputs[i], grad_outputs[i]> with respect to `inputs`.

    Nothing is written to any ``.grad``, and no other gradient is computed.

    Args:
        outputs: a tensor or several.
        inputs: the tensor or tensors to differentiate by; they may be inner ones.
        grad_outputs: one tensor per output, of its shape and dtype; None means 1 for a scalar.
        create_graph: record the computation, so that the result can be differentiated again.
        retain_graph: keep the saved arrays for another walk; by default as `create_graph`.
        allow_unused: return None for an input that the outputs do not depend on.

    Raises:
        RuntimeError: an output needs no gradient or is no scalar and has no grad_output; an input
            was not used (unless `allow_unused`); the graph was already released.
    """
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
    grads = _walk(outputs, starts, graph_nodes(outputs), targets, create_graph, retain)
    for index, result in enumerate(grads):
        if result is None and not allow_unused:
            raise RuntimeError(
                f"grad: the outputs do not depend on input {index}; pass allow_unused=True to get "
                "None for it"
            )
    return tuple(grads)


# At the end, because these modules import this one.
from tinygan.ops.accumulation import sum_each  # noqa: E402
from tinygan.tensor import Tensor  # noqa: E402
