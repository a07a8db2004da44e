"""A picture as a tensor: the names of ``torchvision.io``."""

from __future__ import annotations

import enum
import io
import os
from typing import BinaryIO

import numpy as np

from tinygan.data.pictures import FORMATS
from tinygan.tensor import Tensor
from tinygan.vision.pillow import pillow

__all__ = ["ImageReadMode", "decode_image", "read_image"]


class ImageReadMode(enum.Enum):
    """The channels of what is read; UNCHANGED leaves them as the file has them."""

    UNCHANGED = ""
    GRAY = "L"
    GRAY_ALPHA = "LA"
    RGB = "RGB"
    RGB_ALPHA = "RGBA"


Mode = ImageReadMode | str


def read_image(
    path: str | os.PathLike,
    mode: Mode = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The picture in a file as a uint8 tensor (channels, height, width), 0 ... 255.

    Args:
        mode: one of `ImageReadMode`, or its name. A palette becomes RGB in any case.
        apply_exif_orientation: whether it is turned as its camera says.

    Raises:
        ValueError: no such mode; or the file, which the message names, is no picture of a format
            that is read, or one of more than 8 bits for each channel.
        FileNotFoundError: there is no such file.
        ImportError: Pillow is missing.
    """
    with open(path, "rb") as file:
        return _decode(f"read_image: {os.fspath(path)}", file, mode, apply_exif_orientation)


def decode_image(
    input: Tensor | str | os.PathLike,
    mode: Mode = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """As `read_image`, also of the bytes of a file in a uint8 tensor of one dimension."""
    if not isinstance(input, Tensor):
        return read_image(input, mode, apply_exif_orientation)
    if input.ndim != 1 or input.dtype != np.uint8:
        raise ValueError(
            "decode_image: input must be a file's name, or a uint8 tensor of one dimension, got "
            f"{input.dtype} of shape {input.shape}"
        )
    file = io.BytesIO(input.cpu().numpy().tobytes())
    return _decode("decode_image: input", file, mode, apply_exif_orientation)


def _decode(what: str, file: BinaryIO, mode: Mode, turned: bool) -> Tensor:
    modes = ImageReadMode.__members__
    if isinstance(mode, str):
        if mode.upper() not in modes:
            raise ValueError(f"{what}: mode must be one of {', '.join(modes)}, got {mode!r}")
        mode = modes[mode.upper()]
    library = pillow("reading a picture")
    try:
        picture = library.open(file, formats=list(FORMATS))
        if turned:
            from PIL import ImageOps

            picture = ImageOps.exif_transpose(picture)
        kind = {"1": "L", "P": "RGB"}.get(picture.mode, picture.mode)
        if kind not in ("L", "LA", "RGB", "RGBA"):
            raise ValueError(f"its channels are {picture.mode}, not of 8 bits, grey or RGB")
        pixels = np.array(picture.convert(mode.value or kind))
    except Exception as error:  # of any kind: Pillow's readers promise none
        raise ValueError(f"{what} is no picture that can be read ({error})") from error
    return Tensor(np.ascontiguousarray(np.atleast_3d(pixels).transpose(2, 0, 1)))
