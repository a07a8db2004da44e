"""PyTorch's other methods of tensors: what is only a name for something stands here.

Functions of `tinygan/functions/` become methods as they are; those of one element get a form in
place, too. The rest are names of one line.
"""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygan import functions, ops
from tinygan.devices import device_of
from tinygan.inplace import augmented, in_place
from tinygan.ops import activation
from tinygan.tensor import Tensor, bool_, int64

int32 = np.dtype(np.int32)

# Dtypes and devices


def _cast(name: str, dtype: np.dtype):
    def cast(x: Tensor) -> Tensor:
        return x.to(dtype)

    cast.__name__ = cast.__qualname__ = name
    cast.__doc__ = f"x as {dtype}."
    return cast


long, int, bool = _cast("long", int64), _cast("int", int32), _cast("bool", bool_)
byte, char = _cast("byte", np.dtype(np.uint8)), _cast("char", np.dtype(np.int8))
short = _cast("short", np.dtype(np.int16))
int.__name__, bool.__name__ = "int", "bool"


def half(x: Tensor) -> Tensor:
    """Refused: there are no tensors of float16."""
    raise TypeError(
        "half: tensors are float32 or float64; lower precisions are chosen for products, with "
        "tinygan.autocast"
    )


def cuda(x: Tensor, device: builtins.int | str | None = None, non_blocking: builtins.bool = False):
    """x on the current GPU, or on that of this number or name."""
    where = "cuda" if device is None else device
    return x.to(where if isinstance(where, str) else f"cuda:{where}")


def type_as(x: Tensor, other: Tensor) -> Tensor:
    """x with the dtype and on the device of `other`."""
    return x.to(dtype=other.dtype, device=other.device)


def type(x: Tensor, dtype: Any = None):
    """The name of PyTorch's class for this dtype, or x in another dtype."""
    if dtype is None:
        return f"torch.{'cuda.' if device_of(x.array) != 'cpu' else ''}{_CLASSES[x.dtype.name]}"
    if isinstance(dtype, str) and dtype.startswith("torch."):
        name = dtype.rpartition(".")[2]
        known = {class_name: dtype_name for dtype_name, class_name in _CLASSES.items()}
        if name not in known:
            raise TypeError(f"type: no tensors of {dtype!r}")
        return x.to(known[name], device="cuda" if ".cuda." in dtype else "cpu")
    if not isinstance(dtype, builtins.type):
        return dtype(x) if callable(dtype) else x.to(dtype)
    # torch.Tensor, the class, stands for the default dtype.
    is_tensor_class = isinstance(x, dtype) and dtype is not object
    return x.to(np.float32 if is_tensor_class else dtype)


_CLASSES = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "int64": "LongTensor",
    "int32": "IntTensor", "int16": "ShortTensor", "int8": "CharTensor", "uint8": "ByteTensor",
    "bool": "BoolTensor",
}  # fmt: skip


def is_floating_point(x: Tensor) -> builtins.bool:
    """Whether the elements are float32 or float64."""
    return x.dtype.kind == "f"


def logical_not(x: Tensor) -> Tensor:
    """Whether an element is 0."""
    return ~x.to(bool_)


def logical_and(x: Tensor, other: Tensor) -> Tensor:
    """Whether neither of two elements is 0."""
    return x.to(bool_) & other.to(bool_)


def logical_or(x: Tensor, other: Tensor) -> Tensor:
    """Whether one of two elements is not 0."""
    return x.to(bool_) | other.to(bool_)


def logical_xor(x: Tensor, other: Tensor) -> Tensor:
    """Whether one of two elements is 0 and the other is not."""
    return x.to(bool_) ^ other.to(bool_)


def where(x: Tensor, condition: Tensor, other: Any) -> Tensor:
    """x where `condition` holds, `other` elsewhere."""
    return ops.where(condition, x, other)


def pin_memory(x: Tensor) -> Tensor:
    """x itself: memory of the CPU is never pinned."""
    return x


def float_power(x: Tensor, exponent: Any) -> Tensor:
    """x to a power, in float64."""
    return x.double() ** exponent


# Shapes


def dim(x: Tensor) -> builtins.int:
    """The number of dimensions."""
    return x.ndim


def contiguous(x: Tensor) -> Tensor:
    """x itself if `is_contiguous`, else a copy that is. Tensors of any order in memory are taken
    everywhere; a copy shares no memory with x."""
    return ops.contiguous(x)


def is_contiguous(x: Tensor) -> builtins.bool:
    """Whether the elements lie in memory in the order of the dimensions."""
    return x.array.flags.c_contiguous


def view_as(x: Tensor, other: Tensor) -> Tensor:
    """x in the shape of `other`."""
    return ops.reshape(x, other.shape)


def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """x expanded to the shape of `other`."""
    return ops.expand(x, other.shape)


def element_size(x: Tensor) -> builtins.int:
    """The bytes of an element."""
    return x.dtype.itemsize


# New tensors like this one


def new_tensor(x: Tensor, data: Any, dtype: Any = None, requires_grad: builtins.bool = False):
    """`data` with the dtype and on the device of x."""
    from tinygan.creation import tensor

    return tensor(data, x.dtype if dtype is None else dtype, x.device, requires_grad)


def _new(name: str, function_name: str):
    def new(x: Tensor, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
        from tinygan import creation

        make = getattr(creation, function_name)
        options = {"dtype": dtype or x.dtype, "device": x.device, **options}
        return make(*size, **options)

    new.__name__ = new.__qualname__ = name
    new.__doc__ = f"`{function_name}` with the dtype and on the device of x."
    return new


_OWN: tuple[Callable, ...] = (
    long, int, bool, byte, char, short, half, cuda, pin_memory, type_as, type, is_floating_point,
    dim, contiguous, is_contiguous, view_as, expand_as, element_size, logical_not, logical_and,
    logical_or, logical_xor, float_power, new_tensor, _new("new_zeros", "zeros"),
    _new("new_ones", "ones"), _new("new_full", "full"), _new("new_empty", "empty"),
)  # fmt: skip
_IN_PLACE = ("addcdiv", "addcmul", "ceil", "clamp_max", "clamp_min", "cos", "floor", "index_add",
             "lerp", "reciprocal", "remainder", "round", "rsqrt", "scatter_add", "sin", "sign",
             "square", "trunc", "tril", "triu")  # fmt: skip
_NOT_METHODS = {"atleast_1d", "atleast_2d", "broadcast_tensors", "cdist", "column_stack", "dstack",
                "einsum", "hstack", "isin", "meshgrid", "row_stack", "std_mean", "tensordot",
                "var_mean", "vstack"}  # fmt: skip
_ALIASES: dict[str, Callable] = {
    "ndimension": dim, "reshape_as": view_as, "nelement": Tensor.numel, "t": functions.t,
    "multiply": ops.mul, "subtract": ops.sub, "add": ops.add, "sub": ops.sub, "mul": ops.mul,
    "div": ops.div, "divide": ops.div, "true_divide": ops.div, "neg": ops.neg,
    "matmul": ops.matmul, "greater": Tensor.__gt__, "greater_equal": Tensor.__ge__,
    "less": Tensor.__lt__, "less_equal": Tensor.__le__, "not_equal": Tensor.__ne__,
    "bitwise_and": Tensor.__and__, "bitwise_or": Tensor.__or__, "bitwise_xor": Tensor.__xor__,
    "bitwise_not": Tensor.__invert__, "where": where,
    "eq": Tensor.__eq__, "ne": Tensor.__ne__, "lt": Tensor.__lt__, "le": Tensor.__le__,
    "gt": Tensor.__gt__, "ge": Tensor.__ge__, "softmax": activation.softmax,
    "log_softmax": activation.log_softmax,
    "__floordiv__": functions.floor_divide, "__mod__": functions.remainder,
    "__rfloordiv__": lambda x, y: functions.floor_divide(y, x),
    "__rmod__": lambda x, y: functions.remainder(y, x),
    "__ifloordiv__": augmented(functions.floor_divide, "floordiv="),
    "__imod__": augmented(functions.remainder, "mod="),
}  # fmt: skip


def _methods() -> Iterator[tuple[str, Callable]]:
    for own in _OWN:
        yield own.__name__, own
    for name in functions.__all__:
        if name not in _NOT_METHODS:
            yield name, getattr(functions, name)
    for name in _IN_PLACE:
        yield f"{name}_", in_place(getattr(functions, name), f"{name}_")
    yield from _ALIASES.items()


# What an argument may be called, too: NumPy's names, and PyTorch's older one of `correction`.
_OTHER_NAMES = {"axis": "dim", "keepdims": "keepdim", "unbiased": "correction"}


def with_other_names(function: Callable) -> Callable:
    """The function with ``axis=`` for its ``dim=`` and ``keepdims=`` for its ``keepdim=``, as
    PyTorch takes them; the function itself where it has no `dim`."""
    arguments = inspect.signature(function).parameters
    if "dim" not in arguments:
        return function
    known = {other: own for other, own in _OTHER_NAMES.items() if own in arguments}

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        for other in known.keys() & options.keys():
            own = known[other]
            if own in options:
                raise TypeError(f"{function.__name__}: give {own} or {other}, not both")
            options[own] = options.pop(other)
        return function(*args, **options)

    return call


NAMES = []
for _name, _method in _methods():
    setattr(Tensor, _name, _method)
    NAMES.append(_name)
for _name, _method in list(vars(Tensor).items()):
    if inspect.isfunction(_method) and _name != "size":
        setattr(Tensor, _name, with_other_names(_method))
