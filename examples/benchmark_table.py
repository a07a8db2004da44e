"""The results of benchmark_step.py: rows of numbers, compared with each other and printed."""

from __future__ import annotations

from typing import Any

HEADINGS = ("median ms", "spread", "images/s", "peak MB")
MOST_SPREAD = 30  # percent
PRECISIONS = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "tf32", "bf16")}

Row = dict[str, Any]


def compare(rows: list[Row], device: str = "cpu") -> None:
    """Adds to the rows of a workload the ratios to PyTorch's best modes, None without PyTorch.

    A mode whose times spread too far is the best only where all of PyTorch's do.

    Raises:
        RuntimeError: the nets have different numbers of parameters, and no ratio makes sense.
    """
    timed = [row for row in rows if not row["problem"]]
    if len({row["parameters"] for row in timed}) > 1:
        counts = {row["name"]: row["parameters"] for row in timed}
        raise RuntimeError(f"nets with different numbers of parameters: {counts}")
    for precision in PRECISIONS[device]:
        name = f"PyTorch {precision}"
        best = best_of([row for row in timed if steady(row)], name) or best_of(timed, name)
        for row in timed:
            ratio = best["median_seconds"] / row["median_seconds"] if best else None
            row[f"vs_torch_{precision}"] = ratio


def best_of(rows: list[Row], beginning: str) -> Row | None:
    """The fastest of the rows whose names begin so."""
    found = [row for row in rows if not row["problem"] and row["name"].startswith(beginning)]
    return min(found, key=lambda row: row["median_seconds"], default=None)


def steady(row: Row) -> bool:
    return row["spread_percent"] <= MOST_SPREAD


def noisy(rows: list[Row]) -> bool:
    """Whether a row that a ratio rests on, ours or a best one, spreads too far."""
    timed = [row for row in rows if not row["problem"]]
    best = [best_of(rows, f"PyTorch {p}") for p in dict.fromkeys(sum(PRECISIONS.values(), ()))]
    used = [row for row in timed if not row["name"].startswith("PyTorch")]
    used += [row for row in best if row]
    return not all(map(steady, used))


def cells(row: Row) -> list[str]:
    ratios = [value for name, value in row.items() if name.startswith("vs_torch")]
    milliseconds = row["median_seconds"] * 1e3
    return [
        f"{milliseconds:.1f}" if milliseconds > 10 else f"{milliseconds:.3f}",
        f"{row['spread_percent']:.0f} %",
        f"{row['images_per_second']:.0f}",
        "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e6:.0f}",
        *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
    ]


def headings(rows: list[Row]) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row if name.startswith("vs_torch"))
    return [*HEADINGS, *(name.replace("_", " ") for name in names)]


def as_text(rows: list[Row]) -> str:
    lines = [" " * 48 + "".join(f"{heading:>14}" for heading in headings(rows))]
    for row in rows:
        text = "".join(f"{cell:>14}" for cell in ([] if row["problem"] else cells(row)))
        lines.append(f"{row['name']:<48}{text or 'FAILED: ' + row['problem']}")
    return "\n".join(lines)


def as_markdown(rows: list[Row], notes: str) -> str:
    columns = headings(rows)
    lines = [
        f"| workload | | {' | '.join(columns)} |",
        "| --- | --- |" + " ---: |" * len(columns),
    ]
    failures = [row for row in rows if row["problem"]]
    left_out = [row for row in rows if not row["problem"] and not steady(row)]
    if left_out:
        notes += f" Left out: {len(left_out)} rows whose spread was over {MOST_SPREAD} %."
    for row in (row for row in rows if row not in left_out):
        text = ["failed"] + [""] * (len(columns) - 1) if row in failures else cells(row)
        lines.append(f"| {row['workload']} | {row['name']} | {' | '.join(text)} |")
    for row in failures:
        notes += f" Failed: {row['workload']}, {row['name']}, `{row['problem']}`."
    return "\n".join([*lines, "", notes])
