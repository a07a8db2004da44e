"""Boxes in feature maps: laid out on a grid, filled from a square, cut out to a square.

A box is left, top, right and bottom edge as parts of the image, boxes are (n, 4). A square is put
into a box, or cut out, by a product with a matrix on either side, Y x X^T: one reads the rows, the
other the columns (a spatial transformer that neither turns nor shears: Jaderberg 2015,
arXiv:1506.02025). Gradients flow to the features, not to the boxes.
"""

from __future__ import annotations

from tinygan.creation import arange
from tinygan.functions.elementwise import maximum, minimum
from tinygan.tensor import Tensor


def _axes(boxes: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Low and high edges, (n, 1), of rows and columns."""
    return [(boxes[:, k : k + 1], boxes[:, k + 2 : k + 3]) for k in (1, 0)]


def cover(low: Tensor, high: Tensor, cells: int) -> Tensor:
    """How much of each of the cells that divide [0, 1] lies between `low` and `high`, (n, 1):
    (n, cells) from 0 to 1."""
    edge = arange(cells + 1, dtype=low.dtype, device=low.device) / cells
    return (minimum(edge[1:], high) - maximum(edge[:-1], low)).clamp(min=0.0) * cells


def grid_of(t: Tensor, boxes: Tensor, cells: int) -> Tensor:
    """t (n, c), repeated inside of each box and zero outside: (n, c, cells, cells). A cell that is
    half inside gets half of it."""
    rows, columns = (cover(low, high, cells) for low, high in _axes(boxes))
    mask = rows.unsqueeze(2) * columns.unsqueeze(1)
    return t.reshape(*t.shape, 1, 1) * mask.unsqueeze(1)


def reading(places: Tensor, spread: Tensor, cells: int) -> Tensor:
    """Weights (n, m, cells) that read a row of cells, at 0.5, 1.5, ..., at `places` (n, m): linear
    between two cells, or a weighted mean of all that are nearer than `spread` (n, 1), at least 1.
    """
    cell = arange(cells, dtype=places.dtype, device=places.device) + 0.5
    places = places.clamp(0.5, cells - 0.5)  # beyond the ends, the last cells
    weights = (1.0 - (places.unsqueeze(2) - cell).abs() / spread.unsqueeze(2)).clamp(min=0.0)
    return weights / weights.sum(2, keepdim=True)


def into_boxes(x: Tensor, boxes: Tensor, cells: int) -> Tensor:
    """Squares x (n, c, k, k), each put into its box, with zeros outside: (n, c, cells, cells)."""
    k, weights = x.shape[-1], []
    centre = (arange(cells, dtype=x.dtype, device=x.device) + 0.5) / cells
    for low, high in _axes(boxes):
        places = (centre - low) / (high - low) * k
        spread = (k / cells / (high - low)).clamp(min=1.0)
        inside = cover(low, high, cells).unsqueeze(2)
        weights.append((reading(places, spread, k) * inside).unsqueeze(1))
    return weights[0] @ x @ weights[1].transpose(-2, -1)


def out_of_boxes(x: Tensor, boxes: Tensor, k: int) -> Tensor:
    """What x (n, c, cells, cells) has within each box, brought to a square: (n, c, k, k)."""
    cells, weights = x.shape[-1], []
    part = (arange(k, dtype=x.dtype, device=x.device) + 0.5) / k
    for low, high in _axes(boxes):
        places = (low + part * (high - low)) * cells
        spread = ((high - low) * (cells / k)).clamp(min=1.0)
        weights.append(reading(places, spread, cells).unsqueeze(1))
    return weights[0] @ x @ weights[1].transpose(-2, -1)


def check_boxes(net: str, boxes: Tensor, count: int) -> None:
    """Raises a ValueError unless there is a box for each of `count`."""
    if boxes.shape != (count, 4):
        raise ValueError(f"{net}: boxes has shape {boxes.shape}, expected ({count}, 4)")
