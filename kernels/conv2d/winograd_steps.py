"""The four steps of a convolution by Winograd's transforms, each for some tiles; compiled.

`winograd.py` says what they are for. These functions work on plain pointers: each use of an array
would count references, which takes longer than to transform a row. Their callers hold the arrays
meanwhile.
"""

from typing import NamedTuple

from ..cpu.jit import subroutine
from ..cpu.pointers import at, pointer_to
from ..matmul.gemm import COLUMNS, LANES, ROWS, transpose_block
from ..matmul.gemm_bf16 import any_tile_from_rows
from .minimal_filtering import INFINITY_AT
from .tile_transforms import (
    MOST_PIXELS,
    add_tile,
    clear,
    copy,
    get,
    inputs_to_points,
    outputs_to_points,
    point_at_pixels,
    points_to_inputs,
    points_to_outputs,
    prefetch_to_read,
    prefetch_to_write,
    put,
    taps_to_points,
)

PIXELS = MOST_PIXELS  # of a tile
TILES = 128 // ROWS * ROWS  # multiplied in one go: M takes 400 KB
GAP = 16  # between rows and planes: a power of two apart they would share few sets of the cache
PANEL_LINES = -(-COLUMNS * 4 // 64)  # cache lines of a panel in a pixel
PRODUCT_PLANE = (TILES + 1) * COLUMNS  # of M, for one point


class Geometry(NamedTuple):
    """The numbers that all steps need."""

    transposed: int  # conv_transpose2d, not conv2d
    stride: int
    scheme: NamedTuple  # which matrices; its number is that of the taps of a phase
    side_by_side: int  # values that the product takes in one step: 2 of bfloat16, else 1
    kernel_h: int
    kernel_w: int
    top: int
    left: int
    chunk: int  # tiles for which V is made in one go, in a task that goes through all steps
    most: int  # points that the largest kind of tile has in one dimension
    channels: int  # of x, the side with the phases
    row: int  # of V: the length of the longest piece and a gap
    step_r: int  # strides of the weight, in elements
    step_s: int
    step_c: int
    step_k: int


@subroutine
def kind_of(kinds, kind):
    return kinds[kind, 0], kinds[kind, 1], kinds[kind, 2], kinds[kind, 3]


@subroutine
def is_short(kernel, stride, phase, taps):
    """Whether a phase has one tap less than others: its last tap, and its U at infinity, are 0."""
    return phase + (taps - 1) * stride >= kernel


@subroutine
def transform_tiles(
    g, images, kinds, origins, kind, first_tile, length, pieces, table, zeros, v, plane
):
    """Step 1: V for tiles of one kind, counted through all images."""
    _, rows, columns, channels = images.shape
    points_h, points_w, count, first = kind_of(kinds, kind)
    source = pointer_to(images, 0)
    for tile in range(length):
        image, number = divmod(first_tile + tile, count)
        h, w = origins[first + number, 0], origins[first + number, 1]
        for piece in range(pieces.shape[0]):
            first_phase, phases = pieces[piece, 0], pieces[piece, 1]
            first_channel, depth = pieces[piece, 2], pieces[piece, 3]
            target = at(v, piece * points_h * points_w * plane + tile * g.row)
            if g.transposed:
                point_at_pixels(
                    table, source, rows, columns, channels, image, h, w, 1,
                    points_h - g.scheme.taps + 1, points_w - g.scheme.taps + 1, 0, zeros,
                )  # fmt: skip
                outputs_to_points(
                    g.scheme, points_h, points_w, table, first_channel, target, points_w, plane,
                    depth,
                )  # fmt: skip
            else:
                for phase in range(phases):
                    phase_h, phase_w = divmod(first_phase + phase, g.stride)
                    point_at_pixels(
                        table, source, rows, columns, channels, image,
                        g.stride * h + phase_h - g.top, g.stride * w + phase_w - g.left,
                        g.stride, points_h, points_w, 0, zeros,
                    )  # fmt: skip
                    inputs_to_points(
                        g.scheme, points_h, points_w, table, first_channel,
                        at(target, phase * depth), points_w, plane, depth,
                    )  # fmt: skip


@subroutine
def transform_weight(
    g, weight, panel, panels_of_phase, columns, pieces, piece, table, space, u, plane
):
    """Step 2: U of a piece, for a panel of output channels: u[point * plane :] is (depth, COLUMNS).

    `space` begins with zeros for a row.
    """
    first_phase, phases = pieces[piece, 0], pieces[piece, 1]
    first_channel, depth = pieces[piece, 2], pieces[piece, 3]
    row_step, column_step = g.step_c, g.step_k
    column = panel % panels_of_phase * COLUMNS
    if g.transposed:
        first_phase = panel // panels_of_phase
        row_step, column_step = g.step_k, g.step_c
    width = min(COLUMNS, columns - column)
    direct = column_step == 1 and width == COLUMNS
    gathered = at(space, COLUMNS)
    row = 0
    for phase in range(first_phase, first_phase + phases):
        phase_h, phase_w = divmod(phase, g.stride)
        for begin in range(first_channel, first_channel + depth, LANES):
            height = min(LANES, first_channel + depth - begin)
            for r in range(height):
                for a in range(g.scheme.taps):
                    for b in range(g.scheme.taps):
                        tap_h, tap_w = a * g.stride + phase_h, b * g.stride + phase_w
                        tap = a * g.scheme.taps + b
                        place = at(
                            weight,
                            tap_h * g.step_r + tap_w * g.step_s + begin * row_step
                            + column * column_step,
                        )  # fmt: skip
                        block = at(gathered, tap * LANES * COLUMNS)
                        if tap_h >= g.kernel_h or tap_w >= g.kernel_w:
                            put(table, tap, space)
                        elif direct:
                            put(table, tap, at(place, r * row_step))
                        else:
                            if r == 0:
                                _gather(
                                    place, row_step, column_step, height, width, block
                                )
                            put(table, tap, at(block, r * COLUMNS))
                taps_to_points(
                    g.scheme, g.most, g.most, table, 0, at(u, row * COLUMNS), g.most, plane, COLUMNS
                )
                row += 1


@subroutine
def _gather(source, row_step, column_step, height, width, block):
    """block (height, COLUMNS) = the source with these strides, zeros past width."""
    if row_step == 1 and height == LANES and width == COLUMNS:
        for j in range(0, COLUMNS, LANES):
            transpose_block(at(source, j * column_step), column_step, at(block, j), COLUMNS)
    else:
        for i in range(height):
            for j in range(width):
                copy(at(source, i * row_step + j * column_step), at(block, i * COLUMNS + j), 1)


@subroutine
def list_sources(g, images, kinds, origins, kind, first_tile, length, wanted):
    """wanted = the addresses of all pixels that these tiles are the first to read; their number."""
    _, rows, columns, channels = images.shape
    points_h, points_w, count, first = kind_of(kinds, kind)
    height, width, step, top, left = points_h, points_w, g.stride, g.top, g.left
    if g.transposed:
        more = g.scheme.taps - 1
        height, width, step, top, left = height - more, width - more, 1, 0, 0
    source = pointer_to(images, 0)
    entries = 0
    for tile in range(length):
        image, number = divmod(first_tile + tile, count)
        seen = origins[first + number, 2]
        for phase in range(step * step):
            h = step * origins[first + number, 0] + phase // step - top
            w = step * origins[first + number, 1] + phase % step - left
            for pixel in range(height * width):
                row, column = h + pixel // width * step, w + pixel % width * step
                if (
                    0 <= row < rows and 0 <= column < columns
                    and (g.transposed or not seen >> pixel & 1)
                ):  # fmt: skip
                    place = ((image * rows + row) * columns + column) * channels
                    put(wanted, entries, at(source, place))
                    entries += 1
    return entries


@subroutine
def point_at_targets(
    g, images, kinds, origins, kind, first_tile, length, panel, panels_of_phase, table, outside
):
    """The table gets, tile by tile, the addresses where step 4 will store it. Pixels of a tile."""
    _, rows, columns, channels = images.shape
    points_h, points_w, count, first = kind_of(kinds, kind)
    height, width, step, top, left = points_h, points_w, g.stride, g.top, g.left
    if g.transposed:
        phase_h, phase_w = divmod(panel // panels_of_phase, step)
        top, left = top - phase_h, left - phase_w
    else:
        more = g.scheme.taps - 1
        height, width, step, top, left = height - more, width - more, 1, 0, 0
    for tile in range(length):
        image, number = divmod(first_tile + tile, count)
        h = step * origins[first + number, 0] - top
        w = step * origins[first + number, 1] - left
        point_at_pixels(
            at(table, tile * height * width), pointer_to(images, 0), rows, columns, channels, image,
            h, w, step, height, width, panel % panels_of_phase * COLUMNS, outside,
        )  # fmt: skip
    return height * width


@subroutine
def multiply_tiles(
    g, points_h, points_w, v, plane, depth, phase, length, u, u_plane, add, m, sources,
    first_source, last_source, lines, targets, pixels,
):  # fmt: skip
    """Step 3: M = V @ U at each point, for a piece of depth; M += V @ U if `add`.

    What a short `phase` multiplies with zeros is left out, if phase >= 0. Meanwhile the pixels that
    will be read and stored next are asked for: some after each tile of registers.
    """
    groups = -(-length // ROWS)
    rounds = points_h * points_w * groups
    wanted = last_source - first_source
    short_h = phase >= 0 and is_short(g.kernel_h, g.stride, phase // g.stride, g.scheme.taps)
    short_w = phase >= 0 and is_short(g.kernel_w, g.stride, phase % g.stride, g.scheme.taps)
    more = at(m, PIXELS * PRODUCT_PLANE)
    steps, row = depth // g.side_by_side, g.row // g.side_by_side
    for i in range(points_h):
        for j in range(points_w):
            product = at(m, (i * points_w + j) * PRODUCT_PLANE)
            if (short_h and i == INFINITY_AT) or (short_w and j == INFINITY_AT):
                if not add:
                    clear(product, length * COLUMNS)
                continue
            left = at(v, (i * points_w + j) * plane)
            panel = at(u, (i * g.most + j) * u_plane)
            for tile in range(0, length, ROWS):
                done = (i * points_w + j) * groups + tile // ROWS
                prefetch_to_read(
                    sources, first_source + wanted * done // rounds,
                    first_source + wanted * (done + 1) // rounds, lines,
                )  # fmt: skip
                prefetch_to_write(
                    targets, pixels * done // rounds, pixels * (done + 1) // rounds, PANEL_LINES
                )
                height = min(ROWS, length - tile)
                rows, result = at(left, tile * g.row), at(product, tile * COLUMNS)
                if add:
                    any_tile_from_rows(rows, panel, more, steps, row, height)
                    add_tile(more, result)
                else:
                    any_tile_from_rows(rows, panel, result, steps, row, height)


@subroutine
def store_tiles(
    g, images, kinds, origins, kind, first_tile, length, panel, panels_of_phase, bias, table,
    pixels, addends, space, m,
):  # fmt: skip
    """Step 4: the tiles transformed back, + bias, for a panel of output channels.

    The table is that of `point_at_targets`. In a transposed convolution neighbouring tiles overlap:
    where a tile has been before, its value is added to. Pixels outside of the images go to `space`,
    which is not read.
    """
    points_h, points_w, count, first = kind_of(kinds, kind)
    channel = panel % panels_of_phase * COLUMNS
    valid = min(COLUMNS, images.shape[3] - channel)
    like, offset = pointer_to(images, 0), pointer_to(bias, channel)
    for tile in range(length):
        seen = origins[first + (first_tile + tile) % count, 2]
        targets = at(table, tile * pixels)
        for pixel in range(pixels):
            is_seen = g.transposed and seen >> pixel & 1
            put(addends, pixel, get(targets, pixel, like) if is_seen else offset)
        source = at(m, tile * COLUMNS)
        if valid == COLUMNS:
            _transform_back(g, points_h, points_w, source, targets, addends)
        else:
            divert(addends, pixels, valid, space)
            _transform_back(g, points_h, points_w, source, addends, addends)
            bring_back(addends, targets, pixels, valid, space)


# Less than COLUMNS channels at the end of a pixel are transformed in memory after `space`.


@subroutine
def divert(addends, pixels, valid, space):
    """Copies what is to be added there, and lets the table point to the copies."""
    for pixel in range(pixels):
        place = at(space, (pixel + 1) * COLUMNS)
        copy(get(addends, pixel, space), place, valid)
        put(addends, pixel, place)


@subroutine
def bring_back(places, table, pixels, valid, space):
    for pixel in range(pixels):
        copy(get(places, pixel, space), get(table, pixel, space), valid)


@subroutine
def _transform_back(g, points_h, points_w, source, pixels, addends):
    if g.transposed:
        points_to_inputs(
            g.scheme, points_h, points_w, source, points_w, PRODUCT_PLANE, pixels, addends
        )
    else:
        points_to_outputs(
            g.scheme, points_h, points_w, source, points_w, PRODUCT_PLANE, pixels, addends
        )
