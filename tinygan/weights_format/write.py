"""Writing files that ``torch.load(path, weights_only=True)`` reads.

``read.py`` says what is in them. The pickle is written opcode by opcode (``pickletools`` describes
them), since Python's pickler wants the functions that it names, and so PyTorch itself.
"""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
from typing import IO, Any

import numpy as np

from tinygan.files import atomic_write
from tinygan.weights_format.encoding import BY_DTYPE, host_array, is_array

_FOLDER = "archive"
_ALIGNMENT = 64  # bytes; where PyTorch maps a file into memory, its tensors begin there


def save(obj: Any, path: str | os.PathLike | IO[bytes]) -> None:
    """Writes `obj` to `path`, atomically, or into an open binary file, for ``torch.load``.

    `obj` is made of dicts whose keys are strings or integers, lists, tuples, strings, numbers,
    booleans, None, NumPy arrays and Tensors. Each tensor is written in C order, in a storage of its
    own, without its graph.

    Raises:
        TypeError: something else is in it, or an array of a dtype that PyTorch's format does not
            have (uint16, uint32, uint64); the message says where. Nothing is written.
    """
    arrays: list[np.ndarray] = []
    pickle = b"\x80\x02" + _pickled(obj, "obj", arrays) + b"."  # PROTO 2, ..., STOP
    if isinstance(path, (str, os.PathLike)):
        with atomic_write(path) as file:
            _write(file, pickle, arrays)
    else:
        whole = io.BytesIO()  # the archive's places count from its own start
        _write(whole, pickle, arrays)
        path.write(whole.getvalue())


def _write(file: IO[bytes], pickle: bytes, arrays: list[np.ndarray]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "data.pkl", pickle)
        _add(archive, "byteorder", b"little")
        for key, array in enumerate(arrays):
            _add(archive, f"data/{key}", array.tobytes())
        _add(archive, "version", b"3\n")


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """An entry whose data begin at a multiple of 64 bytes: its header ends with a field of that
    length, which readers skip."""
    entry = zipfile.ZipInfo(f"{_FOLDER}/{name}")  # with a fixed date: equal data make equal files
    assert archive.fp is not None
    start = archive.fp.tell() + 30 + len(entry.filename) + 4  # the header, and that of the field
    padding = -start % _ALIGNMENT
    entry.extra = b"FB" + struct.pack("<H", padding) + bytes(padding)
    archive.writestr(entry, data)


def _pickled(obj: Any, place: str, arrays: list[np.ndarray]) -> bytes:
    """The opcodes that put `obj` on the stack; its tensors are added to `arrays`."""
    if is_array(obj):
        return _tensor(obj, place, arrays)
    if obj is None or isinstance(obj, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[obj]
    if isinstance(obj, int):
        return _integer(obj)
    if isinstance(obj, float):
        return b"G" + struct.pack(">d", obj)
    if isinstance(obj, str):
        text = obj.encode()
        return b"X" + struct.pack("<I", len(text)) + text
    if isinstance(obj, (list, tuple)):
        items = [_pickled(item, f"{place}[{i}]", arrays) for i, item in enumerate(obj)]
        # MARK, items, TUPLE; or an empty list, MARK, items, APPENDS
        start, end = (b"(", b"t") if isinstance(obj, tuple) else (b"](", b"e")
        return start + b"".join(items) + end
    if isinstance(obj, dict):
        parts = []
        for key, value in obj.items():
            if not isinstance(key, (str, int)):
                raise TypeError(f"save: {place} has the key {key!r}; expected a string or an int")
            parts += [_pickled(key, place, arrays), _pickled(value, f"{place}[{key!r}]", arrays)]
        return b"}(" + b"".join(parts) + b"u"  # an empty dict, MARK, items, SETITEMS
    raise TypeError(f"save: {place} is of type {type(obj).__name__}")


def _integer(number: int) -> bytes:
    if -(2**31) <= number < 2**31:
        return b"J" + struct.pack("<i", number)
    data = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + struct.pack("B", len(data)) + data


def _tensor(value: Any, place: str, arrays: list[np.ndarray]) -> bytes:
    """_rebuild_tensor_v2(storage, 0, size, strides, requires_grad=False, hooks=OrderedDict())"""
    array = host_array("save", place, value)
    storage_type = BY_DTYPE[array.dtype.newbyteorder("=")].storage
    if storage_type is None:
        raise TypeError(f"save: {place} is of {array.dtype}, which PyTorch's files do not have")
    key, count = str(len(arrays)), array.size
    arrays.append(array)
    persistent_id = [_pickled("storage", place, arrays), _global("torch", storage_type)]
    persistent_id += [_pickled(part, place, arrays) for part in (key, "cpu", count)]
    strides = tuple(math.prod(array.shape[i + 1 :]) for i in range(array.ndim))
    return b"".join([
        _global("torch._utils", "_rebuild_tensor_v2"),
        b"((", *persistent_id, b"tQ",  # MARK, MARK, ..., TUPLE, BINPERSID
        *[_pickled(part, place, arrays) for part in (0, array.shape, strides, False)],
        _global("collections", "OrderedDict"), b")R",  # of an empty tuple, REDUCE
        b"tR",
    ])  # fmt: skip


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()
