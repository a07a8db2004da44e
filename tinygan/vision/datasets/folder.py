"""A folder of classes, each a folder of files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinygan.data.pictures import opened_picture
from tinygan.vision.datasets.vision import Transform, VisionDataset

IMG_EXTENSIONS = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
)  # fmt: skip

Loader = Callable[[str], Any]


def default_loader(path: str) -> Any:
    """The picture in a file, as RGB, by Pillow.

    What a file holds is read where it is PNG, JPEG, BMP, WebP, GIF, TIFF or PPM, whatever its name
    says, and of at most 2^26 pixels (8192 x 8192).

    Raises:
        DataFormatError: it holds something else, or is damaged. OSError: it cannot be read. Both
            name the file.
    """
    with opened_picture(path) as picture:
        return picture.convert("RGB")


def find_classes(directory: str | Path) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in `directory`, in order, and {name: its place}.

    Raises:
        FileNotFoundError: there are none.
    """
    names = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not names:
        raise FileNotFoundError(
            f"{directory}: expected a folder for each class, and the pictures in these; there is "
            "no folder"
        )
    return names, {name: index for index, name in enumerate(names)}


def make_dataset(
    directory: str | Path, class_to_idx: dict[str, int], extensions: Sequence[str] | None = None,
    is_valid_file: Callable[[str], bool] | None = None, allow_empty: bool = False,
) -> list[tuple[str, int]]:  # fmt: skip
    """(path, class) of the files in each class's folder and those below it, class by class.

    Args:
        extensions: how the names of files end that count, upper or lower case; or
        is_valid_file: whether the file at a path counts.
        allow_empty: a class may have no file.

    Raises:
        ValueError: not exactly one of `extensions` and `is_valid_file`.
        FileNotFoundError: a class has no file.
    """
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("make_dataset: expected either extensions or is_valid_file")
    endings = tuple(extensions or ())
    counts = is_valid_file or (lambda path: path.lower().endswith(endings))
    samples: list[tuple[str, int]] = []
    empty = []
    for name in sorted(class_to_idx):
        before = len(samples)
        for folder, _, files in sorted(os.walk(Path(directory) / name, followlinks=True)):
            paths = (os.path.join(folder, file) for file in sorted(files))
            samples += [(path, class_to_idx[name]) for path in paths if counts(path)]
        if len(samples) == before:
            empty.append(name)
    if empty and not allow_empty:
        expected = f"; expected files that end in {', '.join(endings)}" if endings else ""
        raise FileNotFoundError(
            f"{directory}: no valid file in the folders {', '.join(empty)}{expected}"
        )
    return samples


class DatasetFolder(VisionDataset):
    """Files as samples; the folder in `root` that a file lies in, at whatever depth, is its class.

    Args:
        root: the folder of the classes' folders.
        loader: what makes a sample of a path.
        extensions, is_valid_file, allow_empty: as of `make_dataset`.
        transform: what is done with each sample.
        target_transform: what is done with each class.

    Attributes:
        classes: the names of the folders, in order. class_to_idx: {name: class}.
        samples: (path, class) of each. targets: the classes of the samples.

    Raises:
        FileNotFoundError: there is no class, or one has no file.

    (As torchvision.datasets.DatasetFolder.)
    """

    def __init__(
        self, root: str | Path, loader: Loader, extensions: Sequence[str] | None = None,
        transform: Transform = None, target_transform: Transform = None,
        is_valid_file: Callable[[str], bool] | None = None, allow_empty: bool = False,
    ):  # fmt: skip
        super().__init__(root, None, transform, target_transform)
        if not self.root.is_dir():
            raise FileNotFoundError(f"root is {str(root)!r}; expected an existing folder")
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = make_dataset(
            self.root, self.class_to_idx, extensions, is_valid_file, allow_empty
        )
        self.targets = [target for _, target in self.samples]
        self.loader, self.extensions = loader, extensions

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """`find_classes`; a subclass may name other classes."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Pictures, by default as RGB; the folder in `root` that a picture lies in is its class.

    A picture is read when it is asked for, and then an error about it names its file
    (`default_loader`).

    `imgs` is another name of `samples`. (As torchvision.datasets.ImageFolder.)
    """

    def __init__(
        self, root: str | Path, transform: Transform = None, target_transform: Transform = None,
        loader: Loader = default_loader, is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):  # fmt: skip
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(
            root, loader, extensions, transform, target_transform, is_valid_file, allow_empty
        )
        self.imgs = self.samples
