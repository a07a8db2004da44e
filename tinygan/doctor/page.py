"""The report as a page that can be read alone."""

from __future__ import annotations

import itertools
from typing import Any

Row = dict[str, Any]
MOST = 40  # rows of a table on the page, and names of a list; all are in the JSON file
ABOUT = {
    "machine": "What the numbers depend on.",
    "compile": "Every kernel, compiled by NVRTC through CuPy (at once where CuPy's cache has it), "
    "beside the registers recorded for the nearest architecture without a GPU.",
    "rungs": "The kernel that each computation gets, compared with its reference, twice.",
    "steps": "The same training steps called on the GPU, captured as a graph, and on the CPU.",
    "memory": "Whether steps keep memory, what is said when there is none, and whether a kernel "
    "writes beside an array or into an input.",
    "graphs": "How long a step takes by the GPU's clock: replayed as one graph, and called.",
    "roofline": "The limits of this GPU, and how near the kernels come on their largest shape.",
}
_UNITS = (1.0, "s"), (1e-3, "ms"), (1e-6, "µs")


def is_emulated(report: dict[str, Any]) -> bool:
    return any(found["facts"].get("emulated") for found in report["sections"].values())


def page(report: dict[str, Any]) -> str:
    """In Markdown."""
    gpu = report["sections"].get("machine", {}).get("facts", {}).get("gpu", {})
    name = gpu.get("name", "a GPU")
    if is_emulated(report):
        lines = [f"# EMULATED: tinygan on {name}", "",
                 "**No GPU has run this. Times are those of the emulator, none is one of a "
                 "GPU.**"]  # fmt: skip
    else:
        ran = any(found["rows"] for found in report["sections"].values())
        lines = [f"# tinygan on {name}", "",
                 "All numbers were measured on this GPU." if ran else
                 "**Nothing was computed: there are no numbers of this GPU.**"]  # fmt: skip
    made = f"`python -m tinygan.cuda`, tinygan {report['tinygan']}, {report['date']}"
    lines += ["", f"Made by {made}, within {report['seconds']:.0f} seconds: "
              f"**{report['verdict']}**.", ""]  # fmt: skip
    lines += ["| section | verdict | seconds | problems | not run |",
              "| --- | --- | ---: | ---: | ---: |"]  # fmt: skip
    for section, found in report["sections"].items():
        lines.append(
            f"| {section} | {found['verdict']} | {found.get('seconds', 0.0):.1f} "
            f"| {len(found['problems'])} | {len(found['not_run'])} |"
        )
    for section, found in report["sections"].items():
        lines += ["", f"## {section}", "", ABOUT[section], *_section(section, found)]
    lines += [
        "", "## What now", "",
        f"Attach this page and the file `{report['name']}.json` beside it to an issue. They name "
        "no user, no machine and no folder of yours.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _section(section: str, found: dict[str, Any]) -> list[str]:
    lines = [""]
    lines += [f"- **wrong: {_text(each)}**" for each in found["problems"][:MOST]]
    lines += [f"- worth a look: {_text(each)}" for each in found["remarks"][:MOST]]
    for kind in ("problems", "remarks"):
        if len(found[kind]) > MOST:
            lines.append(f"- ({len(found[kind]) - MOST} more {kind} are in the JSON file.)")
    lines += [f"- stderr: `{_text(each)}`" for each in found.get("complaints", [])]
    lines += [f"- {key.replace('_', ' ')}: {_shown(key, value)}"
              for key, value in found["facts"].items() if key != "emulated"]  # fmt: skip
    for title, rows in found["rows"].items():
        lines += [""] if lines[-1] else []
        lines += [*_table(title, _condensed(section, rows))]
    if found["not_run"]:
        more = len(found["not_run"]) - MOST
        names = "; ".join(map(_text, found["not_run"][:MOST]))
        lines += ["", f"Not run: {names}" + (f"; and {more} more" if more > 0 else "")]
    return lines


def _condensed(section: str, rows: list[Row]) -> list[Row]:
    """What the page shows of a long table."""
    if section == "compile":
        return sorted(rows, key=lambda row: -row.get("seconds", 0.0))
    if section in ("rungs", "memory") and rows and "ladder" in rows[0]:
        return _by_ladder(rows)
    return rows


def _by_ladder(rows: list[Row]) -> list[Row]:
    """A row for each ladder and dtype, with the case that came nearest to its tolerance."""

    def key(row: Row) -> tuple[str, str]:
        return row["ladder"], row["dtype"]

    found = []
    for (ladder, dtype), group in itertools.groupby(sorted(rows, key=key), key):
        members = list(group)
        new = {"ladder": ladder, "dtype": dtype, "cases": len(members)}
        if "error" in members[0]:
            worst = max(members, key=_nearness)
            new |= {"largest error": worst["error"], "tolerance": worst["tolerance"],
                    "on": worst["shape"], "rung": worst["rung"],
                    "same bits": all(row["same_bits"] for row in members)}  # fmt: skip
        found.append(new)
    return found


def _nearness(row: Row) -> float:
    """An error in tolerances; one that is not a finite number is above all."""
    error = row["error"]
    return error / row["tolerance"] if isinstance(error, (int, float)) else float("inf")


def _table(title: str, rows: list[Row]) -> list[str]:
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "losses"))
    lines = [f"{title}:", "", "| " + " | ".join(key.replace("_", " ") for key in columns) + " |",
             "| " + " | ".join("---" for _ in columns) + " |"]  # fmt: skip
    shown = rows if "cases" in columns else rows[:MOST]
    for row in shown:
        cells = (_shown(key, row.get(key)) for key in columns)
        lines.append("| " + " | ".join(cells) + " |")
    if len(rows) > len(shown):
        lines += ["", f"({len(rows) - len(shown)} more rows are in the JSON file.)"]
    return lines


def _shown(key: str, value: Any) -> str:
    """A value with the unit that its name tells."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, (int, float)):
        if key.endswith("flops_per_second"):
            return f"{value / 1e12:.3g} TFLOP/s"
        if key.endswith("bytes_per_second"):
            return f"{value / 1e9:.4g} GB/s"
        if key.startswith("of_") or key.endswith(("_far", "_far_from_cpu")):
            return f"{100 * value:.3g} %"
        if "seconds" in key:
            unit, name = next((pair for pair in _UNITS if abs(value) >= pair[0]), _UNITS[-1])
            return f"{value / unit:.3g} {name}"
        if key in ("free_bytes", "total_bytes", "memory_bytes"):
            return f"{value / 2**30:.1f} GiB"
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(name, each)}" for name, each in value.items())
    return _text(value)


def _text(value: Any) -> str:
    """Within a cell or an item: one line, no columns of its own."""
    return " ".join(str(value).split()).replace("|", "\\|")[:600]
