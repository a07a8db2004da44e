"""One ladder on one shape: its rungs and its baseline are checked, then timed in turns."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ladder import LOW_PRECISIONS, Ladder, Rung, function_named
from .checking import (
    SEED,
    Standard,
    WrongResultError,
    array_dtype,
    checked_error,
    computes_in,
    copied,
    on_device,
)
from .roofline import Roofline
from .table import Row
from .timing import interleaved

TIMED_REFERENCE_SECONDS = 0.1  # a reference slower than this is not timed


@dataclass(frozen=True)
class Settings:
    """What is the same for all shapes of a run."""

    device: str
    dtype: str
    rung: str | None  # only this one
    baseline: str | None
    repeats: int
    roofline: Roofline


@dataclass(frozen=True)
class Contender:
    """A rung or a mode of the baseline, with its arguments, which lie on the device already.

    `checked` and `timed` compute the same; `checked` has arguments that no call has changed yet.
    `excuse` says why it is not timed, if it is not.
    """

    name: str
    kind: str
    checked: Callable[[], Any]
    timed: Callable[[], Any]
    excuse: str = ""


def bench_shape(ladder: Ladder, shape: str, standard: Standard, settings: Settings) -> list[Row]:
    """Checks and times the rungs of a ladder, and its baseline, on one of its bench shapes."""
    dtype = array_dtype(settings.dtype)
    args, options = ladder.make(np.random.default_rng(SEED), dtype, **ladder.bench_shapes[shape])
    flops, traffic = ladder.flops(*args, **options), ladder.traffic(*args, **options)
    attainable = settings.roofline.attainable(flops, traffic)
    try:
        expected, judge = standard.result(args, options)
        distrust = ""
    except WrongResultError as problem:
        expected, judge, distrust = None, "nothing", str(problem)

    rows, calls = [], {}
    for contender in _contenders(ladder, args, options, standard, settings):
        row = Row(
            ladder.name, shape, contender.name, contender.kind, settings.device, settings.dtype,
            flops, traffic, attainable, judge,
        )  # fmt: skip
        rows.append(row)
        if contender.excuse:
            row.status, row.note = "not timed", contender.excuse
        elif contender.kind == "baseline" and ladder.random:
            row.note, row.checked_against = "random numbers of its own", "nothing"
            calls[contender.name] = contender.timed
        elif distrust:
            row.status, row.note = "refused", distrust
        else:
            try:
                row.relative_error = checked_error(contender.checked, expected, settings.dtype)
                calls[contender.name] = contender.timed
            except WrongResultError as problem:
                row.status, row.note = "refused", str(problem)

    durations = interleaved(calls, settings.device, settings.repeats)
    for row in rows:
        row.seconds = durations.get(row.name, [])
    _compare_with_baseline(rows)
    return rows


def _contenders(
    ladder: Ladder, args: tuple, options: dict, standard: Standard, settings: Settings
) -> Iterator[Contender]:
    def fresh() -> tuple:
        return on_device(copied(args), settings.device)

    shared = on_device(args, settings.device)
    for rung in ladder.rungs:
        wanted = settings.rung in (None, rung.name) and computes_in(rung, settings.dtype)
        if wanted and rung.device == settings.device:
            yield Contender(
                rung.name,
                "rung",
                functools.partial(rung, *fresh(), **options),
                functools.partial(rung, *shared, **options),
                _excuse(rung, args, options, standard),
            )
    if settings.baseline is not None and ladder.baseline is not None:
        prepare = function_named(ladder.baseline)
        low = {"precision": settings.dtype} if settings.dtype in LOW_PRECISIONS else {}
        modes = prepare(*fresh(), **options, **low)
        for mode, call in modes.items():
            checked = functools.partial(_as_float32, call) if low else call
            yield Contender(f"{settings.baseline} {mode}", "baseline", checked, call)


def _as_float32(call: Callable[[], Any]) -> Any:
    return call().float()


def _excuse(rung: Rung, args: tuple, options: dict, standard: Standard) -> str:
    if not rung.covers(*args, **options):
        return "this rung does not cover the shape"
    if rung is standard.ladder.reference:
        seconds = standard.reference_seconds(standard.ladder.flops(*args, **options))
        if seconds > TIMED_REFERENCE_SECONDS:
            return f"about {seconds:.1f} s for each run"
    return ""


def _compare_with_baseline(rows: list[Row]) -> None:
    """The baseline is what its fastest mode is."""
    baselines = [row.median for row in rows if row.kind == "baseline" and row.status == "timed"]
    for row in rows:
        if baselines and row.status == "timed":
            row.baseline_ratio = min(baselines) / row.median
