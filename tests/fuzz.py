"""Damaged files for everything that reads files, until one is answered otherwise than documented.

    python tests/fuzz.py --inputs 20000                        all kinds, in turn
    python tests/fuzz.py --kinds png idx --seconds 600     no longer than that
    python tests/fuzz.py --first 1234 --inputs 1 --keep .      one of them again, and its file

Each input is a sound file that `fuzz_mutations` has damaged. Allowed is that it is read, or refused
by the error that its reader documents, with the name of the file. Not allowed is any other error,
more memory than 500 MB above what the largest picture's pixels need, a long wait, a crash, another
program that is started, a file that is written, and a format of pictures that is not listed. The
same seed gives the same inputs.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import fuzz_mutations as mutations
import numpy as np

import tinygan
from tinygan import nn, optim, weights
from tinygan.data import BatchSampler, DataFormatError, image_folder, mnist, read_idx
from tinygan.data.pictures import FORMATS, MAX_PIXELS
from tinygan.training.checkpoint import load_checkpoint, save_checkpoint
from tinygan.training.log import JsonLines, read_json_lines, write_run_file

MEMORY = 500_000_000 + 4 * MAX_PIXELS
SECONDS = 30


class Kind(NamedTuple):
    name: str  # of the file, with its ending
    sound: Callable[[], list[bytes]]
    damage: Callable[[Random, bytes], bytes]
    read: Callable[[Path], Any]
    errors: tuple[type[Exception], ...] = (ValueError,)
    beside: tuple[str, bytes] | None = None  # another file, and what it holds


class Wait(BaseException):
    """It takes too long; no reader catches it."""


# Sound files


def _idx() -> list[bytes]:
    head = bytes([0, 0, 8, 3]) + np.array([3, 28, 28], ">u4").tobytes()
    plain = head + np.arange(3 * 784).astype(np.uint8).tobytes()
    return [plain, mutations.gzip.compress(plain, mtime=0)]


def _pictures(kind: str, *options: tuple[str, dict]) -> Callable[[], list[bytes]]:
    def sound() -> list[bytes]:
        from PIL import Image

        results = []
        for mode, more in options:
            picture = Image.effect_noise((19, 23), 90)
            if mode == "I;16":
                picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 200)
            else:
                picture = picture.convert(mode)
            buffer = io.BytesIO()
            picture.save(buffer, kind, **more)
            results.append(buffer.getvalue())
        return results

    return sound


def _foreign() -> list[bytes]:
    """Pictures of formats that are not listed."""
    from PIL import Image

    results = [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"]
    for kind in ("DDS", "TGA", "ICO", "SGI", "PCX", "ICNS", "MSP", "SPIDER", "IM", "JPEG2000"):
        buffer = io.BytesIO()
        mode = {"SPIDER": "F", "MSP": "1"}.get(kind, "RGB")
        Image.new(mode, (16, 16)).save(buffer, kind)
        results.append(buffer.getvalue())
    return results


def _written(write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()


TREE = {"a": [np.arange(6, dtype=np.float32).reshape(2, 3), (1, 2.5, None)], "b": {"c": "text"}}
TENSORS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.arange(3)}


def _parts() -> dict[str, Any]:
    net = nn.Linear(2, 2)
    return {"net": net, "adam": optim.Adam(net.parameters()), "sampler": BatchSampler(9, 3, 0)}


def _checkpoint() -> list[bytes]:
    extra = {"settings": {"lr": 0.1, "seed": 0}, "step": 5}
    return [_written(lambda path: save_checkpoint(path, _parts(), extra))]


def _run() -> list[bytes]:
    return [_written(lambda path: write_run_file(path, {"lr": 0.1}, {"size": 9}, "cpu", 0))]


def _log() -> list[bytes]:
    lines = [{"step": step, "loss_d": 0.5, "loss_g": 1.5, "seconds": 0.1} for step in range(5)]
    return ["".join(json.dumps(line) + "\n" for line in lines).encode()]


# Readers


LABELS = bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3])


def _read_picture(path: Path) -> object:
    return image_folder(path.parent, 8, 3), image_folder(path.parent, 8, 1)


def _read_log(path: Path) -> object:
    JsonLines(path, min(path.stat().st_size, 30))
    return read_json_lines(path)


def _picture(ending: str, sound, damage=mutations.any_bytes) -> Kind:
    return Kind(f"1.{ending}", sound, damage, _read_picture, (DataFormatError,))


COMPRESSIONS = ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")
GREYS = [("L", {}), ("P", {}), ("RGB", {}), ("RGBA", {}), ("I;16", {}), ("1", {})]
KINDS = {
    "idx": Kind("file", _idx, mutations.idx, read_idx, (DataFormatError,)),
    "mnist": Kind(
        "train-images-idx3-ubyte", _idx, mutations.idx,
        lambda path: mnist(root=path.parent, download=False), (DataFormatError,),
        ("train-labels-idx1-ubyte", LABELS),
    ),
    "png": _picture("png", _pictures("PNG", *GREYS, ("LA", {})), mutations.png),
    "bytes of png": _picture("png", _pictures("PNG", *GREYS)),
    "jpeg": _picture("jpg", _pictures("JPEG", ("RGB", {}), ("L", {}), ("CMYK", {}),
                                      ("RGB", dict(progressive=True))), mutations.jpeg),
    "tiff": _picture("tif", _pictures(
        "TIFF", *GREYS, ("F", {}), ("I", {}), ("CMYK", {}),
        *[("RGB", dict(compression=name)) for name in COMPRESSIONS],
    ), mutations.tiff),
    "bmp": _picture("bmp", _pictures("BMP", ("RGB", {}), ("P", {}), ("1", {}))),
    "gif": _picture("gif", _pictures("GIF", ("P", {}), ("P", dict(transparency=3)))),
    "webp": _picture("webp", _pictures("WEBP", ("RGB", {}), ("RGBA", dict(lossless=True)))),
    "ppm": _picture("ppm", _pictures("PPM", ("RGB", {}), ("L", {})), mutations.ppm),
    "foreign": _picture("png", _foreign),
    "save": Kind("file", lambda: [_written(lambda path: tinygan.save(TREE, path))],
                 mutations.archive, tinygan.load),
    "pt": Kind("file", lambda: [_written(lambda path: weights.save(TENSORS, path))],
               mutations.archive, weights.load),
    "safetensors": Kind("file", lambda: [_written(lambda path: weights.save_file(TENSORS, path))],
                        mutations.safetensors, weights.load_file),
    "checkpoint": Kind("checkpoint.npz", _checkpoint, mutations.archive,
                       lambda path: load_checkpoint(path, _parts(), {"lr": 0.1})),
    "run": Kind("run.json", _run, mutations.as_json,
                lambda path: write_run_file(path, {"lr": 0.1}, {"size": 9}, "cpu", 5)),
    "log": Kind("log.jsonl", _log, mutations.json_lines, _read_log),
}  # fmt: skip


# Watching


class Watch:
    """What a reader does beside reading, while it is on."""

    FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork",
                 "pickle.find_class", "socket.connect", "os.rename", "os.remove")  # fmt: skip

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.on = False
        sys.addaudithook(self._hear)
        from PIL import Image

        Image.init()
        for name in set(Image.OPEN) - set(FORMATS):
            Image.OPEN[name] = (self._opener(name), None)

    def _hear(self, event: str, arguments: tuple) -> None:
        if not self.on:
            return
        if event == "open" and isinstance(arguments[1], str) and set("wax+") & set(arguments[1]):
            self.seen.append(f"writes {arguments[0]}")
        if event in self.FORBIDDEN:
            self.seen.append(f"{event} {arguments}"[:200])

    def _opener(self, name: str) -> Callable:
        def open_it(file, filename):
            self.seen.append(f"tries the format {name}")
            raise SyntaxError

        return open_it


def _causes(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def answer(kind: Kind, path: Path, watch: Watch, writes: bool) -> str:
    """"read", "refused", or what is wrong."""
    start, result = time.monotonic(), "read"
    watch.seen.clear()
    watch.on = not writes
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.read(path)
    except Wait:
        return "waits"
    except Exception as error:
        result = "refused"
        if not isinstance(error, kind.errors):
            result = f"raises {type(error).__name__}: {error}"
        elif str(path) not in str(error):
            result = f"does not name the file: {error}"
        elif any(isinstance(cause, MemoryError) for cause in _causes(error)):
            result = f"takes too much memory: {error}"
    finally:
        signal.alarm(0)
        watch.on = False
    if time.monotonic() - start > SECONDS:
        result = "waits"
    return f"{result}; {watch.seen[0]}" if watch.seen else result


def _wait(*_: object) -> None:
    raise Wait


def _limit_memory() -> None:
    if not os.path.exists("/proc/self/statm"):
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def work(options: argparse.Namespace) -> None:
    """Tries inputs and prints a line of JSON before and after each."""
    sounds = {name: KINDS[name].sound() for name in options.kinds}
    mutations.zeros("raw"), mutations.zeros("zlib")
    watch = Watch()
    signal.signal(signal.SIGALRM, _wait)
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        for name in options.kinds:  # what is imported and compiled at the first time
            for sound in sounds[name]:
                kind = KINDS[name]
                path = Path(folder) / "sound" / kind.name
                path.parent.mkdir(exist_ok=True)
                _put(path, kind, sound)
                if name != "foreign":
                    kind.read(path)
                path.unlink()
        _limit_memory()
        for number in range(options.first, options.first + options.inputs):
            if time.monotonic() > end:
                break
            name = options.kinds[number % len(options.kinds)]
            kind, random = KINDS[name], Random(f"{options.seed}/{number}")
            print(json.dumps({"number": number, "kind": name}), flush=True)
            place = Path(folder) / str(number)
            place.mkdir()
            content = kind.damage(random, random.choice(sounds[name]))
            _put(place / kind.name, kind, content)
            if options.keep:
                (options.keep / f"{name}-{number}-{kind.name}").write_bytes(content)
            result = answer(kind, place / kind.name, watch, writes=name in ("run", "log"))
            print(json.dumps({"result": result.replace(str(place), "")}), flush=True)
            for path in place.iterdir():
                path.unlink()
            place.rmdir()


def _put(path: Path, kind: Kind, content: bytes) -> None:
    path.write_bytes(content)
    if kind.beside is not None:
        (path.parent / kind.beside[0]).write_bytes(kind.beside[1])


# The command


def supervise(options: argparse.Namespace) -> dict[str, Counter]:
    """The results by kind; a worker that dies is replaced behind the input that it died of."""
    results: dict[str, Counter] = {name: Counter() for name in options.kinds}
    first, last = options.first, options.first + options.inputs
    end = time.monotonic() + options.seconds
    while first < last and time.monotonic() < end:
        command = [sys.executable, __file__, "--worker", "--seed", str(options.seed), "--first",
                   str(first), "--inputs", str(last - first), "--seconds",
                   str(end - time.monotonic()), "--kinds", *options.kinds]  # fmt: skip
        command += ["--keep", str(options.keep)] if options.keep else []
        began = None
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if (
                options.quiet) else None, text=True) as worker:  # fmt: skip
            assert worker.stdout is not None
            for line in worker.stdout:
                entry = json.loads(line)
                if "number" in entry:
                    began = entry
                elif began is not None:
                    _note(results, began, entry["result"])
                    first, began = began["number"] + 1, None
        if worker.returncode == 0:
            break
        if began is None:
            raise SystemExit(f"the worker ended with {worker.returncode} before its first input")
        _note(results, began, f"ends the process ({worker.returncode})")
        first = began["number"] + 1
    return results


def _note(results: dict[str, Counter], began: dict[str, Any], result: str) -> None:
    counter = results[began["kind"]]
    counter[result if result in ("read", "refused") else "wrong"] += 1
    if result not in ("read", "refused"):
        text = f"{began['kind']} {began['number']}: {result}"
        print(text.encode("ascii", "backslashreplace").decode()[:400], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND",
                        help=", ".join(KINDS))  # fmt: skip
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first input")
    parser.add_argument("--keep", type=Path, help="a folder for the damaged files")
    parser.add_argument("--quiet", action="store_true", help="without what C libraries print")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options)
        return
    results = supervise(options)
    print(f"{'kind':14}{'inputs':>9}{'read':>9}{'refused':>9}{'wrong':>9}")
    for name, counter in results.items():
        row = counter.total(), counter["read"], counter["refused"], counter["wrong"]
        print(f"{name:14}" + "".join(f"{number:>9}" for number in row))
    wrong = sum(counter["wrong"] for counter in results.values())
    print(f"{sum(counter.total() for counter in results.values())} inputs, {wrong} wrong")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
