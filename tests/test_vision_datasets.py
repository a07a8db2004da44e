"""Data sets of images, under torchvision's names: where their files are found, their samples, their
batches."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import os
import sys

import numpy as np
import pytest
from image_files import GREY, RGB, mnist_bytes, pixels, same, write_cifar

import tinygan
from tinygan.data import DataFormatError, DataUnavailableError
from tinygan.utils.data import DataLoader, Subset
from tinygan.vision import datasets, transforms

Image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """No data and no cache but the test's own."""
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGAN_DATA", raising=False)


# MNIST


@pytest.fixture
def root(tmp_path):
    """A root as torchvision leaves it, with MNIST and FashionMNIST of a few images."""
    for name, seed in (("MNIST", 0), ("FashionMNIST", 1)):
        folder = tmp_path / "root" / name / "raw"
        folder.mkdir(parents=True)
        for train, n in ((True, 13), (False, 4)):
            for file, content in mnist_bytes(train, n, seed)[0].items():
                zipped = seed == 1
                (folder / (file + ".gz" * zipped)).write_bytes(
                    gzip.compress(content) if zipped else content
                )
    return tmp_path / "root"


@pytest.mark.parametrize(("make", "seed"), [(datasets.MNIST, 0), (datasets.FashionMNIST, 1)])
def test_mnist_is_found_where_torchvision_left_it(root, make, seed):
    for train, n in ((True, 13), (False, 4)):
        dataset = make(root, train=train)
        expected = mnist_bytes(train, n, seed)[1]
        assert len(dataset) == n and same(dataset.data, expected)
        assert dataset.targets.tolist() == [i % 10 for i in range(n)]
        assert dataset.targets.dtype == np.int64
        picture, target = dataset[3]
        assert picture.mode == "L" and (pixels(picture) == expected[3]).all()
        assert target == 3 and type(target) is int
        assert len(dataset.classes) == 10 and list(dataset.class_to_idx.values()) == [*range(10)]
        with pytest.raises(IndexError):
            dataset[n]
    assert repr(dataset) == f"{make.__name__}: 4 samples, root={str(root)!r}"


class Pairs(datasets.VisionDataset):
    def __getitem__(self, index):
        return self._transformed(index, index)


def test_transforms_of_images_and_of_targets(root):
    chain = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    dataset = datasets.MNIST(root, transform=chain, target_transform=lambda k: -k)
    image, target = dataset[2]
    assert same(image, (dataset.data.array[2:3].astype(np.float32) / np.float32(255)
                        - np.float32(0.5)) / np.float32(0.5))  # fmt: skip
    assert target == -2
    both = Pairs(transforms=lambda image, target: (image + target, 0))
    assert both[3] == (6, 0)
    assert Pairs(transform=str, target_transform=float)[3] == ("3", 3.0)
    with pytest.raises(ValueError, match="Pairs: transforms excludes transform and target_trans"):
        Pairs(transforms=max, transform=str)
    with pytest.raises(TypeError, match="transform must be a function of an image, got bool"):
        datasets.MNIST(root, True, True)


TO_TENSOR, HALF = transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))
CHAINS = {
    "ToTensor": TO_TENSOR,
    "Normalize": transforms.Compose([TO_TENSOR, HALF]),
    "nested": transforms.Compose([transforms.Compose([TO_TENSOR]), HALF, HALF]),
    "Resize": transforms.Compose([transforms.Resize(20), TO_TENSOR, HALF]),
    "random": transforms.Compose([transforms.RandomCrop(20), TO_TENSOR, HALF]),
    "an array": transforms.Compose([transforms.Lambda(np.array), TO_TENSOR]),
    "floats": transforms.Compose([transforms.Lambda(lambda p: p.convert("F")), TO_TENSOR]),
    "a step after": transforms.Compose([TO_TENSOR, transforms.Lambda(lambda x: x * 3)]),
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("kind", ["MNIST", "CIFAR10"])
def test_batches_are_the_samples_one_by_one(root, tmp_path, kind, name):
    """The loader makes most of these batches as a whole; each image must be the same bit by bit."""
    chain = CHAINS[name]
    if kind == "MNIST":
        dataset = datasets.MNIST(root, transform=chain)
    else:
        write_cifar(tmp_path)
        dataset = datasets.CIFAR10(tmp_path, transform=chain)
    order = [3, 0, 11, 5, 3, 7]
    tinygan.manual_seed(1)
    expected = [dataset[i] for i in order]
    for source, indices in ((dataset, order), (Subset(dataset, order), range(6))):
        tinygan.manual_seed(1)
        loader = DataLoader(source, 4, sampler=indices)
        images, labels = zip(*loader, strict=True)
        assert [len(x) for x in images] == [4, 2]
        assert same(tinygan.cat(images), np.stack([image.numpy() for image, _ in expected]))
        assert tinygan.cat(labels).tolist() == [label for _, label in expected]
        assert labels[0].dtype == np.int64 and images[0].array.flags.c_contiguous


def test_batches_follow_what_a_program_changes(root):
    class Twice(datasets.MNIST):
        raw_folder = str(root / "MNIST" / "raw")

        def __getitem__(self, index):
            image, target = super().__getitem__(index)
            return image, 2 * target

    twice = Twice(root, transform=TO_TENSOR)
    assert next(iter(DataLoader(twice, 3)))[1].tolist() == [0, 2, 4]
    dataset = datasets.MNIST(root, transform=TO_TENSOR)
    few = dataset.targets == 2
    dataset.data, dataset.targets = dataset.data[few], dataset.targets[few]
    (images, labels), = DataLoader(dataset, 8)
    assert len(dataset) == 2 and images.shape == (2, 1, 28, 28) and labels.tolist() == [2, 2]
    dataset.targets = [1, 2]
    assert next(iter(DataLoader(dataset, 2)))[1].tolist() == [1, 2]
    dataset.target_transform = lambda k: k + 1
    assert next(iter(DataLoader(dataset, 2)))[1].tolist() == [2, 3]


def test_without_pillow_batches_work_and_pictures_say_what_to_install(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    dataset = datasets.MNIST(root, transform=CHAINS["Normalize"])
    assert next(iter(DataLoader(dataset, 5)))[0].shape == (5, 1, 28, 28)
    with pytest.raises(ImportError, match=r"needs Pillow: pip install pillow"):
        dataset[0]


def test_old_names_of_data_and_targets(root):
    dataset = datasets.MNIST(root)
    for name in ("train_data", "test_data", "train_labels", "test_labels"):
        with pytest.warns(UserWarning, match=f"{name} is now called"):
            found = getattr(dataset, name)
        assert found is (dataset.data if "data" in name else dataset.targets)


def test_missing_files_say_what_to_do_and_tinygans_folders_are_used(tmp_path, monkeypatch):
    with pytest.raises(DataUnavailableError, match=r"download=True") as caught:
        datasets.MNIST(tmp_path / "none")
    assert str(tmp_path / "none" / "MNIST" / "raw") in str(caught.value)
    files, images = mnist_bytes(True, 3)
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    monkeypatch.setenv("TINYGAN_DATA", str(tmp_path / "data"))
    for download in (False, True):
        assert same(datasets.MNIST(tmp_path / "none", download=download).data, images)
    with pytest.raises(DataUnavailableError):
        datasets.FashionMNIST(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_mnist_downloads_into_the_folder_of_torchvision(tmp_path, monkeypatch):
    files, images = mnist_bytes(True, 3)
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    zipped = {f"{name}.gz": gzip.compress(content) for name, content in files.items()}
    for name, content in zipped.items():
        (mirror / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in zipped.items()}
    local = dataclasses.replace(
        datasets.MNIST._files, mirrors=(mirror.as_uri() + "/",), sha256=sums
    )
    monkeypatch.setattr("tinygan.data.download._open", _open_file)
    monkeypatch.setattr(datasets.MNIST, "_files", local)
    dataset = datasets.MNIST(tmp_path / "root", download=True)
    assert same(dataset.data, images)
    raw = tmp_path / "root" / "MNIST" / "raw"
    assert sorted(path.name for path in raw.iterdir()) == sorted(zipped)
    assert len(datasets.MNIST(tmp_path / "root")) == 3


def _open_file(url: str):
    """The file of a file:// URL in the form of an answer over HTTP."""
    file = open(url.removeprefix("file://"), "rb")  # noqa: SIM115
    file_size = os.fstat(file.fileno()).st_size

    class Answer:
        length = file_size
        read1 = file.read1

        def __enter__(self):
            return self

        def __exit__(self, *error):
            file.close()

    return Answer()


# Folders and noise


@pytest.fixture
def folder(tmp_path):
    for place in ("b/2.png", "b/10.PNG", "a/deep/x.jpg", "a/0.png", "b/notes.txt"):
        path = tmp_path / "folder" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no picture")
        else:
            Image.fromarray(GREY).save(path)
    return tmp_path / "folder"


def test_folders_are_classes(folder):
    dataset = datasets.ImageFolder(folder)
    places = [os.path.relpath(path, folder).replace(os.sep, "/") for path, _ in dataset.samples]
    assert places == ["a/0.png", "a/deep/x.jpg", "b/10.PNG", "b/2.png"]
    assert dataset.targets == [0, 0, 1, 1] and dataset.classes == ["a", "b"]
    assert dataset.class_to_idx == {"a": 0, "b": 1} and dataset.imgs == dataset.samples
    picture, target = dataset[3]
    assert picture.mode == "RGB" and (pixels(picture) == GREY[:, :, None]).all() and target == 1
    loader = DataLoader(datasets.ImageFolder(folder, transforms.ToTensor()), 4)
    ((images, labels),) = loader
    assert images.shape == (4, 3, 6, 5) and labels.tolist() == [0, 0, 1, 1]


def test_pictures_of_other_formats_and_damaged_ones_are_named(folder):
    dataset = datasets.ImageFolder(folder)
    path = folder / "a" / "0.png"
    Image.fromarray(RGB).save(path, "DDS")  # of a format that is not read
    with pytest.raises(DataFormatError, match=r"0\.png: not a readable .*none of PNG, JPEG"):
        dataset[0]
    Image.fromarray(RGB).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataFormatError, match=r"0\.png: not a readable picture"):
        dataset[0]
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"0\.png"):
        dataset[0]
    Image.fromarray(RGB).save(path, "GIF")  # of a format that is, under another name
    assert dataset[0][0].mode == "RGB" and dataset[0][0].size == (5, 6)


def test_folders_of_other_files(folder):
    texts = datasets.DatasetFolder(folder, os.path.getsize, (".txt",), allow_empty=True)
    assert [texts[i] for i in range(len(texts))] == [(len("no picture"), 1)]
    deep = datasets.ImageFolder(folder, is_valid_file=lambda path: "x" in os.path.basename(path))
    assert len(deep) == 2


def test_folders_without_classes_or_pictures_say_what_was_expected(folder):
    (folder / "c").mkdir()
    with pytest.raises(FileNotFoundError, match=r"in the folders c; expected .*\.jpg"):
        datasets.ImageFolder(folder)
    assert len(datasets.ImageFolder(folder, allow_empty=True)) == 4
    with pytest.raises(FileNotFoundError, match="expected a folder for each class"):
        datasets.ImageFolder(folder / "c")
    with pytest.raises(FileNotFoundError, match="expected an existing folder"):
        datasets.ImageFolder(folder / "none")


def test_noise_is_the_same_each_time():
    data = datasets.FakeData(5, (3, 4, 6), 7)
    assert len(data) == 5 and data[0][0].size == (6, 4) and data[0][0].mode == "RGB"
    other = datasets.FakeData(5, (3, 4, 6), 7, random_offset=1)
    tinygan.rand(9)
    for i in range(4):
        (image, target), (twin, number) = data[i + 1], other[i]
        assert (pixels(image) == pixels(twin)).all() and target == number and 0 <= target < 7
    assert len({pixels(data[i][0]).tobytes() for i in range(5)}) == 5
    with pytest.raises(IndexError, match="the data set has 5 samples"):
        data[5]
    targets = [datasets.FakeData(300, (1, 1, 1), 3)[i][1] for i in range(300)]
    assert np.bincount(targets).min() > 60  # 100 each, with a standard deviation of 8
