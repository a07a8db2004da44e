"""Damaged files of every kind, and what such files have shown; `tests/fuzz.py` tries more."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tinygan
from tinygan import weights

pytest.importorskip("PIL", reason="needs Pillow: pip install pillow")
pytest.importorskip("safetensors", reason="needs safetensors: pip install safetensors")

KINDS = ["idx", "mnist", "png", "bytes of png", "jpeg", "tiff", "bmp", "gif", "webp", "ppm",
         "foreign", "save", "pt", "safetensors", "checkpoint", "run", "log"]  # fmt: skip
FUZZ = Path(__file__).with_name("fuzz.py")
needs_alarms = pytest.mark.skipif(os.name == "nt", reason="needs signal.alarm")


def fuzz(*arguments: object) -> subprocess.CompletedProcess:
    root = FUZZ.parents[1]
    return subprocess.run(
        [sys.executable, str(FUZZ), *map(str, arguments)], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )  # fmt: skip


@needs_alarms
def test_damaged_files_are_read_or_refused_by_the_documented_error(tmp_path):
    result = fuzz("--inputs", 40 * len(KINDS), "--kinds", *KINDS)
    assert result.stdout.endswith(f"{40 * len(KINDS)} inputs, 0 wrong\n"), result.stdout[-3000:]
    assert result.returncode == 0


@needs_alarms
@pytest.mark.exhaustive
def test_more_damaged_files():
    result = fuzz("--inputs", 12_000, "--seed", 1, "--kinds", *KINDS)
    assert result.stdout.endswith("12000 inputs, 0 wrong\n"), result.stdout[-3000:]


BROKEN = """
import sys, subprocess
sys.path.insert(0, {folder!r})
import fuzz
from pathlib import Path

def wrong(path):
    {body}

fuzz.KINDS["save"] = fuzz.KINDS["save"]._replace(read=wrong)
place = Path({place!r})
place.write_bytes(b"")
print(fuzz.answer(fuzz.KINDS["save"], place, fuzz.Watch(), writes=False))
"""


@needs_alarms
@pytest.mark.parametrize(("body", "message"), [
    ("raise KeyError('a')", "raises KeyError: 'a'"),
    ("raise ValueError('damaged')", "does not name the file: damaged"),
    ("raise ValueError(str(path)) from MemoryError()", "takes too much memory"),
    ("subprocess.run(['true'])", "read; subprocess.Popen"),
    ("open(str(path) + 'x', 'w')", "read; writes "),
    ("__import__('PIL.Image').Image.open(fuzz.io.BytesIO(fuzz._foreign()[0]))",
     "raises UnidentifiedImageError"),
    ("fuzz.time.sleep(9)", "waits"),
    ("pass", "read"),
])  # fmt: skip
def test_the_fuzzer_notices(tmp_path, body, message):
    code = BROKEN.format(folder=str(FUZZ.parent), body=body, place=str(tmp_path / "file"))
    code = code.replace("place = Path", "fuzz.SECONDS = 1; fuzz.signal.signal("
                        "fuzz.signal.SIGALRM, fuzz._wait)\nplace = Path")  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True
    )
    assert result.stdout.startswith(message), result.stdout + result.stderr[-2000:]
    if "PIL" in body:
        assert "tries the format" in result.stdout


# --- files that were found ----------------------------------------------------------------------


def npy(shape: str, data: bytes, dtype: str = "<f4") -> bytes:
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + data


def archive(path, content: object, method: int = zipfile.ZIP_STORED, **entries: bytes) -> None:
    """A file of `tinygan.save` with this structure and these entries."""
    text = json.dumps({"format": "tinygan-1", "content": content}).encode()
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("structure.json.npy", npy(f"({len(text)},)", text, "|u1"))
        for name, data in entries.items():
            file.writestr(f"{name}.npy", data)


A0 = {"array": "a0"}
FLOATS = np.arange(4, dtype="<f4").tobytes()
SAVED = {
    "huge": ((A0, npy(f"({2**40},)", FLOATS)), "has other bytes than"),
    "overflow": ((A0, npy(f"({2**62}, 4)", FLOATS)), "has other bytes than"),
    "huge and empty": ((A0, npy(f"(0, {2**63})", b"")), ""),
    "many dimensions": ((A0, npy("(" + "1, " * 70 + ")", b"1234")), ""),
    "objects": ((A0, npy("(2,)", FLOATS, "|O")), "no array of numbers"),
    "text": ((A0, npy("(1,)", FLOATS, "<U4")), "no array of numbers"),
    "an expression": ((A0, npy("-" * 9000 + "1", FLOATS)), "no array of numbers"),
    "a token without an end": ((A0, npy('"""', FLOATS)), "no array of numbers"),
    "negative": ((A0, npy("(-1,)", FLOATS)), "no array of numbers"),
    "short": ((A0, npy("(4,)", FLOATS[:-1])), "has other bytes than"),
    "long": ((A0, npy("(4,)", FLOATS + b"1")), "has other bytes than"),
    "twice": (({"list": [A0, A0]}, npy("(4,)", FLOATS)), "is used twice"),
    "a list": (([A0], npy("(4,)", FLOATS)), "a list of no known kind"),
    "no list": (({"tuple": "ab"}, npy("(4,)", FLOATS)), "unknown kind 'tuple'"),
    "no name": (({"array": ["a0"]}, npy("(4,)", FLOATS)), ""),
}  # fmt: skip


def test_the_archives_made_here_are_read(tmp_path):
    archive(tmp_path / "file", {"dict": {"x": A0}}, a0=npy("(2, 2)", FLOATS))
    assert tinygan.load(tmp_path / "file")["x"].tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_file_that_says_what_is_not_true(tmp_path, name):
    (content, entry), message = SAVED[name]
    archive(tmp_path / "file", content, a0=entry)
    with pytest.raises(ValueError, match=rf"^load: .*file is damaged .*{message}") as caught:
        tinygan.load(tmp_path / "file")
    assert not isinstance(caught.value.__cause__, MemoryError)


def test_an_array_in_fortran_order_and_of_another_byte_order_comes_back(tmp_path):
    arrays = [np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(3, dtype=">i4"),
              np.array(7, np.float16), np.zeros((0, 3), bool)]  # fmt: skip
    tinygan.save(arrays, tmp_path / "file")
    for found, array in zip(tinygan.load(tmp_path / "file"), arrays, strict=True):
        assert found.dtype == array.dtype and found.flags.writeable
        assert found.flags.f_contiguous == array.flags.f_contiguous
        np.testing.assert_array_equal(found, array)


def test_a_compressed_archive_is_refused_before_it_is_inflated(tmp_path):
    archive(tmp_path / "file", A0, zipfile.ZIP_DEFLATED, a0=npy(f"({10**6},)", bytes(4 * 10**6)))
    with pytest.raises(ValueError, match=r"file is damaged .* is compressed; save's never are"):
        tinygan.load(tmp_path / "file")


@pytest.mark.parametrize(("save", "load"), [(tinygan.save, tinygan.load),
                                            (weights.save, weights.load)])  # fmt: skip
def test_a_huge_compressed_size_takes_no_memory(tmp_path, save, load):
    """In the list of an archive's entries, beside a size that is right. The file is sound else."""
    save({"w": np.arange(6.0)}, tmp_path / "file")
    data = bytearray((tmp_path / "file").read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 20, 0xFF000000)
    (tmp_path / "file").write_bytes(data)
    tracemalloc.start()
    with contextlib.suppress(ValueError):
        load(tmp_path / "file")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**6


def test_entries_that_share_bytes_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "file", "w") as file:
        file.writestr("structure.json.npy", bytes(5000))
        for number in range(5):
            entry = copy.copy(file.filelist[0])
            entry.filename = f"a{number}.npy"
            file.filelist.append(entry)
            file.NameToInfo[entry.filename] = entry
    with pytest.raises(ValueError, match=r"file is damaged .*entries are longer than the file"):
        tinygan.load(tmp_path / "file")


@pytest.mark.parametrize("read", [tinygan.load, weights.load, weights.load_file])
def test_a_failure_of_the_disk_is_not_called_damage(tmp_path, monkeypatch, read):
    (tmp_path / "file").write_bytes(b"PK\3\4" + bytes(100))

    class Broken(io.BytesIO):
        length = 104

        def read(self, *_):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("builtins.open", lambda *_: Broken())
    for module in ("serialization", "weights_format.read"):
        monkeypatch.setattr(f"tinygan.{module}.BoundedFile", lambda _: Broken())
    with pytest.raises(OSError, match=r"Input/output error: .*file") as caught:
        read(tmp_path / "file")
    assert caught.value.errno == 5


def test_a_safetensors_file_with_an_absurd_shape(tmp_path):
    head = b'{"x":{"dtype":"F32","shape":[0,9223372036854775808],"data_offsets":[0,0]}}'
    (tmp_path / "file").write_bytes(struct.pack("<Q", len(head)) + head)
    with pytest.raises(ValueError, match=r"^load_file: .*file is damaged"):
        weights.load_file(tmp_path / "file")
