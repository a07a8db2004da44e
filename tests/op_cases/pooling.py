"""Pooling."""

from __future__ import annotations

import numpy as np

import tinygan.functional as F
from op_cases.case import TF, OpCase, distinct, normal
from op_cases.conv import beside_torch, four, pair, windows
from tinygan import zeros

X = (2, 3, 5, 5)
MAX_POOL2D_ERRORS = [
    (lambda: F.max_pool2d(zeros(3, 3), 2), "max_pool2d: input must be a floating 3-D or 4-D "
     "tensor, got float32 (3, 3)"),
    (lambda: F.max_pool2d(zeros(X), 0), "max_pool2d: kernel_size must be an integer >= 1"),
    (lambda: F.max_pool2d(zeros(X), 2, -1), "max_pool2d: stride must be an integer >= 1"),
    (lambda: F.max_pool2d(zeros(X), 2, dilation=0), "max_pool2d: dilation must be an integer >= 1"),
    (lambda: F.max_pool2d(zeros(X), 6), "max_pool2d: the window (6, 6) is larger than the input"),
    (lambda: F.max_pool2d(zeros(X), 3, dilation=3), "max_pool2d: the window (7, 7) is larger than"),
    (lambda: F.max_pool2d(zeros(X), 2, padding=2), "max_pool2d: padding 2 must be smaller than"),
    (lambda: F.max_pool2d(zeros(1, 1, 1, 1), 2, padding=1, dilation=2), "max_pool2d: a window lies "
     "in the padding alone (input (1, 1), kernel (2, 2), padding (1, 1), dilation (2, 2))"),
]  # fmt: skip
AVG_POOL2D_ERRORS = [
    (lambda: F.avg_pool2d(zeros(3, 3), 2), "avg_pool2d: input must be a floating 3-D or 4-D "
     "tensor, got float32 (3, 3)"),
    (lambda: F.avg_pool2d(zeros(X), 6), "avg_pool2d: the window (6, 6) is larger than the input"),
    (lambda: F.avg_pool2d(zeros(X), 2, padding=2), "avg_pool2d: padding 2 must be smaller than"),
    (lambda: F.avg_pool2d(zeros(X), 2, divisor_override=0),
     "avg_pool2d: divisor_override must not be 0"),
]  # fmt: skip
ADAPTIVE_ERRORS = [
    (lambda: F.adaptive_avg_pool2d(zeros(3, 3), 2),
     "adaptive_avg_pool2d: input must be a floating 3-D or 4-D tensor, got float32 (3, 3)"),
    (lambda: F.adaptive_avg_pool2d(zeros(X), 0),
     "adaptive_avg_pool2d: output_size must be an integer >= 1 or a pair of them, got 0"),
]  # fmt: skip


def max_pool2d(name, shape, kernel, stride, padding, same=None, **options) -> OpCase:
    """A case; `same` is (top, bottom, left, right) where padding is "same"."""
    kernel, top_bottom_left_right = pair(kernel), same or four(padding)
    top, bottom, left, right = top_bottom_left_right
    return OpCase(
        name, lambda x: F.max_pool2d(x, kernel, stride, padding), [distinct(*shape)],
        numpy=lambda x: windows(
            x, kernel, pair(stride or kernel), top_bottom_left_right, -np.inf
        ).max((4, 5)),
        torch=lambda x: TF.max_pool2d(
            TF.pad(x, (left, right, top, bottom), value=-np.inf), kernel, stride
        ),
        **options,
    )  # fmt: skip


def max_pool2d_beside_torch(name, shape, **options) -> OpCase:
    return OpCase(
        f"max_pool2d {name}", lambda x: F.max_pool2d(x, **options), [distinct(*shape)],
        torch=lambda x: TF.max_pool2d(x, **options),
    )  # fmt: skip


CASES = [
    max_pool2d("max_pool2d", (2, 2, 4, 2), 2, None, 0, errors=MAX_POOL2D_ERRORS, batch=True),
    max_pool2d("max_pool2d overlap", (1, 2, 5, 4), 3, 2, 1),
    max_pool2d("max_pool2d overlap odd", (2, 3, 7, 6), 3, 2, 1),
    max_pool2d("max_pool2d no overlap", (1, 2, 4, 6), 2, None, 0),
    max_pool2d("max_pool2d same", (1, 1, 3, 4), (2, 3), 2, "same", same=(0, 1, 0, 1)),
    max_pool2d_beside_torch(
        "dilation", (2, 2, 7, 6), kernel_size=(3, 2), stride=2, padding=1, dilation=(2, 3)
    ),
    max_pool2d_beside_torch("ceil_mode", (1, 2, 6, 7), kernel_size=3, stride=2, ceil_mode=True),
    max_pool2d_beside_torch(
        "ceil_mode padding", (1, 2, 5, 5), kernel_size=2, stride=3, padding=1, ceil_mode=True
    ),
    max_pool2d_beside_torch("one image", (2, 5, 4), kernel_size=2),
    OpCase(
        "avg_pool2d", lambda x: F.avg_pool2d(x, 2), [normal(2, 2, 4, 6)],
        numpy=lambda x: windows(x, (2, 2), (2, 2), (0, 0, 0, 0)).mean((4, 5)),
        torch=lambda x: TF.avg_pool2d(x, 2), errors=AVG_POOL2D_ERRORS, batch=True,
    ),
    *(
        beside_torch(f"avg_pool2d {name}", "avg_pool2d", [shape], **options)
        for name, shape, options in (
            ("overlap", (2, 3, 5, 4), dict(kernel_size=(3, 2), stride=(1, 2), padding=1)),
            ("ceil_mode", (1, 2, 6, 7),
             dict(kernel_size=3, stride=2, padding=1, ceil_mode=True)),
            ("count_include_pad", (2, 2, 5, 6),
             dict(kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)),
            ("divisor_override", (2, 2, 5, 6),
             dict(kernel_size=2, padding=1, divisor_override=3)),
            ("one image", (1, 5, 4), dict(kernel_size=2, stride=1)),
        )
    ),
    OpCase(
        "adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, 2), [normal(2, 3, 4, 6)],
        numpy=lambda x: x.reshape(len(x), 3, 2, 2, 2, 3).mean((3, 5)),
        torch=lambda x: TF.adaptive_avg_pool2d(x, 2), errors=ADAPTIVE_ERRORS, batch=True,
    ),
    *(
        beside_torch(f"adaptive_avg_pool2d {name}", "adaptive_avg_pool2d", [shape],
                     output_size=output_size)
        for name, shape, output_size in (
            ("uneven", (2, 2, 7, 5), (3, 2)),
            ("larger", (1, 2, 3, 4), (5, None)),
            ("whole", (2, 3, 4, 3), 1),
            ("one image", (2, 5, 4), (2, 3)),
        )
    ),
]  # fmt: skip
