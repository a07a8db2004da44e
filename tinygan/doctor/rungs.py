"""Does each kernel compute what its reference computes, with the same bits each time?"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygan.doctor.plan import Findings, Item, Plan
from tinygan.kernels.bench.checking import SEED, TOLERANCE, Standard, array_dtype, copied
from tinygan.kernels.cuda.memory import to_device, to_host
from tinygan.kernels.ladder import LOW_PRECISIONS, Ladder, all_ladders, convert, relative_error


class Case(NamedTuple):
    """A ladder's shape in a dtype or precision."""

    ladder: Ladder
    shape: str
    values: Mapping[str, Any]
    dtype: str

    def __str__(self) -> str:
        return f"{self.ladder.name}, {self.shape}, {self.dtype}"

    @property
    def precision(self) -> str | None:
        """What a call of the ladder is asked for."""
        return self.dtype if self.dtype in LOW_PRECISIONS else None

    def draw(self) -> tuple[tuple, dict]:
        """Random arguments, the same each time."""
        dtype = array_dtype(self.dtype)
        return self.ladder.make(np.random.default_rng(SEED), dtype, **self.values)

    def covered(self, given: tuple, options: dict) -> bool:
        """Whether there is a rung of the precision that is asked for: without one, the call is
        computed as another dtype's, which is a case of its own."""
        return self.ladder.pick(*given, precision=self.precision, **options).precision == (
            self.precision
        )


def wanted_ladders(plan: Plan) -> list[Ladder]:
    ladders = [ladder for name, ladder in all_ladders().items() if plan.wants(name)]
    return [ladder for ladder in ladders if any(rung.device == "cuda" for rung in ladder.rungs)]


def dtypes_of(plan: Plan, ladder: Ladder) -> list[str]:
    return [dtype for dtype in plan.dtypes if dtype not in LOW_PRECISIONS
            or any(rung.precision == dtype and rung.device == "cuda" for rung in ladder.rungs)]


def rungs(plan: Plan) -> Iterator[Item]:
    """The rung that calls of each ladder get, against the reference: on the awkward shapes of the
    tests, then on those of the benchmark, of which each ladder's smallest come first."""
    for case in cases(plan, real=False):
        yield str(case), functools.partial(_check, case)
    for case in cases(plan, real=True) if plan.real_sizes else ():
        yield str(case), functools.partial(_check, case)


def cases(plan: Plan, real: bool) -> Iterator[Case]:
    """The first shape of each ladder, then the second of each, and so on: where time is short, no
    ladder is left out."""
    ladders = wanted_ladders(plan)
    by_ladder = [_shapes(ladder, real) for ladder in ladders]
    for row in itertools.zip_longest(*by_ladder):
        for ladder, found in zip(ladders, row, strict=True):
            if found is not None:
                for dtype in dtypes_of(plan, ladder):
                    yield Case(ladder, found[0], found[1], dtype)


def _shapes(ladder: Ladder, real: bool) -> list[tuple[str, Mapping[str, Any]]]:
    if not real:
        return list(ladder.shapes.items())
    return sorted(ladder.bench_shapes.items(), key=lambda item: size(item[1]))


_NO_SIZES = ("stride", "padding", "after", "slope", "shift", "momentum", "step")


def size(values: Any) -> float:
    """About how much work a shape is: the product of its sizes; of a list of shapes, the sum."""
    if isinstance(values, Mapping):
        return math.prod(size(each) for name, each in values.items() if name not in _NO_SIZES)
    if isinstance(values, list):
        return sum(map(size, values))
    if isinstance(values, tuple):
        return math.prod(map(size, values))
    return float(values) if isinstance(values, int) and values > 0 else 1.0


_standards: dict[str, Standard] = {}


@functools.lru_cache(maxsize=1)  # the cases of one shape come one after the other
def _expected(ladder: str, shape: str, real: bool, dtype: str) -> tuple[Any, str]:
    """The right result, and what has computed it."""
    found = all_ladders()[ladder]
    values = (found.bench_shapes if real else found.shapes)[shape]
    args, options = found.make(np.random.default_rng(SEED), dtype, **values)
    return _standards.setdefault(ladder, Standard(found)).result(args, options)


def _check(case: Case, found: Findings) -> None:
    """Runs a case twice: the error of the first, and whether both give the same bits."""
    args, options = case.draw()
    results = []
    for _ in range(2):
        given = convert(copied(args), to_device)
        rung = case.ladder.pick(*given, precision=case.precision, **options)
        if not case.covered(given, options):
            return
        results.append(on_host(case.ladder(*given, precision=case.precision, **options)))
    found.step(f"{case}: the reference, on the CPU")
    real = case.values is case.ladder.bench_shapes.get(case.shape)
    expected, by = _expected(case.ladder.name, case.shape, real, array_dtype(case.dtype))
    error, bound = relative_error(results[0], expected), TOLERANCE[case.dtype]
    same = same_bits(*results)
    found.row(
        "rungs", ladder=case.ladder.name, shape=case.shape, dtype=case.dtype, rung=rung.name,
        error=error, tolerance=bound, same_bits=same, against=by,
    )  # fmt: skip
    if not error <= bound:
        found.problem(f"{case}, rung {rung.name}: error {error:.1e}, tolerated is {bound:.0e}")
    if not same:
        found.problem(f"{case}, rung {rung.name}: two runs gave different bits")


def on_host(value: Any) -> Any:
    """Copies in the host's memory, in nested lists and tuples."""
    if isinstance(value, (list, tuple)):
        return type(value)(on_host(each) for each in value)
    return to_host(value) if hasattr(value, "get") else value


def same_bits(one: Any, other: Any) -> bool:
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same_bits, one, other))
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()
