"""The walk back through the graph: which gradients, their values, and what is refused."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tinygan
from tinygan import Function, Tensor, enable_grad, grad, no_grad, set_grad_enabled, tensor
from tinygan import functional as F
from tinygan.ops import conv


def leaf(*values, device="cpu", dtype="float64") -> Tensor:
    return tensor(list(values), dtype, device, requires_grad=True)


def values(x: Tensor) -> list:
    return x.detach().cpu().tolist()


class Probe(Function):
    """The sum of its inputs; remembers which gradients it was asked for."""

    def __init__(self):
        self.asked = []

    def forward(self, *arrays):
        return sum(arrays)

    def backward(self, grad_output):
        self.asked.append(self.needs_input_grad)
        return tuple(grad_output if needed else None for needed in self.needs_input_grad)


# Values. The numbers are small integers or halves, exact in float64: == is the right comparison.


def test_chain_rule_on_a_small_graph(device):
    x, y = leaf(1.0, 2.0, device=device), leaf(3.0, -1.0, device=device)
    z = (x * y + x * x) / y  # x + x^2 / y
    z.backward(tensor([1.0, 10.0], "float64", device))
    # dz/dx = 1 + 2 x / y = 1 + 2/3, 1 - 4;  dz/dy = -x^2 / y^2 = -1/9, -4
    # Thirds are not exact, so compare to a few units in the last place of float64.
    np.testing.assert_allclose(values(x.grad), [5 / 3, -30], rtol=1e-15)
    np.testing.assert_allclose(values(y.grad), [-1 / 9, -40], rtol=1e-15)


def test_gradients_accumulate_over_walks(device):
    x = leaf(3.0, device=device)
    (x * x).sum().backward()
    (x * 5.0).sum().backward()
    assert values(x.grad) == [2 * 3 + 5]


def test_leaves_add_up_what_they_get_from_several_nodes(device, rng):
    arrays = [rng.standard_normal(shape).astype("f") for shape in ((3, 4), (4,), ())]
    x, y, z = (tensor(array, requires_grad=True, device=device) for array in arrays)
    loss = (x * y + z).sum() + (x * 2.0).sum() + (x * x).sum() + (y * 3.0).sum()
    loss.backward()
    expected = [arrays[1] + 2 + 2 * arrays[0], arrays[0].sum(0) + 3, np.float32(12)]
    for each, wanted in zip((x, y, z), expected, strict=True):
        assert np.allclose(each.grad.cpu().numpy(), wanted, rtol=1e-5, atol=1e-5)
    assert x.grad.grad_fn is None and not x.grad.requires_grad


def test_diamonds_add_up():
    x = leaf(2.0)
    left, right = x * 3.0, x * x
    joined = left * right  # 3 x^3
    (joined + left).sum().backward()  # 9 x^2 + 3
    assert values(x.grad) == [39]


def test_a_node_is_walked_once_however_many_paths_lead_to_it():
    x = leaf(1.0)
    y, probes = x, []
    for _ in range(20):
        probes.append(Probe())
        y = probes[-1](y, y)
    y.sum().backward(retain_graph=True)  # kept, so that the probes keep their records
    assert values(x.grad) == [2**20]
    assert [len(probe.asked) for probe in probes] == [1] * 20


@pytest.mark.parametrize("walk", ["backward", "grad", "create_graph"])
def test_long_chains_do_not_recurse(walk):
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y + 1.0
    if walk == "backward":
        y.sum().backward()
        result = x.grad
    else:
        (result,) = grad(y.sum(), x, create_graph=walk == "create_graph")
    assert values(result) == [1]
    assert values(y) == [10_001]
    del y, result  # freeing a chain must not recurse either


def test_backward_of_a_leaf():
    x = leaf(4.0)
    x.backward()
    assert values(x.grad) == [1]


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_an_infinite_loss_starts_from_one_too():
    x = leaf(0.0, 1.0)
    (1.0 / x).sum().backward()  # the loss is inf; -1 / x^2 at 1 is finite all the same
    assert values(x.grad) == [-np.inf, -1]


# Only what was asked for


def test_needs_input_grad_says_what_is_wanted():
    frozen, x, w = tensor([1.0]), leaf(1.0, dtype="float32"), leaf(1.0, dtype="float32")
    probe = Probe()
    y = probe(frozen, x, w)
    grad(y, x, retain_graph=True)
    grad(y, w, retain_graph=True)
    y.backward(retain_graph=True)
    assert probe.asked == [(False, True, False), (False, False, True), (False, True, True)]


def test_nodes_off_the_path_are_not_walked():
    x, w = leaf(1.0), leaf(2.0)
    off, on = Probe(), Probe()
    y = on(off(w), x)
    other = Probe()
    assert values(grad([y, other(w)], x)[0]) == [1]
    assert on.released
    assert off.asked == other.asked == []
    assert not off.released and not other.released


def test_convolution_weight_gradient_runs_only_for_trained_weights(rng, monkeypatch):
    calls = []

    def spy(*args, **options):
        calls.append(args[0].shape)
        return kernel(*args, **options)

    kernel = conv.plain.conv2d_weight_grad
    monkeypatch.setattr(conv.plain, "conv2d_weight_grad", spy)
    transposed = []
    transpose_kernel = conv.plain.conv_transpose2d
    monkeypatch.setattr(
        conv.plain,
        "conv_transpose2d",
        lambda *args, **options: transposed.append(1) or transpose_kernel(*args, **options),
    )
    images = tensor(rng.standard_normal((2, 3, 5, 5)))
    weight = tensor(rng.standard_normal((4, 3, 3, 3)), requires_grad=True)

    F.conv2d(images, weight).sum().backward()
    assert (len(calls), len(transposed)) == (1, 0)  # the gradient of data is not computed
    weight.requires_grad_(False)
    images.requires_grad_()
    F.conv2d(images, weight).sum().backward()
    assert (len(calls), len(transposed)) == (1, 1)  # nor that of a frozen weight


def test_a_frozen_discriminator_gets_no_gradients(rng):
    generator = tinygan.nn.Linear(4, 6)
    discriminator = tinygan.nn.Linear(6, 1).requires_grad_(False)
    noise = tensor(rng.standard_normal((3, 4)), "float32")
    discriminator(generator(noise).tanh()).sum().backward()
    assert all(p.grad is not None for p in generator.parameters())
    assert all(p.grad is None for p in discriminator.parameters())
    assert noise.grad is None


# grad()


def test_grad_leaves_dot_grad_alone_and_takes_inner_tensors():
    x = leaf(3.0)
    inner = x * x
    y = inner * inner
    by_inner, by_x = grad(y, [inner, x])
    assert values(by_inner) == [18] and values(by_x) == [108]
    assert x.grad is None and inner.grad is None


def test_grad_by_the_output_itself():
    y = leaf(3.0) * 2.0
    assert values(grad(y, y)[0]) == [1]


def test_grad_of_several_outputs_with_cotangents():
    x = leaf(1.0, 2.0)
    squares, triples = x * x, x * 3.0
    v = tensor([1.0, 10.0], "float64"), tensor([100.0, 1000.0], "float64")
    (result,) = grad([squares, triples], x, list(v))
    assert values(result) == [2 * 1 + 300, 2 * 2 * 10 + 3000]
    (result,) = grad([(x * x).sum(), (x * 3.0).sum()], x, [None, tensor(2.0, "float64")])
    assert values(result) == [2 + 6, 4 + 6]


def test_grad_of_one_output_named_twice():
    x = leaf(1.0)
    y = x * 2.0
    assert values(grad([y, y], x)[0]) == [4]


def test_unused_inputs():
    x, unused = leaf(1.0), leaf(1.0)
    y = x * 2.0
    with pytest.raises(RuntimeError, match=r"do not depend on input 1; pass allow_unused=True"):
        grad(y, [x, unused], retain_graph=True)
    by_x, by_unused = grad(y, [x, unused], allow_unused=True)
    assert values(by_x) == [2] and by_unused is None


@pytest.mark.parametrize(
    ("f", "derivatives"),
    [
        (lambda x: x**4, lambda x: (4 * x**3, 12 * x**2, 24 * x)),
        (
            lambda x: x.tanh(),
            lambda x: (
                (s := 1 - np.tanh(x) ** 2),
                -2 * np.tanh(x) * s,
                -2 * s * (s - 2 * np.tanh(x) ** 2),
            ),
        ),
    ],
    ids=["x**4", "tanh"],
)
def test_derivatives_up_to_the_third(f, derivatives):
    x = leaf(-0.7, 0.3, 1.1)
    current = f(x)
    for expected in derivatives(x.detach().numpy()):
        (current,) = grad(current.sum(), x, create_graph=True)
        # Some tens of roundings of float64.
        np.testing.assert_allclose(values(current), expected, rtol=1e-13)


def test_backward_with_create_graph_can_be_differentiated():
    x = leaf(2.0)
    (x**3).sum().backward(create_graph=True)
    assert values(x.grad) == [12]
    assert values(grad(x.grad, x)[0]) == [12]  # 6 x


def test_a_gradient_is_recorded_only_with_create_graph():
    x = leaf(2.0)
    (plain,) = grad((x * x).sum(), x)
    (recorded,) = grad((x * x).sum(), x, create_graph=True)
    assert plain.requires_grad is False and recorded.requires_grad is True


# What is refused


def test_starting_points_are_checked():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    with pytest.raises(RuntimeError, match=r"backward: a tensor of shape \(2,\) is not a scalar"):
        y.backward()
    with pytest.raises(RuntimeError, match="grad: the tensor does not require a gradient"):
        grad(tensor(1.0), x)
    with pytest.raises(RuntimeError, match="backward: the tensor does not require a gradient"):
        y.detach().sum().backward()
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\), the tensor has \(2,\)"):
        y.backward(tinygan.ones(3, dtype="float64"))
    with pytest.raises(TypeError, match="gradient has dtype float32, the tensor has float64"):
        y.backward(tinygan.ones(2))
    with pytest.raises(TypeError, match="gradient must be a Tensor, got ndarray"):
        y.backward(np.ones(2))
    with pytest.raises(ValueError, match="grad: 1 outputs but 2 grad_outputs"):
        grad(y, x, [None, None])
    with pytest.raises(RuntimeError, match="grad: input 0 does not require a gradient"):
        grad(y.sum(), tensor(1.0))
    assert x.grad is None


class Faulty(Function):
    """An op whose backward returns whatever it was given."""

    def __init__(self, *results):
        self.results = results

    def forward(self, x):
        return x * 1

    def backward(self, grad_output):
        return self.results


def test_faults_of_op_authors_are_named():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"Faulty\.backward returned 2 gradients for 1 inputs"):
        Faulty(x, x)(x).sum().backward()
    message = r"returned a gradient of shape \(3,\) for an input of shape \(2,\)"
    with pytest.raises(RuntimeError, match=message):
        Faulty(tinygan.ones(3))(x).sum().backward()
    with pytest.raises(NotImplementedError, match=r"Function\.forward"):
        Function()(x)
    with pytest.raises(TypeError, match="Faulty: expected a Tensor, got ndarray"):
        Faulty()(np.ones(2))
    assert x.grad is None


# Recording


def test_modes_nest_and_survive_exceptions():
    seen = []
    with no_grad():
        seen.append(tinygan.is_grad_enabled())
        with enable_grad():
            seen.append(tinygan.is_grad_enabled())
            with set_grad_enabled(False):
                seen.append(tinygan.is_grad_enabled())
            seen.append(tinygan.is_grad_enabled())
        seen.append(tinygan.is_grad_enabled())
        with pytest.raises(KeyError), enable_grad():
            raise KeyError
        seen.append(tinygan.is_grad_enabled())
    seen.append(tinygan.is_grad_enabled())
    assert seen == [False, True, False, True, False, False, True]


def test_one_mode_object_may_be_entered_twice():
    mode = no_grad()
    with mode:
        with mode:
            pass
        assert not tinygan.is_grad_enabled()
    assert tinygan.is_grad_enabled()


def test_modes_decorate():
    x = leaf(1.0)

    @no_grad()
    def unrecorded(depth):
        return unrecorded(depth - 1) if depth else x * 2.0

    assert not unrecorded(2).requires_grad
    assert (x * 2.0).requires_grad


def test_recording_is_per_thread():
    seen = {}
    with no_grad():
        thread = threading.Thread(target=lambda: seen.update(other=tinygan.is_grad_enabled()))
        thread.start()
        thread.join()
        seen["this"] = tinygan.is_grad_enabled()
    assert seen == {"other": True, "this": False}


def test_an_op_may_have_no_inputs():
    class Two(Function):
        def forward(self):
            return np.full(3, 2.0)

    assert Two()().tolist() == [2, 2, 2]


# Memory: no two gradients share it


def test_each_gradient_has_memory_of_its_own(device):
    a, b = leaf(1.0, 1.0, device=device), leaf(1.0, 1.0, device=device)
    ((a + b) * tensor([1.0, 2.0], "float64", device)).sum().backward()
    a.grad.array[...] = 0
    assert values(b.grad) == [1, 2]

    a, b, start = leaf(1.0, 1.0, device=device), leaf(2.0, 2.0, device=device), leaf(3.0, 4.0)
    start = start.detach().to(device)
    (a.reshape(1, 2) + b).backward(start.reshape(1, 2))
    for gradient in (a.grad, b.grad, *grad(a - b, [a, b], start), *grad(a + b, [a, b], start)):
        gradient.array[...] = 7
    assert values(start) == [3, 4]

    a = leaf(1.0, 2.0, device=device)
    a.sum().backward()  # the sum repeats one element
    a.grad *= 0.5
    assert values(a.grad) == [0.5, 0.5]
    first, second = grad(a + b, [a, b], start)
    first *= 2.0
    assert values(second) == [3, 4]


def test_a_gradient_that_is_set_must_fit(device):
    x = tensor(np.ones(3, "f"), device=device, requires_grad=True)
    x.grad = tinygan.ones(3, device=device)
    for wrong in (tinygan.ones(1, device=device), tinygan.ones(3, dtype="float64", device=device)):
        with pytest.raises(ValueError, match="grad must have the shape, dtype and device"):
            x.grad = wrong
    with pytest.raises(TypeError, match="grad must be set to a Tensor or None, got float"):
        x.grad = 0.0
    assert values(x.grad) == [1, 1, 1]
    x.grad = None
    assert x.grad is None


def test_integers_require_no_gradient(device):
    x = tensor([1, 2], device=device)
    with pytest.raises(TypeError, match="requires_grad needs a floating dtype, got int64"):
        x.requires_grad = True
    with pytest.raises(TypeError, match="requires_grad needs a floating dtype, got int64"):
        Tensor(np.arange(3), requires_grad=True)
    assert not x.requires_grad


# Looking at gradients on their way


def test_an_inner_gradient_is_kept(device):
    x = leaf(2.0, 3.0, device=device)
    y = x * 2.0
    y.retain_grad()
    z = y * y
    z.sum().backward(retain_graph=True)
    assert values(y.grad) == [8, 12] and values(x.grad) == [16, 24]
    z.sum().backward()
    assert values(y.grad) == [16, 24]
    x.retain_grad()  # of a leaf it is kept anyway
    with pytest.raises(RuntimeError, match="retain_grad: the tensor does not require a gradient"):
        y.detach().retain_grad()


def test_hooks_see_and_change_gradients(device):
    x = leaf(2.0, 3.0, device=device)
    y = x * 2.0
    seen = []
    handle = y.register_hook(lambda g: seen.append(values(g)))
    y.register_hook(lambda g: g * 10.0)
    last = x.register_hook(lambda g: -g)
    (y * y + y).sum().backward(retain_graph=True)
    assert seen == [[9, 13]] and values(x.grad) == [-180, -260]
    (gradient,) = grad((y * y).sum(), x, retain_graph=True)
    assert values(gradient) == [-160, -240] and len(seen) == 2
    handle.remove()
    last.remove()
    x.grad = None
    (y * 1.0).sum().backward(retain_graph=True)
    assert values(x.grad) == [20, 20] and len(seen) == 2
    y.register_hook(lambda g: g.sum())
    with pytest.raises(TypeError, match="a gradient's hook must return None or a tensor as it got"):
        (y * 1.0).sum().backward()


def test_the_graph_can_be_walked_by_hand(device):
    x, w = leaf(1.0, device=device), tensor([2.0], "float64", device)
    y = (x * w).exp()
    (inner, number), = y.grad_fn.next_functions
    assert (inner.name, number) == ("Mul", 0)
    (end, _), (nothing, _) = inner.next_functions
    assert end.variable is x and end.name == "AccumulateGrad" and end.next_functions == ()
    assert nothing is None


# Modes


def test_the_mode_can_be_set_by_a_statement():
    try:
        set_grad_enabled(False)
        assert not tinygan.is_grad_enabled()
        with set_grad_enabled(True):
            assert tinygan.is_grad_enabled()
        assert not tinygan.is_grad_enabled()
    finally:
        set_grad_enabled(True)
    assert tinygan.is_grad_enabled()

    @set_grad_enabled(False)
    def inside():
        return tinygan.is_grad_enabled()

    assert tinygan.is_grad_enabled() and not inside() and tinygan.is_grad_enabled()


def test_decorators_need_no_parentheses():
    @no_grad
    def off(x, *, y):
        return tinygan.is_grad_enabled(), x, y

    @no_grad()
    def also_off():
        with enable_grad():
            return tinygan.is_grad_enabled(), on()

    @enable_grad
    def on():
        return tinygan.is_grad_enabled()

    assert off(1, y=2) == (False, 1, 2) and also_off() == (True, True) and on()
    assert off.__name__ == "off"


def test_arguments_of_grad_are_in_pytorchs_order():
    x = leaf(2.0)
    y = x * x * x
    (first,) = grad(y, x, None, True, True)  # retain_graph, create_graph
    assert values(first) == [12] and values(grad(first, x, only_inputs=True)[0]) == [12]
    with pytest.raises(ValueError, match="grad: only_inputs=False is not supported"):
        grad(y, x, only_inputs=False)
