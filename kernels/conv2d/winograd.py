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
    4  y of tile t = M[:, t] transformed back, + bias              128 tiles, while M is in cache

A small weight is transformed first, all of it; then a task takes some images through the other
steps, with its V and M in its own cache. For a large weight, of which each core would have to load
all, V is made first; then a task owns 32 output channels and makes its U itself.

The gradient by the weight turns the roles around. The taps' transform, the product and the outputs'
transform are all linear, so the chain rule runs them backwards: y's gradient goes through OUTPUT
transposed, is multiplied with V and summed over all tiles of all images, for each point, and TAPS
transposed brings the sums back to 4x4 taps, once at the end.
"""

import numpy as np

from tinygan.kernels.conv2d.minimal_filtering import (
    SIZES,
    add_rows,
    at,
    copy_row,
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

TILES = 128 // ROWS * ROWS  # multiplied in one go: M takes 400 KB
DEPTH = 256  # of sums without an intermediate result: long sums in one go lose digits
CHANNELS = 64  # transformed in one go, so that a tile's intermediate values stay near
GAP = 16  # between rows and planes: a power of two apart they would share few sets of the cache
POINTS = max(SIZES) + 1
PRODUCT_PLANE = (TILES + 1) * COLUMNS  # of M, for one point

WEIGHT_BYTES = 4 << 20  # of U, to be small enough for a third-level cache
PRIVATE_BYTES = 2 << 20  # of V, for a task that goes through all steps
SHARED_BYTES = 16 << 20  # of V, for tasks that do one step each
TASK_TILES = 256  # for each U that a task of step 2 makes
TASKS = 8  # at least, to keep some threads busy


class _Part:
    """One 2x2 convolution of stride 1: of all quarters of the input, or to one of the output.

    Attributes:
        taps: (quarters_h, quarters_w, 2, 2, c, k).
        offset: the first row and column of x that the first output reads.
        first: the row and column of y where the first output lies.
        kinds, origins: its tiles, see `minimal_filtering.tiles`.
        row: the length of a row of V, in elements.
        plane, panel: the size of U for 32 output channels, for one point and for all.
    """

    def __init__(self, taps, offset, first, size):
        self.taps, self.offset, self.first = taps, offset, first
        self.kinds, self.origins = tiles(size)
        depth = taps.shape[0] * taps.shape[1] * taps.shape[4]
        self.row = depth + GAP
        self.m = int(self.kinds[:, :2].max(initial=0))
        self.plane = (depth + 1) * COLUMNS
        self.panel = (self.m + 1) ** 2 * self.plane
        self._points = (self.kinds[:, 0] + 1) * (self.kinds[:, 1] + 1)

    def blocks(self, images, size):
        """(part, first image, last image + 1) such that V takes about `size` bytes for each."""
        in_image = int((self._points * self.kinds[:, 2]).sum()) * self.row * self.taps.itemsize
        length = max(1, size // in_image)
        if length > ROWS:
            length -= length % ROWS  # no tile of registers is left half empty
        return [(self, start, min(images, start + length)) for start in range(0, images, length)]

    def space(self, images):
        """Memory for V."""
        rows = images * self.kinds[:, 2] * self.row + GAP
        return np.empty(int((self._points * rows).sum()), self.taps.dtype)

    def weight(self, panel):
        """Step 2: U for 32 output channels."""
        weight = np.empty(self.panel, self.taps.dtype)
        space = np.empty((4 + 2 * POINTS) * COLUMNS, self.taps.dtype)
        # Whole vectors of output channels can be loaded if they lie side by side.
        direct = all(stride % weight.itemsize == 0 for stride in self.taps.strides)
        direct = direct and self.taps.strides[-1] == weight.itemsize
        _transform_weight(
            self.taps, direct, panel * COLUMNS, self.m, weight, self.plane, space
        )
        return weight


def conv2d(x, weight, bias, *, stride, padding, output_size):
    k, c, _, _ = weight.shape
    y = np.empty((x.shape[0], *output_size, k), x.dtype)
    taps = weight.transpose(2, 3, 1, 0).reshape(2, 2, 2, 2, c, k)  # tap 2 a + quarter, and so on
    taps = taps.transpose(1, 3, 0, 2, 4, 5)
    part = _Part(taps, (-padding[0], -padding[1]), (0, 0), output_size)
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
            size = tuple(len(range(first[i], output_size[i], 2)) for i in range(2))
            reaching = taps[h::2, w::2][::-1, ::-1][None, None]
            parts.append(_Part(reaching, offset, first, size))
    _convolve(y, bias, x, [part for part in parts if part.m], step=1, output_step=2)
    return x


def work_space(dtype):
    """Zeros for pixels outside of the image, and memory for what tiles are on their way to V."""
    return np.zeros((1 + 2 * POINTS * POINTS) * CHANNELS, dtype)


def ranges(count, length):
    """(start, stop) of equal parts of `count`, of `length` or a little less."""
    pieces = -(-count // max(1, length))
    return [(count * i // pieces, count * (i + 1) // pieces) for i in range(pieces)]


def _convolve(x, bias, y, parts, step, output_step):
    x = np.ascontiguousarray(x)
    bias = np.zeros(y.shape[3], x.dtype) if bias is None else np.ascontiguousarray(bias)
    panels = -(-y.shape[3] // COLUMNS)

    def transform(block, v, start, stop):
        part, first, last = block
        _transform_images(
            x, step, *part.offset, part.taps.shape[0], part.kinds, part.origins, part.row, v,
            first, last - first, start, stop, work_space(x.dtype),
        )  # fmt: skip

    def multiply(block, v, panel, weight, start, stop):
        part, first, last = block
        _multiply_images(
            v, part.row, part.kinds, part.origins, weight, part.m, panel * COLUMNS, bias, y,
            *part.first, output_step, first, last - first, start, stop,
        )  # fmt: skip

    blocks = [block for part in parts for block in part.blocks(x.shape[0], PRIVATE_BYTES)]
    small = panels * sum(part.panel for part in parts) * x.itemsize <= WEIGHT_BYTES
    if small and len(blocks) >= TASKS:
        _by_images(parts, blocks, panels, transform, multiply)
    else:
        for part in parts:
            for block in part.blocks(x.shape[0], SHARED_BYTES):
                _by_channels(block, panels, transform, multiply)


def _by_images(parts, blocks, panels, transform, multiply):
    """First all of U, then steps 1, 3 and 4 for some images in each task."""
    weights = {}

    def prepare(index):
        part, panel = parts[index // panels], index % panels
        weights[part, panel] = part.weight(panel)

    def task(index):
        part, first, last = block = blocks[index]
        v = part.space(last - first)
        transform(block, v, 0, last - first)
        for panel in range(panels):
            multiply(block, v, panel, weights[part, panel], 0, last - first)

    run_tasks(prepare, len(parts) * panels)
    run_tasks(task, len(blocks))


def _by_channels(block, panels, transform, multiply):
    """First all of V, then steps 2, 3 and 4 for 32 output channels in each task."""
    part, first, last = block
    v = part.space(last - first)
    pieces = ranges(last - first, -(-(last - first) // TASKS))
    groups = ranges(last - first, TASK_TILES // len(part.origins))

    def task(index):
        panel, group = divmod(index, len(groups))
        multiply(block, v, panel, part.weight(panel), *groups[group])

    run_tasks(lambda index: transform(block, v, *pieces[index]), len(pieces))
    run_tasks(task, panels * len(groups))


@jit
def kind_of(kinds, kind):
    return kinds[kind, 0], kinds[kind, 1], kinds[kind, 2], kinds[kind, 3]


# These functions work on plain pointers: each use of an array would count references, which takes
# longer than to transform a row. Their callers hold the arrays meanwhile.


@jit
def transform_tile(
    x, rows, columns, depth, n, h, w, step, first_channel, channels, height, width, window, between,
    zeros, v, plane,
):  # fmt: skip
    """v[i * plane :][:channels] = the value at point i of the tile of image n that begins at (h, w)

    for some channels of x (n, rows, columns, depth). The other pointers are to work space.
    """
    inside = (
        h >= 0 and h + step * height < rows and w >= 0 and w + step * width < columns
    )  # fmt: skip
    start = ((n * rows + h) * columns + w) * depth + first_channel
    count = min(CHANNELS, channels)
    for chunk in range(0, channels, CHANNELS):
        begin = min(chunk, channels - count)  # the last chunk may overlap the one before it
        if inside:
            source = at(x, start + begin)
            down, right = step * columns * depth, step * depth
        else:
            source = window
            down, right = (width + 1) * CHANNELS, CHANNELS
            for i in range(height + 1):
                for j in range(width + 1):
                    row, column = h + i * step, w + j * step
                    if 0 <= row < rows and 0 <= column < columns:
                        pixel = at(x, start + begin + step * (i * columns + j) * depth)
                    else:
                        pixel = zeros
                    copy_row(1, pixel, 0, at(window, i * down + j * right), 0, count)
        for j in range(width + 1):
            transform_input(
                height, at(source, j * right), down,
                at(between, j * CHANNELS), (width + 1) * CHANNELS, count,
            )  # fmt: skip
        for i in range(height + 1):
            transform_input(
                width, at(between, i * (width + 1) * CHANNELS), CHANNELS,
                at(v, i * (width + 1) * plane + begin), plane, count,
            )  # fmt: skip


@jit
def _transform_images(
    x, step, offset_h, offset_w, quarters, kinds, origins, row, v, first_image, images, start, stop,
    space,
):  # fmt: skip
    """Step 1 for images start ... stop of a block of `images` from `first_image` on."""
    _, rows, columns, channels = x.shape
    source, target = pointer_to(x, 0), pointer_to(v, 0)
    zeros = pointer_to(space, 0)
    window = at(zeros, CHANNELS)
    between = at(window, POINTS * POINTS * CHANNELS)
    for image in range(start, stop):
        place = 0
        for kind in range(kinds.shape[0]):
            height, width, count, first = kind_of(kinds, kind)
            plane = images * count * row + GAP
            for tile in range(count):
                h = step * origins[first + tile, 0] + offset_h
                w = step * origins[first + tile, 1] + offset_w
                begin = place + (image * count + tile) * row
                for quarter in range(quarters * quarters):
                    transform_tile(
                        source, rows, columns, channels, first_image + image,
                        h + quarter // quarters, w + quarter % quarters, step, 0, channels,
                        height, width, window, between, zeros,
                        at(target, begin + quarter * channels), plane,
                    )  # fmt: skip
            place += (height + 1) * (width + 1) * plane


@jit
def _transform_weight(taps, direct, first_column, m, panels, plane, space):
    """panels[point * plane :] = 32 columns of the weight at this point."""
    quarters_h, quarters_w, _, _, c, k = taps.shape
    width = min(COLUMNS, k - first_column)
    size = taps.itemsize
    down, right, below = taps.strides[2] // size, taps.strides[3] // size, 2 * COLUMNS
    weight, target = pointer_to(taps, 0), pointer_to(panels, 0)
    gathered, between = pointer_to(space, 0), pointer_to(space, 4 * COLUMNS)
    space[: 4 * COLUMNS] = 0
    direct = direct and width == COLUMNS
    row = 0
    for quarter_h in range(quarters_h):
        for quarter_w in range(quarters_w):
            for channel in range(c):
                if direct:
                    start = (
                        quarter_h * taps.strides[0] + quarter_w * taps.strides[1]
                        + channel * taps.strides[4]
                    ) // size + first_column  # fmt: skip
                    source = at(weight, start)
                else:
                    for a in range(2):
                        for b in range(2):
                            for column in range(width):
                                space[(2 * a + b) * COLUMNS + column] = taps[
                                    quarter_h, quarter_w, a, b, channel, first_column + column
                                ]
                    source, down, right = gathered, below, COLUMNS
                for b in range(2):
                    transform_taps(
                        m, at(source, b * right), down, at(between, b * COLUMNS), below, COLUMNS
                    )
                for i in range(m + 1):
                    transform_taps(
                        m, at(between, i * below), COLUMNS,
                        at(target, i * (m + 1) * plane + row * COLUMNS), plane, COLUMNS,
                    )  # fmt: skip
                row += 1


@jit
def _multiply_images(
    v, row, kinds, origins, panels, m, first_column, bias, y, first_h, first_w, output_step,
    first_image, images, start, stop,
):  # fmt: skip
    """Steps 3 and 4 for 32 channels of images start ... stop."""
    space = np.empty(2 * POINTS * POINTS * COLUMNS, v.dtype)
    products = np.empty(POINTS * POINTS * PRODUCT_PLANE + ROWS * COLUMNS, v.dtype)
    offset = np.zeros(COLUMNS, v.dtype)
    for column in range(min(COLUMNS, bias.size - first_column)):
        offset[column] = bias[first_column + column]
    place = 0
    for kind in range(kinds.shape[0]):
        height, width, count, first = kind_of(kinds, kind)
        plane = images * count * row + GAP
        for begin in range(start * count, stop * count, TILES):
            length = min(TILES, stop * count - begin)
            _multiply_tiles(
                v, place + begin * row, plane, row, length, height, width, panels, m, products
            )  # fmt: skip
            # The value at the point (1, 1) is part of every output: the bias is added there.
            for tile in range(length):
                value = (width + 2) * PRODUCT_PLANE + tile * COLUMNS
                for column in range(COLUMNS):
                    products[value + column] += offset[column]
            _store_tiles(
                products, begin, length, height, width, count, origins, first, space, y,
                first_image, first_h, first_w, output_step, first_column,
            )  # fmt: skip
        place += (height + 1) * (width + 1) * plane


@jit
def _multiply_tiles(v, start, plane, row, length, height, width, panels, m, products):
    """Step 3: products[point] = v[point] @ panels[point] for `length` tiles of one kind."""
    depth = row - GAP
    rows, weights, target = pointer_to(v, start), pointer_to(panels, 0), pointer_to(products, 0)
    more = POINTS * POINTS * PRODUCT_PLANE
    for i in range(height + 1):
        for j in range(width + 1):
            point = i * (width + 1) + j
            panel = at(weights, (i * (m + 1) + j) * (depth + 1) * COLUMNS)
            for tile in range(0, length, ROWS):
                left = at(rows, point * plane + tile * row)
                height_here = min(ROWS, length - tile)
                result = point * PRODUCT_PLANE + tile * COLUMNS
                product = at(target, result)
                tile_from_rows(left, panel, product, min(DEPTH, depth), row, height_here)
                for begin in range(DEPTH, depth, DEPTH):
                    tile_from_rows(
                        at(left, begin), at(panel, begin * COLUMNS), at(target, more),
                        min(DEPTH, depth - begin), row, height_here,
                    )  # fmt: skip
                    add_rows(2, product, more - result, product, 0, ROWS * COLUMNS)


@jit
def _store_tiles(
    products, begin, length, height, width, count, origins, first, space, y, first_image,
    first_h, first_w, step, first_column,
):  # fmt: skip
    """Step 4: the part of each tile that lies in y, and in its channels."""
    _, rows, columns, k = y.shape
    source, target = pointer_to(products, 0), pointer_to(y, 0)
    between, outputs = pointer_to(space, 0), pointer_to(space, POINTS * POINTS * COLUMNS)
    channels = min(COLUMNS, k - first_column)
    for tile in range(length):
        image, number = divmod(begin + tile, count)
        for j in range(width + 1):
            transform_output(
                height, at(source, j * PRODUCT_PLANE + tile * COLUMNS),
                (width + 1) * PRODUCT_PLANE, at(between, j * COLUMNS),
                (width + 1) * COLUMNS, COLUMNS,
            )  # fmt: skip
        h = first_h + step * origins[first + number, 0]
        w = first_w + step * origins[first + number, 1]
        valid = min(width, (columns - w + step - 1) // step)
        whole = valid == width and channels == COLUMNS
        for i in range(min(height, (rows - h + step - 1) // step)):
            row = (((first_image + image) * rows + h + i * step) * columns + w) * k + first_column
            pixels, stride = (at(target, row), step * k) if whole else (outputs, COLUMNS)
            transform_output(
                width, at(between, i * (width + 1) * COLUMNS), COLUMNS, pixels, stride, COLUMNS
            )
            if not whole:
                for j in range(valid):
                    copy_row(
                        1, at(outputs, j * COLUMNS), 0, at(target, row + j * step * k), 0, channels
                    )
