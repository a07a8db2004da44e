"""A labelled data set as files: a folder of pictures by class, or IDX files as MNIST has them.

Both are written whole or not at all, and the same data makes the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinygan.files import atomic_folder

from .dataset import Dataset
from .idx import write_idx
from .mnist_family import SPLITS


def write_image_folder(data: Dataset, folder: str | Path) -> None:
    """Write a PNG for each image, in a sub-folder for each class, as `image_folder` reads them.

    A sub-folder is named after its class, or its number where the set has no names; the k-th image
    of all is in ``00000k.png``. Read again, the images come class by class, within a class in their
    order, and have the same labels.

    Raises FileExistsError when ``folder`` is there and not empty, ValueError when there are no
    labels, a class has no name or no image, names do not sort as their numbers, or images are
    neither grey nor RGB, OSError when it cannot be written, ImportError without Pillow.
    """
    from PIL import Image

    labels = data.require_labels()
    if len(data) == 0 or data.images.shape[1] not in (1, 3):
        raise ValueError(
            f"write_image_folder: images have shape {data.images.shape}; expected at least one "
            "image, of 1 or 3 channels"
        )
    classes, digits = int(labels.max()) + 1, len(str(len(data) - 1))
    width = len(str(classes - 1))
    names = data.classes or tuple(f"{number:0{width}}" for number in range(classes))
    used = np.unique(labels).tolist()
    if used != list(range(len(names))) or list(names) != sorted(set(names)):
        raise ValueError(
            f"write_image_folder: labels are {used} and classes {names}; expected names in "
            "alphabetical order, and images of each"
        )
    pixels = data.images.transpose(0, 2, 3, 1)
    with atomic_folder(folder) as made:
        for name in names:
            (made / name).mkdir()
        for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
            picture.save(made / names[label] / f"{number:0{digits}}.png")


def write_mnist_files(data: Dataset, folder: str | Path, split: str = "train") -> None:
    """Write ``train-images-idx3-ubyte.gz`` and ``train-labels-idx1-ubyte.gz``, MNIST's own format,
    which ``mnist(split, root=folder)`` reads. split: "train" or "test", whose files begin "t10k".

    Raises FileExistsError when ``folder`` is there and not empty, ValueError for images of another
    shape than (n, 1, 28, 28), labels other than 0 to 9 or none, or another split, OSError when it
    cannot be written.
    """
    labels = data.require_labels()
    if split not in SPLITS:
        raise ValueError(f"write_mnist_files: split is {split!r}; expected 'train' or 'test'")
    if data.images.shape[1:] != (1, 28, 28):
        raise ValueError(
            f"write_mnist_files: images have shape {data.images.shape}; expected (n, 1, 28, 28)"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() <= 9:
        raise ValueError(
            f"write_mnist_files: labels are {labels.min()} to {labels.max()}; expected 0 to 9"
        )
    with atomic_folder(folder) as made:
        write_idx(made / f"{SPLITS[split]}-images-idx3-ubyte.gz", data.images[:, 0])
        write_idx(made / f"{SPLITS[split]}-labels-idx1-ubyte.gz", labels.astype(np.uint8))
