"""Addresses inside compiled kernels.

In an inner loop a plain pointer is cheaper than an array: each use of an array counts references,
which takes as long as a small tile. But pointers do not count: an array must
stay alive as long as its address is used: the caller keeps it, or `hold` does.
"""

from numba import types
from numba.extending import intrinsic


@intrinsic
def pointer_to(typing_context, array, offset):
    """The address of element `offset`, counted from the start of the array's memory."""
    signature = types.CPointer(array.dtype)(array, offset)

    def generate(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.gep(data, [args[1]])

    return signature, generate


@intrinsic
def at(typing_context, pointer, offset):
    """The address `offset` elements after a pointer."""

    def generate(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), generate


@intrinsic
def at_address(typing_context, address, number):
    """A pointer to values of the type of `number`."""

    def generate(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(number)(address, number), generate


@intrinsic
def hold(typing_context, arrays):
    """Does nothing, after the last use of pointers into an array (or a tuple of arrays) that was
    allocated here.

    Numba frees an array after its last mention; pointers to its elements do not count.
    """
    return types.void(arrays), lambda context, *_: context.get_dummy_value()
