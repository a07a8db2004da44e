"""Rung 3: 4x4 kernels of stride 2 by Winograd's minimal filtering, 25 products instead of 64.

Changed: fewer multiplications. A convolution of stride 2 is cut by the parity of the rows and
columns that its taps read: four 2x2 convolutions of stride 1, one for each quarter of x, whose
input channels lie side by side. A transposed one falls into four 2x2 convolutions by the parity of
its output. These are computed in tiles of up to 4x4 outputs with 5x5 products (see
`minimal_filtering.py`, which has the arithmetic).
Faster: 5 x 5 products for 4 x 4 outputs of 2 x 2 taps: 25 / 64 of the multiplications; what comes
on top, the transforms, is a few additions for each value, whatever the number of channels.
Bound: the register tile for many channels, the transforms for few.

Step by step, for y = conv2d(x, weight) with C channels of x and depth = 4 C:

    1  V[i, t, :] = the depth values of tile t of x at point i     transformed once, then shared
    2  U[i, :, :] = the weight at point i, (depth, 32)             32 output channels at a time,
    3  M[i, t, :] = V[i, t, :] @ U[i]                              by the register tile, for
    4  y of tile t = M[:, t] transformed back, + bias              64 tiles, while M is in the cache

Step 1 is cut into tasks by images. Steps 2 to 4 are one task for each 32 output channels and some
images: U is made where it is used, so that neither it nor M ever travels to memory.

The gradient by the weight turns the roles around. The taps' transform, the product and the outputs'
transform are all linear, so the chain rule runs them backwards: y's gradient goes through OUTPUT
transposed, is multiplied with V and summed over all tiles of all images, for each point, and TAPS
transposed brings the sums back to 4x4 taps, once at the end.
"""

from typing import NamedTuple

import numpy as np

from tinygan.kernels.conv2d.minimal_filtering import (
    SIZES,
    tiles,
    transform_input,
    transform_output,
    transform_taps,
)
from tinygan.kernels.jit import jit
from tinygan.kernels.matmul.gemm import (
    COLUMNS,
    ROWS,
    pointer_to,
    tile_from_rows,
)
from tinygan.kernels.threads import run_tasks

TRANSFORMED_BYTES = 12 << 20  # of V at any time: it stays in a third-level cache
TASK_BYTES = 1 << 20  # of V from one task of step 1
TILES = 64 // ROWS * ROWS  # multiplied in one go: M takes 200 KB
TASK_TILES = 128  # for each U that a task makes
CHANNELS = 64  # transformed in one go, so that a tile's intermediate values stay near
POINTS = max(SIZES) + 1
GAP = 16  # between rows and planes: a power of two apart they would share few sets of the cache


class _Part(NamedTuple):
    """One 2x2 convolution of stride 1, of all quarters of the input or to one of the output."""

    taps: np.ndarray  # (quarters_h, quarters_w, 2, 2, c, k)
    offset: tuple[int, int]  # the first pixel of x that the first output reads
    first: tuple[int, int]  # where in y the first output lies
    kinds: np.ndarray
    origins: np.ndarray


def conv2d(x, weight, bias, *, stride, padding, output_size):
    k, c, _, _ = weight.shape
    y = np.empty((x.shape[0], *output_size, k), x.dtype)
    taps = weight.transpose(2, 3, 1, 0).reshape(2, 2, 2, 2, c, k)  # tap 2 a + quarter, and so on
    taps = taps.transpose(1, 3, 0, 2, 4, 5)
    part = _Part(taps, (-padding[0], -padding[1]), (0, 0), *tiles(output_size))
    _convolve(x, bias, y, [part], step=2, output_step=1)
    return y


def conv_transpose2d(y, weight, bias, *, stride, padding, output_size):
    x = np.empty((y.shape[0], *output_size, weight.shape[1]), y.dtype)
    taps = weight.transpose(2, 3, 0, 1)
    parts = []
    for h in range(2):
        for w in range(2):
            # Row `first` + 2 i of x is reached by the taps h + 2 a, from row i + offset + 1 - a.
            first = (h - padding[0]) % 2, (w - padding[1]) % 2
            offset = (first[0] + padding[0]) // 2 - 1, (first[1] + padding[1]) // 2 - 1
            outputs = tuple(len(range(first[i], output_size[i], 2)) for i in range(2))
            reaching = taps[h::2, w::2][::-1, ::-1][None, None]
            parts.append(_Part(reaching, offset, first, *tiles(outputs)))
    _convolve(y, bias, x, parts, step=1, output_step=2)
    return x


def _ranges(count, length):
    """(start, stop) of equal parts of `count`, about `length` each."""
    pieces = max(1, -(-count // max(1, length)))
    length = -(-count // pieces)
    return [(start, min(count, start + length)) for start in range(0, count, length)]


def _floats_of(part, row):
    """Of V, for one image."""
    kinds = part.kinds
    return int(((kinds[:, 0] + 1) * (kinds[:, 1] + 1) * kinds[:, 2]).sum()) * row


def _convolve(x, bias, y, parts, step, output_step):
    """All parts of y, for a few images at a time."""
    x = np.ascontiguousarray(x)
    bias = np.zeros(y.shape[3], x.dtype) if bias is None else np.ascontiguousarray(bias)
    parts = [part for part in parts if len(part.origins)]
    quarters = parts[0].taps.shape[0] if parts else 1
    row = quarters * quarters * x.shape[3] + GAP
    per_image = sum(_floats_of(part, row) for part in parts)
    panels = -(-y.shape[3] // COLUMNS)
    for first, last in _ranges(x.shape[0], TRANSFORMED_BYTES // max(1, per_image * x.itemsize)):
        images = last - first
        space = [
            np.empty(images * _floats_of(part, row) + len(part.kinds) * POINTS**2 * GAP, x.dtype)
            for part in parts
        ]
        pieces = _ranges(images, TASK_BYTES * len(parts) // max(1, per_image * x.itemsize))

        def transform(index, first=first, images=images, space=space, pieces=pieces):
            number, piece = divmod(index, len(pieces))
            part = parts[number]
            _transform_images(
                x, step, *part.offset, quarters, part.kinds, part.origins, row, space[number],
                first, images, *pieces[piece],
            )  # fmt: skip

        run_tasks(transform, len(parts) * len(pieces))
        tiles_in_image = max(len(part.origins) for part in parts)
        groups = _ranges(images, TASK_TILES // tiles_in_image)

        def multiply(index, first=first, images=images, space=space, groups=groups):
            rest, group = divmod(index, len(groups))
            panel, number = divmod(rest, len(parts))
            part = parts[number]
            _multiply_images(
                space[number], row, part.kinds, part.origins, part.taps, _is_direct(part.taps),
                panel * COLUMNS, bias, y, *part.first, output_step, first, images, *groups[group],
            )  # fmt: skip

        run_tasks(multiply, panels * len(parts) * len(groups))


def _is_direct(taps):
    """Whether whole vectors of output channels can be loaded from the weight."""
    whole = all(stride % taps.itemsize == 0 for stride in taps.strides)
    return whole and taps.strides[-1] == taps.itemsize


@jit
def _kind(kinds, kind):
    return kinds[kind, 0], kinds[kind, 1], kinds[kind, 2], kinds[kind, 3]


@jit
def _transform_tile(
    x, n, h, w, step, first_channel, channels, height, width, window, between, v, place, plane
):  # fmt: skip
    """v[place + i * plane :][:channels] = the value at point i of a tile that begins at (h, w)."""
    _, rows, columns, depth = x.shape
    inside = (
        h >= 0 and h + step * height < rows and w >= 0 and w + step * width < columns
    )  # fmt: skip
    start = ((n * rows + h) * columns + w) * depth + first_channel
    for begin in range(0, channels, CHANNELS):
        count = min(CHANNELS, channels - begin)
        if not inside:
            for i in range(height + 1):
                for j in range(width + 1):
                    at = (i * (width + 1) + j) * CHANNELS
                    row, column = h + i * step, w + j * step
                    if 0 <= row < rows and 0 <= column < columns:
                        for channel in range(count):
                            window[at + channel] = x[n, row, column, first_channel + begin + channel]
                    else:
                        for channel in range(count):
                            window[at + channel] = 0
        for j in range(width + 1):
            target = pointer_to(between, j * CHANNELS)
            if inside:
                transform_input(
                    height, pointer_to(x, start + begin + j * step * depth),
                    step * columns * depth, target, (width + 1) * CHANNELS, count,
                )  # fmt: skip
            else:
                transform_input(
                    height, pointer_to(window, j * CHANNELS), (width + 1) * CHANNELS,
                    target, (width + 1) * CHANNELS, count,
                )  # fmt: skip
        for i in range(height + 1):
            transform_input(
                width, pointer_to(between, i * (width + 1) * CHANNELS), CHANNELS,
                pointer_to(v, place + i * (width + 1) * plane + begin), plane, count,
            )  # fmt: skip


@jit
def _transform_images(
    x, step, offset_h, offset_w, quarters, kinds, origins, row, v, first_image, images, start, stop
):
    """Step 1 for images start ... stop of a block of `images` from `first_image` on."""
    channels = x.shape[3]
    window = np.empty(POINTS * POINTS * CHANNELS, x.dtype)
    between = np.empty(POINTS * POINTS * CHANNELS, x.dtype)
    for image in range(start, stop):
        place = 0
        for kind in range(kinds.shape[0]):
            height, width, count, first = _kind(kinds, kind)
            plane = images * count * row + GAP
            for tile in range(count):
                h = step * origins[first + tile, 0] + offset_h
                w = step * origins[first + tile, 1] + offset_w
                for a in range(quarters):
                    for b in range(quarters):
                        _transform_tile(
                            x, first_image + image, h + a, w + b, step, 0, channels, height, width,
                            window, between, v,
                            place + (image * count + tile) * row + (a * quarters + b) * channels,
                            plane,
                        )  # fmt: skip
            place += (height + 1) * (width + 1) * plane


@jit
def _transform_taps(taps, direct, first_column, m, panels, plane):
    """Step 2: panels[point * plane :] = 32 columns of the weight at this point."""
    quarters_h, quarters_w, _, _, c, k = taps.shape
    width = min(COLUMNS, k - first_column)
    gathered = np.zeros(4 * COLUMNS, taps.dtype)
    between = np.empty(POINTS * 2 * COLUMNS, taps.dtype)
    size = taps.itemsize
    direct = direct and width == COLUMNS
    row = 0
    for quarter_h in range(quarters_h):
        for quarter_w in range(quarters_w):
            for channel in range(c):
                if direct:
                    start = (
                        (
                            quarter_h * taps.strides[0] + quarter_w * taps.strides[1]
                            + channel * taps.strides[4]
                        ) // size + first_column
                    )  # fmt: skip
                    for b in range(2):
                        transform_taps(
                            m, pointer_to(taps, start + b * (taps.strides[3] // size)),
                            taps.strides[2] // size,
                            pointer_to(between, b * COLUMNS), 2 * COLUMNS, COLUMNS,
                        )  # fmt: skip
                else:
                    for a in range(2):
                        for b in range(2):
                            for column in range(width):
                                gathered[(2 * a + b) * COLUMNS + column] = taps[
                                    quarter_h, quarter_w, a, b, channel, first_column + column
                                ]
                    transform_taps(
                        m, pointer_to(gathered, 0), 2 * COLUMNS,
                        pointer_to(between, 0), 2 * COLUMNS, 2 * COLUMNS,
                    )  # fmt: skip
                for i in range(m + 1):
                    transform_taps(
                        m, pointer_to(between, i * 2 * COLUMNS), COLUMNS,
                        pointer_to(panels, i * (m + 1) * plane + row * COLUMNS), plane, COLUMNS,
                    )  # fmt: skip
                row += 1


@jit
def _multiply_images(
    v, row, kinds, origins, taps, direct, first_column, bias, y, first_h, first_w, output_step,
    first_image, images, start, stop,
):  # fmt: skip
    """Steps 2 to 4 for 32 channels of images start ... stop."""
    depth = row - GAP
    m = max(kinds[:, 0].max(), kinds[:, 1].max())
    panel_plane = (depth + 1) * COLUMNS
    panels = np.empty((m + 1) * (m + 1) * panel_plane, v.dtype)
    _transform_taps(taps, direct, first_column, m, panels, panel_plane)
    product_plane = (TILES + 1) * COLUMNS
    products = np.empty(POINTS * POINTS * product_plane, v.dtype)
    between = np.empty(POINTS * POINTS * COLUMNS, v.dtype)
    outputs = np.empty(POINTS * POINTS * COLUMNS, v.dtype)
    place = 0
    for kind in range(kinds.shape[0]):
        height, width, count, first = _kind(kinds, kind)
        plane = images * count * row + GAP
        for begin in range(start * count, stop * count, TILES):
            length = min(TILES, stop * count - begin)
            for i in range(height + 1):
                for j in range(width + 1):
                    point = i * (width + 1) + j
                    panel = pointer_to(panels, (i * (m + 1) + j) * panel_plane)
                    for tile in range(0, length, ROWS):
                        tile_from_rows(
                            pointer_to(v, place + point * plane + (begin + tile) * row), panel,
                            pointer_to(products, point * product_plane + tile * COLUMNS),
                            depth, row, min(ROWS, length - tile),
                        )  # fmt: skip
            for tile in range(length):
                for j in range(width + 1):
                    transform_output(
                        height, pointer_to(products, j * product_plane + tile * COLUMNS),
                        (width + 1) * product_plane, pointer_to(between, j * COLUMNS),
                        (width + 1) * COLUMNS, COLUMNS,
                    )  # fmt: skip
                for i in range(height):
                    transform_output(
                        width, pointer_to(between, i * (width + 1) * COLUMNS), COLUMNS,
                        pointer_to(outputs, i * width * COLUMNS), COLUMNS, COLUMNS,
                    )  # fmt: skip
                image, number = divmod(begin + tile, count)
                _store_tile(
                    outputs, height, width, bias, y, first_image + image,
                    first_h + output_step * origins[first + number, 0],
                    first_w + output_step * origins[first + number, 1], output_step, first_column,
                )  # fmt: skip
        place += (height + 1) * (width + 1) * plane


@jit
def _store_tile(outputs, height, width, bias, y, n, h, w, step, first_column):
    """The part of a tile that lies in y, and in its channels."""
    columns = min(COLUMNS, y.shape[3] - first_column)
    for i in range(height):
        for j in range(width):
            if h + i * step < y.shape[1] and w + j * step < y.shape[2]:
                at = (i * width + j) * COLUMNS
                for column in range(columns):
                    y[n, h + i * step, w + j * step, first_column + column] = (
                        outputs[at + column] + bias[first_column + column]
                    )
