"""Changes in place: ``x.add_(y)``, ``x[i] = y``, ``x += y``.

Three cases. A leaf that requires a gradient refuses: its value is what the graph starts from; an
update of weights happens under ``no_grad()``. Outside of a graph the memory is changed, and the
version with it. Inside of one the op is recorded as always and its result takes the tensor's place:
what earlier ops have saved stays as it was, and so do views that were taken before. What the tensor
itself is a view of changes with it: of ``y[0].mul_(5)``, y.
"""

from __future__ import annotations

import copy
import functools
import inspect
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygan.autograd import Function
from tinygan.devices import array_module, beside, generator, to_device
from tinygan.grad_mode import is_grad_enabled, no_grad
from tinygan.kernels.cuda import graph
from tinygan.ops import math, shape
from tinygan.ops.activation import relu, sigmoid, tanh
from tinygan.tensor import Scalar, Tensor


def _refuse_leaf(x: Tensor, name: str) -> None:
    if x._requires_grad and x.grad_fn is None and is_grad_enabled():
        raise RuntimeError(
            f"{name}: a leaf that requires a gradient cannot change in place while ops are "
            "recorded; change weights inside `with tinygan.no_grad():`"
        )


def _before(x: Tensor) -> Tensor:
    """The same tensor under another name, for the op that computes its new value."""
    twin = Tensor(x.array)
    twin._requires_grad, twin.grad_fn, twin._changes = x._requires_grad, x.grad_fn, x._changes
    return twin


def _become(x: Tensor, result: Tensor, name: str) -> Tensor:
    """x with the values of `result`."""
    if result.shape != x.shape:
        raise ValueError(
            f"{name}: the result of shape {result.shape} does not fit the tensor of shape {x.shape}"
        )
    if result.dtype != x.dtype:
        if x.dtype.kind != "f" and result.dtype.kind == "f":
            raise TypeError(f"{name}: a result of {result.dtype} does not fit into {x.dtype}")
        result = result.to(x.dtype)
    if not result._requires_grad:
        write(x, ..., result.array)
        return x
    op, whole = _seen(x)
    if whole is not None:  # it changes, and x is a view of it again
        _refuse_leaf(whole, name)
        _become(whole, _put_back(op, whole, result, name), name)
        result = _again(op)(whole)
        x._view, x._changes = result._view, result._changes
    else:
        x._changes = [x.version + 1]  # who has saved x would read another value
    x.array, x.grad_fn, x._requires_grad = result.array, result.grad_fn, True
    return x


def _seen(x: Tensor) -> tuple[Function, Tensor | None]:
    """The tensor that x is a view of, if it is one and that still has a name, and by which op."""
    op, whole = getattr(x, "_view", (Function(), None))
    return op, whole() if isinstance(whole, weakref.ref) else whole


def _put_back(op: Function, whole: Tensor, view: Tensor, name: str) -> Tensor:
    """`whole` with the values of `view`, which shows it or a part of it."""
    if op.released or not hasattr(op, "put_back"):
        raise RuntimeError(
            f"{name}: the tensor is a view by {op.name} of another one, which cannot change with "
            "it inside of a graph; write tensor[index] = value with the whole tensor"
        )
    return op.put_back(_before(whole), view)


def _again(op: Function) -> Function:
    """The same op for another call, which is recorded by itself."""
    fresh = copy.copy(op)
    fresh.sequence = -1
    return fresh


def write(x: Tensor, index: Any, values: Any) -> None:
    """Writes into the memory of x and counts the change."""
    with beside(x.array):
        x.array[index] = values
    graph.on_host(functools.partial(_count, x))


def _count(x: Tensor) -> None:
    x.version += 1


def setitem(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value``: a number, an array or a Tensor that broadcasts to ``x[index]``."""
    _refuse_leaf(x, "x[index] = value")
    parts = shape.index_arrays(x, index)
    value = math.as_tensor(value, x)
    if value.dtype.kind == "f" and x.dtype.kind != "f":
        value = value.detach()  # as PyTorch, which cuts the fraction off
    value = shape.to(value, x.dtype, x.device)
    if value.ndim and value.numel() == 1:  # as PyTorch: x[0] = tensor([5.0])
        value = value.reshape(())
    if is_grad_enabled() and (x._requires_grad or value._requires_grad):
        _become(x, shape.SetItem(parts)(_before(x), value), "x[index] = value")
    else:
        write(x, parts, value.array)


def with_out(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`function` that also takes ``out=``, a tensor which receives the result and is returned.

    Raises:
        TypeError: out is no tensor, or of integers where the result is not.
        RuntimeError: a gradient is asked for, which would not flow through out.
        ValueError: the result has another shape than out.
    """
    name = function.__name__

    @functools.wraps(function)
    def run(*args: Any, out: Tensor | None = None, **options: Any) -> Tensor:
        if out is None:
            return function(*args, **options)
        if not isinstance(out, Tensor):
            raise TypeError(f"{name}: out must be a Tensor, got {type(out).__name__}")
        result = function(*args, **options)
        if result.requires_grad or out.requires_grad:
            raise RuntimeError(f"{name}: no gradient flows through out=; write out = {name}(...)")
        return _become(out, result, name)

    return run


def in_place(function: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """The method ``name`` that gives its tensor the values of ``function(tensor, ...)``."""

    @functools.wraps(function)
    def run(self: Tensor, *args: Any, **options: Any) -> Tensor:
        _refuse_leaf(self, name)
        return _become(self, function(_before(self), *args, **options), name)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"`{function.__name__}` in place; see tinygan/inplace.py."
    return run


def augmented(operator: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """``x += y`` and its kin: in place outside of a graph, a new tensor inside of one, so that
    ``r += 1 + r / 4`` does not change the r that the quotient has saved."""

    def run(self: Tensor, other: Any) -> Tensor:
        _refuse_leaf(self, name)
        result = operator(self, other)
        if result._requires_grad and _seen(self)[1] is None:
            return result
        return _become(self, result, name)

    return run


def with_inplace(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`function`, whose ``inplace=True`` gives its input the values of the result."""
    place = list(inspect.signature(function).parameters).index("inplace")
    changed = in_place(function, function.__name__)

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> Tensor:
        if options.pop("inplace", len(args) > place and args[place]):
            return changed(*args[:place], **options)
        return function(*args[:place], **options)

    return run


# Methods without a function of their own


def fill_(x: Tensor, value: Scalar | Tensor) -> Tensor:
    """Every element becomes `value`."""
    setitem(x, ..., value)
    return x


def zero_(x: Tensor) -> Tensor:
    """Every element becomes 0."""
    return fill_(x, 0)


def copy_(x: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """The values of `src`, which broadcasts to x; from any device and dtype."""
    setitem(x, ..., src)
    return x


def normal_(x: Tensor, mean: float = 0.0, std: float = 1.0, generator=generator) -> Tensor:
    """Every element becomes a sample of N(mean, std^2)."""
    return _drawn(x, generator.normal(x.shape, x.dtype, x.device), std, mean)


def uniform_(x: Tensor, a: float = 0.0, b: float = 1.0, generator=generator) -> Tensor:
    """Every element becomes a sample uniform in [a, b)."""
    return _drawn(x, generator.uniform(x.shape, x.dtype, x.device), b - a, a)


def random_(x: Tensor, low: int = 0, high: int | None = None, generator=generator) -> Tensor:
    """Every element becomes an integer uniform in low ... high - 1; with one number, below it."""
    low, high = (0, low) if high is None and low > 0 else (low, high)
    if high is None:
        high = 2**24 if x.dtype.itemsize == 4 and x.dtype.kind == "f" else 2**31
    setitem(x, ..., Tensor(to_device(generator.numpy.integers(low, high, x.shape), x.device)))
    return x


def bernoulli_(x: Tensor, p: float = 0.5, generator=generator) -> Tensor:
    """Every element becomes 1 with probability p, else 0."""
    drawn = Tensor(generator.uniform(x.shape, np.dtype(np.float32), x.device))
    setitem(x, ..., (drawn < p).to(x.dtype))
    return x


def _drawn(x: Tensor, samples: Any, scale: float, shift: float) -> Tensor:
    with beside(samples), no_grad():
        values = Tensor(samples) * scale + shift
    setitem(x, ..., values)
    return x


def detach_(x: Tensor) -> Tensor:
    """Cuts the tensor off from its graph."""
    x.grad_fn, x._requires_grad = None, False
    return x


def masked_fill_(x: Tensor, mask: Tensor, value: Scalar | Tensor) -> Tensor:
    """`value` where the bool tensor `mask`, which broadcasts to x, holds."""
    return in_place(masked_fill, "masked_fill_")(x, mask, value)


def masked_fill(x: Tensor, mask: Tensor, value: Scalar | Tensor) -> Tensor:
    """x with `value` where the bool tensor `mask` holds."""
    return math.where(mask, value, x)


def scatter_(x: Tensor, dim: int, index: Tensor, src: Scalar | Tensor) -> Tensor:
    """x[.., index[.., i, ..], ..] = src[.., i, ..] along `dim` (torch.Tensor.scatter_)."""
    dim = shape.check_dim("scatter_", dim, x.ndim)
    if index.dtype.kind not in "iu" or index.ndim != x.ndim:
        raise TypeError(
            f"scatter_: index must be of integers with {x.ndim} dimensions, got {index.dtype} of "
            f"shape {index.shape}"
        )
    shape.check_range("scatter_: an index", index, x.shape[dim])
    indices = to_device(index.array, x.device)
    where = list(array_module(indices).ogrid[tuple(slice(size) for size in index.shape)])
    where[dim] = indices
    if isinstance(src, Tensor):
        src = src[tuple(slice(size) for size in index.shape)]
    setitem(x, tuple(map(Tensor, where)), src)
    return x


def scatter(x: Tensor, dim: int, index: Tensor, src: Scalar | Tensor) -> Tensor:
    """`scatter_` into a copy of x."""
    return scatter_(x.clone(), dim, index, src)


_OWN = (fill_, zero_, copy_, normal_, uniform_, random_, bernoulli_, detach_, masked_fill_,
        masked_fill, scatter, scatter_)
_OPERATORS = {"add": math.add, "sub": math.sub, "mul": math.mul, "truediv": math.div,
              "pow": math.pow}  # fmt: skip
_FUNCTIONS = (math.add, math.sub, math.mul, math.div, math.neg, math.exp, math.log, math.sqrt,
              math.abs, math.pow, math.clip, relu, sigmoid, tanh)  # fmt: skip


def _methods() -> Iterator[tuple[str, Callable]]:
    yield "__setitem__", setitem
    for own in _OWN:
        yield own.__name__, own
    for name, operator in _OPERATORS.items():
        yield f"__i{name}__", augmented(operator, f"{name}=")
    for function in _FUNCTIONS:
        yield f"{function.__name__}_", in_place(function, f"{function.__name__}_")
    yield "clamp_", in_place(math.clip, "clamp_")


for _name, _method in _methods():
    setattr(Tensor, _name, _method)
