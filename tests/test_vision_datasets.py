"""The data sets under torchvision's names."""

from __future__ import annotations

import gzip
import struct
import tarfile

import numpy as np
import pytest
from PIL import Image

import tinygan
from tinygan.data import DataFormatError, DataUnavailableError, cache_dir
from tinygan.utils.data import DataLoader
from tinygan.vision.datasets import CIFAR10, MNIST, FakeData, FashionMNIST, ImageFolder
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


def cifar_batch(images, labels):
    """The pickle of a batch, opcode by opcode as Python 2 and its NumPy wrote the published one."""
    pixels = images.tobytes()
    return (
        b"\x80\x02}(U\x04data"
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01" + b"".join(b"J" + struct.pack("<i", n) for n in (len(images), 3072)) + b"\x86"
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + struct.pack("<i", len(pixels)) + pixels + b"tb"
        b"U\x06labels](" + b"".join(b"K" + bytes([n]) for n in labels) + b"eu."
    )


@pytest.fixture
def cifar(tmp_path, rng):
    """A folder with batches of two images each, and what they hold, by file name."""
    folder = tmp_path / "root" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    batches = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        images = rng.integers(0, 256, (2, 3, 32, 32)).astype(np.uint8)
        batches[name] = images, rng.integers(0, 10, 2).tolist()
        (folder / name).write_bytes(cifar_batch(*batches[name]))
    return folder, batches


def test_cifar_is_read_from_a_folder_and_from_the_archive(cifar, tmp_path, monkeypatch):
    folder, batches = cifar
    archive = tmp_path / "mine" / "cifar-10" / "cifar-10-python.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    monkeypatch.setenv("TINYGAN_DATA", str(tmp_path / "mine"))
    images = np.concatenate([batches[f"data_batch_{i}"][0] for i in range(1, 6)])
    labels = [label for i in range(1, 6) for label in batches[f"data_batch_{i}"][1]]
    for root in (folder.parent, tmp_path / "elsewhere"):
        dataset = CIFAR10(root)
        assert len(dataset) == 10
        assert np.array_equal(dataset.data, images.transpose(0, 2, 3, 1))
        assert dataset.targets == labels
        picture, label = dataset[7]
        assert (picture.mode, label) == ("RGB", labels[7])
        assert np.array_equal(np.asarray(picture), images[7].transpose(1, 2, 0))
        test = CIFAR10(root, train=False, transform=ToTensor())
        assert np.array_equal(test[1][0].numpy(), batches["test_batch"][0][1] / np.float32(255))
    assert CIFAR10.classes[3] == "cat"
    assert dataset.class_to_idx["truck"] == 9


def test_cifar_runs_nothing_and_says_what_is_wrong(cifar, tmp_path):
    folder, batches = cifar
    with pytest.raises(DataUnavailableError, match=r"CIFAR10\(..., download=True\) fetches it"):
        CIFAR10(tmp_path / "elsewhere")
    images, labels = batches["test_batch"]
    for content, message in [
        (b"cos\nsystem\n(U\x04truetR.", "it asks for os.system, which no batch needs"),
        (cifar_batch(images, labels)[:-40], "truncated|ran out|exhausted"),
        (cifar_batch(images, labels[:1]), "2 images, but labels"),
        (cifar_batch(images, [1, 10]), "from 0 to 9"),
        (b"\x80\x02}.", "data"),
    ]:
        (folder / "test_batch").write_bytes(content)
        with pytest.raises(DataFormatError, match=rf"test_batch: not a batch .*({message})"):
            CIFAR10(folder.parent, train=False)
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder / "test_batch", f"{folder.name}/test_batch")
    with pytest.raises(DataFormatError, match=r"not the archive of CIFAR-10 .*data_batch_1"):
        CIFAR10(tmp_path)
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(DataFormatError, match="not the archive of CIFAR-10"):
        CIFAR10(tmp_path, train=False)


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
