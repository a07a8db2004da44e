"""The page of a run, live or finished: what `tinygan.lab.runs` reads, drawn; two side by side."""

from __future__ import annotations

import base64
import math
from pathlib import Path
from typing import Any

from bokeh.models import ColumnDataSource, Div, Select, Slider
from bokeh.palettes import Category10_10

from tinygan.lab.page import arguments_of, arrange, escape
from tinygan.lab.plane_figures import curves
from tinygan.lab.runs import Run, thinned

MILLISECONDS = 1000  # from one look into the folder to the next
NONE = "none"
NO_RUNS = ("No run was named: <code>tinygan lab runs/dcgan_mnist</code>, or a folder that holds "
           "runs. An example that trains writes one.")  # fmt: skip


def run_page(document: Any, prefix: str, runs: list[Path]) -> None:
    """Fills a document of Bokeh's with the page of the runs that the command named."""
    RunPage(document, prefix, runs)


def names_of(runs: list[Path]) -> dict[str, Path]:
    """A name for each folder: its own, with those above it where two have the same."""
    named: dict[str, Path] = {}
    for run in runs:
        parts, count = run.resolve().parts, 1
        while (name := "/".join(parts[-count:])) in named and count < len(parts):
            count += 1
        named[name] = run
    return named


class Side:
    """One of the two runs: its controls and its pictures."""

    def __init__(self, page: RunPage, title: str, name: str, choices: list[str]):
        self.page, self.run = page, None  # type: tuple[RunPage, Run | None]
        width = dict(sizing_mode="stretch_width")
        self.choice = Select(title=title, value=name, options=choices, **width)
        self.epoch = Slider(title="Epoch", start=0, end=1, value=0, step=1, show_value=True,
                            visible=False, **width)  # fmt: skip
        self.picture, self.scores, self.facts = (Div(text="", **width) for _ in range(3))
        self._latest = True  # whether the slider stays at the last epoch
        self._setting = False
        self.choice.on_change("value", lambda attribute, old, new: self.take(new))
        self.epoch.on_change("value", lambda attribute, old, new: self._on_epoch(int(new)))

    def take(self, name: str) -> None:
        """Shows another run."""
        path = self.page.named.get(name)
        self.run, self._latest = (None if path is None else Run(path)), True
        self.poll(anew=True)
        self.page.draw_curves()

    def poll(self, anew: bool = False) -> bool:
        """Looks what is new, and shows it; whether there was anything."""
        if self.run is None:
            self.epoch.visible = False
            self.picture.text = self.scores.text = self.facts.text = ""
            return anew
        if not self.run.poll() and not anew:
            return False
        self._follow_pictures(self.run)
        self.scores.text = scores_html(self.run)
        return True

    def show_facts(self, other: Run | None) -> None:
        """Where the run stands and its settings, beside those of another one."""
        if self.run is not None:
            self.facts.text = facts_html(self.run, other)

    def _follow_pictures(self, run: Run) -> None:
        epochs = list(run.pictures)
        if not epochs:
            self.epoch.visible, self.picture.text = False, "<p>There are no pictures yet.</p>"
            return
        self._setting = True
        try:
            self.epoch.start, self.epoch.end = epochs[0], max(epochs[-1], epochs[0] + 1)
            if self._latest or not epochs[0] <= self.epoch.value <= epochs[-1]:
                self.epoch.value = epochs[-1]
            self.epoch.visible = True
        finally:
            self._setting = False
        self.show_picture()

    def _on_epoch(self, value: int) -> None:
        if self.run is not None and not self._setting:
            self._latest = value >= max(self.run.pictures, default=0)
            self.show_picture()

    def show_picture(self) -> None:
        """The grid of the slider's epoch, or of the one before it that has a picture."""
        run = self.run
        epochs = [] if run is None else [e for e in run.pictures if e <= self.epoch.value]
        content = run.picture(epochs[-1]) if run is not None and epochs else None
        if run is None or content is None:
            self.picture.text = "<p>This picture cannot be read.</p>"
            return
        data = base64.b64encode(content).decode()
        about = escape(f"Samples of {run.name} after epoch {epochs[-1]}")
        self.picture.text = (
            f'<img alt="{about}" style="width:100%;image-rendering:pixelated" '
            f'src="data:image/png;base64,{data}"><p style="margin:0">{about}</p>'
        )


class RunPage:
    """One browser page: two sides, and curves of both."""

    def __init__(self, document: Any, prefix: str, runs: list[Path]):
        self.named = names_of(runs)
        given, problems = arguments_of(document), []
        for which in ("run", "beside"):
            if given.get(which, NONE) not in (*self.named, NONE):
                known = ", ".join(self.named) or "none"
                problems.append(f"There is no run {given[which]!r:.60}; there are: {known}.")
        choices = [NONE, *self.named]
        first = given.get("run") if given.get("run") in self.named else next(iter(self.named), NONE)
        second = given.get("beside") if given.get("beside") in self.named else NONE
        self.sides = [Side(self, "Run", str(first), choices),
                      Side(self, "Beside it", str(second), choices)]  # fmt: skip
        alert = "".join(f'<p role="alert" style="color:#a00">{escape(p)}</p>' for p in problems)
        text = alert + ("" if runs else f"<p>{NO_RUNS}</p>")
        self.message = Div(text=text, visible=bool(text), sizing_mode="stretch_width")
        self.losses = curves("Losses", "loss")
        self.losses.xaxis.axis_label = "step"
        self.score = Select(title="Score by epoch", value=NONE, options=[NONE],
                            sizing_mode="stretch_width")  # fmt: skip
        self.score.on_change("value", lambda attribute, old, new: self.draw_curves())
        self.by_epoch = curves("Score", "")
        self.by_epoch.xaxis.axis_label = "epoch"
        self._make_curves()
        one, two = self.sides
        pictures = [(self.message, True), (one.choice, False), (two.choice, False),
                    (self.losses, True), (one.epoch, False), (two.epoch, False),
                    (one.picture, False), (two.picture, False), (self.score, True),
                    (self.by_epoch, True), (one.scores, False), (two.scores, False),
                    (one.facts, False), (two.facts, False)]  # fmt: skip
        arrange(document, prefix, "/run", [], pictures)
        for side in self.sides:
            side.take(side.choice.value)
        document.add_periodic_callback(self.tick, MILLISECONDS)

    def _make_curves(self) -> None:
        self.sources: dict[tuple[str, int], ColumnDataSource] = {}
        for which, (color_d, color_g, dash) in enumerate(
            ((Category10_10[0], Category10_10[1], "solid"),
             (Category10_10[2], Category10_10[3], "dashed"))
        ):  # fmt: skip
            suffix = "" if which == 0 else ", beside"
            for name, color, made in (("D", color_d, self.losses), ("G", color_g, self.losses),
                                      ("score", color_d, self.by_epoch)):  # fmt: skip
                source = ColumnDataSource({"x": [], "y": []})
                made.line("x", "y", source=source, color=color, line_dash=dash,
                          legend_label=f"{name}{suffix}")  # fmt: skip
                if name == "score":
                    made.scatter("x", "y", source=source, color=color, size=5)
                self.sources[name, which] = source
        for made in (self.losses, self.by_epoch):
            made.legend.orientation, made.legend.ncols = "horizontal", 2
            made.add_layout(made.legend[0], "below")

    def tick(self) -> None:
        """Looks into both folders."""
        new = [side.poll() for side in self.sides]  # both
        if any(new):
            self.draw_curves()

    def draw_curves(self) -> None:
        """The losses of both sides, and the chosen score."""
        names = sorted({name for side in self.sides if side.run is not None
                        for name in side.run.log.scores} - {"epoch", "step"})  # fmt: skip
        options = names or [NONE]
        if options != self.score.options:
            self.score.options = options
        if self.score.value not in options:
            self.score.value = "fid" if "fid" in options else options[0]
            return  # its own callback draws
        for which, side in enumerate(self.sides):
            log = None if side.run is None else side.run.log
            for name, key in (("D", "loss_d"), ("G", "loss_g")):
                self._draw(name, which, log.losses if log else {}, "step", key)
            self._draw("score", which, log.scores if log else {}, "epoch", self.score.value)
        self.by_epoch.title.text = self.score.value
        one, two = self.sides
        one.show_facts(two.run)
        two.show_facts(one.run)

    def _draw(
        self, name: str, which: int, table: dict[str, list[float]], x: str, y: str
    ) -> None:
        points = thinned(table[x], table[y]) if y in table else thinned([], [])
        self.sources[name, which].data = {"x": points[:, 0], "y": points[:, 1]}


def scores_html(run: Run) -> str:
    """The last scores beside those of real images, and the alarms."""
    parts = []
    rows = run.score_rows()
    if rows:
        parts.append(table_html("Scores", ("", "generated", "real"),
                                [(name, f"{a:.4g}", "" if math.isnan(b) else f"{b:.4g}")
                                 for name, a, b in rows]))  # fmt: skip
    else:
        parts.append("<p>There are no final scores (scores.json) yet.</p>")
    if run.log.alarms:
        items = "".join(f"<li>step {step:,.0f}: {escape(text)}</li>"
                        for step, text in run.log.alarms[-10:])  # fmt: skip
        parts.append(f'<b>Alarms</b><ul style="margin:0">{items}</ul>')
    else:
        parts.append("<p>No alarms.</p>")
    return "".join(parts)


def facts_html(run: Run, other: Run | None) -> str:
    """Where the run stands, what could not be read, and its settings; those that `other` has
    otherwise are marked."""
    steps = run.log.losses["step"]
    lines = [f"<p><b>{escape(run.name)}</b>: {len(steps):,} steps in the log"
             + (f", the last one {steps[-1]:,.0f}" if steps else "") + ".</p>"]  # fmt: skip
    lines += [f"<p>{escape(problem)}.</p>" for problem in run.problems]
    rows, others = run.settings(), None if other is None else dict(other.settings())
    if rows:
        marked = [(name, value, "≠" if others is not None and others.get(name) != value else "")
                  for name, value in rows]  # fmt: skip
        title = "Settings" if others is None else "Settings (≠: other than beside it)"
        lines.append(table_html(title, ("", "", ""), marked))
    return "".join(lines)


def table_html(title: str, heads: tuple[str, ...], rows: list[Any]) -> str:
    """A table whose cells are escaped."""
    head = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="padding-right:12px;overflow-wrap:anywhere">{escape(cell)}'
                         "</td>" for cell in row) + "</tr>"
        for row in rows
    )  # fmt: skip
    return f"<table><caption style='text-align:left'><b>{escape(title)}</b></caption>" \
           f"<tr>{head}</tr>{body}</table>"  # fmt: skip
