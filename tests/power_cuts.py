"""Power cuts at random moments of a run: its last checkpoint must be there, and the same bits.

    python tests/power_cuts.py --cuts 200                the proof at full size
    python tests/power_cuts.py --first 17 --cuts 1       one of them again

A library that is loaded before others writes down what a run does to its files. From that, for a
random moment, follows what a disk may hold after a power cut there:

- of a file, what was written since its last fsync is there, or not, or a part of it, or the file
  has another length, or blocks of it hold zeros or what they held before;
- of a folder, the names that were made, replaced or removed since the last fsync of the folder are
  as before, or as after some of these calls: the first ones, or any of them. So a file may have its
  name before its content, and a new folder may be gone, with all that was forced to disk in it.

Half of the moments come soon after a new name. The state is written to a folder. The checkpoint in
it must be the last one of which `save` had come to an end, or a later one. The run is resumed, half
the time is cut again in the same manner, and then must end with the files of a run that was never
cut. For Linux with a C compiler.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import short_runs
from short_runs import expected_content, in_a_fork, problems_of, restart_with, train, warm_up

import tinygan
from tinygan.training import claim

BLOCK = 512


class Call(NamedTuple):
    """A line of the journal."""

    name: str
    first: int
    second: int
    path: str
    other: str
    data: bytes


def read_journal(path: Path) -> Iterator[Call]:
    with open(path, "rb") as file:
        while line := file.readline():
            name, first, second, where, other = line.decode()[:-1].split("\t")
            data = file.read(int(second)) if name == "write" else b""
            yield Call(name, int(first), int(second), where, other, data)


class File:
    """What of a file is on the disk for sure, and what was done to it since."""

    def __init__(self, content: bytes = b""):
        self.synced, self.calls = content, []  # type: bytes, list[Call]

    def content(self, count: int | None = None) -> bytes:
        """After the first `count` calls."""
        content = bytearray(self.synced)
        for call in self.calls[:count]:
            if call.name == "truncate":
                content[call.first :] = bytes(max(0, call.first - len(content)))
            else:
                content += bytes(max(0, call.first - len(content)))
                content[call.first : call.first + len(call.data)] = call.data
        return bytes(content)

    def after_a_cut(self, rng: random.Random) -> bytes:
        old, new = self.synced, self.content()
        kind = rng.choice(["old", "new", "a part", "cut", "blocks"])
        if not self.calls or kind == "new":
            return new
        if kind == "old":
            return old
        if kind == "a part":
            return self.content(rng.randrange(len(self.calls) + 1))
        # What lies below every cut and every write is safe.
        safe = min([len(old), *(call.first for call in self.calls)])
        length = rng.choice([len(new), rng.randint(safe, max(len(old), len(new)))])
        if kind == "cut":
            return new[: max(safe, min(length, len(new)))]
        found = bytearray(old[:safe])
        while len(found) < length:
            start = len(found)
            stop = min(length, start - start % BLOCK + BLOCK)
            source = rng.choice([old, new, b""])
            found += source[start:stop].ljust(stop - start, b"\0")
        return bytes(found)


class Disk:
    """The names below a folder: of folders (None) and files."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.names: dict[str, File | None] = {}
        for path in sorted(folder.rglob("*")):
            self.names[str(path)] = None if path.is_dir() else File(path.read_bytes())
        self.synced = dict(self.names)
        self.calls: list[tuple[Call, File | None]] = []  # on names, since the fsync of the folder

    def do(self, call: Call) -> None:
        if call.name in ("write", "truncate"):
            file = self.names.get(call.path)
            if file is not None:  # else it has no name any more
                file.calls.append(call)
        elif call.name == "fsync":
            file = self.names.get(call.path)
            if file is not None:
                file.synced, file.calls = file.content(), []
            else:
                here = [c for c in self.calls if os.path.dirname(c[0].path) == call.path]
                self.calls = [c for c in self.calls if c not in here]
                for done in here:
                    self._apply(self.synced, *done)
        elif call.name != "mark":
            file = File() if call.name == "create" else self.names.get(call.path)
            self.calls.append((call, file))
            self._apply(self.names, call, file)

    @staticmethod
    def _apply(names: dict[str, File | None], call: Call, file: File | None) -> None:
        if call.name in ("unlink", "rename"):
            names.pop(call.path, None)
        if call.name != "unlink":
            names[call.other or call.path] = file

    def write_after_a_cut(self, rng: random.Random) -> None:
        """Fills the folder with what may be on the disk."""
        names, count = dict(self.synced), rng.randint(0, len(self.calls))
        in_order = rng.random() < 0.5
        for number, call in enumerate(self.calls):
            if number < count if in_order else rng.random() < 0.5:
                self._apply(names, *call)
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        for name in sorted(names):
            file, path = names[name], Path(name)
            if path.parent.exists():
                path.mkdir() if file is None else path.write_bytes(file.after_a_cut(rng))

    def write(self) -> dict[str, bytes]:
        """What the files hold while there is power."""
        return {name: file.content() for name, file in self.names.items() if file is not None}


class Recorder:
    """Runs whose calls are written down."""

    def __init__(self, place: Path, options: argparse.Namespace):
        self.journaling = ctypes.CDLL(None)
        self.path, self.options = place / "journal", options

    def run(self, folder: Path) -> tuple[int, str, list[Call]]:
        """Begins or resumes the run in `folder` and trains it to its end: status, traceback, calls.
        """
        self.path.unlink(missing_ok=True)

        def work():
            (ctypes.c_char * 4096).in_dll(self.journaling, "folder").value = f"{folder}/".encode()
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            ctypes.c_int.in_dll(self.journaling, "journal").value = descriptor
            train(folder / "run", self.options, self.mark_saves)

        status, said = in_a_fork(work)
        return status, said, list(read_journal(self.path))

    def mark_saves(self, run) -> None:
        save = run.save

        def marked():
            save()
            self.journaling.mark(str(run.step).encode())

        run.save = marked


def step_of(out: Path) -> int:
    """Of the checkpoint; 0 without one."""
    path = out / "checkpoint.npz"
    return tinygan.load(path)["extra"]["step"] if path.exists() else 0


def cut(before: Disk, calls: list[Call], rng: random.Random) -> tuple[int, list[str]]:
    """The state after a power cut at a random moment is written: the moment, and what is wrong."""
    moment = rng.randint(0, len(calls))
    if rng.random() < 0.5:  # soon after a new name, where most can go wrong
        renames = [at for at, call in enumerate(calls, 1) if call.name in ("rename", "mkdir")]
        moment = min(len(calls), rng.choice(renames) + rng.randint(0, 2))
    for call in calls[:moment]:
        before.do(call)
    promised = max([int(c.path) for c in calls[:moment] if c.name == "mark"], default=0)
    before.write_after_a_cut(rng)
    try:
        step = step_of(before.folder / "run")
    except ValueError as error:
        return moment, [f"the checkpoint is damaged: {error}"]
    lost = f"the checkpoint is of step {step}, but that of step {promised} had been saved"
    return moment, [lost] if step < promised else []


def campaign(options: argparse.Namespace) -> int:
    """How many cuts went wrong, each of which is printed."""
    place = Path(tempfile.mkdtemp(dir=options.scratch))
    claim.PAUSE = 0.001  # a lock without a name is waited for
    warm_up(place, options)
    expected = expected_content(place, options)
    recorder, folder = Recorder(place, options), place / "disk"
    folder.mkdir()
    status, said, calls = recorder.run(folder)
    assert status == 0, said
    whole = Disk(folder)
    replayed, whole.names = whole.write(), {}
    for call in calls:
        whole.do(call)
    assert whole.write() == replayed, "the journal is not all that was done"
    wrong, moments = 0, 0
    for number in range(options.first, options.first + options.cuts):
        rng, problems = random.Random(number), []
        shutil.rmtree(folder)
        folder.mkdir()
        moment, problems = cut(Disk(folder), calls, rng)
        moments += 1
        where = [f"call {moment}"]
        if not problems and rng.random() < 0.5:
            disk = Disk(folder)
            status, said, more = recorder.run(folder)
            if status:
                problems = [f"it could not be resumed, with status {status}\n{said}"]
            else:
                moment, problems = cut(disk, more, rng)
                moments += 1
                where.append(f"call {moment} of the resumed run")
        if not problems:
            out = folder / "run"
            problems = problems_of(out, expected, *in_a_fork(lambda out=out: train(out, options)))
        if problems:
            wrong += 1
            print(f"cut {number}, at {', then '.join(where)}: {'; '.join(problems)}", flush=True)
    shutil.rmtree(place)
    print(f"{len(calls)} calls, {options.cuts} runs with {moments} power cuts, {wrong} wrong")
    return wrong


def main() -> None:
    parser = short_runs.parser(__doc__)
    for name, value in (("cuts", 200), ("first", 0)):
        parser.add_argument(f"--{name}", type=int, default=value, help="default %(default)s")
    options = parser.parse_args()
    restart_with("power_cuts.c")
    sys.exit(min(1, campaign(options)))


if __name__ == "__main__":
    main()
