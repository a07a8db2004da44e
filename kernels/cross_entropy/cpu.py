"""The CPU rung of the cross-entropy: NumPy, which is enough for one number per image.

Rung 1. Changed: the loop is NumPy's. Faster: compiled. Bound: the calls, for batches of images.
"""

import numpy as np


def _softplus(x):
    """ln(1 + e^x), which overflows nowhere. NaN gives NaN, in silence: logaddexp would warn."""
    with np.errstate(invalid="ignore"):
        return np.logaddexp(x.dtype.type(0), x)


def bce_with_logits(x, target):
    losses = _softplus(-x) if target == 1 else _softplus(x)
    if target not in (0, 1):
        losses = losses - x.dtype.type(target) * x
    total = losses.sum(dtype=np.float64).astype(x.dtype)
    return np.asarray(total * x.dtype.type(1 / x.size))


def bce_with_logits_backward(x, grad, target):
    share = grad * x.dtype.type(1 / x.size)
    not_p = np.exp(-_softplus(x))
    if target == 1:
        return -(share * not_p)
    p = np.exp(-_softplus(-x))
    return share * (p if target == 0 else p - x.dtype.type(target))
