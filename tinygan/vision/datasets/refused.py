"""Data sets that programs for GANs name, often beside others, and that are not read here. The names
exist, so that such a program runs with another data set; to make one is refused."""

from __future__ import annotations

from typing import Any

from tinygan.vision.datasets.vision import VisionDataset


class CelebA(VisionDataset):
    """Refused: 200,000 faces in an archive of Google Drive's, from which no program can fetch it
    reliably. `ImageFolder` reads the unpacked pictures.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self, *args: Any, **options: Any):
        raise NotImplementedError(
            "CelebA: the pictures are not fetched here; unpack img_align_celeba.zip into "
            "celeba/img_align_celeba and write datasets.ImageFolder('celeba')"
        )


class LSUN(VisionDataset):
    """Refused: its pictures lie in LMDB databases, which need another library.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self, *args: Any, **options: Any):
        raise NotImplementedError(
            "LSUN: its LMDB databases are not read here; export the pictures into lsun/bedroom, a "
            "folder for each category, and write datasets.ImageFolder('lsun')"
        )
