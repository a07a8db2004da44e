"""CIFAR-10 and CIFAR-100: reading pickles without running them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import tarfile

import numpy as np
import pytest
from image_files import NAMES, names_of_python_2, pickle_of_python_2, pixels, write_cifar

from tinygan.data import DataFormatError, DataUnavailableError
from tinygan.vision import datasets
from tinygan.vision.datasets import cifar as cifar_module
from tinygan.vision.datasets.pickled import read_pickle

pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """No data and no cache but the test's own."""
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGAN_DATA", raising=False)


def test_cifar10_reads_its_batches(tmp_path, monkeypatch):
    expected = write_cifar(tmp_path)
    train, test = datasets.CIFAR10(tmp_path), datasets.CIFAR10(tmp_path, train=False)
    assert (train.data == expected[:15]).all() and train.data.shape == (15, 32, 32, 3)
    assert train.targets == [(k + i) % 10 for k in range(5) for i in range(3)]
    assert (test.data == expected[15:]).all() and test.targets == [5, 6, 7]
    assert train.classes == NAMES and train.class_to_idx["cat"] == 3
    picture, target = train[4]
    assert picture.mode == "RGB" and (pixels(picture) == expected[4]).all() and target == 2
    monkeypatch.setenv("TINYGAN_DATA", str(tmp_path))
    assert len(datasets.CIFAR10(tmp_path / "elsewhere")) == 15


def test_cifar100_reads_its_fine_labels(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    rows = np.random.default_rng(3).integers(0, 256, (2, 3072), np.uint8)
    for name in ("train", "test"):
        (folder / name).write_bytes(pickle_of_python_2(rows, [99, 0], "fine_labels"))
    names = [f"kind {k}" for k in range(100)]
    (folder / "meta").write_bytes(names_of_python_2("fine_label_names", names))
    dataset = datasets.CIFAR100(tmp_path)
    assert dataset.targets == [99, 0] and dataset.classes == names
    assert (dataset.data[0, :, :, 2].ravel() == rows[0, 2048:]).all()


class Hostile:
    def __reduce__(self):
        return os.system, ("touch hostile",)


class Built:
    pass


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_that_run_something_are_refused_and_not_run(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    data = [Hostile(), Built(), {1, 2}, np.dtype, np.zeros(2), np.array([Hostile()])]
    for value in (Hostile(), *({"data": item} for item in data)):
        with pytest.raises(DataFormatError, match=r"^evil: .*; it is not read"):
            read_pickle(pickle.dumps(value, protocol), "evil")
    assert list(tmp_path.iterdir()) == []


def test_an_array_without_values_is_refused():
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    with pytest.raises(DataFormatError, match="a part of an array where data should be"):
        read_pickle(b"\x80\x02}U\x04data" + array + b"s.", "batch")


def test_pickles_of_python_3_are_read_too():
    rows = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for array in (rows, np.asfortranarray(rows)):
        value = {"data": array, b"labels": [1, 2, -3, 70000], "more": [(1.5, None, True, "é")]}
        found = read_pickle(pickle.dumps(value, 4), "batch")
        assert (found["data"] == rows).all()
        assert found["labels"] == [1, 2, -3, 70000] and found["more"] == [(1.5, None, True, "é")]


WHOLE = pickle_of_python_2(np.arange(6, dtype=np.uint8).reshape(2, 3), [1, 2])


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")  # of pickletools
def test_every_cut_and_most_changes_of_a_pickle_are_noticed():
    """A damaged file ends in DataFormatError or in other data, never in another error."""
    assert read_pickle(WHOLE, "batch")["data"].tolist() == [[0, 1, 2], [3, 4, 5]]
    for length in range(len(WHOLE)):
        with pytest.raises(DataFormatError, match=r"^batch: "):
            read_pickle(WHOLE[:length], "batch")
    random = np.random.default_rng(4)
    for _ in range(3000):
        changed = bytearray(WHOLE)
        changed[random.integers(len(changed))] = random.integers(256)
        with contextlib.suppress(DataFormatError):
            read_pickle(bytes(changed), "batch")


def test_nested_keys_cost_no_time():
    """A key of 24 tuples, each of twice the last, would take 2^24 steps to hash; of 60, years."""
    key = b")" + b"q\x00h\x00\x86" * 24
    with pytest.raises(DataFormatError, match="neither a string nor a number"):
        read_pickle(b"\x80\x02}" + key + b"Ns.", "batch")


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (np.zeros((2, 3071), np.uint8), [1, 2], r"data are \(2, 3071\); expected an array"),
        (np.zeros((2, 3072), np.uint8), [1], "2 images, but 1 labels"),
        (np.zeros((2, 3072), np.uint8), [1, 10], "must be a list of integers below 10"),
    ],
)
def test_cifar_refuses_batches_that_do_not_fit(tmp_path, rows, labels, message):
    write_cifar(tmp_path)
    path = tmp_path / "cifar-10-batches-py" / "test_batch"
    path.write_bytes(pickle_of_python_2(rows, labels))
    with pytest.raises(DataFormatError, match=message) as caught:
        datasets.CIFAR10(tmp_path, train=False)
    assert str(path) in str(caught.value)


def test_cifar_unpacks_the_archive_of_the_known_sum_alone(tmp_path, monkeypatch):
    source, root = tmp_path / "source", tmp_path / "root"
    source.mkdir()
    root.mkdir()
    expected = write_cifar(source)
    archive = root / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(source / "cifar-10-batches-py", "cifar-10-batches-py")
        file.add(source / "cifar-10-batches-py" / "test_batch", "../outside")
    monkeypatch.setattr(cifar_module, "fetch", lambda *arguments: pytest.fail("fetched"))
    with pytest.raises(DataUnavailableError, match=r"unpack cifar-10-python\.tar\.gz there, or"):
        datasets.CIFAR10(root)
    with pytest.raises(pytest.fail.Exception, match="fetched"):  # another sum than the known one
        datasets.CIFAR10(root, download=True)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(datasets.CIFAR10, "sha256", digest)
    assert (datasets.CIFAR10(root, download=True).data == expected[:15]).all()
    assert not (tmp_path / "outside").exists()
    assert len(datasets.CIFAR10(root, train=False)) == 3
    shared = tmp_path / "data" / "cifar-10"
    shared.mkdir(parents=True)
    archive.rename(shared / archive.name)
    monkeypatch.setenv("TINYGAN_DATA", str(tmp_path / "data"))
    assert len(datasets.CIFAR10(tmp_path / "new", download=True)) == 15
    assert (tmp_path / "new" / "cifar-10-batches-py" / "test_batch").is_file()
    (root / "cifar-10-batches-py").rename(shared / "cifar-10-batches-py")
    assert len(datasets.CIFAR10(tmp_path / "none")) == 15 and not (tmp_path / "none").exists()
