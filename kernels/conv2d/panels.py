"""Rung 2: windows gathered a cache-sized block at a time, multiplied by the register tile.

Changed: only the windows of a block of about a hundred output pixels exist at any time, in the
second-level cache; the weight is packed in panels once; a transposed convolution is computed by
output parity, as ordinary convolutions whose windows hold no inserted zeros.
Faster: nothing but x, weight and y touches memory, and the product runs near the core's peak.
Bound: arithmetic, for the wide layers; copying windows for layers of few channels.

How a transposed convolution becomes ordinary ones: with h = stride * p + r - top, all taps r that
reach an output row h leave the same remainder, r = (h + top) mod stride. So the output rows fall
into `stride` classes; within one, the taps are r0, r0 + stride, ..., and consecutive output rows
read consecutive input rows p, the taps counting backwards.
"""

import numpy as np

from tinygan.kernels.jit import jit
from tinygan.kernels.matmul.gemm import (
    COLUMNS,
    ROWS,
    add_columns_times_panels,
    empty_panels,
    pack_panels,
    rows_times_panels,
)
from tinygan.kernels.threads import run_tasks

BLOCK_BYTES = 384 * 1024  # the windows of a block; second-level caches hold 512 KiB and more
SMALL_WEIGHT, PARTS = 32768, 8
NARROW = 4  # so few output channels leave a panel almost empty: dot products are faster


def conv2d(x, weight, bias, *, stride, padding, output_size):
    y = np.empty((x.shape[0], *output_size, weight.shape[0]), x.dtype)
    taps = weight.transpose(2, 3, 1, 0)
    _gathered_product(x, taps, bias, y, stride, (-padding[0], -padding[1]), 1)
    return y


def conv_transpose2d(y, weight, bias, *, stride, padding, output_size):
    x = np.empty((y.shape[0], *output_size, weight.shape[1]), y.dtype)
    taps = weight.transpose(2, 3, 0, 1)
    for remainder_h in range(stride[0]):
        for remainder_w in range(stride[1]):
            first_h = (remainder_h - padding[0]) % stride[0]
            first_w = (remainder_w - padding[1]) % stride[1]
            offset = (first_h + padding[0]) // stride[0], (first_w + padding[1]) // stride[1]
            part = x[:, first_h :: stride[0], first_w :: stride[1]]
            reaching = taps[remainder_h :: stride[0], remainder_w :: stride[1]]
            if reaching.size == 0:
                part[...] = 0 if bias is None else bias
            else:
                _gathered_product(y, reaching, bias, part, (1, 1), offset, -1)
    return x


def _gathered_product(x, taps, bias, y, step, offset, direction):
    """y[n, i, j] = bias + sum over taps (a, b) of x[n, i', j'] @ taps[a, b], in place.

    i' = i * step + offset + a * direction, and the same for j'; x is zero outside.
    taps (r, s, c, k) and y (n, p, q, k) may have any strides.
    """
    r, s, c, k = taps.shape
    depth = r * s * c
    pixels = y.shape[0] * y.shape[1] * y.shape[2]
    if pixels == 0:
        return
    x = np.ascontiguousarray(x)
    bias = np.empty(0, x.dtype) if bias is None else np.ascontiguousarray(bias)
    if k <= NARROW:
        flat = np.ascontiguousarray(taps.transpose(3, 0, 1, 2))
        block = 1024
        run_tasks(
            lambda t: _narrow_block(
                x, flat, bias, y, *step, *offset, direction, t * block,
                min(pixels, (t + 1) * block),
            ),
            -(-pixels // block),
        )  # fmt: skip
        return
    panels = empty_panels(1, depth, k, x.dtype)[0]
    run_tasks(lambda j: _pack_taps(taps, panels, j), panels.shape[0])
    block = max(3, min(96, BLOCK_BYTES // (depth * x.itemsize) // ROWS)) * ROWS
    run_tasks(
        lambda t: _product_block(
            x, r, s, panels, bias, y, *step, *offset, direction, t * block,
            min(pixels, (t + 1) * block),
        ),
        -(-pixels // block),
    )  # fmt: skip


@jit
def _pack_taps(taps, panels, j):
    """Packs columns j * COLUMNS ... of the matrix (r * s * c, k) that taps is."""
    r, s, c, k = taps.shape
    width = min(COLUMNS, k - j * COLUMNS)
    row = 0
    for a in range(r):
        for b in range(s):
            for i in range(c):
                for column in range(width):
                    panels[j, row, column] = taps[a, b, i, j * COLUMNS + column]
                for column in range(width, COLUMNS):
                    panels[j, row, column] = 0
                row += 1


@jit
def _gather(
    x, windows, out_h, out_w, s, step_h, step_w, offset_h, offset_w, direction,
    first_pixel, first_tap, taps,
):  # fmt: skip
    """windows[i, tap * c : (tap + 1) * c] = what `tap` of pixel first_pixel + i reads of x."""
    _, height, width, channels = x.shape
    for i in range(windows.shape[0]):
        pixel = first_pixel + i
        n = pixel // (out_h * out_w)
        rest = pixel - n * out_h * out_w
        row = (rest // out_w) * step_h + offset_h
        column = (rest % out_w) * step_w + offset_w
        for t in range(taps):
            a = (first_tap + t) // s
            b = (first_tap + t) - a * s
            h = row + a * direction
            w = column + b * direction
            if 0 <= h < height and 0 <= w < width:
                for c in range(channels):
                    windows[i, t * channels + c] = x[n, h, w, c]
            else:
                for c in range(channels):
                    windows[i, t * channels + c] = 0


@jit
def _product_block(
    x, r, s, panels, bias, y, step_h, step_w, offset_h, offset_w, direction, start, stop
):
    _, out_h, out_w, k = y.shape
    depth = r * s * x.shape[3]
    # 16 more values in a row: rows a power of two apart would share few sets of the cache.
    windows = np.empty((stop - start, depth + 16), x.dtype)
    _gather(
        x, windows, out_h, out_w, s, step_h, step_w, offset_h, offset_w, direction, start, 0, r * s
    )
    results = np.empty((stop - start, k), x.dtype)
    rows_times_panels(windows, depth, panels, bias, results)
    for i in range(stop - start):
        pixel = start + i
        n = pixel // (out_h * out_w)
        rest = pixel - n * out_h * out_w
        for j in range(k):
            y[n, rest // out_w, rest % out_w, j] = results[i, j]


@jit
def _narrow_block(
    x, taps, bias, y, step_h, step_w, offset_h, offset_w, direction, start, stop
):
    _, height, width, channels = x.shape
    _, out_h, out_w, k = y.shape
    for pixel in range(start, stop):
        n = pixel // (out_h * out_w)
        rest = pixel - n * out_h * out_w
        row = (rest // out_w) * step_h + offset_h
        column = (rest % out_w) * step_w + offset_w
        for j in range(k):
            total = x.dtype.type(0)
            for a in range(taps.shape[1]):
                h = row + a * direction
                if 0 <= h < height:
                    for b in range(taps.shape[2]):
                        w = column + b * direction
                        if 0 <= w < width:
                            for c in range(channels):
                                total += x[n, h, w, c] * taps[j, a, b, c]
            if bias.size > 0:
                total += bias[j]
            y[n, rest // out_w, rest % out_w, j] = total


def conv2d_weight_grad(x, y, *, stride, padding, kernel_size):
    """weight = windows.T @ y, a block of pixels at a time.

    A task computes the rows of a few taps, over all pixels: no two tasks add to the same result,
    and the order of the sums is always the same. A weight with too few rows for that is computed
    as PARTS sums over parts of the pixels instead, which are then added in their order.
    """
    r, s = kernel_size
    c, k = x.shape[3], y.shape[3]
    parts = 1 if r * s * c * k > SMALL_WEIGHT else PARTS
    sums = np.zeros((parts, r * s * c, k), x.dtype)
    x = np.ascontiguousarray(x)
    rows = np.ascontiguousarray(y).reshape(-1, k)
    pixels = rows.shape[0]
    if pixels:
        block = 256 if c <= 256 else 128
        blocks = -(-pixels // block)
        panels = empty_panels(blocks, block, k, x.dtype)
        run_tasks(
            lambda t: pack_panels(rows[t * block : (t + 1) * block], panels[t], 0), blocks
        )
        taps = max(1, 128 // c)
        groups = -(-r * s // taps)
        step = -(-blocks // parts)

        def task(index):
            part, group = divmod(index, groups)
            _weight_rows(
                x, panels, pixels, sums[part], y.shape[1], y.shape[2], s, *stride, *padding,
                group * taps, min(r * s, (group + 1) * taps),
                part * step, min(blocks, (part + 1) * step),
            )  # fmt: skip

        run_tasks(task, parts * groups)
    weight = sums[0] if parts == 1 else sums.sum(0)
    return weight.reshape(r, s, c, k).transpose(3, 2, 0, 1)


@jit
def _weight_rows(
    x, panels, pixels, weight, out_h, out_w, s, stride_h, stride_w, top, left, first_tap, last_tap,
    first_block, last_block,
):  # fmt: skip
    block = panels.shape[2]
    c = x.shape[3]
    rows = (last_tap - first_tap) * c
    part = weight[first_tap * c : last_tap * c]
    buffer = np.empty((block, rows + 16), x.dtype)
    for i in range(first_block, last_block):
        windows = buffer[: min(block, pixels - i * block)]
        _gather(
            x, windows, out_h, out_w, s, stride_h, stride_w, -top, -left, 1,
            i * block, first_tap, last_tap - first_tap,
        )  # fmt: skip
        add_columns_times_panels(windows, rows, panels[i], part)
