"""MNIST and Fashion-MNIST."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import ClassVar

from tinygan.data.mnist_family import FASHION_MNIST as FASHION_FILES
from tinygan.data.mnist_family import MNIST as MNIST_FILES
from tinygan.data.mnist_family import Collection, read_split
from tinygan.tensor import Tensor
from tinygan.vision.datasets.vision import ImagesInMemory, Transform


class MNIST(ImagesInMemory):
    """The handwritten digits: pictures of 28 x 28 grey pixels, and what they show, 0 to 9.

    Args:
        root: its folder ``MNIST/raw`` is searched for the IDX files, gzipped or not; then those
            folders are where `tinygan.data.mnist` looks, below ``$TINYGAN_DATA`` and in the cache.
        train: the 60,000 to train on, else the 10,000 to test with.
        transform: what is done with each picture.
        target_transform: what is done with each target.
        download: fetch the files into ``root/MNIST/raw`` where they are nowhere. What arrives is
            compared with its known SHA-256.

    Attributes:
        data: uint8 Tensor (n, 28, 28).
        targets: int64 Tensor (n,).
        classes: the names of the targets. class_to_idx: {name: target}.

    Raises:
        DataUnavailableError: the files are nowhere, and `download` is False or fails.
        DataFormatError: they are damaged.
        ImportError: when a picture is asked for without Pillow. A `DataLoader` whose transform is
            ToTensor, and perhaps Normalize, needs none.

    (As torchvision.datasets.MNIST.)
    """

    classes: ClassVar[list[str]] = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six",
        "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip
    _files: Collection = MNIST_FILES

    def __init__(
        self, root: str | Path, train: bool = True, transform: Transform = None,
        target_transform: Transform = None, download: bool = False,
    ):  # fmt: skip
        super().__init__(root, None, transform, target_transform)
        self.train = train
        folder = Path(self.raw_folder)
        split = "train" if train else "test"
        found = read_split(self._files, split, [folder], folder if download else None)
        # A copy that can be changed: what was read of a file cannot.
        self.data, self.targets = Tensor(found.images[:, 0].copy()), Tensor(found.require_labels())

    @property
    def raw_folder(self) -> str:
        """``root/MNIST/raw``, with the name of the class."""
        return str(self.root / type(self).__name__ / "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.classes)}

    # The names before torchvision 0.2.2, of 2019

    @property
    def train_data(self) -> Tensor:
        return self._renamed("train_data", "data")

    @property
    def test_data(self) -> Tensor:
        return self._renamed("test_data", "data")

    @property
    def train_labels(self) -> Tensor:
        return self._renamed("train_labels", "targets")

    @property
    def test_labels(self) -> Tensor:
        return self._renamed("test_labels", "targets")

    def _renamed(self, old: str, new: str) -> Tensor:
        warnings.warn(f"{old} is now called {new}", stacklevel=3)
        return getattr(self, new)


class FashionMNIST(MNIST):
    """Pictures of clothes in the form of `MNIST`, below ``root/FashionMNIST/raw``.

    (As torchvision.datasets.FashionMNIST.)
    """

    classes: ClassVar[list[str]] = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot",
    ]  # fmt: skip
    _files = FASHION_FILES
