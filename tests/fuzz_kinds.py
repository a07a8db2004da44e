"""The kinds of files that `fuzz.py` damages: sound ones, how they are damaged, what reads them."""

from __future__ import annotations

import functools
import io
import json
import pickle
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import fuzz_archives as archives
import fuzz_mutations as mutations
import fuzz_targets as targets
import numpy as np

import tinygan
from tinygan import weights
from tinygan.data import DataFormatError, emoji_pairs, image_folder, mnist, read_idx
from tinygan.data.pictures import MAX_PIXELS
from tinygan.vision.datasets import CIFAR10
from tinygan.weights_format.write import _global, _pickled

MEMORY = 500_000_000


class Kind(NamedTuple):
    name: str  # of the file, with its ending
    sound: Callable[[], list[bytes]]
    damage: Callable[[Random, bytes], bytes]
    read: Callable[[Path], Any]
    errors: tuple[type[Exception], ...] = (ValueError,)
    first: str = "$^"  # errors of the first check: of the kind of file, or of a checksum
    share: int = 1  # of the inputs
    beside: tuple[str, bytes] | None = None  # another file, and what it holds
    writes: bool = False  # its reader may write files
    memory: int = MEMORY


def _written(write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()


# IDX

LABELS = bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3])
IMAGES = bytes([0, 0, 8, 3]) + np.array([3, 28, 28], ">u4").tobytes() + bytes(range(112)) * 21


def _idx() -> list[bytes]:
    return [IMAGES, mutations.gzip.compress(IMAGES, mtime=0)]


def _read_mnist(path: Path) -> object:
    return mnist(root=path.parent, download=False)


# Pictures


def _pictures(kind: str, *options: tuple[str, dict]) -> Callable[[], list[bytes]]:
    def sound() -> list[bytes]:
        from PIL import Image

        results = []
        for mode, more in options:
            picture = Image.effect_noise((19, 23), 90)
            if mode == "I;16":
                picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 200)
            else:
                picture = picture.convert(mode)
            buffer = io.BytesIO()
            picture.save(buffer, kind, **more)
            results.append(buffer.getvalue())
        return results

    return sound


def _foreign() -> list[bytes]:
    """Pictures of formats that are not listed."""
    from PIL import Image

    results = [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"]
    for kind in ("DDS", "TGA", "ICO", "SGI", "PCX", "ICNS", "MSP", "SPIDER", "IM", "JPEG2000"):
        buffer = io.BytesIO()
        mode = {"SPIDER": "F", "MSP": "1"}.get(kind, "RGB")
        Image.new(mode, (16, 16)).save(buffer, kind)
        results.append(buffer.getvalue())
    return results


def _read_picture(path: Path) -> object:
    """In colour or in grey, by what is in the file."""
    return image_folder(path.parent, 8, 1 if zlib.crc32(path.read_bytes()) % 2 else 3)


def _read_folder(path: Path) -> object:
    """A damaged picture is left out; the sound one beside it is there."""
    dataset = image_folder(path.parent, 8, 3, skip_unreadable=True)
    assert len(dataset) + len(dataset.skipped) == 2
    assert np.array_equal(dataset.images[-1], _sound_picture())
    assert all(str(path) in line for line in dataset.skipped)
    return dataset


SOUND = _pictures("PNG", ("L", {}))()[0]


@functools.cache
def _sound_picture() -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "1.png").write_bytes(SOUND)
        return image_folder(folder, 8, 3).images[0]


def _any_picture(random: Random, content: bytes) -> bytes:
    for start, damage in ((b"\x89PNG", mutations.png), (b"\xff\xd8", mutations.jpeg),
                          (b"II", mutations.tiff), (b"RIFF", mutations.webp)):  # fmt: skip
        if content.startswith(start):
            return damage(random, content)
    return mutations.any_bytes(random, content)


def _picture(ending: str, sound, damage=mutations.any_bytes, share: int = 1) -> Kind:
    return Kind(f"1.{ending}", sound, damage, _read_picture, (DataFormatError,),
                "what it holds is none of|the file is empty", share,
                memory=MEMORY + 4 * MAX_PIXELS)  # fmt: skip


COMPRESSIONS = ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")
GREYS = [("L", {}), ("P", {}), ("RGB", {}), ("RGBA", {}), ("I;16", {}), ("1", {})]
JPEG = _pictures("JPEG", ("RGB", {}), ("L", {}), ("CMYK", {}), ("RGB", dict(progressive=True)))
TIFF = _pictures("TIFF", *GREYS, ("F", {}), ("I", {}), ("CMYK", {}),
                 *[("RGB", dict(compression=name)) for name in COMPRESSIONS])  # fmt: skip
GIF = _pictures("GIF", ("P", {}), ("P", dict(transparency=3)))
WEBP = _pictures("WEBP", ("RGB", {}), ("RGBA", dict(lossless=True)), ("RGBA", {}))


def _all_pictures() -> list[bytes]:
    return [content for sound in (_pictures("PNG", *GREYS), JPEG, TIFF, GIF, WEBP)
            for content in sound()]  # fmt: skip


# Values and weights

# Small files are read quickly, and what is changed is more often what matters.
TREES = [
    {"a": [np.arange(6, dtype=np.float32).reshape(2, 3), (1, 2.5, None)], "b": {"c": "text"}},
    {"t": tinygan.tensor([1.0, 2.0]), "n": (np.array(7), np.zeros((0, 3), bool), [])},
]
ARRAYS = [{"w": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.arange(3)},
          {"d": np.ones(2), "flags": np.array([True, False])}]  # fmt: skip
TENSORS = [ARRAYS[0], {**ARRAYS[1], "epoch": 3, "names": ["a", ("b", None)]}]


def _all_written(write: Callable[[Any, Path], object], values: list) -> list[bytes]:
    return [_written(functools.partial(write, value)) for value in values]


def _text(part: Any) -> bytes:
    return _pickled(part, "", [])


def _tensor(storage: str, key: str, count: int, offset: int, size: tuple, stride: tuple) -> bytes:
    """As PyTorch 2 writes it, of `count` values of a storage."""
    return b"".join([
        _global("torch._utils", "_rebuild_tensor_v2"), b"((", _text("storage"),
        _global("torch", storage), _text(key), _text("cpu"), _text(count), b"tQ", _text(offset),
        _text(size), _text(stride), b"\x89", _global("collections", "OrderedDict"), b")RtR",
    ])  # fmt: skip


def _programs() -> list[tuple[bytes, dict[str, bytes]]]:
    """State dicts of PyTorch's, each an OrderedDict, with their storages: shared ones, parameters,
    halves, attributes."""
    floats, halves = np.arange(6, dtype="<f4").tobytes(), np.arange(2, dtype="<f2").tobytes()
    weight = [
        _text("weight"), _global("torch._utils", "_rebuild_parameter"), b"(",
        _tensor("FloatStorage", "0", 6, 0, (2, 3), (3, 1)), b"q\x01\x88",
        _global("collections", "OrderedDict"), b")RtR",
    ]  # fmt: skip
    row = [_text("row"), _tensor("FloatStorage", "0", 6, 3, (3,), (1,)), b"q\x02",
           _text("again"), b"h\x02"]  # fmt: skip
    half = [_text("half"), _tensor("HalfStorage", "0", 2, 0, (2,), (1,)),
            _text("brain"), _tensor("BFloat16Storage", "1", 2, 0, (2, 1), (1, 1))]  # fmt: skip
    count = [_text("count"), _tensor("LongStorage", "0", 1, 0, (), ())]
    other = [_text("size"), _global("torch", "Size"), _text((2, 3)), b"\x85R",
             _text("device"), _global("torch", "device"), _text("cuda"), _text(0), b"\x86R"]
    versions = b"}(" + _text("_metadata") + b"}(" + _text("") + _text({"version": 1}) + b"uub"
    start = b"\x80\x02" + _global("collections", "OrderedDict") + b")Rq\x00("
    # OrderedDict([["a", tensor]]), as by Python 2, named as by protocol 4; the tensor has metadata
    tensor = _tensor("FloatStorage", "0", 6, 0, (6,), (1,))[:-2] + b"}tR"
    pairs = b"".join([
        b"\x80\x02", _text("collections"), _text("OrderedDict"), b"\x93(](](", _text("a"), tensor,
        b"eetR.",
    ])  # fmt: skip
    return [
        (pairs, {"0": floats}),
        (start + b"".join([*weight, *row]) + b"u.", {"0": floats}),
        (start + b"".join(half) + b"u.", {"0": halves, "1": b"\x80\x3f\0\x40"}),
        (start + b"".join([*count, *other]) + b"u" + versions + b".", {"0": bytes(8)}),
    ]


def _pt() -> list[bytes]:
    files = _all_written(weights.save, TENSORS)
    for program, storages in _programs():
        entries = [("archive/data.pkl", program), ("archive/byteorder", b"little")]
        entries += [(f"archive/data/{key}", data) for key, data in storages.items()]
        files.append(archives.zipped([*entries, ("archive/version", b"3\n")]))
    return files


def _legacy() -> list[bytes]:
    system, files = {"protocol_version": 1001, "little_endian": True}, []
    head = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, system))
    sizes = [{"0": 4}, {"0": 4}, {"0": 2, "1": 2}, {"0": 8}]
    for (program, storages), size in zip(_programs(), sizes, strict=True):
        data = b"".join(struct.pack("<q", len(data) // size[key]) + data
                        for key, data in storages.items())  # fmt: skip
        files.append(head + program + pickle.dumps(list(storages), 2) + data)
    return files


def _run() -> list[bytes]:
    write = targets.write_run_file
    return [_written(lambda path: write(path, {"lr": 0.1}, {"size": 9}, "cpu", 0))]


def _log() -> list[bytes]:
    return ["".join(json.dumps(line) + "\n" for line in targets.LOG).encode()]


def _sides() -> list[bytes]:
    parts = _log()[0], _run()[0], SOUND
    return [struct.pack("<3I", *map(len, parts)) + b"".join(parts)]


def _damaged_sides(random: Random, content: bytes) -> bytes:
    log, run, picture = targets.split(content)
    parts = (mutations.json_lines(random, log), mutations.as_json(random, run),
             mutations.png(random, picture))  # fmt: skip
    return struct.pack("<3I", *map(len, parts)) + b"".join(parts)


ZIP = "not a zip file|Bad magic number|Bad CRC|neither a zip archive nor a pickle"


# CIFAR


class OneBatch(CIFAR10):
    """Its test set alone, beside the names of the classes."""

    base_folder, train_list = ".", ()


NAMES = pickle.dumps({"label_names": ["cat", "dog"]}, 2)


def _batches() -> list[bytes]:
    """Two pictures, as two protocols of Python 3 have pickled them."""
    pixels = np.arange(2 * 3072, dtype=np.uint8).reshape(2, 3072)
    content = {"batch_label": "one", "labels": [0, 1], "data": pixels, "filenames": ["a", "b"]}
    return [pickle.dumps(content, protocol) for protocol in (3, 4)]


def _read_batch(path: Path) -> object:
    return OneBatch(path.parent, train=False)[1]


def _emoji() -> list[bytes]:
    """Two pairs of pictures."""
    from PIL import Image

    files = ["1f34e.png", "2615.png"]
    rows = "".join(f"{file},Food,none,one\n" for file in files)
    content = {"emoji.csv": f"file,category,subcategory,name\n{rows}".encode()}
    for name in (f"{hand}/{file}" for hand in ("noto", "twemoji") for file in files):
        buffer = io.BytesIO()
        Image.effect_noise((64, 64), 90).convert("RGBA").save(buffer, "PNG")
        content[name] = buffer.getvalue()
    results = []
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as file:
            for name, data in content.items():
                entry = tarfile.TarInfo(f"emoji-pairs-64/{name}")
                entry.size, entry.pax_headers = len(data), {"comment": "with a header of its own"}
                file.addfile(entry, io.BytesIO(data))
        results.append(mutations.gzip.compress(buffer.getvalue(), 1, mtime=0))
    return results


KINDS = {
    "idx": Kind("file", _idx, mutations.idx, read_idx, (DataFormatError,),
                "magic number|gzip file|expected an IDX header", share=20),
    "mnist": Kind(
        "train-images-idx3-ubyte", _idx, mutations.idx, _read_mnist, (DataFormatError,),
        "magic number|gzip file|expected an IDX header", 6, ("train-labels-idx1-ubyte", LABELS),
    ),
    "labels": Kind(
        "train-labels-idx1-ubyte", lambda: [LABELS], mutations.idx, _read_mnist,
        (DataFormatError,), "magic number|gzip file|expected an IDX header", 4,
        ("train-images-idx3-ubyte", IMAGES),
    ),
    "png": _picture("png", _pictures("PNG", *GREYS, ("LA", {}), ("I;16", dict(transparency=200))),
                    mutations.png, share=6),
    "bytes of png": _picture("png", _pictures("PNG", *GREYS)),
    "jpeg": _picture("jpg", JPEG, mutations.jpeg, share=3),
    "tiff": _picture("tif", TIFF, mutations.tiff, share=6),
    "bmp": _picture("bmp", _pictures("BMP", ("RGB", {}), ("P", {}), ("1", {})), share=3),
    "gif": _picture("gif", GIF, share=3),
    "webp": _picture("webp", WEBP, mutations.webp, share=3),
    "ppm": _picture("ppm", _pictures("PPM", ("RGB", {}), ("L", {})), mutations.ppm, share=5),
    "foreign": _picture("png", _foreign),
    "cifar": Kind("test_batch", _batches, archives.pickle, _read_batch, (DataFormatError,),
                  beside=("batches.meta", NAMES)),
    "cifar names": Kind("batches.meta", lambda: [NAMES, pickle.dumps({"label_names": ["a", "b"]})],
                        archives.pickle, _read_batch, (DataFormatError,),
                        beside=("test_batch", _batches()[0])),
    "emoji": Kind("emoji-pairs-64.tar.gz", _emoji, archives.tar_gz,
                  lambda path: emoji_pairs(path.parent, download=False), (DataFormatError,)),
    "folder": Kind("1.png", _all_pictures, _any_picture, _read_folder, (),
                   beside=("2.png", SOUND), memory=MEMORY + 4 * MAX_PIXELS),
    "save": Kind("file", lambda: _all_written(tinygan.save, TREES),
                 archives.saved, tinygan.load, first=ZIP, share=48),
    "pt": Kind("file", _pt, archives.pt, weights.load, first=ZIP, share=40),
    "legacy": Kind("file", _legacy, archives.legacy, weights.load, first=ZIP, share=36),
    "safetensors": Kind(
        "file", lambda: _all_written(weights.save_file, ARRAYS),
        archives.safetensors, weights.load_file,
        first="header too|header length|invalid UTF-8|invalid JSON", share=36,
    ),
    "checkpoint": Kind("checkpoint.npz", targets.checkpoints, archives.checkpoint,
                       targets.load_all_or_nothing, first=ZIP, share=18),
    "generator": Kind("checkpoint.npz", targets.checkpoints, archives.checkpoint,
                      targets.load_average, first=ZIP, share=10),
    "resume": Kind("checkpoint.npz", targets.runs, archives.checkpoint, targets.resume,
                   first=ZIP, writes=True),
    "sides": Kind("sides", _sides, _damaged_sides, targets.resume_beside, (), writes=True),
    "run": Kind("run.json", _run, mutations.as_json, targets.describe, (), share=8, writes=True),
    "log": Kind("log.jsonl", _log, mutations.json_lines, targets.go_on, (), share=18, writes=True),
}  # fmt: skip
