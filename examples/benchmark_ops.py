"""What an op costs where arrays are tiny, and most of the time is Python's: beside PyTorch.

    python examples/benchmark_ops.py
    python examples/benchmark_ops.py --json ops.json --write docs/performance.md

Two programs of teachers. The first computes z = z * y + x of ten elements fifty times, and goes
back through it: a hundred ops. The second is micrograd's demo: a net 2-16-16-1 that tells two
half-moons of 50 points apart, by a hinge loss, a penalty on the weights and a hundred steps of
gradient descent. Both libraries take turns in one process, on one thread. A ratio above 1 says:
faster than PyTorch.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import command_line
import numpy as np

import tinygan
from tinygan.files import atomic_write
from tinygan.kernels.bench.documents import replace_between_markers
from tinygan.kernels.bench.table import computer, computer_line

MARKERS = ("<!-- ops:begin -->", "<!-- ops:end -->")
PARTS = {"chain, forward": "µs an op", "chain, forward and backward": "µs an op",
         "moons": "µs a step"}  # fmt: skip
CHAIN, STEPS = 50, 100
Times = dict[str, list[float]]


def chain(lib: Any) -> Iterator[tuple[str, float]]:
    """Seconds for each op of the chain, forward alone and together with backward."""
    x, y = lib.ones(10, requires_grad=True), lib.ones(10, requires_grad=True)
    z = lib.ones(10)
    start = time.perf_counter()
    for _ in range(CHAIN):
        z = z * y + x
    middle = time.perf_counter()
    z.sum().backward()
    end = time.perf_counter()
    yield "chain, forward", (middle - start) / (2 * CHAIN)
    yield "chain, forward and backward", (end - start) / (2 * CHAIN)


def half_moons(count: int = 100, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, 2) of two half-circles that reach into each other, and labels -1 and 1."""
    rng = np.random.default_rng(1337)
    angles = np.linspace(0, np.pi, count // 2)
    upper = np.stack([np.cos(angles), np.sin(angles)], 1)
    points = np.concatenate([upper, [1.0, 0.5] - upper]) + noise * rng.standard_normal((count, 2))
    return points.astype(np.float32), np.repeat([-1.0, 1.0], count // 2).astype(np.float32)


def moons(lib: Any, losses: list[float]) -> Iterator[tuple[str, float]]:
    """Seconds for each step of a training run from the same weights; `losses` receives its losses.

    loss = mean(max(0, 1 - label score)) + 1e-4 sum(p^2), rate 1 - 0.9 step / 100.
    """
    points, labels = map(lib.tensor, half_moons())
    rng, sizes = np.random.default_rng(0), (2, 16, 16, 1)
    weights, biases = [], []
    for inputs, outputs in itertools.pairwise(sizes):
        values = rng.uniform(-1, 1, (inputs, outputs)).astype(np.float32)
        weights.append(lib.tensor(values, requires_grad=True))
        biases.append(lib.zeros(outputs, requires_grad=True))
    parameters = weights + biases
    for step in range(STEPS):
        start = time.perf_counter()
        x = points
        for weight, bias in zip(weights[:-1], biases, strict=False):
            x = (x @ weight + bias).relu()
        scores = (x @ weights[-1] + biases[-1]).squeeze(1)
        penalty = sum((p * p).sum() for p in parameters)
        loss = (1 - labels * scores).relu().mean() + 1e-4 * penalty
        loss.backward()
        with lib.no_grad():
            for p in parameters:
                p -= (1 - 0.9 * step / STEPS) * p.grad
                p.grad = None
        losses.append(loss.item())
        yield "moons", time.perf_counter() - start


def measure(libraries: dict[str, Any], turns: int) -> tuple[dict[str, Times], dict[str, list]]:
    """All times of each library, which take turns; and the losses of the moons."""
    times: dict[str, Times] = {name: {part: [] for part in PARTS} for name in libraries}
    losses: dict[str, list] = {}
    for turn in range(turns + 1):  # the first compiles, and is not counted
        for name, lib in libraries.items():
            losses[name] = []
            found = [pair for _ in range(STEPS) for pair in chain(lib)]
            for part, seconds in [*found, *moons(lib, losses[name])]:
                if turn:
                    times[name][part].append(seconds)
    return times, losses


def rows_of(times: dict[str, Times]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"part": part, "library": name, "unit": unit, "median": 1e6 * float(np.median(parts[part])),
         "least": 1e6 * min(parts[part])}
        for part, unit in PARTS.items() for name, parts in times.items()
    ]  # fmt: skip
    theirs = {row["part"]: row["median"] for row in rows if row["library"] == "PyTorch"}
    for row in rows:
        row["vs_torch"] = theirs[row["part"]] / row["median"] if theirs else None
    return rows


def as_markdown(rows: list[dict[str, Any]], notes: str) -> str:
    lines = ["| | | median | least | vs PyTorch |", "| --- | --- | ---: | ---: | ---: |"]
    for row in rows:
        ratio = "" if row["vs_torch"] is None else f"{row['vs_torch']:.2f}"
        numbers = f"{row['median']:.2f} | {row['least']:.2f} | {ratio}"
        lines.append(f"| {row['part']}, {row['unit']} | {row['library']} | {numbers} |")
    return "\n".join([*lines, "", notes])


def arguments() -> argparse.Namespace:
    parser = command_line.Parser(__doc__)
    add = parser.add_argument
    add("--turns", type=command_line.positive, default=15, help="of each library (%(default)s)")
    add("--json", type=Path, nargs="?", const=Path("-"), metavar="FILE",
        help="write one JSON document; without a name, print it instead of a table")  # fmt: skip
    add("--write", type=Path, nargs="+", default=[], metavar="FILE",
        help=f"put the table between {' and '.join(MARKERS)}")  # fmt: skip
    options = parser.parse_args()
    if options.json not in (None, Path("-")):
        command_line.check_file("--json", options.json)
    command_line.check_pages("--write", options.write, MARKERS)
    return options


def main() -> None:
    options = arguments()
    tinygan.set_num_threads(1)
    libraries: dict[str, Any] = {"tinygan": tinygan}
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: only tinygan is timed", file=sys.stderr)
    else:
        import torch

        torch.set_num_threads(1)
        libraries["PyTorch"] = torch
    times, losses = measure(libraries, options.turns)
    rows = rows_of(times)
    ends = "; ".join(f"{name} {run[0]:.4f} to {run[-1]:.4f}" for name, run in losses.items())
    command = f"python examples/benchmark_ops.py {shlex.join(sys.argv[1:])}".rstrip()
    notes = f"{computer_line()}. Loss of the moons: {ends}. Measured by `{command}`."
    table = as_markdown(rows, notes)
    document = {"command": command, "machine": computer(), "losses": losses, "rows": rows}
    if options.json and options.json != Path("-"):
        with atomic_write(options.json) as file:
            file.write(json.dumps(document, indent=2).encode())
    print(json.dumps(document, indent=2) if options.json == Path("-") else table)
    for path in options.write:
        replace_between_markers(path, table, MARKERS)


if __name__ == "__main__":
    command_line.start(main)
