"""Files like torch.save's, made by hand: no code is run, no memory taken, lies are refused."""

from __future__ import annotations

import copy
import os
import pickle
import re
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import tinygan
from tinygan import weights
from tinygan.weights_format.write import _global, _pickled

# The files


def tensor(
    key="0", count=4, offset=0, size=(4,), stride=(1,), storage="FloatStorage", kind="storage",
    metadata=None,
) -> bytes:  # fmt: skip
    """The opcodes of a tensor, which may say what is not true."""
    parts = [_pickled(part, "", []) for part in (kind, key, "cpu", count, offset, size, stride)]
    kind, key, location, count, offset, size, stride = parts
    rest = b"" if metadata is None else _pickled(metadata, "", [])
    return (
        _global("torch._utils", "_rebuild_tensor_v2") + b"(("
        + kind + _global("torch", storage) + key + location + count + b"tQ"
        + offset + size + stride + b"\x89N" + rest + b"tR"
    )  # fmt: skip


DATA = {"data/0": np.arange(4, dtype="<f4").tobytes()}


def archive(path, program: bytes, entries=DATA, folder="archive", compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr(f"{folder}/data.pkl", b"\x80\x02" + program + b".")
        for name, data in entries.items():
            file.writestr(f"{folder}/{name}", data)


MAGIC = 0x1950A86A20F9469CFC6C  # of PyTorch's format before 1.6
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}


def legacy(path, program: bytes, keys=("0",), data=None, system=SYSTEM, magic=MAGIC):
    head = b"".join(pickle.dumps(part, 2) for part in (magic, 1001, system))
    data = struct.pack("<q", 4) + DATA["data/0"] if data is None else data
    path.write_bytes(
        head + b"\x80\x02" + program + b"." + pickle.dumps(list(keys), 2) + data
    )


MAKERS = {"archive": archive, "legacy": legacy}


@pytest.mark.parametrize("maker", MAKERS)
def test_the_files_made_here_are_read(maker, tmp_path):
    path = tmp_path / "file"
    MAKERS[maker](path, tensor())
    assert weights.load(path).tolist() == [0, 1, 2, 3]
    MAKERS[maker](path, tensor(offset=1, size=(2, 1, 2), stride=(1, 9, 1)))
    assert weights.load(path).tolist() == [[[1, 2]], [[2, 3]]]
    MAKERS[maker](path, tensor(offset=3, size=(), stride=()))
    assert weights.load(path).item() == 3
    MAKERS[maker](path, tensor(size=(2**40,), stride=(0,)))  # of one value, as x.expand makes
    x = weights.load(path)
    assert x.shape == (2**40,) and x.array.strides == (0,)


def test_tensors_of_one_storage_share_memory_and_its_count_of_changes(tmp_path):
    archive(tmp_path / "file", b"](" + tensor() + tensor(offset=1, size=(2,)) + b"e")
    a, b = weights.load(tmp_path / "file")
    b.array[0] = 7
    b.version += 1
    assert a.tolist() == [0, 7, 2, 3] and a.version == 1


def test_big_endian_files(tmp_path):
    data = np.arange(4, dtype=">f4").tobytes()
    archive(tmp_path / "a", tensor(), {"data/0": data, "byteorder": b"big"})
    legacy(tmp_path / "l", tensor(), data=struct.pack(">q", 4) + data,
           system=SYSTEM | {"little_endian": False})  # fmt: skip
    for name in "al":
        assert weights.load(tmp_path / name).tolist() == [0, 1, 2, 3]


def test_an_ordered_dict_of_python_2(tmp_path):
    pairs = b"](](" + _pickled("a", "", []) + tensor() + b"ee"
    archive(tmp_path / "file", _global("collections", "OrderedDict") + pairs + b"\x85R")
    assert weights.load(tmp_path / "file")["a"].tolist() == [0, 1, 2, 3]


def test_bytes_that_are_no_bool_become_one(tmp_path):
    archive(tmp_path / "file", tensor(storage="BoolStorage"), {"data/0": bytes([0, 1, 2, 255])})
    assert weights.load(tmp_path / "file").array.view(np.uint8).tolist() == [0, 1, 1, 1]


# Files that want to run something


class Elsewhere:
    """A class of this file."""


class Attack:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


COMMAND = "touch attacked"
PROGRAMS = {
    **{f"protocol {n}": pickle.dumps({"w": Attack(os.system, COMMAND)}, n) for n in range(6)},
    "exec": pickle.dumps([Attack(exec, "open('attacked', 'w')")], 2),
    "getattr": pickle.dumps(Attack(getattr, "text", "upper"), 2),
    "class": pickle.dumps(Attack(Elsewhere), 2),
    "instance": pickle.dumps(Elsewhere(), 2),
    "INST": f"(S'{COMMAND}'\nios\nsystem\n.".encode(),
    "OBJ": f"(cos\nsystem\nS'{COMMAND}'\no.".encode(),
    "NEWOBJ": b"\x80\x02cos\nsystem\n)\x81.",
    "EXT1": b"\x80\x02\x82\x01.",
    "attribute of a name": b"\x80\x04\x8c\x05torch\x8c\x0fSize.__init__.x\x93.",
    "call of data": b"\x80\x02X\x01\x00\x00\x00a)R.",
    "call of a storage type": b"\x80\x02ctorch\nFloatStorage\n)R.",
    "attributes of a tensor": b"\x80\x02" + tensor() + b"}b.",
    "attributes of a function": b"\x80\x02ctorch\nSize\n}b.",
    "NumPy": pickle.dumps(np.float64(1), 2),
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_no_code_of_a_file_is_run(name, maker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = PROGRAMS[name]
    MAKERS[maker](tmp_path / "file", program[2 if program[:1] == b"\x80" else 0 : -1])
    modules = set(sys.modules)
    with pytest.raises(ValueError, match=r"^load: .*file is refused: its? .*"):
        weights.load("file")
    assert os.listdir() == ["file"]
    assert set(sys.modules) == modules


def test_the_attack_used_here_works_on_pickle(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(PROGRAMS["protocol 2"])
    assert os.listdir() == ["attacked"]


def test_a_refusal_says_what_is_asked_for_and_what_to_save(tmp_path):
    path = tmp_path / "file"
    archive(path, pickle.dumps(Attack(os.system, COMMAND), 2)[2:-1])
    with pytest.raises(ValueError, match=r"'(posix|nt)\.system', which is not run: .* "
                       r"torch\.save\(net\.state_dict\(\), path\)$"):  # fmt: skip
        weights.load(path)
    path.write_bytes(pickle.dumps({"a": 1}, 2))
    with pytest.raises(ValueError, match="it is a pickle, but none of torch"):
        weights.load(path)
    archive(path, b"N", {"constants.pkl": b""}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=r"it is a TorchScript program. In PyTorch, save the"):
        weights.load(path)


# Files that say what is not true

PARAMETER = _global("torch._utils", "_rebuild_parameter")
TUPLES = b")" + b"\x85" * 100_000  # each in the next: hash() would recurse in C
LIARS = {
    "offset outside": (tensor(offset=4, size=(1,)), "reaches beyond its storage"),
    "size outside": (tensor(size=(2, 2), stride=(3, 1)), "reaches beyond its storage"),
    "scalar outside": (tensor(offset=4, size=(), stride=()), "reaches beyond its storage"),
    "huge size": (tensor(size=(2**62,)), "reaches beyond its storage"),
    "size beyond 64 bits": (tensor(size=(2**70,), stride=(0,)), "is no length"),
    "huge stride": (tensor(size=(1,), stride=(2**62,)), ""),
    "too huge for an array": (tensor(size=(2**62,) * 9, stride=(0,) * 9), ""),
    "huge and empty": (tensor(size=(0, 2**62, 2**62), stride=(1, 1, 1)), ""),
    "negative offset": (tensor(offset=-1), "is no length"),
    "negative size": (tensor(size=(-1,)), "is no length"),
    "negative stride": (tensor(offset=3, stride=(-1,)), "is no length"),
    "bool": (tensor(offset=True, size=(1,)), "is no length"),
    "float": (tensor(size=(4.0,)), "is no length"),
    "no tuple": (tensor(size=[4]), "do not belong together"),
    "fewer strides": (tensor(stride=()), "do not belong together"),
    "many dimensions": (tensor(size=(1,) * 70, stride=(1,) * 70), ""),
    "huge storage": (tensor(count=2**60), "longer than the file"),
    "negative storage": (tensor(count=-4), "is no length"),
    "many storages": (b"](" + b"".join(tensor(str(n), 40) for n in range(99)) + b"e", ""),
    "long storage": (tensor(count=5), ""),
    "missing storage": (tensor(key="1"), ""),
    "two types": (b"](" + tensor() + tensor(storage="IntStorage") + b"e", "two types or lengths"),
    "two lengths": (b"](" + tensor() + tensor(count=3) + b"e", "two types or lengths"),
    "path up": (tensor(key="../data.pkl"), ""),
    "absolute path": (tensor(key="/etc/passwd"), ""),
    "key no string": (tensor(key=0), "names no storage"),
    "no storage": (tensor(kind="module"), "names no storage"),
    "persistent id": (b"K\x01Q", "not understood"),
    "negated": (tensor(metadata={"neg": True}), "still to be negated"),
    "tensor of a tensor": (_global("torch._utils", "_rebuild_tensor_v2") + b"(" + tensor()
                           + b"K\x00))\x89NtR", "without a storage"),
    "parameter of a number": (PARAMETER + b"K\x01\x88N\x87R", ""),
    "integers with a gradient": (PARAMETER + tensor(storage="IntStorage") + b"\x88N\x87R", ""),
    "arguments missing": (_global("torch._utils", "_rebuild_tensor_v2") + b")R", ""),
    "key of tuples": (b"}" + TUPLES + b"K\x01s", "a key of type tuple"),
    "key of a float": (b"}G" + bytes(8) + b"K\x01s", "a key of type float"),
    "odd items": (b"}(K\x01u", ""),
    "items of a list": (b"]K\x01K\x01s", "items are set in a list"),
    "appended to a dict": (b"}K\x01a", "items are appended to a dict"),
    "no mark": (b"t", ""),
    "empty stack": (b"a", ""),
    "unknown memo": (b"h\x05", ""),
    "long string": (b"X\xff\xff\xff\x7fabc", ""),
    "long integer": (b"\x8b\xff\xff\xff\x7fabc", ""),
    "name with a backslash": (b"ca\\l\nb\n", ""),
    "name no string": (b"K\x01K\x02\x93", "a name that is no string"),
    "no opcode": (b"\xff", ""),
    "OrderedDict of numbers": (_global("collections", "OrderedDict") + b"](K\x01e\x85R", ""),
    "OrderedDict of tuples": (_global("collections", "OrderedDict") + b"](](" + TUPLES
                              + b"K\x01ee\x85R", "keys that are no strings"),
    "Size of a number": (_global("torch", "Size") + b"K\x01\x85R", ""),
    "device of a number": (_global("torch", "device") + b"K\x01\x85R", ""),
}  # fmt: skip


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", LIARS)
def test_a_file_that_says_what_is_not_true(name, maker, tmp_path):
    program, message = LIARS[name]
    MAKERS[maker](tmp_path / "file", program)
    with pytest.raises(ValueError, match=rf"^load: .*file is (damaged|refused).*{message}"):
        weights.load(tmp_path / "file")


def test_what_is_used_again_takes_no_memory(tmp_path):
    """A memo of an index near 2^32, and one long list as the content of many OrderedDicts."""
    archive(tmp_path / "file", b"]r\xff\xff\xff\xffj\xff\xff\xff\xff\x86")
    assert weights.load(tmp_path / "file") == ([], [])
    pair = b"](" + _pickled("a", "", []) + b"Ne"
    again = b"".join(_global("collections", "OrderedDict") + b"h\x00\x85R" for _ in range(3))
    archive(tmp_path / "file", b"](](" + pair + b"eq\x00" + again + b"e")
    assert weights.load(tmp_path / "file") == [[], {"a": None}, {}, {}]


def test_deep_nesting_is_no_recursion(tmp_path):
    archive(tmp_path / "file", b"]" * 100_000 + b"a" * 99_999)
    assert type(weights.load(tmp_path / "file")) is list


def bomb(path):
    archive(path, tensor(count=2**20), {"data/0": bytes(2**22)}, compression=zipfile.ZIP_DEFLATED)


def twice_the_same_bytes(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02N.")
        file.writestr("archive/data/0", bytes(1000))
        for number in range(1, 9):
            entry = copy.copy(file.filelist[1])
            entry.filename = f"archive/data/{number}"
            file.filelist.append(entry)
            file.NameToInfo[entry.filename] = entry


def two_pickles(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", b"\x80\x02N.")
        file.writestr("b/data.pkl", b"\x80\x02N.")


FOREIGN = {
    "empty": (lambda path: path.write_bytes(b""), "neither a zip archive nor a pickle"),
    "text": (lambda path: path.write_text("hello, hello"), "neither a zip archive nor a pickle"),
    "zip": (lambda path: zipfile.ZipFile(path, "w").writestr("a", "b"), "0 entries data.pkl"),
    "tinygan": (lambda path: tinygan.save([np.ones(3)], path), "0 entries data.pkl"),
    "compressed": (bomb, "compressed"),
    "overlapping": (twice_the_same_bytes, "its entries are longer than the file"),
    "two pickles": (two_pickles, "it has 2 entries data.pkl"),
    "byte order": (lambda path: archive(path, tensor(), DATA | {"byteorder": b"x"}), ""),
    "deeper": (lambda path: archive(path, tensor(), folder="a/b"), "0 entries data.pkl"),
    "no end": (lambda path: legacy(path, b"}", data=b"", keys=[]) or path.write_bytes(
        path.read_bytes()[:-1]), ""),
    "other magic": (lambda path: legacy(path, tensor(), magic=5), "none of torch.save's"),
    "other keys": (lambda path: legacy(path, tensor(), keys=["1"]), "other storages"),
    "keys that are none": (lambda path: legacy(path, tensor(), keys=[0]), "no strings"),
    "key twice": (lambda path: legacy(path, tensor(), keys=["0", "0"]), "other storages"),
    "count": (lambda path: legacy(path, tensor(), data=struct.pack("<q", 5) + bytes(99)),
              "two lengths"),
    "no data": (lambda path: legacy(path, tensor(), data=b""), ""),
    "few data": (lambda path: legacy(path, tensor(), data=struct.pack("<q", 4) + bytes(15)),
                 "a storage of 16 bytes has 15"),
    "no dict": (lambda path: legacy(path, tensor(), system=7), ""),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name", "ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_another_kind(name, tmp_path):
    make, message = FOREIGN[name]
    make(tmp_path / "file")
    with pytest.raises(ValueError, match=rf"^load: .*file is (damaged|refused).*{message}"):
        weights.load(tmp_path / "file")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"there is no file {tmp_path / 'x'}")):
        weights.load(tmp_path / "x")


@pytest.mark.parametrize("maker", MAKERS)
def test_every_truncation_and_every_changed_byte_is_survived(maker, tmp_path):
    """It is noticed, or what is loaded is of the same kind."""
    path, program = tmp_path / "file", b"}" + _pickled("w", "", []) + tensor() + b"s"
    MAKERS[maker](path, program)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"^load: "):
            weights.load(path)
    noticed = 0
    for place, byte in enumerate(content):
        for changed in (byte ^ 0xFF, byte ^ 1):
            path.write_bytes(content[:place] + bytes([changed]) + content[place + 1 :])
            try:
                assert isinstance(weights.load(path), dict)
            except ValueError as error:
                assert str(error).startswith("load: ")
                noticed += 1
    # Not noticed are, of an archive, dates and the like; before, there were no checksums.
    assert noticed > len(content)


def test_a_process_with_little_memory_survives_hostile_files(tmp_path):
    """Each file above is refused within 512 MiB more than the interpreter takes."""
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("needs Linux's /proc")
    for number, (program, _) in enumerate(LIARS.values()):
        for name, make in MAKERS.items():
            make(tmp_path / f"{name}{number}.pt", program)
    bomb(tmp_path / "bomb.pt")
    twice_the_same_bytes(tmp_path / "overlap.pt")
    code = f"""
import pathlib, resource
from tinygan import weights
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 2**29
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sorted(pathlib.Path({str(tmp_path)!r}).glob("*.pt")):
    try:
        weights.load(path)
    except ValueError:
        continue
    raise SystemExit(f"{{path}} was loaded")
print("all refused")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "all refused\n", result.stderr[-2000:]
