"""Batch normalisation and an activation, of the columns of a matrix (m, c): m samples (or pixels)
of c channels.

    mean[j] = 1/m sum_i x[i, j]                     var[j] = 1/m sum_i (x[i, j] - mean[j])^2
    z[i, j] = (x[i, j] - mean[j]) / sqrt(var[j] + eps)
    u[i, j] = weight[j] z[i, j] + bias[j]
    y[i, j] = u where u > 0, slope u elsewhere       slope 1 is no activation, 0 is ReLU

    batch_norm(x, weight, bias, eps, slope, running)                    -> y, mean, var
    batch_norm_backward(x, grad_y, weight, bias, mean, var, eps, slope) -> grad of x, weight, bias

With grad[i, j] = grad_y[i, j] where u > 0, slope grad_y[i, j] elsewhere (u is computed again from
x, which is cheaper than to read y):

    grad_bias[j]   = sum_i grad[i, j]
    grad_weight[j] = sum_i grad[i, j] z[i, j]
    grad_x[i, j]   = weight[j] / sqrt(var[j] + eps)
                     * (grad[i, j] - grad_bias[j] / m - z[i, j] grad_weight[j] / m)

(Ioffe and Szegedy 2015, arXiv:1502.03167, section 3.) Sums are accumulated in float64. m is at
least 1; mean and var have the dtype of x.

`running` is None or (running mean, running variance, momentum): both are moved towards those of the
batch, in place, and returned after var. The variance is the unbiased one, so m is at least 2:

    running[j] = (1 - momentum) running[j] + momentum (mean[j], or var[j] m / (m - 1))
"""

import numpy as np

from tinygan.kernels.ladder import Ladder

EPS = 1e-5


def with_running(results, m, running):
    """(y, mean, var), and the running statistics moved, where there are any."""
    if running is None:
        return results
    _, mean, var = results
    running_mean, running_var, momentum = running
    for moved, batch in ((running_mean, mean), (running_var, var * (m / (m - 1)))):
        moved *= 1 - momentum
        moved += (momentum * batch).astype(moved.dtype)
    return *results, running_mean, running_var


_SHAPES = {
    "1x1": dict(m=1, c=1),
    "one row": dict(m=1, c=7),
    "one channel": dict(m=37, c=1),
    "odd": dict(m=29, c=5),
    "leaky": dict(m=31, c=9, slope=0.2),
    "relu": dict(m=33, c=4, slope=0.0),
    "parts of unequal length": dict(m=150, c=3),
    "far from zero": dict(m=50, c=3, shift=100.0),
    "two blocks of columns": dict(m=130, c=35),
    "two tasks": dict(m=3000, c=50),
    "running": dict(m=41, c=6, momentum=0.1),
    "running, two blocks": dict(m=530, c=37, slope=0.2, momentum=0.3),
}
_BENCH_SHAPES = {
    "mnist.g": dict(m=128 * 14 * 14, c=64, slope=0.0, momentum=0.1),
    "mnist.d": dict(m=128 * 7 * 7, c=128, slope=0.2, momentum=0.1),
    "dcgan64": dict(m=64 * 32 * 32, c=64, slope=0.0, momentum=0.1),
}


def make(rng, dtype, m, c, shift=0.0, slope=1.0, momentum=None):
    x = rng.standard_normal((m, c)) * 2 + shift
    weight, bias = rng.uniform(0.5, 1.5, c), rng.standard_normal(c)
    running = None
    if momentum is not None:
        mean, var = rng.standard_normal(c), rng.uniform(0.5, 5.0, c)
        running = mean.astype(dtype), var.astype(dtype), momentum
    return (x.astype(dtype), weight.astype(dtype), bias.astype(dtype), EPS, slope, running), {}


def make_backward(rng, dtype, m, c, shift=0.0, slope=1.0, momentum=None):
    (x, weight, bias, eps, slope, _), _ = make(rng, dtype, m, c, shift, slope)
    grad = rng.standard_normal((m, c)).astype(dtype)
    mean, var = x.mean(0, dtype=np.float64), x.var(0, dtype=np.float64)
    return (x, grad, weight, bias, mean.astype(dtype), var.astype(dtype), eps, slope), {}


batch_norm = Ladder(
    "batch_norm",
    make=make,
    flops=lambda x, *rest: 7 * x.size,
    traffic=lambda x, *rest: 3 * x.nbytes,
    shapes=_SHAPES,
    bench_shapes=_BENCH_SHAPES,
    peer="batch_norm.peer:batch_norm",
)
batch_norm_backward = Ladder(
    "batch_norm_backward",
    make=make_backward,
    flops=lambda x, *rest: 13 * x.size,
    traffic=lambda x, *rest: 5 * x.nbytes,
    shapes=_SHAPES,
    bench_shapes=_BENCH_SHAPES,
    peer="batch_norm.peer:batch_norm_backward",
)
for _ladder in (batch_norm, batch_norm_backward):
    _ladder.rung("reference", f"batch_norm.reference:{_ladder.name}")
    _ladder.rung("numpy", f"batch_norm.cpu:{_ladder.name}_numpy")
    _ladder.rung("threads", f"batch_norm.cpu:{_ladder.name}_threads")
    for _rung in ("naive", "parts", "columns"):
        _ladder.rung(_rung, f"batch_norm.gpu:{_ladder.name}_{_rung}", device="cuda")
