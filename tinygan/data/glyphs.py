"""Letters and signs, each drawn in the twelve styles of the DejaVu fonts.

Fonts: DejaVu 2.37 (https://dejavu-fonts.github.io), which matplotlib brings along. They are free to
use and to pass on, by the licence of Bitstream Vera, from which they descend.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygan.packages import require
from tinygan.reading import is_system_failure, reason

from .dataset import DataFormatError, Dataset, DataUnavailableError
from .lookalikes import Pair, check_split, equal, nearly_equal, split

FILES = {
    "Sans": "DejaVuSans.ttf",
    "Sans Bold": "DejaVuSans-Bold.ttf",
    "Sans Oblique": "DejaVuSans-Oblique.ttf",
    "Sans Bold Oblique": "DejaVuSans-BoldOblique.ttf",
    "Serif": "DejaVuSerif.ttf",
    "Serif Bold": "DejaVuSerif-Bold.ttf",
    "Serif Italic": "DejaVuSerif-Italic.ttf",
    "Serif Bold Italic": "DejaVuSerif-BoldItalic.ttf",
    "Mono": "DejaVuSansMono.ttf",
    "Mono Bold": "DejaVuSansMono-Bold.ttf",
    "Mono Oblique": "DejaVuSansMono-Oblique.ttf",
    "Mono Bold Oblique": "DejaVuSansMono-BoldOblique.ttf",
}
"""The file of each style."""

SIDE_IN_EM = 1.45
"""Height and width of a picture, in units of the font's size. All but a handful of signs fit in."""
BASELINE = 0.78
"""How far below the upper edge the letters stand, as a part of the height."""
OVERSAMPLING = 4
"""Letters are drawn this many times as large, and squares of pixels averaged: hinting, by which
FreeType moves outlines to whole pixels, then moves them by a part of one."""
BLOCK = 64
"""How many letters are drawn at once."""
SMALLEST, LARGEST = 8, 256

ALIKE = 0.02
"""Letters that differ by less look the same, as the capital A of Latin, Greek and Cyrillic; with
more than 0.03, accents would no longer be told apart."""


@dataclass(frozen=True, eq=False)
class Glyphs:
    """The same signs in several styles.

    images: uint8 (styles, n, 1, size, size), white on black. codes: int64 (n,), the code points in
    rising order; ``chr(codes[i])`` is sign i. styles: their names. train, held_out: int64, indices
    of signs; together they are all.
    """

    images: np.ndarray
    codes: np.ndarray
    styles: tuple[str, ...]
    train: np.ndarray
    held_out: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def style(self, name: str) -> Dataset:
        """The signs in one style, in the order of `codes`: images (n, 1, size, size).

        Raises ValueError when it is none of `styles`.
        """
        if name not in self.styles:
            raise ValueError(f"style is {name!r}; expected one of {', '.join(self.styles)}")
        return Dataset(self.images[self.styles.index(name)], None, f"glyphs, {name}")


def glyphs(
    styles: Sequence[str] | None = None, size: int = 32, held_out: float = 0.1, seed: int = 0
) -> Glyphs:
    """Letters and signs drawn in several styles, for nets that turn one style into another.

    styles: some of "Sans", "Serif" and "Mono", each also with " Bold", " Oblique" and
    " Bold Oblique" (of Serif " Italic" and " Bold Italic"); None for all twelve. size: height and
    width in pixels, 8 to 256.

    All are drawn to the same scale, on the same baseline, and with the middle of their width in the
    middle of the picture. Left out are code points that one of the styles lacks, that are blank or
    larger than the picture in one; and combining marks, spaces, control characters and those for
    private use. For all twelve at 32 pixels, 2,289 remain.

    held_out: the share of signs that is not in `Glyphs.train`, drawn with the seed. Signs that look
    the same are on the same side, as the letter A of Latin, Greek and Cyrillic: those equal in any
    of the styles, and those nearly equal in the first. A letter is on the side of its accented
    forms.

    Nothing is downloaded: the fonts come with matplotlib, and Pillow draws them.

    Raises TypeError or ValueError for other arguments, ImportError without matplotlib or Pillow,
    DataUnavailableError when matplotlib has come without the fonts, DataFormatError when one of
    them is damaged.
    """
    names = _check(styles, size)
    check_split(held_out, seed)
    require("glyphs", "PIL.Image", "matplotlib.figure")
    paths = [_path(name) for name in names]
    fonts = [_font(path, int(size * OVERSAMPLING / SIDE_IN_EM)) for path in paths]
    codes = sorted(set.intersection(*map(_code_points, paths)))
    for path, font in zip(paths, fonts, strict=True):
        with _readable(path):
            codes = [code for code in codes if _fits(font, chr(code), size)]
    images = np.empty((len(fonts), len(codes), 1, size, size), np.uint8)
    for path, font, pictures in zip(paths, fonts, images, strict=True):
        with _readable(path):
            _draw(font, codes, pictures)
    inked = images.any(axis=(2, 3, 4)).all(axis=0)
    images, kept = images.compress(inked, axis=1), np.array(codes, np.int64)[inked]
    train, other = split(len(kept), _alike(images, kept), held_out, seed)
    return Glyphs(images, kept, names, train, other)


def _check(styles: Sequence[str] | None, size: int) -> tuple[str, ...]:
    """The names of the styles."""
    if isinstance(styles, str):
        raise TypeError(f"styles is {styles!r}; expected a sequence of names, as [{styles!r}]")
    names = tuple(FILES) if styles is None else tuple(styles)
    unknown = [name for name in names if name not in FILES]
    if unknown:
        raise ValueError(f"styles holds {unknown[0]!r}; expected some of {', '.join(FILES)}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"styles is {list(names)}; expected one or more different names")
    if isinstance(size, bool) or not isinstance(size, int):
        raise TypeError(f"size is {size!r}; expected an int")
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"size is {size}; expected {SMALLEST} to {LARGEST} pixels")
    return names


def _path(style: str) -> Path:
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / FILES[style]
    if not path.is_file():
        raise DataUnavailableError(
            f"glyphs: {path} is missing, which comes with matplotlib: "
            "pip install --force-reinstall matplotlib"
        )
    return path


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What Pillow and matplotlib raise for a damaged font is raised as DataFormatError."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if is_system_failure(error):
            raise
        raise DataFormatError(f"{path}: not a readable font ({reason(error)})") from error


def _font(path: Path, pixels: int) -> Any:
    from PIL import ImageFont

    with _readable(path):
        # Of the two ways to lay out a text, this one is in every build of Pillow.
        return ImageFont.truetype(path, pixels, layout_engine=ImageFont.Layout.BASIC)


def _code_points(path: Path) -> set[int]:
    """Those that the font has a glyph for, and that are a sign by themselves."""
    from matplotlib.ft2font import FT2Font

    with _readable(path):
        glyph_of = FT2Font(str(path)).get_charmap()
    return {code for code, glyph in glyph_of.items()
            if glyph != 0 and unicodedata.category(chr(code))[0] not in "MCZ"}  # fmt: skip


def _origin(size: int) -> tuple[int, int]:
    """Where the middle of a glyph's width stands on the baseline, in pixels of the large drawing:
    x, y."""
    return size * OVERSAMPLING // 2, round(BASELINE * size) * OVERSAMPLING


def _fits(font: Any, text: str, size: int) -> bool:
    x, y = _origin(size)
    left, top, right, bottom = font.getbbox(text, anchor="ms")
    side = size * OVERSAMPLING
    return x + left >= 0 and y + top >= 0 and x + right <= side and y + bottom <= side


def _draw(font: Any, codes: list[int], images: np.ndarray) -> None:
    """Fills uint8 (n, 1, size, size): the signs are drawn below each other on long sheets."""
    from PIL import Image, ImageDraw

    size = images.shape[-1]
    x, y = _origin(size)
    side = size * OVERSAMPLING
    for start in range(0, len(codes), BLOCK):
        block = codes[start : start + BLOCK]
        sheet = Image.new("L", (side, side * len(block)))
        pen = ImageDraw.Draw(sheet)
        for row, code in enumerate(block):
            pen.text((x, y + row * side), chr(code), fill=255, font=font, anchor="ms")
        small = np.asarray(sheet.reduce(OVERSAMPLING))
        images[start : start + BLOCK] = small.reshape(-1, 1, size, size)


def _alike(images: np.ndarray, codes: np.ndarray) -> list[Pair]:
    """Pairs of indices that belong on the same side."""
    pairs = nearly_equal(images[0], 32, ALIKE)
    for pictures in images:
        pairs += equal(picture.tobytes() for picture in pictures)
    # The canonical decomposition of a letter with accents begins with the bare letter.
    return pairs + equal(unicodedata.normalize("NFD", chr(code))[0].encode() for code in codes)
