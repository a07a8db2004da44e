import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Autograd from scratch")

with app.setup:
    import itertools

    import marimo as mo
    import numpy as np
    import solutions
    from exercises import check, shown
    from figures import plot
    from solutions import nodes_of

    import tinygan as tg


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    # Autograd from scratch

    How does `loss.backward()` find the derivative of one number by a million weights, in about the
    time that the loss itself takes? You build the answer here, in some sixty lines, and then read
    tinygan's own. Edit this notebook with `marimo edit notebooks/autograd_from_scratch.py`: an
    exercise is a function whose body is `...`; the box below it says whether it is right yet.

    Read beside it: `docs/autograd.md`.

    ## 1. A slope is a quotient

    By definition $f'(x) = \lim_{\varepsilon \to 0} \frac{f(x + \varepsilon) - f(x)}{\varepsilon}$.
    A computer cannot take the limit, but a small $\varepsilon$ gives an estimate. Going the same
    distance to both sides gives a better one, $\frac{f(x + \varepsilon) - f(x - \varepsilon)}{2
    \varepsilon}$: in Taylor's series of the difference the terms of even order cancel, and what is
    left is of order $\varepsilon^2$.

    **Exercise 1.** Write the better quotient.
    """)
    return


@app.function
def central_difference(f, x, eps):
    """The slope of f at x, from f at x + eps and at x - eps."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_1 = check(1, "central_difference", central_difference)
    exercise_1
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Why not take $\varepsilon = 10^{-15}$? A number of float64 has about 16 digits. So $f(x)$ is
    off by $10^{-16}$, and the division by $\varepsilon$ makes $10^{-16} / \varepsilon$ of that.
    Left of the lowest point this rounding is the error, right of it the terms of Taylor's series
    that were left out. Move the point, and read off which $\varepsilon$ is best for each of the
    two quotients.
    """)
    return


@app.cell
def _():
    point = mo.ui.slider(0.1, 3.0, 0.1, value=0.5, label="x", show_value=True)
    point
    return (point,)


@app.cell(hide_code=True)
def _(point):
    _x, _eps = point.value, 10.0 ** np.arange(-15, 0.1, 0.25)
    _slopes = {
        "one side": (np.sin(_x + _eps) - np.sin(_x)) / _eps,
        "both sides": (np.sin(_x + _eps) - np.sin(_x - _eps)) / (2 * _eps),
    }
    plot(
        {name: (_eps, np.abs(slope - np.cos(_x)) + 1e-17) for name, slope in _slopes.items()},
        xscale="log", yscale="log", ylim=(1e-14, 1), xlabel="eps", ylabel="error of the slope",
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    A quotient takes two values of $f$ for each input: for a million weights two million losses,
    and half of the digits are lost. Such quotients are good for one thing: to check a gradient
    that was found in another way.

    ## 2. Slopes that are exact: carry them along

    Instead of $x$ take the pair (value, slope by the input): $x$ itself is $(x, 1)$, a constant
    $c$ is $(c, 0)$. Each operation has a rule for pairs, for instance $(x, x') + (y, y') = (x +
    y,\; x' + y')$. After the last operation the slope of the result has been computed beside the
    result, without any $\varepsilon$. Such pairs are called *dual numbers*.

    **Exercise 2.** Write the rule for the product of two pairs.
    """)
    return


@app.function
def dual_product(a, b):
    """The product of two pairs (value, slope), as a pair."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_2 = check(2, "dual_product", dual_product)
    exercise_2
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Exact, but one pass gives the slopes by *one* input. A loss of a million weights would take a
    million passes. The chain rule is a product of Jacobians, and we have multiplied from the side
    of the input. From the other side all intermediate results are rows, because a loss is one
    number:

    $$\frac{\partial\, loss}{\partial x} = \big((1 \cdot J_{loss})\, J_g\big)\, J_f$$

    One walk from the loss to the inputs then gives the slope by each of them. To walk back we must
    remember the way: **the graph**.

    ## 3. The graph, and the walk back

    A `Value` knows its data and its number and, for each value that it was computed from, the
    local slope.
    """)
    return


@app.class_definition
class Value:
    made = itertools.count()

    def __init__(self, data, parents=()):
        self.data, self.grad = data, 0.0
        self.parents = parents  # pairs: a Value, and the slope of this one by it
        self.number = next(Value.made)  # a value is made after everything that it is made of

    def __add__(self, other):
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    def tanh(self):
        y = np.tanh(self.data)
        return Value(y, ((self, 1 - y * y),))


@app.cell(hide_code=True)
def _():
    shown(Value)
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    `nodes_of(output)` lists all values that `output` depends on, itself included, in the order in
    which they were made.

    **Exercise 3.** Write the walk: the output's `grad` is 1, and each node hands `grad` times the
    local slope to each of its parents. Mind two things. A value may be used twice. And a node may
    hand on only when all of its own `grad` has arrived: which order guarantees that?
    """)
    return


@app.function
def walk_back(output):
    """Sets the grad of the output, and of all values that it depends on."""
    for _node in nodes_of(output):
        ...


@app.cell(hide_code=True)
def _():
    exercise_3 = check(3, "walk_back", walk_back, Value=Value)
    exercise_3
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 4. Arrays

    A net of a million scalars would be a graph of millions of nodes. So let a node be an operation
    on arrays: what it hands back is the product of a row, shaped as its output, and its Jacobian,
    which is never written down. Two of these products are yours.

    **Exercise 4: broadcasting.** In `x + b` with shapes `(n, k)` and `(k,)` NumPy repeats `b` in
    each row. So one number of `b` is used `n` times, and by section 3 what arrives is added: the
    gradient, of the shape `(n, k)`, is summed to the shape of `b`.
    """)
    return


@app.function
def sum_to(grad, shape):
    """grad, summed to shape: over axes that broadcasting has added, and those of length 1."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_4 = check(4, "sum_to", sum_to)
    exercise_4
    return (exercise_4,)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    **Exercise 5: the matrix product.** $y = a\,b$ with shapes $(n, m)$ and $(m, k)$; $g$ of the
    shape $(n, k)$ arrives. Since $y_{ij} = \sum_l a_{il} b_{lj}$, the slope by $a_{il}$ is $\sum_j
    g_{ij} b_{lj}$. Write this and the other one as matrix products.
    """)
    return


@app.function
def matmul_backward(grad, a, b):
    """The gradients by a and by b, where grad is that by a @ b."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_5 = check(5, "matmul_backward", matmul_backward)
    exercise_5
    return (exercise_5,)


@app.cell
def _(exercise_4, exercise_5):
    # Until yours are right, the solutions work here, so that you can read on.
    _sum_to = sum_to if exercise_4.right else solutions.sum_to
    _matmul = matmul_backward if exercise_5.right else solutions.matmul_backward

    class Array:
        """As Value; a parent is a pair of an Array and a function from our grad to what it gets."""

        def __init__(self, data, parents=()):
            self.data, self.grad, self.parents = np.asarray(data, float), 0.0, parents
            self.number = next(Value.made)

        def __add__(self, other):
            a, b = self.data, other.data
            return Array(a + b, (
                (self, lambda g: _sum_to(g, a.shape)),
                (other, lambda g: _sum_to(g, b.shape)),
            ))

        def __mul__(self, other):
            a, b = self.data, other.data
            return Array(a * b, (
                (self, lambda g: _sum_to(g * b, a.shape)),
                (other, lambda g: _sum_to(g * a, b.shape)),
            ))

        def __matmul__(self, other):
            a, b = self.data, other.data
            return Array(a @ b, (
                (self, lambda g: _matmul(g, a, b)[0]),
                (other, lambda g: _matmul(g, a, b)[1]),
            ))

        def tanh(self):
            y = np.tanh(self.data)
            return Array(y, ((self, lambda g: g * (1 - y * y)),))

        def sum(self):
            shape = self.data.shape
            return Array(self.data.sum(), ((self, lambda g: np.broadcast_to(g, shape)),))

        def backward(self):
            self.grad = np.ones_like(self.data)
            for node in reversed(nodes_of(self)):
                for parent, back in node.parents:
                    parent.grad = parent.grad + back(node.grad)

    shown(Array)
    return (Array,)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    That is all. It trains a net: two layers, a ring of points to be told from its middle, 100
    steps of gradient descent. Beside it tinygan does the same, from the same weights. The two
    losses agree but for rounding.
    """)
    return


@app.cell
def _():
    rate = mo.ui.slider(0.01, 0.15, 0.01, value=0.05, label="rate", show_value=True)
    rate
    return (rate,)


@app.cell
def _(Array, rate):
    _rng = np.random.default_rng(0)
    _x = _rng.uniform(-2, 2, (100, 2))
    _target = np.where((_x * _x).sum(1, keepdims=True) < 1.5, 1.0, -1.0)
    _start = [_rng.standard_normal(shape) * 0.5 for shape in ((2, 16), (16,), (16, 1), (1,))]

    def _losses(array, gradient):
        """The loss at each step; `array` makes an array of either kind."""
        weights, found = list(_start), []
        for _ in range(100):
            w1, b1, w2, b2 = leaves = [array(w) for w in weights]
            error = ((array(_x) @ w1 + b1).tanh() @ w2 + b2) + array(-_target)
            loss = (error * error).sum() * array(1 / len(_x))
            loss.backward()
            for i, leaf in enumerate(leaves):
                weights[i] = weights[i] - rate.value * gradient(leaf)
            found.append(float(loss.data))
        return np.array(found)

    def _leaf(w):
        return tg.tensor(w, "float64", requires_grad=True)

    ours = _losses(Array, lambda leaf: leaf.grad)
    theirs = _losses(_leaf, lambda leaf: leaf.grad.numpy())
    return ours, theirs


@app.cell(hide_code=True)
def _(ours, theirs):
    _steps = np.arange(len(ours))
    mo.vstack([
        plot({"tinygan (filled)": (_steps, theirs), "this notebook": (_steps, ours)},
             yscale="log", xlabel="step", ylabel="mean squared error"),
        mo.md(f"Loss {ours[0]:.4f} at first, {ours[-1]:.4f} in the end. Largest relative "
              f"difference between the two: {np.abs(ours / theirs - 1).max():.0e}."),
    ])
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 5. Reading tinygan's

    Open `tinygan/autograd.py` and `tinygan/walk.py`. You know all of the names:

    | here | there |
    | :--- | :--- |
    | `Array`, a node with its result | `Function`, a node; the tensor points to it |
    | `parents` | `edges` |
    | `number` | `sequence` |
    | `nodes_of`, a loop with a stack | `graph_nodes`: why is it not recursive? |
    | `parent.grad + back(...)` | `add` in `_walk`: why would `+=` be wrong after `y + y`? |
    | `sum_to` | `sum_to` in `tinygan/ops/shape.py` |
    | (nothing) | `release`: a node drops what it saved once it has been walked |

    One difference matters most. Our functions compute with NumPy arrays, so what they return has
    no graph: we cannot ask for the slope of a slope. tinygan's `backward` takes and returns
    tensors and is written with operations that are recorded themselves. A GAN needs that: the R1
    penalty is the size of a gradient, and is itself differentiated.

    **Exercise 6.** The last exercise is an op of tinygan's. $y = \frac{x}{1 + |x|}$ has the slope
    $\frac{1}{(1 + |x|)^2}$. Both arguments are tensors; use `x.abs()`, `*`, `/` and `**`.
    """)
    return


@app.function
def softsign_backward(grad_output, x):
    """The gradient by x, a tensor, where grad_output is that by x / (1 + |x|)."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_6 = check(6, "softsign_backward", softsign_backward)
    exercise_6
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## To go on

    - `tg.print_graph(loss)` prints tinygan's graph. Print that of the R1 penalty
      (`docs/autograd.md`), then that of its gradient with `create_graph=True`.
    - Write the sixth derivative of sin, the exercise at the end of `docs/autograd.md`.
    - Sums that are used as `y + y` are why `add` in `_walk` makes a new array. Change it to `+=`
      in a copy, and find the test that fails.
    """)
    return


if __name__ == "__main__":
    app.run()
