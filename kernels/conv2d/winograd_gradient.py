"""Rung 3 of the weight's gradient: sums over tiles instead of sums over pixels.

Changed: the sum over all pixels of x times the gradient of y is done at Winograd's points.
Faster: 25 products for each tile of 4x4 pixels, where 2x2 taps need 64.
Bound: the register tile; the transforms for few channels.

With V (x's tiles) and G = OUTPUT transposed of y's gradient, for each point i:

    S[i] = sum over tiles t of V[i, t, :].T @ G[i, t, :]        (depth, k)
    weight's gradient = TAPS transposed of S

`winograd.py` says where this comes from. G is made first, by tasks of a few images, in panels of 32
columns as the register tile wants them. Then a task owns some channels of one phase of x: it
transforms them, 128 tiles at a time, and adds up its rows of S for all tiles; no two tasks add to
the same sum, and the order of the sums is always the same.
"""

import numpy as np

from ..copies import in_order
from ..cpu.jit import subroutine
from ..cpu.parallel import parallel
from ..cpu.pointers import at, hold, pointer_to
from ..matmul.gemm import COLUMNS, ROWS
from ..matmul.gemm_bf16 import any_tile_from_columns
from .minimal_filtering import INFINITY_AT, tiles
from .tile_transforms import (
    add_tile,
    copy,
    get,
    inputs_to_points_in_pairs,
    outputs_to_points_in_pairs,
    point_at_pixels,
    points_to_taps,
    prefetch_to_read,
    put,
    scheme,
)
from .winograd import ranges, taps_of_phase
from .winograd_steps import (
    GAP,
    PIXELS,
    TILES,
    bring_back,
    divert,
    is_short,
    kind_of,
)

CHANNELS = 64  # of a phase, for a task; parts of more than half of it fill a vector
TASK_BYTES = 1 << 20  # of G from one task
TASKS = 8  # at least: with few channels, each sums the tiles of some of the images only


def conv2d_weight_grad(x, y, *, stride, padding, kernel_size, order=(2, 3, 1, 0), precision=None):
    n, p, q, k = y.shape
    c = x.shape[3]
    stride = stride[0]
    taps = taps_of_phase(kernel_size, stride)
    kinds, origins = tiles((p, q), taps, precision)
    # In bfloat16 the tiles are summed in pairs: each task begins with an even one.
    together = 1 if precision is None else 2
    storage = x.dtype if precision is None else np.dtype(np.uint16)  # of V and G
    channels = np.array(ranges(c, CHANNELS))
    pairs, tasks = -(-n // together), max(1, TASKS // (stride**2 * len(channels)))
    parts = np.array(ranges(pairs, -(-pairs // tasks))).reshape(-1, 2) * together
    parts = np.minimum(parts, n)
    weight = np.zeros((max(1, len(parts)), *kernel_size, c, k), x.dtype)
    if n * len(origins):
        x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
        zeros = np.zeros(max(c, k, COLUMNS), x.dtype)
        panels = -(-k // COLUMNS)
        points = kinds[:, 0] * kinds[:, 1]
        values = int((points * kinds[:, 2]).sum()) * panels * COLUMNS
        grads = np.empty(
            together * (pairs * values + int(points.sum()) * panels * (COLUMNS + GAP)), storage
        )
        images = together * max(1, TASK_BYTES // (together * values * storage.itemsize))
        options = scheme(taps, precision), together, stride, *padding
        _transform_grads(-(-n // images), y, kinds, origins, grads, zeros, options, images)
        _sum_tiles(
            len(parts) * len(channels) * stride**2, x, grads, kinds, origins, parts, channels,
            zeros, weight, options,
        )  # fmt: skip
    for part in weight[1:]:
        weight[0] += part
    return in_order(weight[0].transpose(3, 2, 0, 1), order)


@subroutine
def _plane_of_panel(tiles, together):
    """The size of G for a panel and a point: rows of pairs of tiles, if they go together."""
    return (tiles + together - 1) // together * together * COLUMNS + GAP


@parallel
def _transform_grads(task, y, kinds, origins, grads, zeros, options, images):
    """G of some images: for each kind, point and panel, one row of 32 for each tile."""
    scheme, together, _, _, _ = options
    taps = scheme.taps
    n, rows, columns, k = y.shape
    panels = -(-k // COLUMNS)
    table_space = np.empty(4 * PIXELS, np.int64)
    space = np.zeros(2 * PIXELS * COLUMNS, y.dtype)
    table, windows = pointer_to(table_space, 0), pointer_to(table_space, 2 * PIXELS)
    source, outside = pointer_to(y, 0), pointer_to(zeros, 0)
    start, stop = task * images, min(n, (task + 1) * images)
    place = 0
    for kind in range(kinds.shape[0]):
        points_h, points_w, count, first = kind_of(kinds, kind)
        height, width = points_h - taps + 1, points_w - taps + 1
        panel_plane = _plane_of_panel(n * count, together)
        plane = panels * panel_plane
        for tile in range(start * count, stop * count, together):
            for side in range(together):
                image, number = divmod(tile + side, count)
                # An image after the last has no pixels: the second of a pair may be missing.
                exists = tile + side < stop * count
                h, w = origins[first + number, 0], origins[first + number, 1]
                point_at_pixels(
                    at(table, side * PIXELS), source, rows if exists else 0, columns, k, image, h,
                    w, 1, height, width, 0, outside,
                )  # fmt: skip
            for panel in range(panels):
                channel = panel * COLUMNS
                valid = min(COLUMNS, k - channel)
                target = pointer_to(grads, place + panel * panel_plane + tile * COLUMNS)
                pixels = table
                if valid < COLUMNS:
                    pixels = windows
                    for side in range(together):
                        for pixel in range(height * width):
                            entry = side * PIXELS + pixel
                            window = pointer_to(space, entry * COLUMNS)
                            copy(at(get(table, entry, source), channel), window, valid)
                            put(windows, entry, window)
                    channel = 0
                outputs_to_points_in_pairs(
                    scheme, points_h, points_w, pixels, channel, target, points_w, plane, COLUMNS
                )
        place += points_h * points_w * plane
    hold((table_space, space))


@parallel
def _sum_tiles(task, x, grads, kinds, origins, parts, channels, zeros, weight, options):
    """S for some channels of a phase of x, and what becomes of it in the weight's gradient."""
    scheme, together, stride, top, left = options
    taps = scheme.taps
    n, k = x.shape[0], weight.shape[4]
    rest, phase = divmod(task, stride * stride)
    part, piece = divmod(rest, channels.shape[0])
    first_image, last_image = parts[part, 0], parts[part, 1]
    first_channel, depth = channels[piece, 0], channels[piece, 1] - channels[piece, 0]
    phase_h, phase_w = phase // stride, phase % stride
    panels = -(-k // COLUMNS)
    most_h, most_w = kinds[0, 0], kinds[0, 1]
    panel_sums = -(-depth // ROWS) * ROWS * COLUMNS + GAP
    sums = np.empty(most_h * most_w * panels * panel_sums, x.dtype)
    row = depth + GAP
    plane = TILES * row + GAP
    v, product_space = np.empty(PIXELS * plane, grads.dtype), np.empty(ROWS * COLUMNS, x.dtype)
    table_space = np.empty(3 * PIXELS, np.int64)
    table, addends = pointer_to(table_space, 0), pointer_to(table_space, 2 * PIXELS)
    outside, lines = pointer_to(zeros, 0), -(-depth * x.itemsize // 64)
    rows, product = pointer_to(v, 0), pointer_to(product_space, 0)
    short_h = is_short(weight.shape[1], stride, phase_h, taps)
    short_w = is_short(weight.shape[2], stride, phase_w, taps)
    place = 0
    for kind in range(kinds.shape[0]):
        points_h, points_w, count, first = kind_of(kinds, kind)
        panel_plane = _plane_of_panel(n * count, together)
        end = last_image * count
        for begin in range(first_image * count, end, TILES):
            length = min(TILES, end - begin)
            following, rounds = min(TILES, end - begin - length), points_h * points_w
            for tile in range(0, length, together):
                for side in range(together):
                    _point_at_tile(
                        x, begin + tile + side, end, count, origins, first, stride, phase_h - top,
                        phase_w - left, points_h, points_w, first_channel,
                        at(table, side * PIXELS), outside,
                    )  # fmt: skip
                inputs_to_points_in_pairs(
                    scheme, points_h, points_w, table, 0, at(rows, tile * row), points_w, plane,
                    depth,
                )  # fmt: skip
            is_first = kind == 0 and begin == first_image * count
            for i in range(points_h):
                for j in range(points_w):
                    # An absent tap is the only one that S at infinity would contribute to.
                    if (short_h and i == INFINITY_AT) or (short_w and j == INFINITY_AT):
                        continue
                    point = i * points_w + j
                    # The pixels of the next tiles are asked for, some after each point.
                    first_asked = following * point // rounds
                    for tile in range(first_asked, following * (point + 1) // rounds):
                        _point_at_tile(
                            x, begin + length + tile, end, count, origins, first, stride,
                            phase_h - top, phase_w - left, points_h, points_w, first_channel, table,
                            outside,
                        )  # fmt: skip
                        prefetch_to_read(table, 0, points_h * points_w, lines)
                    _add_products(
                        at(rows, point * plane), row, depth, length,
                        pointer_to(grads, place + point * panels * panel_plane + begin * COLUMNS),
                        panel_plane, panels,
                        pointer_to(sums, (i * most_w + j) * panels * panel_sums), panel_sums,
                        product, is_first, together,
                    )  # fmt: skip
        place += points_h * points_w * panels * panel_plane
    _transform_back(
        sums, most_h, most_w, panels, panel_sums, phase_h, phase_w, first_channel, depth,
        weight, part, stride, scheme, table, addends, pointer_to(zeros, 0),
    )  # fmt: skip
    hold((sums, v, product_space, table_space))


@subroutine
def _point_at_tile(
    x, tile, end, count, origins, first, stride, offset_h, offset_w, height, width, channel, table,
    outside,
):  # fmt: skip
    _, rows, columns, channels = x.shape
    if tile >= end:
        rows = 0  # no pixels: the second of a pair may be missing
    image, number = divmod(tile, count)
    h = stride * origins[first + number, 0] + offset_h
    w = stride * origins[first + number, 1] + offset_w
    point_at_pixels(
        table, pointer_to(x, 0), rows, columns, channels, image, h, w, stride, height, width,
        channel, outside,
    )  # fmt: skip


@subroutine
def _add_products(
    v, row, depth, length, grads, panel_plane, panels, sums, panel_sums, product, is_first, together
):
    """sums += v.T @ grads for one point; the first time, sums = v.T @ grads."""
    steps = (length + together - 1) // together
    for panel in range(panels):
        grad = at(grads, panel * panel_plane)
        for r in range(0, depth, ROWS):
            total = at(sums, panel * panel_sums + r * COLUMNS)
            height = min(ROWS, depth - r)
            columns = at(v, r * together)
            if is_first:
                any_tile_from_columns(columns, grad, total, steps, row, height)
            else:
                any_tile_from_columns(columns, grad, product, steps, row, height)
                add_tile(product, total)


@subroutine
def _transform_back(
    sums, most_h, most_w, panels, panel_sums, phase_h, phase_w, first_channel, depth, weight, part,
    stride, scheme, table, addends, zeros,
):  # fmt: skip
    taps = scheme.taps
    _, kernel_h, kernel_w, c, k = weight.shape
    space_array = np.empty((1 + PIXELS) * COLUMNS, weight.dtype)
    space, target = pointer_to(space_array, 0), pointer_to(weight, 0)
    for channel in range(depth):
        for panel in range(panels):
            for a in range(taps):
                for b in range(taps):
                    h, w = a * stride + phase_h, b * stride + phase_w
                    row = ((part * kernel_h + h) * kernel_w + w) * c + first_channel + channel
                    inside = h < kernel_h and w < kernel_w
                    pixel = at(target, row * k + panel * COLUMNS) if inside else space
                    put(table, a * taps + b, pixel)
                    put(addends, a * taps + b, zeros)
            source = pointer_to(sums, panel * panel_sums + channel * COLUMNS)
            valid = min(COLUMNS, k - panel * COLUMNS)
            plane = panels * panel_sums
            if valid == COLUMNS:
                points_to_taps(scheme, most_h, most_w, source, most_w, plane, table, addends)
            else:
                divert(addends, taps * taps, valid, space)
                points_to_taps(scheme, most_h, most_w, source, most_w, plane, addends, addends)
                bring_back(addends, table, taps * taps, valid, space)
    hold(space_array)
