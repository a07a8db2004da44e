"""Data sets of images: the names of torchvision.datasets.

    digits = MNIST("data", download=True, transform=ToTensor())
    image, label = digits[0]

Each is a `tinygan.utils.data.Dataset`, whose samples are (PIL image, int): the image after
`transform`, the integer after `target_transform`, where these are given.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tinygan.creation import tensor
from tinygan.data import Dataset as Images
from tinygan.data import DataUnavailableError, fashion_mnist, mnist
from tinygan.devices import Generator
from tinygan.tensor import Tensor
from tinygan.utils.data import Dataset
from tinygan.vision.cifar import cifar10
from tinygan.vision.pillow import pillow
from tinygan.vision.transforms import ToPILImage

__all__ = ["CIFAR10", "MNIST", "FakeData", "FashionMNIST", "ImageFolder"]

Transform = Callable[[Any], Any] | None

ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class MNIST(Dataset[tuple[Any, Any]]):
    """MNIST's handwritten digits, 28 x 28 and grey. (As torchvision.datasets.MNIST; LeCun et al.
    1998.)

    The files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and, to test, ``t10k-...``,
    gzipped or not, are read from ``<root>/MNIST/raw``; where they are not there, from
    ``$TINYGAN_DATA/mnist`` or from tinygan's own cache (`tinygan.data.cache_dir`).

    Args:
        train: the 60,000 images to train on, else the 10,000 to test with.
        download: fetch files that are nowhere into the cache, and check them.

    Attributes:
        data: uint8 (n, 28, 28). targets: int64 (n,). classes: a name for each label.
        class_to_idx: the label of each name.

    Raises:
        DataUnavailableError: the files are nowhere, or cannot be fetched.
        DataFormatError: they are damaged.
    """

    classes: ClassVar[list[str]] = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six",
        "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip
    _read: Callable[..., Images] = staticmethod(mnist)

    def __init__(
        self, root: str | os.PathLike, train: bool = True, transform: Transform = None,
        target_transform: Transform = None, download: bool = False,
    ):  # fmt: skip
        self.root, self.train = root, train
        self.transform, self.target_transform = transform, target_transform
        images = self._images(download)
        self.data = tensor(images.images[:, 0])
        self.targets = tensor(images.require_labels())

    def _images(self, download: bool) -> Images:
        name = type(self).__name__
        raw = Path(self.root).expanduser() / name / "raw"
        split = "train" if self.train else "test"
        try:
            return self._read(split, raw if raw.is_dir() else None, download)
        except DataUnavailableError as error:
            if download:
                raise
            raise DataUnavailableError(
                f"{name}: the files are not in {raw}. {name}(..., download=True) fetches them; or "
                f"put them there. ({error})"
            ) from error

    @property
    def class_to_idx(self) -> dict[str, int]:
        return _numbered(self.classes)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        picture = pillow(type(self).__name__).fromarray(self.data[index].numpy())
        return _transformed(self, picture, int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)


class FashionMNIST(MNIST):
    """Fashion-MNIST's pictures of clothes, in the same form as `MNIST`; in
    ``<root>/FashionMNIST/raw``, ``$TINYGAN_DATA/fashion-mnist`` or the cache. (As
    torchvision.datasets.FashionMNIST; Xiao et al. 2017, arXiv:1708.07747.)"""

    classes: ClassVar[list[str]] = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot",
    ]  # fmt: skip
    _read = staticmethod(fashion_mnist)


class CIFAR10(Dataset[tuple[Any, Any]]):
    """CIFAR-10's photographs of animals and vehicles, 32 x 32 in colour. (As
    torchvision.datasets.CIFAR10; Krizhevsky 2009.)

    The folder ``cifar-10-batches-py``, or the archive ``cifar-10-python.tar.gz``, is read from
    `root`; where it is not there, from ``$TINYGAN_DATA/cifar-10`` or from tinygan's own cache.

    Args:
        train: the 50,000 images to train on, else the 10,000 to test with.
        download: fetch an archive that is nowhere into the cache, and check it.

    Attributes:
        data: an array uint8 (n, 32, 32, 3). targets: a list of integers. classes: a name for each.
        class_to_idx: the integer of each name.

    Raises:
        DataUnavailableError: the archive is nowhere, or cannot be fetched.
        DataFormatError: a file is damaged.
    """

    classes: ClassVar[list[str]] = [
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ]  # fmt: skip

    def __init__(
        self, root: str | os.PathLike, train: bool = True, transform: Transform = None,
        target_transform: Transform = None, download: bool = False,
    ):  # fmt: skip
        self.root, self.train = root, train
        self.transform, self.target_transform = transform, target_transform
        images = cifar10("train" if train else "test", root, download)
        self.data = np.ascontiguousarray(images.images.transpose(0, 2, 3, 1))
        self.targets: list[int] = images.require_labels().tolist()

    @property
    def class_to_idx(self) -> dict[str, int]:
        return _numbered(self.classes)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        picture = pillow("CIFAR10").fromarray(self.data[index])
        return _transformed(self, picture, self.targets[index])

    def __len__(self) -> int:
        return len(self.data)


def read_picture(path: str | os.PathLike) -> Any:
    """A picture file as a PIL image of mode "RGB"."""
    with pillow("ImageFolder").open(path) as opened:
        return opened.convert("RGB")


class ImageFolder(Dataset[tuple[Any, Any]]):
    """Picture files in sub-folders of `root`, one for each class: ``<root>/cat/1.png``. (As
    torchvision.datasets.ImageFolder.)

    Classes are the names of the sub-folders in alphabetical order, and their files are sorted by
    path; folders in them belong to the same class.

    Args:
        loader: makes an image of a path; by default a PIL image of mode "RGB".
        is_valid_file: says of a path whether it is a sample; by default, whether its ending is one
            of pictures (`ENDINGS`).

    Attributes:
        classes: their names. class_to_idx: the integer of each.
        samples (imgs): pairs (path, class). targets: the classes alone.

    Raises:
        FileNotFoundError: no folder `root`, no sub-folder in it, or one without samples.
    """

    def __init__(
        self, root: str | os.PathLike, transform: Transform = None,
        target_transform: Transform = None,
        loader: Callable[[str], Any] = read_picture,
        is_valid_file: Callable[[str], bool] | None = None,
    ):  # fmt: skip
        self.root, self.loader = root, loader
        self.transform, self.target_transform = transform, target_transform
        folder = Path(root).expanduser()
        if not folder.is_dir():
            raise FileNotFoundError(f"ImageFolder: {folder} is not a folder")
        self.classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
        if not self.classes:
            raise FileNotFoundError(
                f"ImageFolder: {folder} has no sub-folders; expected one for each class, with its "
                "pictures in it"
            )
        self.class_to_idx = _numbered(self.classes)
        is_sample = is_valid_file or _is_picture_file
        self.samples: list[tuple[str, int]] = []
        for name, label in self.class_to_idx.items():
            paths = [path for path in _files(folder / name) if is_sample(path)]
            if not paths:
                raise FileNotFoundError(
                    f"ImageFolder: the class {name} of {folder} has no samples; expected files "
                    f"that end in {', '.join(ENDINGS)}, or that is_valid_file accepts"
                )
            self.samples += [(path, label) for path in paths]
        self.imgs = self.samples
        self.targets = [label for _, label in self.samples]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, label = self.samples[index]
        return _transformed(self, self.loader(path), label)

    def __len__(self) -> int:
        return len(self.samples)


class FakeData(Dataset[tuple[Any, Any]]):
    """Random pictures with random classes: each index always gives the same. (As
    torchvision.datasets.FakeData; the pixels are not torchvision's.)

    Args:
        size: how many. image_size: (c, h, w), with 1 to 4 channels. num_classes: labels are
            0 ... num_classes - 1.
        random_offset: sample i is drawn with the seed i + random_offset.

    Raises:
        IndexError: an index of `size` or above.
    """

    def __init__(
        self, size: int = 1000, image_size: Sequence[int] = (3, 224, 224), num_classes: int = 10,
        transform: Transform = None, target_transform: Transform = None, random_offset: int = 0,
    ):  # fmt: skip
        self.size, self.image_size, self.num_classes = size, tuple(image_size), num_classes
        self.transform, self.target_transform = transform, target_transform
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < self.size:
            raise IndexError(f"FakeData: index {index} of a data set of {self.size} samples")
        random = Generator(int(index) + self.random_offset).numpy
        pixels = Tensor(random.integers(0, 256, self.image_size, "uint8"))
        return _transformed(self, ToPILImage()(pixels), int(random.integers(self.num_classes)))

    def __len__(self) -> int:
        return self.size


def _transformed(dataset: Any, image: Any, label: int) -> tuple[Any, Any]:
    """The sample after the transforms of its data set."""
    if dataset.transform is not None:
        image = dataset.transform(image)
    if dataset.target_transform is not None:
        label = dataset.target_transform(label)
    return image, label


def _numbered(classes: list[str]) -> dict[str, int]:
    return {name: label for label, name in enumerate(classes)}


def _is_picture_file(path: str) -> bool:
    return path.lower().endswith(ENDINGS)


def _files(folder: Path) -> list[str]:
    """All files in a folder and in those below it, those of each folder together."""
    return [
        os.path.join(place, name)
        for place, _, names in sorted(os.walk(folder, followlinks=True))
        for name in sorted(names)
    ]
