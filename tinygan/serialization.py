"""`save` and `load`: nested data with arrays in one file, without pickle.

The file is a NumPy ``.npz`` archive, uncompressed: the arrays, and a JSON text of everything around
them. Loading runs no code from the file, and takes no more memory than the file's length.
"""

from __future__ import annotations

import json
import math
import os
import re
import zipfile
from typing import IO, Any, Literal

import numpy as np

from tinygan.devices import to_device
from tinygan.files import atomic_write
from tinygan.reading import BoundedFile, fill, is_system_failure, naming, reason
from tinygan.tensor import Tensor

_STRUCTURE = "structure.json"
_FORMAT = "tinygan-1"
_HEADER = re.compile(
    rb"{'descr': '([<>|][biuf]\d+)', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), } *\n"
)


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
        OSError: it cannot be read; it may be sound all the same.
        ValueError: the file was not written by `save`, or is damaged.
    """
    try:
        with naming(path), BoundedFile(path) as file, zipfile.ZipFile(file) as archive:
            arrays = _Arrays(archive, file.length)
            document = json.loads(arrays.read(_STRUCTURE).tobytes())
            if not isinstance(document, dict) or document.get("format") != _FORMAT:
                raise ValueError("it has no format, or one that is not known here")
            return _decode(document["content"], arrays)
    except FileNotFoundError:
        raise FileNotFoundError(f"load: there is no file {path}") from None
    except Exception as error:  # of any kind: zipfile, NumPy and json promise none
        if is_system_failure(error):
            raise
        elsewhere = str(path).endswith((".pt", ".pth", ".safetensors"))
        raise ValueError(
            f"load: {path} is damaged or no tinygan file ({reason(error)})"
            + ("; weights of PyTorch are read by tinygan.weights" if elsewhere else "")
        ) from error


class _Arrays:
    """The arrays of an archive, each of which is read once.

    No more memory is given to them than the file can fill, whatever its headers announce.
    """

    def __init__(self, archive: zipfile.ZipFile, length: int):
        self.archive = archive
        self.unread = {entry.filename for entry in archive.infolist()}
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"its entry {entry.filename!r} is compressed; save's never are")
        if sum(entry.file_size for entry in archive.infolist()) > length:
            raise ValueError("its entries are longer than the file")

    def read(self, name: str) -> np.ndarray:
        entry = self.archive.getinfo(f"{name}.npy")
        # Otherwise a short text could ask for one long array again and again.
        if entry.filename not in self.unread:
            raise ValueError(f"its entry {entry.filename!r} is used twice")
        self.unread.remove(entry.filename)
        with self.archive.open(entry) as member:
            dtype, order, shape = _read_header(member)
            size = dtype.itemsize * math.prod(shape)
            if size != entry.file_size - member.tell():
                raise ValueError(f"its entry {entry.filename!r} has other bytes than {shape} asks")
            array = np.empty(shape, dtype, order)
            if fill(array, member) < size or member.read(1):  # at its end the checksum is compared
                raise ValueError(f"its entry {entry.filename!r} ends too early")
        return array


def _read_header(member: IO[bytes]) -> tuple[np.dtype, Literal["C", "F"], tuple[int, ...]]:
    """dtype, order and shape of an array, by the header that NumPy writes (numpy.lib.format, 1.0).

    NumPy itself reads it by Python's parser, which a long expression overwhelms.
    """
    start = member.read(10)
    text = member.read(int.from_bytes(start[8:], "little"))
    match = _HEADER.fullmatch(text)
    if start[:8] != b"\x93NUMPY\1\0" or match is None:
        raise ValueError("an entry is no array of numbers")
    dtype, fortran, lengths = (group.decode() for group in match.groups())
    shape = tuple(int(length) for length in lengths.split(",") if length.strip())
    return np.dtype(dtype), "F" if fortran == "True" else "C", shape


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


def _decode(content: Any, arrays: _Arrays) -> Any:
    if isinstance(content, list):
        raise ValueError("a list of no known kind")
    if not isinstance(content, dict):
        return content
    ((kind, value),) = content.items()
    if kind == "tensor":
        return Tensor(arrays.read(value))
    if kind == "array":
        return arrays.read(value)
    if kind == "dict":
        return {key: _decode(item, arrays) for key, item in value.items()}
    if kind not in ("list", "tuple") or not isinstance(value, list):
        raise ValueError(f"unknown kind {kind!r}")
    items = [_decode(item, arrays) for item in value]
    return items if kind == "list" else tuple(items)
