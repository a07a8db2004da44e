"""Data sets written as files are there whole or not at all, and are the same when read again."""

import gzip
import os

import numpy as np
import pytest
from PIL import Image

from tinygan.data import (
    Dataset,
    image_folder,
    load_dataset,
    mnist,
    read_idx,
    write_idx,
    write_image_folder,
    write_mnist_files,
)
from tinygan.files import atomic_folder


def a_set(rng, count=24, classes=12, channels=1, size=28):
    images = rng.integers(0, 256, (count, channels, size, size)).astype(np.uint8)
    return Dataset(images, rng.permutation(count) % classes, "some")


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_of_pictures_is_read_as_it_was(channels, tmp_path, rng):
    data = a_set(rng, channels=channels)
    write_image_folder(data, tmp_path / "made")
    found = image_folder(tmp_path / "made", 28, channels)
    order = np.argsort(data.labels, kind="stable")  # class by class
    assert np.array_equal(found.images, data.images[order])
    assert np.array_equal(found.labels, data.labels[order])
    assert found.classes == ("00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11")
    again = tmp_path / "again"
    again.mkdir()  # an empty folder may be there
    write_image_folder(data, again)
    assert content(again) == content(tmp_path / "made")
    assert sorted(os.listdir(tmp_path)) == ["again", "made"]
    assert load_dataset(tmp_path / "made", channels=channels).name == "made"


def test_names_of_classes_are_names_of_folders(tmp_path, rng):
    data = a_set(rng, classes=2)
    named = Dataset(data.images, data.labels, "pets", ("cat", "dog"))
    write_image_folder(named, tmp_path / "pets")
    assert load_dataset(tmp_path / "pets").classes == ("cat", "dog")
    with pytest.raises(ValueError, match=r"classes \('dog', 'cat'\); expected names in alphabet"):
        write_image_folder(Dataset(data.images, data.labels, "pets", ("dog", "cat")),
                           tmp_path / "other")  # fmt: skip
    with pytest.raises(ValueError, match=r"labels are \[0, 2\] and .* images of each"):
        write_image_folder(Dataset(data.images, 2 * data.labels, "gap"), tmp_path / "other")
    with pytest.raises(ValueError, match="has no labels"):
        write_image_folder(Dataset(data.images, None, "plain"), tmp_path / "other")
    assert os.listdir(tmp_path) == ["pets"]


def test_mnist_files_are_read_as_mnist(tmp_path, rng):
    data = a_set(rng, classes=10)
    for split in ("train", "test"):
        write_mnist_files(data, tmp_path / split, split)
        found = mnist(split, tmp_path / split, download=False)
        assert np.array_equal(found.images, data.images)
        assert np.array_equal(found.labels, data.labels)
    assert sorted(content(tmp_path / "test")) == [
        "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz",
    ]  # fmt: skip
    write_mnist_files(data, tmp_path / "again")
    assert content(tmp_path / "again") == content(tmp_path / "train")
    for wrong, message in (
        (a_set(rng, size=8), r"images have shape \(24, 1, 8, 8\); expected \(n, 1, 28, 28\)"),
        (a_set(rng, classes=12), "labels are 0 to 11; expected 0 to 9"),
    ):
        with pytest.raises(ValueError, match=message):
            write_mnist_files(wrong, tmp_path / "other")
    with pytest.raises(ValueError, match="split is 'tests'"):
        write_mnist_files(data, tmp_path / "other", "tests")
    assert not (tmp_path / "other").exists()


def test_idx_files_have_the_published_layout(tmp_path):
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)
    expected = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 2, 3, 4, 5])
    write_idx(tmp_path / "plain", values.T.copy().T)  # any strides
    assert (tmp_path / "plain").read_bytes() == expected
    write_idx(tmp_path / "packed.gz", values)
    assert gzip.decompress((tmp_path / "packed.gz").read_bytes()) == expected
    assert (tmp_path / "packed.gz").read_bytes()[4:8] == b"\0" * 4  # no time
    assert np.array_equal(read_idx(tmp_path / "packed.gz"), values)
    with pytest.raises(TypeError, match="values have dtype int64; expected uint8"):
        write_idx(tmp_path / "x", np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="values have 0 dimensions; expected 1 to 64"):
        write_idx(tmp_path / "x", np.uint8(3) * np.ones((), np.uint8))


def test_a_folder_is_there_whole_or_not_at_all(tmp_path, rng, monkeypatch):
    """Whatever fails on the way: a picture in the middle, the disk at the end."""
    data = a_set(rng)
    saved, real = [], Image.Image.save

    def full(self, path, *arguments, **options):
        saved.append(path)
        if len(saved) == 17:
            raise OSError(28, "No space left on device")
        real(self, path, *arguments, **options)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(Image.Image, "save", full)
        write_image_folder(data, tmp_path / "made")
    assert len(saved) == 17 and os.listdir(tmp_path) == []

    def broken(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="Input/output"):
        patch.setattr(os, "fsync", broken)
        write_image_folder(data, tmp_path / "made")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("system", ["posix", "other"])
def test_what_the_new_name_stands_for_is_on_the_disk(system, tmp_path, rng, monkeypatch):
    calls, fsync, rename = [], os.fsync, os.rename
    monkeypatch.setattr(os, "rename", lambda *paths: (calls.append("rename"), rename(*paths)))
    if system == "posix":
        monkeypatch.setattr(os, "sync", lambda: calls.append("sync"), raising=False)
    else:
        monkeypatch.delattr(os, "sync", raising=False)
        monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("fsync"), fsync(handle)))
    write_image_folder(a_set(rng), tmp_path / "made")
    before = calls[: calls.index("rename")]
    assert before == ["sync"] if system == "posix" else before.count("fsync") >= 24


def test_what_is_there_is_left_alone(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("kept")
    (tmp_path / "file").write_text("kept")
    for name in ("full", "file"):
        with pytest.raises(FileExistsError, match=name), atomic_folder(tmp_path / name):
            raise AssertionError("the block must not run")
    with atomic_folder(tmp_path / "below" / "new") as folder:
        (folder / "x").write_text("1")
        assert not (tmp_path / "below" / "new").exists()
    assert (tmp_path / "below" / "new" / "x").read_text() == "1"
    with pytest.raises(OSError), atomic_folder(tmp_path / "raced"):
        (tmp_path / "raced").mkdir()
        (tmp_path / "raced" / "mine").write_text("kept")  # by somebody else, meanwhile
    assert (tmp_path / "raced" / "mine").read_text() == "kept"
    assert (tmp_path / "full" / "mine").read_text() == "kept"
    assert sorted(os.listdir(tmp_path)) == ["below", "file", "full", "raced"]
    mode = (tmp_path / "full").stat().st_mode
    assert (tmp_path / "below" / "new").stat().st_mode == mode  # as other folders are made
