"""Reading the files that ``torch.save`` writes.

Since PyTorch 1.6 such a file is a zip archive, uncompressed: ``NAME/data.pkl`` is the pickle of the
saved object, in which each tensor refers to a storage by its key, and ``NAME/data/KEY`` are the
bytes of a storage. Before, it was a row of pickles, and after them the bytes of all storages.
"""

from __future__ import annotations

import io
import os
import zipfile
from typing import IO, Any

import numpy as np

from tinygan.reading import BoundedFile, is_system_failure, naming, reason
from tinygan.tensor import Tensor
from tinygan.weights_format.encoding import BY_STORAGE, Encoding
from tinygan.weights_format.unpickle import SAVE_STATE_DICT, Function, Refused, read_pickle

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001


def load(path: str | os.PathLike | IO[bytes]) -> Any:
    """What ``torch.save`` wrote to `path`, or into an open binary file, with Tensors on the CPU; no
    code of the file is run.

    Read are dicts, lists, tuples, strings, numbers, None, and tensors and parameters of float16,
    bfloat16, float32, float64, integers and bool; an OrderedDict comes as a dict, a torch.Size as a
    tuple, a torch.device as its name. **float16 and bfloat16 become float32.** Tensors that share a
    storage share their memory, and have the strides that they had, as in PyTorch.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file was not written by torch.save, is damaged, or holds something else,
            such as a whole module; the message says what to save instead.
        OSError: the system could not read it.
    """
    try:
        if not isinstance(path, (str, os.PathLike)):
            return _load(io.BytesIO(path.read()))
        with naming(path), BoundedFile(path) as file:
            return _load(file)
    except FileNotFoundError:
        raise FileNotFoundError(f"load: there is no file {path}") from None
    except Refused as error:
        raise ValueError(f"load: {path} is refused: {error}") from None
    # Of any kind: zipfile, pickletools and NumPy promise none. pickletools also warns, and users
    # can have made warnings errors.
    except Exception as error:
        if is_system_failure(error):
            raise
        raise ValueError(
            f"load: {path} is damaged or was not written by torch.save ({reason(error)})"
        ) from error


def _load(file: IO[bytes]) -> Any:
    start = file.read(4)
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    if start == b"PK\x03\x04":
        with zipfile.ZipFile(file) as archive:
            return _load_archive(archive, length)
    if start[:1] == b"\x80":  # a pickle
        return _load_legacy(file, length)
    raise ValueError("it is neither a zip archive nor a pickle")


class _Storage:
    """A row of values; tensors are views of it."""

    def __init__(self, encoding: Encoding, count: int):
        self.encoding, self.count = encoding, count
        self.values = Tensor(np.empty(count, encoding.dtype))

    def fill(self, data: bytes, byte_order: str) -> None:
        size = self.count * self.encoding.itemsize
        if len(data) < size:
            raise ValueError(f"a storage of {size} bytes has {len(data)}")
        self.values.array[...] = self.encoding.decode(data[:size], byte_order)


class _Storages:
    """The storages that a pickle refers to, by their keys.

    No more memory is given to them than the file can fill.
    """

    def __init__(self, length: int):
        self.bytes_left = length
        self.by_key: dict[str, _Storage] = {}

    def find(self, persistent_id: Any) -> _Storage:
        """Raises Refused or ValueError for an id that is none of a storage of this file."""
        if not isinstance(persistent_id, tuple) or len(persistent_id) not in (5, 6):
            raise ValueError("a persistent id that is not understood")
        kind, encoding, key, _, count, *view = persistent_id
        if kind != "storage" or not isinstance(encoding, Encoding) or not isinstance(key, str):
            raise ValueError("a persistent id that names no storage")
        if view not in ([], [None]):
            raise Refused("it has a storage that is a view of another one, as before PyTorch 0.4")
        _check_lengths("the length of a storage", (count,))
        storage = self.by_key.get(key)
        if storage is None:
            self.bytes_left -= count * encoding.itemsize
            if self.bytes_left < 0:
                raise ValueError("its storages are longer than the file")
            storage = self.by_key[key] = _Storage(encoding, count)
            self.added(key, storage)
        if (storage.encoding, storage.count) != (encoding, count):
            raise ValueError(f"storage {key!r} has two types or lengths")
        return storage

    def added(self, key: str, storage: _Storage) -> None:
        """A storage was named for the first time."""


# The archive


class _ArchivedStorages(_Storages):
    """Storages that are read when the pickle names them."""

    def __init__(self, archive: zipfile.ZipFile, folder: str, length: int):
        super().__init__(length)
        self.archive, self.folder = archive, folder
        names = archive.namelist()
        order = archive.read(f"{folder}/byteorder") if f"{folder}/byteorder" in names else b"little"
        self.byte_order = {b"little": "<", b"big": ">"}[order.strip()]

    def added(self, key: str, storage: _Storage) -> None:
        storage.fill(self.archive.read(f"{self.folder}/data/{key}"), self.byte_order)


def _load_archive(archive: zipfile.ZipFile, length: int) -> Any:
    entries = archive.infolist()
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise Refused(f"it is a TorchScript program. {SAVE_STATE_DICT}")
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED:
            raise Refused(f"its entry {entry.filename!r} is compressed; torch.save's never are")
    if sum(entry.file_size for entry in entries) > length:
        raise ValueError("its entries are longer than the file")
    folders = [
        entry.filename.removesuffix("/data.pkl")
        for entry in entries
        if entry.filename.endswith("/data.pkl") and entry.filename.count("/") == 1
    ]
    if len(folders) != 1:
        raise ValueError(f"it has {len(folders)} entries data.pkl, not one")
    (folder,) = folders
    storages = _ArchivedStorages(archive, folder, length)
    return read_pickle(io.BytesIO(archive.read(f"{folder}/data.pkl")), _NAMES, storages.find)


# Before PyTorch 1.6


def _load_legacy(file: IO[bytes], length: int) -> Any:
    file = io.BytesIO(file.read())  # a file makes room for what it is asked for, however much
    magic = read_pickle(file, _NAMES)
    if magic != _LEGACY_MAGIC:
        raise Refused("it is a pickle, but none of torch.save's")
    protocol, system = read_pickle(file, _NAMES), read_pickle(file, _NAMES)
    if protocol != _LEGACY_PROTOCOL:
        raise ValueError("an unknown version of the format")
    storages = _Storages(length)
    result = read_pickle(file, _NAMES, storages.find)
    keys = read_pickle(file, _NAMES)
    if type(keys) is not list or not all(isinstance(key, str) for key in keys):
        raise TypeError("keys of storages that are no strings")
    if sorted(keys) != sorted(storages.by_key):
        raise ValueError("other storages are listed than used")
    byte_order = "<" if system["little_endian"] else ">"
    for key in keys:
        storage = storages.by_key[key]
        count = int(np.frombuffer(file.read(8), f"{byte_order}i8")[0])
        if count != storage.count:
            raise ValueError(f"storage {key!r} has two lengths")
        storage.fill(file.read(count * storage.encoding.itemsize), byte_order)
    return result


# What PyTorch's pickles call


def _rebuild_tensor(
    storage: _Storage, offset: int, size: tuple, stride: tuple, requires_grad: bool = False,
    hooks: object = None, metadata: object = None,
) -> Tensor:  # fmt: skip
    """torch._utils._rebuild_tensor_v2: a view of a storage. Offset and strides count elements."""
    if not isinstance(storage, _Storage):
        raise TypeError("a tensor without a storage")
    if not isinstance(size, tuple) or not isinstance(stride, tuple) or len(size) != len(stride):
        raise ValueError("a tensor whose size and strides do not belong together")
    _check_lengths("offset, size or strides of a tensor", (offset, *size, *stride))
    if metadata:
        raise Refused("it has a tensor that is still to be negated; save tensor.resolve_neg()")
    empty = 0 in size
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if not empty and last >= storage.count:
        raise ValueError(f"a tensor of size {size} reaches beyond its storage")
    tensor = storage.values.detach()  # shares the memory and its count of changes
    values = storage.values.array
    if empty:
        tensor.array = np.empty(size, values.dtype)
    else:
        steps = [step * values.itemsize for step in stride]
        tensor.array = np.ndarray(size, values.dtype, values, offset * values.itemsize, steps)
    return _rebuild_parameter(tensor, requires_grad)


def _rebuild_parameter(tensor: Tensor, requires_grad: bool, *rest: object) -> Tensor:
    """torch._utils._rebuild_parameter; `rest`: hooks, and attributes that users have set."""
    if not isinstance(tensor, Tensor) or not isinstance(requires_grad, bool):
        raise TypeError("a parameter that is no tensor")
    return tensor.requires_grad_(requires_grad)


def _ordered_dict(pairs: object = ()) -> dict:
    """collections.OrderedDict, without arguments but in files of Python 2."""
    if pairs == ():
        return {}
    if type(pairs) is not list or not all(type(pair) is list and len(pair) == 2 for pair in pairs):
        raise TypeError("an OrderedDict of what is no list of pairs")
    if not all(isinstance(key, str) for key, _ in pairs):
        raise TypeError("an OrderedDict with keys that are no strings")
    result = dict(pairs)
    pairs.clear()  # so that a list which is used again and again does not fill the memory
    return result


def _size(lengths: object) -> tuple:
    if not isinstance(lengths, tuple):
        raise TypeError("a torch.Size of what is no tuple")
    return lengths


def _device(name: object, index: object = None) -> str:
    if not isinstance(name, str) or not (index is None or isinstance(index, int)):
        raise TypeError("a torch.device of what is no name")
    return name if index is None else f"{name}:{index}"


def _check_lengths(what: str, numbers: tuple) -> None:
    for number in numbers:
        if type(number) is not int or not 0 <= number < 2**63:
            raise ValueError(f"{what} is no length")


_NAMES: dict[str, object] = {
    "collections.OrderedDict": Function(_ordered_dict),
    "torch.Size": Function(_size),
    "torch.device": Function(_device),
    "torch._utils._rebuild_tensor": Function(_rebuild_tensor),
    "torch._utils._rebuild_tensor_v2": Function(_rebuild_tensor),
    "torch._utils._rebuild_parameter": Function(_rebuild_parameter),
    "torch._utils._rebuild_parameter_with_state": Function(_rebuild_parameter),
    **{f"torch.{name}": encoding for name, encoding in BY_STORAGE.items()},
}
