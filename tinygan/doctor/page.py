"""The report as a page that can be read alone."""

from __future__ import annotations

from typing import Any

MOST = 40  # rows of a table on the page; all are in the JSON file


def page(report: dict[str, Any]) -> str:
    """In Markdown."""
    gpu = report["sections"].get("machine", {}).get("gpu", {})
    emulated = "emulated" in str(gpu.get("name", "")) or gpu.get("cupy") == "emulated"
    lines = [f"# tinygan on {gpu.get('name', 'a GPU')}", ""]
    if emulated:
        lines += ["**EMULATED: no GPU has run this, and no time below is one of a GPU.**", ""]
    facts = {
        "Made by": f"`python -m tinygan.cuda`, {report['date']}",
        "tinygan": report["tinygan"],
        "GPU": ", ".join(f"{key} {value}" for key, value in gpu.items() if key != "name"),
    }
    lines += [f"- {key}: {value}" for key, value in facts.items() if value]
    lines += ["", "| section | verdict | seconds | not run |", "| --- | --- | ---: | ---: |"]
    for name, found in report["sections"].items():
        lines.append(f"| {name} | {found['verdict']} | {found.get('seconds', 0):.1f} | "
                     f"{len(found['not_run'])} |")  # fmt: skip
    for name, found in report["sections"].items():
        lines += ["", f"## {name}", ""]
        lines += [f"- **{problem}**" for problem in found["problems"]]
        lines += [f"- `{line}`" for line in found.get("complaints", [])]
        facts = {key: value for key, value in found.items()
                 if key not in ("problems", "rows", "not_run", "complaints", "verdict", "seconds")}
        lines += [f"- {key}: {_text(value)}" for key, value in facts.items()]
        for title, rows in found["rows"].items():
            lines += ["", *_table(title, rows)]
        if found["not_run"]:
            lines += ["", "Not run: " + "; ".join(found["not_run"][:MOST])]
    lines += ["", "## What now", "", "Attach this page and the JSON file beside it to an issue. "
              "They name no user and no machine.", ""]  # fmt: skip
    return "\n".join(lines)


def _table(title: str, rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "losses"))
    lines = [f"{title}:", "", "| " + " | ".join(columns) + " |",
             "| " + " | ".join("---" for _ in columns) + " |"]  # fmt: skip
    for row in rows[:MOST]:
        lines.append("| " + " | ".join(_text(row.get(key, "")) for key in columns) + " |")
    if len(rows) > MOST:
        lines.append(f"\n({len(rows) - MOST} more rows are in the JSON file.)")
    return lines


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    return str(value).replace("|", "\\|").replace("\n", " ")
