"""The product of a tile in registers: the inner loop of matmul and of every convolution.

A core reaches its peak only when each value it loads is used many times. The micro-kernel keeps a
tile of ROWS x COLUMNS results in vector registers. Each step of the inner dimension loads one row
of COLUMNS values of b and ROWS single values of a, and multiplies each with each:

    tile[i, :] += a[i, l] * b[l, :]         for l = 0 ... k - 1

that is ROWS * COLUMNS multiply-adds for ROWS + COLUMNS loads, and nothing is stored before the end.
b is read by rows of COLUMNS values: from panels of COLUMNS columns that it was packed into, or
where it lies, if it is read only a few times. a is read by rows (`tile_from_rows`) or by columns
(`tile_from_columns`).

Compilers do not find this loop by themselves, so it is written as LLVM code, through Numba's
`intrinsic`. LLVM maps the vectors to whatever the CPU has; only the tile's shape depends on it.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..cpu.jit import cpu_features, subroutine
from ..cpu.pointers import at
from ..swap_inner.transpose import block_transposer


def _tile_shape() -> tuple[int, int, int]:
    """(rows, vectors per row, lanes per vector) that fill the vector registers of this CPU."""
    features = cpu_features()
    if "avx512f" in features:
        return 8, 2, 16  # 16 of 32 registers hold the tile
    if {"avx2", "fma"} <= features:
        return 6, 2, 8  # 12 of 16
    return 8, 2, 4  # Arm NEON: 16 of 32; also right, if slow, elsewhere


ROWS, VECTORS, LANES = _tile_shape()
COLUMNS = VECTORS * LANES

_INT = ir.IntType(64)
_INDEX = ir.IntType(32)
_FIRST_LANE = ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES)


def scalar_of(pointer) -> tuple[ir.Type, int]:
    """The LLVM type that a pointer of Numba's points to, and its size in bytes."""
    is_double = pointer.dtype == types.float64
    return (ir.DoubleType(), 8) if is_double else (ir.FloatType(), 4)


def load_vector(builder, kind, address, alignment):
    vector = builder.load(builder.bitcast(address, kind.as_pointer()))
    vector.align = alignment
    return vector


def store_vector(builder, vector, address, alignment):
    builder.store(vector, builder.bitcast(address, vector.type.as_pointer())).align = alignment


def floats(dtype):
    """How to multiply float32 or float64: (type of a value, dtype of sums, multiply_add)."""
    is_double = dtype == types.float64
    scalar = ir.DoubleType() if is_double else ir.FloatType()
    vector = ir.VectorType(scalar, LANES)

    def multiply_add(builder, a, b, sums):
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(vector, [vector] * 3),
            f"llvm.fmuladd.v{LANES}f{64 if is_double else 32}",
        )
        return builder.call(function, [a, b, sums])

    return scalar, dtype, multiply_add


def _products(builder, arithmetic, a_by_rows, a, b, k, a_stride, b_stride, rows, vectors):
    """Emits the loop over the inner dimension: sums[i][j] of row rows[i] of a and vector j of b."""
    value, sum_type, multiply_add, value_bytes = arithmetic
    kind, kind_of_sums = ir.VectorType(value, LANES), ir.VectorType(sum_type, LANES)
    if a_by_rows:
        starts = [builder.gep(a, [builder.mul(row, a_stride)]) for row in rows]
    before = builder.block
    loop = builder.function.append_basic_block("inner_dimension")
    done = builder.function.append_basic_block("done")
    builder.branch(loop)

    builder.position_at_end(loop)
    step = builder.phi(_INT)
    sums = [[builder.phi(kind_of_sums) for _ in range(vectors)] for _ in rows]
    b_row = builder.gep(b, [builder.mul(step, b_stride)])
    values = [
        load_vector(builder, kind, builder.gep(b_row, [_INT(j * LANES)]), value_bytes)
        for j in range(vectors)
    ]
    if not a_by_rows:
        column = builder.gep(a, [builder.mul(step, a_stride)])
    undefined = ir.Constant(kind, ir.Undefined)
    new_sums = []
    for i, row in enumerate(rows):
        address = builder.gep(starts[i], [step]) if a_by_rows else builder.gep(column, [row])
        single = builder.load(address)
        single.align = value_bytes
        lane = builder.insert_element(undefined, single, _INDEX(0))
        everywhere = builder.shuffle_vector(lane, undefined, _FIRST_LANE)
        new_sums.append(
            [multiply_add(builder, everywhere, values[j], sums[i][j]) for j in range(vectors)]
        )
    following = builder.add(step, _INT(1))
    step.add_incoming(_INT(0), before)
    step.add_incoming(following, loop)
    for old, new in zip(sums, new_sums, strict=True):
        for j in range(vectors):
            old[j].add_incoming(ir.Constant(kind_of_sums, [0.0] * LANES), before)
            old[j].add_incoming(new[j], loop)
    builder.cbranch(builder.icmp_signed("<", following, k), loop, done)
    builder.position_at_end(done)
    return new_sums


def _existing_rows(builder, valid_rows):
    """The tile's rows; one beyond the last is replaced by the last: no access leaves the array."""
    last = builder.sub(valid_rows, _INT(1))
    return [
        builder.select(builder.icmp_signed("<", _INT(i), last), _INT(i), last) for i in range(ROWS)
    ]


def tile_intrinsic(a_by_rows: bool, arithmetic):
    """tile = a[:ROWS, :k] @ panel, as an intrinsic (a, panel, tile, k, stride, valid_rows).

    `stride` is the distance between rows of a (a_by_rows) or between its columns. Of a, only the
    first `valid_rows` rows exist; the tile's other rows are not meaningful. k must be positive.
    `arithmetic` says what the values are, given the dtype of a (see `floats`).
    """

    @intrinsic
    def product(typing_context, a, panel, tile, k, stride, valid_rows):
        value, sum_dtype, multiply_add = arithmetic(a.dtype)
        value_bytes, sum_bytes = a.dtype.bitwidth // 8, sum_dtype.bitwidth // 8
        signature = types.void(a, a, types.CPointer(sum_dtype), *(types.intp,) * 3)

        def generate(context, builder, signature, args):
            a, panel, tile, k, stride, valid_rows = args
            a, panel = (builder.bitcast(array, value.as_pointer()) for array in (a, panel))
            kinds = value, context.get_value_type(sum_dtype), multiply_add, value_bytes
            sums = _products(
                builder, kinds, a_by_rows, a, panel, k, stride, _INT(COLUMNS),
                _existing_rows(builder, valid_rows), VECTORS,
            )  # fmt: skip
            for i in range(ROWS):
                for j in range(VECTORS):
                    address = builder.gep(tile, [_INT(i * COLUMNS + j * LANES)])
                    store_vector(builder, sums[i][j], address, sum_bytes)
            return context.get_dummy_value()

        return signature, generate

    return product


def _finished_tile_intrinsic(a_by_rows: bool, vectors: int):
    """c[:valid_rows] = activation(a[:, :k] @ b + start), `vectors` vectors wide, all strided.

    activation(v) = v where v > 0, slope * v elsewhere. start may be c itself, which is added to
    then, or a single row (start_stride 0): the bias.
    """

    @intrinsic
    def product(
        typing_context, a, a_stride, b, b_stride, k, start, start_stride, c, c_stride, valid_rows,
        slope,
    ):  # fmt: skip
        number = types.intp
        signature = types.void(a, number, a, number, number, a, number, a, number, number, a.dtype)

        def generate(context, builder, signature, args):
            a, a_stride, b, b_stride, k, start, start_stride, c, c_stride, valid_rows, slope = args
            scalar, size = scalar_of(signature.args[0])
            kind = ir.VectorType(scalar, LANES)
            rows = _existing_rows(builder, valid_rows)
            kinds = scalar, scalar, floats(signature.args[0].dtype)[2], size
            sums = _products(builder, kinds, a_by_rows, a, b, k, a_stride, b_stride, rows, vectors)

            def address(base, stride, row, j):
                return builder.gep(base, [builder.add(builder.mul(row, stride), _INT(j * LANES))])

            # All is loaded before anything is stored: the last row may be there several times.
            for row, of_row in zip(rows, sums, strict=True):
                for j in range(vectors):
                    first = load_vector(
                        builder, kind, address(start, start_stride, row, j), size
                    )
                    of_row[j] = builder.fadd(of_row[j], first)
            one = ir.Constant(scalar, 1.0)
            zeros = ir.Constant(kind, [0.0] * LANES)
            with builder.if_else(builder.fcmp_unordered("==", slope, one)) as (linear, bent):
                with linear:
                    for row, of_row in zip(rows, sums, strict=True):
                        for j in range(vectors):
                            store_vector(builder, of_row[j], address(c, c_stride, row, j), size)
                with bent:
                    slopes = builder.insert_element(
                        ir.Constant(kind, ir.Undefined), slope, _INDEX(0)
                    )
                    slopes = builder.shuffle_vector(slopes, slopes, _FIRST_LANE)
                    for row, of_row in zip(rows, sums, strict=True):
                        for j in range(vectors):
                            value = of_row[j]
                            positive = builder.fcmp_ordered(">", value, zeros)
                            value = builder.select(positive, value, builder.fmul(value, slopes))
                            store_vector(builder, value, address(c, c_stride, row, j), size)
            return context.get_dummy_value()

        return signature, generate

    return product


tile_from_rows = tile_intrinsic(True, floats)
tile_from_columns = tile_intrinsic(False, floats)
_wide_from_rows = _finished_tile_intrinsic(True, VECTORS)
_wide_from_columns = _finished_tile_intrinsic(False, VECTORS)
_slim_from_rows = _finished_tile_intrinsic(True, 1)
_slim_from_columns = _finished_tile_intrinsic(False, 1)


@subroutine
def multiply_tile(
    a, by_columns, a_stride, b, b_stride, k, start, start_stride, c, c_stride, height, width, slope,
    scratch,
):  # fmt: skip
    """c = activation(a @ b + start) for a tile of any height <= ROWS and width <= COLUMNS.

    a (height, k), or (k, height) if by_columns; b (k, COLUMNS) must be readable beyond `width`,
    up to a whole number of vectors. See `_finished_tile_intrinsic` for the rest. scratch has room
    for a whole tile.
    """
    whole = width in (LANES, COLUMNS)
    target, target_stride, first, first_stride = c, c_stride, start, start_stride
    if not whole:
        for row in range(height):
            for column in range(width):
                scratch[row * COLUMNS + column] = start[row * start_stride + column]
        target, target_stride, first, first_stride = scratch, COLUMNS, scratch, COLUMNS
    if width > LANES:
        if by_columns:
            _wide_from_columns(
                a, a_stride, b, b_stride, k, first, first_stride, target, target_stride, height,
                slope,
            )  # fmt: skip
        else:
            _wide_from_rows(
                a, a_stride, b, b_stride, k, first, first_stride, target, target_stride, height,
                slope,
            )  # fmt: skip
    elif by_columns:
        _slim_from_columns(
            a, a_stride, b, b_stride, k, first, first_stride, target, target_stride, height, slope
        )
    else:
        _slim_from_rows(
            a, a_stride, b, b_stride, k, first, first_stride, target, target_stride, height, slope
        )
    if not whole:
        for row in range(height):
            for column in range(width):
                c[row * c_stride + column] = scratch[row * COLUMNS + column]


@intrinsic
def copy_vector(typing_context, source, target):
    """target[:LANES] = source[:LANES]"""

    def generate(context, builder, signature, args):
        scalar, size = scalar_of(signature.args[0])
        vector = load_vector(builder, ir.VectorType(scalar, LANES), args[0], size)
        store_vector(builder, vector, args[1], size)
        return context.get_dummy_value()

    return types.void(source, source), generate


transpose_block = block_transposer(LANES)


def empty_panels(k: int, n: int, dtype) -> np.ndarray:
    """Room for a matrix (k, n) in panels: (ceil(n / COLUMNS), k, COLUMNS)."""
    return np.empty((-(-n // COLUMNS), k, COLUMNS), dtype)


@subroutine
def pack_panel(b, row_stride, column_stride, k, width, panel):
    """panel (k, COLUMNS) = the matrix b (k, width) of any strides, zeros after it."""
    done = 0
    if column_stride == 1 and width == COLUMNS:
        for l in range(k):  # noqa: E741
            for i in range(0, COLUMNS, LANES):
                copy_vector(at(b, l * row_stride + i), at(panel, l * COLUMNS + i))
        done = k
    elif row_stride == 1 and width == COLUMNS:
        done = k - k % LANES
        for l in range(0, done, LANES):  # noqa: E741
            for i in range(0, COLUMNS, LANES):
                transpose_block(
                    at(b, l + i * column_stride), column_stride, at(panel, l * COLUMNS + i), COLUMNS
                )
    for l in range(done, k):  # noqa: E741
        for i in range(width):
            panel[l * COLUMNS + i] = b[l * row_stride + i * column_stride]
        for i in range(width, COLUMNS):
            panel[l * COLUMNS + i] = 0


@subroutine
def copy_rows(source, source_stride, target, target_stride, rows, columns):
    """target[i, :columns] = source[i, :columns] for all rows."""
    for i in range(rows):
        first, second = i * source_stride, i * target_stride
        whole = columns - columns % LANES
        for j in range(0, whole, LANES):
            copy_vector(at(source, first + j), at(target, second + j))
        for j in range(whole, columns):
            target[second + j] = source[first + j]
