"""Trigonometric and hyperbolic functions, and their inverses."""

from __future__ import annotations

import numpy as np

import tinygan
from op_cases.case import OpCase, away, normal, torch

CASES = [
    OpCase("sin", lambda x: x.sin(), [normal(2, 3)], numpy=np.sin, torch="same",
           integers="float32", nan=True),
    OpCase("cos", lambda x: x.cos(), [normal(2, 3)], numpy=np.cos, torch="same",
           integers="float32", nan=True),
    OpCase("tan", lambda x: x.tan(), [normal(2, 3)], numpy=np.tan, torch="same",
           integers="float32", nan=True),
    OpCase("sinh", lambda x: x.sinh(), [normal(2, 3)], numpy=np.sinh, torch="same",
           integers="float32", nan=True),
    OpCase("cosh", lambda x: x.cosh(), [normal(2, 3)], numpy=np.cosh, torch="same",
           integers="float32", nan=True),
    OpCase("atan", lambda x: x.atan(), [normal(2, 3)], numpy=np.arctan, torch="same",
           integers="float32", nan=True),
    OpCase("asin", lambda x: x.asin(), [lambda rng: rng.uniform(-0.9, 0.9, (2, 3))],
           numpy=np.arcsin, torch="same", nan=True),
    OpCase("atan2", lambda y, x: tinygan.atan2(y, x), [away(2, 3), away(3)],
           numpy=np.arctan2, torch=lambda y, x: torch.atan2(y, x)),
]  # fmt: skip
