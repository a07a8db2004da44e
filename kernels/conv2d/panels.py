"""Rung 2: windows gathered a cache-sized block at a time, multiplied by the register tile.

Changed: only the windows of a block of some hundred output pixels exist at any time, in the
second-level cache; the weight is packed in panels once; a transposed convolution is computed by
output parity, as ordinary convolutions whose windows hold no inserted zeros. Where the kernel
covers all of the input there is one window per image: a plain matrix product. With few output
channels the panels would be almost empty; see `few_outputs.py`.
Faster: nothing but x, weight and y touches memory, and the product runs near the core's peak.
Bound: arithmetic, for the wide layers; memory for layers of few channels.

How a transposed convolution becomes ordinary ones: with h = stride * p + r - top, all taps r that
reach an output row h leave the same remainder, r = (h + top) mod stride. So the output rows fall
into `stride` classes; within one, the taps are r0, r0 + stride, ..., and consecutive output rows
read consecutive input rows p, the taps counting backwards.
"""

import numpy as np

from ..cpu.parallel import parallel
from ..cpu.pointers import at, hold, pointer_to
from ..matmul.cpu import product
from ..matmul.gemm import (
    COLUMNS,
    LANES,
    ROWS,
    copy_rows,
    empty_panels,
    multiply_tile,
    pack_panel,
)
from .few_outputs import FEW, few_outputs
from .windows import gather_windows

BLOCK_BYTES = 384 * 1024  # the windows of a block; second-level caches hold 512 KiB and more


def conv2d(x, weight, bias, *, stride, padding, output_size, slope=1.0):
    (n, *size, _), (k, _, r, s) = x.shape, weight.shape
    taps = weight.transpose(2, 3, 1, 0)
    stride, padding, output_size = tuple(stride), tuple(padding), tuple(output_size)
    if output_size == (1, 1) and tuple(size) == (r, s) and padding == (0, 0):
        y = _covered(x, taps, bias, slope)
        return y.reshape(n, 1, 1, k)
    if k <= FEW and stride == (1, 1):
        # The other way round it is a transposed convolution, with the taps counting backwards.
        around = r - 1 - padding[0], s - 1 - padding[1]
        return few_outputs(x, taps[::-1, ::-1], bias, stride, around, output_size, slope)
    y = np.empty((n, *output_size, k), x.dtype)
    _gathered_product(
        x, taps, bias, y, stride, (-padding[0], -padding[1]), (0, 0), (1, 1), output_size, slope
    )
    return y


def conv_transpose2d(y, weight, bias, *, stride, padding, output_size):
    (n, *size, k), (_, c, r, s) = y.shape, weight.shape
    taps = weight.transpose(2, 3, 0, 1)
    stride, padding, output_size = tuple(stride), tuple(padding), tuple(output_size)
    if tuple(size) == (1, 1) and output_size == (r, s) and padding == (0, 0):
        return product(y.reshape(n, k), _as_matrices(taps), bias=bias).reshape(n, r, s, c)
    if c <= FEW:
        return few_outputs(y, taps, bias, stride, padding, output_size, 1.0)
    x = np.empty((n, *output_size, c), y.dtype)
    for remainder_h in range(stride[0]):
        for remainder_w in range(stride[1]):
            first_h = (remainder_h - padding[0]) % stride[0]
            first_w = (remainder_w - padding[1]) % stride[1]
            reaching = taps[remainder_h :: stride[0], remainder_w :: stride[1]][::-1, ::-1]
            if reaching.size == 0:
                x[:, first_h :: stride[0], first_w :: stride[1]] = 0 if bias is None else bias
                continue
            offset = (
                (first_h + padding[0]) // stride[0] - reaching.shape[0] + 1,
                (first_w + padding[1]) // stride[1] - reaching.shape[1] + 1,
            )
            part = len(range(first_h, output_size[0], stride[0])), len(
                range(first_w, output_size[1], stride[1])
            )
            _gathered_product(
                y, reaching, bias, x, (1, 1), offset, (first_h, first_w), stride, part, 1.0
            )
    return x


def _as_matrices(taps):
    """(r, s, c, k) as (r * s, c, k), without a copy where that is possible."""
    return taps.reshape(-1, *taps.shape[2:])


def _covered(x, taps, bias, slope):
    """Each image is one window."""
    n, (r, s, c, k) = x.shape[0], taps.shape
    windows = np.ascontiguousarray(x).reshape(n, r * s * c)
    matrix = taps.reshape(r * s * c, k)
    if np.may_share_memory(matrix, taps):
        return product(windows, matrix[None], bias=bias, slope=slope)
    return product(
        windows, _as_matrices(taps), bias=bias, slope=slope, taps_are_columns=False
    )


def _gathered_product(x, taps, bias, y, step, offset, first, y_step, size, slope):
    """y[n, i, j] = activation(bias + sum over taps (a, b) of x[n, i', j'] @ taps[a, b])

    in place, for i = first + y_step * (0, 1, ..., size - 1), and j likewise. The first of them
    reads x from i' = offset + a on, the next ones `step` further each; x is zero outside.
    taps (r, s, c, k) may have any strides, y (n, p, q, k) is C-contiguous.
    """
    r, s, c, k = taps.shape
    depth, pixels = r * s * c, x.shape[0] * size[0] * size[1]
    if pixels == 0:
        return
    x = np.ascontiguousarray(x)
    bias = np.zeros(k, x.dtype) if bias is None else np.ascontiguousarray(bias)
    panels = empty_panels(depth, k, x.dtype)
    _pack_taps(panels.shape[0] * r * s, taps, panels)
    block = max(3, min(96, BLOCK_BYTES // (depth * x.itemsize) // ROWS)) * ROWS
    _product_block(
        -(-pixels // block), x, r, s, panels, bias, y, step, offset, first, y_step, size, block,
        slope,
    )  # fmt: skip


@parallel
def _pack_taps(task, taps, panels):
    """One tap's part of one panel of the matrix (r * s * c, k) that taps is."""
    r, s, c, k = taps.shape
    j, tap = divmod(task, r * s)
    size = taps.itemsize
    of_a, of_b, of_c, of_k = taps.strides
    start = (tap // s * of_a + tap % s * of_b + j * COLUMNS * of_k) // size
    target = (j * panels.shape[1] + tap * c) * COLUMNS
    pack_panel(
        pointer_to(taps, start), of_c // size, of_k // size, c, min(COLUMNS, k - j * COLUMNS),
        pointer_to(panels, target),
    )  # fmt: skip


@parallel
def _product_block(
    task, x, r, s, panels, bias, y, step, offset, first, y_step, size, block, slope
):
    """A block of pixels: gathers their windows, multiplies them with all panels."""
    images, y_h, y_w, k = y.shape
    depth = panels.shape[1]
    start = task * block
    count = min(block, images * size[0] * size[1] - start)
    # More values in a row: rows a power of two apart would share few sets of the cache.
    row = depth + LANES
    space = np.empty(block * row + 2 * ROWS * COLUMNS, x.dtype)
    windows, scratch = pointer_to(space, 0), pointer_to(space, block * row)
    results = at(scratch, ROWS * COLUMNS)
    gather_windows(
        x, windows, row, size[0], size[1], s, 0, r * s, step[0], step[1], offset[0], offset[1],
        start, count,
    )  # fmt: skip
    direct = y_step[0] == 1 and y_step[1] == 1 and size[0] == y_h and size[1] == y_w
    places = np.empty(0 if direct else count, np.int64)
    for i in range(places.size):
        rest, q = divmod(start + i, size[1])
        n, p = divmod(rest, size[0])
        places[i] = (n * y_h + first[0] + p * y_step[0]) * y_w + first[1] + q * y_step[1]
    for j in range(panels.shape[0]):
        panel = pointer_to(panels, j * depth * COLUMNS)
        offsets = pointer_to(bias, j * COLUMNS)
        width = min(COLUMNS, k - j * COLUMNS)
        for i in range(0, count, ROWS):
            height = min(ROWS, count - i)
            target, stride = results, COLUMNS
            if direct:
                target, stride = pointer_to(y, (start + i) * k + j * COLUMNS), k
            multiply_tile(
                at(windows, i * row), False, row, panel, COLUMNS, depth, offsets, 0,
                target, stride, height, width, slope, scratch,
            )  # fmt: skip
            if not direct:
                for line in range(height):
                    place = places[i + line] * k + j * COLUMNS
                    copy_rows(at(results, line * COLUMNS), 0, pointer_to(y, place), 0, 1, width)
    hold(space)
