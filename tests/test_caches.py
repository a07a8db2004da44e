"""Caches are optimisations: where nothing can be written or read, the work is done all the same."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygan.data import Dataset, cache_dir, download
from tinygan.kernels.emulator import build
from tinygan.metrics import Classifier, classifier, classifier_for


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A cache below a file: no folder can be made there, not even by root."""
    (tmp_path / "file").write_bytes(b"")
    cache = tmp_path / "file" / "cache"
    monkeypatch.setenv("TINYGAN_CACHE", str(cache))
    return cache


@pytest.fixture
def trained(monkeypatch):
    """The names of the data sets that a classifier was trained on; training takes no time."""
    names: list[str] = []

    def train(data, **options):
        names.append(data.name)
        return Classifier(2)

    monkeypatch.setattr(classifier, "train_classifier", train)
    return names


def pictures(name: str) -> Dataset:
    return Dataset(np.zeros((4, 1, 28, 28), np.uint8), np.array([0, 1, 0, 1]), name)


def test_a_classifier_that_cannot_be_kept(nowhere, trained):
    lines: list[str] = []
    for _ in range(2):
        assert isinstance(classifier_for(pictures("toy"), progress=lines.append), Classifier)
    assert trained == ["toy", "toy"]
    assert [line.split(" for the ")[0] for line in lines] == 2 * [
        "training a classifier of toy", "the classifier cannot be kept"
    ]  # fmt: skip
    assert str(nowhere.parent) in lines[1]


@pytest.mark.parametrize("content", [b"", b"PK\3\4 cut off", "a folder"])
def test_a_classifier_that_cannot_be_read(content, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path))
    classifier_for(pictures("toy"))
    (path,) = (tmp_path / "classifiers").iterdir()
    path.unlink()
    path.mkdir() if isinstance(content, str) else path.write_bytes(content)
    lines: list[str] = []
    classifier_for(pictures("toy"), progress=lines.append)
    assert trained == ["toy", "toy"] and "cannot be used" in lines[0]


@pytest.mark.parametrize("name", ["a/b", "../../up", "long" * 100, "ü:*?", ""])
def test_a_classifier_of_data_with_any_name(name, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGAN_CACHE", str(tmp_path))
    for _ in range(2):
        classifier_for(pictures(name))
    assert trained == [name]  # once
    assert len(list((tmp_path / "classifiers").iterdir())) == 1


def test_a_download_that_cannot_be_kept(nowhere, tmp_path, monkeypatch, capsys):
    source = tmp_path / "source"
    source.mkdir()
    digests = {}
    for name in ("images", "labels"):
        (source / name).write_bytes(name.encode())
        digests[name] = hashlib.sha256(name.encode()).hexdigest()
    monkeypatch.setattr(
        download, "_fetch_from",
        lambda url, target, digest: target.write_bytes(Path(url).read_bytes()) and target,
    )  # fmt: skip
    paths = [
        download.fetch(name, nowhere / "mnist", [f"{source}/"], digests[name]) for name in digests
    ]
    assert [path.read_text() for path in paths] == ["images", "labels"]
    assert paths[0].parent == paths[1].parent and paths[0].parent.name == "mnist"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tinygan: what is downloaded cannot be kept ([Errno ")
    assert line.endswith("TINYGAN_CACHE can name a folder for it")


def test_a_user_without_a_home(monkeypatch, tmp_path):
    def home():
        raise RuntimeError("Could not determine home directory.")

    for name in ("TINYGAN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert cache_dir().name.startswith("tinygan-") and cache_dir().is_absolute()


@pytest.mark.skipif(sys.platform == "win32", reason="the emulator needs POSIX")
def test_the_emulator_without_a_cache(nowhere, capsys):
    folder = build.folder()
    assert folder == build.folder() and folder.is_dir()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tinygan: the emulator's libraries cannot be kept ([Errno ")
    assert os.listdir(folder) == []
