"""Files on file systems that do less than was asked for."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from tinygan.files import atomic_write, force_to_disk, make_folder
from tinygan.training.log import JsonLines


def refuse(monkeypatch, name, code, of=lambda *args: True):
    """`os.<name>` fails with `code` for the arguments that `of` says yes to."""
    real = getattr(os, name)

    def replacement(*args, **options):
        if of(*args):
            raise OSError(code, os.strerror(code))
        return real(*args, **options)

    monkeypatch.setattr(os, name, replacement)


def is_folder(descriptor):
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.ENOTSUP])
@pytest.mark.parametrize("what", ["fsync of folders", "fsync", "chmod"])
def test_what_a_file_system_refuses_is_left_out(what, code, tmp_path, monkeypatch):
    """As CIFS, vboxsf, gcsfuse, mountpoint-s3 and exFAT do."""
    of = is_folder if what == "fsync of folders" else lambda *args: True
    refuse(monkeypatch, what.split()[0], code, of)
    path = tmp_path / "folder" / "x"
    with atomic_write(path) as file:
        file.write(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["x"]
    log = JsonLines(tmp_path / "log.jsonl")
    log.write(step=1)
    assert log.state() == (len('{"step": 1}\n'), "") and not log.problem


@pytest.mark.skipif(os.name != "posix", reason="folders are opened on POSIX systems alone")
def test_a_folder_that_may_be_written_to_but_not_read(tmp_path, monkeypatch):
    refuse(monkeypatch, "open", errno.EACCES, lambda path, flags, *mode: flags == os.O_RDONLY)
    with atomic_write(tmp_path / "x") as file:
        file.write(b"1")
    assert (tmp_path / "x").read_bytes() == b"1"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_disk_that_fails_is_no_refusal(code, tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    refuse(monkeypatch, "fsync", code)
    with pytest.raises(OSError, match=r"Errno"), atomic_write(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]
    with open(path, "rb") as file, pytest.raises(OSError, match="Errno"):
        force_to_disk(file.fileno())


@pytest.mark.skipif(os.name != "posix", reason="folders are opened on POSIX systems alone")
def test_the_names_of_new_folders_are_forced_to_disk(tmp_path, monkeypatch):
    forced = []
    monkeypatch.setattr(os, "fsync", lambda file: forced.append(os.fstat(file).st_ino))
    make_folder(tmp_path / "a" / "b" / "c")
    inner = [tmp_path / "a" / "b", tmp_path / "a", tmp_path]
    assert forced == [path.stat().st_ino for path in inner]
    make_folder(tmp_path / "a")
    assert len(forced) == 3
    with atomic_write(tmp_path / "d" / "x"):
        pass
    names = [tmp_path, tmp_path / "d" / "x", tmp_path / "d"]
    assert forced[3:] == [path.stat().st_ino for path in names]


@pytest.mark.skipif(os.name != "posix", reason="folders are opened on POSIX systems alone")
def test_a_disk_that_fails_at_a_new_folder_names_it(tmp_path, monkeypatch):
    refuse(monkeypatch, "fsync", errno.EIO)
    with pytest.raises(OSError, match="Errno") as caught:
        make_folder(tmp_path / "a")
    assert caught.value.filename == str(tmp_path / "a")
