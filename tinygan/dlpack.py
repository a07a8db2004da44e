"""DLPack: arrays handed from one library to another, without a copy.

The protocol is that of https://dmlc.github.io/dlpack: an object says with ``__dlpack_device__``
where its memory is and hands it over with ``__dlpack__``. NumPy and CuPy have both sides of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygan.devices import beside

if TYPE_CHECKING:
    from tinygan.tensor import Tensor

_CPU, _CUDA = 1, 2  # DLPack's kDLCPU and kDLCUDA


def export(tensor: Tensor, **request: Any) -> Any:
    """`Tensor.__dlpack__`: the tensor's memory for another library, as ``torch.from_dlpack``.

    Args:
        request: stream, max_version, dl_device, copy, as the reader asks; its array answers.

    Raises:
        BufferError: the tensor requires a gradient, or the array is read-only and the reader does
            not know of such memory.
    """
    if tensor.requires_grad:
        raise BufferError("__dlpack__: the tensor requires a gradient; hand over its .detach()")
    with beside(tensor.array):
        return tensor.array.__dlpack__(**request)


def export_device(tensor: Tensor) -> tuple[int, int]:
    """`Tensor.__dlpack_device__`: the kind of device, and its number."""
    kind, index = tensor.array.__dlpack_device__()
    return int(kind), index


def from_dlpack(x: Any) -> Tensor:
    """A tensor on the memory of `x`, a tensor or an array of another library; as torch.from_dlpack.

    Nothing is copied: what is changed on one side changes on the other. Memory that `x` says is
    read-only cannot be changed here either.

    Raises:
        TypeError: `x` is no such object, or is of a dtype that tinygan does not compute with.
        ValueError: `x` is neither on the CPU nor on a CUDA device.
    """
    from tinygan.tensor import Tensor, check_dtype

    if not hasattr(x, "__dlpack__") or not hasattr(x, "__dlpack_device__"):
        raise TypeError(
            f"from_dlpack: x must have __dlpack__ and __dlpack_device__, as tensors of PyTorch do; "
            f"got {type(x).__name__}"
        )
    kind, index = x.__dlpack_device__()
    if kind == _CUDA:
        import cupy

        with cupy.cuda.Device(index):
            array = cupy.from_dlpack(x)
    elif kind == _CPU:
        try:
            array = np.from_dlpack(x)
        except (RuntimeError, BufferError) as error:  # a dtype that NumPy does not have, bfloat16
            if "dtype" not in str(error):
                raise
            raise TypeError(
                f"from_dlpack: x is of a dtype that NumPy does not have ({error}); convert it first"
            ) from None
    else:
        raise ValueError(
            f"from_dlpack: x must be on the CPU or a CUDA device (kinds {_CPU} and {_CUDA} of "
            f"DLPack's), got kind {int(kind)}"
        )
    check_dtype(array.dtype)
    return Tensor(array)
