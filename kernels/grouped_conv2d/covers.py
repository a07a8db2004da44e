"""Which rung of the grouped convolutions applies to which groups.

A group that has few channels leaves most lanes of a matrix product empty, and most of the time of a
call goes into the call itself.
"""

from collections.abc import Callable

from ..ladder import is_float32

# Products of the channels of x and of y in one group up to which the groups are the better vector.
# (Measured on a CPU: with 16 products, matrix products took half the time or less.)
MOST_PRODUCTS = 4


def _products(x, weight, *rest, groups, **options):
    return weight.shape[0] // groups * weight.shape[1]


def _products_of_weight_grad(x, y, *, groups, **options):
    return (x.shape[3] // groups) * (y.shape[3] // groups)


_COUNTS: dict[str, Callable[..., int]] = {
    "grouped_conv2d": _products,
    "grouped_conv_transpose2d": _products,
    "grouped_conv2d_weight_grad": _products_of_weight_grad,
}


def _narrow(count):
    def covers(*args, groups, **options):
        return groups > 1 and count(*args, groups=groups) <= MOST_PRODUCTS

    return covers


def _wide(count):
    def covers(*args, groups, **options):
        return groups == 1 or count(*args, groups=groups) > MOST_PRODUCTS

    return covers


def _wide_float32(count):
    def covers(*args, groups, **options):
        # Where a sum has few terms nothing is gained by rounding them.
        return is_float32(*args) and count(*args, groups=groups) > MOST_PRODUCTS

    return covers


narrow = {name: _narrow(count) for name, count in _COUNTS.items()}
wide = {name: _wide(count) for name, count in _COUNTS.items()}
wide_float32 = {name: _wide_float32(count) for name, count in _COUNTS.items()}
