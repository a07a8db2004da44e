"""Which rungs launch which .cu file, and how they fare on the test cases of their ladders.

The tests, `python -m tinygan.kernels.emulator` and its `mutants` all run kernels through here.
"""

from __future__ import annotations

import contextlib
import functools
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from ..cuda import source as cuda
from ..cuda.memory import to_device
from ..ladder import Ladder, Probe, Rung, convert, relative_error
from . import fake_cupy

# Relative to the largest value of the result. Sums of some hundreds of terms round to less than
# 1e-6 in float32 (measured) and 1e-15 in float64; a wrong, lost or doubled term is far larger.
BOUND = {"float32": 1e-5, "float64": 1e-12}
# Two factors rounded to 8 binary digits: each product is off by up to 1/128, sums by less.
# With 11, of tf32 and float16, an eighth of that.
LOW_PRECISION_BOUND = {"bfloat16": 1e-2, "tf32": 1.25e-3, "float16": 1.25e-3}
# Launches of at most this many operations are run with all accesses checked: about a second.
MOST_CHECKED_FLOPS = 250_000


def bound(rung: Rung, dtype: str) -> float:
    """The largest error that a rung may have."""
    return BOUND[dtype] if rung.precision is None else LOW_PRECISION_BOUND[rung.precision]


def draw(ladder: Ladder, case, dtype: str) -> tuple[tuple, dict]:
    """Random arguments for a case, the same at each call."""
    seed = zlib.crc32(f"{ladder.name} {sorted(case.items())}".encode())
    return ladder.make(np.random.default_rng(seed), np.dtype(dtype), **case)


def in_float64(array: np.ndarray) -> np.ndarray:
    """Numbers in float64; of what is no floating-point number, a copy."""
    return array.astype(np.float64 if array.dtype.kind == "f" else array.dtype, order="K")


@functools.cache
def reference(ladder: Ladder, case: str, dtype: str) -> Any:
    """Rung 0 in float64, on numbers that `dtype` can hold."""
    args, options = draw(ladder, ladder.shapes[case], dtype)
    args = convert(args, in_float64)
    return ladder.reference(*args, **options)


@contextlib.contextmanager
def large_tiles(yes: bool = True) -> Iterator[None]:
    """Inside, a launch takes the largest tiles there are, as it does for large arrays."""
    before, cuda.ENOUGH_BLOCKS = cuda.ENOUGH_BLOCKS, 0 if yes else cuda.ENOUGH_BLOCKS
    try:
        yield
    finally:
        cuda.ENOUGH_BLOCKS = before


class RungCase(NamedTuple):
    """One rung on one case of its ladder, in tiles that suit the case or in the largest."""

    ladder: Ladder
    rung: Rung
    case: str
    flops: int
    large: bool
    kernels: frozenset[tuple[str, str]]  # (file, name), in float32

    def error(self, dtype: str) -> float:
        """That of the rung's result, relative to the largest value of the reference's. It runs in
        the fake CuPy, which must be installed.

        Raises:
            KernelFault: a checked kernel made a mistake.
            ValueError: the result has another shape than the reference's, or is not finite.
        """
        args, options = draw(self.ladder, self.ladder.shapes[self.case], dtype)
        with large_tiles(self.large):
            result = self.rung(*convert(args, to_device), **options)
        return relative_error(result, reference(self.ladder, self.case, dtype))

    def __str__(self) -> str:
        return f"{self.ladder.name}-{self.rung.name} {self.case!r}" + ", large" * self.large


@functools.cache
def by_source() -> dict[str, list[RungCase]]:
    """{name of a .cu file: the cases that launch it, those with the least work first}."""
    sources = cuda.sources()  # imports every ladder and probe that has CUDA rungs
    found: dict[str, list[RungCase]] = {source.name: [] for source in sources}
    used: set[tuple[str, str]] = set()

    # The host's side alone tells what is launched: nothing is run.
    def note(source: cuda.Source, kernel: str, *args: Any, **options: Any) -> None:
        used.add((source.name, kernel))

    with mock.patch.object(cuda.Source, "launch", note), fake_cupy.installed():
        for ladder, rung, case in _covered_cases():
            args, options = draw(ladder, ladder.shapes[case], "float32")
            kernels: frozenset[tuple[str, str]] = frozenset()
            for large in (False, True):
                used.clear()
                with large_tiles(large):
                    rung(*convert(args, to_device), **options)
                if kernels == used:  # it has one size of tiles
                    continue
                kernels = frozenset(used)
                flops = ladder.flops(*args, **options)
                rung_case = RungCase(ladder, rung, case, flops, large, kernels)
                for name in {file for file, _ in kernels}:
                    found[name].append(rung_case)
    return {name: sorted(cases, key=lambda t: t.flops) for name, cases in found.items()}


def _covered_cases() -> Iterator[tuple[Ladder, Rung, str]]:
    """Every rung on a GPU with each test case that it covers."""
    for ladder in (*Ladder.registry.values(), *Probe.registry.values()):
        for rung in (rung for rung in ladder.rungs if rung.device == "cuda"):
            for case, values in ladder.shapes.items():
                args, options = draw(ladder, values, "float32")
                if rung.covers(*args, **options):
                    yield ladder, rung, case
