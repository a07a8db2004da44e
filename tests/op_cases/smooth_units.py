"""More activations."""

from __future__ import annotations

import math

import numpy as np

import tinygan.functional as F
from op_cases.activation import FAR, sigmoid, softplus
from op_cases.case import TF, OpCase, away, distinct, normal, torch
from tinygan import zeros


def between(*kinks):
    """Of both signs and sizes up to 4, at least 0.2 from each kink."""

    def draw(rng):
        values = rng.uniform(-4, 8, (4, 3))
        for kink in kinks:
            near = np.abs(values - kink) < 0.2
            values = np.where(near, values + 0.4, values)
        return values

    return draw


erf = np.vectorize(math.erf)
NUMPY = {
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "logsigmoid": lambda x: -softplus(-x),
    "tanhshrink": lambda x: x - np.tanh(x),
}
# PyTorch's own hardsigmoid has no second derivative and a slope of 1/6 in float32.
TORCH = {"hardsigmoid": lambda x: TF.relu6(x + 3) / 6}
KINKS = {"hardtanh": (-1, 1), "relu6": (0, 6), "hardsigmoid": (-3, 3), "hardswish": (-3, 3)}
ERRORS = {
    "celu": [(lambda: F.celu(zeros(2), 0), "celu: alpha must not be 0")],
    "hardtanh": [(lambda: F.hardtanh(zeros(2), 1, 1), "hardtanh: min_val 1 must be below")],
    "gelu": [(lambda: F.gelu(zeros(2), "sigmoid"),
              "gelu: approximate must be 'none' or 'tanh', got 'sigmoid'")],
}  # fmt: skip

CASES = [
    *(
        OpCase(
            name, getattr(F, name), [between(*KINKS.get(name, (0,)))], numpy=formula,
            torch=TORCH.get(name, lambda x, name=name: getattr(TF, name)(x)), nan=True,
            integers="float32",
            errors=ERRORS.get(name, ()), atol=2e-6,
        )
        for name, formula in NUMPY.items()
    ),
    *(
        OpCase(
            f"{name} images", getattr(F, name), [away(2, 2, 2, 2)], numpy=NUMPY[name],
            torch=lambda x, name=name: getattr(TF, name)(x), batch=True, channels_last="kept",
            atol=2e-6,
        )
        for name in ("elu", "relu6", "gelu", "silu", "mish")
    ),
    *(
        OpCase(f"{name} of a number", getattr(F, name), [away()],
               torch=TORCH.get(name, lambda x, name=name: getattr(TF, name)(x)))
        for name in NUMPY
    ),
    OpCase("elu alpha", lambda x: F.elu(x, 1.5), [away(2, 3)],
           numpy=lambda x: np.where(x > 0, x, 1.5 * np.expm1(x)), torch=lambda x: TF.elu(x, 1.5),
           extreme=(FAR, [-1.5, 0, 1000], [0, 1.5, 1])),
    OpCase("celu alpha", lambda x: F.celu(x, 0.5), [away(2, 3)], torch=lambda x: TF.celu(x, 0.5)),
    OpCase("hardtanh low high", lambda x: F.hardtanh(x, 0.5, 3), [between(0.5, 3)],
           torch=lambda x: TF.hardtanh(x, 0.5, 3)),
    OpCase("gelu tanh", lambda x: F.gelu(x, "tanh"), [normal(2, 3)],
           torch=lambda x: TF.gelu(x, approximate="tanh")),
    OpCase("threshold", lambda x: F.threshold(x, 0.0, -3.0), [away(2, 3)],
           numpy=lambda x: np.where(x > 0, x, -3), torch=lambda x: TF.threshold(x, 0.0, -3.0)),
    OpCase("prelu", F.prelu, [away(2, 3), normal(1)], torch=lambda x, w: TF.prelu(x, w),
           numpy=lambda x, w: np.where(x > 0, x, w * x), batch=True, errors=[
        (lambda: F.prelu(zeros(2, 3), zeros(2)), "prelu: weight has shape (2,), expected (1,) or"),
    ]),
    OpCase("prelu channels", F.prelu, [away(2, 3, 2, 2), normal(3)],
           torch=lambda x, w: TF.prelu(x, w)),
    OpCase("glu", F.glu, [normal(2, 6)], torch=lambda x: TF.glu(x), batch=True, errors=[
        (lambda: F.glu(zeros(2, 3)), "glu: dim 1 of input of shape (2, 3) must have an even size"),
    ]),
    OpCase("glu dim 0", lambda x: F.glu(x, 0), [normal(4, 3)],
           numpy=lambda x: x[:2] * sigmoid(x[2:]),
           torch=lambda x: x[:2] * torch.sigmoid(x[2:])),
    OpCase("hardshrink", lambda x: F.hardshrink(x, 0.11), [distinct(2, 3)],
           torch=lambda x: TF.hardshrink(x, 0.11), integers="float32", batch=True),
    OpCase("softshrink", lambda x: F.softshrink(x, 0.11), [distinct(2, 3)],
           torch=lambda x: TF.softshrink(x, 0.11), integers="float32", nan=True, batch=True,
           errors=[(lambda: F.softshrink(zeros(2), -1), "softshrink: lambd must be >= 0, got -1")]),
]  # fmt: skip
