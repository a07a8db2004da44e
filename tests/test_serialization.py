"""`save`, `load` and the atomic writing of files."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tinygan
from tinygan.files import atomic_write, remove_strays

ARRAYS = [
    np.arange(6, dtype=dtype).reshape(2, 3)
    for dtype in ("float32", "float64", "int8", "int64", "uint8", "uint64")
] + [
    np.array([True, False]),
    np.array(3.5, np.float32),
    np.zeros((0, 3), np.float32),
    np.array([np.nan, np.inf, -0.0]),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(10.0)[::3],
]


def same(found, expected) -> bool:
    """Types, dtypes, shapes and bits."""
    if isinstance(expected, tinygan.Tensor):
        return type(found) is tinygan.Tensor and same(found.array, expected.array)
    if isinstance(expected, np.ndarray):
        return (
            isinstance(found, np.ndarray)
            and (found.dtype, found.shape) == (expected.dtype, expected.shape)
            and found.tobytes() == expected.tobytes()
        )
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[k], expected[k]) for k in expected)
    if isinstance(expected, (list, tuple)):
        return (
            type(found) is type(expected)
            and len(found) == len(expected)
            and all(same(a, b) for a, b in zip(found, expected, strict=True))
        )
    return type(found) is type(expected) and found == expected


def test_the_comparison_used_here_can_fail():
    one = np.ones(1, np.float32)
    for other in (np.ones(1), np.zeros(1, np.float32), np.ones((1, 1), np.float32), [1.0], 1.0):
        assert not same(other, one)
    assert not same((1,), [1]) and not same([1], [1, 2]) and not same(1, 1.0)
    assert not same({"a": 1, "b": 2}, {"b": 2, "a": 1}) and not same(one, tinygan.Tensor(one))


@pytest.mark.parametrize(
    "obj",
    [
        *ARRAYS,
        None, True, 3, -(2**62), 0.1, float("inf"), "", "text", [], (), {}, "ключ \n \"'\\ 🎲",
        {"nested": [{"a": (1, [2.5, None])}, ()], "γ β": {"": [True]}, "list": {"dict": 1}},
        {"tensor": "a0", "array": {"tensor": "a1"}, "structure.json": np.ones(2), "file": 1},
        [np.array(1.5), (ARRAYS[0], {"deep": ARRAYS[1]})],
        tinygan.tensor([1.0, 2.0]),
        {"t": tinygan.tensor([[1, 2]]), "b": tinygan.tensor(True)},
    ],
    ids=str,
)  # fmt: skip
def test_round_trip(obj, tmp_path):
    tinygan.save(obj, tmp_path / "file")
    assert same(tinygan.load(tmp_path / "file"), obj)


def test_a_tensor_comes_back_as_a_leaf_on_the_cpu(device, tmp_path):
    x = tinygan.tensor([1.0, 2.0], device=device, requires_grad=True)
    tinygan.save([x, x * 2.0, np.float64(3)], tmp_path / "file")
    a, b, c = tinygan.load(tmp_path / "file")
    assert (a.tolist(), b.tolist(), c.tolist()) == ([1, 2], [2, 4], 3)
    assert not a.requires_grad and b.is_leaf and (a.device, c.dtype) == ("cpu", np.float64)


def test_strings_and_paths_name_the_same_file_without_a_suffix(tmp_path):
    tinygan.save([1], str(tmp_path / "new folder" / "file.tinygan"))
    assert tinygan.load(tmp_path / "new folder" / "file.tinygan") == [1]
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["file.tinygan"]


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"a": [1, {2, 3}]}, "save: obj['a'][1] is of type set"),
        ({"a": (0, {"b": print})}, "save: obj['a'][1]['b'] is of type builtin_function_or_method"),
        ({"a": {1: 2}}, "save: obj['a'] has the key 1; keys must be strings"),
        ([np.array(["text"])], "save: obj[0] is an array of <U4"),
        ([np.array([None])], "save: obj[0] is an array of object"),
        (b"bytes", "save: obj is of type bytes"),
        (1j, "save: obj is of type complex"),
        (tinygan.nn.ReLU(), "save: obj is of type ReLU"),
    ],
)
def test_unsupported_types_name_the_place_and_leave_the_old_file(obj, message, tmp_path):
    path = tmp_path / "file"
    tinygan.save("old", path)
    with pytest.raises(TypeError, match=re.escape(message)):
        tinygan.save(obj, path)
    with pytest.raises(TypeError, match=re.escape(message)):
        tinygan.save(obj, tmp_path / "none")
    assert tinygan.load(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


def foreign_archive(path, **arrays):
    with path.open("wb") as file:
        np.savez(file, **arrays)


HUGE = b"\x93NUMPY\x01\x00" + b"v\x00" + (
    b"{'descr': '|u1', 'fortran_order': False, 'shape': (9000000000000000,), }".ljust(117) + b"\n"
)


def foreign_archive_of_bytes(path: Path, content: bytes):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("structure.json.npy", content)


def structure(text: str):
    return {"structure.json": np.frombuffer(text.encode(), np.uint8)}


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("hello, hello"),
    "zeros": lambda path: path.write_bytes(bytes(1000)),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"a": 1})),
    "npy": lambda path: np.save(path.open("wb"), np.ones(3)),
    "npz": lambda path: foreign_archive(path, a=np.ones(3)),
    "zip": lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "hello"),
    "folder": lambda path: path.mkdir(),
    "other format": lambda path: foreign_archive(path, **structure('{"format": "tinygan-9"}')),
    "no JSON": lambda path: foreign_archive(path, **structure("{")),
    "no dict": lambda path: foreign_archive(path, **structure("[1]")),
    "no content": lambda path: foreign_archive(path, **structure('{"format": "tinygan-1"}')),
    "compressed": lambda path: np.savez_compressed(path.open("wb"), **structure("{}")),
    "huge": lambda path: foreign_archive_of_bytes(path, HUGE),
    "missing array": lambda path: foreign_archive(
        path, **structure(json.dumps({"format": "tinygan-1", "content": {"array": "a0"}}))
    ),
    "unknown kind": lambda path: foreign_archive(
        path, **structure(json.dumps({"format": "tinygan-1", "content": {"set": [1]}}))
    ),
    "wrong kind": lambda path: foreign_archive(
        path, **structure(json.dumps({"format": "tinygan-1", "content": {"dict": [1]}}))
    ),
}


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # of the makers above
@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_another_kind_is_refused(name, tmp_path):
    path = tmp_path / "file"
    FOREIGN[name](path)
    with pytest.raises(ValueError, match=rf"^load: {re.escape(str(path))} "):
        tinygan.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"there is no file {tmp_path / 'x'}")):
        tinygan.load(tmp_path / "x")


def test_a_truncation_is_noticed(tmp_path):
    path = tmp_path / "file"
    tinygan.save({"a": np.arange(5.0), "b": [1, "x"]}, path)
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"^load: "):
            tinygan.load(path)


def test_a_changed_byte_is_noticed_or_changes_nothing(tmp_path):
    """Every third byte of the file in turn; dates and the like may change."""
    path, obj = tmp_path / "file", {"a": np.arange(5.0), "b": [1, "x"]}
    tinygan.save(obj, path)
    content = path.read_bytes()
    noticed = 0
    for place, byte in list(enumerate(content))[::3]:
        path.write_bytes(content[:place] + bytes([byte ^ 0xFF]) + content[place + 1 :])
        try:
            found = tinygan.load(path)
        except ValueError as error:
            assert str(error).startswith("load: ")
            noticed += 1
        else:
            assert same(found, obj)
    assert noticed > len(content) / 6  # half of those tried


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOMEM])
@pytest.mark.parametrize("reads", [0, 1, 2, 3])
def test_an_error_of_the_disk_is_not_called_damage(number, reads, tmp_path, monkeypatch):
    path = tmp_path / "file"
    tinygan.save({"a": np.arange(5.0), "b": np.zeros(30_000)}, path)

    class Failing(io.FileIO):
        count = 0

        def readinto(self, buffer):
            self.count += 1
            if self.count > reads:
                raise OSError(number, os.strerror(number))
            return super().readinto(buffer)

    monkeypatch.setattr("tinygan.reading.io.FileIO", Failing)
    with pytest.raises(OSError, match=re.escape(os.strerror(number))) as caught:
        tinygan.load(path)
    assert caught.value.errno == number and caught.value.filename == str(path)
    monkeypatch.undo()
    assert len(tinygan.load(path)["b"]) == 30_000


# atomic_write


@pytest.mark.parametrize("name", ["mkstemp", "fdopen", "fsync", "replace"])
def test_each_failing_call_names_the_file_and_keeps_its_content(name, tmp_path, monkeypatch):
    path = tmp_path / "file"
    tinygan.save(1, path)
    module = tempfile if name == "mkstemp" else os

    def fail(*arguments, **options):
        named = [x for x in arguments[:1] if isinstance(x, str)]  # the temporary file
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *named)

    monkeypatch.setattr(module, name, fail)
    with pytest.raises(OSError, match="No space left on device") as caught:
        tinygan.save(2, path)
    monkeypatch.undo()
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
    assert tinygan.load(path) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_with_a_name_of_its_own_keeps_it(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, atomic_write(tmp_path / "file"):
        (tmp_path / "other").read_bytes()
    assert caught.value.filename == str(tmp_path / "other")


def test_strays_of_a_killed_writer_are_removed_and_nothing_else(tmp_path):
    keep = ["file", "file.tmp", ".file.tmp", ".file.backup01x.tmp", ".other.abcdefgh.tmp",
            ".file.abcdefgh", "x.file.abcdefgh.tmp", ".file.ABCDEFGH.tmp"]  # fmt: skip
    for name in [*keep, ".file.a1_defgh.tmp"]:
        (tmp_path / name).touch()
    handle, _ = tempfile.mkstemp(dir=tmp_path, prefix=".file.", suffix=".tmp")
    os.close(handle)
    remove_strays(tmp_path, "file")
    assert sorted(os.listdir(tmp_path)) == sorted(keep)
    remove_strays(tmp_path / "nowhere", "file")  # there is nothing to do

@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_content_and_no_other_file(error, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(error, match="stop"), atomic_write(path) as file:
        file.write(b"new")
        raise error("stop")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_written_as_utf8(tmp_path):
    with atomic_write(tmp_path / "file", "w") as file:
        file.write("γ")
        file.flush()
        assert not (tmp_path / "file").exists()  # not before the end
    assert (tmp_path / "file").read_bytes() == "γ".encode()


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(mask, tmp_path):
    before = os.umask(mask)
    try:
        tinygan.save(1, tmp_path / "file")
        (tmp_path / "plain").write_text("1")
        assert os.umask(mask) == mask  # left as it was
    finally:
        os.umask(before)
    mode = (tmp_path / "file").stat().st_mode & 0o777
    assert mode == 0o666 & ~mask == (tmp_path / "plain").stat().st_mode & 0o777


WRITER = """
import sys
from tinygan.files import atomic_write, remove_strays
for number in range(1_000_000):
    with atomic_write(sys.argv[1]) as file:
        for _ in range(50):
            file.write(bytes([number % 256]) * 4000)
            file.flush()
    print(number, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("milliseconds", [0, 2, 5, 11])
def test_a_killed_writer_leaves_the_old_or_the_new_content(milliseconds, tmp_path):
    path = tmp_path / "file"
    root = Path(tinygan.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True,
        env=environment,
    ) as process:  # fmt: skip
        for _ in range(3):
            process.stdout.readline()
        try:
            process.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        last = [int(line) for line in process.stdout.read().split()][-1:] or [2]
    assert process.returncode == -signal.SIGKILL
    content = path.read_bytes()
    assert len(content) == 200_000 and len(set(content)) == 1
    # What was reported is there, or the one after it.
    assert content[0] - last[0] % 256 in (0, 1)
