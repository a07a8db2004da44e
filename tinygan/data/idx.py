"""Reading the IDX format, in which MNIST is published.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File
formats": two zero bytes, a type code, the number of dimensions, each dimension as a big-endian
32-bit integer, then the values in C order.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from .dataset import DataFormatError

UNSIGNED_BYTE = 0x08
GZIP_START = b"\x1f\x8b"


def read_idx(path: str | Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes, gzipped or not, as a uint8 array.

    Raises DataFormatError, naming the file, when it is damaged or something else; OSError when
    it cannot be read.
    """
    path = Path(path)
    content = _plain_bytes(path)
    if len(content) < 4:
        raise DataFormatError(f"{path}: {len(content)} bytes; expected an IDX header")
    zeros, kind, dimensions = content[:2], content[2], content[3]
    if zeros != b"\0\0" or kind != UNSIGNED_BYTE or dimensions == 0:
        raise DataFormatError(
            f"{path}: magic number 0x{content[:4].hex()}; expected 0x000008 and the number of "
            "dimensions (an IDX file of unsigned bytes)"
        )
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise DataFormatError(f"{path}: {len(content)} bytes; its header alone takes {header}")
    shape = tuple(np.frombuffer(content, ">u4", dimensions, offset=4).tolist())
    if len(content) - header != math.prod(shape):
        raise DataFormatError(
            f"{path}: {len(content) - header} bytes of values; expected {math.prod(shape)} for "
            f"the shape {shape} in its header"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _plain_bytes(path: Path) -> bytes:
    content = path.read_bytes()
    if content.startswith(GZIP_START):
        try:
            return gzip.decompress(content)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataFormatError(f"{path}: damaged or cut-off gzip file ({error})") from error
    if path.suffix == ".gz":
        raise DataFormatError(
            f"{path}: starts with 0x{content[:2].hex()}; expected a gzip file, 0x1f8b"
        )
    return content
