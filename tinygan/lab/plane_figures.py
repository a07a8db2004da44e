"""The figures of the plane's page, and the arrays that they draw."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, LinearColorMapper, Range1d
from bokeh.palettes import interp_palette
from bokeh.plotting import figure

from tinygan.lab.page import MADE, PALETTE_ENDS, REAL, named
from tinygan.lab.plane import PROBABILITIES, Look, Plane
from tinygan.lab.targets import EXTENT

SIDES = ("D* = p / (p + q)", "the second D", "D − D*")
TITLES = {
    SIDES[0]: "D*, by p and counted samples", SIDES[1]: "The second D",
    SIDES[2]: "D − D*: −1 orange, 0 white, 1 blue",
}  # fmt: skip
COLUMNS = ("step", "d", "g", "jsd", "floor", "gap", "second_gap")
LATTICE, ARROW = "#2c7a4b", "#5b2a86"
KEPT = 600  # points of the curves


def square(title: str) -> Any:
    """A figure of the plane, as high as it is wide."""
    made = figure(
        title=title, x_range=Range1d(-EXTENT, EXTENT), y_range=Range1d(-EXTENT, EXTENT),
        aspect_ratio=1, sizing_mode="stretch_width", tools="", toolbar_location=None,
    )  # fmt: skip
    made.grid.visible = False
    named(made, f"Picture: {title}")
    return made


def curves(title: str, label: str) -> Any:
    """A figure of curves over the steps."""
    made = figure(
        title=title, x_axis_label="step of G", y_axis_label=label, height=270,
        sizing_mode="stretch_width", tools="", toolbar_location=None,
    )  # fmt: skip
    named(made, f"Curves: {title}")
    return made


def heat(made: Any, source: ColumnDataSource) -> Any:
    """Draws an image (BINS, BINS) of numbers in [0, 1] over the plane; NaN is white."""
    mapper = LinearColorMapper(palette=interp_palette(PALETTE_ENDS, 128), low=0, high=1,
                               nan_color="white")  # fmt: skip
    size = 2 * EXTENT
    return made.image("image", x=-EXTENT, y=-EXTENT, dw=size, dh=size, color_mapper=mapper,
                      source=source)  # fmt: skip


class Figures:
    """Four figures and their sources.

    Attributes:
        layers: what lies over each other in the plane, by the name on its button.
        strokes: the lines that the mouse draws.
    """

    def __init__(self) -> None:
        self._data: np.ndarray | None = None
        blank = np.full((2, 2), 0.5, np.float32)
        self.heat, self.other = (ColumnDataSource({"image": [blank]}) for _ in range(2))
        self.data, self.samples, self.lattice = (ColumnDataSource({"x": [], "y": []})
                                                 for _ in range(3))  # fmt: skip
        self.arrows = ColumnDataSource({name: [] for name in ("x0", "y0", "x1", "y1")})
        self.strokes = ColumnDataSource({"xs": [], "ys": []})
        self.forget()
        self.history = ColumnDataSource({name: [] for name in COLUMNS})
        self._make_plane()
        self.side = square("the map that was chosen for here")
        heat(self.side, self.other)
        self._make_curves()

    def _make_plane(self) -> None:
        self.plane = square("D's output, data, samples")
        image = heat(self.plane, self.heat)
        data = self.plane.scatter("x", "y", source=self.data, size=4, color=REAL, alpha=0.55,
                                  line_color=None)  # fmt: skip
        lattice = self.plane.line("x", "y", source=self.lattice, color=LATTICE, alpha=0.6)
        samples = self.plane.scatter("x", "y", source=self.samples, size=4, color=MADE, alpha=0.7,
                                     line_color=None)  # fmt: skip
        arrows = self.plane.segment("x0", "y0", "x1", "y1", source=self.arrows, color=ARROW,
                                    line_width=1.5)  # fmt: skip
        heads = self.plane.scatter("x1", "y1", source=self.arrows, size=4, color=ARROW,
                                   line_color=None)  # fmt: skip
        self.pen_lines = self.plane.multi_line("xs", "ys", source=self.strokes, color=REAL,
                                               line_width=2, line_dash="dotted")  # fmt: skip
        self.layers = {"D": [image], "data": [data], "samples": [samples], "latent grid": [lattice],
                       "gradient": [arrows, heads]}  # fmt: skip

    def _make_curves(self) -> None:
        self.losses = curves("Losses", "loss")
        self.losses.line("step", "d", source=self.history, color=REAL, legend_label="D")
        self.losses.line("step", "g", source=self.history, color=MADE, legend_label="G")
        self.distance = curves("Distances: JSD in nats, mean |D − D*|", "")
        for name, text, color, dash in (
            ("jsd", "JSD(p, q)", "#1c1c1c", "solid"), ("floor", "JSD of real points", "#888",
            "dashed"), ("gap", "|D − D*|", REAL, "solid"),
            ("second_gap", "|second D − D*|", LATTICE, "dotted"),
        ):  # fmt: skip
            self.distance.line("step", name, source=self.history, color=color, line_dash=dash,
                               legend_label=text)  # fmt: skip
        for made in (self.losses, self.distance):
            made.legend.orientation, made.legend.ncols = "horizontal", 2
            made.legend.padding, made.legend.spacing = 3, 6
            made.legend.label_text_font_size = "11px"
            made.add_layout(made.legend[0], "below")

    def forget(self) -> None:
        """Begins the curves anew."""
        self._new: dict[str, list[float]] = {name: [] for name in COLUMNS}
        self._step = 0
        if hasattr(self, "history"):
            self.history.data = {name: [] for name in COLUMNS}

    def show_layers(self, active: list[int]) -> None:
        """Shows those of `layers` whose places are in the list."""
        for place, glyphs in enumerate(self.layers.values()):
            for glyph in glyphs:
                glyph.visible = place in active

    def draw(self, look: Look, plane: Plane, side: str) -> None:
        """Gives the pictures of the plane to the browser."""
        self.heat.data = {"image": [look.output.astype(np.float32)]}
        chosen = {SIDES[0]: look.best, SIDES[1]: look.second}.get(side)
        if chosen is None:
            chosen = (look.output - look.best + 1) / 2
        self.other.data = {"image": [chosen.astype(np.float32)]}
        if look.data is not self._data:
            self._data = look.data
            self.data.data = columns(look.data)
        self.samples.data, self.lattice.data = columns(look.samples), columns(look.lattice)
        ends = np.concatenate([look.tails, look.heads], 1).reshape(-1, 4).T.astype(np.float32)
        self.arrows.data = dict(zip(("x0", "y0", "x1", "y1"), map(np.copy, ends), strict=True))
        self.side.title.text, self.plane.title.text = TITLES[side], output_title(plane)
        if look.step > 0 and look.step != self._step:
            self._step = look.step
            values = (look.step, look.loss_d, look.loss_g, look.jsd, look.jsd_floor, look.gap,
                      look.second_gap)  # fmt: skip
            for column, value in zip(self._new.values(), values, strict=True):
                column.append(value)

    def draw_curves(self) -> None:
        """Gives the browser what the curves have not got yet."""
        if self._new["step"]:
            self.history.stream(self._new, KEPT)
            self._new = {name: [] for name in self._new}


def columns(points: np.ndarray) -> dict[str, np.ndarray]:
    """(n, 2) as the columns of a source."""
    x, y = points.reshape(-1, 2).T.astype(np.float32)
    return {"x": x.copy(), "y": y.copy()}


def output_title(plane: Plane) -> str:
    """What the map of D shows."""
    if plane.setup.loss in PROBABILITIES:
        what = "sigmoid(D): 0 orange, 1 blue"
    elif plane.setup.loss == "least-squares":
        what = "D: 0 orange, 1 blue"
    else:
        what = "D: least orange, greatest blue"
    return what + ("" if plane.setup.pack == 1 else ", beside others")
