"""The cross-entropy of logits and one target probability for all of them: the losses of a GAN.

    bce_with_logits(x, t) = 1/n sum_i (softplus(x[i]) - t x[i]),     softplus(x) = ln(1 + e^x)
                          = -1/n sum_i (t ln p[i] + (1 - t) ln(1 - p[i])),   p = 1 / (1 + e^-x)

    bce_with_logits_backward(x, grad, t)[i] = grad (p[i] - t) / n            grad: of no dimensions

x has any shape and memory order, and at least one element. Sums are accumulated in float64. Where
t is 1 the terms are softplus(-x), which is exact where x is large.
"""

from ..ladder import Ladder
from .cases import BCE, BCE_BACKWARD

bce_with_logits = Ladder(
    "bce_with_logits", BCE, baseline="cross_entropy.baseline:bce_with_logits", serial=True
)
bce_with_logits.rung("reference", "cross_entropy.reference:bce_with_logits")
bce_with_logits.rung("numpy", "cross_entropy.cpu:bce_with_logits")
bce_with_logits.rung("naive", "cross_entropy.gpu:bce_with_logits_naive", device="cuda")
bce_with_logits.rung("block", "cross_entropy.gpu:bce_with_logits_block", device="cuda")

bce_with_logits_backward = Ladder(
    "bce_with_logits_backward", BCE_BACKWARD, serial=True,
    baseline="cross_entropy.baseline:bce_with_logits_backward",
)  # fmt: skip
bce_with_logits_backward.rung("reference", "cross_entropy.reference:bce_with_logits_backward")
bce_with_logits_backward.rung("numpy", "cross_entropy.cpu:bce_with_logits_backward")
bce_with_logits_backward.rung(
    "naive", "cross_entropy.gpu:bce_with_logits_backward", device="cuda"
)
