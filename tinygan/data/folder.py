"""A folder of pictures as a data set of square images."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .dataset import DataFormatError, Dataset, DataUnavailableError
from .pictures import ENDINGS, MODES, read_halves, read_square
from .walk import files_below

PROGRESS_SECONDS = 5.0
"""Time between two lines about a long reading; a shorter one is silent."""


def image_folder(
    path: str | Path, size: int, channels: int = 3, skip_unreadable: bool = False
) -> Dataset:
    """All pictures below a folder, in the order of their relative paths.

    Each is resized (Lanczos) until its shorter side is ``size`` and cropped at the centre to
    size x size. ``channels`` is 1 for grey or 3 for colour; what is transparent becomes white,
    and of a moving picture the first frame is taken. A picture is turned as its EXIF orientation
    says.

    Taken are files that end in .png, .jpg, .jpeg, .bmp, .webp, .gif, .tif, .tiff, .ppm or .pgm, of
    any of these formats and of no other. Links are followed. Left out is what is hidden (its name
    starts with a dot), and what systems keep beside the user's files, as ``__MACOSX``.

    Grey pictures of more than 8 bits are brought to 0 ... 255 by their range: 0 ... 65535 with 16
    bits (4095 with 12). For 32 bits there is no such rule: floats within 0 ... 1, and floats or
    integers within 0 ... 255, are taken as such; of others, the least value of the picture becomes
    black and its greatest white.

    With ``skip_unreadable``, a picture that cannot be read is left out, and ``skipped`` of the
    result names it. One of more than 2^26 pixels (8192 x 8192), or of more than 512 MiB, is not
    read.

    Returns a Dataset with images uint8 (n, channels, size, size), named after the folder. Where all
    pictures lie in sub-folders, and at least two of these hold any, the sub-folders are the
    classes: label k is the k-th of their names in alphabetical order, which are in ``classes``.
    Otherwise labels and classes are None. While reading takes long, stderr says how far it is.

    Raises ValueError for another ``size`` or ``channels``, NotADirectoryError for a missing
    folder, DataUnavailableError when no file has a known ending, DataFormatError naming a
    picture that is damaged or too large, OSError naming one that cannot be opened, ImportError
    without Pillow.
    """
    folder = _checked(path, size, channels)
    images, kept, skipped = _read_all(
        folder, (channels, size, size), lambda file: read_square(file, size, channels),
        skip_unreadable,
    )  # fmt: skip
    classes, labels = _classes(folder, kept)
    return Dataset(images, labels, folder.resolve().name, classes, skipped)


def pair_folder(
    path: str | Path, size: int, channels: int = 3, skip_unreadable: bool = False
) -> Dataset:
    """All pictures below a folder that show two things side by side, x on the left and y on the
    right, as the data sets of pix2pix do.

    Each half is brought to size x size as `image_folder` does with a picture. Returns a Dataset
    with images uint8 (n, 2 channels, size, size), x's channels first, without labels.

    Raises as `image_folder` does; DataFormatError also of a picture that is not wider than high.
    """
    folder = _checked(path, size, channels)
    images, _, skipped = _read_all(
        folder, (2 * channels, size, size), lambda file: read_halves(file, size, channels),
        skip_unreadable,
    )  # fmt: skip
    return Dataset(images, None, folder.resolve().name, None, skipped)


def _checked(path: str | Path, size: int, channels: int) -> Path:
    if size < 1:
        raise ValueError(f"size is {size}; expected 1 or more")
    if channels not in MODES:
        raise ValueError(f"channels is {channels}; expected 1 (grey) or 3 (colour)")
    folder = Path(path)
    if not folder.is_dir():
        raise NotADirectoryError(f"path is {str(path)!r}; expected an existing folder")
    return folder


def _read_all(
    folder: Path, shape: tuple[int, int, int], read: Callable[[Path], np.ndarray],
    skip_unreadable: bool,
) -> tuple[np.ndarray, list[Path], tuple[str, ...]]:  # fmt: skip
    """The pictures below a folder (n, *shape), each by `read` (h, w, c); their files; and what was
    left out."""
    files = files_below(folder, ENDINGS)
    if not files:
        raise DataUnavailableError(f"{folder}: no file ends in {', '.join(ENDINGS)}")
    images = np.empty((len(files), *shape), np.uint8)
    kept: list[Path] = []
    skipped: list[str] = []
    for file in _with_progress(files, folder):
        try:
            picture = read(file)
        except (DataFormatError, OSError) as error:
            if not skip_unreadable:
                raise
            skipped.append(_one_line(file, error))
            continue
        images[len(kept)] = picture.transpose(2, 0, 1)
        kept.append(file)
    if not kept:
        raise DataFormatError(
            f"{folder}: none of its {len(files)} pictures can be read; the first: {skipped[0]}"
        )
    return images[: len(kept)], kept, tuple(skipped)


def _classes(
    folder: Path, files: list[Path]
) -> tuple[tuple[str, ...] | None, np.ndarray | None]:
    """The direct sub-folders of `folder`, and the label of each file; None where they are no
    classes."""
    places = [file.relative_to(folder).parts for file in files]
    names = sorted({place[0] for place in places})
    if len(names) < 2 or any(len(place) == 1 for place in places):
        return None, None
    numbers = {name: number for number, name in enumerate(names)}
    return tuple(names), np.array([numbers[place[0]] for place in places], np.int64)


def _one_line(file: Path, error: Exception) -> str:
    """Which file, and what is wrong with it; a name may have line breaks."""
    system = isinstance(error, OSError) and error.strerror
    text = f"{file}: {system}" if system else str(error)
    return text.replace("\n", "\\n")


def _with_progress(files: list[Path], folder: Path) -> Iterator[Path]:
    """The files; a line on stderr after every `PROGRESS_SECONDS`."""
    last = time.monotonic()
    for number, file in enumerate(files):
        if time.monotonic() - last > PROGRESS_SECONDS:
            last = time.monotonic()
            if sys.stderr is not None:
                with contextlib.suppress(OSError, ValueError):  # closed by someone
                    print(f"{folder}: {number} of {len(files)} pictures read", file=sys.stderr)
        yield file
