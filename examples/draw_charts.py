"""Draws the charts of the README and of the docs from the results that are kept beside them.

    python examples/draw_charts.py                     docs/results/*.json to docs/images/*.png

`steps.json` is what `python examples/benchmark_step.py --json docs/results/steps.json` leaves,
`time_to_quality.json` the results.json of examples/time_to_quality.py; `fid.json` the scores of a
training run, which says itself where they come from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import command_line
import common
from time_to_quality import GOALS

from tinygan.images import figure

ROOT = Path(__file__).resolve().parent.parent
OURS, THEIRS = "#1b6ca8", "#b3b3b3"


def steps_chart(results: dict[str, Any], path: Path) -> None:
    """Milliseconds of a training step: tinygan's modes and PyTorch's best of each precision."""
    rows = [row for row in results["rows"] if not row["problem"]]
    workloads = list(dict.fromkeys(row["workload"] for row in rows))
    size = (8, 1 + 1.2 * len(workloads))
    with figure(path, size, len(workloads)) as charts:
        for axes, workload in zip(charts[:, 0], workloads, strict=True):
            _bars(axes, workload, [row for row in rows if row["workload"] == workload])


def _bars(axes: Any, workload: str, rows: list[dict[str, Any]]) -> None:
    chosen = []
    for precision in ("fp32", "bf16"):
        here = [row for row in rows if f" {precision}" in row["name"]]
        theirs = [row for row in here if row["name"].startswith("PyTorch")]
        chosen += [row for row in here if row not in theirs]
        chosen += sorted(theirs, key=lambda row: row["median_seconds"])[:1]
    lengths = [1000 * row["median_seconds"] for row in chosen]
    colors = [THEIRS if row["name"].startswith("PyTorch") else OURS for row in chosen]
    bars = axes.barh([row["name"] for row in chosen], lengths, color=colors)
    axes.bar_label(bars, fmt="%.0f ms", padding=3)
    axes.invert_yaxis()
    axes.set_title(f"{workload}: a training step, shorter is better", loc="left")
    axes.set_xlim(0, 1.15 * max(lengths))
    axes.grid(visible=False, axis="y")


def fid_chart(results: dict[str, Any], path: Path) -> None:
    """FID against minutes of training, with the floor that real images reach."""
    with figure(path, (8, 3)) as charts:
        axes = charts[0, 0]
        for number, run in enumerate(results["runs"]):
            color = OURS if run["name"].startswith("tinygan") else f"C{number}"
            axes.plot(run["minutes"], run["fid"], "o-", color=color, label=run["name"])
        axes.axhline(results["floor"], color=THEIRS, linestyle="--", label="real images (floor)")
        axes.set(xlabel="minutes of training", ylabel="FID (log scale)", yscale="log")
        axes.legend()
        axes.grid(which="both", alpha=0.3)


def quality_chart(results: dict[str, Any], path: Path) -> None:
    """FID, in multiples of the floor, against minutes of training: a line for each run, and both
    goals."""
    floor, named = results["floor"], set[str]()
    with figure(path, (8, 3.5)) as charts:
        axes = charts[0, 0]
        for run in results["runs"]:
            library = run["library"]
            axes.plot(
                [score["minutes"] for score in run["scores"]],
                [score["fid"] / floor for score in run["scores"]], ".-",
                color=OURS if library == "tinygan" else THEIRS,
                label=None if library in named else NAMES[library],
            )  # fmt: skip
            named.add(library)
        for goal in GOALS:
            axes.axhline(goal, color="black", linewidth=0.8, linestyle="--")
            axes.annotate(f"{goal} floors", (0, goal), xytext=(2, 2), textcoords="offset points")
        axes.set(xlabel="minutes of training", ylabel="FID / floor (log scale)", yscale="log")
        axes.legend()
        axes.grid(which="both", alpha=0.3)


NAMES = {"tinygan": "tinygan", "torch": "PyTorch"}
CHARTS = {"steps": steps_chart, "fid": fid_chart, "time_to_quality": quality_chart}


def main() -> None:
    parser = command_line.Parser(__doc__, ("matplotlib.figure",))
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "results")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args()
    if not options.results.is_dir():
        parser.error(f"--results: {options.results} is not a folder")
    command_line.check_folder(options)
    for name, chart in CHARTS.items():
        results = options.results / f"{name}.json"
        if not results.exists():
            print(f"{results} is not there: {name}.png is left as it is")
            continue
        with command_line.checking():
            content = common.read_json(results)
        chart(content, options.out / f"{name}.png")


if __name__ == "__main__":
    command_line.start(main)
