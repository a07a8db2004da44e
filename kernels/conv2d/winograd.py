"""Rung 3: kernels of two or three taps by Winograd's minimal filtering: fewer products.

Changed: fewer multiplications. A convolution of stride 2 is cut by the parity of the rows and
columns that its taps read: four convolutions of stride 1 with half the taps, one for each phase of
x, whose input channels lie side by side. They are computed in tiles with 5x5 products (see
`minimal_filtering.py`, which has the arithmetic).
Faster: 5 x 5 products for 4 x 4 outputs of 2 x 2 taps: 25 / 64 of the multiplications; what comes
on top, the transforms, is a few additions for each value, whatever the number of channels.
Bound: the register tile for many channels, the transforms for few.

Step by step, for y = conv2d(x, weight) with C channels of x and depth = 4 C for stride 2:

    1  V[i, t, :] = the depth values of tile t of x at point i     INPUT
    2  U[i, :, :] = the weight at point i, (depth, 32)             TAPS, 32 output channels a time
    3  M[i, t, :] = V[i, t, :] @ U[i]                              by the register tile
    4  y of tile t = M[:, t] transformed back, + bias              OUTPUT

A transposed convolution is the same backwards: each step is linear, so the transposed matrices in
the opposite order give it. y's tiles, which do not overlap, go through OUTPUT transposed, are
multiplied by U transposed, whose columns are now the channels of the phases of x, and come back
through INPUT transposed as tiles of x, which overlap: there they are added.

A small weight is transformed first, all of it; then a task takes some images through the other
steps, with its V and M in its own cache. For a large weight, of which each core would have to load
all, V is made first; then a task owns 32 output channels and makes its U itself, a piece of the
depth at a time.
"""


import numpy as np

from ..activation.cpu import leaky_relu_
from ..cpu.jit import subroutine
from ..cpu.parallel import parallel
from ..cpu.pointers import at, hold, pointer_to
from ..matmul.gemm import COLUMNS, LANES, ROWS
from ..matmul.gemm_bf16 import floats_of, round_into
from .minimal_filtering import tiles
from .tile_transforms import scheme
from .winograd_steps import (
    GAP,
    PIXELS,
    PRODUCT_PLANE,
    TILES,
    Geometry,
    is_short,
    kind_of,
    list_sources,
    multiply_tiles,
    point_at_targets,
    store_tiles,
    transform_tiles,
    transform_weight,
)

DEPTH = 256  # of sums without an intermediate result: long sums in one go lose digits
WEIGHT_BYTES = 16 << 20  # of U, to be small enough for a third-level cache
SHARED_BYTES = 16 << 20  # of V, for tasks that do one step each
TASK_TILES = 128  # for each U that a task of step 2 makes
CHUNK_TILES = 16  # for which V is made in one go, in a task that goes through all steps
TASKS = 8  # at least, to keep some threads busy

# With ``precision="bfloat16"`` V and U are rounded, in pairs of values along the depth, which must
# be even.


def conv2d(x, weight, bias, *, stride, padding, output_size, slope=1.0, precision=None):
    y = np.empty((x.shape[0], *output_size, weight.shape[0]), x.dtype)
    _convolve(0, x, weight, bias, y, output_size, stride[0], padding, precision)
    return y if slope == 1 else leaky_relu_(y, slope)


def conv_transpose2d(y, weight, bias, *, stride, padding, output_size, precision=None):
    x = np.empty((y.shape[0], *output_size, weight.shape[1]), y.dtype)
    taps = taps_of_phase(weight.shape[2:], stride[0])
    for axis in range(2):  # past the last tile no tap reaches x
        reached = max(0, stride[0] * (y.shape[1 + axis] + taps - 1) - padding[axis])
        if reached < output_size[axis]:
            x[(slice(None),) * (1 + axis) + (slice(reached, None),)] = 0 if bias is None else bias
    _convolve(1, y, weight, bias, x, y.shape[1:3], stride[0], padding, precision)
    return x


def taps_of_phase(kernel, stride):
    return -(-max(kernel) // stride)


def ranges(count, length):
    """(start, stop) of equal parts of `count`, of `length` or a little less."""
    pieces = -(-count // max(1, length))
    return [(count * i // pieces, count * (i + 1) // pieces) for i in range(pieces)]


def _pieces(channels, phases, all_full, even):
    """(first phase, phases, first channel, channels) of the pieces of the depth, DEPTH at most."""
    together = max([f for f in (1, phases) if all_full and f * channels <= DEPTH], default=1)
    unit = 2 if even else 1
    parts = [(unit * a, unit * b) for a, b in ranges(channels // unit, DEPTH // unit)]
    return np.array(
        [(phase, together, start, stop - start)
         for phase in range(0, phases, together) for start, stop in parts]
    )  # fmt: skip


def _convolve(transposed, source, weight, bias, target, size, stride, padding, precision):
    """source -> target; `size` is that of y, on whichever side it is."""
    k, c, *kernel = weight.shape
    images = source.shape[0]
    taps = taps_of_phase(kernel, stride)
    kinds, origins = tiles(tuple(size), taps, precision)
    if images * len(origins) == 0:
        return
    source = np.ascontiguousarray(source)
    item = source.itemsize
    if any(step % item for step in weight.strides):
        weight = np.ascontiguousarray(weight)
    step_k, step_c, step_r, step_s = (step // item for step in weight.strides)
    most = int(kinds[:, :2].max())
    all_full = not any(is_short.py_func(r, stride, stride - 1, taps) for r in kernel)
    low = precision is not None
    storage = np.dtype(np.uint16) if low else source.dtype  # of V and U
    pieces = _pieces(k, 1, True, low) if transposed else _pieces(c, stride**2, all_full, low)
    row = int((pieces[:, 1] * pieces[:, 3]).max()) + GAP
    g = Geometry(
        transposed, stride, scheme(taps, precision), 2 if low else 1, kernel[0], kernel[1],
        padding[0], padding[1], CHUNK_TILES * (2 if low else 1), most, c, row, step_r, step_s,
        step_c, step_k,
    )  # fmt: skip
    columns = c if transposed else k
    panels_of_phase = -(-columns // COLUMNS)
    panels = panels_of_phase * (stride**2 if transposed else 1)
    padded = np.zeros(panels_of_phase * COLUMNS, source.dtype)
    if bias is not None:
        padded[:columns] = bias
    zeros = np.zeros(max(source.shape[3], COLUMNS), source.dtype)
    weight = np.lib.stride_tricks.as_strided(weight, (1,), (item,))
    u_plane = (row - GAP) * COLUMNS + GAP
    u_piece = most * most * u_plane
    length = -(-images // TASKS)
    common = (g, source, weight, padded, zeros, target, kinds, origins, pieces, panels_of_phase)
    small = panels * len(pieces) * u_piece * storage.itemsize <= WEIGHT_BYTES
    if small and images * len(origins) >= TASKS * ROWS * len(kinds) and images >= TASKS:
        u = np.empty(panels * len(pieces) * u_piece, storage)
        _prepare(
            panels * len(pieces), g, weight, panels_of_phase, columns, pieces, u, u_plane, u_piece
        )
        _some_images(-(-images // length), *common, panels, u, u_plane, u_piece, length)
    else:
        points = kinds[:, 0] * kinds[:, 1]
        in_image = int((points * kinds[:, 2]).sum()) * row * len(pieces)
        length = max(1, min(images, SHARED_BYTES // (in_image * storage.itemsize)))
        v = np.empty(length * in_image + int(points.sum()) * GAP * len(pieces), storage)
        group = max(1, min(length, TASK_TILES // len(origins)))
        for first in range(0, images, length):
            here = min(length, images - first)
            part = -(-here // TASKS)
            _transform_images(
                -(-here // part), g, source, kinds, origins, pieces, zeros, v, first, here, part
            )
            groups = -(-here // group)
            _some_channels(
                panels * groups, *common, columns, v, u_plane, first, here, groups, group
            )


@subroutine
def _table():
    return np.empty(PIXELS, np.int64)


@subroutine
def _weight_space(like, taps):
    """Zeros for a row, and memory for a block of rows of each tap."""
    space = np.empty(COLUMNS * (1 + taps * taps * LANES), like.dtype)
    space[:] = 0
    return space


@subroutine
def _u_space(g, like, u_plane):
    """Memory for U before it is rounded, if it is."""
    return np.empty(g.most * g.most * u_plane * (g.side_by_side - 1), like.dtype)


@subroutine
def _round_weight(g, source, target, depth, u_plane):
    if g.side_by_side > 1:
        for point in range(g.most * g.most):
            round_into(at(source, point * u_plane), at(target, point * u_plane), depth, COLUMNS)


@parallel
def _prepare(task, g, weight, panels_of_phase, columns, pieces, u, u_plane, u_piece):
    """Step 2 for one piece of a panel."""
    table, space = _table(), _weight_space(weight, g.scheme.taps)
    values = _u_space(g, weight, u_plane)
    panel, piece = divmod(task, pieces.shape[0])
    target = pointer_to(u, task * u_piece)
    source = floats_of(target, pointer_to(values, 0))
    transform_weight(
        g, pointer_to(weight, 0), panel, panels_of_phase, columns, pieces, piece,
        pointer_to(table, 0), pointer_to(space, 0), source, u_plane,
    )  # fmt: skip
    _round_weight(g, source, target, pieces[piece, 1] * pieces[piece, 3], u_plane)
    hold((table, space, values))


@subroutine
def _short_phase(g, pieces, piece, panel, panels_of_phase):
    """The phase for `multiply_tiles`: -1 if there are several, of which none is short."""
    if g.transposed:
        return panel // panels_of_phase
    return pieces[piece, 0] if pieces[piece, 1] == 1 else -1


@parallel
def _some_images(
    task, g, source, weight, bias, zeros, target, kinds, origins, pieces, panels_of_phase, panels,
    u, u_plane, u_piece, images,
):  # fmt: skip
    """Steps 1, 3 and 4 for some images."""
    chunks = _chunks(g, kinds, task * images, min(source.shape[0], (task + 1) * images))
    table, targets = _table(), np.zeros(g.chunk * PIXELS, np.int64)
    parts = pieces.shape[0]
    plane = g.chunk * g.row + GAP
    v = np.empty(parts * PIXELS * plane, u.dtype)
    m = np.empty(PIXELS * PRODUCT_PLANE + ROWS * COLUMNS, source.dtype)
    space = np.empty((1 + PIXELS) * COLUMNS, source.dtype)
    sources = np.empty(g.chunk * PIXELS * g.stride * g.stride, np.int64)
    lines = -(-source.shape[3] * source.itemsize // 64)
    rows, products = pointer_to(v, 0), pointer_to(m, 0)
    for chunk in range(chunks.shape[0]):
        kind, begin, length = chunks[chunk, 0], chunks[chunk, 1], chunks[chunk, 2]
        points_h, points_w = kinds[kind, 0], kinds[kind, 1]
        transform_tiles(
            g, source, kinds, origins, kind, begin, length, pieces, pointer_to(table, 0),
            pointer_to(zeros, 0), rows, plane,
        )  # fmt: skip
        wanted = 0
        if chunk + 1 < chunks.shape[0]:
            wanted = list_sources(
                g, source, kinds, origins, chunks[chunk + 1, 0], chunks[chunk + 1, 1],
                chunks[chunk + 1, 2], pointer_to(sources, 0),
            )  # fmt: skip
        for panel in range(panels):
            pixels = point_at_targets(
                g, target, kinds, origins, kind, begin, length, panel, panels_of_phase,
                pointer_to(targets, 0), pointer_to(space, 0),
            )  # fmt: skip
            for piece in range(parts):
                index = panel * parts + piece
                multiply_tiles(
                    g, points_h, points_w, at(rows, piece * points_h * points_w * plane), plane,
                    pieces[piece, 1] * pieces[piece, 3],
                    _short_phase(g, pieces, piece, panel, panels_of_phase), length,
                    pointer_to(u, index * u_piece), u_plane, piece > 0, products,
                    pointer_to(sources, 0), wanted * index // (panels * parts),
                    wanted * (index + 1) // (panels * parts), lines, pointer_to(targets, 0),
                    0 if piece > 0 else length * pixels,
                )  # fmt: skip
            store_tiles(
                g, target, kinds, origins, kind, begin, length, panel, panels_of_phase, bias,
                pointer_to(targets, 0), pixels, pointer_to(table, 0), pointer_to(space, 0),
                products,
            )  # fmt: skip
    hold((table, targets, v, m, space, sources))


@subroutine
def _chunks(g, kinds, first_image, last_image):
    """(kind, first tile, tiles) of equal parts of the tiles of some images."""
    count = 0
    for kind in range(kinds.shape[0]):
        count += -(-(last_image - first_image) * kinds[kind, 2] // g.chunk)
    chunks = np.empty((count, 3), np.int64)
    count = 0
    for kind in range(kinds.shape[0]):
        first = first_image * kinds[kind, 2]
        length = last_image * kinds[kind, 2] - first
        parts = -(-length // g.chunk)
        for part in range(parts):
            begin = length * part // parts
            chunks[count, 0], chunks[count, 1] = kind, first + begin
            chunks[count, 2] = length * (part + 1) // parts - begin
            count += 1
    return chunks


@subroutine
def _plane_of(g, count, images):
    """The size of V of one point, for tiles of a kind in some images."""
    return images * count * g.row + GAP


@parallel
def _transform_images(
    task, g, source, kinds, origins, pieces, zeros, v, first_image, images, part
):
    """Step 1 for `part` of the images."""
    start = task * part
    stop = min(images, start + part)
    table = _table()
    place = 0
    for kind in range(kinds.shape[0]):
        points_h, points_w, count, _ = kind_of(kinds, kind)
        plane = _plane_of(g, count, images)
        transform_tiles(
            g, source, kinds, origins, kind, (first_image + start) * count, (stop - start) * count,
            pieces, pointer_to(table, 0), pointer_to(zeros, 0),
            pointer_to(v, place + start * count * g.row), plane,
        )  # fmt: skip
        place += pieces.shape[0] * points_h * points_w * plane
    hold(table)


@parallel
def _some_channels(
    task, g, source, weight, bias, zeros, target, kinds, origins, pieces, panels_of_phase, columns,
    v, u_plane, first_image, images, groups, group,
):  # fmt: skip
    """Steps 2, 3 and 4 for a panel of output channels of some images."""
    panel, start = divmod(task, groups)
    start *= group
    stop = min(images, start + group)
    table, weight_space = _table(), _weight_space(weight, g.scheme.taps)
    targets = np.zeros(TILES * PIXELS, np.int64)
    space = np.empty((1 + PIXELS) * COLUMNS, source.dtype)
    u, values = np.empty(g.most * g.most * u_plane, v.dtype), _u_space(g, weight, u_plane)
    m = np.empty(PIXELS * PRODUCT_PLANE + ROWS * COLUMNS, source.dtype)
    panel_u, products = pointer_to(u, 0), pointer_to(m, 0)
    panel_values = floats_of(panel_u, pointer_to(values, 0))
    place = 0
    for kind in range(kinds.shape[0]):
        points_h, points_w, count, _ = kind_of(kinds, kind)
        plane = _plane_of(g, count, images)
        for begin in range(start * count, stop * count, TILES):
            length = min(TILES, stop * count - begin)
            pixels = point_at_targets(
                g, target, kinds, origins, kind, first_image * count + begin, length, panel,
                panels_of_phase, pointer_to(targets, 0), pointer_to(space, 0),
            )  # fmt: skip
            for piece in range(pieces.shape[0]):
                transform_weight(
                    g, pointer_to(weight, 0), panel, panels_of_phase, columns, pieces, piece,
                    pointer_to(table, 0), pointer_to(weight_space, 0), panel_values, u_plane,
                )  # fmt: skip
                depth = pieces[piece, 1] * pieces[piece, 3]
                _round_weight(g, panel_values, panel_u, depth, u_plane)
                rows = pointer_to(v, place + piece * points_h * points_w * plane + begin * g.row)
                multiply_tiles(
                    g, points_h, points_w, rows, plane, depth,
                    _short_phase(g, pieces, piece, panel, panels_of_phase), length, panel_u,
                    u_plane, piece > 0, products, pointer_to(targets, 0), 0, 0, 0,
                    pointer_to(targets, 0), 0 if piece > 0 else length * pixels,
                )  # fmt: skip
            store_tiles(
                g, target, kinds, origins, kind, first_image * count + begin, length, panel,
                panels_of_phase, bias, pointer_to(targets, 0), pixels, pointer_to(table, 0),
                pointer_to(space, 0), products,
            )  # fmt: skip
        place += pieces.shape[0] * points_h * points_w * plane
    hold((table, weight_space, targets, space, u, values, m))
