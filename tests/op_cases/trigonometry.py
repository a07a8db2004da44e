"""Sine and cosine."""

from __future__ import annotations

import numpy as np

from op_cases.case import OpCase, normal

CASES = [
    OpCase("sin", lambda x: x.sin(), [normal(2, 3)], numpy=np.sin, torch="same",
           integers="float32", nan=True),
    OpCase("cos", lambda x: x.cos(), [normal(2, 3)], numpy=np.cos, torch="same",
           integers="float32", nan=True),
    OpCase("tan", lambda x: x.tan(), [normal(2, 3)], numpy=np.tan, torch="same",
           integers="float32", nan=True),
]  # fmt: skip
