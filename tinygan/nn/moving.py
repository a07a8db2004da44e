"""Moving a module to another device or dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygan.devices import Array, beside, check_device, to_device
from tinygan.nn.parameter import HostBuffer
from tinygan.tensor import Tensor, check_dtype

if TYPE_CHECKING:
    from tinygan.nn.module import Module

Target = Any  # a device, a dtype, or a tensor that has both


def move(module: Module, targets: tuple[Target, ...], device: Target, dtype: Target) -> None:
    """What ``module.to(*targets, device=device, dtype=dtype)`` does, in place."""
    for target in targets:
        if isinstance(target, Tensor):
            device, dtype = target.device, target.dtype
        elif target is not None and _is_device(target):
            device = target
        elif target is not None and not isinstance(target, bool):  # a bool is non_blocking
            dtype = target
    if device is not None:
        device = check_device(f"cuda:{device}" if isinstance(device, int) else str(device))
    if dtype is not None:
        dtype = check_dtype(dtype)
        if dtype.kind != "f":
            raise TypeError(f"Module.to: dtype must be float32 or float64, got {dtype}")

    def moved(array: Array, device: str | None) -> Array:
        if dtype is not None and array.dtype.kind == "f" and array.dtype != dtype:
            with beside(array):
                array = array.astype(dtype)
        return array if device is None else to_device(array, device)

    for value in [*module.parameters(), *module.buffers()]:
        where = None if isinstance(value, HostBuffer) else device
        value.array = moved(value.array, where)
        if value.grad is not None:
            value.grad = Tensor(moved(value.grad.array, where))


def _is_device(target: Target) -> bool:
    """A name such as "cuda:1", a GPU's number, or an object that stands for a device."""
    if isinstance(target, str):
        return target == "cpu" or target.startswith("cuda")
    is_number = isinstance(target, int) and not isinstance(target, bool)
    return is_number or (hasattr(target, "type") and hasattr(target, "index"))
