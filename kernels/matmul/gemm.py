"""The product of a tile in registers: the inner loop of matmul and of every convolution.

A core reaches its peak only when each value it loads is used many times. The micro-kernel keeps a
tile of ROWS x COLUMNS results in vector registers. Each step of the inner dimension loads one row
of COLUMNS values of b and ROWS single values of a, and multiplies each with each:

    tile[i, :] += a[i, l] * b[l, :]         for l = 0 ... k - 1

that is ROWS * COLUMNS multiply-adds for ROWS + COLUMNS loads, and nothing is stored before the end.
b is packed beforehand in panels of COLUMNS columns, so that its loads are consecutive; a is read
where it lies, by rows (`tile_from_rows`) or by columns (`tile_from_columns`).

Compilers do not find this loop by themselves, so it is written as LLVM code, through Numba's
`intrinsic`. LLVM maps the vectors to whatever the CPU has; only the tile's shape depends on it.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tinygan.kernels.jit import cpu_features, jit
from tinygan.kernels.pointers import pointer_to


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


def _floats(dtype):
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


def tile_intrinsic(a_by_rows: bool, arithmetic):
    """tile = a[:ROWS, :k] @ panel, as an intrinsic (a, panel, tile, k, stride, valid_rows).

    `stride` is the distance between rows of a (a_by_rows) or between its columns. Of a, only the
    first `valid_rows` rows exist; the tile's other rows are not meaningful. k must be positive.
    `arithmetic` says what the values are, given the dtype of a (see `_floats`).
    """

    @intrinsic
    def product(typing_context, a, panel, tile, k, stride, valid_rows):
        value, sum_dtype, multiply_add = arithmetic(a.dtype)
        value_bytes, sum_bytes = a.dtype.bitwidth // 8, sum_dtype.bitwidth // 8
        signature = types.void(a, a, types.CPointer(sum_dtype), *(types.intp,) * 3)

        def generate(context, builder, signature, args):
            a, panel, tile, k, stride, valid_rows = args
            a, panel = (builder.bitcast(array, value.as_pointer()) for array in (a, panel))
            vector = ir.VectorType(value, LANES)
            vector_of_sums = ir.VectorType(context.get_value_type(sum_dtype), LANES)
            # A row beyond the last is replaced by the last: no load leaves the array.
            last = builder.sub(valid_rows, _INT(1))
            rows = []
            for i in range(ROWS):
                inside = builder.icmp_signed("<", _INT(i), last)
                rows.append(builder.select(inside, _INT(i), last))
            if a_by_rows:
                starts = [builder.gep(a, [builder.mul(row, stride)]) for row in rows]

            before = builder.block
            loop = builder.function.append_basic_block("inner_dimension")
            done = builder.function.append_basic_block("done")
            builder.branch(loop)

            builder.position_at_end(loop)
            step = builder.phi(_INT)
            sums = [[builder.phi(vector_of_sums) for _ in range(VECTORS)] for _ in range(ROWS)]
            panel_row = builder.mul(step, _INT(COLUMNS))
            b = []
            for j in range(VECTORS):
                address = builder.gep(panel, [builder.add(panel_row, _INT(j * LANES))])
                b.append(builder.load(builder.bitcast(address, vector.as_pointer())))
                b[-1].align = value_bytes
            if not a_by_rows:
                column = builder.gep(a, [builder.mul(step, stride)])
            undefined = ir.Constant(vector, ir.Undefined)
            first_lane = ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES)
            new_sums = []
            for i in range(ROWS):
                address = builder.gep(starts[i], [step]) if a_by_rows else builder.gep(
                    column, [rows[i]]
                )
                single = builder.load(address)
                single.align = value_bytes
                lane = builder.insert_element(undefined, single, _INDEX(0))
                everywhere = builder.shuffle_vector(lane, undefined, first_lane)
                new_sums.append(
                    [multiply_add(builder, everywhere, b[j], sums[i][j]) for j in range(VECTORS)]
                )  # fmt: skip
            following = builder.add(step, _INT(1))
            step.add_incoming(_INT(0), before)
            step.add_incoming(following, loop)
            for i in range(ROWS):
                for j in range(VECTORS):
                    sums[i][j].add_incoming(ir.Constant(vector_of_sums, [0.0] * LANES), before)
                    sums[i][j].add_incoming(new_sums[i][j], loop)
            builder.cbranch(builder.icmp_signed("<", following, k), loop, done)

            builder.position_at_end(done)
            for i in range(ROWS):
                for j in range(VECTORS):
                    address = builder.gep(tile, [_INT(i * COLUMNS + j * LANES)])
                    address = builder.bitcast(address, vector_of_sums.as_pointer())
                    builder.store(new_sums[i][j], address).align = sum_bytes
            return context.get_dummy_value()

        return signature, generate

    return product


tile_from_rows = tile_intrinsic(True, _floats)
tile_from_columns = tile_intrinsic(False, _floats)


def empty_panels(blocks: int, k: int, n: int, dtype) -> np.ndarray:
    """Room for `blocks` matrices (k, n) in panels: (blocks, ceil(n / COLUMNS), k, COLUMNS)."""
    return np.empty((blocks, -(-n // COLUMNS), k, COLUMNS), dtype)


@jit
def pack_panels(b, panels, first_row):
    """Packs the matrix b (k, n) into ``panels[:, first_row:first_row + k]``, zeros behind n."""
    k, n = b.shape
    for j in range(panels.shape[0]):
        width = min(COLUMNS, n - j * COLUMNS)
        for l in range(k):  # noqa: E741
            for i in range(width):
                panels[j, first_row + l, i] = b[l, j * COLUMNS + i]
            for i in range(width, COLUMNS):
                panels[j, first_row + l, i] = 0


@jit
def rows_times_panels(a, k, panels, bias, c):
    """c = a[:, :k] @ panels + bias, a (m, >= k) C-contiguous, c (m, n), bias (n,) or empty."""
    m, n = c.shape
    tile = np.empty(ROWS * COLUMNS, a.dtype)
    stride = a.shape[1]
    has_bias = bias.size > 0
    for j in range(panels.shape[0]):
        width = min(COLUMNS, n - j * COLUMNS)
        panel = pointer_to(panels, j * panels.shape[1] * COLUMNS)
        for i in range(0, m, ROWS):
            height = min(ROWS, m - i)
            tile_from_rows(
                pointer_to(a, i * stride), panel, pointer_to(tile, 0), k, stride, height
            )
            for row in range(height):
                for column in range(width):
                    value = tile[row * COLUMNS + column]
                    if has_bias:
                        value += bias[j * COLUMNS + column]
                    c[i + row, j * COLUMNS + column] = value


@jit
def add_columns_times_panels(a, m, panels, c):
    """c += a[:, :m].T @ panels, a (k, >= m) C-contiguous, c (m, n)."""
    n = c.shape[1]
    k = a.shape[0]
    tile = np.empty(ROWS * COLUMNS, a.dtype)
    for j in range(panels.shape[0]):
        width = min(COLUMNS, n - j * COLUMNS)
        panel = pointer_to(panels, j * panels.shape[1] * COLUMNS)
        for i in range(0, m, ROWS):
            height = min(ROWS, m - i)
            tile_from_columns(
                pointer_to(a, i), panel, pointer_to(tile, 0), k, a.shape[1], height
            )
            for row in range(height):
                for column in range(width):
                    c[i + row, j * COLUMNS + column] += tile[row * COLUMNS + column]
