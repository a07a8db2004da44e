"""Winograd's transforms of a tile, in vector registers: rows and columns in one go.

A tile of 5 x 5 points is 25 vectors, each of as many channels as a vector register has lanes. It is
loaded, multiplied by a matrix from the left and from the right, and stored. The matrices are
constants of the machine code: zeros cost nothing, ones no multiplication. So there is code for each
size of a tile, written by this module; a compiler that is given loops over small matrices would
have to unroll them, and to prove that no two of the fifty rows in memory overlap.

The pixels of a tile may lie anywhere: a table in memory holds their addresses. A pixel outside of
the image has the address of zeros, or of a place that nobody reads. The points lie in planes:
point (i, j) at plane i * pitch + j.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tinygan.kernels.conv2d.minimal_filtering import POINTS, TAPS, tables
from tinygan.kernels.jit import subroutine
from tinygan.kernels.matmul.gemm import COLUMNS, LANES, ROWS

_ADDRESS = types.CPointer(types.intp)
_INT = ir.IntType(64)


@intrinsic
def at(typing_context, pointer, offset):
    """The address `offset` elements behind a pointer."""

    def generate(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), generate


@intrinsic
def put(typing_context, table, index, pointer):
    """table[index] = pointer"""

    def generate(context, builder, signature, args):
        table, index, pointer = args
        builder.store(builder.ptrtoint(pointer, _INT), builder.gep(table, [index]))
        return context.get_dummy_value()

    return types.void(_ADDRESS, types.intp, pointer), generate


@intrinsic
def get(typing_context, table, index, like):
    """table[index], a pointer like `like`."""

    def generate(context, builder, signature, args):
        table, index, like = args
        return builder.inttoptr(builder.load(builder.gep(table, [index])), like.type)

    return like(_ADDRESS, types.intp, like), generate


@intrinsic
def copy(typing_context, source, target, count):
    """target[:count] = source[:count]"""

    def generate(context, builder, signature, args):
        source, target, count = args
        size = context.get_abi_sizeof(source.type.pointee)
        cgutils.raw_memcpy(builder, target, source, count, size)
        return context.get_dummy_value()

    return types.void(source, source, types.intp), generate


@intrinsic
def clear(typing_context, target, count):
    """target[:count] = 0"""

    def generate(context, builder, signature, args):
        target, count = args
        size = builder.mul(count, _INT(context.get_abi_sizeof(target.type.pointee)))
        cgutils.memset(builder, target, size, 0)
        return context.get_dummy_value()

    return types.void(target, types.intp), generate


def _prefetch(write):
    """(table, first, last, lines): asks for so many cache lines of each pixel table[first:last].

    They will be in the second-level cache when they are used; nothing waits for them.
    """

    @intrinsic
    def prefetch(typing_context, table, first, last, lines):
        def generate(context, builder, signature, args):
            table, first, last, lines = args
            byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
            hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
            with cgutils.for_range_slice(builder, first, last, _INT(1)) as (index, _):
                pixel = builder.inttoptr(builder.load(builder.gep(table, [index])), byte)
                with cgutils.for_range(builder, lines) as loop:
                    line = builder.gep(pixel, [builder.mul(loop.index, _INT(64))])
                    builder.call(hint, [line, number(write), number(2), number(1)])
            return context.get_dummy_value()

        return types.void(_ADDRESS, *[types.intp] * 3), generate

    return prefetch


prefetch_to_read = _prefetch(0)
prefetch_to_write = _prefetch(1)


def _scalar(pointer):
    double = pointer.dtype == types.float64
    return (ir.DoubleType(), 8) if double else (ir.FloatType(), 4)


class _Vectors:
    """Loads and stores vectors, for one type of number."""

    def __init__(self, builder, pointer):
        self.builder = builder
        scalar, self.bytes = _scalar(pointer)
        self.vector = ir.VectorType(scalar, LANES)
        self.pointer = scalar.as_pointer()

    def load(self, base, offset):
        address = self.builder.gep(base, [offset])
        value = self.builder.load(self.builder.bitcast(address, self.vector.as_pointer()))
        value.align = self.bytes
        return value

    def store(self, value, base, offset):
        address = self.builder.gep(base, [offset])
        address = self.builder.bitcast(address, self.vector.as_pointer())
        self.builder.store(value, address).align = self.bytes

    def entry(self, table, index):
        return self.builder.inttoptr(
            self.builder.load(self.builder.gep(table, [_INT(index)])), self.pointer
        )

    def combine(self, row, values):
        """The sum of row[j] * values[j]."""
        builder, total = self.builder, None
        for j in np.flatnonzero(row):
            factor, value = float(row[j]), values[j]
            constant = ir.Constant(self.vector, [factor] * LANES)
            if total is None:
                total = value if factor == 1 else builder.fmul(value, constant)
            elif factor == 1:
                total = builder.fadd(total, value)
            elif factor == -1:
                total = builder.fsub(total, value)
            else:
                term = builder.fmul(value, constant, flags=("contract",))
                total = builder.fadd(total, term, flags=("contract",))
        return total

    def both(self, left, values, right):
        """left @ values @ right.T, row by row."""
        columns = list(zip(*values, strict=True))
        middle = [[self.combine(row, column) for row in left] for column in columns]
        return [self.combine(row, part) for part in zip(*middle, strict=True) for row in right]


def _each_size(builder, matrices, chosen, emit, square=False):
    """Code for each number of taps (of `matrices`) and of points in height and width."""
    taps, height, width = chosen
    key = builder.add(builder.mul(taps, _INT(100)), builder.mul(height, _INT(10)))
    key = builder.add(key, width)
    done = builder.append_basic_block("done")
    switch = builder.switch(key, done)
    for t, of_size in matrices.items():
        for h, left in of_size.items():
            for w, right in of_size.items():
                if square and h != w:
                    continue
                with builder.goto_block(builder.append_basic_block(f"taps{t}_{h}x{w}")):
                    switch.add_case(_INT(100 * t + 10 * h + w), builder.block)
                    emit(left, right)
                    builder.branch(done)
    builder.position_at_end(done)


def _to_points(matrices, square=False):
    """(taps, height, width, pixels, first, target, pitch, plane, count): transforms pixels.

    Channels first ... first + count - 1 of the pixels go to 0 ... count - 1 of the planes. The last
    vector ends at `count`, overlapping the one before it if need be: count must be at least LANES.
    """

    @intrinsic
    def transform(
        typing_context, taps, height, width, pixels, first, target, pitch, plane, count
    ):
        signature = types.void(
            *[types.intp] * 3, _ADDRESS, types.intp, target, *[types.intp] * 3
        )

        def generate(context, builder, signature, args):
            *chosen, pixels, first, target, pitch, plane, count = args
            vectors = _Vectors(builder, signature.args[5])
            last = builder.sub(count, _INT(LANES))

            def emit(left, right):
                sources = [
                    [builder.gep(vectors.entry(pixels, i * right.shape[1] + j), [first])
                     for j in range(right.shape[1])] for i in range(left.shape[1])
                ]  # fmt: skip
                planes = [
                    builder.mul(builder.add(builder.mul(pitch, _INT(i)), _INT(j)), plane)
                    for i in range(left.shape[0]) for j in range(right.shape[0])
                ]  # fmt: skip
                with cgutils.for_range_slice(builder, _INT(0), count, _INT(LANES)) as (start, _):
                    beyond = builder.icmp_signed(">", start, last)
                    start = builder.select(beyond, last, start)
                    values = [[vectors.load(pixel, start) for pixel in row] for row in sources]
                    results = vectors.both(left, values, right)
                    for value, offset in zip(results, planes, strict=True):
                        vectors.store(value, target, builder.add(offset, start))

            _each_size(builder, matrices, chosen, emit, square)
            return context.get_dummy_value()

        return signature, generate

    return transform


def _from_points(matrices):
    """(taps, height, width, source, pitch, plane, pixels, addends): transforms COLUMNS channels.

    pixel = the transformed value + addend; both are tables of addresses.
    """

    @intrinsic
    def transform(typing_context, taps, height, width, source, pitch, plane, pixels, addends):
        signature = types.void(*[types.intp] * 3, source, *[types.intp] * 2, *[_ADDRESS] * 2)

        def generate(context, builder, signature, args):
            *chosen, source, pitch, plane, pixels, addends = args
            vectors = _Vectors(builder, signature.args[3])

            def emit(left, right):
                planes = [
                    [builder.mul(builder.add(builder.mul(pitch, _INT(i)), _INT(j)), plane)
                     for j in range(right.shape[1])] for i in range(left.shape[1])
                ]  # fmt: skip
                columns, step = _INT(COLUMNS), _INT(LANES)
                with cgutils.for_range_slice(builder, _INT(0), columns, step) as (start, _):
                    values = [
                        [vectors.load(source, builder.add(offset, start)) for offset in row]
                        for row in planes
                    ]
                    results = vectors.both(left, values, right)
                    for index, value in enumerate(results):
                        addend = vectors.load(vectors.entry(addends, index), start)
                        value = builder.fadd(value, addend)
                        vectors.store(value, vectors.entry(pixels, index), start)

            _each_size(builder, matrices, chosen, emit)
            return context.get_dummy_value()

        return signature, generate

    return transform


def _tables(which, transposed, taps=TAPS):
    """{taps: {points: matrix}}"""
    matrix = lambda n, t: tables(n, t)[which].T if transposed else tables(n, t)[which]  # noqa: E731
    return {t: {n: matrix(n, t) for n in POINTS} for t in taps}


ANY_TAPS = TAPS[0]  # for transforms of inputs, which are the same for all
taps_to_points = _to_points(_tables(0, False), square=True)
inputs_to_points = _to_points(_tables(1, False, [ANY_TAPS]))
points_to_outputs = _from_points(_tables(2, False))
# The same matrices transposed: for the derivatives by the inputs and by the taps.
points_to_taps = _from_points(_tables(0, True))
points_to_inputs = _from_points(_tables(1, True, [ANY_TAPS]))
outputs_to_points = _to_points(_tables(2, True))


@intrinsic
def add_tile(typing_context, source, target):
    """target += source, ROWS * COLUMNS numbers."""

    def generate(context, builder, signature, args):
        source, target = args
        vectors = _Vectors(builder, signature.args[0])
        for start in range(0, ROWS * COLUMNS, LANES):
            value = vectors.load(source, _INT(start))
            value = builder.fadd(vectors.load(target, _INT(start)), value)
            vectors.store(value, target, _INT(start))
        return context.get_dummy_value()

    return types.void(source, source), generate


@intrinsic
def transpose(typing_context, source, source_step, target, target_step):
    """target[j * target_step + i] = source[i * source_step + j] for i, j < LANES."""
    signature = types.void(source, types.intp, source, types.intp)

    def generate(context, builder, signature, args):
        source, source_step, target, target_step = args
        vectors = _Vectors(builder, signature.args[0])
        index = ir.VectorType(ir.IntType(32), LANES)
        rows = [vectors.load(source, builder.mul(source_step, _INT(i))) for i in range(LANES)]
        half = LANES // 2
        low = ir.Constant(index, [i // 2 + i % 2 * LANES for i in range(LANES)])
        high = ir.Constant(index, [half + i // 2 + i % 2 * LANES for i in range(LANES)])
        for _ in range(LANES.bit_length() - 1):  # each round shuffles like a deck of cards
            rows = [
                builder.shuffle_vector(rows[i], rows[i + half], order)
                for i in range(half) for order in (low, high)
            ]  # fmt: skip
        for i, row in enumerate(rows):
            vectors.store(row, target, builder.mul(target_step, _INT(i)))
        return context.get_dummy_value()

    return signature, generate


@subroutine
def point_at_pixels(
    table, image, rows, columns, depth, n, h, w, step, height, width, channel, outside
):
    """table[i * width + j] = the address of pixel (h + step i, w + step j) of image n, or `outside`

    where it lies outside of the images (n, rows, columns, depth); from a channel on.
    """
    for i in range(height):
        row = h + i * step
        for j in range(width):
            column = w + j * step
            pixel = at(image, ((n * rows + row) * columns + column) * depth + channel)
            inside = 0 <= row < rows and 0 <= column < columns
            put(table, i * width + j, pixel if inside else outside)
