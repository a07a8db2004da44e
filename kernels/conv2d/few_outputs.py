"""Transposed convolutions with few output channels: the products first, then the sums.

A pixel of y takes part in r * s * c values of x. With few channels c, all these products are one
row of a narrow matrix product (pixels, k) @ (k, r * s * c), for which no window need be gathered:

    products[p, q, (a, b, c)] = sum over k of y[p, q, k] weight[a, b, k, c]

Then each value of x is the sum of those products that reach it. With u = w + left, the columns w of
x fall into chunks u = stride * v ... stride * (v + 1) - 1. All that reaches a chunk from pixel
q = v - j lies side by side in products: taps b = stride * j ... stride * (j + 1) - 1. So a chunk is
the sum of a few runs of memory, one for each j and each tap a of its row.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..cpu.parallel import parallel
from ..cpu.pointers import at, hold, pointer_to
from ..matmul.gemm import (
    COLUMNS,
    LANES,
    ROWS,
    empty_panels,
    load_vector,
    multiply_tile,
    pack_panel,
    scalar_of,
    store_vector,
)

FEW = 8  # output channels
PRODUCTS_BYTES = 256 * 1024  # of a task: they stay in the second-level cache


def few_outputs(y, taps, bias, stride, padding, output_size, slope):
    """x = activation(conv_transpose2d(y) + bias); taps (r, s, k, c) with any strides."""
    r, s, k, c = taps.shape
    n, _, columns, _ = y.shape
    x = np.empty((n, *output_size, c), y.dtype)
    if x.size == 0:
        return x
    # Zeros after the taps of a kernel row fill the last chunk.
    chunk = stride[1] * c
    line = -(-s // stride[1]) * chunk
    matrix = np.zeros((k, r, line), y.dtype)
    matrix[:, :, : s * c].reshape(k, r, s, c)[...] = taps.transpose(2, 0, 1, 3)
    panels = empty_panels(k, r * line, y.dtype)
    _pack(panels.shape[0], matrix.reshape(k, r * line), panels)
    start = np.zeros(chunk + LANES, y.dtype)
    if bias is not None:
        start[:chunk].reshape(-1, c)[...] = bias
    in_row = -(-r * line // LANES) * LANES
    lines = max(1, PRODUCTS_BYTES // (in_row * columns * y.itemsize)) * stride[0]
    _sum_products(
        n * -(-output_size[0] // lines), np.ascontiguousarray(y), panels, start, x, r, line, stride,
        padding, lines, slope,
    )  # fmt: skip
    return x


@intrinsic
def _sum_of_runs(
    typing_context, target, start, source, outer_step, outer, inner_step, inner
):
    """target = start + sum of source[i * outer_step + j * inner_step :], all LANES values long."""
    number = types.intp
    signature = types.void(target, target, target, number, number, number, number)

    def generate(context, builder, signature, args):
        target, start, source, outer_step, outer, inner_step, inner = args
        scalar, size = scalar_of(signature.args[0])
        kind = ir.VectorType(scalar, LANES)
        total = cgutils.alloca_once_value(builder, load_vector(builder, kind, start, size))
        with cgutils.for_range(builder, outer) as rows:
            first = builder.gep(source, [builder.mul(rows.index, outer_step)])
            with cgutils.for_range(builder, inner) as runs:
                run = builder.gep(first, [builder.mul(runs.index, inner_step)])
                value = load_vector(builder, kind, run, size)
                builder.store(builder.fadd(builder.load(total), value), total)
        store_vector(builder, builder.load(total), target, size)
        return context.get_dummy_value()

    return signature, generate


@parallel
def _pack(task, matrix, panels):
    k, n = matrix.shape
    first = task * COLUMNS
    pack_panel(
        pointer_to(matrix, first), n, 1, k, min(COLUMNS, n - first),
        pointer_to(panels, first * k),
    )  # fmt: skip


@parallel
def _sum_products(task, y, panels, start, x, r, line, stride, padding, lines, slope):
    """Rows of one image of x."""
    _, rows, columns, k = y.shape
    _, height, width, c = x.shape
    stride_h, stride_w = stride
    top, left = padding
    image, block = divmod(task, (height + lines - 1) // lines)
    first_h, last_h = block * lines, min(height, (block + 1) * lines)
    # The rows of y that reach them: stride_h * p + a - top = h.
    first_p = min(rows, max(0, (first_h + top - r + stride_h) // stride_h))
    last_p = max(first_p, min(rows, (last_h - 1 + top) // stride_h + 1))
    in_row = (r * line + LANES - 1) // LANES * LANES
    pixels = (last_p - first_p) * columns
    chunk, reach = stride_w * c, line // (stride_w * c)
    first_v, last_v = left // stride_w, (width - 1 + left) // stride_w
    sums_size = (last_v - first_v + 1) * chunk + LANES
    space = np.empty((pixels + 1) * in_row + 2 * ROWS * COLUMNS + sums_size, y.dtype)
    products, scratch = pointer_to(space, 0), pointer_to(space, (pixels + 1) * in_row)
    zeros = at(scratch, ROWS * COLUMNS)
    sums = at(zeros, ROWS * COLUMNS)
    for i in range(COLUMNS):
        zeros[i] = 0
    for j in range(panels.shape[0]):
        panel = pointer_to(panels, j * k * COLUMNS)
        for i in range(0, pixels, ROWS):
            pixel = (image * rows + first_p) * columns + i
            multiply_tile(
                pointer_to(y, pixel * k), False, k, panel, COLUMNS, k, zeros, 0,
                at(products, i * in_row + j * COLUMNS), in_row,
                min(ROWS, pixels - i), min(COLUMNS, in_row - j * COLUMNS), 1.0, scratch,
            )  # fmt: skip

    for h in range(first_h, last_h):
        p, a = divmod(h + top, stride_h)
        # Taps a + i * stride_h from rows p - i, as many as there are.
        first_i = max(0, p - last_p + 1)
        last_i = min(p - first_p, (r - 1 - a) // stride_h)
        for v in range(first_v, last_v + 1):
            first_j, last_j = max(0, v - columns + 1), min(v, reach - 1)
            source = (
                ((p - first_i - first_p) * columns + v - first_j) * in_row
                + (a + first_i * stride_h) * line + first_j * chunk
            )  # fmt: skip
            for part in range(0, chunk, LANES):
                _sum_of_runs(
                    at(sums, (v - first_v) * chunk + part), pointer_to(start, part),
                    at(products, source + part),
                    stride_h * line - columns * in_row, last_i - first_i + 1,
                    chunk - in_row, last_j - first_j + 1,
                )  # fmt: skip
        target = pointer_to(x, (image * height + h) * width * c)
        shift = (left - first_v * stride_w) * c
        for i in range(width * c):
            value = sums[shift + i]
            target[i] = value if value > 0 else value * y.dtype.type(slope)
    hold(space)
