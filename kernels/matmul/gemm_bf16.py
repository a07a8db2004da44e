"""The register tile for bfloat16: half the memory and, where the CPU has it, twice the speed.

A bfloat16 is the upper half of a float32: its sign, its 8 bits of exponent, and 7 bits of fraction
instead of 23. Rounding to it has a relative error of up to 1/256; products of two are exact in
float32, in which they are summed here. NumPy has no such type: arrays are uint16 and hold the bits.

The instruction for it, vdpbf16ps, multiplies pairs along the inner dimension,

    tile[i, j] += a[i, 2 l] * b[2 l, j] + a[i, 2 l + 1] * b[2 l + 1, j]

64 operations where float32 has 32. So operands lie in memory in pairs, an axis of length 2 at the
end, and what counts steps of k in `gemm.py` counts pairs here:

    rows     (m, pairs, 2)                         a itself, if k is even
    columns  (pairs, m, 2)                         two rows of a (k, m), interleaved
    panels   (ceil(n / COLUMNS), pairs, COLUMNS, 2)

An odd k is filled up with a zero. On other CPUs the same functions work on the same arrays, about
as fast as in float32: each pair is taken apart and multiplied with two ordinary instructions.

Numbers below 2^-126 (denormals) are zero: the conversions write them as zeros everywhere, and
vdpbf16ps takes them for zeros and rounds results that small to zero; the plain tile does not.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..cpu.jit import cpu_features, jit, subroutine
from ..cpu.pointers import at, pointer_to
from .gemm import COLUMNS, LANES, ROWS, floats, tile_intrinsic

SUPPORTED = "avx512bf16" in cpu_features()

_BITS = ir.IntType(32)  # of a float32, or of a pair
_HALF = ir.IntType(16)
_FLOAT = ir.FloatType()


def _vector(scalar, lanes=LANES):
    return ir.VectorType(scalar, lanes)


def _call(builder, name, result, *args):
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def _pairs(dtype):
    """How to multiply pairs of bfloat16: (type of a pair, dtype of sums, multiply_add)."""
    sums_type = _vector(_FLOAT)

    def dot_product(builder, a, b, sums):
        return _call(builder, "llvm.x86.avx512bf16.dpbf16ps.512", sums_type, sums, a, b)

    def plain(builder, a, b, sums):
        def first(pair):
            shifted = builder.shl(pair, ir.Constant(pair.type, [16] * LANES))
            return builder.bitcast(shifted, sums_type)

        def second(pair):
            masked = builder.and_(pair, ir.Constant(pair.type, [0xFFFF0000] * LANES))
            return builder.bitcast(masked, sums_type)

        for part in (first, second):
            sums = _call(builder, f"llvm.fmuladd.v{LANES}f32", sums_type, part(a), part(b), sums)
        return sums

    return _BITS, types.float32, dot_product if SUPPORTED else plain


# As those of gemm.py, on uint16, with the tile in float32; k and stride count pairs.
bf16_tile_from_rows = tile_intrinsic(True, _pairs)
bf16_tile_from_columns = tile_intrinsic(False, _pairs)


def _by_type(dtype):
    return (_pairs if dtype == types.uint16 else floats)(dtype)


# For code that is compiled for both: what a is decides.
any_tile_from_rows = tile_intrinsic(True, _by_type)
any_tile_from_columns = tile_intrinsic(False, _by_type)


def _rounded(builder, value):
    """The bits of the bfloat16 nearest to a float32 or to each of a vector of them, as uint16.

    In the middle between two, the even one. NaN stays NaN, made quiet by its highest bit: rounding
    might carry it to infinity. The result is the same, bit by bit, as that of vcvtneps2bf16.
    """
    lanes = value.type.count if isinstance(value.type, ir.VectorType) else 0
    bits_type = _vector(_BITS, lanes) if lanes else _BITS
    half_type = _vector(_HALF, lanes) if lanes else _HALF

    def number(n):
        return ir.Constant(bits_type, [n] * lanes if lanes else n)

    bits = builder.bitcast(value, bits_type)
    upper = builder.lshr(bits, number(16))
    magnitude = builder.and_(bits, number(0x7FFFFFFF))
    up_if_odd = builder.add(number(0x7FFF), builder.and_(upper, number(1)))
    nearest = builder.lshr(builder.add(bits, up_if_odd), number(16))
    is_nan = builder.icmp_unsigned(">", magnitude, number(0x7F800000))
    nearest = builder.select(is_nan, builder.or_(upper, number(0x40)), nearest)
    is_tiny = builder.icmp_unsigned("<", magnitude, number(0x00800000))
    nearest = builder.select(is_tiny, builder.and_(upper, number(0x8000)), nearest)
    return builder.trunc(nearest, half_type)


def _rounded_side_by_side(builder, first, second):
    """Two vectors of float32 as one of bfloat16 twice as long."""
    if SUPPORTED:
        name = "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
        return _call(builder, name, _vector(_HALF, 2 * LANES), second, first)
    order = ir.Constant(_vector(_BITS, 2 * LANES), list(range(2 * LANES)))
    return builder.shuffle_vector(_rounded(builder, first), _rounded(builder, second), order)


def store_bf16(builder, vectors, pointer, offset):
    """Stores one vector of float32, rounded, or two of them, their values interleaved."""
    rounded = _rounded_side_by_side(builder, vectors[0], vectors[-1])
    order = list(range(LANES))
    if len(vectors) == 2:
        order = [lane + LANES * which for lane in range(LANES) for which in range(2)]
    order = ir.Constant(_vector(_BITS, len(order)), order)
    undefined = ir.Constant(rounded.type, ir.Undefined)
    _store(builder, builder.shuffle_vector(rounded, undefined, order), pointer, offset)


_Floats, _Halves = types.CPointer(types.float32), types.CPointer(types.uint16)


def _load(builder, pointer, offset, kind):
    address = builder.bitcast(builder.gep(pointer, [offset]), kind.as_pointer())
    value = builder.load(address)
    value.align = 4
    return value


def _store(builder, value, pointer, offset):
    address = builder.bitcast(builder.gep(pointer, [offset]), value.type.as_pointer())
    builder.store(value, address).align = 2


def _in_steps(builder, count, step, whole, single):
    """whole(i) for each multiple i of `step` that fits into count, single(i) for what remains."""
    zero, one, step = (count.type(number) for number in (0, 1, step))
    end = builder.sub(count, builder.srem(count, step))
    with cgutils.for_range_slice(builder, zero, end, step) as (i, _):
        whole(i)
    with cgutils.for_range_slice(builder, end, count, one) as (i, _):
        single(i)


@intrinsic
def bf16_row(typing_context, row, target, count):
    """target[i] = row[i], rounded, for 0 <= i < count."""

    def generate(context, builder, signature, args):
        row, target, count = args

        def whole(i):
            after = builder.add(i, i.type(LANES))
            vectors = [_load(builder, row, place, _vector(_FLOAT)) for place in (i, after)]
            _store(builder, _rounded_side_by_side(builder, *vectors), target, i)

        def single(i):
            _store(builder, _rounded(builder, _load(builder, row, i, _FLOAT)), target, i)

        _in_steps(builder, count, 2 * LANES, whole, single)
        return context.get_dummy_value()

    return types.void(_Floats, _Halves, types.intp), generate


def _generate_interleaved(context, builder, signature, args):
    first, second, target, count = args

    def whole(i):
        vectors = [_load(builder, row, i, _vector(_FLOAT)) for row in (first, second)]
        store_bf16(builder, vectors, target, builder.add(i, i))

    def single(i):
        for which, row in enumerate((first, second)):
            value = _rounded(builder, _load(builder, row, i, _FLOAT))
            _store(builder, value, target, builder.add(builder.add(i, i), i.type(which)))

    _in_steps(builder, count, LANES, whole, single)
    return context.get_dummy_value()


@intrinsic
def interleaved(typing_context, first, second, target, count):
    """`bf16_interleaved`, or nothing if the target is not of bfloat16."""
    if target != _Halves:
        nothing = types.void(first, second, target, types.intp)
        return nothing, lambda context, *_: context.get_dummy_value()
    return types.void(_Floats, _Floats, _Halves, types.intp), _generate_interleaved


@intrinsic
def bf16_interleaved(typing_context, first, second, target, count):
    """target[2 i], target[2 i + 1] = first[i], second[i], rounded, for 0 <= i < count."""
    return types.void(_Floats, _Floats, _Halves, types.intp), _generate_interleaved


@intrinsic
def floats_of(typing_context, target, space):
    """Where to compute what `target` is to hold: there, or in `space` if it is of bfloat16."""
    signature = space(target, space)
    return signature, lambda context, builder, signature, args: args[target != space]


@subroutine
def round_into(source, target, rows, columns):
    """A matrix of float32, its rows rounded and interleaved in pairs; nothing if it is `target`."""
    for row in range(0, rows, 2):
        place = row * columns
        interleaved(at(source, place), at(source, place + columns), at(target, place), columns)


@jit
def pack_rows_bf16(a, rows):
    """Rounds the float32 matrix a (m, k), of any strides, into rows (m, >= ceil(k / 2), 2)."""
    m, k = a.shape
    gathered = np.empty(k, np.float32)
    direct = a.strides[1] == a.itemsize and a.strides[0] % a.itemsize == 0
    for i in range(m):
        row = pointer_to(gathered, 0)
        if direct:
            row = pointer_to(a, i * (a.strides[0] // a.itemsize))
        else:
            for l in range(k):  # noqa: E741
                gathered[l] = a[i, l]
        bf16_row(row, pointer_to(rows, i * rows.shape[1] * 2), k)
        if k % 2:
            rows[i, k // 2, 1] = 0


@jit
def pack_columns_bf16(a, columns, first_pair):
    """Rounds the float32 matrix a (k, m), of any strides, into columns (pairs, >= m, 2).

    Rows 2 l and 2 l + 1 go to ``columns[first_pair + l]``; zeros past m, and past an odd k.
    """
    k, m = a.shape
    width = columns.shape[1]
    gathered = np.zeros((2, m), np.float32)
    direct = a.strides[1] == a.itemsize and a.strides[0] % a.itemsize == 0
    stride = a.strides[0] // a.itemsize
    for l in range(0, k, 2):  # noqa: E741
        first, second = pointer_to(gathered, 0), pointer_to(gathered, m)
        if l + 1 == k:
            gathered[1] = 0
        if direct:
            first = pointer_to(a, l * stride)
            if l + 1 < k:
                second = pointer_to(a, (l + 1) * stride)
        else:
            for i in range(m):
                gathered[0, i] = a[l, i]
                if l + 1 < k:
                    gathered[1, i] = a[l + 1, i]
        pair = first_pair + l // 2
        bf16_interleaved(first, second, pointer_to(columns, pair * width * 2), m)
        columns[pair, m:] = 0


def empty_panels_bf16(blocks: int, k: int, n: int) -> np.ndarray:
    """Room for `blocks` matrices (k, n) in panels."""
    return np.empty((blocks, -(-n // COLUMNS), -(-k // 2), COLUMNS, 2), np.uint16)


@jit
def pack_panels_bf16(b, panels, first_pair):
    """Rounds the float32 matrix b (k, n), of any strides, into ``panels[:, first_pair:]``.

    It takes ceil(k / 2) pairs; zeros past n, and past an odd k.
    """
    for j in range(panels.shape[0]):
        pack_columns_bf16(b[:, j * COLUMNS : (j + 1) * COLUMNS], panels[j], first_pair)


@jit
def rows_times_panels_bf16(a, pairs, panels, bias, c):
    """c = a[:, :pairs] @ panels + bias; a (m, >= pairs, 2) C-contiguous, bias (n,) or empty.

    bias and c (m, n) are float32.
    """
    m, n = c.shape
    tile = np.empty(ROWS * COLUMNS, np.float32)
    stride = a.shape[1]
    has_bias = bias.size > 0
    for j in range(panels.shape[0]):
        width = min(COLUMNS, n - j * COLUMNS)
        panel = pointer_to(panels, j * panels.shape[1] * COLUMNS * 2)
        for i in range(0, m, ROWS):
            height = min(ROWS, m - i)
            bf16_tile_from_rows(
                pointer_to(a, i * stride * 2), panel, pointer_to(tile, 0), pairs, stride, height
            )
            for row in range(height):
                for column in range(width):
                    value = tile[row * COLUMNS + column]
                    if has_bias:
                        value += bias[j * COLUMNS + column]
                    c[i + row, j * COLUMNS + column] = value


@jit
def add_columns_times_panels_bf16(a, m, panels, c):
    """c += a[:, :m].T @ panels; a (pairs, >= m, 2) C-contiguous, c (m, n) float32."""
    n = c.shape[1]
    pairs = a.shape[0]
    tile = np.empty(ROWS * COLUMNS, np.float32)
    for j in range(panels.shape[0]):
        width = min(COLUMNS, n - j * COLUMNS)
        panel = pointer_to(panels, j * panels.shape[1] * COLUMNS * 2)
        for i in range(0, m, ROWS):
            height = min(ROWS, m - i)
            bf16_tile_from_columns(
                pointer_to(a, i * 2), panel, pointer_to(tile, 0), pairs, a.shape[1], height
            )
            for row in range(height):
                for column in range(width):
                    c[i + row, j * COLUMNS + column] += tile[row * COLUMNS + column]
