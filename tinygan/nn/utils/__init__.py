"""What is done to the parameters of a net from outside: limits of gradients, one long vector,
spectral normalisation."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable

import numpy as np

from tinygan.autograd import no_grad
from tinygan.devices import beside, to_device
from tinygan.nn.utils import parametrizations
from tinygan.nn.utils.parametrizations import older_spectral_norm as spectral_norm
from tinygan.ops.math import abs, add, clip
from tinygan.ops.reduction import amax, sum
from tinygan.ops.shape import cat, reshape, stack
from tinygan.tensor import Tensor

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "parametrizations",
    "spectral_norm", "vector_to_parameters",
]  # fmt: skip


def _with_gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    each = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p for p in each if p.grad is not None]


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:  # fmt: skip
    """Scales all gradients by one factor, so that their norm together is at most `max_norm`.

    Returns the norm before. (Pascanu 2012, arXiv:1211.5063.) Every ``p.grad`` becomes a new tensor.

    Raises:
        ValueError: norm_type is not positive.
        RuntimeError: the norm is not finite, and error_if_nonfinite is set.
    """
    if not norm_type > 0:
        raise ValueError(f"clip_grad_norm_: norm_type must be > 0, got {norm_type}")
    found = _with_gradients(parameters)
    if not found:
        return Tensor(np.zeros((), np.float32))
    grads = [p.grad for p in found if p.grad is not None]
    if norm_type == math.inf:
        total = amax(stack([amax(abs(grad)) for grad in grads]))
    else:
        first, *others = (sum(abs(grad) ** norm_type) for grad in grads)
        total = functools.reduce(add, others, first) ** (1 / norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(f"clip_grad_norm_: the norm of the gradients is {total.item()}")
    factor = clip(max_norm / (total + 1e-6), None, 1.0)
    for p, grad in zip(found, grads, strict=True):
        p.grad = grad * factor
    return total


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limits each element of all gradients to +-clip_value. Every ``p.grad`` becomes a new tensor.

    Raises:
        ValueError: clip_value is negative.
    """
    if clip_value < 0:
        raise ValueError(f"clip_grad_value_: clip_value must be >= 0, got {clip_value}")
    for p in _with_gradients(parameters):
        if p.grad is not None:
            p.grad = clip(p.grad, -clip_value, clip_value)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters, one after the other: (total,)."""
    return cat([reshape(p, (-1,)) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copies the parts of a vector into parameters: the inverse of `parameters_to_vector`.

    Raises:
        ValueError: the vector has another length; nothing is changed.
    """
    each = list(parameters)
    ends = list(itertools.accumulate(p.numel() for p in each))
    total = ends[-1] if ends else 0
    if vec.shape != (total,):
        raise ValueError(f"vector_to_parameters: vec has shape {vec.shape}, expected ({total},)")
    for p, end in zip(each, ends, strict=True):
        with beside(p.array):
            part = to_device(vec.array[end - p.numel() : end], p.device)
            p.array[...] = part.reshape(p.shape)
        p.version += 1
