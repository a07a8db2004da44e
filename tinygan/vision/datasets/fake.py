"""Noise in the form of a data set, to try a program without data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygan.devices import Generator
from tinygan.tensor import Tensor
from tinygan.vision.datasets.vision import Transform, VisionDataset
from tinygan.vision.transforms.functional import to_pil_image


class FakeData(VisionDataset):
    """Pictures of noise with random targets; sample i is the same each time.

    Args:
        size: how many.
        image_size: (c, h, w).
        num_classes: targets are 0 ... num_classes - 1.
        transform: what is done with each picture.
        target_transform: what is done with each target.
        random_offset: added to an index to make the seed of its sample.

    (As torchvision.datasets.FakeData; the noise is that of tinygan's own random numbers.)
    """

    def __init__(
        self, size: int = 1000, image_size: Sequence[int] = (3, 224, 224), num_classes: int = 10,
        transform: Transform = None, target_transform: Transform = None, random_offset: int = 0,
    ):  # fmt: skip
        super().__init__(None, None, transform, target_transform)
        self.size, self.image_size, self.num_classes = size, tuple(image_size), num_classes
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < self.size:
            raise IndexError(f"index is {index}; the data set has {self.size} samples")
        random = Generator(index + self.random_offset)
        noise = Tensor(random.normal(self.image_size, np.float32))
        target = int(random.numpy.integers(self.num_classes))
        return self._transformed(to_pil_image(noise), target)

    def __len__(self) -> int:
        return self.size
