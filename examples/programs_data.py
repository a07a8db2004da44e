"""Small stand-ins for the data sets that the programs of compare_programs.py would download.

All are drawn with one seed, and lie in the files and folders that torchvision and the programs look
for. MNIST's are the real ones where $TINYGAN_DATA has them.
"""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
import struct
from pathlib import Path

import numpy as np

ATTRIBUTES = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"]
FACES = 4100  # programs set 4,000 of them aside; most are links to the first few
DRAWN = 96


def make(folder: Path) -> None:
    """Writes all of them below `folder`, unless they are there."""
    if (folder / "complete").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    mnist(folder / "MNIST" / "raw", random, "mnist")
    mnist(folder / "FashionMNIST" / "raw", random, "fashion-mnist")
    (folder / "mnist").symlink_to(".")  # programs look into data, or into data/mnist
    pickled_mnist(folder / "mnist.pkl.gz", random)
    cifar10(folder / "cifar-10-batches-py", random)
    for part, count in (("train", 64), ("val", 16), ("test", 16)):
        pictures(folder / "pairs" / part, random, count, (512, 256))
        for domain in "AB":
            pictures(folder / "domains" / part / domain, random, count, (256, 256))
    faces(folder / "faces", random)
    shutil.copytree(folder / "faces", folder / "faces_attributes", symlinks=True)
    attributes(folder / "faces_attributes", random)
    for name in ("cats", "dogs"):
        pictures(folder / "classes" / name, random, 64, (96, 80))
    mnistm(folder / "mnistm" / "processed", random)
    (folder / "complete").touch()


def digits(random: np.random.Generator, count: int, shape: tuple[int, ...]) -> np.ndarray:
    """Bright blots on a dark ground: (count, *shape), uint8."""
    small = random.random((count, *(size // 4 for size in shape[:2]), *shape[2:])) ** 3
    large = small.repeat(4, axis=1).repeat(4, axis=2)
    return (255 * large).astype(np.uint8)


def mnist(folder: Path, random: np.random.Generator, name: str) -> None:
    """The four IDX files."""
    folder.mkdir(parents=True)
    real = Path(os.environ.get("TINYGAN_DATA", "nowhere")) / name
    for part, count in (("train", 6400), ("t10k", 1000)):
        images, labels = digits(random, count, (28, 28)), random.integers(0, 10, count, np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            file = f"{part}-{kind}-ubyte"
            content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            content += array.tobytes()
            if (real / f"{file}.gz").exists():
                content = gzip.decompress((real / f"{file}.gz").read_bytes())
            (folder / file).write_bytes(content)


def pickled_mnist(path: Path, random: np.random.Generator) -> None:
    """Three pairs of images and labels, as one of PyTorch's tutorials reads them."""
    pairs = [(random.random((count, 784), np.float32), random.integers(0, 10, count))
             for count in (6400, 1000, 1000)]  # fmt: skip
    path.write_bytes(gzip.compress(pickle.dumps(pairs), 1))


def cifar10(folder: Path, random: np.random.Generator) -> None:
    """The pickled batches, without the files' checksums."""
    folder.mkdir()
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        images = digits(random, 2000, (32, 32, 3)).transpose(0, 3, 1, 2).reshape(2000, -1)
        batch = {"data": images, "labels": random.integers(0, 10, 2000).tolist()}
        (folder / name).write_bytes(pickle.dumps(batch))
    names = [f"class {i}" for i in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))


def pictures(
    folder: Path, random: np.random.Generator, count: int, size: tuple[int, int]
) -> list[Path]:
    """`count` pictures in colour, smooth and of this (width, height)."""
    from PIL import Image

    folder.mkdir(parents=True)
    files = [folder / f"{i:06d}.jpg" for i in range(1, count + 1)]
    for file in files:
        small = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
        small.resize(size, Image.Resampling.BICUBIC).save(file)
    return files


def faces(folder: Path, random: np.random.Generator) -> None:
    """Pictures of CelebA's number and size; the later ones are links."""
    files = pictures(folder, random, DRAWN, (178, 218))
    for i in range(DRAWN, FACES):
        (folder / f"{i + 1:06d}.jpg").symlink_to(files[i % DRAWN].name)


def attributes(folder: Path, random: np.random.Generator) -> None:
    """CelebA's list of attributes: 1 and -1 for each picture."""
    lines = [str(FACES), " ".join(ATTRIBUTES)]
    for i in range(1, FACES + 1):
        values = random.choice(["1", "-1"], len(ATTRIBUTES))
        lines.append(f"{i:06d}.jpg {' '.join(values)}")
    (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")


def mnistm(folder: Path, random: np.random.Generator) -> None:
    """MNIST-M, as the programs' own modules keep it after their download."""
    import torch

    folder.mkdir(parents=True)
    for part, count in (("train", 3200), ("test", 640)):
        images = torch.from_numpy(digits(random, count, (28, 28, 3)))
        labels = torch.from_numpy(random.integers(0, 10, count))
        torch.save((images, labels), folder / f"mnist_m_{part}.pt")
