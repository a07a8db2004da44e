"""The ops. One class per op, its formula and its gradient beside each other."""

from tinygan.ops.shape import (  # isort: skip  (the other files build on it)
    cat,
    clone,
    contiguous,
    expand,
    flatten,
    gather,
    getitem,
    permute,
    reshape,
    squeeze,
    stack,
    to,
    transpose,
    unsqueeze,
)
from tinygan.ops.math import (
    abs,
    add,
    clip,
    compare,
    div,
    exp,
    log,
    logical,
    mul,
    neg,
    pow,
    sqrt,
    sub,
    where,
)
from tinygan.ops.matmul import matmul
from tinygan.ops.reduction import ValuesAndIndices, amax, max_along, mean, std, sum, var

from tinygan.ops.activation import relu, sigmoid, tanh  # isort: skip

__all__ = [
    "ValuesAndIndices", "abs", "add", "amax", "cat", "clip", "clone", "compare", "contiguous",
    "div", "exp", "expand", "flatten", "gather", "getitem", "log", "logical", "matmul", "max_along",
    "mean", "mul", "neg", "permute", "pow", "relu", "reshape", "sigmoid", "sqrt", "squeeze",
    "stack", "std", "sub", "sum", "tanh", "to", "transpose", "unsqueeze", "var", "where",
]  # fmt: skip
