"""CIFAR-10 in the form in which it is published for Python: found on this machine, or downloaded.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from tinygan.data import DataFormatError, Dataset, DataUnavailableError, cache_dir
from tinygan.data.download import fetch

ARCHIVE = "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"
MIRRORS = (
    "https://www.cs.toronto.edu/~kriz/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"

BATCHES = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}


def cifar10(split: str, root: str | os.PathLike, download: bool) -> Dataset:
    """Images uint8 (n, 3, 32, 32) and labels: 50,000 to train on, 10,000 to test with.

    The folder ``cifar-10-batches-py``, or the archive ``cifar-10-python.tar.gz`` that holds it, is
    looked for in `root`, in ``$TINYGAN_DATA/cifar-10`` and in ``cifar-10`` of
    `tinygan.data.cache_dir`; `download` allows fetching the archive into the last.

    Raises:
        DataUnavailableError: it is nowhere, or cannot be fetched.
        DataFormatError: a file is damaged.
    """
    names = BATCHES[split]
    contents = _contents(names, Path(root).expanduser(), download)
    batches = [_batch(content, name) for content, name in zip(contents, names, strict=True)]
    images, labels = zip(*batches, strict=True)
    return Dataset(np.concatenate(images), np.concatenate(labels), "cifar-10")


def _contents(names: list[str], root: Path, download: bool) -> list[bytes]:
    """The named files, from the first place that holds the folder, else the archive."""
    cache = cache_dir() / "cifar-10"
    data = os.environ.get("TINYGAN_DATA")
    places = [root, *([Path(data).expanduser() / "cifar-10"] if data else []), cache]
    for place in places:
        if (place / FOLDER).is_dir():
            return [(place / FOLDER / name).read_bytes() for name in names]
    archive = next((place / ARCHIVE for place in places if (place / ARCHIVE).is_file()), None)
    if archive is None:
        if not download:
            raise DataUnavailableError(
                f"CIFAR10: neither {FOLDER} nor {ARCHIVE} is in "
                f"{', '.join(str(place) for place in places)}. CIFAR10(..., download=True) fetches "
                "it; or put it there"
            )
        archive = fetch(ARCHIVE, cache, MIRRORS, SHA256)
    try:
        with tarfile.open(archive) as tar:
            files = [tar.extractfile(f"{FOLDER}/{name}") for name in names]
            return [file.read() for file in files if file is not None]
    except (tarfile.TarError, EOFError, zlib.error, KeyError) as error:
        raise DataFormatError(f"{archive}: not the archive of CIFAR-10 ({error})") from error


def _batch(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The images (n, 3, 32, 32) and labels (n,) of a file: a pickled dict with the keys "data",
    an array uint8 (n, 3072), and "labels", a list."""
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="latin-1").load()
        pixels = np.frombuffer(batch["data"].content, np.uint8).reshape(-1, 3, 32, 32)
        labels = np.array(batch["labels"], np.int64)
        if labels.shape != pixels.shape[:1] or not ((labels >= 0) & (labels <= 9)).all():
            raise ValueError(f"{len(pixels)} images, but labels {labels.shape}, from 0 to 9")
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError
    ) as error:  # fmt: skip
        raise DataFormatError(f"{name}: not a batch of CIFAR-10 ({error})") from error
    return pixels, labels


class _Unpickler(pickle.Unpickler):
    """Reads a batch without running what else a pickle may ask for: arrays are all it gets."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name in ("_reconstruct", "ndarray", "dtype"):
            return _Pickled
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch needs")


class _Pickled:
    """What stands for NumPy's array, or its dtype, in a pickle: it keeps the bytes of an array."""

    content = b""

    def __init__(self, *arguments: object):
        pass

    def __setstate__(self, state: tuple) -> None:
        if isinstance(state[-1], str):  # (version, shape, dtype, Fortran order, bytes)
            self.content = state[-1].encode("latin-1")
