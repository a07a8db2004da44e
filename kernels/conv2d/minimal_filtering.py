"""Winograd's minimal filtering F(m, taps): the numbers, and how a row is cut into pieces.

Two taps g over m + 1 inputs d give m outputs, y[j] = g[0] d[j] + g[1] d[j + 1]. Written like this
they cost 2 m multiplications. Turned around, the same numbers are the product of two polynomials,
and a polynomial is known by its values at enough points, where the product is one multiplication
each. So m + 1 points do: transform g and d, multiply point by point, transform back,

    y = OUTPUT @ ((TAPS @ g) * (INPUT @ d))        with the points 0, 1, infinity, -1/2, -2, as
                                                   many of them as are needed; in bfloat16 with
                                                   1, -1, infinity, 0

For m = 2, the points 0, 1 and infinity:

    TAPS = [1  0]    INPUT = [1 -1  0]    OUTPUT = [1  1  0]
           [1  1]            [0  1  0]             [0  1  1]
           [0  1]            [0 -1  1]

    y[0] = g[0] (d[0] - d[1]) + (g[0] + g[1]) d[1]            3 multiplications in all instead of
    y[1] = (g[0] + g[1]) d[1] + g[1] (d[2] - d[1])            4, for some additions

The additions are shared: that of d by all output channels, that of g by all tiles, that of y by all
input channels. In two dimensions rows and columns are transformed one after the other, and the
ratio is squared: with n = 5 points it is 25/64 for two taps (m = 4), 25/81 for three (m = 3). It
could go on, but powers of more and larger points magnify rounding. Which points, matters: those for
n = 5 were found by trying small fractions; with -1 and 2 instead of -1/2 and -2 the error for two
taps is 2.4 times larger.

INPUT depends on the number of points alone. Points are in an order in which those of a smaller n
come first: tiles of all sizes share one set of transformed taps.
(A. Lavin, S. Gray: Fast Algorithms for Convolutional Neural Networks, 2016.)
"""

import functools

import numpy as np

TAPS = (2, 3)
# In bfloat16 products are computed with factors of 8 binary digits: more points would magnify their
# rounding beyond 1 %.
POINTS = {None: (3, 4, 5), "bfloat16": (3, 4)}  # numbers of points for which there is code
FINITE_POINTS = {None: (0, 1, -1 / 2, -2), "bfloat16": (1, -1, 0)}
INFINITY_AT = 2  # its place in the order of the points


def tables(
    points: int, taps: int, precision: str | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """TAPS (points, taps), INPUT (points, points) and OUTPUT (m, points), m = points - taps + 1.

    Lagrange: the row of INPUT for a point holds the coefficients of the polynomial that is 1
    there and 0 at the other finite points; the one for infinity is 0 at all of them.
    """
    m = points - taps + 1
    finite = FINITE_POINTS[precision][: points - 1]
    rows: list[list[float]] = []
    inputs: list[list[float]] = []
    outputs: list[list[float]] = []
    for point in finite:
        others = [other for other in finite if other != point]
        scale = np.prod([point - other for other in others])
        rows.append([point**power for power in range(taps)])
        inputs.append([*(np.poly(others)[::-1] / scale), 0])
        outputs.append([point**power for power in range(m)])
    rows.insert(INFINITY_AT, [0.0] * (taps - 1) + [1.0])
    inputs.insert(INFINITY_AT, [*np.poly(finite)[::-1]])
    outputs.insert(INFINITY_AT, [0.0] * (m - 1) + [1.0])
    return np.array(rows, float), np.array(inputs, float), np.array(outputs, float).T


@functools.cache
def _sizes(outputs: int, taps: int, precision: str | None) -> tuple[int, ...]:
    if outputs <= 0:
        return ()
    sizes = [points - taps + 1 for points in POINTS[precision]]
    if outputs > 24:
        many = (outputs - 20) // max(sizes)
        return (max(sizes),) * many + _sizes(outputs - max(sizes) * many, taps, precision)
    choices = [tuple(sorted((m, *_sizes(outputs - m, taps, precision)))) for m in sizes]
    return min(
        choices, key=lambda sizes: (sum(sizes) + (taps - 1) * len(sizes), len(set(sizes)), sizes)
    )


def segments(outputs: int, taps: int, precision: str | None = None) -> list[tuple[int, int]]:
    """(first output, m) of the pieces of a row, with the fewest multiplications: 7 = 3 + 4."""
    first, pieces = 0, []
    for m in _sizes(outputs, taps, precision):
        pieces.append((first, m))
        first += m
    return pieces


@functools.lru_cache(1024)
def tiles(
    size: tuple[int, int], taps: int, precision: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The tiles of an output plane, by kind: pieces of its rows times pieces of its columns.

    Returns:
        kinds: (kinds, 4), each (points of the height, of the width, tiles of this kind in an
            image, first of them). The first kind is the largest: it has all the points that any
            kind has.
        origins: (tiles, 3): the first row and column of each tile, and which of the pixels that
            it reads were read by the tiles before it: bit i * width + j for row i, column j.
    """
    rows, columns = (segments(outputs, taps, precision) for outputs in size)
    more = taps - 1
    kinds: list[tuple[int, int, int, int]] = []
    origins: list[tuple[int, int, int]] = []
    seen = np.zeros([sum(m for _, m in pieces) + more for pieces in (rows, columns)], bool)
    for height in sorted({m for _, m in rows}, reverse=True):
        for width in sorted({m for _, m in columns}, reverse=True):
            these = [(h, w) for h, m in rows if m == height for w, k in columns if k == width]
            kinds.append((height + more, width + more, len(these), len(origins)))
            for h, w in these:
                read = seen[h : h + height + more, w : w + width + more]
                bits = sum(1 << int(pixel) for pixel in np.flatnonzero(read))
                read[...] = True
                origins.append((h, w, bits))
    return np.array(kinds, np.int64).reshape(-1, 4), np.array(origins, np.int64).reshape(-1, 3)


@functools.lru_cache(1024)
def products(
    size: tuple[int, int], kernel: tuple[int, int], stride: int, precision: str | None = None
) -> tuple[int, int, int]:
    """What an image costs for each pair of channels.

    Returns:
        The products at the points, those of the plain sum, and the number of values into which the
        weight is transformed.
    """
    taps = -(-max(kernel) // stride)
    points, plain, weight = 1, 1, stride**2
    for outputs, length in zip(size, kernel, strict=True):
        short = sum(phase + (taps - 1) * stride >= length for phase in range(stride))
        pieces = [m + taps - 1 for _, m in segments(outputs, taps, precision)]
        points *= sum(stride * n - short for n in pieces)
        plain *= outputs * length
        weight *= max(pieces, default=0)
    return points, plain, weight
