"""Is a result right? The benchmark times nothing before this has been answered.

What a result must match is computed in float64 by the ladder's rung 0, the reference. Where that
would take longer than `REFERENCE_SECONDS` (judged by its speed on the ladder's test shapes), the
next CPU rung stands in, in float64 too, after it has itself matched the reference on every test
shape in this same run. So no number is compared with anything but the reference, or with a rung
that was just seen to agree with it.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..cuda.memory import to_device
from ..ladder import LOW_PRECISIONS, Ladder, Rung, convert, relative_error

SEED = 0
REFERENCE_SECONDS = 2.0

# Relative to the largest value of the result. Sums of up to about 10^5 rounded products in any
# order are off by some 100 roundings, of 6e-8 in float32 and 1.1e-16 in float64; a wrong index or
# a forgotten term is off by far more. The wider margin in float64 covers that results are compared
# with results of the same precision. bfloat16 rounds factors to 1/256, tf32 and float16 to 1/2048.
TOLERANCE = {
    "float32": 1e-5, "float64": 1e-10, "bfloat16": 1e-2, "tf32": 1.25e-3, "float16": 1.25e-3,
}  # fmt: skip


def array_dtype(dtype: str) -> str:
    """The dtype of the arrays: a low precision is what rungs round the factors of products to."""
    return "float32" if dtype in LOW_PRECISIONS else dtype


def computes_in(rung: Rung, dtype: str) -> bool:
    """Whether a rung is one of those that are compared when `dtype` is asked for."""
    return rung.precision == (dtype if dtype in LOW_PRECISIONS else None)


class WrongResultError(Exception):
    """A computation failed, or its result does not match the reference."""


def checked_error(call: Callable[[], Any], expected: Any, dtype: str) -> float:
    """The relative error of what `call` returns.

    Raises:
        WrongResultError: the error is above the tolerance, the result has other shapes or is not
            finite, or the call raised an exception.
    """
    try:
        error = relative_error(call(), expected)
    except Exception as problem:  # whatever a broken rung raises, the others are still measured
        raise WrongResultError(f"{type(problem).__name__}: {problem}") from problem
    if not error <= TOLERANCE[dtype]:
        raise WrongResultError(f"relative error {error:.1e}, tolerated is {TOLERANCE[dtype]:.0e}")
    return error


def copied(value: Any, dtype: str | None = None) -> Any:
    """A deep copy with all arrays in their memory order; a rung may work in place. With a `dtype`
    all arrays of floating-point numbers are in that; without one all keep theirs (a state in
    float64 may stand beside arrays in float32)."""

    def copy(array: np.ndarray) -> np.ndarray:
        kept = dtype if dtype is not None and array.dtype.kind == "f" else array.dtype
        return array.astype(kept, order="K", copy=True)

    return convert(value, copy)


def on_device(value: Any, device: str) -> Any:
    """What `copied` returns, with all arrays on the device, in their memory order."""
    return value if device == "cpu" else convert(value, to_device)


class Standard:
    """The results that the rungs of a ladder must match."""

    def __init__(self, ladder: Ladder):
        self.ladder = ladder
        self._flops_per_second: float | None = None
        self._stand_in: Rung | None = None

    def reference_seconds(self, flops: int) -> float:
        """About how long the reference takes for `flops` FLOPs."""
        if self._flops_per_second is None:
            self._flops_per_second = self._reference_speed()
        return flops / self._flops_per_second

    def result(self, args: tuple, options: dict) -> tuple[Any, str]:
        """The right result for these arguments, and the name of what computed it.

        Raises:
            WrongResultError: the reference is too slow, and no rung can stand in for it.
        """
        rung = self.ladder.reference
        name = rung.name
        if self.reference_seconds(self.ladder.flops(*args, **options)) > REFERENCE_SECONDS:
            rung = self._checked_stand_in()
            name = f"{rung.name} in float64"
        return rung(*copied(args, "float64"), **options), name

    def _reference_speed(self) -> float:
        """FLOP/s of the reference on the test shape with the most work."""
        cases = [self._case(shape) for shape in self.ladder.shapes]
        flops, args, options = max(
            ((self.ladder.flops(*args, **options), args, options) for args, options in cases),
            key=lambda case: case[0],
        )
        self.ladder.reference(*copied(args, "float64"), **options)  # compiles, if it is compiled
        fresh = copied(args, "float64")
        start = time.perf_counter()
        self.ladder.reference(*fresh, **options)
        return max(flops, 1) / (time.perf_counter() - start)

    def _checked_stand_in(self) -> Rung:
        if self._stand_in is None:
            self._stand_in = self._check_stand_in()
        return self._stand_in

    def _check_stand_in(self) -> Rung:
        others = [rung for rung in self.ladder.rungs[1:] if rung.device == "cpu"]
        if not others:
            raise WrongResultError("the reference is too slow, and there is no rung to stand in")
        rung = others[0]
        for shape in self.ladder.shapes:
            args, options = self._case(shape)
            expected = self.ladder.reference(*copied(args, "float64"), **options)
            call = functools.partial(rung, *copied(args, "float64"), **options)
            try:
                checked_error(call, expected, "float64")
            except WrongResultError as problem:
                raise WrongResultError(
                    f"rung {rung.name!r} cannot stand in for the slow reference; "
                    f"on shape {shape!r}: {problem}"
                ) from problem
        return rung

    def _case(self, shape: str) -> tuple[tuple, dict]:
        return self.ladder.make(np.random.default_rng(SEED), "float64", **self.ladder.shapes[shape])
