"""The three sums as they are written in the package's docstring."""

import numpy as np

from ..copies import in_order
from ..cpu.jit import jit


def grouped_conv2d(
    x, weight, bias, *, stride, padding, dilation, groups, output_size, slope=1.0
):
    y = np.zeros((x.shape[0], *output_size, weight.shape[0]), x.dtype)
    _conv2d(x, weight, y, *stride, *padding, *dilation, groups)
    y = y if bias is None else y + bias
    return np.where(y > 0, y, slope * y)


def grouped_conv_transpose2d(
    y, weight, bias, *, stride, padding, dilation, groups, output_size
):
    x = np.zeros((y.shape[0], *output_size, weight.shape[1] * groups), y.dtype)
    _conv_transpose2d(y, weight, x, *stride, *padding, *dilation, groups)
    return x if bias is None else x + bias


def grouped_conv2d_weight_grad(
    x, y, *, stride, padding, dilation, groups, kernel_size, order=(2, 3, 1, 0)
):
    weight = np.zeros((y.shape[3], x.shape[3] // groups, *kernel_size), x.dtype)
    _conv2d_weight_grad(x, y, weight, *stride, *padding, *dilation, groups)
    return in_order(weight, order)


@jit
def _conv2d(x, weight, y, stride_h, stride_w, top, left, gap_h, gap_w, groups):
    for n in range(y.shape[0]):
        for p in range(y.shape[1]):
            for q in range(y.shape[2]):
                for k in range(y.shape[3]):
                    first = k // (y.shape[3] // groups) * weight.shape[1]
                    for r in range(weight.shape[2]):
                        for s in range(weight.shape[3]):
                            h, w = stride_h * p + gap_h * r - top, stride_w * q + gap_w * s - left
                            if 0 <= h < x.shape[1] and 0 <= w < x.shape[2]:
                                for c in range(weight.shape[1]):
                                    y[n, p, q, k] += x[n, h, w, first + c] * weight[k, c, r, s]


@jit
def _conv_transpose2d(y, weight, x, stride_h, stride_w, top, left, gap_h, gap_w, groups):
    for n in range(y.shape[0]):
        for p in range(y.shape[1]):
            for q in range(y.shape[2]):
                for k in range(y.shape[3]):
                    first = k // (y.shape[3] // groups) * weight.shape[1]
                    for r in range(weight.shape[2]):
                        for s in range(weight.shape[3]):
                            h, w = stride_h * p + gap_h * r - top, stride_w * q + gap_w * s - left
                            if 0 <= h < x.shape[1] and 0 <= w < x.shape[2]:
                                for c in range(weight.shape[1]):
                                    x[n, h, w, first + c] += y[n, p, q, k] * weight[k, c, r, s]


@jit
def _conv2d_weight_grad(x, y, weight, stride_h, stride_w, top, left, gap_h, gap_w, groups):
    for n in range(y.shape[0]):
        for p in range(y.shape[1]):
            for q in range(y.shape[2]):
                for k in range(y.shape[3]):
                    first = k // (y.shape[3] // groups) * weight.shape[1]
                    for r in range(weight.shape[2]):
                        for s in range(weight.shape[3]):
                            h, w = stride_h * p + gap_h * r - top, stride_w * q + gap_w * s - left
                            if 0 <= h < x.shape[1] and 0 <= w < x.shape[2]:
                                for c in range(weight.shape[1]):
                                    weight[k, c, r, s] += x[n, h, w, first + c] * y[n, p, q, k]
