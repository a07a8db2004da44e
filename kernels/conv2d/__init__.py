"""Convolution and its two relatives, on NHWC memory.

With x (n, h, w, c), weight (k, c, r, s) and y (n, p, q, k), all three sum the same products, over
different indices. The index rule is  h = stride * p + r - top  (and likewise w, with `left`);
terms whose h or w lies outside x are left out.

    conv2d              y[n, p, q, k]      = sum over c, r, s of x * weight   (+ bias[k])
                                             values v <= 0 become slope v; slope 1 is the default
    conv_transpose2d    x[n, h, w, c]      = sum over k, p, q of y * weight   (+ bias[c])
    conv2d_weight_grad  weight[k, c, r, s] = sum over n, p, q of x * y

They are each other's derivatives: conv_transpose2d is the gradient of conv2d by its input and the
other way round, and conv2d_weight_grad is the gradient of both by their weight. `padding` is
(top, left) only: the padding at the bottom and on the right follows from the sizes.
Weights may have any strides; memory in the order (r, s, c, k) suits conv2d best, and (r, s, k, c)
conv_transpose2d. The result of conv2d_weight_grad lies in memory in the `order` of dimensions that
is asked for, the densest last; (2, 3, 1, 0), which is (r, s, c, k), is the default.
"""

from typing import Any

from ..cuda.tensor_cores import PRECISIONS
from ..ladder import Ladder, is_float32
from . import cases, covers

# In bfloat16 a product takes half the time, so that Winograd's transforms pay sooner.
_BF16: dict[str, Any] = dict(
    precision="bfloat16", bind={"precision": "bfloat16"}, compiled=True
)

conv2d = Ladder("conv2d", cases.CONV2D, baseline="conv2d.baseline:conv2d")
conv2d.rung("reference", "conv2d.reference:conv2d")
conv2d.rung("numpy", "conv2d.numpy_rungs:conv2d")
conv2d.rung("panels", "conv2d.panels:conv2d", compiled=True)
conv2d.rung("winograd", "conv2d.winograd:conv2d", compiled=True,
            covers=covers.winograd_forward(0.6))  # fmt: skip
conv2d.rung("bf16 winograd", "conv2d.winograd:conv2d", **_BF16,
            covers=covers.winograd_forward(1.2, "bfloat16"))  # fmt: skip

conv_transpose2d = Ladder(
    "conv_transpose2d", cases.CONV_TRANSPOSE2D, baseline="conv2d.baseline:conv_transpose2d"
)
conv_transpose2d.rung("reference", "conv2d.reference:conv_transpose2d")
conv_transpose2d.rung("numpy", "conv2d.numpy_rungs:conv_transpose2d")
conv_transpose2d.rung("panels", "conv2d.panels:conv_transpose2d", compiled=True)
conv_transpose2d.rung("winograd", "conv2d.winograd:conv_transpose2d", compiled=True,
                      covers=covers.winograd_transposed(0.7))  # fmt: skip
conv_transpose2d.rung("bf16 winograd", "conv2d.winograd:conv_transpose2d", **_BF16,
                      covers=covers.winograd_transposed(1.4, "bfloat16"))  # fmt: skip

conv2d_weight_grad = Ladder(
    "conv2d_weight_grad", cases.CONV2D_WEIGHT_GRAD, baseline="conv2d.baseline:conv2d_weight_grad"
)
conv2d_weight_grad.rung("reference", "conv2d.reference:conv2d_weight_grad")
conv2d_weight_grad.rung("numpy", "conv2d.numpy_rungs:conv2d_weight_grad")
conv2d_weight_grad.rung("panels", "conv2d.panels_gradient:conv2d_weight_grad", compiled=True)
conv2d_weight_grad.rung("winograd", "conv2d.winograd_gradient:conv2d_weight_grad", compiled=True,
                        covers=covers.winograd_weight_grad(0.7))  # fmt: skip
conv2d_weight_grad.rung("bf16 winograd", "conv2d.winograd_gradient:conv2d_weight_grad", **_BF16,
                        covers=covers.winograd_weight_grad(1.4, "bfloat16"))  # fmt: skip

# On a GPU one function serves all rungs of a ladder; `version` says which kernel, in which tiles.
for _ladder in (conv2d, conv_transpose2d, conv2d_weight_grad):
    _function = f"conv2d.gpu:{_ladder.name}"
    for _name in ("naive", "coalesced", "tiles", "registers"):
        _ladder.rung(_name, _function, device="cuda", bind={"version": _name})
    for _name, _precision in PRECISIONS.items():
        _ladder.rung(_name, _function, device="cuda", precision=_precision, covers=is_float32,
                     bind={"version": _name})  # fmt: skip
    for _name, _precision in PRECISIONS.items():
        _ladder.rung(f"{_name} pipeline", _function, device="cuda", precision=_precision,
                     covers=covers.multiples_of_4[_ladder.name],
                     bind={"version": f"{_name} pipeline"})  # fmt: skip
# Last, because exact where the others would be slow, whichever precision is asked for.
conv2d.rung("dots", "conv2d.gpu:conv2d", device="cuda", covers=covers.few_outputs,
            bind={"version": "dots"})  # fmt: skip
