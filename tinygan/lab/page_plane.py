"""The page of the GAN on a plane: it turns controls into a `Setup`, and draws what `Plane.look`
returns."""

from __future__ import annotations

import base64
import time
from typing import Any

import numpy as np
from bokeh.events import ButtonClick
from bokeh.models import (
    Button,
    CheckboxButtonGroup,
    ColumnDataSource,
    CustomJS,
    Div,
    FileInput,
    FreehandDrawTool,
    NumericInput,
    Select,
    TextInput,
)

from tinygan.lab.page import arguments_of, arrange, escape, spinner
from tinygan.lab.plane import Plane
from tinygan.lab.plane_figures import SIDES, Figures
from tinygan.lab.plane_text import status_text, theory_text
from tinygan.lab.setup import FIELDS, Field, Setup, changed, from_json, from_query, from_values
from tinygan.lab.targets import MOST_STROKES, parse_strokes, strokes_text

MILLISECONDS = 33  # from one picture to the next
BUDGET = 0.1  # seconds after which a picture is due, with fewer steps than asked for
WAITING = 3  # pictures that the browser may be behind; a page that nobody sees trains nothing
TEXTS = 5  # pictures for one of the curves and sentences
QUIET = 0.3  # seconds after which a stroke has ended

SAVE = """
const link = document.createElement("a");
link.href = URL.createObjectURL(new Blob([text.data.json[0]], {type: "application/json"}));
link.download = "tinygan-plane.json";
link.click();
URL.revokeObjectURL(link.href);
"""
# A page that is not on the screen draws no frames, and so does not answer.
ANSWER = "requestAnimationFrame(() => { seen.data = {count: [frame.data.count[0]]} })"
ADDRESS = 'window.history.replaceState(null, "", "?" + text.data.query[0])'


def plane_page(document: Any, prefix: str) -> None:
    """Fills a document of Bokeh's with the page; a link's setting is in its query."""
    PlanePage(document, prefix)


class PlanePage:
    """One browser page: its plane, its controls, its pictures."""

    def __init__(self, document: Any, prefix: str):
        self.document, problem = document, ""
        try:
            setup = from_values(arguments_of(document))
        except ValueError as error:
            setup, problem = Setup(), f"{error}. The link's other settings are left out too."
        self.plane, self.running, self.problem = Plane(setup), True, problem
        self._alone = 0  # steps of D alone that are still to be made
        self._setting = False  # whether the controls follow the setup just now, not it them
        self._drawn: float | None = None  # when the mouse last drew
        self._ready, self._sent, self._times = False, 0, [(0.0, 0)]
        self.figures = Figures()
        self.text = ColumnDataSource({"json": [setup.json()], "query": [setup.query()]})
        self.frame = ColumnDataSource({"count": [0]})
        self.seen = ColumnDataSource({"count": [0]})
        # By the samples, as only what a part of the page refers to is sent to the browser.
        self.figures.samples.js_on_change(
            "data", CustomJS(args=dict(seen=self.seen, frame=self.frame), code=ANSWER)
        )
        self.seen.on_change("data", self._on_seen)
        self.text.js_on_change("data", CustomJS(args=dict(text=self.text), code=ADDRESS))
        self.controls = {field.name: self._control(field) for field in FIELDS}
        self._make_buttons()
        self._make_strokes()
        self.status, self.theory, self.message = (Div(sizing_mode="stretch_width")
                                                  for _ in range(3))  # fmt: skip
        self._say(problem)
        self._follow()
        self._arrange(prefix)
        self.show()
        document.add_periodic_callback(self.tick, MILLISECONDS)
        document.on_event("document_ready", lambda event: self._on_ready())

    # The controls

    def _control(self, field: Field) -> Any:
        value, name = getattr(self.plane.setup, field.name), field.name
        common: dict[str, Any] = dict(title=field.label, name=name, sizing_mode="stretch_width")
        if field.choices:
            control: Any = Select(
                value=str(value), options=[str(choice) for choice in field.choices], **common
            )
        elif field.most is None:
            control = TextInput(value=value, **common)
        elif isinstance(value, int):
            control = spinner(field.label, value, name=name)
        else:
            control = NumericInput(value=value, mode="float", **common)
        control.on_change("value", lambda attribute, old, new: self._on_control(name, new))
        return control

    def _on_control(self, name: str, value: Any) -> None:
        if self._setting:
            return
        try:
            setup = changed(self.plane.setup, **{name: "" if value is None else value})
        except ValueError as error:
            self._say(f"{error}. Nothing was changed.")
            return
        self.take(setup)

    def take(self, setup: Setup) -> None:
        """Goes on with another setup."""
        if self.plane.change(setup):
            self.figures.forget()
        self._say("")
        self._follow()
        self.show()

    def _follow(self) -> None:
        """Brings controls, strokes, link and file to the setup."""
        setup, self._setting = self.plane.setup, True
        try:
            for name, control in self.controls.items():
                value = getattr(setup, name)
                control.value = str(value) if isinstance(control, Select) else value
            self.controls["components"].disabled = setup.model == "GAN"
            self.controls["strokes"].disabled = setup.target != "strokes"
            strokes = parse_strokes(setup.strokes) if setup.strokes else []
            if strokes_text(self._lines()) != setup.strokes:
                self.figures.strokes.data = {
                    "xs": [line[:, 0].tolist() for line in strokes],
                    "ys": [line[:, 1].tolist() for line in strokes],
                }
            draws = setup.target == "strokes"
            self.figures.plane.toolbar.active_drag = self.pen if draws else None
            self.clear.disabled = not draws
            self.text.data = {"json": [setup.json()], "query": [setup.query()]}
        finally:
            self._setting = False

    def _make_buttons(self) -> None:
        def button(label: str, action: Any) -> Button:
            made = Button(label=label, sizing_mode="stretch_width")
            if action is not None:
                made.on_event(ButtonClick, lambda event: action())
            return made

        self.run = button("Pause", self._on_run)
        self.one = button("One step", lambda: self._by_hand(1))
        self.only_d = button("D alone, 100 steps", self._on_only_d)
        self.again = button("Start again", self._on_again)
        self.clear = button("Clear the strokes", lambda: self._on_control("strokes", ""))
        self.save = button("Save as a file", None)
        self.save.js_on_event(ButtonClick, CustomJS(args=dict(text=self.text), code=SAVE))
        self.open = FileInput(accept=".json", title="Open a file", name="open",
                              sizing_mode="stretch_width")  # fmt: skip
        self.open.on_change("value", lambda attribute, old, new: self._on_file(new))
        self.link = TextInput(title="Open a link: this setting's is in the address bar",
                              name="link", placeholder="…?target=moons&loss=hinge",
                              sizing_mode="stretch_width")  # fmt: skip
        self.link.on_change("value", lambda attribute, old, new: self._on_link(new))
        self.layers = CheckboxButtonGroup(
            labels=list(self.figures.layers), active=[0, 1, 2, 3, 4], sizing_mode="stretch_width"
        )
        self.layers.on_change("active", lambda attribute, old, new: self.figures.show_layers(new))
        self.side = Select(title="The picture beside it", value=SIDES[0], options=list(SIDES),
                           sizing_mode="stretch_width")  # fmt: skip
        self.side.on_change("value", lambda attribute, old, new: self.show())

    def _on_run(self) -> None:
        self.running, self._alone = not self.running, 0
        self.run.label = "Pause" if self.running else "Run"
        self._sent = self.seen.data["count"][0]
        self._times = [(time.monotonic(), self._sent)]

    def _by_hand(self, steps: int) -> None:
        if self.running:
            self._on_run()
        self.plane.advance(steps)
        self.show()

    def _on_only_d(self) -> None:
        if self.running:
            self._on_run()
        self._alone = 100

    def _on_again(self) -> None:
        self._alone = 0
        self.plane.restart()
        self.figures.forget()
        self._say("")
        self.show()

    def _on_link(self, text: str) -> None:
        if text.strip():
            self._open(lambda: from_query(text))

    def _on_file(self, value: Any) -> None:
        if isinstance(value, str) and value:
            self._open(lambda: from_json(base64.b64decode(value)))

    def _open(self, read: Any) -> None:
        try:
            setup = read()
        except ValueError as error:
            self._say(f"{error}. Nothing was changed.")
        else:
            self.take(setup)

    # Strokes

    def _make_strokes(self) -> None:
        self.pen = FreehandDrawTool(renderers=[self.figures.pen_lines], num_objects=MOST_STROKES)
        self.figures.plane.add_tools(self.pen)
        self.figures.strokes.on_change("data", self._on_drawn)

    def _on_drawn(self, attribute: str, old: Any, new: Any) -> None:
        if not self._setting:
            self._drawn = time.monotonic()

    def _lines(self) -> list[np.ndarray]:
        lines = self.figures.strokes.data
        return [np.stack([np.asarray(x, float), np.asarray(y, float)], 1)
                for x, y in zip(lines["xs"], lines["ys"], strict=True)]  # fmt: skip

    def _end_of_stroke(self) -> None:
        if self._drawn is not None and time.monotonic() - self._drawn > QUIET:
            self._drawn = None
            self._on_control("strokes", strokes_text(self._lines()))

    # Pictures

    def _on_ready(self) -> None:
        """The browser has the page, and answers from now on."""
        self._ready = True
        self._sent = self.seen.data["count"][0]
        self._times = [(time.monotonic(), self._sent)]
        self.show()

    def tick(self) -> None:
        """Trains and shows the next picture, if it is wanted and the last ones have been seen."""
        self._end_of_stroke()
        wanted = self.running or self._alone
        if not (self._ready and wanted) or self._sent - self.seen.data["count"][0] >= WAITING:
            return
        end = time.monotonic() + BUDGET
        for _ in range(self._alone or self.plane.setup.speed):
            if self._alone:
                self.plane.advance_d(1)
                self._alone -= 1
            else:
                self.plane.advance(1)
            if time.monotonic() > end:
                break
        if self.plane.problem:
            self.running, self._alone = True, 0
            self._on_run()
        self.show(whole=not self.running or self._sent % TEXTS == 0)

    def show(self, whole: bool = True) -> None:
        """Draws what there is to be seen, in one message to the browser; the curves and the
        sentences, for which it arranges the page anew, if `whole`."""
        look = self.plane.look()
        self.document.hold("combine")
        try:
            self._sent += 1
            self.frame.data = {"count": [self._sent]}
            self.figures.draw(look, self.plane, self.side.value)
            if whole or self.plane.problem:
                self.figures.draw_curves()
                self.status.text = status_text(look, self.plane, self._rate())
                self.theory.text = theory_text(look, self.plane)
            if self.plane.problem:
                self._say(self.plane.problem)
        finally:
            self.document.unhold()

    def _on_seen(self, attribute: str, old: Any, new: Any) -> None:
        self._times = [*self._times[-20:], (time.monotonic(), new["count"][0])]

    def _rate(self) -> float:
        """Pictures a second that the browser has drawn lately; 0 while it pauses."""
        if not self.running:
            return 0.0
        (start, first), (end, last) = self._times[0], self._times[-1]
        return (last - first) / (end - start) if end > start else 0.0

    def _say(self, text: str) -> None:
        """A sentence about what was asked for and cannot be; screen readers read it at once."""
        self.message.text = f'<p role="alert" style="color:#a00;margin:0">{escape(text)}</p>'
        self.message.visible = bool(text)

    def _arrange(self, prefix: str) -> None:
        by_group: dict[str, list[Any]] = {}
        for field in FIELDS:
            by_group.setdefault(field.group, []).append(self.controls[field.name])
        by_group["Data"].append(self.clear)
        by_group["Keep and share"] = [self.save, self.open, self.link]
        figures = self.figures
        bar = [self.run, self.one, self.only_d, self.again]
        arrange(self.document, prefix, "/", bar, [
            (self.message, True), (self.status, True), (self.layers, False), (self.side, False),
            (figures.plane, False), (figures.side, False), (self.theory, True),
            (figures.losses, False), (figures.distance, False),
        ], list(by_group.items()))  # fmt: skip
