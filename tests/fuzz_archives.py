"""Damage to archives, arrays and pickles: what it changes reaches the readers, as the lengths and
checksums around it fit.

Each function takes a `random.Random` and the bytes of a sound file, and returns those of a damaged
one.
"""

from __future__ import annotations

import functools
import gzip
import io
import itertools
import json
import math
import pickletools
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fuzz_mutations import NUMBERS, any_bytes, as_json, tree

import tinygan
from tinygan.serialization import _encode
from tinygan.tensor import Tensor

Entries = Sequence[tuple[str, bytes]]

# The zip format, as zipfile's own writer would take most of the time

LOCAL = struct.Struct("<4s5H3I2H")
LISTED = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")


@functools.cache
def entries_of(content: bytes) -> Entries:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return tuple((entry.filename, file.read(entry)) for entry in file.infolist())


def zipped(entries: Entries, random: Random | None = None, deflated: bool = False) -> bytes:
    """An archive of these entries. With `random`, a field of one of its headers is wrong."""
    chosen = -1 if random is None else random.randrange(2 * len(entries) + 1)
    parts, listing, place = [], [], 0
    for number, (name, data) in enumerate(entries):
        text, stored = name.encode("utf-8", "surrogatepass"), data
        if deflated:
            packer = zlib.compressobj(1, zlib.DEFLATED, -15)
            stored = packer.compress(data) + packer.flush()
        common = [0x800, 8 if deflated else 0, 0, 0x21, zlib.crc32(data), len(stored), len(data),
                  len(text)]  # fmt: skip
        local = [b"PK\3\4", 20, *common, 0]
        listed = [b"PK\1\2", 20, 20, *common, 0, 0, 0, 0, 0, place]
        extra = b""
        if random is not None and chosen == 2 * number:
            _change_field(random, local, LOCAL)
        if random is not None and chosen == 2 * number + 1:
            if random.random() < 0.3:  # the lengths of zip64
                numbers = [random.choice(NUMBERS) for _ in range(random.randint(1, 3))]
                extra = struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers)
                listed[11] = len(extra)
                for field in random.sample([8, 9, 16], 2):
                    listed[field] = 2**32 - 1
            else:
                _change_field(random, listed, LISTED)
        parts.append(LOCAL.pack(*local) + text + stored)
        listing.append(LISTED.pack(*listed) + text + extra)
        place += len(parts[-1])
    size = sum(map(len, listing))
    end = [b"PK\5\6", 0, 0, len(entries), len(entries), size, place, 0]
    if random is not None and chosen == 2 * len(entries):
        _change_field(random, end, END)
    return b"".join([*parts, *listing, END.pack(*end)])


def _change_field(random: Random, fields: list[Any], layout: struct.Struct) -> None:
    codes = "".join(code * int(count or 1) for count, code in _counted(layout.format))
    place = random.randrange(1, len(fields))
    width = 16 if codes[place] == "H" else 32
    change = [fields[place] + 1, fields[place] - 1, fields[place] ^ 1 << random.randrange(width)]
    fields[place] = random.choice([*change, random.choice(NUMBERS)]) % 2**width


def _counted(layout: str) -> Iterable[tuple[str, str]]:
    count = ""
    for letter in layout.removeprefix("<").replace("4s", "s"):
        if letter.isdigit():
            count = letter
        else:
            yield count, letter
            count = ""


def _other_entries(random: Random, entries: list[tuple[str, bytes]]) -> None:
    """An entry is taken away, doubled, renamed or moved, or two exchange their data."""
    place, other = random.randrange(len(entries)), random.randrange(len(entries))
    (name, data), change = entries[place], random.randrange(5)
    if change == 0 and len(entries) > 1:
        del entries[place]
    elif change == 1:
        entries.append((name, entries[other][1]))
    elif change == 2:
        names = ["../x", "/x", name + "x", "", "a" * 500, entries[other][0], "é", "x/data.pkl",
                 "archive/constants.pkl", "archive/byteorder", "archive/data/1"]  # fmt: skip
        entries[place] = (random.choice(names), data)
    elif change == 3:
        entries.insert(other, entries.pop(place))
    else:
        entries[place], entries[other] = (name, entries[other][1]), (entries[other][0], data)


# Arrays

DTYPES = ["<f4", "<f8", "<f2", ">f4", "<i8", "<i4", ">i2", "|i1", "|u1", "<u2", "<u8", "|b1"]


def npy_head(dtype: str, shape: tuple[int, ...], fortran: bool = False) -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def npy(random: Random, content: bytes) -> bytes:
    """Another array, or a header that says something else than is there."""
    if random.random() < 0.4:
        dtype, shape = random.choice(DTYPES), _shape(random)
        size = int(dtype[2:]) * math.prod(shape)
        size = max(size + random.choice([0, 0, 0, 0, 0, 1, -1, 8]), 0)
        return npy_head(dtype, shape, random.random() < 0.3) + random.randbytes(size)
    length = int.from_bytes(content[8:10], "little")
    head = content[10 : 10 + length].decode("latin-1")
    if random.random() < 0.1 or "(" not in head or ")" not in head:  # damaged before
        return any_bytes(random, content)
    shape = head[head.index("(") : head.index(")") + 1]
    numbers = [random.choice([*NUMBERS, -1]) for _ in range(random.choice([1, 2, 2, 70]))]
    lengths = ", ".join(map(str, numbers))
    old, new = random.choice([
        *[(shape, f"({lengths},)")] * 8, *[(shape, f"({lengths}, 0)")] * 4,
        (shape, "(0, 9223372036854775807, 9)"), (shape, "()"),
        (shape, "5"), (shape, "(True,)"), (shape, "(" * 90 + ")" * 90), ("'<f4'", "'|O'"),
        ("'<f4'", "'<U9'"), ("'<f4'", "'<f8'"), ("'<f4'", "'<i4'"), ("'<f4'", "'>f4'"),
        ("'<f4'", "'|i1'"), ("'<f4'", "'<f3'"), ("'<f4'", "'<f16'"), ("'<f4'", "'<u4'"),
        ("'<f4'", "[('a', '<f4')]"), ("'<f4'", "'<V999999999'"), ("'<f4'", "9"),
        *[("False", "True")] * 4, ("False", "3"), ("descr", "x"), ("{", "{{"), ("}", ""),
        ("'", '"""'), ("'descr'", "(1).__class__"), (head, "-" * 9000 + "1"),
        (head, "\n  x\n y"), (head, "5L"),
    ])  # fmt: skip
    head = head.replace(old, new)
    version = random.choice([1] * 12 + [2, 3, 9])
    size = struct.pack("<H", len(head)) if version == 1 else struct.pack("<I", len(head))
    return b"\x93NUMPY" + bytes([version, 0]) + size + head.encode() + content[10 + length :]


def _shape(random: Random) -> tuple[int, ...]:
    return tuple(random.choice([0, 1, 1, 2, 2, 3, 5]) for _ in range(random.randrange(4)))


# What tinygan.save writes


def saved(random: Random, content: bytes) -> bytes:
    """The structure, the arrays, the list of entries or a header of the archive."""
    chance = random.random()
    if chance < 0.05:
        return any_bytes(random, content)
    entries = list(entries_of(content))
    if chance < 0.17:
        return zipped(entries, random)
    for _ in range(random.randint(1, 2)):
        place = random.randrange(len(entries))
        change = random.random()
        if change < 0.15:
            _other_entries(random, entries)
        elif change < 0.6:
            (name, data) = entries[0]
            length = int.from_bytes(data[8:10], "little")
            body = as_json(random, data[10 + length :])
            entries[0] = (name, npy_head("|u1", (len(body),)) + body)
        else:
            entries[place] = (entries[place][0], npy(random, entries[place][1]))
    return zipped(entries, deflated=random.random() < 0.02)


@functools.cache
def _loaded(content: bytes) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "file").write_bytes(content)
        return tinygan.load(Path(folder) / "file")


def checkpoint(random: Random, content: bytes) -> bytes:
    """A sound archive, in most cases, whose values are others than were saved."""
    if random.random() < 0.15:
        return saved(random, content)
    root = _loaded(content)
    value = root
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        value = _other_value(random, value, root)
    return tinygan_file(value)


def tinygan_file(value: Any) -> bytes:
    """What `tinygan.save` writes of `value`."""
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps({"format": "tinygan-1", "content": _encode(value, arrays, "")}).encode()
    entries = [("structure.json.npy", npy_head("|u1", (len(text),)) + text)]
    for name, array in arrays.items():
        head = npy_head(array.dtype.str, array.shape)
        entries.append((f"{name}.npy", head + array.tobytes()))
    return zipped(entries)


def _other_value(random: Random, value: Any, root: Any) -> Any:
    """`value` with something in it replaced, taken away, renamed or repeated."""
    deeper = random.random() < 0.93
    if isinstance(value, dict) and value and deeper:
        key = random.choice(list(value))
        change = random.randrange(24)
        if change == 0:
            return {name: item for name, item in value.items() if name != key}
        if change == 1:
            other = random.choice([key + "x", *value, "module", "state", "lr"])
            return {(other if name == key else name): item for name, item in value.items()}
        if change == 2:
            return {**value, "x": value[key]}
        return {**value, key: _other_value(random, value[key], root)}
    if isinstance(value, (list, tuple)) and value and deeper:
        items, place, change = list(value), random.randrange(len(value)), random.randrange(20)
        if change == 0:
            del items[place]
        elif change == 1:
            items.insert(place, items[place])
        else:
            items[place] = _other_value(random, items[place], root)
        return items if change == 2 else type(value)(items)
    if isinstance(value, (np.ndarray, Tensor)) and random.random() < 0.7:
        return _other_array(random, value)
    if isinstance(value, (int, float)) and random.random() < 0.7:
        return random.choice([value + 1, value - 1, -value, float(value), value + 0.5, str(value),
                              bool(value), random.choice(NUMBERS), -1, float("nan"), 1e400,
                              10**30])  # fmt: skip
    return random.choice([
        None, True, -1, 0, 0.5, float("nan"), "", "x", "../x", [], {}, (), [value], {"x": value},
        np.zeros(3, np.uint8), np.array(5), np.zeros((2, 2, 3), np.uint8), _subtree(random, root),
        _subtree(random, root), random.choice(NUMBERS), "9" * 5000, "\ud800",
    ])  # fmt: skip


def _other_array(random: Random, value: Any) -> Any:
    array = value.array if isinstance(value, Tensor) else value
    made = random.choice([
        lambda: array.reshape(-1), lambda: array[None], lambda: array.T, lambda: array[:0],
        lambda: np.concatenate([array.reshape(-1)] * 2), lambda: array.astype(np.float64),
        lambda: array.astype(np.float16), lambda: np.zeros(array.shape, np.int64),
        lambda: np.zeros(array.shape, np.uint8), lambda: np.ones(array.shape, bool),
        lambda: np.full(array.shape, np.nan), lambda: np.full(array.shape, np.inf, np.float32),
        lambda: np.full(array.shape, 1e300), lambda: np.zeros((0, 2**31)),
        lambda: np.zeros(_shape(random), np.float32),
    ])() if array.ndim else np.zeros(_shape(random))  # fmt: skip
    return Tensor(made) if random.random() < 0.5 and made.dtype.kind != "b" else made


def _subtree(random: Random, value: Any) -> Any:
    while isinstance(value, (dict, list, tuple)) and value and random.random() < 0.8:
        value = random.choice(list(value.values() if isinstance(value, dict) else value))
    return value


# Weights of PyTorch

NAMES = [
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_tensor\n",
    b"ctorch._utils\n_rebuild_parameter\n", b"ctorch._utils\n_rebuild_parameter_with_state\n",
    b"ccollections\nOrderedDict\n", b"ctorch\nSize\n", b"ctorch\ndevice\n",
    b"ctorch\nFloatStorage\n", b"ctorch\nHalfStorage\n", b"ctorch\nLongStorage\n",
    b"ctorch\nBoolStorage\n", b"ctorch\nBFloat16Storage\n", b"ctorch\nDoubleStorage\n",
    b"cos\nsystem\n", b"cbuiltins\neval\n", b"ctorch.nn.modules.linear\nLinear\n",
]  # fmt: skip
OPCODES = [b"N", b")", b"}", b"]", b"(", b"t", b"R", b"Q", b"e", b"u", b"s", b"b", b"\x85", b"\x86",
           b"\x87", b"\x88", b"\x89", b"\x94", b"q\0", b"h\0", b"q\1", b"h\1", b".", b"a", b"\x93",
           b"0", b"2", b"\x81", b"\x95" + bytes(8)]  # fmt: skip


@functools.cache
def _opcodes(content: bytes) -> tuple[bytes, ...]:
    places = [place for _, _, place in pickletools.genops(content)] + [len(content)]
    return tuple(content[a:b] for a, b in itertools.pairwise(places))


def pickle(random: Random, content: bytes) -> bytes:
    """Opcodes taken away, doubled, exchanged, and their arguments changed."""
    parts = list(_opcodes(content))
    for _ in range(random.choice([1, 1, 2, 3])):
        place, other = random.randrange(len(parts)), random.randrange(len(parts))
        change = random.randrange(10)
        if change == 0:
            parts[place] = b""
        elif change == 1:
            parts[place] *= random.choice([2, 50])
        elif change == 2:
            parts[place], parts[other] = parts[other], parts[place]
        elif change == 3:
            parts[place] = parts[other]
        elif change == 4:
            parts.insert(place, random.choice(OPCODES))
        elif change == 5:
            parts[place] = any_bytes(random, parts[place])
        else:  # another argument of the same kind, so that the program goes on
            _other_argument(random, parts)
    return b"".join(parts)


def _other_argument(random: Random, parts: list[bytes]) -> None:
    code = random.choice([b"J", b"J", b"J", b"X", b"c"])
    places = [place for place, part in enumerate(parts) if part[:1] == code]
    if not places:
        return
    place = random.choice(places)
    if code == b"c":
        parts[place] = random.choice(NAMES)
    elif code == b"X":
        parts[place] = parts[random.choice(places)]
    else:
        number = random.choice([0, 1, 2, 3, 4, 6, *NUMBERS, -1])
        small = -(2**31) <= number < 2**31
        parts[place] = b"J" + struct.pack("<i", number) if small else b"\x8a\x09" + (
            number.to_bytes(9, "little", signed=True))  # fmt: skip


def pt(random: Random, content: bytes) -> bytes:
    """The program, the storages, the list of entries or a header of the archive."""
    chance = random.random()
    if chance < 0.05:
        return any_bytes(random, content)
    entries = list(entries_of(content))
    if chance < 0.17:
        return zipped(entries, random)
    for place, (name, data) in enumerate(entries):
        if name.endswith("data.pkl") and chance < 0.75:
            entries[place] = (name, pickle(random, data))
    if chance > 0.7:
        place = random.randrange(len(entries))
        if random.random() < 0.5:
            _other_entries(random, entries)
        else:
            entries[place] = (entries[place][0], any_bytes(random, entries[place][1]))
    return zipped(entries, deflated=random.random() < 0.02)


@functools.cache
def _pickles(content: bytes) -> tuple[bytes, ...]:
    """The five pickles of a file from before PyTorch 1.6, and the bytes after them."""
    file, parts = io.BytesIO(content), []
    for _ in range(5):
        start = file.tell()
        for _ in pickletools.genops(file):
            pass
        parts.append(content[start : file.tell()])
    return (*parts, content[file.tell() :])


def legacy(random: Random, content: bytes) -> bytes:
    if random.random() < 0.05:
        return any_bytes(random, content)
    parts = list(_pickles(content))
    place = random.choice([0, 1, 2, 3, 3, 3, 3, 3, 3, 4, 4, 5, 5])
    change = any_bytes if place == 5 else pickle
    parts[place] = change(random, parts[place])
    return b"".join(parts)


# Safetensors

CODES = {"F32": 4, "F64": 8, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
         "U16": 2, "U32": 4, "U64": 8, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1, "C64": 8}  # fmt: skip


def safetensors(random: Random, content: bytes) -> bytes:
    """Other tensors than in `content`, and in most cases something that does not fit them."""
    if random.random() < 0.1:
        return any_bytes(random, content)
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}} if random.random() < 0.3 else {}
    place = 0
    for number in range(random.randint(1, 4)):
        code, shape = random.choice(list(CODES)), _shape(random)
        end = place + CODES[code] * math.prod(shape)
        offsets = [place, end]
        head[f"w{number}"] = {"dtype": code, "shape": list(shape), "data_offsets": offsets}
        place = end
    data = random.randbytes(place)
    chance = random.random()
    if chance < 0.5:
        name = random.choice(list(head))
        key = random.choice(list(head[name]))
        head = {**head, name: {**head[name], key: tree(random, head[name][key])}}
    elif chance < 0.65:
        head = tree(random, head)
    elif chance < 0.75:
        data = random.choice([data[:-1], data + b"x", data * 2, b""])
    text = json.dumps(head).encode()
    if 0.75 <= chance < 0.8:
        text = any_bytes(random, text)
    text += b" " * random.choice([0, 0, 8 - len(text) % 8])
    length = random.choice(NUMBERS) if random.random() < 0.03 else len(text)
    return struct.pack("<Q", length) + text + data


# Archives of tar, packed by gzip


def tar_gz(random: Random, content: bytes) -> bytes:
    if random.random() < 0.2:
        return any_bytes(random, content)
    data = bytearray(gzip.decompress(content))
    if random.random() < 0.3:
        return gzip.compress(any_bytes(random, bytes(data)), 1)
    for _ in range(random.randint(1, 3)):
        start = random.choice(
            [at for at in range(0, len(data), 512) if data[at + 257 : at + 262] == b"ustar"]
        )
        head = data[start : start + 512]
        kind = random.randrange(4)
        if kind == 0:  # the size, octal or of eight bytes
            number = random.choice([*NUMBERS, -1, -512])
            octal = b"%011o\0" % (number % 8**11)
            binary = bytes([255 if number < 0 else 128]) + number.to_bytes(11, "big", signed=True)
            head[124:136] = random.choice([octal, binary])
        elif kind == 1:
            head[156] = random.choice(b"01234567xgLKSVA\0")
        elif kind == 2:
            name = random.choice([b"", b"/", b"..", b"a/../../b", b"emoji-pairs-64/emoji.csv"])
            head[:100] = name.ljust(100, b"\0")
        else:
            place = random.randrange(512)
            head[place : place + 1] = random.randbytes(1)
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        data[start : start + 512] = head
    return gzip.compress(bytes(data), 1)
