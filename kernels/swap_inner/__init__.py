"""Two inner dimensions change places in memory, without a change of meaning.

    swap_inner(x)[n, j, i] = x[n, i, j]          x (n, a, b) -> y (n, b, a), contiguous

Activations lie channels-last in memory (NHWC) under their name NCHW. Where a layer needs the other
order, as a Linear layer after a Flatten does, `contiguous` (../copies.py) makes it: channels and
pixels change places, image by image.
"""

from ..ladder import Ladder, is_float
from .cases import SWAP_INNER

swap_inner = Ladder("swap_inner", SWAP_INNER, baseline="swap_inner.baseline:swap_inner")
swap_inner.rung("reference", "swap_inner.reference:swap_inner")
swap_inner.rung("numpy", "swap_inner.numpy_rungs:swap_inner")
swap_inner.rung("threads", "swap_inner.cpu:swap_inner_threads", compiled=True, covers=is_float)
swap_inner.rung("naive", "swap_inner.gpu:swap_inner_naive", device="cuda", covers=is_float)
swap_inner.rung("tiles", "swap_inner.gpu:swap_inner_tiles", device="cuda", covers=is_float)
