"""Runs public PyTorch programs, unedited, with PyTorch and with tinygan: same numbers, what time?

    git clone --depth 1 https://github.com/eriklindernoren/PyTorch-GAN   clones/PyTorch-GAN
    git clone --depth 1 https://github.com/pytorch/examples              clones/examples
    git clone --depth 1 https://github.com/yunjey/pytorch-tutorial       clones/pytorch-tutorial
    git clone --depth 1 https://github.com/jcjohnson/pytorch-examples    clones/pytorch-examples
    git clone --depth 1 https://github.com/pytorch/tutorials             clones/tutorials

    python examples/compare_programs.py clones                 are the numbers the same?
    python examples/compare_programs.py clones --only dcgan    of the programs with this in the name
    python examples/compare_programs.py clones --time          how long does a step take?
    ... --json docs/results/programs.json --write docs/programs.md

Each program runs as a copy in a folder of its own, in a process of its own (programs_worker.py),
with its defaults and stand-ins for the data that it would download (programs_data.py). A **round**
lies between two steps of the optimizer that stepped first.

For the numbers all random draws of both processes come from the same NumPy streams, and what is
printed is compared: two numbers are the same when they differ by at most one unit of the last digit
shown. Training amplifies the rounding of float32, so the first rounds are compared, and where the
numbers part, PyTorch runs once more with the last bit of half of the drawn numbers changed, and
parts from itself. Numbers are also the same when tinygan's differ from PyTorch's by no more than
ten times the most by which PyTorch's own differ at the same place of any round.

For the time the programs run as they stand, with their own random numbers, and with no processes of
DataLoader's. Both libraries take turns. Run nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import command_line
import programs_data
from programs_list import PROGRAMS, Program
from programs_numbers import agreement
from programs_table import MARKERS, as_line, as_markdown

import tinygan
from tinygan.files import atomic_write
from tinygan.kernels.bench.documents import replace_between_markers
from tinygan.kernels.bench.table import computer_line

WORKER = Path(__file__).resolve().with_name("programs_worker.py")
PACKAGE = str(Path(tinygan.__file__).parents[1])
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PATIENCE = 600  # seconds until a program is said to hang
SETTLE_SECONDS = 0.3  # threads of OpenMP spin for up to 0.2 s after work, then sleep

Row = dict[str, Any]


class Workplace:
    """A folder with a copy of a program for each library, beside the data."""

    def __init__(self, clones: Path, folder: Path):
        self.clones, self.folder = clones, folder
        self.data = folder / "data"
        programs_data.make(self.data)

    def script(self, program: Program, library: str) -> Path:
        """A new copy of the program and of what lies beside it, with the data in their place."""
        source = (self.clones / program.name).parent
        target = self.folder / library / Path(program.name).parent
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.gif", "data"))
        data = Path(os.path.normpath(target / program.data))
        data.parent.mkdir(parents=True, exist_ok=True)
        if not data.is_symlink():
            data.symlink_to(self.data / program.part)
        return target / Path(program.path).name


class Running:
    """A program's process."""

    def __init__(self, place: Workplace, program: Program, library: str, mode: str, **settings):
        threads = settings["threads"]
        name = f"{library}-nudged" if settings.get("nudged") else library
        script = place.script(program, name)
        smaller = program.smaller if mode == "compare" else ""
        self.log = script.parent / "output.txt"
        self._errors = (script.parent / "errors.txt").open("w")
        self._process = subprocess.Popen(
            [sys.executable, WORKER, library, mode, json.dumps({**settings, "log": str(self.log)}),
             script.name, *shlex.split(f"{program.arguments} {smaller}")],
            cwd=script.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=self._errors,
            env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)),
                 "PYTHONPATH": os.pathsep.join([PACKAGE, os.environ.get("PYTHONPATH", "")])},
        )  # fmt: skip

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def ask(self, more: bool = True) -> None:
        """One more block of rounds; or the end."""
        assert self._process.stdin is not None
        self._process.stdin.write("more\n" if more else "\n")
        self._process.stdin.flush()

    def answer(self) -> Row:
        """The next line of the process."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"ended": True, "problem": "the process died"}

    def end(self) -> Row:
        """What the process says when it has run."""
        try:
            text, _ = self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return {"problem": f"does not end within {PATIENCE} s", "rounds": 0}
        if not text:
            return {"problem": f"died ({self._process.returncode})", "rounds": 0}
        return json.loads(text.splitlines()[-1])


def compare(place: Workplace, program: Program, threads: int, most: int | None = None) -> Row:
    """Whether the program runs with both libraries and prints the same numbers."""

    def printed(library: str, rounds: int, **others: Any) -> tuple[Row, str]:
        settings = {"rounds": rounds, "seconds": program.seconds, "threads": threads, **others}
        with Running(place, program, library, "compare", **settings) as running:
            report = running.end()
        return report, running.log.read_text("utf-8") if running.log.exists() else ""

    theirs, their_text = printed("torch", most or program.rounds)
    row: Row = {"torch_problem": theirs["problem"], "rounds": theirs["rounds"]}
    # What ended by itself is to end by itself again: it may print after its last round.
    rounds = theirs["rounds"] + (not theirs.get("cut"))
    ours, our_text = printed("tinygan", rounds, seconds=PATIENCE)
    row |= {"problem": ours["problem"], "our_rounds": ours["rounds"]}
    if theirs["problem"] or ours["problem"]:
        return row
    row |= agreement(their_text, our_text)
    if row["differing"]:
        _, text = printed("torch", rounds, seconds=PATIENCE, nudged=True)
        row |= agreement(their_text, our_text, text)
    return row


def measure(place: Workplace, program: Program, options: argparse.Namespace) -> Row:
    """Seconds of a round in both libraries; of the whole program where that ends too soon."""
    settings = {"seconds": options.seconds, "threads": options.threads}
    with (
        Running(place, program, "torch", "time", **settings) as theirs,
        Running(place, program, "tinygan", "time", **settings) as ours,
    ):
        runs = {"torch": theirs, "tinygan": ours}
        answers = [run.answer() for run in runs.values()]
        if any(answer.get("problem") for answer in answers):
            return {}
        if all(answer.get("ready") for answer in answers):
            seconds = _rounds(runs, options.blocks)
            if seconds:
                return _medians(seconds, "step")
    seconds = {"torch": [], "tinygan": []}
    for _ in range(min(options.blocks, 3)):
        for library, measured in seconds.items():
            time.sleep(SETTLE_SECONDS)
            with Running(place, program, library, "whole", **settings) as running:
                measured.append(running.end()["seconds"])
    return _medians(seconds, "program")


def _rounds(runs: dict[str, Running], blocks: int) -> dict[str, list[float]]:
    """Seconds of a round in each block, in turns; nothing where a program ends before."""
    seconds: dict[str, list[float]] = {library: [] for library in runs}
    for _ in range(blocks):
        for library, running in runs.items():
            time.sleep(SETTLE_SECONDS)
            running.ask()
            answer = running.answer()
            if answer.get("ended"):
                return {}
            seconds[library].append(answer["seconds"] / answer["rounds"])
    return seconds


def _medians(seconds: dict[str, list[float]], unit: str) -> Row:
    return {f"{library}_seconds": statistics.median(measured)
            for library, measured in seconds.items()} | {"unit": unit}  # fmt: skip


def read_rows(file: Path | None) -> dict[str, Row]:
    """What was found before, by the names of the programs.

    Raises:
        ValueError: the file holds something else.
    """
    if file is None or not file.exists():
        return {}
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return {row["name"]: row for row in document["rows"]}
    except (ValueError, TypeError, KeyError) as problem:
        raise ValueError(f"it is damaged ({problem}); move it away") from problem


def arguments() -> argparse.Namespace:
    parser, whole = command_line.Parser(__doc__), command_line.positive
    add = parser.add_argument
    add("clones", type=Path, help="the folder with the cloned repositories")
    add("--only", nargs="+", default=[""], metavar="TEXT", help="programs with this in the name")
    add("--time", action="store_true", help="measure times, compare nothing")
    add("--rounds", type=whole, help="that are compared at most (20 of most programs)")
    add("--threads", type=command_line.cores, default=tinygan.get_num_threads(),
        help="of each (%(default)s)")  # fmt: skip
    add("--blocks", type=whole, default=5, help="turns of each library with --time (%(default)s)")
    add("--seconds", type=command_line.number(0.01), default=0.5,
        help="of a turn, at least (%(default)s)")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="keep the results here, beside those of before")
    add("--write", type=Path, metavar="FILE", help=f"put the table between {' and '.join(MARKERS)}")
    add("--work", type=Path, metavar="FOLDER",
        help="keep data, copies and outputs here (else in a folder that is removed)")  # fmt: skip
    options = parser.parse_args()
    if not options.clones.is_dir():
        parser.error(f"{options.clones} is no folder")
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("torchvision") is None:
        parser.error("needs PyTorch and torchvision: pip install torch torchvision")
    if options.json:
        command_line.check_file("--json", options.json)
    if options.work:
        command_line.check_writable("--work", options.work)
    if options.write:
        command_line.check_pages("--write", [options.write], MARKERS)
    return options


def main() -> None:
    options = arguments()
    chosen = [program for program in PROGRAMS if any(text in program.name for text in options.only)
              and (options.clones / program.name).exists()]  # fmt: skip
    if not chosen:
        command_line.stop(f"none of the programs is in {options.clones}; --help says what to clone")
    with command_line.checking(f"--json {options.json}: "):
        known = read_rows(options.json)
    with contextlib.ExitStack() as stack:
        folder = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place = Workplace(options.clones.resolve(), folder.resolve())
        for number, program in enumerate(chosen, 1):
            row = known.setdefault(program.name, {})
            row |= {"name": program.name, "folder": program.folder, "path": program.path,
                    "arguments": program.arguments, "skipped": program.skipped}  # fmt: skip
            if not program.skipped:
                if options.time:
                    row |= measure(place, program, options)
                else:
                    row |= compare(place, program, options.threads, options.rounds)
            print(f"{number}/{len(chosen)} {as_line(row)}", flush=True)
            save(options, known)


def save(options: argparse.Namespace, known: dict[str, Row]) -> None:
    """Writes the results and the table anew."""
    order = [program.name for program in PROGRAMS]
    rows = sorted(known.values(), key=lambda row: order.index(row["name"]))
    line = computer_line()
    if options.json:
        with atomic_write(options.json) as file:
            file.write(json.dumps({"machine": line, "rows": rows}, indent=1).encode())
    if options.write:
        given = ["clones" if text == str(options.clones) else text for text in sys.argv[1:]]
        command = f"python examples/compare_programs.py {shlex.join(given)}"
        table = f"{as_markdown(rows)}\n\n{line}. `{command}`"
        replace_between_markers(options.write, table, MARKERS)


if __name__ == "__main__":
    command_line.start(main)
