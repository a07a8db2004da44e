import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A CUDA kernel without a GPU")

with app.setup:
    from textwrap import dedent

    import marimo as mo
    import numpy as np
    from cuda_kernels import launch, missing_compiler, numbered, traffic_table
    from exercises import check, quoted

    from tinygan.kernels.emulator.module import empty


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    # A CUDA kernel without a GPU

    Write, break, race, mend. tinygan has an emulator (`kernels/emulator/README.md`): the C++
    compiler of this machine compiles the text of a CUDA kernel as it is, each CUDA thread gets a
    stack of its own, and every access of memory is watched. So it finds what a GPU keeps to
    itself: races, stray accesses, numbers that nobody has written. It cannot tell how fast a
    kernel is, but it can count what costs time.

    Read beside it: `docs/cuda.md`. Edit the notebook with `marimo edit
    notebooks/cuda_kernel_without_a_gpu.py`; here an exercise is the text of a kernel.
    """)
    return


@app.cell(hide_code=True)
def _():
    no_compiler = missing_compiler()
    mo.callout(
        mo.md(f"Nothing below can run: {no_compiler}. The text can be read all the same.")
        if no_compiler else mo.md("A C++ compiler is there: all of this runs on this machine."),
        kind="danger" if no_compiler else "info",
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 1. A kernel is the body of a loop

    The *grid* is the loop. It has blocks, a block has threads, and all threads run the same text;
    from its number each finds out which turn of the loop it is. For a loop of `n` turns there are
    usually some threads too many, in the last block: hence `if (i < n)`.

    The text can be edited here. Take the bound out. Then put it back, and launch too few blocks.
    """)
    return


@app.cell
def _():
    editor = mo.ui.code_editor(
        dedent("""
    __global__ void add(const float* x, float* y, int n) {
      const int i = blockIdx.x * blockDim.x + threadIdx.x;
      if (i < n) y[i] = x[i] + 1.0f;
    }
    """).strip(),
        language="cpp", min_height=100,
    )
    block = mo.ui.dropdown([32, 64, 128, 256], value=128, label="threads in a block")
    blocks = mo.ui.slider(1, 10, value=8, label="blocks", show_value=True)
    mo.vstack([editor, mo.hstack([blocks, block], justify="start", wrap=True)])
    return block, blocks, editor


@app.cell
def _(block, blocks, editor):
    _x, _y = np.ones(1000, np.float32), empty(1000, np.float32)  # y is NaN in the beginning
    _run = launch(
        editor.value, "add", (blocks.value,), (block.value,), [_x, _y, np.int32(1000)]
    )
    _told = quoted(_run.fault) if _run.fault else (
        f"{blocks.value * block.value} threads for n = 1000. {(_y == 2).sum()} numbers are right, "
        f"{np.isnan(_y).sum()} were never written."
    )
    mo.callout(mo.md(_told), kind="danger" if _run.fault else "neutral")
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 2. Threads that work together

    Threads of a block share fast memory, `__shared__`. Below each thread brings one number there.
    Then, in each round, each takes the mean of its own number and of both neighbours, and puts it
    in the place of its own. In between stand *barriers*: `__syncthreads()` waits until all threads
    of the block have come. Why are there two in a round?

    Break the kernel, and read what the emulator says. Does the order in which it lets the threads
    run matter?
    """)
    return


@app.cell(hide_code=True)
def _():
    smooth = dedent("""
    __global__ void smooth(float* x, int n, int rounds) {
      __shared__ float tile[130];  // the block's numbers, and a zero on each side
      const int t = threadIdx.x, i = blockIdx.x * 128 + t;
      tile[t + 1] = i < n ? x[i] : 0.0f;
      if (t == 0) tile[0] = tile[129] = 0.0f;
      __syncthreads();
      for (int round = 0; round < rounds; round++) {
        const float mean = (tile[t] + tile[t + 1] + tile[t + 2]) / 3;
        __syncthreads();  // all have read
        tile[t + 1] = mean;
        __syncthreads();  // all have written
      }
      if (i < n) x[i] = tile[t + 1];
    }
    """).strip()
    changes = {  # what is there, and what comes in its place
        "nothing": ("", ""),
        "take out the first barrier": ("  __syncthreads();\n  for", "  for"),
        "take out the second barrier": ("    __syncthreads();  // all have read\n", ""),
        "take out the third barrier": ("    __syncthreads();  // all have written\n", ""),
        "forget the zeros": ("  if (t == 0) tile[0] = tile[129] = 0.0f;\n", ""),
        "forget where x ends": ("i < n ? x[i] : 0.0f", "x[i]"),
        "make the tile too small": ("tile[130]", "tile[128]"),
        "put the second barrier into two branches": (
            "    __syncthreads();  // all have read\n",
            "    if (t < 64)\n      __syncthreads();\n    else\n      __syncthreads();\n",
        ),
    }
    change = mo.ui.dropdown(list(changes), value="take out the second barrier", label="Change:")
    order = mo.ui.radio(
        ["forward", "backward", "random"], value="forward", label="Order:", inline=True
    )
    mo.hstack([change, order], justify="start", gap=2, wrap=True)
    return change, changes, order, smooth


@app.function
def run_smooth(text, order="forward"):
    """Two blocks smooth 200 ones three times: the launch, and whether the result is right."""
    x, wanted = np.ones(200, np.float32), np.ones((2, 130))
    wanted[:, [0, -1]] = wanted[1, 73:] = 0
    for _ in range(3):
        wanted[:, 1:-1] = (wanted[:, :-2] + wanted[:, 1:-1] + wanted[:, 2:]) / 3
    run = launch(text, "smooth", (2,), (128,), [x, np.int32(200), np.int32(3)], order=order)
    return run, np.allclose(x, wanted[:, 1:-1].reshape(-1)[:200])


@app.cell
def _(change, changes, order, smooth):
    _text = smooth.replace(*changes[change.value])
    _run, _right = run_smooth(_text, order.value)
    _told = f"No fault, and the numbers are {'right' if _right else 'wrong'}."
    mo.vstack([
        mo.md(numbered(_text, _run.line)),
        mo.callout(mo.md(quoted(_run.fault) if _run.fault else _told),
                   kind="danger" if _run.fault else "neutral"),
    ])
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    A *race* is two accesses of different threads to one place, one of them a write, with no
    barrier between them, whichever comes first. On a GPU the result may be right a thousand times
    and wrong then; the emulator tells it each time. A thread that reads what its neighbour has not
    written *yet* shows as "uninitialised".

    ## 3. A sum

    How do 256 threads add up 256 numbers? In a tree: half of them add the number of the other half
    to their own, then a quarter, and so on: 8 steps instead of 255.

    **Exercise 1.** Write the tree. Where must barriers stand, and how many numbers does the last
    block have?
    """)
    return


@app.cell
def _():
    block_sum = """
    __global__ void block_sum(const float* x, float* sums, int n) {
      __shared__ float part[256];  // a block has 256 threads
      const int t = threadIdx.x, i = blockIdx.x * 256 + t;
      part[t] = i < n ? x[i] : 0.0f;
      // The tree is missing.
      if (t == 0) sums[blockIdx.x] = part[0];
    }
    """
    return (block_sum,)


@app.cell(hide_code=True)
def _(block_sum):
    exercise_1 = check(1, "block_sum", block_sum)
    exercise_1
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 4. A race that no barrier mends

    This kernel counts how often each of the numbers 0 to `bins - 1` occurs. `counts[x[i]] += 1` is
    a read, an addition and a write; two threads that have the same number may both read before
    either writes, and one count is lost. A barrier cannot help: the threads may be in different
    blocks. *Atomic* operations can, as `atomicAdd(address, value)`: they do the three steps as
    one.

    **Exercise 2.** Mend it. A second mistake is hidden: numbers that belong to no bin should be
    left out.
    """)
    return


@app.cell
def _():
    histogram = """
    __global__ void histogram(const int* x, int* counts, int n, int bins) {
      const int i = blockIdx.x * blockDim.x + threadIdx.x;
      if (i < n) counts[x[i]] += 1;
    }
    """
    return (histogram,)


@app.cell(hide_code=True)
def _(histogram):
    exercise_2 = check(2, "histogram", histogram)
    exercise_2
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## 5. Right, and slow

    Three facts about a GPU's memory decide most of a kernel's time.

    - 32 threads with neighbouring `threadIdx.x` are a *warp*: they do the same thing at the same
      time.
    - Global memory moves in *sectors* of 32 bytes. A warp that reads 32 neighbouring floats needs
      4 sectors; one whose threads read in 32 different rows needs 32, and throws most of each
      away. The first kind of access is *coalesced*.
    - Shared memory has 32 *banks*, each 4 bytes wide: the word `k` lies in bank `k % 32`. Threads
      of a warp that want different words of one bank take turns. Each turn is a *pass*.

    The emulator counts sectors and passes by line, beside the fewest that could do. This is the
    kernel of the last exercise, as it is now, for 64 x 64 numbers:
    """)
    return


@app.cell
def _(transpose):
    _x, _y = empty((64, 64), np.float32), empty((64, 64), np.float32)
    _x[:] = 1
    _run = launch(
        transpose, "transpose", (2, 2), (32, 32), [_x, _y, np.int32(64)], traffic=True
    )
    _told = quoted(_run.fault) if _run.fault else traffic_table(_run.traffic)
    mo.vstack([mo.md(numbered(transpose, _run.line)), mo.md(_told)])
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    A warp has one `threadIdx.y` and all values of `threadIdx.x`, so it reads along a row and
    writes along a column: one sector for each number. If we exchange `i` and `j`, it is the reads
    that are scattered. So go by way of shared memory: bring a tile of 32 x 32 there, coalesced,
    wait for all, and write it from there, coalesced, too. Now it is shared memory in which
    somebody walks along a column. Which banks does a column of `tile[32][32]` lie in? And of
    `tile[32][33]`?

    **Exercise 3.** Write it so that no line needs more than the fewest. `n` need not be a multiple
    of 32. (On the way, look at the table above: it counts your text.)
    """)
    return


@app.cell
def _():
    transpose = """
    __global__ void transpose(const float* x, float* y, int n) {
      const int i = blockIdx.y * 32 + threadIdx.y, j = blockIdx.x * 32 + threadIdx.x;
      if (i < n && j < n) y[j * n + i] = x[i * n + j];
    }
    """
    return (transpose,)


@app.cell(hide_code=True)
def _(transpose):
    exercise_3 = check(3, "transpose", transpose)
    exercise_3
    return


@app.cell(hide_code=True)
def _():
    mo.md(r"""
    ## To go on

    - Read `kernels/swap_inner/1_naive.cu` and `2_tiles.cu`: your last exercise for images. Then
      `kernels/reduction/`, and the ladder of the matrix product in `docs/cuda.md`.
    - `python -m tinygan.kernels.emulator matmul/3 --traffic` counts for a kernel of the library.
      `python -m tinygan.kernels.emulator.mutants reduction` takes out each barrier and each bound
      in turn: a barrier that no test misses is one too many, or a test too few.
    - What the emulator cannot see is the last section of its README. Which of your mistakes would
      it miss?
    """)
    return


if __name__ == "__main__":
    app.run()
