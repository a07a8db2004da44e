import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="From the loop to the convolution")

with app.setup:
    import functools
    import time

    import marimo as mo
    import numba
    import numpy as np
    from exercises import check, shown
    from figures import plot

    import tinygan as tg
    from tinygan.kernels.bench.roofline import measure_roofline
    from tinygan.kernels.conv2d import conv2d
    from tinygan.kernels.conv2d.minimal_filtering import products


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    # From the loop to the convolution

    Most of the time that a DCGAN trains goes into one sum. This notebook climbs from the loops
    that it is written as to the kernel that tinygan runs, and asks at each step what the machine
    could do at most. All times are taken on your machine while you read.

    Read beside it: `docs/performance.md` and `kernels/README.md`, and `kernels/conv2d/`:
    `reference.py`, `numpy_rungs.py`, `panels.py`, `minimal_filtering.py` in this order. Edit the
    notebook with `marimo edit notebooks/loop_to_convolution.py`; tinygan compiles its kernels when
    it first meets them, which takes half a minute once.

    ## 1. Seven loops

    $$y_{n,p,q,k} = \sum_{r,s,c} x_{n,\,p+r,\,q+s,\,c}\; taps_{r,s,c,k}$$

    $n$ counts images, $(p, q)$ pixels of the result, $k$ its channels; $(r, s)$ counts the taps of
    the kernel, $c$ the channels of $x$. The stride is 1, and $x$ has its border of zeros already.
    """)
    return


@app.function
def seven_loops(x, taps, y):
    """Adds the convolution of x (n, h, w, c) and taps (r, s, c, k) to y (n, p, q, k)."""
    for n in range(y.shape[0]):
        for k in range(y.shape[3]):
            for p in range(y.shape[1]):
                for q in range(y.shape[2]):
                    for c in range(taps.shape[2]):
                        for r in range(taps.shape[0]):
                            for s in range(taps.shape[1]):
                                y[n, p, q, k] += x[n, p + r, q + s, c] * taps[r, s, c, k]


@app.cell(hide_code=True)
def _():
    shown(seven_loops)
    return


@app.function
def arrays(n, size, c, k):
    """Random x and taps of 3x3, and y full of zeros, of the shape (n, size, size, k)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, size + 2, size + 2, c)).astype(np.float32)
    taps = rng.standard_normal((3, 3, c, k)).astype(np.float32)
    return x, taps, np.zeros((n, size, size, k), np.float32)


@app.function
def best_seconds(work):
    """The least of at least three times of work(), after one that is not counted."""
    work()
    times = []
    while len(times) < 3 or (sum(times) < 0.1 and len(times) < 50):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    How much is there to do? Each term is a multiplication and an addition, two *FLOPs*. And each
    number of $x$, of the taps and of $y$ must be moved at least once between memory and processor,
    4 bytes in float32.

    **Exercise 1.** Count both, from the extents of the seven indices.
    """)
    return


@app.function
def flops_and_bytes(n, p, q, k, r, s, c):
    """The FLOPs of the sum, and the bytes of x (with its border), of the taps and of y."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_1 = check(1, "flops_and_bytes", flops_and_bytes)
    exercise_1
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Choose a layer of 16 x 16 pixels. Python gets a much smaller one; what we compare is the number
    of FLOPs in a second.
    """)
    return


@app.cell
def _():
    images = mo.ui.slider(1, 16, value=8, label="images", show_value=True)
    channels = mo.ui.dropdown([1, 8, 32, 64], value=32, label="channels of x")
    outputs = mo.ui.dropdown([1, 32, 64, 128], value=64, label="channels of y")
    mo.hstack([images, channels, outputs], justify="start", wrap=True)
    return channels, images, outputs


@app.cell
def _(channels, images, outputs):
    x, taps, y = arrays(images.value, 16, channels.value, outputs.value)
    weight = taps.transpose(3, 2, 0, 1)  # for tinygan's kernels: (k, c, r, s)
    options = dict(stride=(1, 1), padding=(0, 0), output_size=(16, 16))
    flops = conv2d.flops(x, weight, None, **options)
    traffic = conv2d.traffic(x, weight, None, **options)
    return flops, options, taps, traffic, weight, x, y


@app.cell
def _():
    compiled_loops = numba.njit(seven_loops)
    return (compiled_loops,)


@app.cell
def _(compiled_loops, flops, taps, x, y):
    _small = arrays(1, 4, 4, 8)
    python_rate = 2 * _small[2].size * 9 * 4 / best_seconds(lambda: seven_loops(*_small))
    numba_rate = flops / best_seconds(lambda: compiled_loops(x, taps, y))
    mo.md(f"""
    | the same seven loops | million FLOPs in a second |
    | :--- | ---: |
    | in Python | {python_rate / 1e6:.1f} |
    | compiled by Numba | {numba_rate / 1e6:,.0f} |

    {numba_rate / python_rate:,.0f} times as fast. Python makes an object of each number and looks
    up its type at each step; the compiler knows the types and keeps numbers in registers.
    """)
    return numba_rate, python_rate


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. The order of the loops

    The seven loops can be written in any order. The sum is the same but for rounding, the time is
    not, for two reasons:

    - *Memory comes in lines of 64 bytes.* In an array of the shape $(r, s, c, k)$ neighbours in
      $k$ lie side by side, neighbours in $s$ are $c \cdot k$ numbers apart. An inner loop should
      walk along what lies side by side.
    - *Processors compute with vectors* of 8 or 16 numbers. Look at the inner loop above: every
      term is added to one number of $y$, so each addition waits for the one before it, and the
      compiler may not reorder them, because rounding would change. If the inner loop writes to a
      different number each time, it may do 16 at once.

    **Exercise 2.** Write the loops in an order that is at least twice as fast. The arguments are
    the same; your function is compiled for you.
    """)
    return


@app.function
def faster_loops(x, taps, y):
    """As seven_loops, in another order."""
    ...


@app.cell(hide_code=True)
def _(compiled_loops):
    exercise_2 = check(2, "faster_loops", faster_loops, slow=compiled_loops)
    exercise_2
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 3. One matrix product (im2col)

    For a fixed pixel the sum over $(r, s, c)$ is a row times a matrix. So copy the *window* of
    each pixel into a row, and the convolution is one product, for which there are libraries that
    others have made fast for decades. The price: with 3x3 taps a number of $x$ is in 9 windows.
    """)
    return


@app.function
def windows_of(x, taps):
    """The matrix of windows: (n p q, r s c)."""
    r, s, c, _ = taps.shape
    views = np.lib.stride_tricks.sliding_window_view(x, (r, s), axis=(1, 2))  # (n, p, q, c, r, s)
    return views.transpose(0, 1, 2, 4, 5, 3).reshape(-1, r * s * c)


@app.cell
def _(flops, numba_rate, taps, x):
    _windows, _matrix = windows_of(x, taps), taps.reshape(-1, taps.shape[3])
    _copy = best_seconds(lambda: windows_of(x, taps))
    _product = best_seconds(lambda: _windows @ _matrix)
    im2col_rate = flops / (_copy + _product)
    mo.md(f"""
    The windows take {_windows.nbytes / 1e6:.2f} MB, x takes {x.nbytes / 1e6:.2f} MB. Copying takes
    {_copy * 1e3:.2f} ms, the product {_product * 1e3:.2f} ms. Together that is
    {im2col_rate / numba_rate:.1f} times as fast as the loops of section 1.
    """)
    return (im2col_rate,)


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 4. The register tile

    How is the product itself fast? A core loads about as many vectors in a cycle as it can
    multiply and add. A loop that loads both factors of each product from the cache therefore
    reaches half of the peak at most. So a *tile* of the result is kept in registers. A step along
    the inner dimension loads some vectors of the one factor and some single numbers of the other,
    and multiplies each with each. Choose a tile: which one that fits into 32 registers needs the
    fewest loads for each multiply-add?
    """)
    return


@app.cell
def _():
    rows = mo.ui.slider(1, 14, value=1, label="rows", show_value=True)
    vectors = mo.ui.slider(1, 6, value=1, label="vectors in a row", show_value=True)
    mo.hstack([rows, vectors], justify="start", wrap=True)
    return rows, vectors


@app.cell(hide_code=True)
def _(rows, vectors):
    _loads, _work = rows.value + vectors.value, rows.value * vectors.value
    _registers = _work + vectors.value + 1  # the sums, a row of the one factor, one of the other
    mo.md(
        f"{_loads} loads for {_work} multiply-adds: **{_loads / _work:.2f}** for each; "
        f"{_registers} registers, "
        + ("of 32." if _registers <= 32 else "**more than the 32** that there are.")
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    tinygan takes 8 rows of 2 vectors (`kernels/matmul/gemm.py`; `docs/performance.md` says why no
    more). The second idea is in `kernels/conv2d/panels.py`: the windows are gathered some hundred
    at a time and stay in the second-level cache while the tiles pass over them. The large matrix
    of section 3 never exists.

    ## 5. Fewer multiplications (Winograd)

    The tile runs near the peak of the arithmetic. From here on one must multiply less. Take one
    dimension, two taps $g$ and three inputs $d$: the outputs $d_0 g_0 + d_1 g_1$ and $d_1 g_0 +
    d_2 g_1$ take four multiplications. Three are enough: $(g_0 + g_1)\, d_1$ can serve both
    outputs. Additions do not count, for they are shared: those of $g$ by all pixels, those of $d$
    by all output channels.

    **Exercise 3.** Find the other two products, and put the outputs together.
    """)
    return


@app.function
def two_outputs(d, g):
    """d[0] g[0] + d[1] g[1] and d[1] g[0] + d[2] g[1], with three multiplications."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_3 = check(3, "two_outputs", two_outputs)
    exercise_3
    return


@app.cell
def _():
    side = mo.ui.slider(1, 24, value=16, label="pixels of y in a row", show_value=True)
    side
    return (side,)


@app.cell(hide_code=True)
def _(side):
    _points, _plain, _ = products((side.value, side.value), (3, 3), 1)
    mo.md(
        f"With 3x3 taps an image of {side.value} x {side.value} pixels takes tinygan {_points:,} "
        f"multiplications for each pair of channels, where the plain sum has {_plain:,}: "
        f"**{_points / _plain:.2f}** of them. Why is the share not the same for all sizes?"
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 6. The ladder, and the roof

    tinygan keeps all of these versions, as *rungs* of a *ladder* (`kernels/conv2d/__init__.py`):
    each is compared with the first, and a call runs the highest that covers its arguments. How far
    could one climb? A kernel of F FLOPs on B bytes takes at least F / peak seconds, and at least B
    / bandwidth. Both limits are measured here: the peak by the register tile on numbers in the
    first cache, the bandwidth by adding large arrays.
    """)
    return


@app.cell
def _():
    roofline = measure_roofline("cpu", "float32")
    return (roofline,)


@app.cell
def _(
    flops,
    im2col_rate,
    numba_rate,
    options,
    python_rate,
    roofline,
    traffic,
    weight,
    x,
):
    rates = {"loops in Python": python_rate, "loops by Numba": numba_rate, "im2col": im2col_rate}
    for _rung in conv2d.rungs[2:4]:
        if _rung.device == "cpu" and _rung.covers(x, weight, None, **options):
            _work = functools.partial(_rung, x, weight, None, **options)
            rates[_rung.name] = flops / best_seconds(_work)
    roof = roofline.attainable(flops, traffic)
    _rows = [
        f"| {name} | {rate / 1e9:.3g} | {rate / python_rate:,.0f} | {100 * rate / roof:.3g} % |"
        for name, rate in rates.items()
    ]
    _bound = "memory" if roofline.is_memory_bound(flops, traffic) else "arithmetic"
    mo.md("\n".join([
        "| | GFLOP/s | times Python | of the roof |", "| :--- | ---: | ---: | ---: |", *_rows,
        f"\n{flops / 1e6:.1f} MFLOP on {traffic / 1e6:.2f} MB are {flops / traffic:.0f} FLOPs for "
        f"each byte: the roof of this layer is {roof / 1e9:.0f} GFLOP/s, and {_bound} is the "
        f"limit. ({tg.get_num_threads()} thread(s); NumPy's product may use more. More than 100 % "
        "is possible: FLOPs are counted as in the plain sum, and Winograd multiplies less often; "
        "and other programs may have slowed down the measurement of the roof.)",
    ]))
    return (rates,)


@app.cell(hide_code=True)
def _(flops, rates, roofline, traffic):
    _intensity = 2.0 ** np.arange(-3, 11)
    _roof = np.minimum(roofline.flops_per_second, roofline.bytes_per_second * _intensity) / 1e9
    _curves = {"roof": (_intensity, _roof)}
    for _name, _rate in rates.items():
        _curves[f"{_name} (points)"] = [flops / traffic], [_rate / 1e9]
    plot(_curves, 3.6, xscale="log", yscale="log", xlabel="FLOPs for each byte", ylabel="GFLOP/s")
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    Set the channels of $x$ to 1: a sum has 9 terms instead of 288, and some 4 FLOPs stand against
    each byte, near the corner of the roof. Which rungs suffer, and why?

    ## 7. The gradient

    Training needs the derivative by the input, too. Take one dimension and one channel. With the
    stride 2 and a border of 1 the number $x_h$ has met each $y_p$ with $h = 2 p + r - 1$. So its
    gradient is a sum over those:

    $$grad\_x_h = \sum_p grad\_y_p\; weight_{\,h - 2p + 1}$$

    That is no convolution but the *transposed* one: each $y$ is spread over its window.
    `F.conv_transpose2d` computes it. One thing is not determined: inputs of 8 and of 9 rows give
    the same number of outputs with 4 taps. Which one is meant is said by `output_padding`, the
    number of rows to add at the end.

    **Exercise 4.** Write the gradient by $x$, for the stride 2 and the padding 1. The layout is
    PyTorch's here: $x$ is $(n, c, h, w)$.
    """)
    return


@app.function
def input_gradient(grad_y, weight, size):
    """The gradient by x (n, c, size, size) of F.conv2d(x, weight, stride=2, padding=1)."""
    ...


@app.cell(hide_code=True)
def _():
    exercise_4 = check(4, "input_gradient", input_gradient)
    exercise_4
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## To go on

    - What is the gradient of a transposed convolution by its input? And by its weight? Compare
      with the three sums in `kernels/conv2d/__init__.py`, and with `tinygan/ops/conv.py`.
    - `python -m tinygan.kernels.bench conv2d --quick` times the ladder with cold caches, as in
      training; add `--baseline torch` where PyTorch is installed.
    - Add your loops of exercise 2 as a rung (`CONTRIBUTING.md`, "Add a rung"), and let the tests
      and the benchmark judge it.
    """)
    return


if __name__ == "__main__":
    app.run()
