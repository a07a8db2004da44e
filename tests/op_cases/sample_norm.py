"""Norms of each sample by itself."""

from __future__ import annotations

import numpy as np

import tinygan
import tinygan.functional as F
from op_cases.case import TF, OpCase, away, normal, positive, torch
from tinygan import ones, zeros

MEAN, VAR = [0.5, -1.0], [0.25, 2.0]


def numpy_norm(x, dims, weight=1.0, bias=0.0, eps=1e-5):
    mean, var = x.mean(dims, keepdims=True), x.var(dims, keepdims=True)
    return weight * (x - mean) / np.sqrt(var + eps) + bias


def column(v, x):
    return v.reshape(1, -1, *(1,) * (x.ndim - 2))


def instance(x, weight, bias):
    dims = tuple(range(2, x.ndim))
    return numpy_norm(x, dims, column(weight, x), column(bias, x))


def groups_of_2(x, weight, bias):
    grouped = x.reshape(len(x), 2, -1)
    return numpy_norm(grouped, 2).reshape(x.shape) * column(weight, x) + column(bias, x)


def running_instance_norm(library, functional):
    """By constant statistics: PyTorch has no gradients by running ones."""

    def run(x):
        mean, var = (library.tensor(v, dtype=x.dtype, device=x.device) for v in (MEAN, VAR))
        return functional.instance_norm(x, mean, var, use_input_stats=False)

    return run


CASES = [
    OpCase(
        "instance_norm", lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
        [normal(2, 3, 2, 3), normal(3), normal(3)], numpy=instance,
        torch=lambda x, w, b: TF.instance_norm(x, weight=w, bias=b), batch=True,
        channels_last="kept",
        errors=[
            (lambda: F.instance_norm(zeros(2, 3)),
             "instance_norm: input needs (n, c, ...) dimensions, got (2, 3)"),
            (lambda: F.instance_norm(zeros(2, 3, 1, 1)),
             "instance_norm: input of shape (2, 3, 1, 1) has 1 value(s) per channel"),
            (lambda: F.instance_norm(zeros(2, 3, 4), use_input_stats=False),
             "instance_norm: running_mean and running_var are needed with use_input_stats=False"),
            (lambda: F.instance_norm(zeros(2, 3, 4), weight=ones(2)),
             "instance_norm: weight has shape (2,), expected (3,)"),
        ],
    ),
    OpCase(  # whose sums go over eight rows at once
        "instance_norm 4 x 4", F.instance_norm, [normal(2, 3, 4, 4)],
        numpy=lambda x: numpy_norm(x, (2, 3)), torch=lambda x: TF.instance_norm(x), batch=True,
        channels_last="kept",
    ),
    OpCase(
        "instance_norm 3-D", lambda x: F.instance_norm(x, eps=0.1), [normal(2, 2, 4)],
        numpy=lambda x: numpy_norm(x, 2, eps=0.1), torch=lambda x: TF.instance_norm(x, eps=0.1),
    ),
    OpCase(
        "instance_norm running", running_instance_norm(tinygan, F), [normal(2, 2, 3, 2)],
        numpy=lambda x: (x - column(np.array(MEAN), x)) / np.sqrt(column(np.array(VAR), x) + 1e-5),
        torch=running_instance_norm(torch, TF),
    ),
    OpCase(
        "layer_norm",
        lambda x, w, b: F.layer_norm(x, (2, 3), w.reshape(2, 3), b.reshape(2, 3)),
        [normal(4, 2, 3), normal(6), normal(6)],
        numpy=lambda x, w, b: numpy_norm(x, (1, 2), w.reshape(2, 3), b.reshape(2, 3)),
        torch=lambda x, w, b: TF.layer_norm(x, (2, 3), w.reshape(2, 3), b.reshape(2, 3)),
        batch=True,
        errors=[
            (lambda: F.layer_norm(zeros(2, 3), 2),
             "layer_norm: input of shape (2, 3) does not end in normalized_shape (2,)"),
            (lambda: F.layer_norm(zeros(2, 3), 3, ones(2)),
             "layer_norm: weight has shape (2,), expected (3,)"),
        ],
    ),
    OpCase(
        "layer_norm rows", lambda x: F.layer_norm(x, 4, eps=0.01), [normal(3, 4)],
        numpy=lambda x: numpy_norm(x, 1, eps=0.01),
        torch=lambda x: TF.layer_norm(x, (4,), eps=0.01),
    ),
    OpCase(
        "group_norm", lambda x, w, b: F.group_norm(x, 2, w, b),
        [normal(2, 4, 2, 3), normal(4), normal(4)], numpy=groups_of_2,
        torch=lambda x, w, b: TF.group_norm(x, 2, w, b), batch=True,
        errors=[
            (lambda: F.group_norm(zeros(2, 3, 2), 2), "group_norm: input of shape (2, 3, 2) does "
             "not have a multiple of num_groups 2 channels"),
            (lambda: F.group_norm(zeros(2, 4), 2, bias=ones(3)),
             "group_norm: bias has shape (3,), expected (4,)"),
        ],
    ),
    OpCase(
        "normalize", F.normalize, [normal(2, 3, 2)],
        numpy=lambda x: x / np.sqrt((x * x).sum(1, keepdims=True)),
        torch=lambda x: TF.normalize(x), batch=True,
        errors=[
            (lambda: F.normalize(zeros(2)), "normalize: dim 1 is out of range for 1 dimensions"),
            (lambda: F.normalize(zeros(2, 2), 3), "normalize: p must be 1 or 2, got 3"),
        ],
    ),
    OpCase(
        "normalize 1", lambda x: F.normalize(x, 1, -1), [away(2, 3)],
        numpy=lambda x: x / np.abs(x).sum(1, keepdims=True), torch=lambda x: TF.normalize(x, 1, -1),
    ),
    OpCase(
        "normalize short", lambda x: F.normalize(x, eps=10.0), [positive(2, 3)],
        numpy=lambda x: x / 10, torch=lambda x: TF.normalize(x, eps=10.0),
    ),
]  # fmt: skip
