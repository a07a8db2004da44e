"""Losses of regression and of distances."""

from __future__ import annotations

import numpy as np

import tinygan.functional as F
from op_cases.case import TF, OpCase, distinct, normal
from tinygan import zeros


def signs(*shape):
    return lambda rng: rng.choice([-1, 1], shape)


def both(name, case, inputs, **options):
    errors = options.pop("errors", ())
    return OpCase(
        f"{name} {case}".strip(), lambda *x: getattr(F, name)(*x, **options), inputs,
        torch=lambda *x: getattr(TF, name)(*x, **options), errors=errors,
    )  # fmt: skip


TWO = [distinct(2, 3), lambda rng: distinct(2, 3)(rng) + 0.05]  # no difference is near 0
ONE_AND_SIGNS = [normal(5), signs(5)]

CASES = [
    *(both("l1_loss", reduction, TWO, reduction=reduction) for reduction in ("sum", "none")),
    OpCase("l1_loss", F.l1_loss, TWO, numpy=lambda x, t: np.abs(x - t).mean(),
           torch=lambda x, t: TF.l1_loss(x, t)),
    both("smooth_l1_loss", "", TWO, errors=[
        (lambda: F.smooth_l1_loss(zeros(2), zeros(2), beta=-1),
         "smooth_l1_loss: beta must be >= 0, got -1"),
    ]),
    both("smooth_l1_loss", "beta", TWO, beta=0.22, reduction="none"),
    both("smooth_l1_loss", "beta 0", TWO, beta=0.0),
    both("huber_loss", "", TWO, errors=[
        (lambda: F.huber_loss(zeros(2), zeros(2), delta=0), "huber_loss: delta must be > 0, got 0"),
    ]),
    both("huber_loss", "delta", TWO, delta=0.22, reduction="sum"),
    both("soft_margin_loss", "", ONE_AND_SIGNS),
    both("hinge_embedding_loss", "", ONE_AND_SIGNS),
    both("hinge_embedding_loss", "margin", ONE_AND_SIGNS, margin=0.4, reduction="none"),
    both("margin_ranking_loss", "", [normal(5), normal(5), signs(5)], margin=0.1),
    both("cosine_similarity", "", [normal(2, 3), normal(2, 3)]),
    both("cosine_similarity", "broadcast", [normal(2, 1, 3), normal(4, 3)], dim=-1),
    both("cosine_embedding_loss", "", [normal(4, 3), normal(4, 3), signs(4)], margin=0.2),
    both("pairwise_distance", "", [normal(4, 3), normal(4, 3)], errors=[
        (lambda: F.pairwise_distance(zeros(2), zeros(2), 0), "pairwise_distance: p must be > 0"),
    ]),
    both("pairwise_distance", "1", [normal(4, 3), normal(4, 3)], p=1.0, keepdim=True),
    both("pairwise_distance", "3", [normal(4, 3), normal(4, 3)], p=3.0),
    both("triplet_margin_loss", "", [normal(4, 3)] * 3),
    both("triplet_margin_loss", "swap", [normal(4, 3)] * 3, swap=True, margin=2.0),
]  # fmt: skip
