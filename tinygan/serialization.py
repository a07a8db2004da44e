"""`save` and `load`: nested data with arrays in one file, without pickle.

The file is a NumPy ``.npz`` archive: the arrays, and a JSON text of everything around them. Loading
runs no code from the file.
"""

from __future__ import annotations

import json
import os
import zipfile
from typing import Any

import numpy as np

from tinygan.devices import to_device
from tinygan.files import atomic_write
from tinygan.tensor import Tensor

_STRUCTURE = "structure.json"
_FORMAT = "tinygan-1"
# What zipfile, NumPy and `_decode` raise on bytes that make no sense.
_DAMAGE = (
    zipfile.BadZipFile, EOFError, OSError, LookupError, ValueError, TypeError, AttributeError,
    RuntimeError,
)  # fmt: skip


def save(obj: Any, path: str | os.PathLike) -> None:
    """Writes `obj` to `path`, atomically.

    `obj` is made of dicts with string keys, lists, tuples, strings, numbers, booleans, None,
    NumPy arrays and Tensors (a Tensor is saved without its graph and comes back on the CPU).

    Raises:
        TypeError: something else is in it; the message says where. Nothing is written.
    """
    arrays: dict[str, np.ndarray] = {}
    structure = json.dumps({"format": _FORMAT, "content": _encode(obj, arrays, "obj")})
    entries: dict[str, Any] = {_STRUCTURE: np.frombuffer(structure.encode(), np.uint8), **arrays}
    with atomic_write(path) as file:
        np.savez(file, **entries)


def load(path: str | os.PathLike) -> Any:
    """What `save` wrote to `path`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file was not written by `save`, or is damaged.
    """
    try:
        with open(path, "rb") as file:  # np.load itself would leave a damaged file open
            archive = np.load(file, allow_pickle=False)
            # An .npy file comes as an array.
            if not isinstance(archive, np.lib.npyio.NpzFile) or _STRUCTURE not in archive.files:
                raise ValueError(f"load: {path} was not written by tinygan.save")
            document = json.loads(bytes(archive[_STRUCTURE]).decode())
            if document.get("format") != _FORMAT:
                raise ValueError(f"load: {path} has format {document.get('format')!r}, not known")
            return _decode(document["content"], archive)
    except FileNotFoundError:
        raise FileNotFoundError(f"load: there is no file {path}") from None
    except _DAMAGE as error:
        if str(error).startswith("load:"):
            raise
        raise ValueError(f"load: {path} is damaged or no tinygan file ({error})") from error


def _encode(obj: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    if isinstance(obj, (Tensor, np.ndarray, np.generic)):
        kind = "tensor" if isinstance(obj, Tensor) else "array"
        array = np.asarray(to_device(obj.array, "cpu") if isinstance(obj, Tensor) else obj)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"save: {where} is an array of {array.dtype}")
        name = f"a{len(arrays)}"
        arrays[name] = array
        return {kind: name}
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, (list, tuple)):
        items = [_encode(item, arrays, f"{where}[{i}]") for i, item in enumerate(obj)]
        return {"list" if isinstance(obj, list) else "tuple": items}
    if isinstance(obj, dict):
        for key in obj:
            if not isinstance(key, str):
                raise TypeError(f"save: {where} has the key {key!r}; keys must be strings")
        return {
            "dict": {key: _encode(item, arrays, f"{where}[{key!r}]") for key, item in obj.items()}
        }
    raise TypeError(f"save: {where} is of type {type(obj).__name__}")


def _decode(content: Any, archive: Any) -> Any:
    if not isinstance(content, dict):
        return content
    ((kind, value),) = content.items()
    if kind == "tensor":
        return Tensor(archive[value])
    if kind == "array":
        return archive[value]
    if kind == "dict":
        return {key: _decode(item, archive) for key, item in value.items()}
    items = [_decode(item, archive) for item in value]
    if kind not in ("list", "tuple"):
        raise ValueError(f"unknown kind {kind!r}")
    return items if kind == "list" else tuple(items)
