"""Which rungs launch which .cu file, and what becomes of them on the test cases of their ladders.

The tests, `python -m tinygan.kernels.emulator` and `python -m tinygan.kernels.mutants` all run
kernels through here.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygan.kernels import cuda
from tinygan.kernels.emulator import standin
from tinygan.kernels.ladder import Ladder, Probe, Rung, relative_error

# Relative to the largest value of the result. Sums of some hundreds of terms round to less than
# 1e-6 in float32 (measured) and 1e-15 in float64; a wrong, lost or doubled term is far larger.
BOUND = {"float32": 1e-5, "float64": 1e-12}
# Two factors rounded to 8 binary digits: each product is off by up to 1/128, sums by less.
# With 11, of tf32 and float16, an eighth of that.
LOW_PRECISION_BOUND = {"bfloat16": 1e-2, "tf32": 1.25e-3, "float16": 1.25e-3}
# Launches of at most so many operations are run with all accesses checked: about a second.
MOST_CHECKED_FLOPS = 250_000


def bound(rung: Rung, dtype: str) -> float:
    """The largest error that a rung may have."""
    return BOUND[dtype] if rung.precision is None else LOW_PRECISION_BOUND[rung.precision]


def convert(value: Any, function: Callable[[np.ndarray], Any]) -> Any:
    """`function` of every array in nested lists and tuples."""
    if isinstance(value, (list, tuple)):
        return type(value)(convert(v, function) for v in value)
    return function(value) if isinstance(value, np.ndarray) else value


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


class Trial(NamedTuple):
    """One rung on one case of its ladder."""

    ladder: Ladder
    rung: Rung
    case: str
    flops: int

    def error(self, dtype: str) -> float:
        """That of the rung's result, relative to the largest value of the reference's. It runs in
        the stand-in for CuPy, which must be installed.

        Raises:
            KernelFault: a checked kernel made a mistake.
            ValueError: the result has another shape than the reference's, or is not finite.
        """
        import cupy

        args, options = draw(self.ladder, self.ladder.shapes[self.case], dtype)
        result = self.rung(*convert(args, cupy.asarray), **options)
        return relative_error(result, reference(self.ladder, self.case, dtype))

    def __str__(self) -> str:
        return f"{self.ladder.name}-{self.rung.name} {self.case!r}"


@functools.cache
def of_sources() -> dict[str, list[Trial]]:
    """{name of a .cu file: the trials that launch it, those with the least work first}."""
    sources = cuda.sources()  # imports every ladder and probe that has CUDA rungs
    found: dict[str, list[Trial]] = {source.name: [] for source in sources}
    used: set[str] = set()
    launch = cuda.Source.launch

    # The host's side alone tells what is launched: nothing is run.
    def note(source: cuda.Source, *args: Any, **options: Any) -> None:
        used.add(source.name)

    try:
        cuda.Source.launch = note
        with standin.installed() as cupy:
            for ladder in (*Ladder.registry.values(), *Probe.registry.values()):
                for rung in (rung for rung in ladder.rungs if rung.device == "cuda"):
                    for case, values in ladder.shapes.items():
                        args, options = draw(ladder, values, "float32")
                        if not rung.covers(*args, **options):
                            continue
                        used.clear()
                        rung(*convert(args, cupy.asarray), **options)
                        trial = Trial(ladder, rung, case, ladder.flops(*args, **options))
                        for name in used:
                            found[name].append(trial)
    finally:
        cuda.Source.launch = launch
    return {name: sorted(trials, key=lambda t: t.flops) for name, trials in found.items()}
