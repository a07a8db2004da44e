"""Rung 1: the convolution as one matrix product (im2col).

Changed: all windows of x are copied into the rows of a matrix, and the products are one matmul.
Faster: BLAS does the arithmetic.
Bound: memory; the matrix is (r * s / stride^2) times as large as x, is written and read once, and
for the transposed convolution every product is stored before it is summed.
"""

import numpy as np

from ..copies import in_order


def conv2d(x, weight, bias, *, stride, padding, output_size, slope=1.0):
    k = weight.shape[0]
    rows = _windows(x, weight.shape[2:], stride, padding, output_size)
    y = rows @ weight.transpose(2, 3, 1, 0).reshape(-1, k)
    if bias is not None:
        y += bias
    if slope != 1:
        y = np.where(y > 0, y, y.dtype.type(slope) * y)
    return y.reshape(x.shape[0], *output_size, k)


def conv_transpose2d(y, weight, bias, *, stride, padding, output_size):
    n, p, q, k = y.shape
    _, c, r, s = weight.shape
    products = y.reshape(-1, k) @ weight.transpose(0, 2, 3, 1).reshape(k, -1)
    products = products.reshape(n, p, q, r, s, c)
    padded = np.zeros((n, *_padded_size(output_size, (r, s), stride, padding, (p, q)), c), y.dtype)
    for i in range(r):
        for j in range(s):
            rows = slice(i, i + (p - 1) * stride[0] + 1, stride[0])
            columns = slice(j, j + (q - 1) * stride[1] + 1, stride[1])
            padded[:, rows, columns] += products[:, :, :, i, j]
    top, left = padding
    x = padded[:, top : top + output_size[0], left : left + output_size[1]]
    return np.ascontiguousarray(x if bias is None else x + bias)


def conv2d_weight_grad(x, y, *, stride, padding, kernel_size, order=(2, 3, 1, 0)):
    rows = _windows(x, kernel_size, stride, padding, y.shape[1:3])
    weight = rows.T @ y.reshape(-1, y.shape[3])
    weight = weight.reshape(*kernel_size, x.shape[3], y.shape[3]).transpose(3, 2, 0, 1)
    return in_order(weight, order)


def _padded_size(size, kernel, stride, padding, output_size):
    """Far enough for the last window, and for all of the image."""
    return tuple(
        max(padding[i] + size[i], (output_size[i] - 1) * stride[i] + kernel[i]) for i in range(2)
    )


def _windows(x, kernel, stride, padding, output_size):
    """The matrix with a row (r, s, c) for every output position (n, p, q)."""
    n, h, w, c = x.shape
    top, left = padding
    height, width = _padded_size((h, w), kernel, stride, padding, output_size)
    padded = np.zeros((n, height, width, c), x.dtype)
    padded[:, top : top + h, left : left + w] = x
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))
    windows = windows[:, :: stride[0], :: stride[1]][:, : output_size[0], : output_size[1]]
    rows = n * output_size[0] * output_size[1]
    return windows.transpose(0, 1, 2, 4, 5, 3).reshape(rows, kernel[0] * kernel[1] * c)
