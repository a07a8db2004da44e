"""CUDA rungs of the layout changes."""

import numpy as np

from tinygan.kernels.cuda import Source, contiguous, empty, name_of
from tinygan.kernels.memory import parts

_KERNELS = ["swap_inner<float>", "swap_inner<double>"]
NAIVE = Source("layout/1_naive.cu", _KERNELS)
TILES = Source("layout/2_tiles.cu", _KERNELS)
MOST_IMAGES = 65535  # the limit of gridDim.z


def _launch(source, block, tile, x):
    x = contiguous(x)
    n, a, b = x.shape
    y = empty((n, b, a), x.dtype)
    for first in range(0, n if x.size else 0, MOST_IMAGES):
        some = slice(first, first + MOST_IMAGES)
        grid = (parts(a, tile[0]), parts(b, tile[1]), len(x[some]))
        args = (x[some], y[some], np.int32(a), np.int32(b))
        source.launch(f"swap_inner<{name_of(x.dtype)}>", grid, block, args)
    return y


def swap_inner_naive(x):
    return _launch(NAIVE, (32, 8), (32, 8), x)


def swap_inner_tiles(x):
    return _launch(TILES, (32, 8), (32, 32), x)
