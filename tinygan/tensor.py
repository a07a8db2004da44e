"""Tensor: an array, whether it requires a gradient, and the op that made it.

The methods are PyTorch's, and each hands over to an op in ``tinygan/ops``. How gradients flow is
in ``tinygan/autograd.py`` and ``walk.py``; ``inplace.py`` adds the methods that change a tensor in
place, ``methods.py`` names that PyTorch has, too.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygan import autograd, devices, dlpack, gradient_hooks
from tinygan.devices import (
    Array,
    array_module,
    beside,
    check_device,
    device_of,
    reject_non_host,
    to_device,
)
from tinygan.dtypes import Dim, Scalar, bool_, check_dtype, float32, float64, int64, sizes
from tinygan.tensor_text import tensor_text


class Tensor:
    """An n-dimensional array that remembers how it was computed.

    Attributes:
        array: the NumPy (or CuPy) array; its shape is NCHW for images, whatever its memory order.
        grad: the accumulated gradient (a Tensor of the same shape), or None.
        grad_fn: the op that made this tensor, or None for a leaf.
        requires_grad: whether ops on this tensor are recorded.
        version: counts changes in place, so that backward can refuse stale values; to be
            increased after each. Tensors that view one memory share the count.
    """

    __slots__ = (
        "__weakref__", "_changes", "_grad", "_hooks", "_requires_grad", "_view", "array", "grad_fn",
    )  # fmt: skip
    _view: tuple[autograd.Function, Any]  # of a view: the op, and the tensor that it shows
    __array_ufunc__ = None  # numpy_array + tensor must call Tensor.__radd__

    def __init__(self, array: Any = (0,), *sizes: int, requires_grad: bool = False):
        """A tensor on the memory of one NumPy or CuPy array. As in PyTorch, lists and numbers in
        them become float32, and integers are sizes: ``Tensor([1, 2])``, ``Tensor(2, 3)``."""
        if type(array) is not np.ndarray:
            array = _as_array((array, *sizes) if sizes else array)
        self.array: Array = array
        self._grad: Tensor | None = None
        self.grad_fn: autograd.Function | None = None
        self._requires_grad = False
        self._changes = [0]
        self._hooks: tuple[Callable, ...] | None = None
        if requires_grad:
            self.requires_grad_()

    # What it is

    @property
    def version(self) -> int:
        """How often the memory has been changed in place."""
        return self._changes[0]

    @version.setter
    def version(self, version: int) -> None:
        self._changes[0] = version

    @property
    def requires_grad(self) -> bool:
        """Whether ops on this tensor are recorded. It can be set on a leaf."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        self.requires_grad_(requires_grad)

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient, a Tensor of the same shape, or None. It can be set."""
        return self._grad

    @grad.setter
    def grad(self, grad: Tensor | None) -> None:
        if grad is not None:
            if not isinstance(grad, Tensor):
                raise TypeError(f"grad must be set to a Tensor or None, got {type(grad).__name__}")
            mine, given = ((x.shape, x.dtype, x.device) for x in (self, grad))
            if mine != given:
                raise ValueError(
                    f"grad must have the shape, dtype and device of its tensor, "
                    f"{' '.join(map(str, mine))}; got {' '.join(map(str, given))}"
                )
        self._grad = grad

    @property
    def data(self) -> Tensor:
        """A tensor without a graph on the same memory, as `detach`. What is set here becomes this
        tensor's memory."""
        return self.detach()

    @data.setter
    def data(self, data: Tensor) -> None:
        if not isinstance(data, Tensor):
            raise TypeError(f"data must be set to a Tensor, got {type(data).__name__}")
        if data.dtype != self.dtype or data.device != self.device:
            raise TypeError(
                f"data must be set to a tensor of {self.dtype} on {self.device}, got {data.dtype} "
                f"on {data.device}"
            )
        self.array, self._changes = data.array, data._changes

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the dimensions, as a tuple."""
        return self.array.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements, a NumPy dtype."""
        return self.array.dtype

    @property
    def device(self) -> devices.device:
        """Where the array lies: "cpu", or "cuda" or "cuda:1" and so on."""
        return devices.named(device_of(self.array))

    @property
    def is_leaf(self) -> bool:
        """Whether no op has made this tensor."""
        return self.grad_fn is None

    @property
    def is_cuda(self) -> bool:
        """Whether the array lies on a GPU."""
        return self.device != "cpu"

    is_xpu = is_mps = False  # GPUs of other makers

    def size(self, dim: int | None = None):
        """The shape, or its entry `dim`."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __repr__(self) -> str:
        notes = []
        known = (float32, int64, bool_) if self.numel() else (float32,)
        if self.dtype not in known:
            notes.append(f"dtype={self.dtype}")
        if self.device != "cpu":
            notes.append(f"device={str(self.device)!r}")
        if self.grad_fn is not None:
            notes.append(f"grad_fn={self.grad_fn!r}")
        elif self.requires_grad:
            notes.append("requires_grad=True")
        return tensor_text(to_device(self.array, "cpu"), notes)

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise ValueError(f"the truth of a tensor of shape {self.shape} is ambiguous")
        return bool(self.array.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind == "f":
            raise TypeError(f"only a tensor of one integer can be an index, got {self.dtype}")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.ndim == 0 else str(self), spec)

    def __deepcopy__(self, memo: dict) -> Tensor:
        """A leaf of its own, gradient included, that lies in memory as this one does. (CuPy's
        arrays would be copied into the order of their dimensions.)

        Raises:
            RuntimeError: an op has made this tensor: its graph cannot be copied.
        """
        if self.grad_fn is not None:
            raise RuntimeError(
                f"deepcopy: the tensor was made by {self.grad_fn.name}; copy its .detach()"
            )
        twin = copy.copy(self)
        memo[id(self)] = twin
        with beside(self.array):
            twin.array, twin._changes = self.array.copy(order="K"), [0]
        twin._grad = copy.deepcopy(self._grad, memo)
        twin._hooks = None
        for name, value in getattr(self, "__dict__", {}).items():  # of a subclass
            setattr(twin, name, copy.deepcopy(value, memo))
        return twin

    def __getstate__(self) -> tuple[dict | None, dict[str, Any]]:
        """For pickle and copies: all but the tensor that this one may be a view of."""
        names = [name for name in Tensor.__slots__ if name not in ("__weakref__", "_view")]
        return vars(self) if hasattr(self, "__dict__") else None, {
            name: getattr(self, name) for name in names
        }

    # Out of the graph

    def item(self):
        """The value of a tensor of one element, as a Python number."""
        if self.numel() != 1:
            raise ValueError(f"item: a tensor of shape {self.shape} has not exactly one element")
        return self.array.item()

    def tolist(self):
        """The values as nested Python lists."""
        return self.array.tolist()

    def numpy(self) -> np.ndarray:
        """The NumPy array itself (not a copy), of a tensor on the CPU that needs no gradient;
        under ``no_grad()`` of any."""
        if self.requires_grad and autograd.is_grad_enabled():
            raise RuntimeError("numpy: the tensor requires a gradient; use .detach().numpy()")
        reject_non_host(self.array, "numpy")
        return self.array

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=True if copy is None else copy)

    __dlpack__ = dlpack.export
    __dlpack_device__ = dlpack.export_device

    def detach(self) -> Tensor:
        """The same array, cut off from the graph."""
        result = Tensor(self.array)
        result._changes = self._changes
        return result

    # Gradients

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets `requires_grad` of a leaf and returns it."""
        if not self.is_leaf and not requires_grad:
            raise RuntimeError("requires_grad_: only a leaf can change; use .detach() first")
        if requires_grad and self.dtype.kind != "f":
            raise TypeError(f"requires_grad needs a floating dtype, got {self.dtype}")
        self._requires_grad = bool(requires_grad)
        return self

    def retain_grad(self) -> None:
        """Keeps the gradient of an inner tensor in its ``.grad``, as that of a leaf is kept."""
        gradient_hooks.retain_grad(self)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]):
        """``hook(grad)`` is called with this tensor's gradient when it is complete; a tensor that
        it returns takes its place. The handle that comes back can ``remove()`` the hook."""
        return gradient_hooks.register_hook(self, hook)

    def backward(
        self, gradient: Tensor | None = None, retain_graph: bool | None = None,
        create_graph: bool = False,
    ) -> None:  # fmt: skip
        """Adds the gradient of this tensor to ``.grad`` of every leaf it depends on.

        Args:
            gradient: d(loss)/d(self), of this tensor's shape and dtype; 1 for a scalar.
            retain_graph: keep what backward needs, for a second walk; by default as create_graph.
            create_graph: record the walk itself, so that ``.grad`` can be differentiated.

        Raises:
            RuntimeError: nothing requires a gradient; the tensor is no scalar and `gradient` is
                missing; the graph was released by an earlier walk; an input was changed in place.
        """
        autograd.backward(self, gradient, retain_graph, create_graph)

    # Arithmetic

    def __add__(self, other) -> Tensor:
        return ops.add(self, other)

    def __radd__(self, other) -> Tensor:  # the order of the graph's edges is PyTorch's
        return ops.add(self, other)

    def __sub__(self, other) -> Tensor:
        return ops.sub(self, other)

    def __rsub__(self, other) -> Tensor:
        return ops.sub(other, self)

    def __mul__(self, other) -> Tensor:
        return ops.mul(self, other)

    def __rmul__(self, other) -> Tensor:
        return ops.mul(self, other)

    def __truediv__(self, other) -> Tensor:
        return ops.div(self, other)

    def __rtruediv__(self, other) -> Tensor:
        return ops.div(other, self)

    def __pow__(self, exponent) -> Tensor:
        return ops.pow(self, exponent)

    def __rpow__(self, base) -> Tensor:
        return ops.pow(base, self)

    def __neg__(self) -> Tensor:
        return ops.neg(self)

    def __matmul__(self, other) -> Tensor:
        return ops.matmul(self, other)

    def __rmatmul__(self, other) -> Tensor:
        return ops.matmul(other, self)

    def __abs__(self) -> Tensor:
        return ops.abs(self)

    # Comparisons: boolean tensors, no gradient

    def __eq__(self, other) -> Tensor:  # type: ignore[override]
        """Whether x = other, for each element."""
        return NotImplemented if other is None else ops.compare(self, other, "equal")

    def __ne__(self, other) -> Tensor:  # type: ignore[override]
        """Whether x and other differ, for each element."""
        return NotImplemented if other is None else ops.compare(self, other, "not_equal")

    def __lt__(self, other) -> Tensor:
        """Whether x < other, for each element."""
        return ops.compare(self, other, "less")

    def __le__(self, other) -> Tensor:
        """Whether x <= other, for each element."""
        return ops.compare(self, other, "less_equal")

    def __gt__(self, other) -> Tensor:
        """Whether x > other, for each element."""
        return ops.compare(self, other, "greater")

    def __ge__(self, other) -> Tensor:
        """Whether x >= other, for each element."""
        return ops.compare(self, other, "greater_equal")

    # Of bools, and of the bits of integers

    def __and__(self, other) -> Tensor:
        """Whether both hold, for each element; of integers, their bits."""
        return ops.logical(self, other, "bitwise_and")

    def __or__(self, other) -> Tensor:
        """Whether one holds, for each element; of integers, their bits."""
        return ops.logical(self, other, "bitwise_or")

    def __xor__(self, other) -> Tensor:
        """Whether exactly one holds, for each element; of integers, their bits."""
        return ops.logical(self, other, "bitwise_xor")

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> Tensor:
        """Whether an element does not hold; of integers, their bits."""
        if self.dtype.kind == "f":
            raise TypeError(f"~ needs a tensor of bools or integers, got {self.dtype}")
        return self._of_array("__invert__")

    __hash__ = object.__hash__  # by identity, although == compares elements

    # Elementwise

    def abs(self) -> Tensor:
        """|x|"""
        return ops.abs(self)

    def exp(self) -> Tensor:
        """e^x"""
        return ops.exp(self)

    def log(self) -> Tensor:
        """The natural logarithm."""
        return ops.log(self)

    def sqrt(self) -> Tensor:
        """The square root."""
        return ops.sqrt(self)

    def pow(self, exponent) -> Tensor:
        """x to a power: a number, or a tensor that broadcasts with x."""
        return ops.pow(self, exponent)

    def clip(
        self, min: Scalar | Tensor | None = None, max: Scalar | Tensor | None = None
    ) -> Tensor:
        """x limited to [min, max]; either may be None."""
        return ops.clip(self, min, max)

    clamp = clip

    def tanh(self) -> Tensor:
        """The hyperbolic tangent."""
        return ops.tanh(self)

    def sigmoid(self) -> Tensor:
        """1 / (1 + e^-x)"""
        return ops.sigmoid(self)

    def relu(self) -> Tensor:
        """max(x, 0)"""
        return ops.relu(self)

    # Reductions; `dim` is an int, several, or None for all

    def sum(self, dim: Dim = None, keepdim: bool = False) -> Tensor:
        """The sum over `dim`: all dimensions, one, or several."""
        return ops.sum(self, dim, keepdim)

    def mean(self, dim: Dim = None, keepdim: bool = False) -> Tensor:
        """The mean over `dim`, of a floating tensor."""
        return ops.mean(self, dim, keepdim)

    def var(self, dim: Dim = None, correction: int = 1, keepdim: bool = False) -> Tensor:
        """The variance over `dim`: squared distances from the mean / (count - correction)."""
        if isinstance(dim, bool):  # var(False): PyTorch's `unbiased`
            dim, correction = None, 1 if dim else 0
        return ops.var(self, dim, correction, keepdim)

    def std(self, dim: Dim = None, correction: int = 1, keepdim: bool = False) -> Tensor:
        """The standard deviation over `dim`: the root of `var`."""
        if isinstance(dim, bool):  # as of `var`
            dim, correction = None, 1 if dim else 0
        return ops.std(self, dim, correction, keepdim)

    def amax(self, dim: Dim = None, keepdim: bool = False) -> Tensor:
        """The maximum over `dim`; equal elements share the gradient."""
        return ops.amax(self, dim, keepdim)

    def amin(self, dim: Dim = None, keepdim: bool = False) -> Tensor:
        """The minimum over `dim`; equal elements share the gradient."""
        return -ops.amax(-self, dim, keepdim)

    def max(self, dim: int | None = None, keepdim: bool = False):
        """The largest element; with `dim`, a named tuple (values, indices) along it."""
        return self.amax() if dim is None else ops.max_along(self, dim, keepdim)

    def min(self, dim: int | None = None, keepdim: bool = False):
        """The smallest element; with `dim`, a named tuple (values, indices) along it."""
        if dim is None:
            return self.amin()
        values, indices = ops.max_along(-self, dim, keepdim)
        return ops.ValuesAndIndices(-values, indices)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """The index of the largest element, the first of equals; with `dim`, along it."""
        indices = self._of_array("argmax", dim)
        return indices if dim is None or not keepdim else indices.unsqueeze(dim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """The index of the smallest element, the first of equals; with `dim`, along it."""
        indices = self._of_array("argmin", dim)
        return indices if dim is None or not keepdim else indices.unsqueeze(dim)

    def any(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Whether an element is not 0; with `dim`, along it."""
        return self._of_array("any", axis=dim, keepdims=keepdim)

    def all(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Whether no element is 0; with `dim`, along it."""
        return self._of_array("all", axis=dim, keepdims=keepdim)

    def _of_array(self, method: str, *args, **options) -> Tensor:
        """What a method of the array returns, which has no gradient."""
        with beside(self.array):
            result = getattr(self.array, method)(*args, **options)
            return Tensor(array_module(self.array).asarray(result))

    # Shapes

    def reshape(self, *shape) -> Tensor:
        """The elements in reading order, in another shape; one size may be -1."""
        return ops.reshape(self, sizes(shape))

    view = reshape

    def permute(self, *dims) -> Tensor:
        """The dimensions in another order."""
        return ops.permute(self, sizes(dims))

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """Two dimensions exchanged."""
        return ops.transpose(self, dim0, dim1)

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix; a vector or a number as it is."""
        if self.ndim > 2:
            raise ValueError(f"T needs at most 2 dimensions, got shape {self.shape}; use .mT")
        return self if self.ndim < 2 else ops.transpose(self, 0, 1)

    @property
    def mT(self) -> Tensor:
        """The last two dimensions exchanged."""
        return ops.transpose(self, -2, -1)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """The dimensions from start_dim to end_dim made one."""
        return ops.flatten(self, start_dim, end_dim)

    def squeeze(self, dim: int | None = None) -> Tensor:
        """Without the dimensions of size 1, or without `dim` if its size is 1."""
        return ops.squeeze(self, dim)

    def unsqueeze(self, dim: int) -> Tensor:
        """With a new dimension of size 1 at `dim`."""
        return ops.unsqueeze(self, dim)

    def expand(self, *shape) -> Tensor:
        """Repeated along dimensions of size 1 and new leading ones; -1 keeps a size."""
        size = sizes(shape)
        own = (1,) * (len(size) - self.ndim) + self.shape  # -1 stands for the size that is there
        return ops.expand(self, [n if m == -1 else m for m, n in zip(size, own, strict=False)])

    def gather(self, dim: int, index: Tensor) -> Tensor:
        """result[.., i, ..] = x[.., index[.., i, ..], ..] along `dim`."""
        return ops.gather(self, dim, index)

    def __getitem__(self, index) -> Tensor:
        return ops.getitem(self, index)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    # Dtype and device

    def to(
        self, *targets, dtype=None, device: str | None = None, non_blocking: bool = False,
        copy: bool = False,
    ) -> Tensor:  # fmt: skip
        """The tensor in another dtype, on another device, or both; gradients flow through.

        ``x.to("float64")``, ``x.to("cuda")``, ``x.to(dtype=..., device=...)``, ``x.to(other)``.
        `non_blocking` changes nothing.
        """
        if copy:
            return self.clone().to(*targets, dtype=dtype, device=device)
        for target in targets:
            if isinstance(target, Tensor):
                dtype, device = target.dtype, target.device
            elif isinstance(target, bool):
                pass  # non_blocking
            elif isinstance(target, str) and (target == "cpu" or target.startswith("cuda")):
                device = target
            else:
                dtype = target
        device = self.device if device is None else check_device(device)
        return ops.to(self, check_dtype(dtype, self.dtype), device)

    def float(self) -> Tensor:
        """x as float32."""
        return self.to(float32)

    def double(self) -> Tensor:
        """x as float64."""
        return self.to(float64)

    def cpu(self) -> Tensor:
        """x in the memory of the CPU."""
        return self.to("cpu")

    def clone(self) -> Tensor:
        """A copy that gradients flow through."""
        return ops.clone(self)


def _as_array(given: Any) -> Array:
    """The array of a new Tensor, of what is no NumPy array."""
    if isinstance(given, np.generic):
        return np.asarray(given)
    if isinstance(given, Tensor):
        return given.array
    if hasattr(given, "dtype") and hasattr(given, "ndim"):  # CuPy's
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        given = (given,)
    if isinstance(given, tuple) and all(isinstance(n, int) for n in given):
        return np.zeros(given, float32)
    return np.array(given, float32)


# At the end, because the ops import Tensor.
from tinygan import ops  # noqa: E402
