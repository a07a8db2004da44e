"""Winograd's transforms of a tile, in vector registers: rows and columns in one go.

A tile of 5 x 5 points is 25 vectors, each of as many channels as a vector register has lanes. It is
loaded, multiplied by a matrix from the left and from the right, and stored. The matrices are
constants of the machine code: zeros cost nothing, ones no multiplication. So there is code for each
size of a tile, written by this module; a compiler that is given loops over small matrices would
have to unroll them, and to prove that no two of the fifty rows in memory overlap.

The pixels of a tile may lie anywhere: a table in memory holds their addresses. A pixel outside of
the image has the address of zeros, or of a place that is not read. The points lie in planes:
point (i, j) at plane i * pitch + j.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..cpu.jit import subroutine
from ..cpu.pointers import at
from ..matmul.gemm import COLUMNS, LANES, ROWS
from ..matmul.gemm_bf16 import store_bf16
from .minimal_filtering import POINTS, tables

_ADDRESS = types.CPointer(types.intp)
_FLOAT32 = types.CPointer(types.float32)
_INT = ir.IntType(64)
MOST_PIXELS = max(max(numbers) for numbers in POINTS.values()) ** 2


# Which matrices there are: a number with a type of its own for each number of taps and precision,
# so that code for these alone is compiled.


class Taps2(NamedTuple):
    taps: int


class Taps3(NamedTuple):
    taps: int


class Taps2BFloat16(NamedTuple):
    taps: int


class Taps3BFloat16(NamedTuple):
    taps: int


SCHEMES = {
    (2, None): Taps2,
    (3, None): Taps3,
    (2, "bfloat16"): Taps2BFloat16,
    (3, "bfloat16"): Taps3BFloat16,
}
_KEYS = {scheme: key for key, scheme in SCHEMES.items()}


def scheme(taps: int, precision: str | None):
    return SCHEMES[taps, precision](taps)


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
    """(table, first, last, lines): prefetches `lines` cache lines of each pixel table[first:last].

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


def _each_size(builder, matrices, height, width, emit, square=False):
    """Code for each number of points in height and width."""
    key = builder.add(builder.mul(height, _INT(10)), width)
    done = builder.append_basic_block("done")
    switch = builder.switch(key, done)
    for h, left in matrices.items():
        for w, right in matrices.items():
            if square and h != w:
                continue
            with builder.goto_block(builder.append_basic_block(f"tile_{h}x{w}")):
                switch.add_case(_INT(10 * h + w), builder.block)
                emit(left, right)
                builder.branch(done)
    builder.position_at_end(done)


def _to_points(which, transposed, square=False, pairs=False):
    """(scheme, height, width, pixels, first, target, pitch, plane, count): transforms pixels.

    Channels first ... first + count - 1 of the pixels go to 0 ... count - 1 of the planes. The last
    vector ends at `count`, overlapping the one before it if need be: count must be at least LANES.
    A target of bfloat16 gets the rounded values; with `pairs`, those of two tiles interleaved. The
    second tile's pixels follow those of the first in the table, MOST_PIXELS further.
    """

    @intrinsic
    def transform(
        typing_context, scheme, height, width, pixels, first, target, pitch, plane, count
    ):
        signature = types.void(
            scheme, *[types.intp] * 2, _ADDRESS, types.intp, target, *[types.intp] * 3
        )

        def generate(context, builder, signature, args):
            _, height, width, pixels, first, target, pitch, plane, count = args
            low = signature.args[5].dtype == types.uint16
            vectors = _Vectors(builder, _FLOAT32 if low else signature.args[5])
            last = builder.sub(count, _INT(LANES))
            tiles = range(2 if low and pairs else 1)

            def emit(left, right):
                sources = [[
                    [builder.gep(
                        vectors.entry(pixels, tile * MOST_PIXELS + i * right.shape[1] + j), [first]
                     ) for j in range(right.shape[1])] for i in range(left.shape[1])
                ] for tile in tiles]  # fmt: skip
                planes = [
                    builder.mul(builder.add(builder.mul(pitch, _INT(i)), _INT(j)), plane)
                    for i in range(left.shape[0]) for j in range(right.shape[0])
                ]  # fmt: skip
                with cgutils.for_range_slice(builder, _INT(0), count, _INT(LANES)) as (start, _):
                    beyond = builder.icmp_signed(">", start, last)
                    start = builder.select(beyond, last, start)
                    results = []
                    for tile in tiles:
                        values = [
                            [vectors.load(pixel, start) for pixel in row] for row in sources[tile]
                        ]
                        results.append(vectors.both(left, values, right))
                    if len(tiles) == 2:
                        start = builder.add(start, start)
                    for offset, *value in zip(planes, *results, strict=True):
                        offset = builder.add(offset, start)
                        if low:
                            store_bf16(builder, value, target, offset)
                        else:
                            vectors.store(value[0], target, offset)

            _each_size(builder, _tables(signature.args[0], which, transposed), height, width, emit,
                       square)  # fmt: skip
            return context.get_dummy_value()

        return signature, generate

    return transform


def _from_points(which, transposed):
    """(scheme, height, width, source, pitch, plane, pixels, addends): transforms COLUMNS channels.

    pixel = the transformed value + addend; both are tables of addresses.
    """

    @intrinsic
    def transform(typing_context, scheme, height, width, source, pitch, plane, pixels, addends):
        number = types.intp
        signature = types.void(scheme, number, number, source, number, number, _ADDRESS, _ADDRESS)

        def generate(context, builder, signature, args):
            _, height, width, source, pitch, plane, pixels, addends = args
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

            matrices = _tables(signature.args[0], which, transposed)
            _each_size(builder, matrices, height, width, emit)
            return context.get_dummy_value()

        return signature, generate

    return transform


def _tables(scheme, which, transposed):
    """{points: matrix} for the type of a scheme."""
    taps, precision = _KEYS[scheme.instance_class]
    found = {points: tables(points, taps, precision)[which] for points in POINTS[precision]}
    return {points: table.T if transposed else table for points, table in found.items()}


AT_TAPS, INPUT, OUTPUT = range(3)  # the tables of `minimal_filtering`
taps_to_points = _to_points(AT_TAPS, False, square=True)
inputs_to_points = _to_points(INPUT, False)
inputs_to_points_in_pairs = _to_points(INPUT, False, pairs=True)
points_to_outputs = _from_points(OUTPUT, False)
# The same matrices transposed: for the derivatives by the inputs and by the taps.
points_to_taps = _from_points(AT_TAPS, True)
points_to_inputs = _from_points(INPUT, True)
outputs_to_points = _to_points(OUTPUT, True)
outputs_to_points_in_pairs = _to_points(OUTPUT, True, pairs=True)


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
