"""``report.html``: a run on one page, in one file that needs no network."""

from __future__ import annotations

import base64
import io
import shlex
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from tinygan.files import atomic_write
from tinygan.images import figure, plot_curves
from tinygan.training.run_folder import Run, read_run

SHOWN = 12  # pictures by epoch, evenly spaced, the last one included
STILL = 0.97  # a score that has fallen below this share of the last report's is still falling

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem;
  overflow-wrap: anywhere; }}
img {{ max-width: 100%; }}
.pixels {{ image-rendering: pixelated; min-width: min(100%, 30rem); }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
td, th {{ padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #8884; }}
td + td, th + th {{ font-variant-numeric: tabular-nums; }}
.alarm {{ border-left: .3rem solid #c33; padding-left: .8rem; }}
pre {{ overflow-x: auto; padding: .5rem; border: 1px solid #8884; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""

SLIDER = """<p><label>epoch <output id="epoch">{last}</output><br>
<input id="slider" type="range" min="0" max="{most}" value="{most}" style="width: min(100%, 30rem)">
</label></p>
<script>
const pictures = [...document.querySelectorAll("img[data-epoch]")];
document.getElementById("slider").addEventListener("input", event => {{
  pictures.forEach((picture, i) => picture.hidden = i != event.target.value);
  document.getElementById("epoch").value = pictures[event.target.value].dataset.epoch;
}});
</script>"""


def write_report(folder: str | Path) -> Path:
    """Writes ``report.html`` in the folder of a run, of what is there by now: pictures, curves,
    scores beside their floors, alarms and what to try, settings, versions. Returns its path.

    Raises:
        ValueError: the folder holds no run.
        ImportError: matplotlib is missing.
        OSError: the file cannot be written.
    """
    run = read_run(folder)
    program = Path(run.command[0]).stem if run.command else "tinygan"
    title = f"{program}: {run.folder.name}"
    parts = [_summary(run), _next(run), _pictures(run), _curves(run), _scores(run), _facts(run)]
    page = PAGE.format(title=escape(title), body="\n".join(filter(None, parts)))
    path = run.folder / "report.html"
    with atomic_write(path, "w") as file:
        file.write(page)
    return path


def _summary(run: Run) -> str:
    data, machine = (_dict(run.facts.get(name)) for name in ("data", "machine"))
    steps = run.steps[-1]["step"] if run.steps else 0
    epochs = run.reports[-1]["epoch"] if run.reports else 0
    minutes = run.scores.get("minutes")
    time = f", {minutes:.1f} minutes" if isinstance(minutes, (int, float)) else ""
    text = (f"{steps} steps, {epochs} epochs of {data.get('images', '?')} images of "
            f"{data.get('name', '?')}{time}, on {machine.get('device', '?')}.")  # fmt: skip
    return f"<p>{escape(text)}</p>"


def _next(run: Run) -> str:
    """The alarms, and what to do now."""
    lines = [f"<p class=alarm>Step {entry['step']}: {escape(entry['alarm'])}.</p>"
             for entry in _unlike(run.alarms)]  # fmt: skip
    failed = [entry for entry in run.reports if "failed" in entry]
    lines += [f"<p class=alarm>Scores after epoch {entry['epoch']} failed: "
              f"{escape(str(entry['failed']))}</p>" for entry in failed[-1:]]  # fmt: skip
    lines += [f"<p>{escape(sentence)}</p>" for sentence in advice(run)]
    return "<h2>What to look at</h2>\n" + "\n".join(lines)


def _unlike(alarms: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """The last alarm of each kind: those that begin alike."""
    return {entry["alarm"][:20]: entry for entry in alarms}.values()


def advice(run: Run) -> list[str]:
    """What the records of a run suggest to try next, beyond what its alarms say themselves."""
    found = [] if run.alarms else ["No alarm: both losses stayed finite, D did not win for good, "
                                   "and the samples differ from each other."]  # fmt: skip
    fids = [entry["fid"] for entry in run.reports if isinstance(entry.get("fid"), (int, float))]
    if len(fids) > 1 and fids[-1] < STILL * fids[-2]:
        found.append(
            f"The FID was still falling ({fids[-2]:.3g} to {fids[-1]:.3g} in the last report): go "
            "on with --resume and more --epochs."
        )
    elif len(fids) > 1 and fids[-1] > min(fids) / STILL:
        found.append(
            f"The FID has been better ({min(fids):.3g}, now {fids[-1]:.3g}): try a rate that falls "
            "to zero at the end (Settings(decay=...)), or a smaller one."
        )
    generated, real = (_dict(run.scores.get(name)) for name in ("generated", "real"))
    recall, best = generated.get("recall"), real.get("recall")
    if isinstance(recall, float) and isinstance(best, float) and recall < 0.9 * best:
        found.append(
            f"Recall is {recall:.2f}, real images have {best:.2f}: some kinds of images are "
            "missing. Train longer, or try pack=2 or the relativistic loss with r1 and r2."
        )
    return found


def _pictures(run: Run) -> str:
    epochs = sorted(run.pictures)
    if len(epochs) > SHOWN:
        epochs = [epochs[round(i * (len(epochs) - 1) / (SHOWN - 1))] for i in range(SHOWN)]
    if not epochs:
        return ""
    images = [f'<img class=pixels data-epoch="{epoch}" alt="samples after epoch {epoch}" '
              f'src="{_source(run.pictures[epoch].read_bytes())}"'
              f'{"" if epoch == epochs[-1] else " hidden"}>' for epoch in epochs]  # fmt: skip
    slider = SLIDER.format(last=epochs[-1], most=len(epochs) - 1) if len(epochs) > 1 else ""
    return "<h2>Samples</h2>\n" + "\n".join(images) + slider


def _curves(run: Run) -> str:
    charts = []
    losses = {name: [entry.get(f"loss_{name.lower()}") for entry in run.steps] for name in "DG"}
    if run.steps:
        drawn = io.BytesIO()
        plot_curves({name: [float("nan") if v is None else v for v in values]
                     for name, values in losses.items()}, drawn)  # fmt: skip
        charts.append(("the losses of D and G, by step", drawn.getvalue()))
    for name in ("fid", "kid", "kl", "inception_score"):
        points = [(entry["epoch"], entry[name]) for entry in run.reports
                  if isinstance(entry.get(name), (int, float))]  # fmt: skip
        if len(points) > 1:
            charts.append((f"{name} by epoch", _chart(name, points, run)))
    return "".join(
        f'<h2>{"Losses" if number == 0 else escape(text)}</h2>\n'
        f'<img alt="{escape(text)}" src="{_source(drawn)}">\n'
        for number, (text, drawn) in enumerate(charts)
    )


def _chart(name: str, points: list[tuple[int, float]], run: Run) -> bytes:
    file = io.BytesIO()
    with figure(file, (8, 3)) as charts:
        axes = charts[0, 0]
        axes.plot(*zip(*points, strict=True), "o-", label="generated")
        floor = _dict(run.scores.get("real")).get(name)
        if isinstance(floor, (int, float)):
            axes.axhline(floor, linestyle="--", color="grey", label="real images (floor)")
        log = all(value > 0 for _, value in points) and name != "inception_score"
        axes.set(xlabel="epoch", ylabel=name, yscale="log" if log else "linear")
        axes.legend()
    return file.getvalue()


def _scores(run: Run) -> str:
    generated, real = (_dict(run.scores.get(name)) for name in ("generated", "real"))
    if not generated and run.reports:
        last = run.reports[-1]
        generated = {name: value for name, value in last.items() if name not in ("step", "epoch")}
    if not generated:  # of a game whose example keeps scores of another kind
        generated = {name: value for name, value in run.scores.items() if name != "minutes"}
    if not generated:
        return ""
    rows = [(name, _text(value), *[_text(real.get(name))] * bool(real))
            for name, value in generated.items()]  # fmt: skip
    return "<h2>Scores</h2>\n" + _table(rows, ("", "generated", "real (floor)")[: len(rows[0])])


def _facts(run: Run) -> str:
    parts = []
    for title, facts in (
        ("Settings", run.settings), ("Data", run.facts.get("data")),
        ("Versions", run.facts.get("versions")), ("Machine", run.facts.get("machine")),
    ):  # fmt: skip
        rows = [(name, _text(value)) for name, value in _dict(facts).items()]
        parts.append(f"<h2>{title}</h2>\n{_table(rows)}" if rows else "")
    if run.command:
        parts.append(f"<h2>Made by</h2>\n<pre>{escape(shlex.join(run.command))}</pre>")
    return "\n".join(parts)


def _table(rows: Iterable[tuple[str, ...]], head: tuple[str, ...] = ()) -> str:
    lines = ["<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"] * bool(head)
    lines += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
              for row in rows]  # fmt: skip
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    return "" if value is None else str(value)


def _source(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
