"""Pairs of emoji, from archives of a few made here, damaged ones, and the real ones."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tinygan.data import DataFormatError, DataUnavailableError, archive, emoji_pairs

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")

module = importlib.import_module("tinygan.data.emoji")
ARCHIVE = "emoji-pairs-64.tar.gz"
PACKAGES = ["emoji-datasource-google-16.0.0.tgz", "emoji-datasource-twitter-16.0.0.tgz"]
FILES = ["0023-fe0f-20e3.png", "1f34e.png", "1f600.png", "2615.png"]
ABOUT = [("Symbols", "Hash Key"), ("Food & Drink", "Red Apple"), ("Smileys", "Grinning"),
         ("Food & Drink", "Hot, Black Beverage")]  # fmt: skip


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """No data and no cache but the test's own."""
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGAN_DATA", raising=False)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def pictures(seed: int) -> np.ndarray:
    """uint8 (4, 64, 64, 4) that compress well: a patch of one colour in each."""
    random = np.random.default_rng(seed)
    images = np.zeros((4, 64, 64, 4), np.uint8)
    for image in images:
        top, left = random.integers(0, 40, 2)
        image[top : top + 20, left : left + 20] = random.integers(1, 255, 4)
    return images


NOTO, TWEMOJI = pictures(1), pictures(2)


def pairs_content() -> dict[str, bytes]:
    files = {"emoji.csv": "file,category,subcategory,name\r\n" + "".join(
        f'{file},{category},none,"{name.lower()}"\r\n'
        for file, (category, name) in zip(FILES, ABOUT, strict=True)
    )}  # fmt: skip
    content = {f"emoji-pairs-64/{name}": text.encode() for name, text in files.items()}
    for hand, images in (("noto", NOTO), ("twemoji", TWEMOJI)):
        for file, pixels in zip(FILES, images, strict=True):
            content[f"emoji-pairs-64/{hand}/{file}"] = png(pixels)
    return content


def package_content(hand: str, images: np.ndarray) -> dict[str, bytes]:
    rows = [dict(image=file, category=category, name=name.upper())
            for file, (category, name) in zip(FILES, ABOUT, strict=True)]  # fmt: skip
    content = {f"package/img/{hand}/64/{file}": png(pixels)
               for file, pixels in zip(FILES, images, strict=True)}  # fmt: skip
    content[f"package/img/{hand}/64/1f44d-1f3fb.png"] = png(images[0])  # has a skin tone
    content[f"package/img/{hand}/64/{'1f1e6' if hand == 'google' else '1f1e7'}.png"] = b"alone"
    content[f"package/img/{hand}/sheets/64.png"] = bytes(2**23 + 1)  # large, and not read
    return content | {"package/emoji.json": json.dumps(rows).encode()}


def member(name: str, size: int, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


def packed(content: dict[str, bytes], *more: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    entries = [*((member(name, len(data)), data) for name, data in content.items()), *more]
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for info, data in entries:
            file.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), 1)


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_packages(folder: Path) -> None:
    for path, hand, images in zip(
        PACKAGES, ("google", "twitter"), (NOTO, TWEMOJI), strict=True
    ):
        write(folder / path, packed(package_content(hand, images)))


def on_white(images: np.ndarray) -> np.ndarray:
    opacity = images[..., 3:] / 255
    flat = opacity * images[..., :3] + (1 - opacity) * 255
    return flat.transpose(0, 3, 1, 2)


def check(data) -> None:
    assert len(data) == 4
    for found, images in ((data.noto, NOTO), (data.twemoji, TWEMOJI)):
        assert found.images.shape == (4, 3, 64, 64) and found.images.dtype == np.uint8
        np.testing.assert_allclose(found.images, on_white(images), atol=1)  # rounds its own way
        assert found.classes == ("Food & Drink", "Smileys", "Symbols")
        assert found.labels.tolist() == [2, 0, 1, 0]
    assert data.names == ("hash key", "red apple", "grinning", "hot, black beverage")
    assert data.emoji == ("#\ufe0f\u20e3", "\N{RED APPLE}", "\N{GRINNING FACE}", "\u2615")
    assert "CC BY 4.0" in data.credit and "Apache" in data.credit


def test_the_archive_of_pairs(tmp_path, monkeypatch):
    write(tmp_path / ARCHIVE, packed(pairs_content()))
    check(emoji_pairs(tmp_path, download=False))
    for folder in (tmp_path, tmp_path / "data"):
        monkeypatch.setenv("TINYGAN_DATA", str(folder))
        write(tmp_path / "data" / "emoji-pairs-64" / ARCHIVE, packed(pairs_content()))
        check(emoji_pairs(download=False))


def test_the_two_packages(tmp_path):
    write_packages(tmp_path)
    check(emoji_pairs(tmp_path, download=False))


def test_a_batch_is_ready_for_a_net(tmp_path):
    write(tmp_path / ARCHIVE, packed(pairs_content()))
    data = emoji_pairs(tmp_path, held_out=0.25)
    assert (len(data.train), len(data.held_out)) == (3, 1)
    batch = data.twemoji.batch(data.train)
    assert batch.shape == (3, 3, 64, 64) and batch.max() == 1


@pytest.mark.parametrize(("background", "colour"), [(0, (0, 0, 0)), ((9, 200, 30), (9, 200, 30))])
def test_what_is_transparent_shows_the_background(tmp_path, background, colour):
    write(tmp_path / ARCHIVE, packed(pairs_content()))
    data = emoji_pairs(tmp_path, background=background)
    clear = NOTO[..., 3] == 0
    assert clear.any()
    assert (data.noto.images.transpose(0, 2, 3, 1)[clear] == colour).all()
    opacity = NOTO[..., 3:] / 255
    expected = opacity * NOTO[..., :3] + (1 - opacity) * colour
    np.testing.assert_allclose(data.noto.images.transpose(0, 2, 3, 1), expected, atol=1)


@pytest.mark.parametrize("background", [-1, 256, 0.5, "white", (0, 0), (0, 0, 300), True])
def test_backgrounds_that_it_refuses(background):
    with pytest.raises(ValueError, match="expected an int of 0 to 255, or three for a colour"):
        emoji_pairs(background=background)


def test_other_arguments_that_it_refuses(tmp_path):
    with pytest.raises(NotADirectoryError, match=r"root is '.*none'; expected an existing folder"):
        emoji_pairs(tmp_path / "none")
    with pytest.raises(ValueError, match="held_out is 1"):
        emoji_pairs(held_out=1)


def test_emoji_that_look_the_same_in_one_drawing_are_on_the_same_side(tmp_path):
    content = pairs_content()
    content[f"emoji-pairs-64/twemoji/{FILES[3]}"] = png(TWEMOJI[1])
    content[f"emoji-pairs-64/noto/{FILES[0]}"] = png(NOTO[2])
    write(tmp_path / ARCHIVE, packed(content))
    parts = {tuple(emoji_pairs(tmp_path, held_out=0.5, seed=seed).held_out) for seed in range(8)}
    assert parts == {(1, 3), (0, 2)}


# --- where the archives come from -------------------------------------------------------------


def test_what_is_nowhere_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGAN_DATA", str(tmp_path))
    write(tmp_path / PACKAGES[0], b"one of the two is not enough")
    with pytest.raises(DataUnavailableError) as caught:
        emoji_pairs(download=False)
    for part in (ARCHIVE, *PACKAGES, str(tmp_path), "emoji-pairs-64", "download=True"):
        assert part in str(caught.value)


def test_the_packages_are_downloaded_once(tmp_path, monkeypatch):
    calls = []

    def fetch(name, folder, mirrors, sha256):
        calls.append((name, folder, tuple(mirrors), sha256))
        images = NOTO if "google" in name else TWEMOJI
        write(folder / name, packed(package_content(name.split("-")[2], images)))
        return folder / name

    monkeypatch.setattr(module, "fetch", fetch)
    for _ in range(2):
        check(emoji_pairs())
    folder = tmp_path / "cache" / "emoji-pairs-64"
    assert [(name, where) for name, where, _, _ in calls] == [(name, folder) for name in PACKAGES]
    assert [mirrors for _, _, mirrors, _ in calls] == [
        ("https://registry.npmjs.org/emoji-datasource-google/-/",),
        ("https://registry.npmjs.org/emoji-datasource-twitter/-/",),
    ]
    assert [sha256[:8] for *_, sha256 in calls] == ["fb5fd131", "f64a530c"]


# --- damaged archives, and those made to do harm ----------------------------------------------


def refused(path: Path, message: str) -> None:
    with pytest.raises(DataFormatError, match=message) as caught:
        emoji_pairs(path.parent, download=False)
    assert str(path) in str(caught.value)


APPLE = f"emoji-pairs-64/noto/{FILES[1]}"
TABLE = "emoji-pairs-64/emoji.csv"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (APPLE, None, r"1f34e\.png and 0 more lack one of the two pictures"),
        (APPLE, b"", r"noto, 1f34e\.png: not a readable picture \(it is no PNG file\)"),
        (APPLE, png(NOTO[0])[:60], r"noto, 1f34e\.png: not a readable picture"),
        (APPLE, png(np.zeros((64, 63, 3), np.uint8)), "it is 63 x 64 pixels; expected 64 x 64"),
        (TABLE, None, r"it holds no emoji-pairs-64/emoji\.csv"),
        (TABLE, b"\xff\xfe", r"emoji\.csv is no table"),
        (TABLE, b"file,category\n1f34e.png,a\n", "expected rows that have file, category, name"),
        (TABLE, b"file,category,name\n1f34e.png,a,b\n", "0023-fe0f-20e3.png and 2 more lack"),
        (TABLE, bytes(2**23 + 1), r"emoji\.csv' has 8388609 bytes; expected at most 8388608"),
    ],
)
def test_damage_inside_the_archive_of_pairs(tmp_path, name, content, message):
    files = pairs_content()
    del files[name]
    write(tmp_path / ARCHIVE, packed(files if content is None else files | {name: content}))
    refused(tmp_path / ARCHIVE, message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[1]", "expected rows that have image, category, name"),
        (b"{}", "expected rows"),
        (b"[" * 100_000, r"emoji\.json is no JSON"),
        (b"", r"emoji\.json is no JSON"),
        (b"\xff", r"emoji\.json is no JSON"),
    ],
)
def test_damage_inside_the_packages(tmp_path, content, message):
    write_packages(tmp_path)
    files = package_content("google", NOTO) | {"package/emoji.json": content}
    write(tmp_path / PACKAGES[1], packed(package_content("twitter", TWEMOJI) | {
        "package/emoji.json": content}))  # fmt: skip
    write(tmp_path / PACKAGES[0], packed(files))
    refused(tmp_path / PACKAGES[0], message)


def huge_header(size: int) -> bytes:
    """The header of an entry for a long name, which promises this many bytes of name."""
    return member("long", size, tarfile.GNUTYPE_LONGNAME).tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: b"", "not a readable archive"),
        (lambda: b"<html>not found</html>", "not a readable archive"),
        (lambda: packed(pairs_content())[:-300], "not a readable archive"),
        (lambda: packed(pairs_content())[:-8] + bytes(8), r"not a readable archive .*CRC"),
        (lambda: gzip.compress(b"no tar file" * 99), "not a readable archive"),
        (lambda: packed({}), "no emoji.csv|holds no"),
        (lambda: packed(pairs_content(), (member("../x.png", 0), b"")), "'../x.png' leads out"),
        (lambda: packed(pairs_content(), (member("/x.png", 0), b"")), "'/x.png' leads out"),
        (lambda: packed({}, (member(APPLE, 0, tarfile.SYMTYPE, "/etc/passwd"), b"")),
         "neither a file nor a folder"),
        (lambda: packed({}, (member(APPLE, 0, tarfile.LNKTYPE, "../x"), b"")),
         "neither a file nor a folder"),
        (lambda: packed({}, (member("pipe", 0, tarfile.FIFOTYPE), b"")), "neither a file nor"),
        (lambda: packed(pairs_content(), (member(APPLE, 0), b"")), "is there twice"),
        (lambda: gzip.compress(huge_header(2**40)), "1099511627776 bytes in one piece"),
        (lambda: gzip.compress(member("a", 2**40).tobuf()), "unpacks to more than 268435456 bytes"),
        (lambda: gzip.compress(member(APPLE, 2**40).tobuf()), "has 1099511627776 bytes"),
    ],
)  # fmt: skip
def test_archives_that_are_refused(tmp_path, data, message):
    write(tmp_path / ARCHIVE, data())
    refused(tmp_path / ARCHIVE, message)


def test_an_archive_of_too_many_entries_or_bytes(tmp_path, monkeypatch):
    write(tmp_path / ARCHIVE, packed(pairs_content()))
    monkeypatch.setattr(archive, "MAX_FILES", 8)  # it has 9
    refused(tmp_path / ARCHIVE, "more than 8 entries")
    monkeypatch.setattr(archive, "MAX_FILES", 9)
    monkeypatch.setattr(archive, "MAX_BYTES", 5000)
    refused(tmp_path / ARCHIVE, "unpacks to more than 5000 bytes")
    monkeypatch.setattr(archive, "MAX_BYTES", 2**22)
    write(tmp_path / ARCHIVE, packed(pairs_content()) + gzip.compress(bytes(2**23)))
    refused(tmp_path / ARCHIVE, "unpacks to more than 4194304 bytes")


def test_a_failure_of_the_system_is_not_called_damage(tmp_path, monkeypatch):
    write(tmp_path / ARCHIVE, packed(pairs_content()))

    def broken(*arguments):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(archive.BoundedFile, "read", broken)
    with pytest.raises(OSError, match="Input/output error") as caught:
        emoji_pairs(tmp_path)
    assert not isinstance(caught.value, DataFormatError)


# --- the real ones ----------------------------------------------------------------------------

REAL = Path(os.environ.get("TINYGAN_DATA", "/nowhere")) / "emoji-pairs-64"


@pytest.mark.skipif(
    not (REAL / ARCHIVE).is_file(), reason="TINYGAN_DATA is not set to a folder with emoji-pairs-64"
)
def test_the_real_emoji():
    data = emoji_pairs(REAL, download=False)
    assert data.noto.images.shape == data.twemoji.images.shape == (1906, 3, 64, 64)
    assert len(set(data.emoji)) == 1906 and len(data.noto.classes) == 9
    apple = data.emoji.index("\N{RED APPLE}")
    assert data.names[apple] == "red apple"
    assert data.noto.classes[data.noto.labels[apple]] == "Food & Drink"
    for images in (data.noto.images, data.twemoji.images):
        red, green, blue = images[apple][:, 32, 32].tolist()
        assert red > 180 and green < 100 and blue < 100
        assert (images[apple][:, 0, 0] == 255).all()
    assert sorted([*data.train, *data.held_out]) == list(range(1906))
    assert len(data.held_out) == 191
    for images in (data.noto.images, data.twemoji.images):
        train = {images[k].tobytes() for k in data.train}
        assert len(train) < len(data.train)  # there are equal ones
        assert not train & {images[k].tobytes() for k in data.held_out}
