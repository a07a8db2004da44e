"""A folder of pictures as a data set of square images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .dataset import DataFormatError, Dataset, DataUnavailableError

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif")
MODES = {1: "L", 3: "RGB"}
"""Pillow's name for pictures of this many channels."""


def image_folder(path: str | Path, size: int, channels: int = 3) -> Dataset:
    """All pictures below a folder, in the order of their relative paths.

    Each is resized (Lanczos) until its shorter side is ``size`` and cropped at the centre to
    size x size. ``channels`` is 1 for grey or 3 for colour; what is transparent becomes white,
    and of a moving picture the first frame is taken.

    Returns a Dataset with images uint8 (n, channels, size, size), named after the folder. Where all
    pictures lie in sub-folders, and at least two of these hold any, the sub-folders are the
    classes: label k is the k-th of their names in alphabetical order. Otherwise labels are None.

    Raises ValueError for another ``size`` or ``channels``, NotADirectoryError for a missing
    folder, DataUnavailableError when no file has a known ending, DataFormatError naming a
    picture that cannot be read, ImportError without Pillow.
    """
    if size < 1:
        raise ValueError(f"size is {size}; expected 1 or more")
    if channels not in MODES:
        raise ValueError(f"channels is {channels}; expected 1 (grey) or 3 (colour)")
    folder = Path(path)
    if not folder.is_dir():
        raise NotADirectoryError(f"path is {str(path)!r}; expected an existing folder")
    files = [file for file in folder.rglob("*") if file.suffix.lower() in ENDINGS]
    files = [file for file in files if file.is_file()]
    files.sort(key=lambda file: file.relative_to(folder).as_posix())
    if not files:
        raise DataUnavailableError(f"{folder}: no file ends in {', '.join(ENDINGS)}")
    images = np.empty((len(files), size, size, channels), np.uint8)
    for image, file in zip(images, files, strict=True):
        image[:] = _read_square(file, size, MODES[channels]).reshape(image.shape)
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return Dataset(planes, _labels(folder, files), folder.resolve().name)


def _labels(folder: Path, files: list[Path]) -> np.ndarray | None:
    """By the direct sub-folders of `folder`; None when they are no classes."""
    places = [file.relative_to(folder).parts for file in files]
    names = sorted({place[0] for place in places})
    if len(names) < 2 or any(len(place) == 1 for place in places):
        return None
    return np.array([names.index(place[0]) for place in places], np.int64)


def _read_square(file: Path, size: int, mode: str) -> np.ndarray:
    """The picture as uint8 (size, size) or (size, size, 3)."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError(
            "reading pictures needs Pillow: pip install pillow"
        ) from error
    try:
        with Image.open(file) as opened:
            # Photographs may lie on their side, with a note in the file how to turn them.
            picture = ImageOps.exif_transpose(opened)
            if "A" in picture.getbands() or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                white = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(white, picture)
            square = ImageOps.fit(picture.convert(mode), (size, size), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataFormatError(f"{file}: not a readable picture ({error})") from error
    return np.asarray(square)
