"""A square block of values, turned in vector registers."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

SIDE = 16  # rows and columns of a block


def block_transposer(side: int):
    """The intrinsic for blocks of `side` x `side` values, a power of two."""

    @intrinsic
    def transpose_block(typing_context, source, source_stride, target, target_stride):
        """target[j * target_stride + i] = source[i * source_stride + j] for 0 <= i, j < side.

        The rows are loaded whole. Then, for d = 1, 2, 4, 8, each pair of rows i and i + d
        exchanges the values in whose place the bit d is wrong: those of row i where the column
        has it, and those of row i + d where it has not. After log2(side) rounds rows are columns.
        """

        def generate(context, builder, signature, args):
            source, source_stride, target, target_stride = args
            is_double = signature.args[0].dtype == types.float64
            scalar = ir.DoubleType() if is_double else ir.FloatType()
            vector, index = ir.VectorType(scalar, side), ir.IntType(32)

            def row(base, stride, i):
                pointer = builder.gep(base, [builder.mul(stride, stride.type(i))])
                return builder.bitcast(pointer, vector.as_pointer())

            rows = []
            for i in range(side):
                rows.append(builder.load(row(source, source_stride, i)))
                rows[-1].align = 8 if is_double else 4
            distance = 1
            while distance < side:
                lanes = range(side)
                low = [side + k - distance if k & distance else k for k in lanes]
                high = [side + k if k & distance else k + distance for k in lanes]
                low, high = (ir.Constant(ir.VectorType(index, side), mask) for mask in (low, high))
                for i in range(side):
                    if not i & distance:
                        a, b = rows[i], rows[i + distance]
                        rows[i] = builder.shuffle_vector(a, b, low)
                        rows[i + distance] = builder.shuffle_vector(a, b, high)
                distance *= 2
            for i in range(side):
                builder.store(rows[i], row(target, target_stride, i)).align = 8 if is_double else 4
            return context.get_dummy_value()

        return types.void(source, types.intp, target, types.intp), generate

    return transpose_block


transpose_block = block_transposer(SIDE)
