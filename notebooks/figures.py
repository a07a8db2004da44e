"""The figures of the notebooks: curves over a line, and four moments of a GAN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure


def plot(curves: Mapping[str, tuple[Any, Any]], height: float = 3.0, **axes_options: Any) -> Figure:
    """A figure of the curves {name: (x, y)}; ``axes_options`` are those of matplotlib's Axes.set.

    A name that ends in "(filled)" is drawn as an area, one that ends in "(points)" as points.
    """
    figure = Figure((6.4, height), layout="constrained")
    axes = figure.subplots()
    for number, (name, (x, y)) in enumerate(curves.items()):
        colour = f"C{number}"
        if name.endswith(" (filled)"):
            axes.fill_between(x, y, color=colour, alpha=0.3, label=name.removesuffix(" (filled)"))
        elif name.endswith(" (points)"):
            axes.plot(x, y, "o", color=colour, label=name.removesuffix(" (points)"))
        else:
            axes.plot(x, y, color=colour, label=name)
    axes.set(**axes_options)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def moments(
    titles: Sequence[str], samples: Sequence[Any], x: Any, density: Any, answers: Sequence[Any]
) -> Figure:
    """Four moments of a GAN on a line: histograms of the samples (n,), the density of the data at
    x, and D's answers there."""
    figure = Figure((6.4, 5.0), layout="constrained")
    width = (x[-1] - x[0]) / 60
    for i, axes in enumerate(figure.subplots(2, 2, sharex=True, sharey=True).flat):
        heights, edges = np.histogram(samples[i], 60, (x[0], x[-1]))
        axes.stairs(heights / (len(samples[i]) * width), edges, fill=True, color="C2", alpha=0.5,
                    label="samples")  # fmt: skip
        axes.plot(x, density, "k:", label="data")
        axes.plot(x, answers[i], "C0--", label="D")
        axes.set(title=titles[i], ylim=(0, 1.6))
        axes.grid(alpha=0.3)
        if i == 0:
            axes.legend(loc="upper left")
    return figure
