"""Values around a tensor."""

from __future__ import annotations

import numpy as np

import tinygan.functional as F
from op_cases.case import TF, OpCase, normal
from tinygan import zeros


def both(name, shape, *arguments, **more):
    return OpCase(
        name, lambda x: F.pad(x, *arguments), [normal(*shape)],
        torch=lambda x: TF.pad(x, *arguments), **more,
    )  # fmt: skip


ERRORS = [
    (lambda: F.pad(zeros(2, 3), (1,)),
     "pad: pad must be pairs, at most one for each of 2 dimensions, got (1,)"),
    (lambda: F.pad(zeros(2), (1, 1, 1, 1)), "pad: pad must be pairs, at most one for each of 1"),
    (lambda: F.pad(zeros(2), (1, 1), "mirror"),
     "pad: mode must be one of constant, reflect, replicate, circular, got 'mirror'"),
    (lambda: F.pad(zeros(2), (1, 1), "reflect", 3.0),
     "pad: mode 'reflect' takes no value, got 3.0"),
    (lambda: F.pad(zeros(2), (2, 0), "reflect"),
     "pad: mode 'reflect' cannot put 2 and 0 values around the 2 of dim 0"),
    (lambda: F.pad(zeros(2), (0, 3), "circular"), "pad: mode 'circular' cannot put 0 and 3 values"),
    (lambda: F.pad(zeros(2), (-1, 0), "replicate"), "pad: mode 'replicate' cannot put -1 and 0"),
    (lambda: F.pad(zeros(2), (0.5, 1)), "pad: pad must be of integers, got (0.5, 1)", TypeError),
]  # fmt: skip

IMAGES = (2, 2, 3, 4)
CASES = [
    OpCase("pad", lambda x: F.pad(x, (1, 2, 0, 1)), [normal(*IMAGES)],
           numpy=lambda x: np.pad(x, ((0, 0), (0, 0), (0, 1), (1, 2))), batch=True,
           torch=lambda x: TF.pad(x, (1, 2, 0, 1)), channels_last="kept", errors=ERRORS),
    both("pad value", (2, 3), (1, 1, 2, 0), "constant", 1.5),
    both("pad cuts off", (4, 3), (-1, 1, 1, -2), "constant", 2.0),
    both("pad nothing", (2, 3), (0, 0)),
    both("pad reflect", IMAGES, (3, 1, 2, 1), "reflect", batch=True, channels_last="kept"),
    both("pad reflect all", IMAGES, (3, 3, 2, 2), "reflect"),
    both("pad reflect one side", IMAGES, (0, 3, 2, 0), "reflect"),
    both("pad replicate", IMAGES, (5, 1, 0, 2), "replicate", batch=True, channels_last="kept"),
    both("pad circular", IMAGES, (4, 1, 0, 3), "circular", batch=True, channels_last="kept"),
    both("pad reflect 3-D", (2, 2, 4), (3, 2), "reflect"),
    both("pad replicate 3-D", (2, 2, 4), (3, 2), "replicate"),
]  # fmt: skip
