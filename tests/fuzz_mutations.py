"""Damage to files that knows their formats: what it changes reaches the readers, as lengths,
checksums and compressed data are made to fit again.

Each function takes a `random.Random` and the bytes of a sound file, and returns those of a damaged
one.
"""

from __future__ import annotations

import gzip
import json
import math
import struct
import zlib
from random import Random

NUMBERS = [
    0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31,
    2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1,
]  # fmt: skip
ZEROS = 300_000_000  # bytes, of which a compressor makes 300 kB
_zeros: dict[str, bytes] = {}


def zeros(kind: str) -> bytes:
    """Many zeros, deflated: "zlib" or "raw"."""
    if kind not in _zeros:
        packer = zlib.compressobj(6, zlib.DEFLATED, 15 if kind == "zlib" else -15)
        parts = [packer.compress(bytes(10**7)) for _ in range(ZEROS // 10**7)]
        _zeros[kind] = b"".join(parts) + packer.flush()
    return _zeros[kind]


def any_bytes(random: Random, content: bytes) -> bytes:
    """One to four changes anywhere, half of them near the beginning or the end."""
    data = bytearray(content)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(data) + 1)
        if random.random() < 0.5:
            place = min(place, random.randrange(64)) if random.random() < 0.7 else max(
                place, len(data) - random.randrange(64)
            )
        length = random.choice([1, 1, 2, 4, 8, 16, 100])
        kind = random.randrange(8)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[place : place + 1] = bytes([random.choice([0, 1, 127, 128, 255])])
        elif kind == 2:
            size, order = random.choice([2, 4, 8]), random.choice(["little", "big"])
            number = random.choice(NUMBERS) % 256**size
            data[place : place + size] = number.to_bytes(size, order)
        elif kind == 3:
            del data[place : place + length]
        elif kind == 4:
            data[place:place] = random.randbytes(length)
        elif kind == 5:
            data[place:place] = data[place : place + length] * random.choice([1, 2, 50])
        elif kind == 6:
            data[place : place + length] = random.randbytes(length)
        elif random.random() < 0.3:
            del data[place:]
    return bytes(data)


# IDX


def idx(random: Random, content: bytes) -> bytes:
    """Another header, with as many values as it says in most cases; plain or gzipped."""
    chance = random.random()
    if chance < 0.1:
        return any_bytes(random, content)
    packed = content[:2] == b"\x1f\x8b"
    data = gzip.decompress(content) if packed else content
    if chance < 0.2:
        data = any_bytes(random, data)
    elif chance < 0.4:
        count = random.choice([1, 2, 3, 3, 3, 64, 65, 255])
        lengths = [random.choice([*NUMBERS[:19], 28, 28, 28]) for _ in range(count)]
        kind = random.choice([8, 8, 8, 8, 9, 13, 0])
        data = bytes([0, 0, kind, count]) + struct.pack(f">{count}I", *lengths) + data[16:]
    else:
        lengths = [random.choice([0, 1, 2, 3, 9, 11]) for _ in range(random.randint(1, 3))]
        lengths += [28, 28] if random.random() < 0.5 else []
        head = bytes([0, 0, 8, len(lengths)]) + struct.pack(f">{len(lengths)}I", *lengths)
        size = max(math.prod(lengths) + random.choice([0, 0, 0, 0, 1, -1, 28, -28]), 0)
        largest = random.choice([9, 9, 255])
        values = bytes(min(value, largest) for value in random.randbytes(min(size, 64)))
        data = head + (values * (size // 64 + 1))[:size]
    if not packed and random.random() < 0.7:
        return data
    if random.random() < 0.5:  # as quick to write as it is to read
        return any_bytes(random, gzip.compress(data, 0)) if chance > 0.9 else gzip.compress(data, 0)
    packed_data = gzip.compress(data, 1)
    if random.random() < 0.001:  # a second member of zeros
        head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
        tail = struct.pack("<II", 0, ZEROS)
        packed_data += head + zeros("raw") + tail
    return any_bytes(random, packed_data) if random.random() < 0.1 else packed_data


# Pictures

NOTES = [
    b"", b"not a TIFF header", b"Exif\0\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff",
    b"MM\0\x2a\0\0\0\x08\0\2\x01\x12\0\3\0\0\0\1\0\6\0\0\x01\x28\0\2\0\0\0\4cm \0\0\0\0\0",
    b"II*\0\x08\0\0\0\1\0\x12\1\5\0\1\0\0\0\xff\xff\xff\x7f\0\0\0\0",
    b"II*\0\x08\0\0\0\1\0\x12\1\2\0\xff\xff\xff\x7f\x08\0\0\0\0\0\0\0",
]  # fmt: skip
CHUNKS = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"pHYs",
    b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"sBIT", b"tIME", b"bKGD",
]  # fmt: skip


def _png_chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    chunks, place = [], 8
    while place + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def png(random: Random, content: bytes) -> bytes:
    """Chunks changed, moved, added and taken away, with their checksums."""
    chunks = _png_chunks(content)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(chunks)) if chunks else 0
        kind = random.randrange(6)
        if kind == 0 and chunks:
            chunks[place] = (chunks[place][0], any_bytes(random, chunks[place][1]))
        elif kind == 1 and chunks:
            most = 11 if random.random() < 0.7 else 19  # large ones take long
            width, height = (random.choice(NUMBERS[:most]) for _ in range(2))
            depth, colour = random.choice([1, 2, 4, 8, 16, 3]), random.choice([0, 2, 3, 4, 6, 5])
            fields = width, height, depth, colour, 0, 0, random.choice([0, 1])
            chunks[0] = (b"IHDR", struct.pack(">IIBBBBB", *fields))
        elif kind == 2:
            data = random.choice([random.randbytes(random.randrange(40)), *NOTES])
            name = random.choice(CHUNKS)
            if name in (b"iCCP", b"zTXt") and random.random() < 0.5:
                many = random.random() < 0.001
                data = b"x\0\0" + (zeros("zlib") if many else zlib.compress(data))
            chunks.insert(place, (name, data))
        elif kind == 3 and chunks:
            chunks.insert(random.randrange(len(chunks)), chunks.pop(place))
        elif kind == 4 and chunks:
            del chunks[place]
        elif kind == 5 and chunks and chunks[place][0] == b"IDAT":
            try:
                pixels = any_bytes(random, zlib.decompress(chunks[place][1]))
            except zlib.error:
                continue
            chunks[place] = (b"IDAT", zlib.compress(pixels))
    return content[:8] + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def jpeg(random: Random, content: bytes) -> bytes:
    if random.random() < 0.5:
        return any_bytes(random, content)
    note = random.choice(NOTES)
    note = any_bytes(random, note) if random.random() < 0.5 else note
    names = [b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0", b"JFIF\0"]
    body = random.choice(names) + note
    marker = random.choice([0xE0, 0xE1, 0xE1, 0xE1, 0xE2, 0xED, 0xEE, 0xFE])
    head = bytes([255, marker]) + struct.pack(">H", len(body) + 2)
    return content[:2] + head + body + content[2:]


def tiff(random: Random, content: bytes) -> bytes:
    """Fields of the first directory changed."""
    if random.random() < 0.3:
        return any_bytes(random, content)
    data = bytearray(content)
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for _ in range(random.randint(1, 3)):
        place = start + 2 + 12 * random.randrange(count)
        tag, kind, number, value = struct.unpack_from(f"{order}HHII", data, place)
        change = random.randrange(4)
        tag = random.choice([254, 258, 259, 262, 273, 274, 277, 279, 322, 338, 339]) if (
            change == 0) else tag  # fmt: skip
        kind = random.randrange(1, 14) if change == 1 else kind
        number = random.choice(NUMBERS[:19]) if change == 2 else number
        value = random.choice([*NUMBERS[:19], 5, 32773, 32946]) if change == 3 else value
        struct.pack_into(f"{order}HHII", data, place, tag, kind, number, value)
    return bytes(data)


def ppm(random: Random, content: bytes) -> bytes:
    """A header in which one or two fields are seldom right, and pixels of any kind."""
    head = [random.choice([b"P1", b"P2", b"P3", b"P4", b"P5", b"P5", b"P6", b"P6", b"Pf", b"Py"])]
    head += [str(number).encode() for number in random.choice([(19, 23), (5, 4), (1, 9), (8, 8)])]
    head += [random.choice([b"255", b"255", b"1", b"100", b"65535", b"-1.0", b"1.0"])]
    for _ in range(random.choice([0, 1, 1, 2])):
        number = str(random.choice([*NUMBERS, -1, 9, 9])).encode()
        odd = [b"nan", b"1e9", b"0x8", b"#", b"1" * 5000, b"#x\n7", b""]
        head[random.randrange(1, 4)] = number if random.random() < 0.7 else random.choice(odd)
    if head[0] in (b"P1", b"P4") and random.random() < 0.8:  # these have no greatest value
        del head[3:]
    pixels = [content[11:], content[11:], b"9 " * 1400, b"0 1 " * 700, random.randbytes(4000), b""]
    body = random.choice(pixels)
    body = any_bytes(random, body) if random.random() < 0.3 else body
    return b" ".join(head) + random.choice([b"\n", b"\n", b" ", b"\n# note\n"]) + body


def webp(random: Random, content: bytes) -> bytes:
    """Chunks changed, added and taken away, with their lengths; or the header of all pixels."""
    if random.random() < 0.2:
        return any_bytes(random, content)
    chunks, place = [], 12
    while place + 8 <= len(content):
        (length,) = struct.unpack_from("<I", content, place + 4)
        chunks.append((content[place : place + 4], content[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    for _ in range(random.randint(1, 2)):
        place, change = random.randrange(len(chunks)), random.randrange(5)
        name, data = chunks[place]
        if change < 2:
            chunks[place] = (name, any_bytes(random, data))
        elif change == 2:
            width, height = (random.choice([18, 22, 19, *NUMBERS[:16]]) for _ in range(2))
            fields = bytes([random.choice([0, 2, 4, 8, 16, 32, 63]), 0, 0, 0])
            fields += width.to_bytes(4, "little")[:3] + height.to_bytes(4, "little")[:3]
            chunks.insert(0, (b"VP8X", fields))
        elif change == 3:
            name = random.choice([b"EXIF", b"ICCP", b"XMP ", b"ANIM", b"ALPH", b"ANMF", b"VP8 "])
            chunks.insert(random.randrange(len(chunks) + 1), (name, random.choice(NOTES)))
        elif len(chunks) > 1:
            del chunks[place]
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


# JSON

RENAMED = ["dict", "list", "tuple", "array", "tensor", "content", "format", "starts", "step",
           "epoch"]  # fmt: skip


def tree(random: Random, value):
    """The value with something in it replaced, taken away, nested or renamed."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(list(value))
        change = random.randrange(8)
        if change == 0:
            return {name: item for name, item in value.items() if name != key}
        if change == 1:
            other = random.choice([key + "x", *RENAMED])
            return {(other if name == key else name): item for name, item in value.items()}
        return {**value, key: tree(random, value[key])}
    if isinstance(value, list) and value and random.random() < 0.85:
        place = random.randrange(len(value))
        change = random.randrange(8)
        if change == 0:
            return value[:place] + value[place + 1 :]
        if change == 1:
            return value[:place] + [value[place]] * random.choice([2, 100]) + value[place + 1 :]
        return [*value[:place], tree(random, value[place]), *value[place + 1 :]]
    return random.choice([
        None, True, False, -1, 0.5, 1e400, float("nan"), "", "x", "a0", "\ud800", [], {}, [value],
        {"dict": value}, {"list": [value]}, {"tuple": 3}, {"array": "a0"},
        {"tensor": "structure.json"}, {"array": ["a0"]}, {"x": 1, "y": 2}, *NUMBERS, 10**30,
        [value] * 3,
    ])  # fmt: skip


def as_json(random: Random, content: bytes) -> bytes:
    if random.random() < 0.1:
        return any_bytes(random, content)
    if random.random() < 0.01:
        return random.choice([b"[" * 200_000, b'{"a":' * 200_000, b"9" * 10_000, b""])
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):  # it was damaged before
        return any_bytes(random, content)
    for _ in range(random.randint(1, 3)):
        value = tree(random, value)
    return json.dumps(value).encode()


def json_lines(random: Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(lines) + 1)
        line = lines[place] if place < len(lines) else b"{}"
        kind = random.randrange(8)
        if kind < 5:
            line = as_json(random, line) + b"\n"
        elif kind == 5:
            line = any_bytes(random, line)
        else:
            line = random.choice([b"", b"\n", b"\xff\n", line[:-1]])
        lines[place : place + 1] = [line]
    return b"".join(lines)
