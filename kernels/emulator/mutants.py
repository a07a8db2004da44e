"""Takes out each barrier and each bound of the CUDA kernels in turn: does any test notice?

    python -m tinygan.kernels.emulator.mutants                     all kernels: minutes
    python -m tinygan.kernels.emulator.mutants reduction matmul/3  those whose names begin so

A mutant is a kernel's text with one `__syncthreads();` or `__syncwarp();` removed, with one bound
`min(a, b)` made `a`, or with one comparison (outside the head of a loop) made always true or, where
it guards a return, always false. Each is run on the test cases of the rungs that launch it, every
access checked, until one fails as it would in the tests: a fault, a value that is not finite, or an
error above the bound. Several threads that write the same to one place are a fault here. Those that
survive are printed; the exit status is 1 when one of them is not among EQUIVALENT, where it says
why they compute the same. It is 2 when nothing can be said: a text does not build, or the unchanged
one fails in its smallest case.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

from ..cpu.threads import get_num_threads
from ..cuda import source as cuda
from . import EmulatorError, KernelFault, cases, fake_cupy, module

# {(file, the line without its indentation, what is put in): why nothing changes}
EQUIVALENT: dict[tuple[str, str, str], str] = {
    ("cuda/two_buffers.cuh", "const bool more = start + depth < last_k;", "true"):
        "zeros are kept in a buffer that is not read again",
}  # fmt: skip

_BARRIER = re.compile(r"__sync(?:threads|warp)\(\);")
_COMPARISON = re.compile(r" (?:<|>|<=|>=) |(?<=threadIdx\.[xyz]) == ")
_STOPS = ("&&", "||", "?", ":", "=", ";", ",", "return")
_OPENING, _CLOSING = "([{", ")]}"


class Mutant(NamedTuple):
    """One change of one line."""

    file: str
    number: int
    line: str  # as it was
    position: int
    length: int
    put_in: str

    def __str__(self) -> str:
        taken = self.line[self.position : self.position + self.length]
        return f"{self.file}:{self.number}: {taken!r} -> {self.put_in!r}"

    @property
    def changed(self) -> str:
        after = self.line[self.position + self.length :]
        return self.line[: self.position] + self.put_in + after

    @property
    def excuse(self) -> str | None:
        return EQUIVALENT.get((self.file, self.line.strip(), self.put_in))


def _operand(line: str, start: int, step: int) -> int:
    """Where the operand ends that begins at `start` and goes on in direction `step`."""
    inwards, outwards = (_OPENING, _CLOSING) if step > 0 else (_CLOSING, _OPENING)
    depth, i = 0, start
    while 0 <= i < len(line):
        if line[i] in inwards:
            depth += 1
        elif line[i] in outwards:
            if not depth:
                break
            depth -= 1
        elif not depth:
            word = line[i : i + 6] if step > 0 else line[max(0, i - 5) : i + 1]
            ends = word.startswith(_STOPS) if step > 0 else word.endswith(_STOPS)
            if ends and not word.endswith(("<=", ">=", "==", "!=")):
                break
        i += step
    return i


def line_mutants(file: str, number: int, line: str) -> Iterator[Mutant]:
    """The mutants of one line of a kernel."""
    code = line.split("//")[0]
    for found in _BARRIER.finditer(code):
        yield Mutant(file, number, line, found.start(), len(found[0]), ";")
    for found in re.finditer(r"\bmin\(", code):
        first = _operand(code, found.end(), 1)
        last = _operand(code, first + 1, 1) + 1
        yield Mutant(file, number, line, found.start(), last - found.start(),
                     code[found.end() : first])  # fmt: skip
    if re.match(r"\s*(#|template)|.*\b(static_assert|constexpr|alignas)\b", code):
        return
    head = re.search(r"\bfor \(([^;]*;[^;]*;)|\bwhile \((.*)", code)
    for found in _COMPARISON.finditer(code):
        if head and head.start() <= found.start() < head.end():
            continue
        first = _operand(code, found.start() - 1, -1) + 1
        last = _operand(code, found.end(), 1)
        while code[first] == " ":
            first += 1
        while code[last - 1] == " ":
            last -= 1
        guards_return = re.search(r"\bif \(.*\) (return|continue|break)\b", code)
        yield Mutant(file, number, line, first, last - first, "false" if guards_return else "true")


def text_mutants(text: str) -> dict[Mutant, str]:
    """{mutant: the whole changed text} of a kernel's expanded text."""
    lines = text.splitlines()
    file, number, found = "", 0, {}
    for i, line in enumerate(lines):
        directive = re.match(r'#line (\d+) "(.*)"', line)
        if directive:
            file, number = directive[2], int(directive[1])
            continue
        for mutant in line_mutants(file, number, line):
            found[mutant] = "\n".join([*lines[:i], mutant.changed, *lines[i + 1 :], ""])
        number += 1
    return found


def killed_by(source: cuda.Source, text: str, most: int | None = None) -> str | None:
    """What notices that the source has this text; None when nothing does. `most`: how many cases
    are tried, those with the least work.

    Raises:
        EmulatorError: it could not be run, so that nothing could notice it.
    """
    original = source.text, source._ready, source.kernels
    source.text, source._ready = text, {}
    source.kernels = [kernel for kernel in source.kernels if "<double" not in kernel]
    try:
        for case in cases.by_source()[source.name][:most]:
            if case.flops > cases.MOST_CHECKED_FLOPS:
                continue
            try:
                error = case.error("float32")
            except (KernelFault, ValueError) as fault:
                return f"{case}: {str(fault).splitlines()[0]}"
            if error > cases.bound(case.rung, "float32"):
                return f"{case}: error {error:.1e}"
    finally:
        source.text, source._ready, source.kernels = original
    return None


def all_mutants() -> dict[Mutant, list[tuple[cuda.Source, str]]]:
    """{mutant: the sources that have its line, each with its changed text}."""
    found: dict[Mutant, list[tuple[cuda.Source, str]]] = {}
    for source in cuda.sources():
        for mutant, text in text_mutants(source.text).items():
            found.setdefault(mutant, []).append((source, text))
    return found


def first_killer(places: list[tuple[cuda.Source, str]]) -> str | None:
    """What notices a mutant; a header's line is changed in one text after the other, the last
    rungs' first: they use most of what a header has."""
    return next(filter(None, (killed_by(*place) for place in reversed(places))), None)


_cached_mutants = functools.cache(all_mutants)


def _cache_in(folder: str) -> None:
    os.environ["TINYGAN_CACHE"] = folder


def _killer(mutant: Mutant) -> str | None:
    module.same_writes_are_races = True
    with fake_cupy.installed(checked=True):
        return first_killer(_cached_mutants()[mutant])


def _fault_of_the_unchanged(name: str) -> str | None:
    """What is wrong with a source as it is, in its smallest case: whether it builds and runs."""
    source = next(source for source in cuda.sources() if source.name == name)
    module.same_writes_are_races = True
    with fake_cupy.installed(checked=True):
        return killed_by(source, source.text, most=1)


def killers(*names: str) -> Iterator[tuple[Mutant, str | None]]:
    """What notices each mutant of the files whose names begin with one of `names`, on all cores.

    Raises:
        EmulatorError: a text does not build, or one that is not changed fails in its smallest case.
    """
    chosen = [mutant for mutant in _cached_mutants() if mutant.file.startswith(names or "")]
    # Of the sources that have a mutant's line the last is tried first.
    first = list(dict.fromkeys(_cached_mutants()[mutant][-1][0].name for mutant in chosen))
    workers, context = get_num_threads(), multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,  # these libraries are not used again
        concurrent.futures.ProcessPoolExecutor(workers, context, _cache_in, (folder,)) as pool,
    ):
        for name, fault in zip(first, pool.map(_fault_of_the_unchanged, first), strict=True):
            if fault is not None:
                raise EmulatorError(f"{name} fails with nothing changed: {fault}")
        yield from zip(chosen, pool.map(_killer, chosen), strict=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="beginnings of names of files")
    parser.add_argument("--verbose", action="store_true", help="print what noticed each mutant")
    options = parser.parse_args()
    files = sorted({mutant.file for mutant in _cached_mutants()})
    for name in options.names:
        if not any(file.startswith(name) for file in files):
            parser.error(f"no file with a barrier or a bound has a name that begins with {name!r}; "
                         f"there are {', '.join(files)}")  # fmt: skip
    start, survivors, count = time.perf_counter(), [], 0
    try:
        for mutant, killer in killers(*options.names):
            count += 1
            if killer is None:
                survivors.append(mutant)
                print(f"survives  {mutant}  {mutant.excuse or ''}", flush=True)
            elif options.verbose:
                print(f"noticed   {mutant}  {killer}", flush=True)
    except EmulatorError as error:
        print(error, file=sys.stderr)
        return 2
    unexplained = [mutant for mutant in survivors if mutant.excuse is None]
    print(f"{count} mutants, {len(survivors)} survive, {len(unexplained)} of them without an "
          f"explanation; {time.perf_counter() - start:.0f} s")  # fmt: skip
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
