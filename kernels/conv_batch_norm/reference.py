"""Rung 0: the references of both, one after the other."""

from ..batch_norm import reference as batch_norm
from ..conv2d import reference as convolution


def _normalised(h, *rest):
    y, *statistics = batch_norm.batch_norm(h.reshape(-1, h.shape[-1]), *rest)
    return h, y.reshape(h.shape), *statistics


def conv2d_batch_norm(x, weight, bias, *rest, **options):
    return _normalised(convolution.conv2d(x, weight, bias, **options), *rest)


def conv_transpose2d_batch_norm(x, weight, bias, *rest, **options):
    return _normalised(convolution.conv_transpose2d(x, weight, bias, **options), *rest)


def _gradients(grad, h, *rest):
    matrices = [image.reshape(-1, image.shape[-1]) for image in (h, grad)]
    grad_h, *grad_affine = batch_norm.batch_norm_backward(*matrices, *rest)
    return grad, grad_h.reshape(h.shape), *grad_affine


def conv2d_batch_norm_backward(y, weight, h, *rest, **options):
    return _gradients(convolution.conv2d(y, weight, None, **options), h, *rest)


def conv_transpose2d_batch_norm_backward(y, weight, h, *rest, **options):
    return _gradients(convolution.conv_transpose2d(y, weight, None, **options), h, *rest)
