"""Looking at a graph: as text, and as a picture."""

from __future__ import annotations

from tinygan.autograd import Function
from tinygan.tensor import Tensor
from tinygan.walk import graph_nodes


def _label(edge: Function | Tensor) -> str:
    if isinstance(edge, Tensor):
        return f"leaf {list(edge.shape)}"
    return f"{edge.name} {list(edge.shape)}"


def print_graph(tensor: Tensor) -> None:
    """Prints one line per op that `tensor` depends on, in the order of computation:

        %2 = Mul(leaf [3], %1) [3]
    """
    numbers = {id(node): f"%{i}" for i, node in enumerate(graph_nodes([tensor]))}
    for node in graph_nodes([tensor]):
        inputs = (
            "-" if edge is None else numbers.get(id(edge)) or _label(edge) for edge in node.edges
        )
        print(f"{numbers[id(node)]} = {node.name}({', '.join(inputs)}) {list(node.shape)}")


def draw(tensor: Tensor) -> str:
    """The graph of `tensor` as Graphviz text: ``dot -Tsvg`` makes a picture of it.

    Boxes are ops with the shape of their output, ellipses are leaves that require a gradient.
    """
    nodes = graph_nodes([tensor])
    names = {id(node): f"op{i}" for i, node in enumerate(nodes)}
    lines = ["digraph tinygan {", "  rankdir=TB;", '  node [fontname="Helvetica"];']
    arrows = []
    for node in nodes:
        lines.append(f'  {names[id(node)]} [shape=box, label="{_label(node)}"];')
        for edge in node.edges:
            if edge is None:
                continue
            if id(edge) not in names:
                names[id(edge)] = f"leaf{len(names)}"
                lines.append(f'  {names[id(edge)]} [shape=ellipse, label="{_label(edge)}"];')
            arrows.append(f"  {names[id(edge)]} -> {names[id(node)]};")
    return "\n".join([*lines, *arrows, "}"])
