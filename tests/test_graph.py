"""The graph itself: what it holds and for how long, what it may share, and how it is shown."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import tinygan
from tinygan import Function, Tensor, grad, tensor
from tinygan import functional as F


def leaf(*values, dtype="float64") -> Tensor:
    return tensor(list(values), dtype, requires_grad=True)


class Watch(Function):
    """The identity; calls `look` when the walk comes by."""

    def __init__(self, look):
        self.look = look

    def forward(self, x):
        return x * 1

    def backward(self, grad_output):
        self.look()
        return (grad_output,)


# Life time


def test_saved_arrays_are_dropped_as_soon_as_a_node_has_been_walked():
    seen = []
    x = leaf(*range(1000))
    early = Watch(lambda: seen.append(saved() is None))(x)
    late = early + 1.0
    saved = weakref.ref(late.array)
    loss = (late * late).sum()  # this product holds `late`
    del early, late
    assert saved() is not None
    loss.backward()
    assert seen == [True]  # freed already before the walk reached `early`
    assert loss.grad_fn.released
    np.testing.assert_array_equal(x.grad.array, 2 * (np.arange(1000) + 1))


def test_saved_outputs_are_dropped_too():
    x = leaf(0.5)
    y = x.tanh()
    saved = weakref.ref(y.array)
    loss = (y * 2.0).sum()
    del y
    assert saved() is not None
    loss.backward()
    assert saved() is None


def test_retain_graph_allows_a_second_walk_and_its_absence_forbids_it():
    x = leaf(3.0)
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert x.grad.tolist() == [12]
    message = r"(Sum|Mul): a second walk .* pass retain_graph=True to the first walk"
    with pytest.raises(RuntimeError, match=message):
        loss.backward()
    with pytest.raises(RuntimeError, match=message):
        grad(loss, x)
    assert x.grad.tolist() == [12]


def test_create_graph_retains_by_default_but_not_against_the_callers_word():
    x = leaf(3.0)
    loss = (x * x).sum()
    grad(loss, x, create_graph=True)
    assert grad(loss, x, create_graph=True, retain_graph=False)[0].tolist() == [6]
    with pytest.raises(RuntimeError, match="second walk"):
        grad(loss, x)


def test_a_walk_into_a_released_part_is_refused():
    x = leaf(3.0)
    shared = x * x
    shared.sum().backward()
    with pytest.raises(RuntimeError, match="Mul: a second walk"):
        (shared * 2.0).sum().backward()


@pytest.mark.parametrize("walked", [False, True], ids=["never walked", "walked"])
def test_graphs_have_no_reference_cycles(walked):
    """With the cycle collector off, dropping the output frees every node and array."""
    gc.collect()
    gc.disable()
    try:
        x = leaf(0.5, 1.5)
        y = ((x.tanh() * x).exp() + x[0] / x).clip(-9.0, 9.0).reshape(2, 1).T.sqrt().mean()
        nodes = [weakref.ref(node) for node in tinygan.walk.graph_nodes([y])]
        arrays = [weakref.ref(node()._output) for node in nodes if node()._output is not None]
        assert len(nodes) >= 10 and len(arrays) >= 3
        if walked:
            grad(y, x, create_graph=True)
            y.backward()
        del y
        assert [node() for node in nodes if node() is not None] == []
        assert [array() for array in arrays if array() is not None] == []
    finally:
        gc.enable()


# Sharing


def test_accumulation_never_writes_into_a_shared_array():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    start = tensor([1.0, 1.0], "float64")
    (x + y).backward(start)  # both gradients may be one array: the start itself
    first = y.grad.array
    (x * 10.0).sum().backward()
    (x * 10.0).sum().backward()
    assert x.grad.tolist() == [21, 21]
    assert y.grad.tolist() == [1, 1] and y.grad.array is first
    assert start.tolist() == [1, 1]


def test_accumulation_inside_a_walk_leaves_the_start_alone():
    x = leaf(1.0, 2.0)
    start = tensor([1.0, 5.0], "float64")
    y = x + x  # two gradients of `start` meet at x
    y.backward(start)
    assert x.grad.tolist() == [2, 10]
    assert start.tolist() == [1, 5]


def test_the_gradient_of_an_inner_target_is_not_changed_by_later_additions():
    x = leaf(1.0)
    inner = x * 1.0
    by_inner, by_x = grad(inner + inner + x, [inner, x])
    assert by_inner.tolist() == [2] and by_x.tolist() == [3]


# Changes in place


def step(parameter: Tensor) -> None:
    """An optimizer changes the parameter in place."""
    parameter.grad = tinygan.ones_like(parameter)
    tinygan.optim.SGD([parameter], lr=0.5).step()


STALE = "was changed in place .* after the forward pass"


@pytest.mark.parametrize(
    "forward",
    [
        lambda x, w: x * w,
        lambda x, w: F.linear(x, w),  # reads w through a transposed view
        lambda x, w: x * w.reshape(4).reshape(2, 2),
        lambda x, w: x * w[0],
        lambda x, w: x * w.reshape(1, 4).expand(2, 4)[:, :2],
        lambda x, w: x * w.detach(),
        lambda x, w: x / w.detach().T,
    ],
    ids=["itself", "linear", "reshaped", "row", "expanded", "detached", "detached and transposed"],
)
def test_a_change_between_forward_and_backward_is_detected(forward):
    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    w = tensor([[5.0, 6.0], [7.0, 8.0]], requires_grad=True)
    loss = forward(x, w).sum()
    step(w)
    with pytest.raises(RuntimeError, match=STALE):
        loss.backward()
    assert x.grad is None


@pytest.mark.parametrize(
    "forward",
    [
        lambda x, w: x + w,  # an addition remembers no values
        lambda x, w: x * w.clone(),
        lambda x, w: x * w.T.reshape(4).reshape(2, 2),  # this reshape had to copy
    ],
    ids=["sum", "clone", "copying reshape"],
)
def test_a_change_of_what_backward_does_not_read_is_allowed(forward):
    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    w = tensor([[5.0, 6.0], [7.0, 8.0]], requires_grad=True)
    y = forward(x, w)
    (expected,) = grad(y.sum(), x, retain_graph=True)
    step(w)
    assert grad(y.sum(), x)[0].tolist() == expected.tolist()


def test_reading_what_was_not_announced_fails():
    class Silent(Function):
        def forward(self, x):
            return x * 2

        def backward(self, grad_output):
            return (getattr(self, self.wanted),)

    for wanted in ("inputs", "output"):
        node = Silent()
        node.wanted = wanted
        with pytest.raises(AssertionError, match=f"Silent reads its {wanted[:5]}.* without saves_"):
            node(leaf(1.0)).sum().backward()


# How a graph is shown


def test_print_graph(capsys):
    x, w = leaf(1.0, 2.0, 3.0), leaf(1.0, 2.0, 3.0)
    tinygan.print_graph((x * w + x.tanh() * 2.0).sum())
    assert capsys.readouterr().out.splitlines() == [
        "%0 = Mul(leaf [3], leaf [3]) [3]",
        "%1 = Tanh(leaf [3]) [3]",
        "%2 = Mul(%1, -) [3]",
        "%3 = Add(%0, %2) [3]",
        "%4 = Sum(%3) []",
    ]


def test_draw():
    x = leaf(1.0, 2.0)
    assert tinygan.draw((x * x).exp()).splitlines() == [
        "digraph tinygan {",
        "  rankdir=TB;",
        '  node [fontname="Helvetica"];',
        '  op0 [shape=box, label="Mul [2]"];',
        '  leaf2 [shape=ellipse, label="leaf [2]"];',
        '  op1 [shape=box, label="Exp [2]"];',
        "  leaf2 -> op0;",
        "  leaf2 -> op0;",
        "  op0 -> op1;",
        "}",
    ]


def test_draw_names_every_node_once():
    x, w = leaf(1.0, 2.0), leaf(1.0, 2.0)
    lines = tinygan.draw((x * w + x / w).sum()).splitlines()
    names = [line.split()[0] for line in lines if "shape=" in line]
    arrows = {tuple(line.strip(" ;").split(" -> ")) for line in lines if "->" in line}
    assert len(names) == len(set(names)) == 6
    assert sum(name.startswith("leaf") for name in names) == 2
    assert {name for arrow in arrows for name in arrow} == set(names)
    assert len(arrows) == 7
