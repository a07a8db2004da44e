"""Folders as people keep them: what counts as a picture or a class, what is left out, and what is
said about it."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

from tinygan.data import DataFormatError, Dataset, folder, image_folder

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")


def picture(path, shade: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), shade).save(path)


def shades(found) -> list[int]:
    return found.images[:, 0, 0, 0].tolist()


def test_what_systems_and_programs_leave_is_no_picture_and_no_class(tmp_path):
    for number, name in enumerate(["cat/1.png", "dog/1.png", "dog/more/2.png"]):
        picture(tmp_path / name, number)
    for name in [".ipynb_checkpoints/1.png", "__MACOSX/cat/1.png", "@eaDir/1.png", ".hidden.png",
                 "cat/.ipynb_checkpoints/1-checkpoint.png"]:  # fmt: skip
        picture(tmp_path / name)
    (tmp_path / "cat" / "._1.png").write_bytes(b"\0\5\x16\7" + bytes(60))  # AppleDouble
    for name in ["Thumbs.db", "desktop.ini", ".DS_Store", "cat/Thumbs.db"]:
        (tmp_path / name).write_bytes(b"no picture")
    found = image_folder(tmp_path, 4, 1)
    assert shades(found) == [0, 1, 2]
    assert found.labels is not None and found.labels.tolist() == [0, 1, 1]
    assert found.classes == ("cat", "dog") and found.skipped == ()


needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


@needs_links
def test_links_to_files_and_folders_are_followed(tmp_path):
    for number, name in enumerate(["store/dog/1.png", "set/cat/1.png", "store/2.png"]):
        picture(tmp_path / name, number)
    os.symlink(tmp_path / "store/dog", tmp_path / "set/dog")
    os.symlink("../../store/2.png", tmp_path / "set/cat/2.png")
    found = image_folder(tmp_path / "set", 4, 1)
    assert shades(found) == [1, 2, 0]
    assert found.labels is not None and found.labels.tolist() == [0, 0, 1]
    os.symlink(tmp_path / "set", tmp_path / "link")
    assert shades(image_folder(tmp_path / "link", 4, 1)) == [1, 2, 0]


@needs_links
def test_loops_of_links_end(tmp_path):
    for number, name in enumerate(["a/1.png", "b/2.png"]):
        picture(tmp_path / name, number)
    os.symlink("..", tmp_path / "a" / "up")
    os.symlink(".", tmp_path / "b" / "self")
    os.symlink("itself", tmp_path / "itself")
    assert shades(image_folder(tmp_path, 4, 1)) == [0, 1]


@needs_links
def test_links_to_nothing_are_named(tmp_path):
    picture(tmp_path / "1.png", 7)
    os.symlink(tmp_path / "gone", tmp_path / "2.png")
    os.symlink("3.png", tmp_path / "3.png")
    with pytest.raises(FileNotFoundError, match=r"2\.png"):
        image_folder(tmp_path, 4, 1)
    found = image_folder(tmp_path, 4, 1, skip_unreadable=True)
    assert shades(found) == [7]
    assert [re.search(r"\d\.png", text).group() for text in found.skipped] == ["2.png", "3.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_picture(tmp_path):
    picture(tmp_path / "1.png", 7)
    os.mkfifo(tmp_path / "2.png")  # reading it would wait for ever
    assert shades(image_folder(tmp_path, 4, 1)) == [7]


# --- what cannot be read ------------------------------------------------------------------------


def test_unreadable_pictures_are_left_out_and_named_on_request(tmp_path):
    for number, name in enumerate(["a/1.png", "b/1.png", "b/3.png", "c/1.png"]):
        picture(tmp_path / name, number)
    (tmp_path / "b" / "2.png").write_bytes(b"no picture")
    (tmp_path / "c" / "1.png").write_bytes(b"")
    with pytest.raises(DataFormatError, match=r"2\.png: not a readable picture"):
        image_folder(tmp_path, 4, 1)
    found = image_folder(tmp_path, 4, 1, skip_unreadable=True)
    assert found.images.shape == (3, 1, 4, 4) and shades(found) == [0, 1, 2]
    assert found.labels is not None and found.labels.tolist() == [0, 1, 1]
    assert found.classes == ("a", "b")
    assert found.skipped == (
        f"{tmp_path / 'b' / '2.png'}: not a readable picture (what it holds is none of PNG, JPEG, "
        "BMP, WEBP, GIF, TIFF, PPM)",
        f"{tmp_path / 'c' / '1.png'}: not a readable picture (the file is empty)",
    )
    assert found.describe().splitlines()[1:] == ["unreadable and left out (2):", *(
        "  " + text for text in found.skipped
    )]  # fmt: skip
    for name in ["a/1.png", "b/1.png", "b/3.png"]:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataFormatError, match=r"none of its 5 pictures can be read; the first: "):
        image_folder(tmp_path, 4, 1, skip_unreadable=True)


@pytest.mark.parametrize("error", [
    struct.error("unpack"), IndexError("index"), NotImplementedError("kind"), MemoryError(),
    OverflowError("large"), SyntaxError("broken"), ZeroDivisionError(), RecursionError("deep"),
    AttributeError("fp"), UserWarning("truncated"), OSError("truncated"),
], ids=lambda error: type(error).__name__)  # fmt: skip
def test_whatever_pillow_raises_comes_with_the_name_of_the_file(tmp_path, monkeypatch, error):
    picture(tmp_path / "1.png")

    def load(self):
        raise error

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    what = re.escape(str(error) or type(error).__name__)
    with pytest.raises(DataFormatError, match=rf"1\.png: not a readable picture \({what}\)$"):
        image_folder(tmp_path, 4, 1)


def test_a_failure_of_the_disk_is_not_called_damage(tmp_path, monkeypatch):
    picture(tmp_path / "1.png")

    def load(self):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(OSError, match=r"Input/output error: .*1\.png") as caught:
        image_folder(tmp_path, 4, 1)
    assert not isinstance(caught.value, DataFormatError)
    assert caught.value.errno == 5


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"


def content(kind: str, size=(9, 9)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("make", [lambda: EPS, lambda: content("DDS"), lambda: content("TGA"),
                                  lambda: content("ICO"), lambda: content("SGI")])  # fmt: skip
def test_no_format_but_those_listed_is_opened(tmp_path, monkeypatch, make):
    (tmp_path / "1.png").write_bytes(make())
    Image.init()
    for name in set(Image.OPEN) - {"PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM"}:
        monkeypatch.setitem(Image.OPEN, name, (lambda *_: pytest.fail("opened"), None))
    with pytest.raises(DataFormatError, match=r"1\.png: not a .*none of PNG, JPEG, BMP"):
        image_folder(tmp_path, 4)


def test_a_listed_format_is_read_under_another_name(tmp_path):
    for number, kind in enumerate(["PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM"]):
        (tmp_path / f"{number}.jpg").write_bytes(content(kind))
    assert len(image_folder(tmp_path, 4)) == 6


# --- notes in pictures --------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# Orientation 6, and the unit of the resolution, a number, as text.
EXIF = (
    b"MM\0\x2a\0\0\0\x08\0\2" + struct.pack(">HHIHH", 0x112, 3, 1, 6, 0)
    + struct.pack(">HHI4s", 0x128, 2, 4, b"cm \0") + bytes(4)
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("note", [b"not a TIFF header", b"", b"II*\0\xff\xff\xff\xff",
                                  b"MM\0*\0\0\0\x08\xff\xff"])  # fmt: skip
def test_junk_notes_are_no_error(tmp_path, note):
    whole = content("PNG")
    (tmp_path / "1.png").write_bytes(whole[:33] + chunk(b"eXIf", note) + whole[33:])
    whole = content("JPEG")
    head = b"\xff\xe1" + struct.pack(">H", len(note) + 8) + b"Exif\0\0" + note
    (tmp_path / "2.jpg").write_bytes(whole[:2] + head + whole[2:])
    assert len(image_folder(tmp_path, 4)) == 2


def test_a_note_that_pillow_fails_to_read_is_none(tmp_path, monkeypatch):
    picture(tmp_path / "1.png", 7)

    def getexif(self):
        raise struct.error("unpack requires a buffer of 4 bytes")

    monkeypatch.setattr("PIL.Image.Image.getexif", getexif)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.getexif", getexif)
    assert shades(image_folder(tmp_path, 4, 1)) == [7]


def test_a_note_of_a_wrong_type_beside_the_orientation(tmp_path):
    buffer, pixels = io.BytesIO(), np.zeros((8, 8), np.uint8)
    pixels[:, 4:] = 255
    Image.fromarray(pixels).save(buffer, "JPEG")
    head = b"\xff\xe1" + struct.pack(">H", len(EXIF) + 8) + b"Exif\0\0" + EXIF
    (tmp_path / "1.jpg").write_bytes(buffer.getvalue()[:2] + head + buffer.getvalue()[2:])
    found = image_folder(tmp_path, 8, 1).images[0, 0]
    assert found[0, 0] < 9 and found[7, 0] > 246  # turned clockwise


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_followed_as_by_pillow(tmp_path, orientation):
    from PIL import ImageOps

    pixels = np.random.default_rng(orientation).integers(0, 256, (6, 6), np.uint8)
    note = Image.Exif()
    note[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=note)
    with Image.open(tmp_path / "a.png") as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    np.testing.assert_array_equal(image_folder(tmp_path, 6, 1).images[0, 0], expected)


# --- more than 8 bits ---------------------------------------------------------------------------

RAMP = np.linspace(0, 1, 64)[None, :].repeat(64, 0)


@pytest.mark.parametrize(("name", "values"), [
    ("a.png", (RAMP * 65535).astype(np.uint16)),
    ("a.pgm", (RAMP * 65535).astype(np.uint16)),
    ("a.tif", (RAMP * 65535).astype(np.uint16)),
    ("a.tif", (RAMP * 65535).astype(">u2")),
    ("a.tif", (RAMP * 255).astype(np.int32)),
    ("a.tif", (RAMP * 2e9 - 1e9).astype(np.int32)),
    ("a.tif", RAMP.astype(np.float32)),
    ("a.tif", (RAMP * 255).astype(np.float32)),
    ("a.tif", (RAMP * 6e38 - 3e38).astype(np.float32)),
], ids=lambda value: value if isinstance(value, str) else f"{value.dtype.str}-{value.max()}")
def test_grey_of_more_than_8_bits_is_brought_into_range(tmp_path, name, values):
    Image.fromarray(values).save(tmp_path / name)
    for channels in (1, 3):
        found = image_folder(tmp_path, 64, channels).images[0]
        # Half a step of 8 bits by rounding, and up to a whole one that `astype` above cut off.
        np.testing.assert_allclose(found[:, 5], (RAMP[:1] * 255).repeat(channels, 0), atol=1.5)


def test_a_dark_16_bit_picture_stays_dark_as_its_range_is_fixed(tmp_path):
    for name in ("a.png", "b.pgm", "c.tif"):
        Image.fromarray(np.full((4, 4), 2570, np.uint16)).save(tmp_path / name)
    assert shades(image_folder(tmp_path, 4, 1)) == [10, 10, 10]


def test_12_bits_have_a_range_of_their_own(tmp_path):
    row = bytes([0x80, 0x0F, 0xFF])  # 0x800 and 0xfff
    tags = [(256, 4, 2), (257, 4, 2), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8),
            (277, 3, 1), (278, 4, 2), (279, 4, 6)]  # fmt: skip
    fields = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = b"II*\0" + struct.pack("<I", 14) + row * 2
    (tmp_path / "a.tif").write_bytes(head + struct.pack("<H", len(tags)) + fields + bytes(4))
    assert image_folder(tmp_path, 2, 1).images[0, 0, 0].tolist() == [128, 255]


def test_of_a_transparent_shade_of_16_bits_white_is_left(tmp_path):
    values = np.array([[100, 30000], [30000, 100]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png", transparency=100)
    assert image_folder(tmp_path, 2, 1).images[0, 0].tolist() == [[255, 117], [117, 255]]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path, value):
    pixels = RAMP.astype(np.float32)
    pixels[3, 3] = value
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(DataFormatError, match=r"a\.tif: not a .*pixels that are infinite or NaN"):
        image_folder(tmp_path, 8, 1)


# --- sizes --------------------------------------------------------------------------------------


def announced(path, kind: str, width: int, height: int) -> None:
    """A small file whose header says that the picture has this size."""
    if kind == "PNG":
        data = bytearray(content("PNG"))
        data[8:33] = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    elif kind == "WEBP":
        field = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0]) + field
        body += b"ANIM" + struct.pack("<IIH", 6, 0, 0)
        still = content("WEBP", (2, 2))[12:]
        frame = bytes(6) + b"\1\0\0\1\0\0" + bytes(4) + still
        body += b"ANMF" + struct.pack("<I", len(frame)) + frame
        data = bytearray(b"RIFF" + struct.pack("<I", len(body)) + body)
    elif kind == "BMP":
        data = bytearray(content("BMP"))
        data[18:26] = struct.pack("<II", width, height)
    elif kind == "PPM":
        data = bytearray(b"P6 %d %d 255\n" % (width, height)) + bytes(99)
    else:
        data = bytearray(content("GIF"))
        data[6:10] = struct.pack("<HH", width, height)
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "PPM", "GIF"])
def test_a_picture_with_too_many_pixels_is_refused_before_it_has_memory(
    tmp_path, monkeypatch, kind
):
    """At more than 2^26 pixels, by a header that the pixels do not follow."""
    if kind == "WEBP":  # older versions of Pillow take the memory when they open the file
        monkeypatch.setattr("PIL.Image.open", lambda *_, **__: pytest.fail("opened"))
    announced(tmp_path / "1.png", kind, 8193, 8192)
    with pytest.raises(DataFormatError, match=r"1\.png: .*\(8193 x 8192 pixels; expected at most"):
        image_folder(tmp_path, 4)


def test_a_header_of_webp_says_how_large_the_picture_is():
    from tinygan.data.pictures import _webp_size

    for options in (dict(lossless=True), dict(quality=50), dict(lossless=True, exif=b"Exif\0\0")):
        buffer = io.BytesIO()
        Image.new("RGB", (300, 7)).save(buffer, "WEBP", **options)
        assert _webp_size(buffer.getvalue()[:30]) == (300, 7)


def test_a_file_that_is_larger_than_any_picture_is_not_read(tmp_path):
    with open(tmp_path / "1.png", "wb") as file:
        file.truncate(2**29 + 1)
    with pytest.raises(DataFormatError, match=r"1\.png: .*536870913 bytes; expected at most 53687"):
        image_folder(tmp_path, 4)


def test_large_pictures_are_converted_in_bands_without_a_seam(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 40, 4), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "1.png")
    Image.fromarray(pixels[..., :2].copy().view(np.uint16)[..., 0]).save(tmp_path / "2.png")
    whole = image_folder(tmp_path, 40).images
    monkeypatch.setattr("tinygan.data.pictures.BAND", 130)
    np.testing.assert_array_equal(image_folder(tmp_path, 40).images, whole)


LARGE = """
import resource, sys
from tinygan.data import image_folder
image_folder(sys.argv[2], 16)  # what is imported at the first picture
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
print(image_folder(sys.argv[3], 16).images.shape)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
def test_a_large_picture_takes_little_more_memory_than_its_pixels(tmp_path):
    """4096 x 4096 in RGBA: 64 MiB, once more as RGB, and 30 MiB for all else."""
    picture(tmp_path / "small" / "1.png")
    (tmp_path / "large").mkdir()
    Image.new("RGBA", (4096, 4096), (1, 2, 3, 4)).save(tmp_path / "large" / "1.png")
    folders = [str(tmp_path / "small"), str(tmp_path / "large")]
    result = subprocess.run(
        [sys.executable, "-c", LARGE, str(158 * 2**20), *folders], capture_output=True, text=True
    )
    assert result.stdout == "(1, 3, 16, 16)\n", result.stderr[-2000:]


# --- what is said -------------------------------------------------------------------------------


def test_a_set_describes_itself(tmp_path):
    for name in ["cat/1.png", "dog/1.png", "dog/2.png"]:
        picture(tmp_path / "pets" / name)
    text = image_folder(tmp_path / "pets", 4).describe()
    assert text == "pets: 3 images in 2 classes: cat (1), dog (2)"
    assert image_folder(tmp_path / "pets" / "dog", 4).describe() == "dog: 2 images"
    many = Dataset(np.zeros((25, 1, 2, 2), np.uint8), np.arange(25), "many").describe()
    assert many.startswith("many: 25 images in 25 classes: 0 (1), 1 (1), ")
    assert many.endswith(", 19 (1), and 5 more")


def test_a_long_reading_says_how_far_it_is_and_a_short_one_nothing(tmp_path, capsys, monkeypatch):
    for number in range(3):
        picture(tmp_path / f"{number}.png")
    image_folder(tmp_path, 4)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(folder, "PROGRESS_SECONDS", -1.0)
    image_folder(tmp_path, 4)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1] == f"{tmp_path}: 2 of 3 pictures read"
    monkeypatch.setattr(sys, "stderr", None)
    assert len(image_folder(tmp_path, 4)) == 3
    assert capsys.readouterr().out == ""


def test_reading_holds_one_array_of_the_size_of_the_data(tmp_path):
    import tracemalloc

    for number in range(40):
        picture(tmp_path / f"{number}.png")
    image_folder(tmp_path, 4)
    tracemalloc.start()
    found = image_folder(tmp_path, 256)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.3 * found.images.nbytes
