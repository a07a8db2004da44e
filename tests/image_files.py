"""Random images, and files of them in the forms in which MNIST and CIFAR are published."""

from __future__ import annotations

import struct

import numpy as np

RGB = np.random.default_rng(1).integers(0, 256, (6, 5, 3), np.uint8)
GREY = np.ascontiguousarray(RGB[:, :, 0])


def pixels(picture) -> np.ndarray:
    return np.asarray(picture)


def same(x, array) -> bool:
    """A Tensor of exactly these values, shape and dtype."""
    return x.dtype == array.dtype and x.shape == array.shape and (x.numpy() == array).all()


NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def idx_bytes(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def mnist_bytes(train: bool, n: int, seed: int = 0) -> tuple[dict[str, bytes], np.ndarray]:
    """The two files by name, and the images."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n, 28, 28), np.uint8)
    labels = (np.arange(n) % 10).astype(np.uint8)
    prefix = "train" if train else "t10k"
    names = f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"
    return {names[0]: idx_bytes(images), names[1]: idx_bytes(labels)}, images


def text(x: str) -> bytes:
    """A string of Python 2."""
    return b"U" + bytes([len(x)]) + x.encode()


def pickle_of_python_2(rows: np.ndarray, labels: list[int], labels_name: str = "labels") -> bytes:
    """The bytes in which CIFAR's files are published: protocol 2, an array by NumPy's state."""
    shape = b"".join(b"M" + struct.pack("<H", n) for n in rows.shape)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85" + text("b")
        + b"\x87Rq\t(K\x01" + shape + b"\x86cnumpy\ndtype\nq\n" + text("u1") + b"K\x00K\x01\x87Rq"
        + b"\x0b(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<I", rows.size) + rows.tobytes() + b"tb"
    )  # fmt: skip
    numbers = b"]q\x05(" + b"".join(b"K" + bytes([k]) for k in labels) + b"e"
    items = text("batch_label") + b"q\x02" + text("a batch") + text(labels_name) + numbers
    return b"\x80\x02}q\x01(" + items + text("data") + array + b"u."


def names_of_python_2(key: str, names: list[str]) -> bytes:
    return b"\x80\x02}q\x01" + text(key) + b"](" + b"".join(map(text, names)) + b"es."


def write_cifar(root, n: int = 3) -> np.ndarray:
    """All files of CIFAR-10 with n images each; returns the rows of all, in their order."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(exist_ok=True)
    rows = np.random.default_rng(2).integers(0, 256, (6, n, 3072), np.uint8)
    names = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
    for k, name in enumerate(names):
        labels = [(k + i) % 10 for i in range(n)]
        (folder / name).write_bytes(pickle_of_python_2(rows[k], labels))
    (folder / "batches.meta").write_bytes(names_of_python_2("label_names", NAMES))
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
