"""Losses of classification: cross-entropies of one kind and another."""

from __future__ import annotations

import numpy as np

from tinygan.autograd import Function
from tinygan.devices import array_module, beside
from tinygan.kernels.cuda import graph
from tinygan.ops.activation import log_softmax, softplus
from tinygan.ops.math import by_element, clip, exp, log, where
from tinygan.ops.reduction import mean, sum
from tinygan.ops.shape import check_dim, check_range, gather, squeeze, unsqueeze
from tinygan.tensor import Tensor

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "kl_div",
    "nll_loss",
]  # fmt: skip


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """What PyTorch's two old arguments say in the words of the new one."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def reduced(name: str, values: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of the values, or the values."""
    if reduction == "mean":
        return mean(values)
    if reduction == "sum":
        return sum(values)
    if reduction == "none":
        return values
    raise ValueError(f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def matching(name: str, input: Tensor, target: Tensor) -> Tensor:
    """`target`, of input's shape; integers and bools become input's floating dtype."""
    if input.shape != target.shape:
        raise ValueError(f"{name}: input has shape {input.shape}, target has {target.shape}")
    return target if target.dtype.kind == "f" else target.to(input.dtype)


# Of class indices


def _check_classes(name: str, input: Tensor, target: Tensor, weight: Tensor | None) -> int:
    """The dimension of the classes, when all shapes fit."""
    dim = 0 if input.ndim == 1 else 1
    if input.ndim < 1 or target.shape != input.shape[:dim] + input.shape[dim + 1 :]:
        raise ValueError(
            f"{name}: expected input (n, classes) and target (n,), or input (n, classes, ...) and "
            f"target (n, ...), got {input.shape} and {target.shape}"
        )
    if target.dtype.kind not in "iu":
        raise TypeError(f"{name}: target must be of integers, got {target.dtype}")
    _check_weight(name, input.shape[dim], weight)
    return dim


def _check_weight(name: str, classes: int, weight: Tensor | None) -> None:
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"{name}: weight has shape {weight.shape}, expected ({classes},)")


def _nll(
    name: str, log_p: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int,
    reduction: str, smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """-w[t] log_p[t], as `nll_loss` says; some of it spread over all classes, equally."""
    dim = _check_classes(name, log_p, target, weight)
    classes, keep = log_p.shape[dim], None
    with beside(target.array):
        kept = target.array != ignore_index
        if graph.current() is not None or not kept.all():  # a captured step may meet one later
            target = Tensor(array_module(kept).where(kept, target.array, 0))
            keep = Tensor(kept.astype(log_p.dtype))
    check_range(f"{name}: a class index", target, classes)
    losses = -squeeze(gather(log_p, dim, unsqueeze(target, dim)), dim)
    shares = None if weight is None else weight[target]
    losses = losses if shares is None else losses * shares
    if smoothing:
        others = log_p if weight is None else log_p * _column(weight, dim, log_p.ndim)
        losses = losses * (1.0 - smoothing) - sum(others, dim) * (smoothing / classes)
    if keep is not None:
        losses, shares = losses * keep, keep if shares is None else shares * keep
    if reduction == "mean" and shares is not None:
        return sum(losses) / sum(shares)
    return reduced(name, losses, reduction)


def _column(weight: Tensor, dim: int, ndim: int) -> Tensor:
    return weight.reshape((*(1,) * dim, -1, *(1,) * (ndim - dim - 1)))


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-weight[target] input[target], averaged with these weights.

    Args:
        input: (n, classes) or (n, classes, ...) or (classes,), logarithms of probabilities.
        target: (n,) or (n, ...) or (), class indices, integers.
        weight: (classes,), None for 1.
        ignore_index: where the target is this, the loss is 0 and does not count.
        reduction: "mean", "sum" or "none". (size_average and reduce say the same in old programs.)

    Raises:
        ValueError: shapes do not fit, or a class index is out of range.
        TypeError: target is not of integers.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return _nll("nll_loss", input, target, weight, ignore_index, reduction)


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """-log softmax(input)[target], averaged; or -sum_c target[c] log softmax(input)[c].

    Args:
        input: (n, classes) or (n, classes, ...) or (classes,), logits.
        target: class indices, integers, of input's shape without the classes; or probabilities, of
            input's shape.
        weight: (classes,), a factor for each class; the mean is weighted, too, but for
            probabilities.
        ignore_index: where the target is this, the loss is 0 and does not count.
        label_smoothing: this part of the target is spread over all classes (Szegedy 2015,
            arXiv:1512.00567).

    Raises:
        ValueError: shapes do not fit, a class index is out of range, label_smoothing is not in
            [0, 1].
        TypeError: target is floating, but not of input's shape.
    """
    name, reduction = "cross_entropy", reduction_of(size_average, reduce, reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be in [0, 1], got {label_smoothing}")
    dim = 0 if input.ndim == 1 else 1
    if target.dtype.kind == "f" and target.shape == input.shape:
        check_dim(name, dim, input.ndim)
        classes = input.shape[dim]
        _check_weight(name, classes, weight)
        if label_smoothing:
            target = target * (1.0 - label_smoothing) + label_smoothing / classes
        losses = target * log_softmax(input, dim)
        losses = losses if weight is None else losses * _column(weight, dim, input.ndim)
        return reduced(name, -sum(losses, dim), reduction)
    _check_classes(name, input, target, weight)
    log_p = log_softmax(input, dim)
    return _nll(name, log_p, target, weight, ignore_index, reduction, label_smoothing)


# Of probabilities


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), averaged; x logits, t in [0, 1].

    Computed as t softplus(-x) + (1 - t) softplus(x): exact in both tails, nothing overflows.

    Args:
        weight: a factor for each loss, of a shape that broadcasts to input's.
        pos_weight: a factor for the first term, of a shape that broadcasts to input's.
    """
    name, reduction = "binary_cross_entropy_with_logits", reduction_of(
        size_average, reduce, reduction
    )
    target = matching(name, input, target)
    positive = target if pos_weight is None else target * pos_weight
    losses = positive * softplus(-input) + (1.0 - target) * softplus(input)
    return reduced(name, losses if weight is None else losses * weight, reduction)


class BinaryCrossEntropy(Function):
    """-t max(ln p, -100) - (1 - t) max(ln(1 - p), -100);  g (p - t) / max(p (1 - p), 1e-12)"""

    saves_inputs = True

    @by_element
    def forward(self, p, target):
        xp = array_module(p)
        floor = p.dtype.type(-100)
        with np.errstate(divide="ignore"):  # CuPy has none, and does not warn
            log_p, log_not_p = xp.log(p), xp.log1p(-p)
        return -(target * xp.maximum(log_p, floor) + (1 - target) * xp.maximum(log_not_p, floor))

    def backward(self, grad_output):
        p, target = self.inputs
        need_p, need_target = self.needs_input_grad
        grad_p = grad_target = None
        if need_p:
            grad_p = grad_output * (p - target) / clip(p * (1.0 - p), 1e-12, None)
        if need_target:
            tiny = 3.8e-44  # ln(tiny) is about -100
            safe = clip(p.double(), tiny, 1.0), clip(1.0 - p.double(), tiny, 1.0)
            grad_target = grad_output * (safe[1].log() - safe[0].log()).to(p.dtype)
        return grad_p, grad_target


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-t log p - (1 - t) log(1 - p), averaged; p probabilities, t in [0, 1].

    Logarithms are clamped at -100 as in PyTorch. Where you can, use
    `binary_cross_entropy_with_logits`: a probability that has rounded to 0 or 1 has no useful
    gradient left.

    Args:
        weight: a factor for each loss, of a shape that broadcasts to input's.

    Raises:
        ValueError: shapes differ, or a probability lies outside [0, 1].
    """
    name, reduction = "binary_cross_entropy", reduction_of(size_average, reduce, reduction)
    target = matching(name, input, target)
    with beside(input.array):
        probabilities = bool(((input.array >= 0) & (input.array <= 1)).all())
    if not probabilities:
        raise ValueError("binary_cross_entropy: input must be probabilities in [0, 1]")
    losses = BinaryCrossEntropy()(input, target)
    return reduced(name, losses if weight is None else losses * weight, reduction)


def kl_div(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    """t (ln t - x), averaged over all elements; x logarithms of probabilities, t probabilities.

    The divergence of distributions in rows is reduction="batchmean": the sum over n rows, by n.

    Args:
        log_target: whether target holds logarithms, too.

    Raises:
        ValueError: shapes differ, or there is no such reduction.
    """
    target = matching("kl_div", input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if log_target:
        losses = exp(target) * (target - input)
    else:
        tiny = 1e-300 if target.dtype == np.float64 else 1e-37
        losses = where(target > 0, target * (log(clip(target, tiny)) - input), 0.0)
    if reduction == "batchmean":
        return sum(losses) * (1.0 / max(1, input.shape[0] if input.ndim else 1))
    return reduced("kl_div", losses, reduction)
