"""Caches are optimisations: where nothing can be written or read, the work is done all the same."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tinygan.data import Dataset, DataUnavailableError, cache_dir, download, mnist
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


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """Neither HOME nor an entry for this user; the folder for temporary files."""
    for name in ("TINYGAN_CACHE", "TINYGAN_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not Path("~").exists()


def test_a_user_without_a_home(homeless, trained, capsys):
    assert cache_dir().parent == homeless and cache_dir().name.startswith("tinygan-")
    for _ in range(2):
        classifier_for(pictures("toy"))
    assert trained == ["toy"] and capsys.readouterr().err == ""


@pytest.mark.parametrize("wanted", ["~/x", "~nobody/x"])
def test_a_cache_in_a_home_that_is_not_there(wanted, homeless, trained, monkeypatch, capsys):
    monkeypatch.setenv("TINYGAN_CACHE", wanted)
    monkeypatch.setenv("TINYGAN_DATA", wanted)
    for _ in range(2):
        classifier_for(pictures("toy"))
        with pytest.raises(DataUnavailableError):
            mnist()
    assert trained == ["toy"] and cache_dir().parent == homeless
    said = f"tinygan: there is no home for {wanted}: files are kept in {cache_dir()}\n"
    assert capsys.readouterr().err == said


@pytest.mark.skipif(sys.platform == "win32", reason="the emulator needs POSIX")
@pytest.mark.parametrize("wanted", ["~/y", None])
def test_the_emulator_of_a_user_without_a_home(wanted, homeless, monkeypatch, capsys):
    """In a folder that nobody else can have made: what lies there is run."""
    if wanted:
        monkeypatch.setenv("TINYGAN_CACHE", wanted)
    assert build.folder() == build.folder() and build.folder().parent == homeless
    assert build.folder() != cache_dir() and os.listdir(build.folder()) == []
    line = capsys.readouterr().err.splitlines()[0]
    assert line.startswith("tinygan: what the emulator compiles cannot be kept (there is no home")


@pytest.mark.skipif(sys.platform == "win32", reason="the emulator needs POSIX")
def test_the_emulator_without_a_cache(nowhere, capsys):
    folder = build.folder()
    assert folder == build.folder() and folder.is_dir()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tinygan: what the emulator compiles cannot be kept ([Errno ")
    assert os.listdir(folder) == []
