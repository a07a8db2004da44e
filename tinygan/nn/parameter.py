"""Parameters and buffers: the tensors that a module consists of."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygan.tensor import Tensor


class Parameter(Tensor):
    """A tensor that an optimizer trains: a leaf on the memory of `data`.

    Raises:
        TypeError: a gradient is asked of integers.
    """

    def __init__(self, data: Any, requires_grad: bool = True):
        super().__init__(_array(data))
        self.requires_grad_(requires_grad)
        if isinstance(data, Tensor):
            self._changes = data._changes

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that belongs to a module's state and is not trained, such as running statistics.

    Args:
        persistent: whether it is part of the `state_dict`.
    """

    def __init__(self, data: Any, persistent: bool = True):
        super().__init__(_array(data))
        self.persistent = persistent
        if isinstance(data, Tensor):
            self._changes = data._changes


class HostBuffer(Buffer):
    """A buffer that stays in the memory of the CPU, wherever its module goes: a count, which no
    kernel has to be launched for."""


def _array(data: Any):
    if isinstance(data, Tensor):
        return data.array
    return data if hasattr(data, "ndim") else np.asarray(data, np.float32)
