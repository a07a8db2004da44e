"""The table of compare_programs.py."""

from __future__ import annotations

from typing import Any

MARKERS = ("<!-- programs:begin -->", "<!-- programs:end -->")

Row = dict[str, Any]


def counted(rows: list[Row]) -> str:
    """One sentence on how many programs do what."""
    possible = [row for row in rows if not row["skipped"] and not row.get("torch_problem", "?")]
    runs = [row for row in possible if not row["problem"]]
    same = [row for row in runs if row["same"]]
    silent = [row for row in runs if _is_silent(row)]
    return (
        f"PyTorch runs {len(possible)} of {len(rows)} programs; tinygan runs {len(runs)} of these, "
        f"and prints PyTorch's numbers in {len(same)}"
        + (f"; {len(silent)} more print{'s' * (len(silent) == 1)} none." if silent else ".")
    )


def _is_silent(row: Row) -> bool:
    """Whether neither library's run printed a number."""
    return not row["numbers"] and not row["our_numbers"]


def as_markdown(rows: list[Row]) -> str:
    """A table for each repository, the sentences on what does not run, and the counts."""
    parts = [counted(rows)]
    for folder in dict.fromkeys(row["folder"] for row in rows):
        group = [row for row in rows if row["folder"] == folder]
        lines = [
            f"**{folder}**: {counted(group)}",
            "",
            "| program | PyTorch runs it | tinygan runs it | same numbers | PyTorch | tinygan | "
            "PyTorch's time / tinygan's |",
            "| --- | --- | --- | --- | ---: | ---: | ---: |",
            *(_line(row) for row in group),
        ]
        parts.append("\n".join(lines))
        reasons = [f"- `{row['path']}`: {reason}" for row in group if (reason := _reason(row))]
        if reasons:
            parts.append("\n".join(reasons))
    return "\n\n".join(parts)


def as_line(row: Row) -> str:
    """A row, for the terminal."""
    cells = [row["name"], *_runs(row), *_times(row), _reason(row)]
    return " | ".join(cell for cell in cells if cell)


def _line(row: Row) -> str:
    cells = [f"`{row['path']}`", *_runs(row), *_times(row)]
    return f"| {' | '.join(cells)} |"


def _runs(row: Row) -> list[str]:
    if row["skipped"]:
        return ["not tried", "", ""]
    if row.get("torch_problem", "?"):
        return ["no" if "torch_problem" in row else "", "", ""]
    if row["problem"]:
        return ["yes", "**no**", ""]
    return ["yes", "yes", _same(row)]


def _same(row: Row) -> str:
    if _is_silent(row):
        return "none printed"
    count = f"{row['numbers']} numbers"
    if row["rounds"]:
        count += f", {row['rounds']} rounds"
    if not row["differing"]:
        return f"yes ({count})"
    parted = row["parts_in_round"]
    text = f"from round {parted} they part" if parted else "others are printed"
    own = row["torch_parts_in_round"]
    text += f"; PyTorch from itself in round {own}" if own else "; PyTorch never from itself"
    text += f"; by {row['largest_difference']:.0e} and {row['torch_largest_difference']:.0e}"
    return f"{'yes' if row['same'] else '**no**'} ({count}: {text})"


def _times(row: Row) -> list[str]:
    if "tinygan_seconds" not in row:
        return ["", "", ""]
    theirs, ours = row["torch_seconds"], row["tinygan_seconds"]
    whole = " in all" if row["unit"] == "program" else ""
    return [f"{_seconds(theirs)}{whole}", f"{_seconds(ours)}{whole}", f"{theirs / ours:.2f}"]


def _seconds(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _reason(row: Row) -> str:
    for said, name in (
        (row["skipped"], ""), (row.get("torch_problem"), "PyTorch: "), (row.get("problem"), "")
    ):  # fmt: skip
        if said:
            first = said.strip().splitlines()[0].replace("|", "\\|")
            return f"{name}{first if len(first) <= 200 else first[:200] + ' ...'}"
    return ""
