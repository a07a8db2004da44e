"""Rung 3 of the weight's gradient: sums over tiles instead of sums over pixels.

Changed: the sum over all pixels of x times the gradient of y is done at Winograd's points.
Faster: 25 products for each tile of 4x4 pixels, where 2x2 taps need 64.
Bound: the register tile; the transforms for few channels.

With V (x's tiles) and G = OUTPUT transposed of y's gradient, for each point i:

    S[i] = sum over tiles t of V[i, t, :].T @ G[i, t, :]        (depth, k)
    weight's gradient = TAPS transposed of S

`winograd.py` says where this comes from. G is made first, by tasks of a few images, in panels of 32
columns as the register tile wants them. Then a task owns some channels of one quarter of x: it
transforms them, 128 tiles at a time, and adds up its rows of S for all tiles; no two tasks add to
the same sum, and the order of the sums is always the same.
"""

import numpy as np

from tinygan.kernels.conv2d.minimal_filtering import (
    at,
    copy_row,
    tiles,
    transposed_output,
    transposed_taps,
)
from tinygan.kernels.conv2d.winograd import (
    CHANNELS,
    GAP,
    POINTS,
    TILES,
    kind_of,
    ranges,
    transform_tile,
    work_space,
)
from tinygan.kernels.jit import jit
from tinygan.kernels.matmul.gemm import COLUMNS, ROWS, pointer_to, tile_from_columns
from tinygan.kernels.threads import run_tasks

TASK_BYTES = 1 << 20  # of G from one task
TASKS = 8  # at least: with few channels, each sums the tiles of some of the images only


def conv2d_weight_grad(x, y, *, stride, padding, kernel_size):
    n, p, q, k = y.shape
    c = x.shape[3]
    channels = ranges(c, CHANNELS)
    images = ranges(n, -(-n * 4 * len(channels) // TASKS))
    weight = np.zeros((len(images), 4, 4, c, k), x.dtype)
    if n * p * q:
        x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
        kinds, origins = tiles((p, q))
        panels = -(-k // COLUMNS)
        points = (kinds[:, 0] + 1) * (kinds[:, 1] + 1)
        floats = int((points * kinds[:, 2]).sum()) * panels * COLUMNS
        grads = np.empty(n * floats + int(points.sum()) * panels * GAP, x.dtype)
        pieces = ranges(n, TASK_BYTES // (floats * x.itemsize))
        run_tasks(
            lambda t: _transform_grads(y, kinds, origins, grads, *pieces[t], work_space(x.dtype)),
            len(pieces),
        )

        def task(index):
            rest, quarter = divmod(index, 4)
            part, piece = divmod(rest, len(channels))
            _sum_tiles(
                x, grads, kinds, origins, *images[part], *divmod(quarter, 2), *padding,
                *channels[piece], weight[part], work_space(x.dtype),
            )  # fmt: skip

        run_tasks(task, 4 * len(channels) * len(images))
    total = weight[0] if len(images) == 1 else weight.sum(0)
    return total.transpose(3, 2, 0, 1)


@jit
def _transform_grads(y, kinds, origins, grads, start, stop, space):
    """G of images start ... stop: for each kind, point and panel, one row of 32 for each tile."""
    n, rows, columns, k = y.shape
    panels = -(-k // COLUMNS)
    source, target, zeros = pointer_to(y, 0), pointer_to(grads, 0), pointer_to(space, 0)
    window = at(zeros, COLUMNS)
    between = at(window, POINTS * POINTS * COLUMNS)
    for image in range(start, stop):
        place = 0
        for kind in range(kinds.shape[0]):
            height, width, count, first = kind_of(kinds, kind)
            panel_plane = n * count * COLUMNS + GAP
            plane = panels * panel_plane
            for tile in range(count):
                h, w = origins[first + tile, 0], origins[first + tile, 1]
                for panel in range(panels):
                    valid = min(COLUMNS, k - panel * COLUMNS)
                    begin = ((image * rows + h) * columns + w) * k + panel * COLUMNS
                    for i in range(height):
                        for j in range(width):
                            pixel = at(window, (i * width + j) * COLUMNS)
                            if valid < COLUMNS:
                                copy_row(1, zeros, 0, pixel, 0, COLUMNS)
                            if h + i < rows and w + j < columns:
                                values = at(source, begin + (i * columns + j) * k)
                                copy_row(1, values, 0, pixel, 0, valid)
                            else:
                                copy_row(1, zeros, 0, pixel, 0, COLUMNS)
                    transposed_output(
                        height, window, width * COLUMNS, between, width * COLUMNS, width * COLUMNS
                    )
                    begin = place + panel * panel_plane + (image * count + tile) * COLUMNS
                    for i in range(height + 1):
                        transposed_output(
                            width, at(between, i * width * COLUMNS), COLUMNS,
                            at(target, begin + i * (width + 1) * plane), plane, COLUMNS,
                        )  # fmt: skip
            place += (height + 1) * (width + 1) * plane


@jit
def _sum_tiles(
    x, grads, kinds, origins, first_image, last_image, quarter_h, quarter_w, top, left,
    first_channel, last_channel, weight, space,
):  # fmt: skip
    """S for some channels of a quarter of x, and what becomes of it in the weight's gradient."""
    n, k = x.shape[0], weight.shape[3]
    panels = -(-k // COLUMNS)
    channels = last_channel - first_channel
    most_h, most_w = kinds[0, 0], kinds[0, 1]
    panel_sums = -(-channels // ROWS) * ROWS * COLUMNS + GAP
    sums = np.empty((most_h + 1) * (most_w + 1) * panels * panel_sums, x.dtype)
    row = channels + GAP
    plane = TILES * row + GAP
    v = np.empty(POINTS * POINTS * plane, x.dtype)
    product = np.empty(ROWS * COLUMNS, x.dtype)
    place = 0
    for kind in range(kinds.shape[0]):
        height, width, count, first = kind_of(kinds, kind)
        panel_plane = n * count * COLUMNS + GAP
        for begin in range(first_image * count, last_image * count, TILES):
            length = min(TILES, last_image * count - begin)
            _transform_tiles(
                x, begin, length, count, height, width, origins, first, quarter_h - top,
                quarter_w - left, first_channel, channels, space, v, row, plane,
            )  # fmt: skip
            for i in range(height + 1):
                for j in range(width + 1):
                    point = i * (width + 1) + j
                    _add_products(
                        v, point * plane, row, channels, length, grads,
                        place + point * panels * panel_plane + begin * COLUMNS, panel_plane, panels,
                        sums, (i * (most_w + 1) + j) * panels * panel_sums, panel_sums, product,
                        kind == 0 and begin == first_image * count,
                    )  # fmt: skip
        place += (height + 1) * (width + 1) * panels * panel_plane
    _transform_back(
        sums, most_h, most_w, panels, panel_sums, quarter_h, quarter_w, first_channel, channels,
        weight, space,
    )  # fmt: skip


@jit
def _transform_tiles(
    x, begin, length, count, height, width, origins, first, offset_h, offset_w, first_channel,
    channels, space, v, row, plane,
):  # fmt: skip
    _, rows, columns, depth = x.shape
    source, target, zeros = pointer_to(x, 0), pointer_to(v, 0), pointer_to(space, 0)
    window = at(zeros, CHANNELS)
    between = at(window, POINTS * POINTS * CHANNELS)
    for tile in range(length):
        image, number = divmod(begin + tile, count)
        transform_tile(
            source, rows, columns, depth, image, 2 * origins[first + number, 0] + offset_h,
            2 * origins[first + number, 1] + offset_w, 2, first_channel, channels, height, width,
            window, between, zeros, at(target, tile * row), plane,
        )  # fmt: skip


@jit
def _add_products(
    v, start, row, channels, length, grads, first_grad, panel_plane, panels, sums, first_sum,
    panel_sums, product, is_first,
):  # fmt: skip
    """sums += v.T @ grads for one point; the first time, sums = v.T @ grads."""
    columns, grad = pointer_to(v, start), pointer_to(grads, first_grad)
    tile, target = pointer_to(product, 0), pointer_to(sums, first_sum)
    for panel in range(panels):
        for r in range(0, channels, ROWS):
            total = panel * panel_sums + r * COLUMNS
            tile_from_columns(
                at(columns, r), at(grad, panel * panel_plane),
                at(target, total) if is_first else tile, length, row, min(ROWS, channels - r),
            )  # fmt: skip
            if not is_first:
                for i in range(ROWS * COLUMNS):
                    sums[first_sum + total + i] += product[i]


@jit
def _transform_back(
    sums, most_h, most_w, panels, panel_sums, quarter_h, quarter_w, first_channel, channels, weight,
    space,
):  # fmt: skip
    k = weight.shape[3]
    plane = panels * panel_sums
    source, target = pointer_to(sums, 0), pointer_to(weight, 0)
    between, taps = pointer_to(space, 0), pointer_to(space, 2 * POINTS * COLUMNS)
    for channel in range(channels):
        for panel in range(panels):
            start = panel * panel_sums + channel * COLUMNS
            valid = min(COLUMNS, k - panel * COLUMNS)
            for j in range(most_w + 1):
                transposed_taps(
                    most_h, at(source, start + j * plane), (most_w + 1) * plane,
                    at(between, j * COLUMNS), (most_w + 1) * COLUMNS, COLUMNS,
                )  # fmt: skip
            for a in range(2):
                transposed_taps(
                    most_w, at(between, a * (most_w + 1) * COLUMNS), COLUMNS, taps, COLUMNS, COLUMNS
                )
                for b in range(2):
                    tap = (2 * a + quarter_h) * 4 + 2 * b + quarter_w
                    begin = (tap * weight.shape[2] + first_channel + channel) * k + panel * COLUMNS
                    copy_row(1, at(taps, b * COLUMNS), 0, at(target, begin), 0, valid)
