"""Data sets of images, under the names of ``torchvision.datasets``."""

from tinygan.vision.datasets.cifar import CIFAR10, CIFAR100
from tinygan.vision.datasets.fake import FakeData
from tinygan.vision.datasets.folder import DatasetFolder, ImageFolder
from tinygan.vision.datasets.mnist import MNIST, FashionMNIST
from tinygan.vision.datasets.refused import LSUN, CelebA
from tinygan.vision.datasets.vision import VisionDataset

__all__ = [
    "CIFAR10", "CIFAR100", "LSUN", "MNIST", "CelebA", "DatasetFolder", "FakeData", "FashionMNIST",
    "ImageFolder", "VisionDataset",
]  # fmt: skip


def __getattr__(name: str):
    raise AttributeError(
        f"datasets.{name} does not exist here; unpack its pictures into a folder for each class "
        "and write datasets.ImageFolder(root), or use one of "
        + ", ".join(known for known in __all__ if known not in ("CelebA", "LSUN"))
    )
