"""How a tensor prints: as in PyTorch, to the space. (torch/_tensor_str.py has the same rules.)"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

BEGIN = "tensor("


@dataclass
class Options:
    """Of `tinygan.set_printoptions`.

    Attributes:
        precision: digits after the point.
        threshold: of more elements, only those at the edges are shown.
        edgeitems: how many these are, along each dimension.
        linewidth: characters in a line.
        sci_mode: whether floats have an exponent; None decides by their sizes.
    """

    precision: int = 4
    threshold: int = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


options = Options()

PROFILES: dict[str, dict[str, Any]] = {
    "default": vars(Options()),
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": sys.maxsize, "edgeitems": 3, "linewidth": 80},
}


def tensor_text(array: np.ndarray, notes: Sequence[str]) -> str:
    """``tensor(...)`` with the elements and then the notes."""
    if array.size == 0 and array.ndim != 1:
        notes = [f"size={array.shape}", *notes]
    text = BEGIN + _elements(array)
    line = len(text) - (text.rfind("\n") + 1) + 2
    for note in notes:
        line += len(note) + 2
        if line > options.linewidth:
            text += ",\n" + " " * len(BEGIN) + note
            line = len(BEGIN) + len(note)
        else:
            text += ", " + note
    return text + ")"


def _elements(array: np.ndarray) -> str:
    if array.size == 0:
        return "[]"
    shortened = array.size > options.threshold
    return _nested(array, _writer(_edges(array) if shortened else array), shortened, len(BEGIN))


def _edges(array: np.ndarray) -> np.ndarray:
    """The elements that are shown of a large array."""
    edge = options.edgeitems
    for dim, size in enumerate(array.shape):
        if size > 2 * edge:
            shown = [*range(edge), *range(size - edge, size)]
            array = array.take(shown, axis=dim)
    return array


def _nested(array: np.ndarray, write: Callable[[Any], str], shortened: bool, indent: int) -> str:
    if array.ndim == 0:
        return write(array[()])
    edge = options.edgeitems
    cut = shortened and len(array) > 2 * edge
    kept = [*array[:edge], *array[-edge:]] if cut else list(array)
    if array.ndim == 1:
        texts = [write(value) for value in kept]
        if cut:
            texts.insert(edge, " ...")
        width = len(write(kept[0])) + 2
        each = max(1, (options.linewidth - indent) // width)
        lines = [", ".join(texts[i : i + each]) for i in range(0, len(texts), each)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    texts = [_nested(part, write, shortened, indent + 1) for part in kept]
    if cut:
        texts.insert(edge, "...")
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(texts) + "]"


def _writer(shown: np.ndarray) -> Callable[[Any], str]:
    """What writes an element, all of them in the same width."""
    form = _float_form(shown) if shown.dtype.kind == "f" else str
    # Numbers that are not finite or 0 may be wider than the others, and then stick out.
    measured = shown[np.isfinite(shown) & (shown != 0)] if shown.dtype.kind == "f" else shown
    width = max((len(form(value)) for value in measured.flat), default=1)
    return lambda value: form(value).rjust(width)


def _float_form(shown: np.ndarray) -> Callable[[Any], str]:
    sizes = np.abs(shown[np.isfinite(shown) & (shown != 0)].astype(np.float64))
    whole = bool((sizes == np.ceil(sizes)).all())
    exponent = False
    if sizes.size:
        low, high = float(sizes.min()), float(sizes.max())
        exponent = high / low > 1000 or high > 1e8 or (not whole and low < 1e-4)
    if options.sci_mode is not None:
        exponent = options.sci_mode
    if exponent:
        return lambda value: f"{value:.{options.precision}e}"
    if whole:
        return lambda value: f"{value:.0f}." if np.isfinite(value) else f"{value:.0f}"
    return lambda value: f"{value:.{options.precision}f}"
