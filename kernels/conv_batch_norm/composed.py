"""Rung 1, on both devices: both ladders, one after the other.

Changed: the rungs that run. Faster: as they are. Bound: as they are; h is read twice more than it
would have to be.
"""

import functools

from tinygan.kernels.batch_norm import batch_norm
from tinygan.kernels.conv2d import conv2d, conv_transpose2d


def _composed(convolution, x, weight, bias, *rest, **options):
    h = convolution(x, weight, bias, **options)
    y, *statistics = batch_norm(h.reshape(-1, h.shape[-1]), *rest)
    return h, y.reshape(h.shape), *statistics


conv2d_batch_norm = functools.partial(_composed, conv2d)
conv_transpose2d_batch_norm = functools.partial(_composed, conv_transpose2d)
