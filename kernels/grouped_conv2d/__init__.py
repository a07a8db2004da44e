"""The three sums of `kernels/conv2d` for groups of channels, and for kernels with gaps.

With x (n, h, w, c), weight (k, c / groups, r, s) and y (n, p, q, k), where the channels of x and of
y are cut into `groups` parts of equal size, and each part of y sees the same part of x alone:

    h = stride * p + dilation * r - top  (and likewise w, with `left`)

    grouped_conv2d              y[n, p, q, k]      = sum over c, r, s of x * weight   (+ bias[k])
                                                     values v <= 0 become slope v
    grouped_conv_transpose2d    x[n, h, w, c]      = sum over k, p, q of y * weight   (+ bias[c])
    grouped_conv2d_weight_grad  weight[k, c, r, s] = sum over n, p, q of x * y

where c and k belong to one group. As many groups as channels is a depthwise convolution. One group
without gaps is a convolution of `kernels/conv2d`, whose conventions hold here, too: `padding` is
(top, left) only, weights may have any strides, and the gradient of the weight lies in memory in the
`order` that is asked for. A low precision is taken where matrix products are: depthwise
convolutions and their like are summed in that of the arrays.
"""

from ..cuda.tensor_cores import PRECISIONS
from ..ladder import Ladder
from . import cases, covers

grouped_conv2d = Ladder("grouped_conv2d", cases.CONV2D)
grouped_conv_transpose2d = Ladder("grouped_conv_transpose2d", cases.CONV_TRANSPOSE2D)
grouped_conv2d_weight_grad = Ladder("grouped_conv2d_weight_grad", cases.CONV2D_WEIGHT_GRAD)

for _ladder in (grouped_conv2d, grouped_conv_transpose2d, grouped_conv2d_weight_grad):
    _name = _ladder.name
    _ladder.rung("reference", f"grouped_conv2d.reference:{_name}")
    _ladder.rung("parts", f"grouped_conv2d.parts:{_name}")
    _ladder.rung("channels", f"grouped_conv2d.channels:{_name}", compiled=True,
                 covers=covers.narrow[_name])  # fmt: skip
    _ladder.rung("bf16 parts", f"grouped_conv2d.parts:{_name}", compiled=True,
                 precision="bfloat16", bind={"precision": "bfloat16"},
                 covers=covers.wide_float32[_name])  # fmt: skip
    _ladder.rung("naive", f"grouped_conv2d.gpu:{_name}", device="cuda")
    _ladder.rung("parts", f"grouped_conv2d.parts:{_name}", device="cuda",
                 covers=covers.wide[_name])  # fmt: skip
    for _short, _precision in PRECISIONS.items():
        _ladder.rung(f"{_short} parts", f"grouped_conv2d.parts:{_name}", device="cuda",
                     precision=_precision, bind={"precision": _precision},
                     covers=covers.wide_float32[_name])  # fmt: skip
