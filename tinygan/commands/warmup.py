"""Compiles the kernels now, and keeps them: the first training then begins at once."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygan
from tinygan.command_line import Parser, stop
from tinygan.data import synthetic_digits
from tinygan.kernels.cpu.compiler import fault
from tinygan.kernels.ladder import all_ladders
from tinygan.models import CGAN, DCGAN, GAN
from tinygan.training import LatentGame, Settings

EPILOG = """example:
  tinygan warmup            once after an installation, a minute or two
"""
STEPS: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
    "GAN": lambda: (GAN(variant="modern"), {"r1": 1.0, "beta1": 0.0}),
    "CGAN": lambda: (CGAN(10, variant="modern"), {"r1": 1.0, "beta1": 0.0}),
    "DCGAN": lambda: (DCGAN(width=16, batch_norm_d=False, categories=30), {"r1": 1.0}),
    "DCGAN, paper": lambda: (DCGAN(width=16), {}),
    "DCGAN, relativistic": lambda: (
        DCGAN(width=16, batch_norm_d=False), {"r1": 1.0, "r2": 1.0, "loss": "relativistic"}),
}  # fmt: skip
"""Models of which a step is made, with the settings that are not the usual ones."""


def parser() -> Parser:
    return Parser(__doc__, program="tinygan warmup", epilog=EPILOG)


def run(options: argparse.Namespace) -> None:
    if problem := fault():
        stop(f"there is nothing to compile: {problem}")
    jobs = {**_rungs(), **{f"a step of {name}": _step(name) for name in STEPS}}
    begin = time.monotonic()
    for number, (name, job) in enumerate(jobs.items(), 1):
        _show(f"[{'#' * (30 * number // len(jobs)):30}] {number} of {len(jobs)}: {name}")
        job()
    _show("")
    print(f"{len(jobs)} kernels and steps compiled or found, {time.monotonic() - begin:.0f} s")


def _show(line: str) -> None:
    """A line that is written over by the next, where a person looks on."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r{line[:79]:79}", end="" if line else "\r", file=sys.stderr, flush=True)


def _rungs() -> dict[str, Callable[[], object]]:
    """Calls of each compiled rung, on all of its small cases: layouts differ."""
    found: dict[str, Callable[[], object]] = {}
    for ladder in all_ladders().values():
        for rung in ladder.rungs:
            if rung.device != "cpu" or not rung.compiled:
                continue

            def call(ladder=ladder, rung=rung) -> None:
                rng = np.random.default_rng(0)
                for case in ladder.shapes.values():
                    arguments, options = ladder.make(rng, "float32", **case)
                    if rung.covers(*arguments, **options):
                        rung(*arguments, **options)

            found[f"{ladder.name}, {rung.name}"] = call
    return found


def _step(name: str) -> Callable[[], object]:
    def step() -> None:
        tinygan.manual_seed(0)
        model, settings = STEPS[name]()
        data = synthetic_digits(32, seed=0)
        game = LatentGame(model, data, Settings(batch_size=32, **settings), "cpu", 8)
        game.step(np.arange(32), 0)
        game.samples()

    return step
