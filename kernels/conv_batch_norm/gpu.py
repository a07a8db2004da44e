"""Rung 2 on GPUs: the convolution's pipeline computes the sums of its tiles, too.

Changed: what a batch norm sums up over columns, forward or backward, is summed up while it is in
registers (conv2d/stores.cuh), and the kernel that comes next puts the tiles' sums together. Faster:
one launch and one reading of what the convolution computes less. Bound: as both; that is written
and read once, as is what the batch norm reads and computes.
"""

from ..batch_norm.gpu import gradients, normalised
from ..conv2d import gpu as convolutions
from ..copies import aligned, contiguous


def conv2d_batch_norm(*args, kind, **options):
    return _forward(convolutions.conv2d, kind, *args, **options)


def conv_transpose2d_batch_norm(*args, kind, **options):
    return _forward(convolutions.conv_transpose2d, kind, *args, **options)


def conv2d_batch_norm_backward(*args, kind, **options):
    return _backward(convolutions.conv2d, kind, *args, **options)


def conv_transpose2d_batch_norm_backward(*args, kind, **options):
    return _backward(convolutions.conv_transpose2d, kind, *args, **options)


def _forward(convolution, kind, x, weight, bias, *rest, **options):
    version = f"{kind} pipeline"
    h, moments = convolution(x, weight, bias, version=version, sums_of=(), **options)
    y, *statistics = normalised(h.reshape(-1, h.shape[-1]), moments, *rest)
    return h, y.reshape(h.shape), *statistics


def _backward(convolution, kind, y, weight, h, *rest, **options):
    version = f"{kind} pipeline"
    statistics, scalars = [contiguous(array) for array in rest[:4]], rest[4:]
    h = aligned(h)
    sums_of = (h, *statistics, *scalars)
    grad, sums = convolution(y, weight, None, version=version, sums_of=sums_of, **options)
    h_matrix, grad_matrix = (image.reshape(-1, image.shape[-1]) for image in (h, grad))
    grad_h, *grad_affine = gradients(h_matrix, grad_matrix, sums, *statistics, *scalars)
    return grad, grad_h.reshape(h.shape), *grad_affine
