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

from ..ladder import Ladder
from .cases import BATCH_NORM, BATCH_NORM_BACKWARD

batch_norm = Ladder("batch_norm", BATCH_NORM, baseline="batch_norm.baseline:batch_norm")
batch_norm.rung("reference", "batch_norm.reference:batch_norm")
batch_norm.rung("numpy", "batch_norm.numpy_rungs:batch_norm")
batch_norm.rung("threads", "batch_norm.cpu:batch_norm_threads", compiled=True)
batch_norm.rung("naive", "batch_norm.gpu:batch_norm_naive", device="cuda")
batch_norm.rung("parts", "batch_norm.gpu:batch_norm_parts", device="cuda")
batch_norm.rung("columns", "batch_norm.gpu:batch_norm_columns", device="cuda")

batch_norm_backward = Ladder(
    "batch_norm_backward", BATCH_NORM_BACKWARD, baseline="batch_norm.baseline:batch_norm_backward"
)
batch_norm_backward.rung("reference", "batch_norm.reference:batch_norm_backward")
batch_norm_backward.rung("numpy", "batch_norm.numpy_rungs:batch_norm_backward")
batch_norm_backward.rung("threads", "batch_norm.cpu:batch_norm_backward_threads", compiled=True)
batch_norm_backward.rung("naive", "batch_norm.gpu:batch_norm_backward_naive", device="cuda")
batch_norm_backward.rung("parts", "batch_norm.gpu:batch_norm_backward_parts", device="cuda")
batch_norm_backward.rung("columns", "batch_norm.gpu:batch_norm_backward_columns", device="cuda")
