"""The benchmark's results: as numbers, as text, as JSON, and as a table of a document."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from ..cpu.threads import get_num_threads
from ..cuda.device import describe
from .roofline import Roofline


@dataclass
class Row:
    """What was found out about one rung, or one mode of the baseline, on one shape.

    Attributes:
        kind: ``"rung"`` or ``"baseline"``.
        flops, traffic: what the computation needs at least, by the ladder's count.
        attainable: FLOP/s that the roofline allows.
        status: ``"timed"``, ``"not timed"`` or ``"refused"`` (a wrong result); `note` says why.
        relative_error: of the result, None before it was checked.
        seconds: the duration of every timed run.
        baseline_ratio: the baseline's median time divided by this one's; above 1 is faster.
    """

    ladder: str
    shape: str
    name: str
    kind: str
    device: str
    dtype: str
    flops: int
    traffic: int
    attainable: float
    checked_against: str
    status: str = "timed"
    note: str = ""
    relative_error: float | None = None
    seconds: list[float] = field(default_factory=list)
    baseline_ratio: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """The distance between the quartiles, as a fraction of the median."""
        low, high = np.percentile(self.seconds, [25, 75])
        return float(high - low) / self.median

    @property
    def gflops(self) -> float:
        return self.flops / self.median / 1e9

    @property
    def gbytes(self) -> float:
        return self.traffic / self.median / 1e9

    @property
    def fraction(self) -> float:
        """The achieved FLOP/s as a fraction of the attainable; 0 where nothing is computed."""
        return 0.0 if not self.flops else self.flops / self.median / self.attainable

    def as_json(self) -> dict[str, Any]:
        timed = self.status == "timed"
        return {
            "ladder": self.ladder,
            "shape": self.shape,
            "name": self.name,
            "kind": self.kind,
            "device": self.device,
            "dtype": self.dtype,
            "status": self.status,
            "note": self.note,
            "checked_against": self.checked_against,
            "relative_error": self.relative_error,
            "flops": self.flops,
            "bytes": self.traffic,
            "attainable_gflop_per_second": self.attainable / 1e9,
            "median_seconds": self.median if timed else None,
            "spread_percent": 100 * self.spread if timed else None,
            "gflop_per_second": self.gflops if timed else None,
            "gbyte_per_second": self.gbytes if timed else None,
            "roofline_fraction": self.fraction if timed else None,
            "baseline_ratio": self.baseline_ratio,
            "seconds": self.seconds,
        }


def computer() -> dict[str, Any]:
    """What all numbers depend on: the processor, the number of threads, the versions."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "threads": get_num_threads(),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("numpy", "numba", "torch")},
    }


def machine(device: str, roofline: Roofline) -> dict[str, Any]:
    """What the numbers of kernels depend on, for the JSON document."""
    return {
        **computer(),
        "gpu": describe() if device == "cuda" else None,
        "roofline": {
            "gflop_per_second": roofline.flops_per_second / 1e9,
            "gbyte_per_second": roofline.bytes_per_second / 1e9,
            "bytes_counted": "read and written",
        },
    }


def computer_line() -> str:
    return f"{_cpu_model()}, {os.cpu_count()} cores, {get_num_threads()} threads"


def gpu_line() -> str:
    gpu = describe()
    driver = gpu["driver"] or f"for CUDA {gpu['cuda_of_driver']}"
    return (
        f"{gpu['name']}, {gpu['multiprocessors']} multiprocessors, "
        f"driver {driver}, CUDA {gpu['cuda']}"
    )


def machine_line(device: str, dtype: str, roofline: Roofline) -> str:
    return (
        f"{gpu_line() if device == 'cuda' else computer_line()}, {dtype}; "
        f"measured roofline {rounded(roofline.flops_per_second / 1e9)} GFLOP/s, "
        f"{rounded(roofline.bytes_per_second / 1e9)} GB/s (read and written)"
    )


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    models = (line.partition(":")[2] for line in text.splitlines() if line.startswith("model name"))
    return next(models, "").strip() or platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def rounded(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value <= 0:
        return "0"
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"


def block(rows: Sequence[Row], roofline: Roofline) -> str:
    """The rows of one ladder and shape as text."""
    first = rows[0]
    bound = "memory" if roofline.is_memory_bound(first.flops, first.traffic) else "arithmetic"
    lines = [
        f"{first.ladder}, {first.shape}: {rounded(first.flops / 1e9)} GFLOP, "
        f"{rounded(first.traffic / 1e6)} MB at least; bound by {bound}, attainable "
        f"{rounded(first.attainable / 1e9)} GFLOP/s; checked against {first.checked_against}",
        f"  {'':<22}{'median ms':>11}{'spread':>8}{'GFLOP/s':>10}{'GB/s':>8}"
        f"{'roofline':>10}{'vs baseline':>13}",
    ]
    for row in rows:
        if row.status == "timed":
            ratio = "" if row.baseline_ratio is None else f"{row.baseline_ratio:.2f}"
            lines.append(
                f"  {row.name:<22}{rounded(row.median * 1e3):>11}{row.spread:>8.0%}"
                f"{rounded(row.gflops):>10}{rounded(row.gbytes):>8}{row.fraction:>10.0%}{ratio:>13}"
            )
        else:
            lines.append(f"  {row.name:<22}{row.status.upper()}: {row.note}")
    return "\n".join(lines)


def markdown(rows: Sequence[Row], machine_text: str, command: str) -> str:
    """One line per ladder and shape; the numbers are those of its highest rung."""
    lines = [
        "| kernel | shape | rungs, median ms | baseline, median ms | spread | GFLOP/s | GB/s "
        "| of roofline | vs baseline |",
        "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    timed = (row for row in rows if row.status == "timed")
    for (ladder, shape), group in groupby(timed, key=lambda row: (row.ladder, row.shape)):
        members = list(group)
        rungs = [row for row in members if row.kind == "rung"]
        baselines = [row for row in members if row.kind == "baseline"]
        if not rungs:
            continue
        top = rungs[-1]
        climb = " → ".join(f"{row.name} {rounded(row.median * 1e3)}" for row in rungs)
        baseline = min(baselines, key=lambda row: row.median, default=None)
        best = "" if baseline is None else f"{baseline.name} {rounded(baseline.median * 1e3)}"
        ratio = "" if top.baseline_ratio is None else f"{top.baseline_ratio:.2f}"
        lines.append(
            f"| {ladder} | {shape} | {climb} | {best} | {top.spread:.0%} "
            f"| {rounded(top.gflops)} | {rounded(top.gbytes)} | {top.fraction:.0%} | {ratio} |"
        )
    return "\n".join([*lines, "", f"{machine_text}. Measured by `{command}`."])
