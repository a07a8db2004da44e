"""CUDA rungs of the layout changes."""

import numpy as np

from ..cuda.source import Source, empty, name_of
from ..integers import ceil_div

_KERNELS = ["swap_inner<float>", "swap_inner<double>"]
NAIVE = Source("swap_inner/1_naive.cu", _KERNELS)
TILES = Source("swap_inner/2_tiles.cu", _KERNELS, in_steps=True)
MOST_IMAGES = 65535  # the limit of gridDim.z


def _launch(source, block, tile, x):
    x = x if x.flags.c_contiguous else x.copy(order="C")
    n, a, b = x.shape
    y = empty((n, b, a), x.dtype)
    for first in range(0, n if x.size else 0, MOST_IMAGES):
        some = slice(first, first + MOST_IMAGES)
        grid = (ceil_div(a, tile[0]), ceil_div(b, tile[1]), len(x[some]))
        args = (x[some], y[some], np.int32(a), np.int32(b))
        source.launch(f"swap_inner<{name_of(x.dtype)}>", grid, block, args)
    return y


def swap_inner_naive(x):
    return _launch(NAIVE, (32, 8), (32, 8), x)


def swap_inner_tiles(x):
    return _launch(TILES, (32, 8), (32, 32), x)
