"""Reading files out of a .tar.gz archive that may be damaged, or made to do harm."""

from __future__ import annotations

import gzip
import re
import tarfile
from pathlib import Path, PurePosixPath

from tinygan.reading import BLOCK, BoundedFile, is_system_failure, naming, reason

from .dataset import DataFormatError

MAX_FILES = 20_000
"""Most entries of an archive."""

MAX_FILE_BYTES = 2**23
"""Most bytes of a file that is read, 8 MiB."""

MAX_BYTES = 2**28
"""Most bytes of an unpacked archive, 256 MiB: a small one may unpack to any size."""


class _Unpacked(gzip.GzipFile):
    """What a .gz holds, which is not asked for too much: headers of a tar file may be of any size
    too, and the library reads them at once."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= MAX_FILE_BYTES:
            raise ValueError(f"{size} bytes in one piece; expected at most {MAX_FILE_BYTES}")
        if self.tell() + size > MAX_BYTES:
            raise ValueError(f"it unpacks to more than {MAX_BYTES} bytes")
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset > MAX_BYTES:  # it unpacks all that it passes over
            raise ValueError(f"it unpacks to more than {MAX_BYTES} bytes")
        return super().seek(offset, whence)


def read_archive(path: Path, wanted: re.Pattern[str]) -> dict[str, bytes]:
    """The content of each file whose whole name is `wanted`; nothing is written anywhere.

    Raises DataFormatError, naming the archive, when it is damaged or too large, when it holds
    anything but files and folders, when a name leads out of it, or a wanted one comes twice;
    OSError when it cannot be read.
    """
    found: dict[str, bytes] = {}
    try:
        with naming(path), BoundedFile(path) as packed, _Unpacked(fileobj=packed) as unpacked:
            with tarfile.open(fileobj=unpacked, mode="r:") as archive:
                for count, entry in enumerate(archive):
                    _check(entry, count)
                    if not entry.isfile() or not wanted.fullmatch(entry.name):
                        continue
                    if entry.name in found:
                        raise ValueError(f"{entry.name!r} is there twice")
                    if entry.size > MAX_FILE_BYTES:
                        raise ValueError(
                            f"{entry.name!r} has {entry.size} bytes; expected at most "
                            f"{MAX_FILE_BYTES}"
                        )
                    member = archive.extractfile(entry)
                    assert member is not None  # it is a file
                    found[entry.name] = member.read()
            while unpacked.read(BLOCK):  # to the end, where the checksum is
                pass
    except Exception as error:  # of any kind, for what a damaged header leads to
        if is_system_failure(error):
            raise
        raise DataFormatError(f"{path}: not a readable archive ({reason(error)})") from error
    return found


def _check(entry: tarfile.TarInfo, count: int) -> None:
    if count >= MAX_FILES:
        raise ValueError(f"it has more than {MAX_FILES} entries")
    name = PurePosixPath(entry.name)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"{entry.name!r} leads out of the archive")
    if not (entry.isreg() or entry.isdir()):
        raise ValueError(f"{entry.name!r} is neither a file nor a folder")
