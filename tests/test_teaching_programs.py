"""Programs in the manner of the small autograds that people learn from, with their numbers.

Each is written once, for a library `lib` with PyTorch's names: micrograd's scalars, DeZero's
derivatives of derivatives, the functional style of HIPS autograd. Formulas say what is right, and
PyTorch where it is installed.
"""

from __future__ import annotations

import math
import random
from importlib.util import find_spec

import numpy as np
import pytest

import tinygan

# Two float64 libraries that do the same ops in the same order; reductions may be grouped otherwise.
CLOSE = dict(rtol=1e-12, atol=1e-12)


def number(lib, value):
    return lib.tensor(value, dtype=lib.float64, requires_grad=True)


def derivative(lib, function):
    """The function x -> function'(x), which can itself be given to `derivative`."""

    def slope(x):
        x = x if x.requires_grad else x.requires_grad_()
        (gradient,) = lib.autograd.grad(function(x).sum(), x, create_graph=True)
        return gradient

    return slope


def expression_of_numbers(lib):
    """Every operator of plain numbers, in place, from the left and from the right."""
    p, q = number(lib, -1.5), number(lib, 0.75)
    r = (p + q) * 2 - q**3
    r += 1 + r / 4
    r *= 3 - p
    s = (r - q).relu() + 2.0 / r + (-r) * 0.5
    s -= 7.0 * p.tanh()
    s.backward()
    return s.data, p.grad, q.grad, lib.tensor([float(f"{s.data:.6f}"), float(p.grad)])


def neurons_of_single_weights(lib):
    """A net whose weights are numbers in Python lists, and data that are NumPy's numbers."""
    draw = random.Random(5)
    layers = [
        [([number(lib, draw.uniform(-1, 1)) for _ in range(inputs)], number(lib, 0.0))
         for _ in range(outputs)]
        for inputs, outputs in ((2, 4), (4, 1))
    ]  # fmt: skip
    weights = [w for layer in layers for row, bias in layer for w in (*row, bias)]
    rng = np.random.default_rng(2)
    points, labels = rng.standard_normal((6, 2)), np.array([1, -1, 1, 1, -1, -1])
    history = []
    for _ in range(4):
        scores = []
        for x in points:
            hidden = [sum((w * v for w, v in zip(row, x, strict=True)), bias).relu()
                      for row, bias in layers[0]]  # fmt: skip
            ((row, bias),) = layers[1]
            scores.append(sum((w * h for w, h in zip(row, hidden, strict=True)), bias))
        losses = [(1 + -y * score).relu() for y, score in zip(labels, scores, strict=True)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-3 * sum(w * w for w in weights)
        for w in weights:
            w.grad = None
        loss.backward()
        for w in weights:
            w.data -= 0.3 * w.grad
        right = [(y > 0) == (score.data > 0) for y, score in zip(labels, scores, strict=True)]
        history += [loss.data, lib.tensor(float(sum(right)))]
    return history


def newtons_method(lib):
    """Steps by the first and the second derivative, to a minimum of x^4 - 3 x^2."""
    x = number(lib, 2.5)
    for _ in range(12):
        x.grad = None
        (x**4 - 3 * x**2).backward(create_graph=True)
        first, x.grad = x.grad, None
        first.backward()
        second = x.grad
        x.data -= first.data / second.data
    return (x.data,)


def gradient_of_a_gradient_and_more(lib):
    """A loss that holds a gradient, as gradient penalties do."""
    x = number(lib, [0.5, 2.0])
    y = (x**3).sum()
    y.backward(create_graph=True)
    slope, x.grad = x.grad, None
    ((slope**2).sum() + y).backward()
    return (x.grad,)


def derivatives_of_a_quotient(lib):
    """tanh as exponentials say it, and four derivatives."""
    function, found = (lambda x: (1 - lib.exp(-2 * x)) / (1 + lib.exp(-(2 * x)))), []
    for _ in range(4):
        function = derivative(lib, function)
        found.append(function(lib.tensor(np.linspace(-3, 3, 13))))
    return found


def a_loop_until_it_settles(lib):
    """The root of a by a contraction: derivatives go through as many rounds as there were."""
    a, x = number(lib, 3.0), lib.tensor(5.0, dtype=lib.float64)
    while True:
        following = x - 0.1 * (x**2 - a)
        if lib.abs(following - x) < 1e-13:
            break
        x = following
    (first,) = lib.autograd.grad(following, a, create_graph=True)
    (second,) = lib.autograd.grad(first, a)
    return following, first, second


def jacobian_and_products(lib):
    """A Jacobian row by row; a Hessian times a vector, in two ways."""
    x = number(lib, [0.2, -0.4, 0.9])
    matrix = lib.tensor(np.arange(9.0).reshape(3, 3) / 9)
    y = lib.tanh(matrix @ x)
    rows = [lib.autograd.grad(y[i], x, retain_graph=True)[0] for i in range(3)]
    v = lib.tensor([1.0, -2.0, 0.5], dtype=lib.float64)
    energy = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
    (gradient,) = lib.autograd.grad(energy, x, create_graph=True)
    (product,) = lib.autograd.grad(gradient, x, v, retain_graph=True)
    (same,) = lib.autograd.grad((gradient * v).sum(), x)
    return (*rows, product, same)


def a_net_by_hand(lib):
    """Regression with weights that are changed through .data, and rows that are picked."""
    rng = np.random.default_rng(3)
    x, y = rng.random((20, 1)), None
    y = lib.from_numpy(np.sin(6 * x) + 0.1 * rng.random((20, 1)))
    x = lib.tensor(x)
    parts = [(0.5 * rng.standard_normal((1, 8))), np.zeros(8), rng.standard_normal((8, 1)),
             np.zeros(1)]  # fmt: skip
    w1, b1, w2, b2 = parts = [lib.tensor(part, requires_grad=True) for part in parts]
    for _ in range(30):
        fitted = lib.sigmoid(x @ w1 + b1) @ w2 + b2
        loss = ((fitted - y) ** 2).sum() / len(y)
        for p in parts:
            p.grad = None
        loss.backward()
        for p in parts:
            p.data -= 0.2 * p.grad.data
    fitted = lib.sigmoid(x @ w1 + b1) @ w2 + b2
    picked = lib.softmax(lib.cat([fitted, -fitted], 1), 1)[range(20), [i % 2 for i in range(20)]]
    (-lib.log(picked).mean()).backward()
    return loss.detach(), *parts, *(p.grad for p in parts)


def the_graph(lib):
    """What made a result, step by step back to the leaf, whichever side a number stands on."""
    a = number(lib, 0.3)
    node, depth = (1 + 2 * lib.sin(a)).grad_fn, 0
    while node.next_functions:
        node, depth = node.next_functions[0][0], depth + 1
    return lib.tensor(float(depth)), node.variable.detach()


PROGRAMS = [
    expression_of_numbers, neurons_of_single_weights, newtons_method,
    gradient_of_a_gradient_and_more, derivatives_of_a_quotient, a_loop_until_it_settles,
    jacobian_and_products, a_net_by_hand, the_graph,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using backward")  # PyTorch's, of create_graph
@pytest.mark.skipif(find_spec("torch") is None, reason="needs PyTorch: pip install torch")
@pytest.mark.parametrize("program", PROGRAMS, ids=[program.__name__ for program in PROGRAMS])
def test_a_program_gives_pytorchs_numbers(program):
    import torch

    ours, theirs = ([x.detach().numpy() for x in program(lib)] for lib in (tinygan, torch))
    assert len(ours) == len(theirs) > 0
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, **CLOSE, strict=True)


def test_programs_give_what_formulas_say():
    assert newtons_method(tinygan)[0].item() == pytest.approx(math.sqrt(1.5), rel=1e-15)
    root, first, second = (x.item() for x in a_loop_until_it_settles(tinygan))
    # The last round changed less than 1e-13; its derivatives lag behind by some rounds.
    expected = (3**0.5, 0.5 * 3**-0.5, -0.25 * 3**-1.5)
    assert (root, first, second) == pytest.approx(expected, rel=1e-9)
    x = np.array([0.5, 2.0])
    gradient = gradient_of_a_gradient_and_more(tinygan)[0].tolist()
    assert gradient == pytest.approx((36 * x**3 + 3 * x**2).tolist(), rel=1e-15)
    assert [x.item() for x in the_graph(tinygan)] == [3, 0.3]  # Add, Mul, Sin


def tanh_derivative(order):
    """Coefficients of the polynomial in t = tanh(x) that its derivative of this order is: the
    derivative of a polynomial p(t) is p'(t) (1 - t^2)."""
    polynomial = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(order):
        polynomial = polynomial.deriv() * np.polynomial.Polynomial([1.0, 0.0, -1.0])
    return polynomial


@pytest.mark.parametrize("way", ["grad", "backward"])
def test_the_sixth_derivative_of_tanh(way):
    # f^(6) = -16 t (1 - t^2) (17 - 60 t^2 + 45 t^4): the reference itself is right.
    assert tanh_derivative(6).coef.tolist() == [0, -272, 0, 1232, 0, -1680, 0, 720]
    values = np.linspace(-4, 4, 33)
    x = tinygan.tensor(values, requires_grad=True)
    y = tinygan.tanh(x)
    for order in range(1, 7):
        if way == "grad":
            (y,) = tinygan.grad(y.sum(), x, create_graph=True)
        else:
            x.grad = None
            y.backward(tinygan.ones_like(y), create_graph=True)
            y = x.grad
        expected = tanh_derivative(order)(np.tanh(values))
        # Terms of up to 1680 cancel: rounding of 1e-16 grows by that much.
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-12, atol=1e-12)
