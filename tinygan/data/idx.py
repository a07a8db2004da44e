"""Reading and writing the IDX format, in which MNIST is published.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File
formats": two zero bytes, a type code, the number of dimensions, each dimension as a big-endian
32-bit integer, then the values in C order.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from tinygan.files import atomic_write
from tinygan.reading import BoundedFile, fill, naming

from .dataset import DataFormatError

UNSIGNED_BYTE = 0x08
GZIP_START = b"\x1f\x8b"

MOST_DIMENSIONS = 64
"""More NumPy does not have."""

MOST_INFLATED = 1032
"""What one byte of a gzip file can stand for at most: 258 bytes by 2 bits."""


def read_idx(path: str | Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes, gzipped or not, as a uint8 array.

    It takes the memory of that array, and no more than the file can fill.

    Raises DataFormatError, naming the file, when it is damaged or something else; OSError when
    it cannot be read.
    """
    path = Path(path)
    with naming(path), BoundedFile(path) as file:
        start = file.read(2)
        file.seek(0)
        if start != GZIP_START:
            if path.suffix == ".gz":
                raise DataFormatError(
                    f"{path}: starts with 0x{start.hex()}; expected a gzip file, 0x1f8b"
                )
            return _read(path, file, file.length)
        try:
            with gzip.GzipFile(fileobj=file) as unzipped:
                return _read(path, unzipped, MOST_INFLATED * file.length)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataFormatError(f"{path}: damaged or cut-off gzip file ({error})") from error


def write_idx(path: str | Path, values: np.ndarray) -> None:
    """Write a uint8 array as an IDX file that `read_idx` reads, whole or not at all; gzipped where
    the name ends in .gz. The same array makes the same bytes.

    Raises TypeError for another dtype, ValueError for an array without or with more than 64
    dimensions, OSError when the file cannot be written.
    """
    if values.dtype != np.uint8:
        raise TypeError(f"write_idx: values have dtype {values.dtype}; expected uint8")
    if not 1 <= values.ndim <= MOST_DIMENSIONS:
        raise ValueError(f"write_idx: values have {values.ndim} dimensions; expected 1 to 64")
    header = bytes([0, 0, UNSIGNED_BYTE, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    content = header + values.tobytes()
    if Path(path).suffix == ".gz":
        content = gzip.compress(content, mtime=0)  # no time in the file
    with atomic_write(path) as file:
        file.write(content)


def _read(path: Path, file: Any, most: int) -> np.ndarray:
    """The array of a file that has at most `most` bytes."""
    start = file.read(4)
    if len(start) < 4:
        raise DataFormatError(f"{path}: {len(start)} bytes; expected an IDX header")
    zeros, kind, dimensions = start[:2], start[2], start[3]
    if zeros != b"\0\0" or kind != UNSIGNED_BYTE or dimensions == 0:
        raise DataFormatError(
            f"{path}: magic number 0x{start.hex()}; expected 0x000008 and the number of "
            "dimensions (an IDX file of unsigned bytes)"
        )
    if dimensions > MOST_DIMENSIONS:
        raise DataFormatError(f"{path}: {dimensions} dimensions; expected at most 64")
    lengths = file.read(4 * dimensions)
    header = 4 + 4 * dimensions
    if len(lengths) < 4 * dimensions:
        raise DataFormatError(
            f"{path}: {4 + len(lengths)} bytes; its header alone takes {header}"
        )
    shape = tuple(np.frombuffer(lengths, ">u4").tolist())
    count = math.prod(shape)
    expected = f"expected {count} for the shape {shape} in its header"
    if count > most:
        raise DataFormatError(f"{path}: fewer than {most} bytes of values; {expected}")
    try:
        values = np.empty(shape, np.uint8)
    except ValueError as error:  # lengths that overflow beside one of 0
        raise DataFormatError(f"{path}: no array has the shape {shape} of its header") from error
    found = fill(values, file)
    if found < count:
        raise DataFormatError(f"{path}: {found} bytes of values; {expected}")
    if file.read(1):  # at the end a gzip file compares its checksum
        raise DataFormatError(f"{path}: more bytes of values; {expected}")
    return values
