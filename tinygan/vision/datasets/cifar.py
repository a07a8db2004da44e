"""CIFAR-10 and CIFAR-100, from their "python version".

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from tinygan.data import DataFormatError, DataUnavailableError
from tinygan.data.download import fetch
from tinygan.files import atomic_write
from tinygan.vision.datasets.pickled import read_pickle
from tinygan.vision.datasets.vision import ImagesInMemory, Transform


class CIFAR10(ImagesInMemory):
    """Pictures of 32 x 32 coloured pixels of ten kinds of things.

    Args:
        root: it holds the folder ``cifar-10-batches-py``; where it does not, ``$TINYGAN_DATA`` and
            ``$TINYGAN_DATA/cifar-10`` are searched for that folder.
        train: the 50,000 to train on, else the 10,000 to test with.
        transform: what is done with each picture.
        target_transform: what is done with each target.
        download: where the folder is nowhere, unpack ``cifar-10-python.tar.gz`` into `root`, from
            one of these places or from the network. Its SHA-256 must be the known one.

    Attributes:
        data: uint8 array (n, 32, 32, 3).
        targets: a list of n integers.
        classes: the names of the targets. class_to_idx: {name: target}.

    Raises:
        DataUnavailableError: the files are nowhere, and `download` is False or fails.
        DataFormatError: they are damaged, or hold something else than data. They are pickles, and
            are read without running them.

    (As torchvision.datasets.CIFAR10.)
    """

    base_folder = "cifar-10-batches-py"
    filename = "cifar-10-python.tar.gz"
    mirrors: tuple[str, ...] = (
        "https://www.cs.toronto.edu/~kriz/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    )
    own_folder = "cifar-10"
    sha256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
    train_list: tuple[str, ...] = tuple(f"data_batch_{k}" for k in range(1, 6))
    test_list: tuple[str, ...] = ("test_batch",)
    _meta, _names, _labels = "batches.meta", "label_names", "labels"

    def __init__(
        self, root: str | Path, train: bool = True, transform: Transform = None,
        target_transform: Transform = None, download: bool = False,
    ):  # fmt: skip
        super().__init__(root, None, transform, target_transform)
        self.train = train
        folder = self._folder(download)
        self.classes = self._read_classes(folder / self._meta)
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        names = self.train_list if train else self.test_list
        parts = [self._read(folder / name) for name in names]
        rows = np.concatenate([images for images, _ in parts])
        self.data = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        self.targets = [label for _, labels in parts for label in labels]

    def _folder(self, download: bool) -> Path:
        """The folder that holds all files."""
        roots = [self.root]
        if data := os.environ.get("TINYGAN_DATA"):
            own = Path(os.path.expanduser(data))
            roots += [own, own / self.own_folder]
        names = (*self.train_list, *self.test_list, self._meta)
        for root in roots:
            if all((root / self.base_folder / name).is_file() for name in names):
                return root / self.base_folder
        if not download:
            raise DataUnavailableError(
                f"{type(self).__name__}: no folder {self.base_folder} with all its files in "
                f"{' or '.join(map(str, roots))}; unpack {self.filename} there, or allow the "
                "download with download=True"
            )
        archives = [root / self.filename for root in roots]
        archive = next(
            (path for path in archives if path.is_file() and _sha256(path) == self.sha256), None
        ) or fetch(self.filename, self.root, self.mirrors, self.sha256)
        with tarfile.open(archive) as packed:
            for name in names:
                member = packed.extractfile(f"{self.base_folder}/{name}")
                assert member is not None  # the archive has the known SHA-256
                with atomic_write(self.root / self.base_folder / name) as file:
                    file.write(member.read())
        return self.root / self.base_folder

    def _read_classes(self, path: Path) -> list[str]:
        names = read_pickle(path.read_bytes(), str(path)).get(self._names)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataFormatError(f"{path}: {self._names} must be a list of names")
        return names

    def _read(self, path: Path) -> tuple[np.ndarray, list[int]]:
        """Rows of 3 x 32 x 32 values, and their labels."""
        content: dict[Any, Any] = read_pickle(path.read_bytes(), str(path))
        images, labels = content.get("data"), content.get(self._labels)
        if not isinstance(images, np.ndarray) or images.shape[1:] != (3 * 32 * 32,):
            got = images.shape if isinstance(images, np.ndarray) else type(images).__name__
            raise DataFormatError(f"{path}: data are {got}; expected an array (n, 3072)")
        known = range(len(self.classes))
        if not isinstance(labels, list) or not all(type(k) is int and k in known for k in labels):
            raise DataFormatError(
                f"{path}: {self._labels} must be a list of integers below {len(self.classes)}, as "
                f"many as {path.parent / self._meta} names"
            )
        if len(labels) != len(images):
            raise DataFormatError(f"{path}: {len(images)} images, but {len(labels)} labels")
        return images, labels


class CIFAR100(CIFAR10):
    """Pictures in the form of `CIFAR10`, of a hundred kinds of things, in ``cifar-100-python``.

    (As torchvision.datasets.CIFAR100.)
    """

    base_folder = "cifar-100-python"
    mirrors = ("https://www.cs.toronto.edu/~kriz/",)
    own_folder = "cifar-100"
    filename = "cifar-100-python.tar.gz"
    sha256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
    train_list = ("train",)
    test_list = ("test",)
    _meta, _names, _labels = "meta", "fine_label_names", "fine_labels"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
