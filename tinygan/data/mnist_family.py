"""MNIST and Fashion-MNIST: found on this machine, or downloaded once.

Sources: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document
Recognition", 1998; H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for
Benchmarking Machine Learning Algorithms", 2017, arXiv:1708.07747.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinygan.kernels.cache import cache_dir

from .dataset import DataFormatError, Dataset, DataUnavailableError
from .download import fetch
from .idx import read_idx

SPLITS = {"train": "train", "test": "t10k"}
"""The name of each split, and how its files' names begin."""


@dataclass(frozen=True)
class Collection:
    """One data set of the family: where it is looked for, its mirrors and SHA-256 sums.

    The first of ``folders`` is its own; ``TINYGAN_DATA`` is searched at all of them. The last is
    torchvision's, below the folder that torchvision calls its root.
    """

    name: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    sha256: dict[str, str]


MNIST = Collection(
    name="mnist",
    folders=("mnist", ".", "MNIST/raw"),
    mirrors=(
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    sha256={
        "train-images-idx3-ubyte.gz":
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz":
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz":
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz":
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)

FASHION_MNIST = Collection(
    name="fashion-mnist",
    folders=("fashion-mnist", "FashionMNIST/raw"),  # not ".": MNIST's files have the same names
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
    sha256={
        "train-images-idx3-ubyte.gz":
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz":
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz":
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz":
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
)


def mnist(
    split: str = "train", root: str | Path | None = None, download: bool = True
) -> Dataset:
    """MNIST's handwritten digits: 60,000 to train on, 10,000 to test with.

    split: "train" or "test". root: folder with the IDX files, gzipped or not. Where it lacks
    them, or is None, they are looked for in ``$TINYGAN_DATA/mnist``, ``$TINYGAN_DATA``,
    ``$TINYGAN_DATA/MNIST/raw`` and ``mnist`` in `cache_dir`; ``download`` allows fetching them into
    the last.

    In ``root``, the files may also lie in ``raw`` or ``MNIST/raw``, as torchvision leaves them.
    They may have the names that Kaggle gives them, as ``train-images.idx3-ubyte``, each in a folder
    of its own name or not.

    Returns a Dataset with images uint8 (n, 1, 28, 28) and labels int64 (n,).

    Raises ValueError for another split, NotADirectoryError for a root that is no folder,
    DataUnavailableError when the files are nowhere, DataFormatError when they are damaged.
    """
    return _load(MNIST, split, root, download)


def fashion_mnist(
    split: str = "train", root: str | Path | None = None, download: bool = True
) -> Dataset:
    """Fashion-MNIST's pictures of clothes, in the same form as `mnist`.

    Looked for in ``root``, ``$TINYGAN_DATA/fashion-mnist``, ``$TINYGAN_DATA/FashionMNIST/raw`` and
    ``fashion-mnist`` in `cache_dir`. Returns and raises as `mnist` does.
    """
    return _load(FASHION_MNIST, split, root, download)


def _load(
    collection: Collection, split: str, root: str | Path | None, download: bool
) -> Dataset:
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; expected 'train' or 'test'")
    if root is not None and not Path(root).is_dir():
        raise NotADirectoryError(f"root is {str(root)!r}; expected an existing folder")
    own = [] if root is None else _layouts(Path(root), collection)
    return read_split(collection, split, own, cached(collection) if download else None)


def read_split(
    collection: Collection, split: str, folders: list[Path], target: Path | None
) -> Dataset:
    """The split of the first of ``folders``, TINYGAN_DATA's and the cache that holds its files;
    where none does, they are downloaded into ``target``, unless that is None."""
    names = [f"{SPLITS[split]}-images-idx3-ubyte.gz", f"{SPLITS[split]}-labels-idx1-ubyte.gz"]
    images_path, labels_path = _locate(collection, names, folders, target)
    images, labels = _read_images(images_path), _read_labels(labels_path)
    if len(images) != len(labels):
        raise DataFormatError(
            f"{images_path} holds {len(images)} images, but {labels_path} {len(labels)} labels; "
            "expected one label per image"
        )
    return Dataset(images[:, None], labels.astype(np.int64), collection.name)


def cached(collection: Collection) -> Path:
    """Where its files lie that tinygan has downloaded."""
    return cache_dir() / collection.folders[0]


def whereabouts(collection: Collection, split: str = "train") -> Path:
    """The folder that holds the files of a split; nothing is read or downloaded.

    Raises DataUnavailableError when they are nowhere.
    """
    names = [f"{SPLITS[split]}-images-idx3-ubyte.gz", f"{SPLITS[split]}-labels-idx1-ubyte.gz"]
    return _locate(collection, names, [], None)[0].parent


def _locate(
    collection: Collection, names: list[str], folders: list[Path], target: Path | None
) -> list[Path]:
    """The paths of the named files, all of one folder so that no two data sets mix."""
    data = os.environ.get("TINYGAN_DATA")
    if data:
        root = Path(os.path.expanduser(data))  # as it is, of a user without a home: nothing there
        folders = [*folders, *(root / folder for folder in collection.folders)]
    folders = [*folders, cached(collection)]
    for folder in folders:
        found = [path for name in names if (path := _find(folder, name)) is not None]
        if len(found) == len(names):
            return found
    if target is None:
        raise DataUnavailableError(
            f"{collection.name}: no folder holds {' and '.join(names)} (gzipped or not); "
            f"searched {', '.join(str(folder) for folder in folders)}. Set TINYGAN_DATA to a "
            "folder that holds the data set, or allow the download with download=True"
        )
    return [
        _find(target, name) or fetch(name, target, collection.mirrors, collection.sha256[name])
        for name in names
    ]


def _layouts(root: Path, collection: Collection) -> list[Path]:
    """Where the files may lie below a folder that a user names."""
    return [root, root / "raw", root / collection.folders[-1]]


def _find(folder: Path, name: str) -> Path | None:
    """The file of that name, or of that of Kaggle's, gzipped or not."""
    plain = name.removesuffix(".gz")
    kaggle = plain.replace("-idx", ".idx")
    for file in (name, plain, f"{kaggle}.gz", kaggle, f"{plain}/{plain}", f"{kaggle}/{kaggle}"):
        if (folder / file).is_file():
            return folder / file
    return None


def _read_images(path: Path) -> np.ndarray:
    images = read_idx(path)
    if images.shape[1:] != (28, 28):
        raise DataFormatError(f"{path}: shape {images.shape}; expected images (n, 28, 28)")
    return images


def _read_labels(path: Path) -> np.ndarray:
    labels = read_idx(path)
    if labels.ndim != 1:
        raise DataFormatError(f"{path}: shape {labels.shape}; expected labels (n,)")
    if labels.max(initial=0) > 9:
        raise DataFormatError(f"{path}: a label is {labels.max()}; expected 0 to 9")
    return labels
