"""The processes of `fuzz.py`: blocks of inputs are handed out, and counted when they are done."""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

BLOCK = 1000
LOOK = 0.2  # seconds between two looks at the processes
STUCK = 90  # seconds after which a process that tries the same input is ended
SHOW = 60  # seconds between two lines of progress


class Tally:
    """Which inputs are tried and what came out, in memory and in a file."""

    def __init__(self, options: argparse.Namespace):
        self.options, self.lock, self.began = options, threading.Lock(), time.monotonic()
        self.end = self.began + options.seconds
        self.busy: list[tuple[int, int]] = []
        self.state: dict = {
            "seed": options.seed, "kinds": options.kinds, "next": options.first, "open": [],
            "counts": {name: [0, 0, 0, 0] for name in options.kinds}, "wrong": [], "seconds": 0.0,
        }  # fmt: skip
        if options.counts is not None and options.counts.exists():
            saved = json.loads(options.counts.read_text())
            if any(saved[name] != self.state[name] for name in ("seed", "kinds")):
                raise SystemExit(f"{options.counts} is of another seed or of other kinds")
            self.state = saved
        self.seconds_before = self.state["seconds"]

    def take(self) -> tuple[int, int] | None:
        """The next block of inputs; None at the end."""
        with self.lock:
            if time.monotonic() > self.end:
                return None
            if self.state["open"]:
                block = tuple(self.state["open"].pop(0))
            else:
                first, last = self.state["next"], self.options.first + self.options.inputs
                size = min(BLOCK, -(-self.options.inputs // self.options.processes))
                block = (first, min(first + size, last))
                if block[0] >= block[1]:
                    return None
                self.state["next"] = block[1]
            self.busy.append(block)
            return block

    def done(self, block: tuple[int, int], counts: dict[str, list[int]], wrong: list[str]) -> None:
        with self.lock:
            self.busy.remove(block)
            for name, numbers in counts.items():
                old = self.state["counts"][name]
                self.state["counts"][name] = [a + b for a, b in zip(old, numbers, strict=True)]
            for line in wrong:
                text = line.encode("ascii", "backslashreplace").decode()[:400]
                self.state["wrong"].append(text)
                print(text, flush=True)

    def died(self, block: tuple[int, int], number: int, kind: str, status: int) -> None:
        """A process has died of an input: the others of its block are tried again."""
        counts = {kind: [0, 0, 0, 1]}
        self.done(block, counts, [f"{kind} {number}: ends the process ({status})"])
        with self.lock:
            parts = [(block[0], number), (number + 1, block[1])]
            self.state["open"] += [part for part in parts if part[0] < part[1]]

    def save(self) -> None:
        if self.options.counts is None:
            return
        with self.lock:
            self.state["seconds"] = self.seconds_before + time.monotonic() - self.began
            state = {**self.state, "open": [*self.state["open"], *self.busy]}
            text = json.dumps(state, indent=1)
        other = self.options.counts.with_suffix(".tmp")
        other.write_text(text)
        other.replace(self.options.counts)

    def line(self) -> str:
        numbers = [sum(column) for column in zip(*self.state["counts"].values(), strict=True)]
        rate = sum(numbers) / max(self.seconds_before + time.monotonic() - self.began, 1)
        read, first, later, wrong = numbers
        return (f"{sum(numbers)} inputs: {read} read, {first} refused at first, {later} later, "
                f"{wrong} wrong; {rate:.0f} a second")  # fmt: skip


class Process(threading.Thread):
    """One worker after another, each until it dies."""

    def __init__(self, tally: Tally, folder: Path):
        super().__init__(daemon=True)
        self.tally, self.memo = tally, folder / f"memo{id(self)}"
        self.worker: subprocess.Popen | None = None
        self.problem = ""
        self._seen, self._looks = -1, 0

    def _start(self) -> subprocess.Popen:
        self.memo.write_bytes(struct.pack("<q", -1))
        options = self.tally.options
        command = [sys.executable, str(Path(__file__).with_name("fuzz.py")), "--worker",
                   str(self.memo), "--seed", str(options.seed), "--kinds", *options.kinds]
        command += ["--keep", str(options.keep)] if options.keep else []
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            stderr=subprocess.DEVNULL if options.quiet else None, start_new_session=True,
            env={**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def _number(self) -> int:
        (number,) = struct.unpack("<q", self.memo.read_bytes())
        return number

    def run(self) -> None:
        from fuzz import schedule

        order = schedule(self.tally.options.kinds)
        while (block := self.tally.take()) is not None:
            self.worker = self.worker or self._start()
            line = self._ask(self.worker, block)
            if line:
                result = json.loads(line)
                self.tally.done(block, result["counts"], result["wrong"])
                continue
            status, number = self.worker.wait(), self._number()
            self.worker = None
            if not block[0] <= number < block[1]:
                self.problem = f"a worker ended with {status} before its first input"
                return
            self.tally.died(block, number, order[number % len(order)], status)
        if self.worker is not None and self.worker.stdin is not None:
            self.worker.stdin.close()
            self.worker.wait()

    @staticmethod
    def _ask(worker: subprocess.Popen, block: tuple[int, int]) -> str:
        assert worker.stdin is not None and worker.stdout is not None
        try:
            worker.stdin.write(f"{block[0]} {block[1]}\n")
            worker.stdin.flush()
        except BrokenPipeError:
            return ""
        return worker.stdout.readline()

    def watch(self) -> None:
        """Ends a worker that tries the same input for too long: a loop in C hears no alarm.

        Time in which all of this was halted does not count, so looks are counted.
        """
        if self.worker is None or not self.memo.exists():
            return
        number = self._number()
        self._looks = self._looks + 1 if number == self._seen and number >= 0 else 0
        self._seen = number
        if self._looks * LOOK > STUCK:
            self.worker.kill()


def supervise(options: argparse.Namespace) -> dict[str, list[int]]:
    """The results by kind; a worker that dies is replaced behind the input that it died of."""
    tally = Tally(options)
    with tempfile.TemporaryDirectory() as folder:
        processes = [Process(tally, Path(folder)) for _ in range(options.processes)]
        for process in processes:
            process.start()
        shown = saved = time.monotonic()
        try:
            while any(process.is_alive() for process in processes):
                processes[0].join(LOOK)
                for process in processes:
                    process.watch()
                if time.monotonic() - saved > 5:
                    saved = time.monotonic()
                    tally.save()
                if time.monotonic() - shown > SHOW:
                    shown = time.monotonic()
                    print(tally.line(), file=sys.stderr, flush=True)
        finally:
            tally.save()
            for process in processes:
                if process.worker is not None:
                    process.worker.kill()
    for process in processes:
        if process.problem:
            raise SystemExit(process.problem)
    return tally.state["counts"]
