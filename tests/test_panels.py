"""The panels of convolutions: the activation that they apply, and where they are plain products."""

from __future__ import annotations

import numpy as np
import pytest

from tinygan.kernels.conv2d import conv2d as ladder
from tinygan.kernels.conv2d.cases import _SHAPES, make_forward
from tinygan.kernels.conv2d.panels import conv2d
from tinygan.kernels.ladder import relative_error
from tinygan.kernels.matmul.cpu import product

# As in test_kernels.py: rounding is far below, a wrong term far above.
BOUND = {"float32": 1e-5, "float64": 1e-12}


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("has_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("case", _SHAPES)
def test_a_convolution_can_apply_leaky_relu(case, has_bias, dtype, rng):
    (x, weight, bias), options = make_forward(rng, np.dtype(dtype), **_SHAPES[case])
    bias = bias if has_bias else None
    linear = ladder.reference(
        x.astype("float64"), weight.astype("float64"),
        None if bias is None else bias.astype("float64"), **options,
    )  # fmt: skip
    result = conv2d(x, weight, bias, **dict(options, slope=0.2))
    assert result.dtype == dtype
    assert relative_error(result, np.where(linear > 0, linear, 0.2 * linear)) < BOUND[dtype]


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("side_by_side", [True, False])
@pytest.mark.parametrize(("m", "k", "n"), [(3, 1, 2), (40, 300, 5), (300, 9, 70), (2, 3000, 33)])
@pytest.mark.parametrize(("has_bias", "slope"), [(False, 1.0), (True, 0.2)])
@pytest.mark.parametrize("order", ["rows", "columns"])
def test_products_with_several_matrices(m, k, n, side_by_side, has_bias, slope, order, dtype, rng):
    taps = 3
    shape = (m, k if side_by_side else taps * k)
    a = np.asarray(rng.standard_normal(shape), dtype, order="C" if order == "rows" else "F")
    b = rng.standard_normal((taps, k, n) if order == "rows" else (taps, n, k)).astype(dtype)
    b = b if order == "rows" else b.transpose(0, 2, 1)
    bias = rng.standard_normal(n).astype(dtype) if has_bias else None
    matrix = np.concatenate(list(b.astype("float64")), axis=1 if side_by_side else 0)
    exact = a.astype("float64") @ matrix
    if has_bias:
        exact.reshape(m, -1, n)[...] += bias
    exact = np.where(exact > 0, exact, slope * exact)
    result = product(a, b, bias=bias, slope=slope, taps_are_columns=side_by_side)
    assert result.dtype == dtype
    assert relative_error(result, exact) < BOUND[dtype]
