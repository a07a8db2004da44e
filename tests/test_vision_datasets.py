"""The data sets under torchvision's names."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

import tinygan
from tinygan.data import DataUnavailableError, cache_dir
from tinygan.utils.data import DataLoader
from tinygan.vision.datasets import MNIST, FakeData, FashionMNIST, ImageFolder
from tinygan.vision.transforms import ToTensor


@pytest.fixture(autouse=True)
def _nothing_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGAN_DATA", raising=False)


def write_idx(path, array, gzipped):
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path = path.with_name(path.name + ".gz") if gzipped else path
    path.write_bytes(gzip.compress(content) if gzipped else content)


def write_digits(folder, prefix, count, rng, gzipped=False):
    folder.mkdir(parents=True, exist_ok=True)
    images = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    write_idx(folder / f"{prefix}-images-idx3-ubyte", images, gzipped)
    write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels, gzipped)
    return images, labels


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
def test_digits_are_read_from_the_root(kind, gzipped, tmp_path, rng):
    raw = tmp_path / "root" / kind.__name__ / "raw"
    images, labels = write_digits(raw, "train", 5, rng, gzipped)
    test_images, _ = write_digits(raw, "t10k", 3, rng, gzipped)
    dataset = kind(tmp_path / "root")
    assert (dataset.data.dtype, dataset.targets.dtype) == (np.uint8, np.int64)
    assert np.array_equal(dataset.data.numpy(), images)
    assert dataset.targets.tolist() == labels.tolist()
    assert len(dataset) == 5
    picture, label = dataset[3]
    assert (picture.mode, type(label), label) == ("L", int, labels[3])
    assert np.array_equal(np.asarray(picture), images[3])
    assert np.array_equal(kind(str(tmp_path / "root"), train=False).data.numpy(), test_images)


def test_digits_in_batches(tmp_path, rng):
    images, labels = write_digits(tmp_path / "MNIST" / "raw", "train", 5, rng)
    dataset = MNIST(tmp_path, transform=ToTensor(), target_transform=lambda label: -label)
    x, y = next(iter(DataLoader(dataset, batch_size=4)))
    assert np.array_equal(x.numpy(), images[:4, None] / np.float32(255))
    assert y.tolist() == (-labels[:4].astype(int)).tolist()
    dataset.data, dataset.targets = dataset.data[:2], dataset.targets[:2]
    assert len(list(dataset)) == len(dataset) == 2


def test_digits_of_another_folder(tmp_path, rng, monkeypatch):
    images, _ = write_digits(tmp_path / "mine" / "mnist", "train", 2, rng)
    monkeypatch.setenv("TINYGAN_DATA", str(tmp_path / "mine"))
    assert np.array_equal(MNIST(tmp_path / "root", download=True).data.numpy(), images)
    write_digits(cache_dir() / "fashion-mnist", "train", 4, rng)
    assert len(FashionMNIST(tmp_path / "root", download=True)) == 4


def test_missing_digits_say_what_to_do(tmp_path):
    with pytest.raises(DataUnavailableError, match=r"MNIST\(..., download=True\) fetches them"):
        MNIST(tmp_path)


def test_names_of_classes():
    assert MNIST.classes[7] == "7 - seven"
    assert FashionMNIST.classes[0] == "T-shirt/top"
    assert len(MNIST.classes) == len(FashionMNIST.classes) == 10


def write_pictures(root, *names):
    for shade, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (3, 2), shade).save(root / name)


def test_image_folder(tmp_path):
    names = ["dog/b.png", "dog/a.PNG", "cat/z/c.bmp", "cat/y.png"]
    write_pictures(tmp_path, *names)
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    (tmp_path / "readme.png").write_text("belongs to no class")
    dataset = ImageFolder(str(tmp_path), target_transform=lambda label: 10 * label)
    assert dataset.classes == ["cat", "dog"]
    assert dataset.class_to_idx == {"cat": 0, "dog": 1}
    expected = [("cat/y.png", 0), ("cat/z/c.bmp", 0), ("dog/a.PNG", 1), ("dog/b.png", 1)]
    assert dataset.samples == [(str(tmp_path / name), label) for name, label in expected]
    assert dataset.imgs == dataset.samples
    assert dataset.targets == [0, 0, 1, 1]
    assert len(dataset) == 4
    for index, (name, label) in enumerate(expected):
        picture, target = dataset[index]
        assert (picture.mode, picture.size, target) == ("RGB", (3, 2), 10 * label)
        assert picture.getpixel((0, 0)) == (names.index(name),) * 3
    own = ImageFolder(tmp_path, ToTensor(), loader=lambda path: np.full((1, 1), len(path), "uint8"),
                      is_valid_file=lambda path: path.endswith(("png", "txt")))  # fmt: skip
    assert [path.rpartition("/")[2] for path, _ in own.samples] == ["notes.txt", "y.png", "b.png"]
    assert own[0][0].shape == (1, 1, 1)


def test_image_folder_refuses(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        ImageFolder(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="has no sub-folders; expected one for each class"):
        ImageFolder(tmp_path)
    write_pictures(tmp_path, "cat/a.png")
    (tmp_path / "dog").mkdir()
    with pytest.raises(FileNotFoundError, match=r"the class dog of .* has no samples"):
        ImageFolder(tmp_path)


def test_fake_data_repeats():
    dataset = FakeData(size=40, image_size=(3, 4, 5), num_classes=3)
    tinygan.manual_seed(1)
    expected = tinygan.rand(3).tolist()
    tinygan.manual_seed(1)
    samples = [(np.asarray(picture), label) for picture, label in dataset]
    assert len(samples) == len(dataset) == 40
    assert samples[0][0].shape == (4, 5, 3)
    assert {label for _, label in samples} == {0, 1, 2}
    assert not np.array_equal(samples[0][0], samples[1][0])
    moved = FakeData(40, (3, 4, 5), 3, transform=np.asarray, random_offset=7)
    assert np.array_equal(moved[2][0], samples[9][0])
    assert np.asarray(FakeData(image_size=(1, 4, 5))[0][0]).shape == (4, 5)
    for index in (40, -1):
        with pytest.raises(IndexError, match=f"index {index} of a data set of 40"):
            dataset[index]
    assert tinygan.rand(3).tolist() == expected  # the common stream is left alone
