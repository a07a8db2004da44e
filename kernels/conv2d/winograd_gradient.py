"""Rung 3 of the weight's gradient: sums over tiles instead of sums over pixels.

Changed: the sum over all pixels of x times the gradient of y is done at Winograd's points.
Faster: 25 products for each tile of 4x4 pixels, where 2x2 taps need 64.
Bound: the register tile; the transforms for few channels.

With V (x's tiles) and G = OUTPUT transposed of y's gradient, for each point i:

    S[i] = sum over tiles t of V[i, t, :].T @ G[i, t, :]        (depth, k)
    weight's gradient = TAPS transposed of S

`winograd.py` says where this comes from. G is made first, by tasks of a few images, in panels of 32
columns as the register tile wants them. Then a task owns some channels of one quarter of x: it
transforms them, 64 tiles at a time, and adds up its rows of S for all tiles; no two tasks add to
the same sum, and the order of the sums is always the same.
"""

import numpy as np

from tinygan.kernels.conv2d.minimal_filtering import tiles, transposed_output, transposed_taps
from tinygan.kernels.conv2d.winograd import (
    CHANNELS,
    GAP,
    POINTS,
    TILES,
    _kind,
    _ranges,
    _transform_tile,
)
from tinygan.kernels.jit import jit
from tinygan.kernels.matmul.gemm import COLUMNS, ROWS, pointer_to, tile_from_columns
from tinygan.kernels.threads import run_tasks

TASK_BYTES = 1 << 20  # of G from one task
TASKS = 8  # at least, where the channels can be cut


def conv2d_weight_grad(x, y, *, stride, padding, kernel_size):
    n, p, q, k = y.shape
    c = x.shape[3]
    weight = np.zeros((4, 4, c, k), x.dtype)
    if n * p * q:
        x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
        kinds, origins = tiles((p, q))
        panels = -(-k // COLUMNS)
        points = (kinds[:, 0] + 1) * (kinds[:, 1] + 1)
        floats = int((points * kinds[:, 2]).sum()) * panels * COLUMNS
        grads = np.empty(n * floats + int(points.sum()) * panels * GAP, x.dtype)
        pieces = _ranges(n, TASK_BYTES // (floats * x.itemsize))
        run_tasks(
            lambda t: _transform_grads(y, kinds, origins, grads, *pieces[t]), len(pieces)
        )
        channels = _ranges(c, min(CHANNELS, max(32, 4 * c // TASKS)))

        def task(index):
            quarter, piece = divmod(index, len(channels))
            _sum_tiles(
                x, grads, kinds, origins, *divmod(quarter, 2), *padding, *channels[piece], weight
            )

        run_tasks(task, 4 * len(channels))
    return weight.transpose(3, 2, 0, 1)


@jit
def _transform_grads(y, kinds, origins, grads, start, stop):
    """G of images start ... stop: for each kind, point and panel, one row of 32 for each tile."""
    n, rows, columns, k = y.shape
    panels = -(-k // COLUMNS)
    window = np.empty(POINTS * POINTS * COLUMNS, y.dtype)
    between = np.empty(POINTS * POINTS * COLUMNS, y.dtype)
    for image in range(start, stop):
        place = 0
        for kind in range(kinds.shape[0]):
            height, width, count, first = _kind(kinds, kind)
            panel_plane = n * count * COLUMNS + GAP
            plane = panels * panel_plane
            for tile in range(count):
                h, w = origins[first + tile, 0], origins[first + tile, 1]
                for panel in range(panels):
                    valid = min(COLUMNS, k - panel * COLUMNS)
                    for i in range(height):
                        for j in range(width):
                            at = (i * width + j) * COLUMNS
                            filled = valid if h + i < rows and w + j < columns else 0
                            for column in range(filled):
                                window[at + column] = y[
                                    image, h + i, w + j, panel * COLUMNS + column
                                ]
                            for column in range(filled, COLUMNS):
                                window[at + column] = 0
                    transposed_output(
                        height, pointer_to(window, 0), width * COLUMNS,
                        pointer_to(between, 0), width * COLUMNS, width * COLUMNS,
                    )  # fmt: skip
                    for i in range(height + 1):
                        target = (
                            place + i * (width + 1) * plane + panel * panel_plane
                            + (image * count + tile) * COLUMNS
                        )  # fmt: skip
                        transposed_output(
                            width, pointer_to(between, i * width * COLUMNS), COLUMNS,
                            pointer_to(grads, target), plane, COLUMNS,
                        )  # fmt: skip
            place += (height + 1) * (width + 1) * plane


@jit
def _sum_tiles(
    x, grads, kinds, origins, quarter_h, quarter_w, top, left, first_channel, last_channel, weight
):
    """S for some channels of a quarter of x, and what becomes of it in the weight's gradient."""
    n, k = x.shape[0], weight.shape[3]
    panels = -(-k // COLUMNS)
    channels = last_channel - first_channel
    m = max(kinds[:, 0].max(), kinds[:, 1].max())
    heights = -(-channels // ROWS) * ROWS
    sums = np.zeros(((m + 1) * (m + 1), panels, heights * COLUMNS), x.dtype)
    product = np.empty(ROWS * COLUMNS, x.dtype)
    window = np.empty(POINTS * POINTS * CHANNELS, x.dtype)
    between = np.empty(POINTS * POINTS * CHANNELS, x.dtype)
    row = channels + GAP
    plane = TILES * row + GAP
    v = np.empty(POINTS * POINTS * plane, x.dtype)
    place = 0
    for kind in range(kinds.shape[0]):
        height, width, count, first = _kind(kinds, kind)
        panel_plane = n * count * COLUMNS + GAP
        for begin in range(0, n * count, TILES):
            length = min(TILES, n * count - begin)
            for tile in range(length):
                image, number = divmod(begin + tile, count)
                _transform_tile(
                    x, image, 2 * origins[first + number, 0] + quarter_h - top,
                    2 * origins[first + number, 1] + quarter_w - left, 2, first_channel, channels,
                    height, width, window, between, v, tile * row, plane,
                )  # fmt: skip
            for i in range(height + 1):
                for j in range(width + 1):
                    point = i * (width + 1) + j
                    for panel in range(panels):
                        total = sums[i * (m + 1) + j, panel]
                        grad = pointer_to(
                            grads,
                            place + (point * panels + panel) * panel_plane + begin * COLUMNS,
                        )
                        for r in range(0, channels, ROWS):
                            tile_from_columns(
                                pointer_to(v, point * plane + r), grad, pointer_to(product, 0),
                                length, row, min(ROWS, channels - r),
                            )  # fmt: skip
                            for l in range(ROWS * COLUMNS):  # noqa: E741
                                total[r * COLUMNS + l] += product[l]
        place += (height + 1) * (width + 1) * panels * panel_plane
    _transform_back(sums, m, quarter_h, quarter_w, first_channel, channels, weight)


@jit
def _transform_back(sums, m, quarter_h, quarter_w, first_channel, channels, weight):
    panels = sums.shape[1]
    plane = panels * sums.shape[2]
    between = np.empty(2 * POINTS * COLUMNS, sums.dtype)
    taps = np.empty(4 * COLUMNS, sums.dtype)
    for channel in range(channels):
        for panel in range(panels):
            start = panel * sums.shape[2] + channel * COLUMNS
            for j in range(m + 1):
                transposed_taps(
                    m, pointer_to(sums, start + j * plane), (m + 1) * plane,
                    pointer_to(between, j * COLUMNS), (m + 1) * COLUMNS, COLUMNS,
                )  # fmt: skip
            for a in range(2):
                transposed_taps(
                    m, pointer_to(between, a * (m + 1) * COLUMNS), COLUMNS,
                    pointer_to(taps, 2 * a * COLUMNS), COLUMNS, COLUMNS,
                )  # fmt: skip
                for b in range(2):
                    for column in range(min(COLUMNS, weight.shape[3] - panel * COLUMNS)):
                        weight[
                            2 * a + quarter_h, 2 * b + quarter_w, first_channel + channel,
                            panel * COLUMNS + column,
                        ] = taps[(2 * a + b) * COLUMNS + column]  # fmt: skip
