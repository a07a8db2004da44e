"""Damaged files for everything that reads files, until one is answered otherwise than documented.

    python tests/fuzz.py --inputs 20000                    all kinds, each by its share
    python tests/fuzz.py --kinds png idx --seconds 600     no longer than that
    python tests/fuzz.py --first 1234 --inputs 1 --keep .  one of them again, and its file
    python tests/fuzz.py --inputs 10000000 --processes 2 --counts counts.json
                                                           goes on where it was stopped

Each input is a sound file that `fuzz_mutations` or `fuzz_archives` has damaged; `fuzz_kinds` lists
them. Allowed is that it is read, or refused by the error that its reader documents, with the name
of the file. Not allowed is any other error, more memory than 500 MB (of pictures, above what the
pixels of the largest one need), a long wait (twice), a crash, another program that is started, a
file that is written, and a format of pictures that is not listed. A checkpoint changes everything
or nothing, and what lies beside a sound one does not stop it. The same seed and kinds give the same
inputs.

"first" counts the inputs that were refused by the first check, as of a magic number or a checksum;
"later" those that came further.
"""

from __future__ import annotations

import argparse
import gc
import io  # noqa: F401  (tests/test_fuzz.py)
import json
import mmap
import os
import re
import shutil
import signal
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from fuzz_kinds import KINDS, Kind, _foreign  # noqa: F401

from tinygan.data.pictures import FORMATS

SECONDS = 30
RESULTS = ("read", "first", "later", "wrong")


class Wait(BaseException):
    """It takes too long; no reader catches it."""


class Watch:
    """What a reader does beside reading, while it is on."""

    FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork",
                 "pickle.find_class", "socket.connect")  # fmt: skip
    CHANGES = ("os.rename", "os.remove")
    WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.on = self.writes = False
        sys.addaudithook(self._hear)
        from PIL import Image

        Image.init()
        for name in set(Image.OPEN) - set(FORMATS):
            Image.OPEN[name] = (self._opener(name), None)

    def _hear(self, event: str, arguments: tuple) -> None:
        if not self.on:
            return
        if event in self.FORBIDDEN or (event in self.CHANGES and not self.writes):
            self.seen.append(f"{event} {arguments}"[:200])
        elif event == "open" and not self.writes and arguments[2] & self.WRITING:
            self.seen.append(f"writes {arguments[0]}")

    def _opener(self, name: str) -> Callable:
        def open_it(file, filename):
            self.seen.append(f"tries the format {name}")
            raise SyntaxError

        return open_it


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    found: set[int] = set()
    while error is not None and id(error) not in found:
        found.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def answer(kind: Kind, path: Path, watch: Watch) -> str:
    """"read", "first" or "later" for a refusal, or what is wrong."""
    start, result = time.monotonic(), "read"
    watch.seen.clear()
    watch.on, watch.writes = True, kind.writes
    signal.alarm(SECONDS)
    try:
        kind.read(path)
    except Wait:
        return "waits"
    except BaseException as error:  # a panic of a library in Rust is no Exception
        text = str(error)
        result = "first" if re.search(kind.first, text) else "later"
        if not isinstance(error, kind.errors):
            result = f"raises {type(error).__name__}: {text}"
        elif str(path) not in text:
            result = f"does not name the file: {text}"
        elif any(isinstance(cause, MemoryError) for cause in _causes(error)):
            result = f"takes too much memory: {text}"
    finally:
        signal.alarm(0)
        watch.on = False
    if time.monotonic() - start > SECONDS:
        result = "waits"
    return f"{result}; {watch.seen[0]}" if watch.seen else result


def _wait(*_: object) -> None:
    raise Wait


# A worker


class Limit:
    """How much memory there is beside that which is taken now."""

    def __init__(self) -> None:
        self.base, self.now = 0, 0
        if os.path.exists("/proc/self/statm"):
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            self.base = pages * os.sysconf("SC_PAGE_SIZE")

    def set(self, memory: int) -> None:
        if self.base and memory != self.now:
            import resource

            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (self.base + memory, hard))
            self.now = memory


def schedule(kinds: list[str]) -> list[str]:
    """The kinds of the inputs, again and again: each as often as its share says."""
    names = [name for name in kinds for _ in range(KINDS[name].share)]
    Random(0).shuffle(names)
    return names


class Worker:
    """Tries inputs of blocks that are asked for on stdin, and writes a line of JSON for each block.

    The number of the input that is tried stands in a file, for the case that the process dies.
    """

    def __init__(self, options: argparse.Namespace, folder: Path):
        self.options, self.order = options, schedule(options.kinds)
        self.random, self.watch = Random(), Watch()
        self.sounds = {name: KINDS[name].sound() for name in options.kinds}
        self.places = {name: folder / str(number) for number, name in enumerate(options.kinds)}
        self.paths = {name: place / KINDS[name].name for name, place in self.places.items()}
        for name, place in self.places.items():
            place.mkdir()
            if KINDS[name].beside is not None:
                (place / KINDS[name].beside[0]).write_bytes(KINDS[name].beside[1])
            for sound in self.sounds[name]:  # what is imported and compiled at the first time
                self._put(name, sound)
                if name != "foreign":
                    KINDS[name].read(self.paths[name])
                self._clean(name)
        gc.collect()
        gc.freeze()
        self.limit = Limit()

    def _put(self, name: str, content: bytes) -> Path:
        path = self.paths[name]
        file = os.open(path, os.O_WRONLY | os.O_CREAT)  # this way it takes the least time
        os.write(file, content)
        os.ftruncate(file, len(content))
        os.close(file)
        return path

    def _clean(self, name: str) -> list[str]:
        """Removes what was written; returns what should not have been left."""
        if not KINDS[name].writes:
            return []
        left = os.listdir(self.places[name])
        for file in left:
            path = self.places[name] / file
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return [file for file in left if file.endswith(".tmp")]

    def content(self, number: int) -> tuple[str, bytes]:
        """The kind and the bytes of an input."""
        self.random.seed(self.options.seed << 48 | number)
        name = self.order[number % len(self.order)]
        return name, KINDS[name].damage(self.random, self.random.choice(self.sounds[name]))

    def block(self, first: int, last: int, memo: mmap.mmap) -> dict:
        counts: dict[str, list[int]] = {name: [0] * len(RESULTS) for name in self.options.kinds}
        wrong = []
        for number in range(first, last):
            struct.pack_into("<q", memo, 0, number)
            self.limit.set(2**40)  # damage may take more than reading
            name, content = self.content(number)
            path = self._put(name, content)
            if self.options.keep:
                (self.options.keep / f"{name}-{number}-{path.name}").write_bytes(content)
            self.limit.set(KINDS[name].memory)
            result = answer(KINDS[name], path, self.watch)
            if result == "waits":  # or it was halted from outside
                result = answer(KINDS[name], self._put(name, content), self.watch)
            left = self._clean(name)
            result = f"{result}; leaves {left[0]}" if left else result
            if result not in RESULTS:
                wrong.append(f"{name} {number}: {result.replace(str(path.parent), '')}")
                result = "wrong"
            counts[name][RESULTS.index(result)] += 1
        return {"counts": counts, "wrong": wrong}


def work(options: argparse.Namespace) -> None:
    signal.signal(signal.SIGALRM, _wait)
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder,
        warnings.catch_warnings(),
        open(options.worker, "r+b") as file,
        mmap.mmap(file.fileno(), 8) as memo,
    ):
        warnings.simplefilter("ignore")
        worker = Worker(options, Path(folder))
        for line in sys.stdin:
            first, last = map(int, line.split())
            print(json.dumps(worker.block(first, last, memo)), flush=True)


def main() -> None:
    from fuzz_processes import supervise

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND",
                        help=", ".join(KINDS))  # fmt: skip
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first input")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--counts", type=Path, help="a file for the results, to go on from")
    parser.add_argument("--keep", type=Path, help="a folder for the damaged files")
    parser.add_argument("--quiet", action="store_true", help="without what C libraries print")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options)
        return
    results = supervise(options)
    print(f"{'kind':14}{'inputs':>10}" + "".join(f"{result:>10}" for result in RESULTS))
    for name, counts in results.items():
        print(f"{name:14}" + "".join(f"{number:>10}" for number in (sum(counts), *counts)))
    totals = [sum(column) for column in zip(*results.values(), strict=True)]
    print(f"{'all':14}" + "".join(f"{number:>10}" for number in (sum(totals), *totals)))
    print(f"{sum(totals)} inputs, {totals[3]} wrong")
    raise SystemExit(1 if totals[3] else 0)


if __name__ == "__main__":
    main()
