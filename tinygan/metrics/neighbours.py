"""Nearest neighbours, exact and fast; distances are Euclidean.

All pairs are looked at, a block of rows at a time, as matrix products:

    |x - y|^2 / 2 = |x|^2 / 2 + (|y|^2 / 2 - x . y)

For a fixed x only the part in brackets, the *gap*, depends on y. It is computed in float32, whose
error has a bound (`SearchPoints.bound`); every y whose gap is within twice the bound of the k-th
smallest may be among the k nearest, and no other. Those few are compared by their float64
distances.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygan.metrics.checks import as_labels, as_points, as_two_sets, positive

BLOCK_ELEMENTS = 2**23  # of a matrix of pairs that are held at a time: 32 MB in float32
LARGEST = 1e15  # squares of more may overflow in float32
MANY = 64  # times k: with more candidates than that float32 is too coarse, float64 is taken


class Neighbours(NamedTuple):
    """indices: (n, k) int64, nearest first. distances: (n, k) float64."""

    indices: np.ndarray
    distances: np.ndarray


class SearchPoints:
    """The points that are searched, in one precision, relative to their mean: rounding errors
    grow with the norms."""

    def __init__(self, points: np.ndarray, centre: np.ndarray, dtype: type):
        self.centre, self.dtype = centre, dtype
        self.rows = self.shifted(points)
        half_norms = 0.5 * np.einsum("ij,ij->i", self.rows, self.rows, dtype=np.float64)
        self.half_norms, self.largest = half_norms.astype(dtype), np.sqrt(2 * half_norms.max())

    def shifted(self, rows: np.ndarray) -> np.ndarray:
        """(b, d) relative to the centre, rounded once."""
        exact = np.promote_types(rows.dtype, self.dtype)
        return np.subtract(rows, self.centre, dtype=exact).astype(self.dtype, copy=False)

    def gaps(self, queries: np.ndarray) -> np.ndarray:
        """(b, d), relative to the same centre -> (b, n)."""
        gaps = queries @ self.rows.T
        return np.subtract(self.half_norms, gaps, out=gaps)

    def bound(self, queries: np.ndarray) -> np.ndarray:
        """(b, 1): how far rounding can have moved a gap, for any order of the sums.

        A product of d terms is wrong by at most (d + 2) u |x| |y|, with the rounding of x and y
        themselves; half a norm, and the difference, by u of their size (Higham 2002, section 3.1).
        """
        unit = np.finfo(self.dtype).eps  # 2u: covers the terms of higher order too
        norms = np.sqrt(np.einsum("ij,ij->i", queries, queries, dtype=np.float64))[:, None]
        size = queries.shape[1] + 4
        return unit * self.largest * (size * norms + 4 * self.largest)


def nearest_neighbours(
    queries: np.ndarray, points: np.ndarray | None = None, k: int = 1,
    block_elements: int = BLOCK_ELEMENTS,
) -> Neighbours:  # fmt: skip
    """For each query the k nearest points, nearest first; of equally near ones the first come
    first.

    Exact: distances are float64, from the differences, and the choice does not depend on the
    float32 products with which it begins. Only where more than 64 k points lie so close together
    (copies of one point; within 1e-7 of the extent of the whole set) that products in float64 do
    not tell them apart either, the first 64 k of them stand for all.

    Args:
        queries: (n, d), or images (n, c, h, w), which are flattened.
        points: (m, d); None for the queries themselves, each without itself.
        block_elements: of the matrix of pairs, that are in memory at a time.

    Raises:
        ValueError: shapes do not fit, values are not finite, or k is larger than the number of
            points.
    """
    name = "nearest_neighbours"
    positive(name, k=k, block_elements=block_elements)
    among_themselves = points is None
    if points is None:
        points = queries = as_points(name, "queries", queries)
    else:
        queries, points = as_two_sets(name, ("queries", "points"), queries, points)
    largest = max(float(max(x.max(), -x.min())) for x in (queries, points))
    if largest > LARGEST:
        raise ValueError(f"{name}: values reach {largest:.3g}, expected at most {LARGEST:g}")
    if k > len(points) - among_themselves:
        raise ValueError(
            f"{name}: k is {k}, expected at most {len(points) - among_themselves}, the number of "
            + ("other queries" if among_themselves else "points")
        )
    centre = points.mean(0, dtype=np.float64).astype(points.dtype)
    coarse = SearchPoints(points, centre, np.float32)
    fine: SearchPoints | None = None
    indices, distances = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
    rows = max(1, block_elements // len(points))
    for start in range(0, len(queries), rows):
        part = slice(start, min(start + rows, len(queries)))
        own = np.arange(part.start, part.stop) if among_themselves else None
        near = _candidates(coarse, queries[part], k, own)
        if np.count_nonzero(near) > MANY * k * len(near):
            fine = SearchPoints(points, centre, np.float64) if fine is None else fine
            near = _candidates(fine, queries[part], k, own)
        indices[part], distances[part] = _exact(queries[part], points, near, k)
    return Neighbours(indices, distances)


def _candidates(
    points: SearchPoints, queries: np.ndarray, k: int, own: np.ndarray | None
) -> np.ndarray:
    """(b, n) bool: which points may be among the k nearest; `own` are the queries themselves."""
    queries = points.shifted(queries)
    gaps, margin = points.gaps(queries), 2 * points.bound(queries)
    if own is not None:
        gaps[np.arange(len(own)), own] = np.inf
    last = gaps.min(1) if k == 1 else np.partition(gaps, k - 1, axis=1)[:, k - 1]
    near = gaps <= (last[:, None] + margin).astype(points.dtype)
    if points.dtype == np.float64 and np.count_nonzero(near) > MANY * k * len(near):
        equal = near & (gaps >= last[:, None] - margin)
        near &= ~equal | (np.cumsum(equal, axis=1, dtype=np.int32) <= MANY * k)
    return near


def _exact(queries: np.ndarray, points: np.ndarray, near: np.ndarray, k: int):
    """(indices, distances) of the k nearest among the candidates."""
    row, column = np.nonzero(near)
    squares = _squared_distances(queries, points, row, column)
    order = np.lexsort((column, squares, row))  # by row, then distance, then index
    counts = np.count_nonzero(near, axis=1)
    chosen = order[(np.cumsum(counts) - counts)[:, None] + np.arange(k)]
    return column[chosen], np.sqrt(squares[chosen])


def _squared_distances(
    x: np.ndarray, y: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """|x[rows[i]] - y[columns[i]]|^2 in float64."""
    squares, chunk = np.empty(len(rows)), max(1, 2**20 // x.shape[1])
    for start in range(0, len(rows), chunk):
        part = slice(start, start + chunk)
        difference = x[rows[part]].astype(np.float64) - y[columns[part]]
        squares[part] = np.einsum("ij,ij->i", difference, difference)
    return squares


def nearest_neighbour_error(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> float:
    """The fraction of a test set that the 1-nearest-neighbour rule labels wrongly.

    Each test image gets the label of the nearest training image (Cover, Hart 1967). Trained on
    generated images with the labels they were made for, it says how much of the real classes a
    conditional generator shows (Radford 2015, arXiv:1511.06434, section 8.1: raw pixels).

    Args:
        train: (n, d) or images, with train_labels (n,); test: (m, d), with test_labels (m,).

    Raises:
        ValueError, TypeError: shapes do not fit, values are not finite, labels are not integers.
    """
    name = "nearest_neighbour_error"
    train, test = as_two_sets(name, ("train", "test"), train, test)
    train_labels = as_labels(name, "train_labels", train_labels, len(train))
    test_labels = as_labels(name, "test_labels", test_labels, len(test))
    nearest = nearest_neighbours(test, train).indices[:, 0]
    return float((train_labels[nearest] != test_labels).mean())
