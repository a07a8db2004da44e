"""Two or three ops in one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from op_cases.case import TF, OpCase, normal
from op_cases.conv import (
    CANCELLING,
    W,
    X,
    numpy_conv2d,
    numpy_conv_transpose2d,
    torch_conv2d,
    torch_conv_transpose2d,
)
from op_cases.norm import numpy_training
from tinygan import zeros
from tinygan.ops.conv import Conv2d, ConvTranspose2d, conv2d_op, conv_transpose2d_op
from tinygan.ops.fused import (
    ConvBatchNorm,
    batch_norm_activation,
    conv2d_activation,
    convolution_batch_norm,
    flatten_linear,
)


def leaky(y, slope=0.3):
    return np.where(y > 0, y, slope * y)


def normalised(convolution, activation=lambda y: y):
    """NumPy's: a convolution, then a batch norm in training, then an activation."""
    return lambda *inputs: activation(numpy_training(convolution(*inputs[:3]), *inputs[3:]))


def torch_normalised(convolution, slope=1.0):
    def run(x, weight, bias, gamma, beta):
        h = convolution(x, weight, bias)
        y = TF.batch_norm(h, None, None, gamma, beta, training=True)
        return TF.leaky_relu(y, slope)

    return run


def some(*values):
    return lambda rng: np.array(values) + rng.uniform(-0.1, 0.1, len(values))


# A batch norm of 8 values has |z| <= sqrt(7) = 2.65, and u = gamma z + beta comes no nearer to the
# kink at 0 than 2.8 - 0.6 * 2.65 > 1 in any channel.
AFFINE = [some(0.4, 0.5, 0.3), some(2.9, -2.9, 2.9)]

DOWN = (2, 1), (1, 1, 0, 0)  # the stride and the padding of both convolutions below
UP = (2, 1), (1, 3, 0, 0), (3, 4)


def of_convolutions() -> Iterator[OpCase]:
    plain = [normal(2, 2, 3, 3), normal(3, 2, 3, 2), normal(3)]
    transposed = [normal(2, 2, 3, 3), normal(2, 3, 3, 2), normal(3)]
    affine = [normal(3), normal(3)]
    # The op itself: in float64 the function below is two ops.
    for note, op, inputs, in_numpy, in_torch in (
        ("conv2d", Conv2d(DOWN[0], (1, 0), None, (1, 1), 1, (2, 2)), plain,
         numpy_conv2d(*DOWN), torch_conv2d(*DOWN)),
        ("transposed", ConvTranspose2d(UP[0], (1, 0), None, (1, 1), 1, UP[2]), transposed,
         numpy_conv_transpose2d(*UP), torch_conv_transpose2d(*UP)),
    ):  # fmt: skip
        yield OpCase(
            f"ConvBatchNorm {note}", lambda *inputs, c=op: ConvBatchNorm(c, 1e-5, 1.0)(*inputs),
            [*inputs, *affine], numpy=normalised(in_numpy), torch=torch_normalised(in_torch),
            atol=CANCELLING, channels_last="made",
        )  # fmt: skip
    yield OpCase(
        "convolution_batch_norm conv2d",
        lambda x, w, b, gamma, beta: convolution_batch_norm(
            *conv2d_op(x, w, b, *DOWN), None, None, gamma, beta, 0.1, 1e-5, 0.3
        ),
        [*plain, *AFFINE], numpy=normalised(numpy_conv2d(*DOWN), leaky),
        torch=torch_normalised(torch_conv2d(*DOWN), 0.3), atol=CANCELLING, channels_last="made",
    )  # fmt: skip
    yield OpCase(
        "convolution_batch_norm transposed",
        lambda x, w, b, gamma, beta: convolution_batch_norm(
            *conv_transpose2d_op(x, w, b, UP[0], UP[1], 0, UP[2]), None, None, gamma, beta, 0.1,
            1e-5, 1.0,
        ),
        [*transposed, *affine], numpy=normalised(numpy_conv_transpose2d(*UP)),
        torch=torch_normalised(torch_conv_transpose2d(*UP)), atol=CANCELLING,
        channels_last="made",
    )  # fmt: skip


# Three samples have |z| <= sqrt(2): with such weights and biases no u comes near the kink.
NEAR = [lambda rng: rng.uniform(0.3, 0.6, 2), lambda rng: np.array([1.0, -1.0])]

CASES = [
    OpCase(
        "conv2d_activation", lambda *inputs: conv2d_activation(*inputs, 2, 0, 0.3),
        [normal(2, 2, 5, 4), normal(3, 2, 2, 3), normal(3)],
        numpy=lambda *inputs: leaky(numpy_conv2d((2, 2), (0, 0, 0, 0))(*inputs)),
        torch=lambda *inputs: TF.leaky_relu(TF.conv2d(*inputs, 2), 0.3),
        atol=CANCELLING, batch=True, channels_last="made",
        errors=[(lambda: conv2d_activation(zeros(X), zeros(W), None, 1, 0, -1),
                 "leaky_relu: negative_slope must be >= 0, got -1")],
    ),
    OpCase(
        "batch_norm_activation",
        lambda x, weight, bias: batch_norm_activation(
            x, None, None, weight, bias, True, 0.1, 1e-5, 0.3
        ),
        [normal(3, 2), *NEAR], numpy=lambda *inputs: leaky(numpy_training(*inputs)),
        torch=lambda x, w, b: TF.leaky_relu(
            TF.batch_norm(x, None, None, w, b, training=True), 0.3
        ),
    ),
    *of_convolutions(),
    OpCase(
        "flatten_linear", flatten_linear, [normal(2, 2, 3, 2), normal(3, 12), normal(3)],
        numpy=lambda x, w, b: x.reshape(len(x), -1) @ w.T + b,
        torch=lambda x, w, b: TF.linear(x.flatten(1), w, b), atol=CANCELLING, batch=True,
    ),
    OpCase(
        "flatten_linear one output", flatten_linear, [normal(2, 2, 3, 2), normal(1, 12), normal(1)],
        numpy=lambda x, w, b: x.reshape(len(x), -1) @ w.T + b,
        torch=lambda x, w, b: TF.linear(x.flatten(1), w, b), atol=CANCELLING, batch=True,
    ),
]  # fmt: skip
