"""One picture file as a square array, or an error that names the file."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinygan.reading import BoundedFile, is_system_failure, naming, reason

from .dataset import DataFormatError

FORMATS = {
    "PNG": (".png",), "JPEG": (".jpg", ".jpeg"), "BMP": (".bmp",), "WEBP": (".webp",),
    "GIF": (".gif",), "TIFF": (".tif", ".tiff"), "PPM": (".ppm", ".pgm"),
}  # fmt: skip
"""The formats that are read, and how their files' names end. A file may be of any of these formats,
whatever its own name says. It is never tried as one of the many others that Pillow knows."""

ENDINGS = tuple(ending for endings in FORMATS.values() for ending in endings)

MAX_PIXELS = 2**26
"""A picture of more pixels than 8192 x 8192 is refused before there is memory for it: a file of a
few kilobytes may announce billions."""

MAX_BYTES = 2**29
"""A file of more than 512 MiB is no picture of so few pixels."""

MODES = {1: "L", 3: "RGB"}
"""Pillow's name for pictures of this many channels."""

BAND = 2**20
"""Pixels that are converted at once, so that no second copy of a large picture is made."""

# What a picture's orientation (EXIF, tag 0x0112) asks for.
ORIENTATIONS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270",
    7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip


def read_square(path: Path, size: int, channels: int) -> np.ndarray:
    """The picture as uint8 (size, size, channels): see `image_folder`.

    Raises DataFormatError, naming the file, when it is no picture or a damaged one; OSError when it
    cannot be read; ImportError without Pillow.
    """
    with opened_picture(path) as picture:
        square = _square(_converted(picture, channels), size)
    return np.asarray(square).reshape(size, size, channels)


def read_halves(path: Path, size: int, channels: int) -> np.ndarray:
    """The left and the right half of the picture, each as of `read_square`, as further channels:
    uint8 (size, size, 2 channels). Raises as `read_square`."""
    with opened_picture(path) as picture:
        whole = _converted(picture, channels)
        width, height = whole.size
        if width <= height:
            raise ValueError(f"{width} x {height} pixels; expected two pictures side by side")
        boxes = (0, 0, width // 2, height), (width - width // 2, 0, width, height)
        halves = [np.asarray(_square(whole.crop(box), size)) for box in boxes]
    return np.concatenate([half.reshape(size, size, channels) for half in halves], 2)


def _converted(picture: Any, channels: int) -> Any:
    """Upright, in 8 bits, grey or in colour."""
    convert = _conversion(picture, MODES[channels])
    return _in_bands(_upright(picture), convert, MODES[channels])


def _square(picture: Any, size: int) -> Any:
    from PIL import Image, ImageOps

    return ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)


@contextlib.contextmanager
def opened_picture(path: str | Path) -> Iterator[Any]:
    """The picture in a file of one of `FORMATS`, as Pillow has it: its pixels have been read.

    Raises as `read_square`; so does what the block cannot do with the picture.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("reading pictures needs Pillow: pip install pillow") from error
    try:
        with naming(path), BoundedFile(path) as file:
            _check_file(file)
            with Image.open(file, formats=list(FORMATS)) as picture:
                _check_pixels(*picture.size)
                picture.load()
                yield picture
    except Exception as error:  # of any kind: Pillow's readers promise none
        if is_system_failure(error):
            raise
        what = reason(error)
        if isinstance(error, Image.UnidentifiedImageError):
            what = f"what it holds is none of {', '.join(FORMATS)}"
        raise DataFormatError(f"{path}: not a readable picture ({what})") from error


def _check_file(file: BoundedFile) -> None:
    if file.length == 0:
        raise ValueError("the file is empty")
    if file.length > MAX_BYTES:
        raise ValueError(f"{file.length} bytes; expected at most {MAX_BYTES}")
    # The library for WebP takes memory for all pixels as soon as it sees the header.
    size = _webp_size(file.read(30))
    if size is not None:
        _check_pixels(*size)


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height by the first 30 bytes of a WebP file; None for another.

    Source: "WebP Container Specification", and RFC 6386 section 9.1 for the kind "VP8 ".
    """
    if len(head) < 30 or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
        return width + 1, height + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", head[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _check_pixels(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ValueError(f"it is {width} x {height} pixels in size")
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels; expected at most {MAX_PIXELS} in all")


def _upright(picture: Any) -> Any:
    """The picture turned as its orientation says: photographs may lie on their side. A note that
    cannot be read is none."""
    try:
        orientation = picture.getexif().get(0x0112)
    except Exception:  # of any kind, as above; warnings too, where they are errors
        return picture
    if not isinstance(orientation, int) or orientation not in ORIENTATIONS:
        return picture
    from PIL import Image

    return picture.transpose(Image.Transpose[ORIENTATIONS[orientation]])


def _in_bands(picture: Any, convert: Callable[[Any], Any], mode: str) -> Any:
    from PIL import Image

    result = Image.new(mode, picture.size)
    width, height = picture.size
    rows = max(BAND // width, 1)
    for top in range(0, height, rows):
        band = picture.crop((0, top, width, min(top + rows, height)))
        result.paste(convert(band), (0, top))
    return result


def _conversion(picture: Any, mode: str) -> Callable[[Any], Any]:
    """What makes a band of the picture one of 8 bits a channel: `mode` is "L" or "RGB"."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        transparent = picture.info.get("transparency")
        return partial(_scaled, limits=_limits(picture), transparent=transparent, mode=mode)
    if picture.getbands()[-1] == "A" or "transparency" in picture.info:
        return partial(_on_white, mode=mode)
    return lambda band: band.convert(mode)


def _on_white(band: Any, mode: str) -> Any:
    from PIL import Image

    band = band.convert("RGBA")
    white = Image.new("RGBA", band.size, "white")
    return Image.alpha_composite(white, band).convert(mode)


def _limits(picture: Any) -> tuple[float, float]:
    """The values of black and white in a grey picture of 16 or 32 bits."""
    if picture.mode.startswith("I;16"):
        bits = getattr(picture, "tag_v2", {}).get(258)  # TIFF's BitsPerSample
        return 0, 4095 if bits == (12,) else 65535
    if picture.mode == "I" and picture.format in ("PNG", "PPM"):
        return 0, 65535
    low, high = picture.getextrema()
    for top in (1, 255) if picture.mode == "F" else (255,):
        if low >= 0 and high <= top:
            return 0, top
    return low, high


def _scaled(band: Any, limits: tuple[float, float], transparent: Any, mode: str) -> Any:
    from PIL import Image

    values = np.asarray(band)
    if not np.isfinite(values).all():
        raise ValueError("it has pixels that are infinite or NaN")
    low, high = limits
    grey = (values.astype(np.float64) - low) * (255 / max(high - low, np.finfo(np.float64).tiny))
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(np.rint(grey).clip(0, 255).astype(np.uint8)).convert(mode)
