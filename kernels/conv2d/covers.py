"""Which rung of the convolutions applies to which arguments."""

import math
from collections.abc import Callable

from ..matmul.covers import FEWEST_TERMS, MOST_DOTS
from .minimal_filtering import products


def _pays(x, weight_shape, stride, images, size, share, precision=None):
    """Whether it applies, and has enough to do to earn back its transforms.

    Counted in multiplications, of which the plain sum needs some for each pair of channels: a value
    that is transformed costs as much as eight. In all it must be at most `share` of the plain sum,
    and that must be long enough for the time that a call takes anyway, both as measured.
    """
    k, c, *kernel = weight_shape
    step = stride[0]
    if (
        step != stride[1]
        or min(c, k) < 16
        or x.dtype.char not in "fd"
        or -(-max(kernel) // step) not in (2, 3)
        or images * min(size) == 0
    ):
        return False
    if precision is not None and (x.dtype != "f" or c % 2 or k % 2):  # summed in pairs
        return False
    points, plain, weight = products(tuple(size), tuple(kernel), step, precision)
    transforms = 1 + 8 / k + 8 / (c * step * step)
    return (
        images * points * transforms + 8 * weight <= share * images * plain
        and images * plain * c * k >= 1 << 22
    )


def winograd_forward(share, precision=None):
    def covers(x, weight, bias, *, stride, padding, output_size, slope=1.0):
        shape = weight.shape
        return _pays(x, shape, stride, x.shape[0], output_size, share, precision)

    return covers


def winograd_transposed(share, precision=None):
    def covers(y, weight, bias, *, stride, padding, output_size):
        shape = weight.shape
        return _pays(y, shape, stride, y.shape[0], y.shape[1:3], share, precision)

    return covers


def winograd_weight_grad(share, precision=None):
    def covers(x, y, *, stride, padding, kernel_size, order=None):
        shape = (y.shape[3], x.shape[3], *kernel_size)
        return _pays(x, shape, stride, y.shape[0], y.shape[1:3], share, precision)

    return covers


def _images(x, weight, *rest, **options):
    """Whether the channels of both images are multiples of 4."""
    return x.dtype == "f" and not (weight.shape[0] % 4 or weight.shape[1] % 4)


def _images_of_weight_grad(x, y, **options):
    return x.dtype == "f" and not (x.shape[3] % 4 or y.shape[3] % 4)


multiples_of_4: dict[str, Callable[..., bool]] = {
    "conv2d": _images,
    "conv_transpose2d": _images,
    "conv2d_weight_grad": _images_of_weight_grad,
}


def few_outputs(x, weight, *rest, **options):
    """Whether the sums are long and few."""
    k, *terms = weight.shape
    return k <= MOST_DOTS and math.prod(terms) >= FEWEST_TERMS
