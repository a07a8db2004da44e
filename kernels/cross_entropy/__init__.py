"""The cross-entropy of logits and one target probability for all of them: the losses of a GAN.

    bce_with_logits(x, t) = 1/n sum_i (softplus(x[i]) - t x[i]),     softplus(x) = ln(1 + e^x)
                          = -1/n sum_i (t ln p[i] + (1 - t) ln(1 - p[i])),   p = 1 / (1 + e^-x)

    bce_with_logits_backward(x, grad, t)[i] = grad (p[i] - t) / n            grad: of no dimensions

x has any shape and memory order, and at least one element. Sums are accumulated in float64. Where
t is 1 the terms are softplus(-x), which is exact where x is large.
"""

import numpy as np

from tinygan.kernels.ladder import Ladder

_SHAPES = {
    "one logit": dict(shape=(1, 1), target=1.0),
    "data": dict(shape=(37, 1), target=1.0),
    "generated": dict(shape=(5, 3, 2), target=0.0),
    "smoothed": dict(shape=(64, 1), target=0.9),
    "sure": dict(shape=(41,), target=1.0, scale=60.0),
    "more than a block": dict(shape=(1500, 1), target=0.0),
}
_BENCH_SHAPES = {"mnist": dict(shape=(128, 1), target=1.0)}


def make(rng, dtype, shape, target, scale=3.0):
    return ((scale * rng.standard_normal(shape)).astype(dtype), target), {}


def make_backward(rng, dtype, shape, target, scale=3.0):
    (x, target), _ = make(rng, dtype, shape, target, scale)
    return (x, np.array(rng.uniform(0.5, 2.0), dtype), target), {}


bce_with_logits = Ladder(
    "bce_with_logits",
    make=make,
    flops=lambda x, *rest: 6 * x.size,
    traffic=lambda x, *rest: x.nbytes,
    shapes=_SHAPES,
    bench_shapes=_BENCH_SHAPES,
    peer="cross_entropy.peer:bce_with_logits",
)
bce_with_logits_backward = Ladder(
    "bce_with_logits_backward",
    make=make_backward,
    flops=lambda x, *rest: 6 * x.size,
    traffic=lambda x, *rest: 2 * x.nbytes,
    shapes=_SHAPES,
    bench_shapes=_BENCH_SHAPES,
    peer="cross_entropy.peer:bce_with_logits_backward",
)
for _ladder in (bce_with_logits, bce_with_logits_backward):
    _ladder.rung("reference", f"cross_entropy.reference:{_ladder.name}")
    _ladder.rung("numpy", f"cross_entropy.cpu:{_ladder.name}")
bce_with_logits.rung("naive", "cross_entropy.gpu:bce_with_logits_naive", device="cuda")
bce_with_logits.rung("block", "cross_entropy.gpu:bce_with_logits_block", device="cuda")
bce_with_logits_backward.rung(
    "naive", "cross_entropy.gpu:bce_with_logits_backward", device="cuda"
)
