"""Losses."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

import tinygan
import tinygan.functional as F
from op_cases.activation import FAR, log_softmax, sigmoid, softplus
from op_cases.case import TF, OpCase, away, integers, normal, torch, unit
from tinygan import Tensor, tensor, zeros

NUMPY = {
    "mse_loss": lambda x, t: (x - t) ** 2,
    "cross_entropy": lambda x, t: -log_softmax(x)[np.arange(len(t)), t],
    "binary_cross_entropy": lambda p, t: -t * np.log(p) - (1 - t) * np.log(1 - p),
    "binary_cross_entropy_with_logits": lambda x, t: t * softplus(-x) + (1 - t) * softplus(x),
}

INPUTS = {
    "mse_loss": [normal(2, 3), normal(2, 3)],
    "cross_entropy": [normal(2, 3), integers(3, 2)],
    "binary_cross_entropy": [unit(2, 3), unit(2, 3)],
    "binary_cross_entropy_with_logits": [normal(2, 3), unit(2, 3)],
}

ERRORS = {
    "mse_loss": [
        (lambda: F.mse_loss(zeros(2, 1), zeros(2)),
         "mse_loss: input has shape (2, 1), target has (2,"),
        (lambda: F.mse_loss(zeros(2), zeros(2), reduction="max"),
         "mse_loss: reduction must be 'mean', 'sum' or 'none', got 'max'"),
    ],
    "binary_cross_entropy_with_logits": [
        (lambda: F.binary_cross_entropy_with_logits(zeros(2), zeros(1)),
         "binary_cross_entropy_with_logits: input has shape (2,), target has (1,)"),
    ],
    "binary_cross_entropy": [
        (lambda: F.binary_cross_entropy(zeros(2), zeros(3)),
         "binary_cross_entropy: input has shape"),
        (lambda: F.binary_cross_entropy(tensor([1.5]), zeros(1)),
         "binary_cross_entropy: input must be probabilities in [0, 1]"),
        (lambda: F.binary_cross_entropy(tensor([float("nan")]), zeros(1)),
         "binary_cross_entropy: input must be probabilities"),
    ],
    "cross_entropy": [
        (lambda: F.cross_entropy(zeros(2, 3), tensor([0])),
         "cross_entropy: expected input (n, classes) and target (n,), or input (n, classes, "
         "...) and target (n, ...), got (2, 3) and (1,)"),
        (lambda: F.cross_entropy(zeros(2, 3), tensor([0, 1]), zeros(2)),
         "cross_entropy: weight has shape (2,), expected (3,)"),
        (lambda: F.cross_entropy(zeros(2, 3), tensor([0, 1]), label_smoothing=1.5),
         "cross_entropy: label_smoothing must be in [0, 1], got 1.5"),
        (lambda: F.cross_entropy(zeros(2, 3), tensor([0, 3])),
         "cross_entropy: a class index is 3, which is outside 0 ... 2"),
        (lambda: F.cross_entropy(zeros(2, 3), zeros(2)),
         "cross_entropy: target must be of integers, got float32", TypeError),
    ],
}  # fmt: skip


def losses() -> Iterator[OpCase]:
    for reduction in ("mean", "sum", "none"):
        reduce = {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction]
        for name, inputs in INPUTS.items():
            yield OpCase(
                f"{name} {reduction}",
                lambda x, t, n=name, r=reduction: getattr(F, n)(x, t, reduction=r), inputs,
                numpy=lambda x, t, n=name, reduce=reduce: reduce(NUMPY[n](x, t)),
                torch=lambda x, t, n=name, r=reduction: getattr(TF, n)(x, t, reduction=r),
                errors=ERRORS[name] if reduction == "mean" else (),
            )  # fmt: skip


def against(right: bool):
    """The loss of logits with targets on their own side of 0, or on the other one."""
    return lambda x: F.binary_cross_entropy_with_logits(
        x, (x.detach() > 0) if right else (x.detach() <= 0), reduction="none"
    )


WEIGHT = [0.5, 2.0, 1.25]


def like(x, values):
    """A tensor beside `x`, in its library, dtype and place."""
    return (tinygan if isinstance(x, Tensor) else torch).tensor(
        values, dtype=x.dtype, device=x.device
    )


def both(name, case, inputs, options=lambda x: {}, **more):
    """A case of which PyTorch knows the values."""
    return OpCase(
        f"{name} {case}".strip(), lambda x, *t: getattr(F, name)(x, *t, **options(x)), inputs,
        torch=lambda x, *t: getattr(TF, name)(x, *t, **options(x)), **more,
    )  # fmt: skip


def some_ignored(rng):
    return np.array([[2, -100, 0], [-100, 1, 1]])


def distribution(*shape):
    def draw(rng):
        drawn = rng.uniform(0.2, 2.0, shape)
        return drawn / drawn.sum(1, keepdims=True)

    return draw


def weighted(x):
    return dict(weight=like(x, WEIGHT))


IMAGES = [normal(2, 3, 3), some_ignored]
OPTIONS = [
    both("cross_entropy", "weight", [normal(4, 3), integers(3, 4)], weighted),
    both("cross_entropy", "pixels", IMAGES),
    both("cross_entropy", "pixels weight", IMAGES, weighted),
    both("cross_entropy", "pixels sum", IMAGES, lambda x: dict(reduction="sum")),
    both("cross_entropy", "pixels none", IMAGES, lambda x: dict(reduction="none", **weighted(x))),
    both("cross_entropy", "ignore_index", [normal(4, 3), lambda rng: np.array([0, 1, 1, 2])],
         lambda x: dict(ignore_index=1)),
    both("cross_entropy", "label_smoothing", IMAGES,
         lambda x: dict(label_smoothing=0.25, **weighted(x))),
    both("cross_entropy", "label_smoothing none", IMAGES,
         lambda x: dict(label_smoothing=0.25, reduction="none")),
    both("cross_entropy", "of one", [normal(3), lambda rng: np.array(1)]),
    both("cross_entropy", "probabilities", [normal(2, 3, 2), distribution(2, 3, 2)]),
    both("cross_entropy", "probabilities weight", [normal(2, 3), distribution(2, 3)],
         lambda x: dict(label_smoothing=0.1, **weighted(x))),
    both("cross_entropy", "old reduction", [normal(4, 3), integers(3, 4)],
         lambda x: dict(size_average=False) if isinstance(x, Tensor) else dict(reduction="sum")),
    both("nll_loss", "", [normal(4, 3), integers(3, 4)], errors=[
        (lambda: F.nll_loss(zeros(2, 3), tensor([0])), "nll_loss: expected input (n, classes)"),
        (lambda: F.nll_loss(zeros(2, 3), tensor([0, 3])), "nll_loss: a class index is 3"),
        (lambda: F.nll_loss(zeros(2, 3), zeros(2)), "nll_loss: target must be of integers",
         TypeError),
    ]),
    both("nll_loss", "pixels", IMAGES, weighted),
    both("binary_cross_entropy", "weight", [unit(2, 3), unit(2, 3)], weighted),
    both("binary_cross_entropy_with_logits", "weights", [normal(2, 3), unit(2, 3)],
         lambda x: dict(pos_weight=like(x, [2.0, 3.0, 0.5]), **weighted(x))),
    both("kl_div", "", [normal(2, 3), distribution(2, 3)],
         lambda x: dict(reduction="batchmean"), errors=[
        (lambda: F.kl_div(zeros(2), zeros(3)), "kl_div: input has shape (2,), target has (3,)"),
    ]),
    both("kl_div", "sum", [normal(2, 3), distribution(2, 3)], lambda x: dict(reduction="sum")),
    both("kl_div", "log_target", [normal(2, 3), normal(2, 3)],
         lambda x: dict(log_target=True, reduction="none")),
    OpCase("kl_div of zeros", lambda x: F.kl_div(x, like(x, [0.0, 1.0]), reduction="none"),
           [normal(2)], torch=lambda x: TF.kl_div(x, like(x, [0.0, 1.0]), reduction="none")),
]  # fmt: skip

CASES = [
    *losses(),
    *OPTIONS,
    OpCase(
        "binary_cross_entropy_with_logits right", against(True), [away(3)],
        numpy=lambda x: softplus(-np.abs(x)), extreme=(FAR, [0, math.log(2), 0], [0, 0.5, 0]),
    ),
    OpCase(
        "binary_cross_entropy_with_logits wrong", against(False), [away(3)],
        numpy=lambda x: softplus(np.abs(x)),
        extreme=(FAR, [1000, math.log(2), 1000], [-1, -0.5, 1]),
    ),
    OpCase(
        "binary_cross_entropy_with_logits of a sigmoid",
        lambda x, t: F.binary_cross_entropy_with_logits(x, F.sigmoid(t)), [normal(5, 1)] * 2,
        numpy=lambda x, t: NUMPY["binary_cross_entropy_with_logits"](x, sigmoid(t)).mean(),
        torch=lambda x, t: TF.binary_cross_entropy_with_logits(x, torch.sigmoid(t)),
    ),
    OpCase(
        "binary_cross_entropy of a sigmoid",
        lambda x: F.binary_cross_entropy(F.sigmoid(x), (x * 0.0) + 0.25, reduction="sum"),
        [normal(5, 1)],
        numpy=lambda x: NUMPY["binary_cross_entropy"](sigmoid(x), 0.25).sum(),
        torch=lambda x: TF.binary_cross_entropy(
            torch.sigmoid(x), (x * 0.0) + 0.25, reduction="sum"
        ),
    ),
]  # fmt: skip
