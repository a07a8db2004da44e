"""Letters drawn in the styles of the DejaVu fonts."""

from __future__ import annotations

import importlib
import shutil
import struct
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from tinygan.data import DataFormatError, DataUnavailableError, glyphs
from tinygan.data.lookalikes import split

pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")
matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib: pip install matplotlib")

module = importlib.import_module("tinygan.data.glyphs")  # whose name the function has, too

STYLES = ("Sans", "Serif Bold Italic", "Mono")


@pytest.fixture(scope="module")
def data():
    return glyphs(STYLES)


def index(data, text: str) -> int:
    (found,) = np.flatnonzero(data.codes == ord(text))
    return int(found)


def rows(data, text: str) -> list[tuple[int, int]]:
    """The first row with ink, and the first one below it without, in each style."""
    inked = (data.images[:, index(data, text), 0] > 60).any(axis=2)
    return [(int(row.argmax()), 32 - int(row[::-1].argmax())) for row in inked]


def test_what_there_is(data):
    assert data.images.shape == (3, len(data), 1, 32, 32)
    assert data.images.dtype == np.uint8
    assert data.images.flags.c_contiguous
    assert data.codes.dtype == np.int64 and data.codes.shape == (len(data),)
    assert (np.diff(data.codes) > 0).all()
    assert data.styles == STYLES
    assert len(data) > 2000  # of 2,675 that are in the three fonts
    for text in "AWzÅλЖժ7@↯":
        index(data, text)


def test_each_style_is_a_data_set(data):
    italic = data.style("Serif Bold Italic")
    np.testing.assert_array_equal(italic.images, data.images[1])
    assert italic.labels is None and italic.name == "glyphs, Serif Bold Italic"
    batch = italic.batch(data.train[:4])
    assert batch.dtype == np.float32 and batch.min() == -1 and batch.max() == 1
    with pytest.raises(ValueError, match="style is 'Bold'; expected one of Sans, Serif Bold Ita"):
        data.style("Bold")


def test_letters_stand_on_one_baseline_and_are_of_one_scale(data):
    baseline = round(0.78 * 32)
    for text in "xHAi":
        assert [bottom for _, bottom in rows(data, text)] == [baseline] * 3, text
    for text in "pqy":
        assert all(bottom >= baseline + 4 for _, bottom in rows(data, text)), text
    for (low, _), (tall, _) in zip(rows(data, "x"), rows(data, "H"), strict=True):
        assert low - tall in (3, 4, 5)  # of 12 and 17 pixels: not scaled to the same size


def test_nothing_is_cut_and_nothing_is_blank(data):
    assert data.images.any(axis=(2, 3, 4)).all()
    # The bounds of what is drawn, by outlines that matplotlib reads from the fonts.
    from matplotlib.ft2font import FT2Font

    for name in STYLES:
        font = FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / module.FILES[name]))
        font.set_size(32 / 1.45, 72)  # pixels
        for code in data.codes[::7]:
            glyph = font.load_char(int(code))
            left, bottom, right, top = (bound / 64 for bound in glyph.bbox)
            middle = glyph.linearHoriAdvance / 65536 / 2
            slack = 1.0  # this outline is moved to whole pixels
            assert left - middle >= -16 - slack and right - middle <= 16 + slack, hex(code)
            assert top <= 25 + slack and bottom >= -7 - slack, hex(code)


@pytest.mark.parametrize(
    ("bounds", "fits"),
    [
        ((-64, -100, 64, 28), True), ((-65, 0, 9, 9), False), ((0, -101, 9, 9), False),
        ((0, 0, 65, 9), False), ((0, 0, 9, 29), False),
    ],
)  # fmt: skip
def test_what_fits_into_a_picture(bounds, fits):
    class Font:
        def getbbox(self, text, anchor):
            return bounds  # left, top, right, bottom; of 128 pixels with the baseline at 100

    assert module._fits(Font(), "a", 32) is fits


def test_marks_spaces_and_signs_that_one_style_lacks_are_left_out(data):
    kinds = {unicodedata.category(chr(code))[0] for code in data.codes}
    assert kinds == {"L", "N", "P", "S"}
    assert 0x2800 not in data.codes  # an empty Braille pattern
    assert 0x5D0 not in data.codes  # Alef, which only DejaVu Sans has
    assert 0x5D0 in glyphs(["Sans"], size=8).codes


def test_signs_that_look_the_same_are_on_the_same_side(data):
    sides = np.zeros(len(data), bool)
    sides[data.held_out] = True
    assert sorted([*data.train, *data.held_out]) == list(range(len(data)))
    assert len(data.held_out) == round(0.1 * len(data))
    repeated = 0
    for style in data.images:
        side_of: dict[bytes, bool] = {}
        for picture, side in zip(style, sides, strict=True):
            repeated += picture.tobytes() in side_of
            assert side_of.setdefault(picture.tobytes(), side) == side
    assert repeated > 300
    pairs = module._alike(data.images, data.codes)
    for seed in range(5):
        other = set(split(len(data), pairs, 0.5, seed)[1])
        for alike in ("AΑАÀẬ", "oοоό", "IІӀ"):
            assert len({index(data, text) in other for text in alike}) == 1


def test_the_split_is_drawn_with_the_seed(monkeypatch):
    monkeypatch.setattr(module, "_code_points", lambda path: set(range(33, 127)))
    first, again, other = (glyphs(["Sans", "Mono"], 16, 0.3, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.held_out, again.held_out)
    np.testing.assert_array_equal(first.images, again.images)
    assert (len(first), len(first.held_out)) == (94, 28)
    assert first.held_out.tolist() != other.held_out.tolist()


@pytest.mark.parametrize("size", [8, 50, 256])
def test_any_size(monkeypatch, size):
    monkeypatch.setattr(module, "_code_points", lambda path: {65, 97, 0x416, 0x20})
    small = glyphs(["Serif"], size, held_out=0)
    assert small.codes.tolist() == [65, 97, 0x416]  # a space is blank
    assert small.images.shape == (1, 3, 1, size, size)
    share = small.images[0, 0].mean() / 255
    assert share == pytest.approx(0.074, abs=0.008)  # of the picture is ink


@pytest.mark.parametrize(
    ("styles", "size", "error", "message"),
    [
        ("Sans", 32, TypeError, r"styles is 'Sans'; expected a sequence of names, as \['Sans'\]"),
        (["Sans", "Comic"], 32, ValueError, "styles holds 'Comic'; expected some of Sans, Sans B"),
        ([], 32, ValueError, r"styles is \[\]; expected one or more different names"),
        (["Sans", "Sans"], 32, ValueError, "expected one or more different names"),
        (None, 7, ValueError, "size is 7; expected 8 to 256 pixels"),
        (None, 257, ValueError, "size is 257"),
        (None, 32.0, TypeError, "size is 32.0; expected an int"),
    ],
)
def test_arguments_that_it_refuses(styles, size, error, message):
    with pytest.raises(error, match=message):
        glyphs(styles, size)


def test_a_share_is_refused_before_anything_is_drawn(monkeypatch):
    monkeypatch.setattr(module, "_font", None)
    with pytest.raises(ValueError, match="held_out is 2"):
        glyphs(held_out=2)


@pytest.mark.parametrize("package", ["matplotlib", "PIL"])
def test_without_a_package_it_says_which(monkeypatch, package):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    installed = {"matplotlib": "matplotlib", "PIL": "pillow"}[package]
    with pytest.raises(ImportError, match=f"glyphs needs .*{installed}.*: pip install {installed}"):
        glyphs()


def test_missing_and_damaged_fonts(tmp_path, monkeypatch):
    fonts = tmp_path / "fonts" / "ttf"
    fonts.mkdir(parents=True)
    sound = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    monkeypatch.setattr(matplotlib, "get_data_path", lambda: str(tmp_path))
    with pytest.raises(DataUnavailableError, match=r"DejaVuSans\.ttf is missing, which comes with"):
        glyphs(["Sans"])
    whole = (sound / "DejaVuSans.ttf").read_bytes()
    entry = whole.index(b"glyf")  # tag, checksum, offset and length of the table of outlines
    start, length = struct.unpack(">II", whole[entry + 8 : entry + 16])
    outlines = whole[:start] + b"\x7f" * length + whole[start + length :]
    for content in (b"", b"no font" * 99, whole[:2000], outlines):
        (fonts / "DejaVuSans.ttf").write_bytes(content)
        with pytest.raises(DataFormatError, match=r"DejaVuSans\.ttf: not a readable font"):
            glyphs(["Sans"])
    shutil.copy(sound / "DejaVuSans.ttf", fonts)
    with pytest.raises(DataUnavailableError, match=r"DejaVuSans-Bold\.ttf is missing"):
        glyphs(["Sans", "Sans Bold"])
