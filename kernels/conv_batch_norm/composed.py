"""Rung 1, on both devices: both ladders, one after the other.

Changed: the rungs that run. Faster: as they are. Bound: as they are; what the convolution computes
is read once more than it would have to be.
"""

import functools

from tinygan.kernels.batch_norm import batch_norm, batch_norm_backward
from tinygan.kernels.conv2d import conv2d, conv_transpose2d


def _composed(convolution, x, weight, bias, *rest, **options):
    h = convolution(x, weight, bias, **options)
    y, *statistics = batch_norm(h.reshape(-1, h.shape[-1]), *rest)
    return h, y.reshape(h.shape), *statistics


def _composed_backward(convolution, y, weight, h, *rest, **options):
    grad = convolution(y, weight, None, **options)
    matrices = [image.reshape(-1, image.shape[-1]) for image in (h, grad)]
    grad_h, *of_affine = batch_norm_backward(*matrices, *rest)
    return grad, grad_h.reshape(h.shape), *of_affine


conv2d_batch_norm = functools.partial(_composed, conv2d)
conv_transpose2d_batch_norm = functools.partial(_composed, conv_transpose2d)
conv2d_batch_norm_backward = functools.partial(_composed_backward, conv2d)
conv_transpose2d_batch_norm_backward = functools.partial(_composed_backward, conv_transpose2d)
