"""The convolutions of benchmark_step.py's nets one by one, beside cuDNN: part of --device cuda.

Each layer in three directions: forward, gradient of the input (which is a transposed convolution's
forward), gradient of the weight. Each precision has its own measured roofline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tinygan.kernels.bench.__main__ import prepare_torch
from tinygan.kernels.bench.checking import Standard
from tinygan.kernels.bench.compare import Settings, bench_shape
from tinygan.kernels.bench.roofline import measure_roofline
from tinygan.kernels.bench.table import Row, block, machine_line, rounded
from tinygan.kernels.ladder import all_ladders

LADDERS = ("conv2d", "conv_transpose2d", "conv2d_weight_grad")
LAYERS = ("mnist.1", "mnist.2", "dcgan64.1", "dcgan64.2", "dcgan64.3", "dcgan64.4")
DTYPES = ("float32", "tf32", "bfloat16")


def layer_rows(
    device: str, baseline: str | None, repeats: int, say: Callable[[str], None]
) -> Iterator[Row]:
    """All rungs of each precision, and the baseline's modes, checked and timed in turns."""
    ladders = [all_ladders()[name] for name in LADDERS]
    standards = {ladder.name: Standard(ladder) for ladder in ladders}
    for dtype in DTYPES:
        if baseline:
            prepare_torch(device, dtype)
        roofline = measure_roofline(device, dtype)
        settings = Settings(device, dtype, None, baseline, repeats, roofline)
        say("\n" + machine_line(device, dtype, roofline))
        for ladder in ladders:
            for layer in LAYERS:
                rows = bench_shape(ladder, layer, standards[ladder.name], settings)
                say("\n" + block(rows, roofline))
                yield from rows


def as_markdown(rows: list[Row], notes: str) -> str:
    """A line for each layer and direction; of each precision the highest rung."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        if row.kind == "rung" and row.status != "not timed":  # the last one stays
            of_layer = cells.setdefault((row.ladder, row.shape), {})
            ratio = "" if row.baseline_ratio is None else f", {row.baseline_ratio:.2f}"
            of_layer[row.dtype] = row.status
            if row.seconds:
                of_layer[row.dtype] = f"{rounded(row.median * 1e3)} ({row.fraction:.0%}{ratio})"
    lines = [
        "| | layer | " + " | ".join(f"{dtype}, ms" for dtype in DTYPES) + " |",
        "| --- | --- |" + " --- |" * len(DTYPES),
    ]
    lines += [
        f"| {ladder} | {layer} | " + " | ".join(by.get(dtype, "") for dtype in DTYPES) + " |"
        for (ladder, layer), by in cells.items()
    ]
    notes = f"In brackets: of the measured roofline, and against cuDNN. {notes}"
    return "\n".join([*lines, "", notes])
