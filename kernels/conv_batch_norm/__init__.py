"""A convolution, a batch norm of what it computes, and an activation: what most layers of a DCGAN
are.

    conv2d_batch_norm(x, weight, bias, gamma, beta, eps, slope, running, *, stride, padding,
                      output_size)                -> h, y, mean, var
        h = conv2d(x, weight, bias);  y, mean, var = batch_norm(h, gamma, beta, eps, slope, running)

    conv_transpose2d_batch_norm: likewise, with h = conv_transpose2d(x, weight, bias)

And on the way back, where a convolution computes the gradient of what a batch norm has computed:

    conv2d_batch_norm_backward(y, weight, h, gamma, beta, mean, var, eps, slope, *, stride, padding,
                               output_size)       -> grad, grad_h, grad_gamma, grad_beta
        grad = conv2d(y, weight)
        grad_h, grad_gamma, grad_beta = batch_norm_backward(h, grad, gamma, beta, mean, var, eps,
                                                            slope)

    conv_transpose2d_batch_norm_backward: likewise, with grad = conv_transpose2d(y, weight)

as `kernels/conv2d` and `kernels/batch_norm` define them, but on images: h, y, grad, grad_h
(n, height, width, c). With `running`, its two arrays are moved and returned, too. There are at
least two pixels.
"""

from ..conv2d.covers import multiples_of_4
from ..cuda.tensor_cores import PRECISIONS
from ..ladder import Ladder
from . import cases

conv2d_batch_norm = Ladder(
    "conv2d_batch_norm", cases.CONV2D_BATCH_NORM,
    baseline="conv_batch_norm.baseline:conv2d_batch_norm",
)  # fmt: skip
conv_transpose2d_batch_norm = Ladder(
    "conv_transpose2d_batch_norm", cases.CONV_TRANSPOSE2D_BATCH_NORM,
    baseline="conv_batch_norm.baseline:conv_transpose2d_batch_norm",
)  # fmt: skip
conv2d_batch_norm_backward = Ladder(
    "conv2d_batch_norm_backward", cases.CONV2D_BATCH_NORM_BACKWARD,
    baseline="conv_batch_norm.baseline:conv2d_batch_norm_backward",
)  # fmt: skip
conv_transpose2d_batch_norm_backward = Ladder(
    "conv_transpose2d_batch_norm_backward", cases.CONV_TRANSPOSE2D_BATCH_NORM_BACKWARD,
    baseline="conv_batch_norm.baseline:conv_transpose2d_batch_norm_backward",
)  # fmt: skip
for _ladder, _convolution, _composed in (
    (conv2d_batch_norm, "conv2d", "normalised"),
    (conv_transpose2d_batch_norm, "conv_transpose2d", "normalised"),
    (conv2d_batch_norm_backward, "conv2d", "gradients"),
    (conv_transpose2d_batch_norm_backward, "conv_transpose2d", "gradients"),
):
    _ladder.rung("reference", f"conv_batch_norm.reference:{_ladder.name}")
    for _device in ("cpu", "cuda"):
        _ladder.rung(
            "two kernels", f"conv_batch_norm.composed:{_composed}", device=_device,
            bind={"convolution": _convolution},
        )  # fmt: skip
    for _kind, _precision in PRECISIONS.items():
        _ladder.rung(
            f"{_kind} pipeline", f"conv_batch_norm.gpu:{_ladder.name}", device="cuda",
            precision=_precision, covers=multiples_of_4["conv2d"], bind={"kind": _kind},
        )  # fmt: skip
