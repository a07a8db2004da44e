"""Winograd's minimal filtering F(m, 2): the numbers, the code made of them, the choice of m.

Two taps g over m + 1 inputs d give m outputs, y[j] = g[0] d[j] + g[1] d[j + 1]. Written like this
they cost 2 m multiplications. Turned around, the same numbers are the product of two polynomials,
and a polynomial is known by its values at enough points, where the product is one multiplication
each. So m + 1 points do: transform g and d, multiply point by point, transform back,

    y = OUTPUT @ ((TAPS @ g) * (INPUT @ d))        with the points 0, 1, infinity, -1/2, -2, as
                                                   many of them as are needed

For m = 2, the points 0, 1 and infinity:

    TAPS = [1  0]    INPUT = [1 -1  0]    OUTPUT = [1  1  0]
           [1  1]            [0  1  0]             [0  1  1]
           [0  1]            [0 -1  1]

    y[0] = g[0] (d[0] - d[1]) + (g[0] + g[1]) d[1]            3 multiplications in all instead of
    y[1] = (g[0] + g[1]) d[1] + g[1] (d[2] - d[1])            4, for some additions

The additions are shared: that of d by all output channels, that of g by all tiles, that of y by all
input channels. In two dimensions rows and columns are transformed one after the other, and the
ratio is squared: 9/16 of the multiplications for m = 2, 16/36 for 3, 25/64 for 4. It could go on,
but powers of more and larger points magnify rounding. Which points, matters: those for m = 4 were
found by trying small fractions; with -1 and 2 instead of -1/2 and -2 its error is 2.4 times larger.

Points are in an order in which those of a smaller m come first: tiles of all sizes share one set
of transformed taps. (A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural Networks, 2016.)
"""

import functools

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tinygan.kernels.matmul.gemm import LANES

SIZES = (2, 3, 4)
FINITE_POINTS = (0, 1, -1 / 2, -2)
INFINITY_AT = 2  # its place in the order of the points


def tables(m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """TAPS (m + 1, 2), INPUT (m + 1, m + 1) and OUTPUT (m, m + 1).

    Lagrange: the row of INPUT for a point holds the coefficients of the polynomial that is 1
    there and 0 at the other finite points; the one for infinity is 0 at all of them.
    """
    points = FINITE_POINTS[:m]
    taps: list[list[float]] = []
    inputs: list[list[float]] = []
    outputs: list[list[float]] = []
    for point in points:
        others = [other for other in points if other != point]
        scale = np.prod([point - other for other in others])
        taps.append([1, point])
        inputs.append([*(np.poly(others)[::-1] / scale), 0])
        outputs.append([point**power for power in range(m)])
    taps.insert(INFINITY_AT, [0, 1])
    inputs.insert(INFINITY_AT, [*np.poly(points)[::-1]])
    outputs.insert(INFINITY_AT, [0.0] * (m - 1) + [1.0])
    return np.array(taps, float), np.array(inputs, float), np.array(outputs, float).T


@functools.cache
def _sizes(outputs: int) -> tuple[int, ...]:
    if outputs <= 0:
        return ()
    if outputs > 24:
        fours = (outputs - 20) // 4
        return (4,) * fours + _sizes(outputs - 4 * fours)
    choices = [tuple(sorted((m, *_sizes(outputs - m)))) for m in SIZES]
    return min(choices, key=lambda sizes: (sum(sizes) + len(sizes), len(set(sizes)), sizes))


def segments(outputs: int) -> list[tuple[int, int]]:
    """(first output, m) of the pieces of a row, with the fewest multiplications: 7 = 3 + 4."""
    first, pieces = 0, []
    for m in _sizes(outputs):
        pieces.append((first, m))
        first += m
    return pieces


def tiles(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The tiles of an output plane, by kind: pieces of its rows times pieces of its columns.

    Returns:
        kinds: (kinds, 4), each (height, width, tiles of this kind in an image, first of them).
            The first kind is the largest: it has all the points that any kind has.
        origins: (tiles, 2), the first row and column of each tile.
    """
    rows, columns = segments(size[0]), segments(size[1])
    kinds: list[tuple[int, int, int, int]] = []
    origins: list[tuple[int, int]] = []
    for height in sorted({m for _, m in rows}, reverse=True):
        for width in sorted({m for _, m in columns}, reverse=True):
            these = [(h, w) for h, m in rows if m == height for w, k in columns if k == width]
            kinds.append((height, width, len(these), len(origins)))
            origins += these
    return np.array(kinds, np.int64).reshape(-1, 4), np.array(origins, np.int64).reshape(-1, 2)


@intrinsic
def at(typing_context, pointer, offset):
    """The address `offset` elements behind a pointer."""

    def generate(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), generate


def _combinations(matrices: dict[int, np.ndarray], any_count: bool = False):
    """An intrinsic (m, source, source_stride, target, target_stride, count):

        target[i * target_stride + l] = sum over j of matrix[i, j] * source[j * source_stride + l]

    with the matrix of this m, for 0 <= l < count. The last vector ends at `count`, overlapping the
    one before it if need be: count must be at least LANES, unless the tail is done one by one for
    `any_count`. The matrices are constants of the machine code: zeros cost nothing, ones no
    multiplication, and all of a column stays in registers. (A compiler that is given loops would
    have to prove that no two of the ten rows overlap, and gives up.)
    """

    @intrinsic
    def combine(typing_context, m, source, source_stride, target, target_stride, count):
        signature = types.void(types.intp, source, types.intp, target, types.intp, types.intp)
        scalar = ir.DoubleType() if source.dtype == types.float64 else ir.FloatType()
        scalar_bytes = 8 if source.dtype == types.float64 else 4

        def emit(builder, matrix, kind, lanes, first, source, source_stride, target, target_stride):
            def address(base, stride, row):
                offset = builder.add(builder.mul(stride, first.type(row)), first)
                return builder.bitcast(builder.gep(base, [offset]), kind.as_pointer())

            def constant(value):
                return ir.Constant(kind, [value] * lanes if lanes > 1 else value)

            values = {}
            for j in np.flatnonzero(matrix.any(axis=0)):
                values[j] = builder.load(address(source, source_stride, j))
                values[j].align = scalar_bytes
            for i, row in enumerate(matrix):
                total = None
                for j in np.flatnonzero(row):
                    factor, value = float(row[j]), values[j]
                    if total is None:
                        total = value if factor == 1 else builder.fmul(value, constant(factor))
                    elif factor == 1:
                        total = builder.fadd(total, value)
                    elif factor == -1:
                        total = builder.fsub(total, value)
                    else:
                        term = builder.fmul(value, constant(factor), flags=("contract",))
                        total = builder.fadd(total, term, flags=("contract",))
                builder.store(total, address(target, target_stride, i)).align = scalar_bytes

        def generate(context, builder, signature, args):
            m, *places, count = args
            step, zero, one = (count.type(number) for number in (LANES, 0, 1))
            whole = builder.sub(count, builder.srem(count, step)) if any_count else count
            last = builder.sub(count, step)
            for size, matrix in matrices.items():
                with builder.if_then(builder.icmp_signed("==", m, m.type(size))):
                    with cgutils.for_range_slice(builder, zero, whole, step) as (first, _):
                        vector = ir.VectorType(scalar, LANES)
                        if not any_count:
                            beyond = builder.icmp_signed(">", first, last)
                            first = builder.select(beyond, last, first)
                        emit(builder, matrix, vector, LANES, first, *places)
                    if any_count:
                        with cgutils.for_range_slice(builder, whole, count, one) as (first, _):
                            emit(builder, matrix, scalar, 1, first, *places)
            return context.get_dummy_value()

        return signature, generate

    return combine


_TABLES = {m: tables(m) for m in SIZES}
transform_taps = _combinations({m: taps for m, (taps, _, _) in _TABLES.items()})
transform_input = _combinations({m: inputs for m, (_, inputs, _) in _TABLES.items()})
copy_row = _combinations({1: np.eye(1)}, True)
add_rows = _combinations({2: np.ones((1, 2))})
transform_output = _combinations({m: outputs for m, (_, _, outputs) in _TABLES.items()})
# The same matrices transposed, for the gradient by the taps: it knows the outputs' gradient.
transposed_output = _combinations({m: outputs.T for m, (_, _, outputs) in _TABLES.items()})
transposed_taps = _combinations({m: taps.T for m, (taps, _, _) in _TABLES.items()})
