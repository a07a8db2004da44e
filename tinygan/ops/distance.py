"""Losses of regression, and of vectors that are to be near to each other or far apart."""

from __future__ import annotations

from tinygan.ops.activation import relu, softplus
from tinygan.ops.loss import matching, reduced, reduction_of
from tinygan.ops.math import abs, clip, sqrt, where
from tinygan.ops.reduction import sum
from tinygan.ops.shape import check_dim
from tinygan.tensor import Tensor

__all__ = [
    "cosine_embedding_loss", "cosine_similarity", "hinge_embedding_loss", "huber_loss", "l1_loss",
    "margin_ranking_loss", "mse_loss", "pairwise_distance", "smooth_l1_loss", "soft_margin_loss",
    "triplet_margin_loss",
]  # fmt: skip


def mse_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """(input - target)^2, averaged. Unlike PyTorch, no shapes are broadcast: (n, 1) against (n,)
    would average over all n^2 pairs, which nobody means."""
    difference = input - matching("mse_loss", input, target)
    return reduced(
        "mse_loss", difference * difference, reduction_of(size_average, reduce, reduction)
    )


def l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """|input - target|, averaged; of equal shapes."""
    distance = abs(input - matching("l1_loss", input, target))
    return reduced("l1_loss", distance, reduction_of(size_average, reduce, reduction))


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """d^2 / (2 beta) where d = |input - target| < beta, d - beta / 2 elsewhere; averaged.

    Raises:
        ValueError: beta is negative, or shapes differ.
    """
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must be >= 0, got {beta}")
    d = abs(input - matching("smooth_l1_loss", input, target))
    losses = d if beta == 0 else where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta)
    return reduced("smooth_l1_loss", losses, reduction_of(size_average, reduce, reduction))


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """d^2 / 2 where d = |input - target| <= delta, delta (d - delta / 2) elsewhere; averaged.

    Raises:
        ValueError: delta is not positive, or shapes differ.
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be > 0, got {delta}")
    d = abs(input - matching("huber_loss", input, target))
    losses = where(d <= delta, d * d * 0.5, (d - 0.5 * delta) * delta)
    return reduced("huber_loss", losses, reduction)


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """ln(1 + e^(-t x)), averaged; t is 1 or -1."""
    losses = softplus(-(matching("soft_margin_loss", input, target) * input))
    return reduced("soft_margin_loss", losses, reduction_of(size_average, reduce, reduction))


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """x where t = 1, max(0, margin - x) where t = -1; averaged. x is a distance."""
    target = matching("hinge_embedding_loss", input, target)
    losses = where(target == 1, input, relu(margin - input))
    return reduced("hinge_embedding_loss", losses, reduction_of(size_average, reduce, reduction))


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, margin - t (x1 - x2)), averaged: t is 1 where x1 is to be larger, else -1."""
    difference = input1 - matching("margin_ranking_loss", input1, input2)
    target = matching("margin_ranking_loss", input1, target)
    losses = relu(margin - target * difference)
    return reduced("margin_ranking_loss", losses, reduction_of(size_average, reduce, reduction))


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`; other shapes broadcast."""
    check_dim("cosine_similarity", dim, max(x1.ndim, x2.ndim))
    lengths = [clip(sqrt(sum(x * x, dim)), eps) for x in (x1, x2)]
    return sum(x1 * x2, dim) / (lengths[0] * lengths[1])


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cos where t = 1, max(0, cos - margin) where t = -1; averaged. (n, d) twice and (n,)."""
    input2 = matching("cosine_embedding_loss", input1, input2)
    cosine = cosine_similarity(input1, input2, -1)
    target = matching("cosine_embedding_loss", cosine, target)
    losses = where(target == 1, 1.0 - cosine, relu(cosine - margin))
    return reduced("cosine_embedding_loss", losses, reduction_of(size_average, reduce, reduction))


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """||x1 - x2 + eps||_p along the last dimension.

    Raises:
        ValueError: p is not positive.
    """
    if p <= 0:
        raise ValueError(f"pairwise_distance: p must be > 0, got {p}")
    difference = x1 - x2 + eps
    if p == 2:
        return sqrt(sum(difference * difference, -1, keepdim))
    if p == 1:
        return sum(abs(difference), -1, keepdim)
    return sum(abs(difference) ** p, -1, keepdim) ** (1 / p)


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2.0,
    eps: float = 1e-6, swap: bool = False, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, ||a - p|| - ||a - n|| + margin), averaged.

    With `swap` the negative's distance is the smaller of those to anchor and positive
    (Balntas 2016).
    """
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        other = pairwise_distance(positive, negative, p, eps)
        far = where(other < far, other, far)
    losses = relu(near - far + margin)
    return reduced("triplet_margin_loss", losses, reduction_of(size_average, reduce, reduction))
