"""What the data sets of images share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygan.tensor import Tensor
from tinygan.utils.data.collate import default_collate
from tinygan.utils.data.dataset import Dataset
from tinygan.vision.pillow import is_picture, pillow
from tinygan.vision.transforms.compose import apply_to_batch, split_for_batches

Transform = Callable[[Any], Any] | None


class VisionDataset(Dataset[tuple[Any, Any]]):
    """Pairs (image, target).

    Attributes:
        root: the folder, with a leading ~ written out.
        transforms: what is done with each pair: a function of image and target that returns both.
        transform: what is done with each image.
        target_transform: what is done with each target.

    Raises:
        TypeError: one of the three is no function.
        ValueError: `transforms` and one of the other two.

    (As torchvision.datasets.VisionDataset.)
    """

    def __init__(
        self, root: str | Path | None = None, transforms: Callable[[Any, Any], Any] | None = None,
        transform: Transform = None, target_transform: Transform = None,
    ):  # fmt: skip
        for name, function in (
            ("transforms", transforms), ("transform", transform),
            ("target_transform", target_transform),
        ):  # fmt: skip
            if function is not None and not callable(function):
                raise TypeError(
                    f"{type(self).__name__}: {name} must be a function of an image, got "
                    f"{type(function).__name__}"
                )
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError(
                f"{type(self).__name__}: transforms excludes transform and target_transform"
            )
        self.root = Path("" if root is None else root).expanduser()
        self.transforms = transforms
        self.transform, self.target_transform = transform, target_transform

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index)")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__(self)")

    def __repr__(self) -> str:
        text = f"{type(self).__name__}: {len(self)} samples, root={str(self.root)!r}"
        return text if self.transform is None else f"{text}, transform={self.transform}"

    def _transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        if self.transforms is not None:
            return self.transforms(image, target)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target


class ImagesInMemory(VisionDataset):
    """uint8 images that are all in memory; a sample is a picture of Pillow's and an integer.

    Attributes:
        data: uint8 (n, h, w) or (n, h, w, c), a Tensor or an array. May be set to others.
        targets: (n,), a Tensor or a list. May be set to others.
    """

    data: Any
    targets: Any

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        index = int(index)
        return self._transformed(_picture(self._pixels()[index]), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    def _pixels(self) -> Any:
        return self.data.array if isinstance(self.data, Tensor) else self.data

    def _collated(self, indices: Sequence[int]) -> list[Tensor] | None:
        parts, images = split_for_batches(self.transform), self._pixels()
        if (
            parts is None
            or self.transforms is not None
            or self.target_transform is not None
            or type(self).__getitem__ is not ImagesInMemory.__getitem__
            or not isinstance(images, np.ndarray)
            or images.dtype != np.uint8
        ):
            return None
        leading, trailing = parts
        rows = np.asarray(indices)
        if isinstance(self.targets, Tensor):
            labels = Tensor(self.targets.array[rows].astype(np.int64))
        else:
            labels = default_collate([int(self.targets[index]) for index in indices])
        chosen = images[rows]
        if leading.transforms:
            results = [leading(_picture(image)) for image in chosen]
            arrays = [np.asarray(result) for result in results if is_picture(result)]
            alike = {(array.shape, array.dtype.name) for array in arrays}
            if len(arrays) < len(results) or len(alike) > 1 or arrays[0].dtype != np.uint8:
                return [default_collate([trailing(result) for result in results]), labels]
            chosen = np.stack(arrays)
        return [apply_to_batch(trailing, chosen), labels]


def _picture(image: Any) -> Any:
    return pillow("a picture of a data set").fromarray(np.asarray(image))
