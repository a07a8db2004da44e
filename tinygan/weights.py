"""Weights from PyTorch and for PyTorch.

``load`` and ``save`` are for the files of ``torch.load`` and ``torch.save`` (.pt, .pth),
``load_file`` and ``save_file`` for those of safetensors, whose library comes with
``pip install 'tinygan[weights]'``. Names and shapes are the same on both sides:

    net.load_state_dict(tinygan.weights.load_file(path))
    tinygan.weights.save_file(net.state_dict(), path)

None of them runs code from a file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygan.files import atomic_write
from tinygan.reading import is_system_failure, naming, reason
from tinygan.tensor import Tensor
from tinygan.weights_format.encoding import BY_CODE, host_array
from tinygan.weights_format.read import load
from tinygan.weights_format.unpickle import Refused
from tinygan.weights_format.write import save

__all__ = ["load", "load_file", "save", "save_file"]


def load_file(path: str | os.PathLike) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name, on the CPU; as safetensors.torch.load_file.

    **float16 and bfloat16 become float32**, which holds all of their values exactly.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no safetensors file, is damaged, or has a tensor of complex numbers or of
            8-bit floats.
        OSError: the system could not read it.
        ImportError: the package safetensors is missing.
    """
    safetensors = _safetensors("load_file")
    try:
        with naming(path), open(path, "rb") as file:
            entries = safetensors.deserialize(file.read())
        return {name: _tensor(name, entry) for name, entry in entries}
    except FileNotFoundError:
        raise FileNotFoundError(f"load_file: there is no file {path}") from None
    except Refused as error:
        raise ValueError(f"load_file: {path} is refused: {error}") from None
    except Exception as error:  # of any kind: safetensors and NumPy promise none
        if is_system_failure(error):
            raise
        raise ValueError(
            f"load_file: {path} is damaged or no safetensors file ({reason(error)})"
        ) from error


def _tensor(name: str, entry: Mapping[str, Any]) -> Tensor:
    if entry["dtype"] not in BY_CODE:
        raise Refused(f"{name!r} is of {entry['dtype']}; expected one of {', '.join(BY_CODE)}")
    return Tensor(BY_CODE[entry["dtype"]].decode(entry["data"]).reshape(entry["shape"]))


def save_file(
    tensors: Mapping[str, Tensor | np.ndarray],
    path: str | os.PathLike,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes `tensors` to a safetensors file, atomically; as safetensors.torch.save_file.

    Args:
        tensors: Tensors or NumPy arrays by name, as of ``net.state_dict()``. They are written in
            C order, whatever their order in memory is.
        metadata: strings by name for the head of the file.

    Raises:
        TypeError: a name or something of the metadata is no string, or a value is neither a Tensor
            nor an array of float32, float64, integers or bool. Nothing is written.
        ImportError: the package safetensors is missing.
    """
    _safetensors("save_file")
    from safetensors.numpy import save as serialized

    for name in (*tensors, *(text for item in (metadata or {}).items() for text in item)):
        if not isinstance(name, str):
            raise TypeError(f"save_file: names and metadata must be strings, got {name!r}")
    arrays = {name: host_array("save_file", repr(name), value) for name, value in tensors.items()}
    data = serialized(arrays, None if metadata is None else dict(metadata))
    with atomic_write(path) as file:
        file.write(data)


def _safetensors(op: str):
    try:
        import safetensors
    except ImportError:
        raise ImportError(
            f"{op} needs the package safetensors: pip install safetensors"
        ) from None
    return safetensors
