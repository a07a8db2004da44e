"""How the values of a tensor stand in a file."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygan.devices import to_device
from tinygan.tensor import Tensor


class Encoding(NamedTuple):
    """One type of values: its names, how a value is stored, and the dtype that it is read as.

    tinygan does not compute in float16 and bfloat16: such values are read as float32, which holds
    each of them exactly.
    """

    storage: str | None  # PyTorch's class of storages, in the module torch
    code: str  # safetensors' name
    stored: str  # NumPy's code; bfloat16, which NumPy does not have, as 16 bits
    dtype: str

    @property
    def itemsize(self) -> int:
        return np.dtype(self.stored).itemsize

    def decode(self, data: bytes | bytearray, byte_order: str = "<") -> np.ndarray:
        """The values in `data`, one after the other, in memory of their own."""
        raw = np.frombuffer(data, byte_order + self.stored)
        if self.code == "BF16":  # the upper half of a float32
            return (raw.astype(np.uint32) << 16).view(np.float32)
        if self.code == "BOOL":  # a byte that is neither 0 nor 1 would make no valid bool
            return raw != 0
        return raw.astype(self.dtype)


ENCODINGS = (
    Encoding("FloatStorage", "F32", "f4", "float32"),
    Encoding("DoubleStorage", "F64", "f8", "float64"),
    Encoding("HalfStorage", "F16", "f2", "float32"),
    Encoding("BFloat16Storage", "BF16", "u2", "float32"),
    Encoding("LongStorage", "I64", "i8", "int64"),
    Encoding("IntStorage", "I32", "i4", "int32"),
    Encoding("ShortStorage", "I16", "i2", "int16"),
    Encoding("CharStorage", "I8", "i1", "int8"),
    Encoding("ByteStorage", "U8", "u1", "uint8"),
    Encoding(None, "U16", "u2", "uint16"),
    Encoding(None, "U32", "u4", "uint32"),
    Encoding(None, "U64", "u8", "uint64"),
    Encoding("BoolStorage", "BOOL", "u1", "bool"),
)
BY_CODE = {encoding.code: encoding for encoding in ENCODINGS}
BY_STORAGE = {encoding.storage: encoding for encoding in ENCODINGS if encoding.storage}
# What a NumPy array is written as.
BY_DTYPE = {
    np.dtype(encoding.dtype): encoding
    for encoding in ENCODINGS
    if encoding.code not in ("F16", "BF16")
}


def is_array(value: object) -> bool:
    return isinstance(value, (Tensor, np.ndarray, np.generic))


def host_array(op: str, place: str, value: object) -> np.ndarray:
    """The values of a Tensor or an array as they are written: on the CPU, in C order and
    little-endian, whatever their order in memory was.

    Raises:
        TypeError: it is neither, or of a dtype that has no encoding.
    """
    if not is_array(value):
        raise TypeError(
            f"{op}: {place} is of type {type(value).__name__}; expected a Tensor or a NumPy array"
        )
    array = np.asarray(to_device(value.array, "cpu") if isinstance(value, Tensor) else value)
    dtype = array.dtype.newbyteorder("=")
    if dtype not in BY_DTYPE:
        raise TypeError(
            f"{op}: {place} is of {dtype}; expected float32, float64, an integer type or bool"
        )
    return np.asarray(array, dtype.newbyteorder("<"), order="C")
