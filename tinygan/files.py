"""Writing files so that they are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

# With these a file system says that it does not do what was asked for: network and FUSE mounts
# refuse fsync of a folder, exFAT and object stores a change of permissions. Durability and
# permissions are best effort there. EIO and ENOSPC are not among them: they mean lost data.
REFUSALS = {
    getattr(errno, name)
    for name in ("EACCES", "EBADF", "EINVAL", "EISDIR", "ENOSYS", "ENOTSUP", "EOPNOTSUPP",
                 "ENOTTY", "EPERM", "EROFS")
    if hasattr(errno, name)
}  # fmt: skip


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb") -> Iterator[IO]:
    """A file to write to, which takes the name `path` only when the block has ended well.

    It is written under another name in the same folder, forced to disk and renamed: whenever the
    process is killed, `path` holds the old content or the new. What is then left of the other file
    is for `remove_strays`.

    Raises:
        OSError: the disk is full or does not work; the error names `path`.
    """
    path = Path(path)
    make_folder(path.parent)
    with naming(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path), suffix=".tmp")
        try:
            encoding = None if "b" in mode else "utf-8"
            with os.fdopen(handle, mode, encoding=encoding) as file:
                yield file
                file.flush()
                force_to_disk(file.fileno())
            with _unless_refused():  # mkstemp makes files that only the owner reads
                os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):  # the first error is the one to report
                os.unlink(temporary)
            raise
        force_names_to_disk(path.parent)  # the rename itself must survive a power cut, too


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """A new folder to write files into, which takes the name `path` only when the block has ended
    well.

    It is filled under another name beside `path`, forced to disk with all its files, and renamed:
    whenever the process is killed, `path` is there whole or not at all. What is then left of the
    other folder, a hidden one, can be deleted.

    Raises:
        FileExistsError: `path` is there, and is not an empty folder.
        OSError: the disk is full or does not work.
    """
    path = Path(path)
    make_folder(path.parent)
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        raise FileExistsError(errno.EEXIST, "it is there already", str(path))
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=_prefix(path), suffix=".tmp"))
    try:
        yield temporary
        _force_tree_to_disk(temporary)
        with _unless_refused():  # mkdtemp makes folders that only the owner enters
            os.chmod(temporary, 0o777 & ~_umask())
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(path)  # an empty one, which not every system replaces
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)  # the first error is the one to report
        raise
    force_names_to_disk(path.parent)


def make_folder(folder: str | os.PathLike) -> None:
    """Makes `folder`, and the folders that it lies in, where they are missing. They survive a power
    cut, without which nothing that is forced to disk inside them would.

    Raises:
        OSError: it cannot be made; the error names a folder.
    """
    folder = Path(folder)
    missing = list(itertools.takewhile(lambda path: not path.exists(), (folder, *folder.parents)))
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        with naming(made):
            force_names_to_disk(made.parent)


def force_names_to_disk(folder: str | os.PathLike) -> None:
    """Waits until it is on the disk which files `folder` has, where the file system can say so:
    `force_to_disk` of a file need not bring its name there.

    Raises:
        OSError: the disk failed or is full.
    """
    if os.name != "posix":
        return
    with _unless_refused():
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            force_to_disk(descriptor)
        finally:
            os.close(descriptor)


def _force_tree_to_disk(folder: Path) -> None:
    """Waits until all below `folder` is on the disk. One call for all files, where the system has
    it: of 60,000 files, 4 ms each are four minutes."""
    at_once = hasattr(os, "sync")
    if at_once:
        os.sync()
    for place, _, names in os.walk(folder):
        for name in () if at_once else names:
            with open(Path(place) / name, "rb+") as file:
                force_to_disk(file.fileno())
        force_names_to_disk(place)


def force_to_disk(descriptor: int) -> None:
    """Waits until what was written is on the disk, where the file system can say so.

    Raises:
        OSError: the disk failed or is full.
    """
    with _unless_refused():
        os.fsync(descriptor)


@contextlib.contextmanager
def _unless_refused() -> Iterator[None]:
    """Goes on after the block where the file system refuses what it does."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise


@contextlib.contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """An OSError inside the block that names no file, or a temporary one of `atomic_write`, is
    raised again with the name `path`: of a full disk, say, the system tells no name."""
    try:
        yield
    except OSError as error:
        own = str(Path(path).parent / _prefix(path))
        if error.errno is None or not str(error.filename or own).startswith(own):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def remove_strays(folder: str | os.PathLike, names: str) -> None:
    """Removes what `atomic_write` of files in `folder` left when its process was killed.

    For the only process that writes to these files: another one's would be lost.

    Args:
        names: a regular expression of their names.
    """
    ours = re.compile(rf"\.({names})\.[a-z0-9_]{{8}}\.tmp")  # as mkstemp names them
    with contextlib.suppress(OSError):  # no such folder; a stray file hinders nobody
        for name in os.listdir(folder):
            if ours.fullmatch(name):
                os.unlink(Path(folder) / name)


def _prefix(path: str | os.PathLike) -> str:
    return f".{Path(path).name}."


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
