"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygan
import tinygan.functional as F
from op_cases.case import TF, OpCase, normal, positive, torch
from tinygan import ones, zeros


def refused(x=(4, 3), count=3, **options):
    return lambda: F.batch_norm(zeros(x), zeros(count), ones(count), **options)


ERRORS = [
    (refused(x=(3,)), "batch_norm: input needs (n, c, ...) dimensions, got shape (3,)"),
    (refused(count=4), "batch_norm: running_mean has shape (4,), expected (3,) for input of "
     "shape (4, 3)"),
    (refused(weight=zeros(2)), "batch_norm: weight has shape (2,), expected (3,)"),
    (refused(bias=zeros(3, 1)), "batch_norm: bias has shape (3, 1), expected (3,)"),
    (refused(x=(1, 3), training=True), "batch_norm: input of shape (1, 3) has 1 value(s) per "
     "channel; training needs 2 or more"),
    (refused(x=(0, 3), training=True), "batch_norm: input of shape (0, 3) has 0 value(s)"),
    (lambda: F.batch_norm(zeros(4, 3), None, None), "batch_norm: running_mean and running_var are "
     "needed in evaluation"),
    (lambda: F.batch_norm(zeros(4, 3).double(), None, None, ones(3), training=True),
     "BatchNorm: inputs of different dtypes", TypeError),
]  # fmt: skip


def numpy_evaluation(x, mean, var, weight, bias, eps=1e-5):
    shape = (1, -1, *(1,) * (x.ndim - 2))
    mean, var, weight, bias = (np.reshape(v, shape) for v in (mean, var, weight, bias))
    return weight * (x - mean) / np.sqrt(var + eps) + bias


def numpy_training(x, weight=1.0, bias=0.0, eps=1e-5):
    dims = (0, *range(2, x.ndim))
    return numpy_evaluation(x, x.mean(dims), x.var(dims), weight, bias, eps)


def training(functional):
    return lambda x, weight, bias: functional.batch_norm(x, None, None, weight, bias, training=True)


def evaluation(x, mean, var, weight, bias):
    return F.batch_norm(x, mean, var, weight, bias, training=False)


MEAN, VAR = [0.5, -1.0], [0.25, 2.0]


def constant_statistics(library, functional):
    """PyTorch has no gradients by running statistics."""

    def run(x, weight, bias):
        mean = library.tensor(MEAN, dtype=x.dtype, device=x.device)
        var = library.tensor(VAR, dtype=x.dtype, device=x.device)
        return functional.batch_norm(x, mean, var, weight, bias)

    return run


def by_dimensions() -> Iterator[OpCase]:
    for note, shape in {
        "2-D": (4, 2), "3-D": (2, 2, 3), "4-D": (2, 2, 2, 2), "rows": (6, 3),
        "images": (3, 2, 4, 3),
    }.items():  # fmt: skip
        channels = shape[1]
        order = "made" if len(shape) == 4 else None
        yield OpCase(
            f"batch_norm {note}", training(F), [normal(*shape), normal(channels), normal(channels)],
            numpy=numpy_training, torch=training(TF), channels_last=order,
            errors=ERRORS if note == "2-D" else (),
        )  # fmt: skip
        statistics = [normal(channels), positive(channels), normal(channels), normal(channels)]
        yield OpCase(
            f"batch_norm evaluation {note}", evaluation, [normal(*shape), *statistics],
            numpy=numpy_evaluation, channels_last=order and "kept", batch=True,
        )  # fmt: skip


CASES = [
    *by_dimensions(),
    OpCase(
        "batch_norm plain", lambda x: F.batch_norm(x, None, None, training=True), [normal(3, 2)],
        numpy=numpy_training,
        torch=lambda x: TF.batch_norm(x, None, None, training=True),
    ),
    OpCase(
        "batch_norm eps", lambda x: F.batch_norm(x, None, None, training=True, eps=1e-3),
        [normal(5, 3)], numpy=lambda x: numpy_training(x, eps=1e-3),
        torch=lambda x: TF.batch_norm(x, None, None, training=True, eps=1e-3),
    ),
    OpCase(
        "batch_norm evaluation eps", lambda *inputs: F.batch_norm(*inputs, eps=1e-3),
        [normal(5, 3), normal(3), positive(3), normal(3), normal(3)],
        numpy=lambda *inputs: numpy_evaluation(*inputs, eps=1e-3),
    ),
    OpCase(
        "batch_norm evaluation constants", constant_statistics(tinygan, F),
        [normal(3, 2, 4, 3), normal(2), normal(2)],
        numpy=lambda x, weight, bias: numpy_evaluation(x, MEAN, VAR, weight, bias),
        torch=constant_statistics(torch, TF), batch=True,
    ),
]  # fmt: skip
