"""The page of a run's generator: sliders, classes, walks, nearest training images."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
from bokeh.events import ButtonClick
from bokeh.models import Button, Div, Select, Slider, TextInput

from tinygan.lab.generators import (
    DIRECTIONS,
    OTHERS,
    SAMPLES,
    STEPS,
    RunGenerator,
    SentenceGenerator,
    open_generator,
    png,
)
from tinygan.lab.page import arguments_of, arrange, escape, spinner
from tinygan.lab.page_run import NO_RUNS, NONE, names_of
from tinygan.pretrained import trained_names


def generator_page(document: Any, prefix: str, runs: list[Path]) -> None:
    """Fills a document of Bokeh's with the page of the runs that the command named."""
    GeneratorPage(document, prefix, runs)


class GeneratorPage:
    """One browser page: a generator, its controls and its pictures."""

    def __init__(self, document: Any, prefix: str, runs: list[Path]):
        self.named: dict[str, Path | str] = {
            **names_of(runs), **{f"{name}, of tinygan": name for name in trained_names()}
        }  # fmt: skip
        self.subject: RunGenerator | None = None
        self.writer: SentenceGenerator | None = None
        wide: dict[str, Any] = dict(sizing_mode="stretch_width")
        asked = arguments_of(document).get("run")
        first = asked if asked in self.named else next(iter(self.named), NONE)
        self.run = Select(title="Run", value=first, options=[*self.named] or [NONE], **wide)
        self.label = Select(title="Class", value="0", options=["0"], visible=False, **wide)
        self.chosen = spinner("Sample", 1, low=1, high=SAMPLES)
        self.first = spinner("Walk from sample", 1, low=1, high=SAMPLES)
        self.last = spinner("to sample", 2, low=1, high=SAMPLES)
        self.sliders = [
            Slider(title=f"Direction {k + 1}", start=-4, end=4, step=0.1, value=0, **wide)
            for k in range(DIRECTIONS)
        ]
        self.sentence = TextInput(title="Sentence", name="sentence", visible=False,
                                  value="a large bold seven leaning left", **wide)  # fmt: skip
        self.box = [spinner(title, value, low=0, visible=False) for title, value in
                    (("Left", 8), ("Top", 6), ("Right", 30), ("Bottom", 34))]  # fmt: skip
        self.reset = Button(label="All directions to 0", **wide)
        self.search = Button(label="Nearest training images", **wide)
        self.reload = Button(label="Load the newest checkpoint", **wide)
        self.message, self.samples, self.one, self.way, self.near = (Div(text="", **wide)
                                                                     for _ in range(5))  # fmt: skip
        self.note = Div(text=f"<p>{escape(OTHERS)}</p>", **wide)
        self.run.on_change("value", lambda attribute, old, new: self.load())
        self.label.on_change("value", lambda attribute, old, new: self.draw())
        self.chosen.on_change("value", lambda attribute, old, new: self.draw_one())
        for end in (self.first, self.last):
            end.on_change("value", lambda attribute, old, new: self.draw_way())
        for slider in self.sliders:
            slider.on_change("value", lambda attribute, old, new: self.draw_one())
        for control in (self.sentence, *self.box):
            control.on_change("value", lambda attribute, old, new: self.draw_sentence())
        self.reset.on_event(ButtonClick, lambda event: self._on_reset())
        self.search.on_event(ButtonClick, lambda event: self._on_search())
        self.reload.on_event(ButtonClick, lambda event: self.load())
        pictures = [(self.message, True), (self.samples, False), (self.one, False),
                    (self.way, True), (self.near, True), (self.note, True)]  # fmt: skip
        arrange(document, prefix, "/generator", [], pictures, [
            ("Generator", [self.run, self.label, self.reload]),
            ("A sentence and a box, of GAWWN", [self.sentence, *self.box]),
            ("One sample", [self.chosen, *self.sliders, self.reset, self.search]),
            ("A walk", [self.first, self.last]),
        ])  # fmt: skip
        problem = "" if asked in (None, *self.named) else f"There is no run {asked!r:.60}."
        self.load(problem)

    def load(self, problem: str = "") -> None:
        """The newest weights of the chosen run."""
        self.subject = self.writer = None
        path = self.named.get(self.run.value)
        if path is None:
            self.message.text = f"<p>{NO_RUNS}</p>"
        else:
            try:
                found = open_generator(path)
                self.subject = found if isinstance(found, RunGenerator) else None
                self.writer = found if isinstance(found, SentenceGenerator) else None
            except ValueError as error:
                problem = str(error)
            self._say(problem)
        classes = None if self.subject is None else self.subject.classes
        self.label.visible = classes is not None
        if classes is not None:
            self.label.options = [str(label) for label in range(classes)]
            if self.label.value not in self.label.options:
                self.label.value = "0"
        for control in (self.sentence, *self.box):
            control.visible = self.writer is not None
        for control in (self.chosen, *self.sliders, self.reset, self.search, self.first, self.last):
            control.visible = self.subject is not None
        self.draw()
        self.draw_sentence()

    def draw_sentence(self) -> None:
        """What the sentence says where the box is, eight times."""
        if self.writer is None:
            return
        text, box = self.sentence.value, [control.value or 0 for control in self.box]
        try:
            images = self.writer.images(text, box)
        except ValueError as error:
            self._say(str(error))
            return
        self._say("")
        self.samples.text = picture(images, f"{text}, eight times", 4)

    def _say(self, text: str) -> None:
        self.message.text = f'<p role="alert" style="color:#a00">{escape(text)}</p>' if text else ""

    @property
    def asked(self) -> int:
        """The class."""
        return int(self.label.value)

    def draw(self) -> None:
        """All pictures."""
        self.near.text = ""
        if self.subject is None:
            self.samples.text = self.one.text = self.way.text = ""
            return
        images = self.subject.images(self.subject.latent, self.asked)
        self.samples.text = picture(images, f"Samples 1 to {SAMPLES}, row by row", 4)
        self.draw_one()
        self.draw_way()

    def _moved(self, subject: RunGenerator) -> np.ndarray:
        place = int(self.chosen.value or 1) - 1
        amounts = [slider.value for slider in self.sliders][: len(subject.directions)]
        return subject.images(subject.moved(place, amounts), self.asked)

    def draw_one(self) -> None:
        """The chosen sample, moved as the sliders say."""
        if self.subject is not None:
            title = f"Sample {self.chosen.value or 1}, moved by the sliders"
            self.one.text = picture(self._moved(self.subject), title, 1)

    def draw_way(self) -> None:
        """The walk."""
        if self.subject is not None:
            ends = int(self.first.value or 1) - 1, int(self.last.value or 1) - 1
            images = self.subject.images(self.subject.walk(*ends), self.asked)
            title = f"From sample {ends[0] + 1} to sample {ends[1] + 1} on a straight line"
            self.way.text = picture(images, title, STEPS)

    def _on_reset(self) -> None:
        for slider in self.sliders:
            slider.value = 0

    def _on_search(self) -> None:
        if self.subject is None:
            return
        made = self._moved(self.subject)
        try:
            found, distances = self.subject.nearest(made)
        except ValueError as error:
            self._say(str(error))
            return
        self._say("")
        title = ("The sample, and the training images nearest to it; their distances are "
                 + ", ".join(f"{distance:.2f}" for distance in distances))  # fmt: skip
        self.near.text = picture(np.concatenate([made, found]), title, 1 + len(found))


def picture(images: np.ndarray, title: str, columns: int) -> str:
    """A grid of images with its title, as HTML."""
    data = base64.b64encode(png(images, columns)).decode()
    most = max(220, columns * 110)
    return (
        f'<p style="margin:0">{escape(title)}</p><img alt="{escape(title)}" style="width:100%;'
        f'max-width:{most}px;image-rendering:pixelated" src="data:image/png;base64,{data}">'
    )
