"""The walk back through the graph: from the loss to the leaves, each node's `backward` once.

`backward` adds what it finds to ``.grad``, `grad` returns it. The nodes are in `autograd.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from tinygan import autograd
from tinygan.autograd import Function, _owner
from tinygan.devices import Array, array_module, beside
from tinygan.grad_mode import set_grad_enabled
from tinygan.ops.accumulation import sum_each
from tinygan.tensor import Tensor

if TYPE_CHECKING:
    from tinygan.autograd import Edge

P = ParamSpec("P")
R = TypeVar("R")


def _hooked(walk: Callable[P, R]) -> Callable[P, R]:
    """`walk`, which goes through the hook while there is one."""

    @functools.wraps(walk)
    def run(*args: P.args, **options: P.kwargs) -> R:
        hook = autograd.hook
        return walk(*args, **options) if hook is None else hook(walk, *args, **options)

    return run


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
    run, hook = node.backward, autograd.hook
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
