"""Activations."""

from __future__ import annotations

import math

import numpy as np

import tinygan.functional as F
from op_cases.case import TF, OpCase, away, distinct, normal, torch
from tinygan import zeros

FAR = [-1000.0, 0.0, 1000.0]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


def log_softmax(x, axis=-1):
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


CASES = [
    OpCase(
        "relu", F.relu, [away(2, 3)], numpy=lambda x: np.maximum(x, 0),
        torch=lambda x: TF.relu(x), nan=True,
        errors=[(lambda: F.relu(np.zeros(2)), "ReLU: expected a Tensor, got ndarray", TypeError)],
    ),
    OpCase(
        "relu method", lambda x: x.relu(), [away(2, 2, 2, 2)], numpy=lambda x: np.maximum(x, 0),
        torch="same", batch=True, channels_last="kept",
    ),
    OpCase(
        "leaky_relu", lambda x: F.leaky_relu(x, 0.2), [away(2, 3)],
        numpy=lambda x: np.maximum(x, x / 5), torch=lambda x: TF.leaky_relu(x, 0.2), nan=True,
        errors=[(lambda: F.leaky_relu(zeros(2), -0.1),
                 "leaky_relu: negative_slope must be >= 0, got -0.1")],
    ),
    OpCase(
        "leaky_relu images", F.leaky_relu, [away(2, 2, 2, 2)],
        numpy=lambda x: np.maximum(x, x / 100), torch=lambda x: TF.leaky_relu(x), batch=True,
        channels_last="kept",
    ),
    OpCase(
        "leaky_relu 0", lambda x: F.leaky_relu(x, 0.0), [away(2, 3)],
        numpy=lambda x: np.maximum(x, 0), torch=lambda x: TF.leaky_relu(x, 0.0),
    ),
    OpCase(
        "tanh", F.tanh, [normal(2, 3)], numpy=np.tanh, torch=lambda x: torch.tanh(x),
        integers="float32", extreme=(FAR, [-1, 0, 1], [0, 1, 0]), nan=True,
    ),
    OpCase(
        "tanh method", lambda x: x.tanh(), [normal(2, 2, 2, 2)], numpy=np.tanh, torch="same",
        batch=True, channels_last="kept",
    ),
    OpCase(
        "sigmoid", F.sigmoid, [normal(2, 3)], numpy=sigmoid, torch=lambda x: torch.sigmoid(x),
        integers="float32", extreme=(FAR, [0, 0.5, 1], [0, 0.25, 0]), nan=True,
    ),
    OpCase(
        "sigmoid method", lambda x: x.sigmoid(), [normal(2, 2, 2, 2)], numpy=sigmoid, torch="same",
        batch=True, channels_last="kept",
    ),
    OpCase(
        "softplus", F.softplus, [normal(2, 3)], numpy=softplus, torch=lambda x: TF.softplus(x),
        integers="float32", extreme=(FAR, [0, math.log(2), 1000], [0, 0.5, 1]), nan=True,
        batch=True, errors=[(lambda: F.softplus(zeros(2), 0), "softplus: beta must be > 0, got 0")],
    ),
    OpCase(
        "softplus beta", lambda x: F.softplus(x, 2.0, 1.0), [away(2, 3)],
        numpy=lambda x: np.where(2 * x > 1, x, softplus(2 * x) / 2),
        torch=lambda x: TF.softplus(x, 2.0, 1.0),
    ),
    OpCase(
        "log_softmax", lambda x: F.log_softmax(x, -1), [normal(2, 3)], numpy=log_softmax,
        torch=lambda x: TF.log_softmax(x, -1), integers="float32",
        extreme=(FAR, [-2000, -1000, 0], [1, 1, -2]), nan=True, batch=True,
        errors=[(lambda: F.log_softmax(zeros(2, 2), 2),
                 "log_softmax: dim 2 is out of range for 2 dimensions")],
    ),
    OpCase(
        "log_softmax dim 0", lambda x: F.log_softmax(x, 0), [normal(3, 2)],
        numpy=lambda x: log_softmax(x, 0), torch=lambda x: TF.log_softmax(x, 0),
    ),
    OpCase(
        "softmax", lambda x: F.softmax(x, -1), [normal(2, 3)],
        numpy=lambda x: np.exp(log_softmax(x)),
        torch=lambda x: TF.softmax(x, -1), integers="float32",
        extreme=(FAR, [0, 0, 1], [0, 0, 0]), nan=True, batch=True,
        errors=[(lambda: F.softmax(zeros(2, 2), -3),
                 "softmax: dim -3 is out of range for 2 dimensions")],
    ),
    OpCase(
        "softmax dim 1 of 3", lambda x: F.softmax(x, 1), [normal(2, 3, 2)],
        numpy=lambda x: np.exp(log_softmax(x, 1)), torch=lambda x: TF.softmax(x, 1),
    ),
    OpCase("log_softmax of images", lambda x: F.log_softmax(x, 1), [normal(2, 3, 2, 2)],
           numpy=lambda x: log_softmax(x, 1), torch=lambda x: TF.log_softmax(x, 1)),
    OpCase("softmax of 3", lambda x: F.softmax(x, 0), [normal(3, 2, 2)],
           numpy=lambda x: np.exp(log_softmax(x, 0)),
           torch=lambda x: TF.softmax(x, 0)),
    OpCase("softmin", lambda x: F.softmin(x, 1), [normal(2, 3)],
           numpy=lambda x: np.exp(log_softmax(-x)),
           torch=lambda x: TF.softmin(x, 1)),
    # Numbers, which are arrays without dimensions.
    *(OpCase(f"{name} of a number", getattr(F, name), [away()],
             torch=lambda x, name=name: getattr(TF, name)(x))
      for name in ("relu", "leaky_relu", "tanh", "sigmoid", "softplus")),
    *(OpCase(f"{name} of a number", lambda x, name=name: getattr(F, name)(x, 0) * x, [away()],
             torch=lambda x, name=name: getattr(TF, name)(x, 0) * x)
      for name in ("softmax", "log_softmax")),
    OpCase(
        "maxout", lambda x: F.maxout(x, 2), [distinct(2, 6)],
        numpy=lambda x: x.reshape(2, 3, 2).max(2), torch=lambda x: x.reshape(2, 3, 2).amax(2),
        errors=[
            (lambda: F.maxout(zeros(2, 5), 2), "maxout: 5 channels are no multiple of pieces=2"),
            (lambda: F.maxout(zeros(2, 4), 2, dim=2),
             "maxout: dim 2 is out of range for 2 dimensions"),
        ],
    ),
    OpCase(
        "maxout dim -1", lambda x: F.maxout(x, 3, dim=-1), [distinct(2, 2, 3)],
        numpy=lambda x: x.max(2, keepdims=True), torch=lambda x: x.amax(2, True),
    ),
]  # fmt: skip
