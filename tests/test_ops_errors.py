"""Bad input: the error names the function and the argument, what came and what was expected."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinygan
import tinygan.functional as F
from tinygan import cat, ones, stack, tensor, where, zeros

X = (2, 3, 5, 5)  # images, and below the weights that fit them
W = (4, 3, 3, 3)
V = (3, 4, 3, 3)


def conv2d(x=X, w=W, bias=None, **options):
    return lambda: F.conv2d(zeros(x), zeros(w), bias, **options)


def conv_transpose2d(x=X, w=V, bias=None, **options):
    return lambda: F.conv_transpose2d(zeros(x), zeros(w), bias, **options)


def batch_norm(x=(4, 3), count=3, **options):
    return lambda: F.batch_norm(zeros(x), zeros(count), ones(count), **options)


def whole(*values):
    return tensor(values, dtype="int64")


INVALID = [
    # convolutions
    (conv2d(dilation=2), "conv2d: dilation 2 is not supported, only 1"),
    (conv2d(groups=3), "conv2d: groups 3 are not supported, only 1"),
    (conv2d(w=(4, 2, 3, 3)), "conv2d: input of shape (2, 3, 5, 5) has 3 channels, weight of shape "
     "(4, 2, 3, 3) expects 2"),
    (conv2d(x=(3, 5, 5)), "conv2d: input must be a floating 4-D tensor, got float32 (3, 5, 5)"),
    (conv2d(w=(4, 3)), "conv2d: weight must be a floating 4-D tensor, got float32 (4, 3)"),
    (lambda: F.conv2d(np.zeros(X), zeros(W)), "conv2d: input must be a floating 4-D tensor, got "
     "ndarray"),
    (lambda: F.conv2d(zeros(X).to("int64"), zeros(W)), "got int64 (2, 3, 5, 5)"),
    (conv2d(activation_slope=-1), "conv2d: activation_slope must be >= 0, got -1"),
    (conv2d(bias=zeros(3)), "conv2d: bias must be a tensor of shape (4,), got shape (3,)"),
    (conv2d(bias=1), "conv2d: bias must be a tensor of shape (4,), got int"),
    (conv2d(w=(4, 3, 6, 3)), "conv2d: the kernel (6, 3) is larger than the padded input (5, 5)"),
    (conv2d(w=(4, 3, 3, 9), padding=1), "the kernel (3, 9) is larger than the padded input (7, 7)"),
    (conv2d(x=(2, 3, 0, 5)), "conv2d: empty input (2, 3, 0, 5)"),
    (conv2d(stride=0), "conv2d: stride must be an integer >= 1 or a pair of them, got 0"),
    (conv2d(stride=(1, 2, 3)), "conv2d: stride must be an integer >= 1 or a pair of them, got (1,"),
    (conv2d(stride=1.5), "conv2d: stride must be an integer >= 1 or a pair of them, got 1.5"),
    (conv2d(padding=-1), "conv2d: padding must be an integer >= 0 or a pair of them, got -1"),
    (conv2d(padding="valid"), "conv2d: padding must be an integer, a pair, (top, bottom, left, "
     "right) or 'same', got 'valid'"),
    (conv2d(padding=(1, 1, 1, -1)), "got (1, 1, 1, -1)"),
    (conv_transpose2d(dilation=2), "conv_transpose2d: dilation 2 is not supported"),
    (conv_transpose2d(groups=2), "conv_transpose2d: groups 2 are not supported"),
    (conv_transpose2d(w=W), "conv_transpose2d: input of shape (2, 3, 5, 5) has 3 channels, weight "
     "of shape (4, 3, 3, 3) expects 4"),
    (conv_transpose2d(x=(2, 3)), "conv_transpose2d: input must be a floating 4-D tensor"),
    (conv_transpose2d(bias=zeros(3)), "bias must be a tensor of shape (4,), got shape (3,)"),
    (conv_transpose2d(stride=-2), "conv_transpose2d: stride must be an integer >= 1"),
    (conv_transpose2d(padding=(1,)), "conv_transpose2d: padding must be an integer >= 0"),
    (conv_transpose2d(output_padding=1), "conv_transpose2d: output_padding (1, 1) must be smaller "
     "than stride (1, 1)"),
    (conv_transpose2d(output_padding=-1), "output_padding must be an integer >= 0"),
    (conv_transpose2d(stride=2, output_size=(10, 14)), "conv_transpose2d: output_size (10, 14) is "
     "not between (11, 11) and (12, 12), the sizes that a convolution maps to (5, 5)"),
    (conv_transpose2d(output_size=0), "output_size must be an integer >= 1 or a pair of them"),
    (conv_transpose2d(stride=2, output_padding=1, output_size=(12, 12)), "conv_transpose2d: give "
     "output_padding or output_size, not both"),
    (conv_transpose2d(padding=4), "conv_transpose2d: the output would have size (-1, -1)"),
    # pooling
    (lambda: F.max_pool2d(zeros(3, 3), 2), "max_pool2d: input must be 4-D, got shape (3, 3)"),
    (lambda: F.max_pool2d(zeros(X), 0), "max_pool2d: kernel_size must be an integer >= 1"),
    (lambda: F.max_pool2d(zeros(X), 2, -1), "max_pool2d: stride must be an integer >= 1"),
    (lambda: F.max_pool2d(zeros(X), 6), "max_pool2d: the window (6, 6) is larger than the input"),
    (lambda: F.max_pool2d(zeros(X), 2, padding=2), "max_pool2d: padding 2 must be smaller than"),
    # batch norm
    (batch_norm(x=(3,)), "batch_norm: input needs (n, c, ...) dimensions, got shape (3,)"),
    (batch_norm(count=4), "batch_norm: running_mean has shape (4,), expected (3,) for input of "
     "shape (4, 3)"),
    (batch_norm(weight=zeros(2)), "batch_norm: weight has shape (2,), expected (3,)"),
    (batch_norm(bias=zeros(3, 1)), "batch_norm: bias has shape (3, 1), expected (3,)"),
    (batch_norm(x=(1, 3), training=True), "batch_norm: input of shape (1, 3) has 1 value(s) per "
     "channel; training needs 2 or more"),
    (batch_norm(x=(0, 3), training=True), "batch_norm: input of shape (0, 3) has 0 value(s)"),
    (lambda: F.batch_norm(zeros(4, 3), None, None), "batch_norm: running_mean and running_var are "
     "needed in evaluation"),
    # linear, embedding, activations
    (lambda: F.linear(zeros(2, 3), zeros(4, 2)), "linear: input of shape (2, 3) does not fit "
     "weight of shape (4, 2); expected (..., in) and (out, in)"),
    (lambda: F.linear(zeros(2, 3), zeros(4, 3), zeros(3)), "linear: bias has shape (3,), expected "
     "(4,)"),
    (lambda: F.embedding(whole(0, 3), zeros(3, 2)), "embedding: an index is 3, which is outside "
     "0 ... 2"),
    (lambda: F.embedding(whole(0), zeros(3)), "embedding: weight must be (count, size), got shape"),
    (lambda: F.one_hot(whole(-1), 3), "one_hot: a class index is -1, which is outside 0 ... 2"),
    (lambda: F.leaky_relu(zeros(2), -0.1), "leaky_relu: negative_slope must be >= 0, got -0.1"),
    (lambda: F.log_softmax(zeros(2, 2), 2), "log_softmax: dim 2 is out of range for 2 dimensions"),
    (lambda: F.softmax(zeros(2, 2), -3), "log_softmax: dim -3 is out of range for 2 dimensions"),
    (lambda: F.maxout(zeros(2, 5), 2), "maxout: 5 channels are no multiple of pieces=2"),
    (lambda: F.maxout(zeros(2, 4), 2, dim=2), "maxout: dim 2 is out of range for 2 dimensions"),
    (lambda: F.dropout(zeros(2), 1.5), "dropout: p must be in [0, 1], got 1.5"),
    # losses
    (lambda: F.mse_loss(zeros(2, 1), zeros(2)), "mse_loss: input has shape (2, 1), target has (2,"),
    (lambda: F.mse_loss(zeros(2), zeros(2), "max"), "mse_loss: reduction must be 'mean', 'sum' or "
     "'none', got 'max'"),
    (lambda: F.binary_cross_entropy_with_logits(zeros(2), zeros(1)),
     "binary_cross_entropy_with_logits: input has shape (2,), target has (1,)"),
    (lambda: F.binary_cross_entropy(zeros(2), zeros(3)), "binary_cross_entropy: input has shape"),
    (lambda: F.binary_cross_entropy(tensor([1.5]), zeros(1)), "binary_cross_entropy: input must be "
     "probabilities in [0, 1]"),
    (lambda: F.binary_cross_entropy(tensor([float("nan")]), zeros(1)), "must be probabilities"),
    (lambda: F.cross_entropy(zeros(2, 3), whole(0)), "cross_entropy: expected input (n, classes) "
     "and target (n,), got (2, 3) and (1,)"),
    (lambda: F.cross_entropy(zeros(2, 3), whole(0, 3)), "cross_entropy: a class index is 3, which "
     "is outside 0 ... 2"),
    (lambda: F.gan_loss("cross"), "gan_loss: no loss 'cross'; there are minimax, non-saturating, "
     "log-probability, least-squares, hinge, wasserstein"),
    # shapes
    (lambda: cat([]), "cat: needs at least one tensor"),
    (lambda: cat([zeros(2, 3), zeros(3, 3)], 1), "cat: tensor 1 has shape (3, 3), which does not "
     "fit (2, 3) along dim 1"),
    (lambda: cat([zeros(2)], 1), "cat: dim 1 is out of range for 1 dimensions"),
    (lambda: stack([]), "stack: needs at least one tensor"),
    (lambda: stack([zeros(2), zeros(3)]), "stack: tensor 1 has shape (3,), the first has (2,)"),
    (lambda: zeros(2, 3).reshape(4, -1), "reshape: 6 elements of shape (2, 3) do not fit (4, -1)"),
    (lambda: zeros(2, 3).reshape(-1, -1), "reshape: 6 elements of shape (2, 3) do not fit"),
    (lambda: zeros(0, 3).reshape(0, -1), "reshape: 0 elements of shape (0, 3) do not fit (0, -1)"),
    (lambda: zeros(2, 3).permute(0, 0), "permute: (0, 0) is no order of 2 dimensions"),
    (lambda: zeros(2, 3).transpose(0, 2), "transpose: dim 2 is out of range for 2 dimensions"),
    (lambda: zeros(1, 2, 3).T, "T needs at most 2 dimensions, got shape (1, 2, 3)"),
    (lambda: zeros(2, 3).flatten(1, 0), "flatten: start_dim 1 lies behind end_dim 0"),
    (lambda: zeros(2, 3).squeeze(2), "squeeze: dim 2 is out of range for 2 dimensions"),
    (lambda: zeros(2, 3).unsqueeze(3), "unsqueeze: dim 3 is out of range for 3 dimensions"),
    (lambda: zeros(2, 3).expand(2, 4), "expand: shape (2, 3) does not expand to (2, 4)"),
    (lambda: zeros(2, 3).expand(3), "expand: shape (2, 3) does not expand to (3,)"),
    (lambda: zeros(2, 3).gather(1, whole(0)), "gather: index of shape (1,) does not fit (2, 3) "
     "along dim 1"),
    (lambda: zeros(2).gather(0, whole(2)), "gather: an index is 2, which is outside 0 ... 1"),
    # arithmetic and reductions
    (lambda: zeros(2) + zeros(3), "add: shapes (2,) and (3,) do not broadcast together"),
    (lambda: zeros(2) - zeros(3), "sub: shapes (2,) and (3,) do not broadcast together"),
    (lambda: zeros(2) * zeros(3), "mul: shapes (2,) and (3,) do not broadcast together"),
    (lambda: zeros(2) / zeros(3), "div: shapes (2,) and (3,) do not broadcast together"),
    (lambda: zeros(2) < zeros(3), "less: shapes (2,) and (3,) do not broadcast together"),
    (lambda: zeros(2, 3) @ zeros(2, 3), "matmul: inner sizes differ, (2, 3) @ (2, 3)"),
    (lambda: zeros(2) @ zeros(()), "matmul: operands need 1 or more dimensions, got (2,), ()"),
    (lambda: zeros(2, 1, 3) @ zeros(3, 3, 1), "matmul: leading dimensions of (2, 1, 3) and "
     "(3, 3, 1) do not broadcast"),
    (lambda: zeros(2).clip(), "clip: at least one of min and max must be given"),
    (lambda: zeros(2).clip(1, 0), "clip: min 1 is greater than max 0"),
    (lambda: zeros(2).sum(1), "sum: dim 1 is out of range for 1 dimensions"),
    (lambda: zeros(2, 2).mean((0, -2)), "mean: dim (0, -2) names a dimension twice"),
    (lambda: zeros(0, 2).mean(0), "mean: nothing to average over dim 0 of shape (0, 2)"),
    (lambda: zeros(1, 2).var(0), "var: too few elements over dim 0 of shape (1, 2)"),
    (lambda: zeros(0, 2).amax(0), "amax: nothing to compare over dim 0 of shape (0, 2)"),
    (lambda: zeros(2).max(1), "max: dim 1 is out of range for 1 dimensions"),
    (lambda: zeros(0, 2).max(0), "max: nothing to compare over dim 0 of shape (0, 2)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), INVALID, ids=[message for _, message in INVALID])
def test_wrong_values(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


WRONG_TYPES = [
    (lambda: F.one_hot(zeros(2), 3), "one_hot: target must be of integers, got float32"),
    (lambda: F.embedding(zeros(2), zeros(3, 2)), "embedding: input must be of integers, got float"),
    (lambda: F.cross_entropy(zeros(2, 3), zeros(2)), "cross_entropy: target must be of integers, "
     "got float32"),
    (lambda: zeros(2).gather(0, zeros(2)), "gather: index must be of integers, got float32"),
    (lambda: zeros(2)[zeros(2)], "an index must be of integers or bools, got float32"),
    (lambda: cat([zeros(2), whole(1)]), "cat: tensor 1 has dtype int64, the first has float32"),
    (lambda: stack([zeros(1), zeros(1).double()]), "cat: tensor 1 has dtype float64, the first has "
     "float32"),
    (lambda: where(zeros(2), 1.0, zeros(2)), "where: condition must be a bool tensor"),
    (lambda: where(zeros(2) > 0, 1.0, 2.0), "expected a Tensor, got float"),
    (lambda: zeros(2) + "1", "expected a Tensor, a number or an array, got str"),
    (lambda: zeros(2) + zeros(2).double(), "Add: inputs of different dtypes, float32 and float64; "
     "convert one with .to(dtype)"),
    (lambda: F.conv2d(zeros(X), zeros(W).double()), "Conv2d: inputs of different dtypes"),
    (lambda: F.batch_norm(zeros(4, 3).double(), None, None, ones(3), training=True),
     "BatchNorm: inputs of different dtypes"),
    (lambda: whole(1, 2).mean(), "mean: needs a floating dtype, got int64"),
    (lambda: zeros(2).reshape(2.0), "sizes and dimensions must be integers, got 2.0"),
    (lambda: zeros(2).to("float16"), "dtype must be float32, float64, bool or an integer type"),
    (lambda: F.relu(np.zeros(2)), "ReLU: expected a Tensor, got ndarray"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "message"), WRONG_TYPES, ids=[message for _, message in WRONG_TYPES]
)
def test_wrong_types(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


def test_a_failed_call_leaves_the_running_statistics(rng):
    mean, var = zeros(3), ones(3)
    for x, options in [(zeros(1, 3), {}), (zeros(4, 3), {"weight": zeros(2)})]:
        with pytest.raises(ValueError, match="batch_norm"):
            F.batch_norm(x, mean, var, training=True, **options)
    assert (mean.tolist(), var.tolist()) == ([0, 0, 0], [1, 1, 1])
    assert (mean.version, var.version) == (0, 0)


def test_the_message_of_a_shape_error_comes_before_any_work():
    """`conv2d` of an image of 4 TB (made of one repeated zero) must not start before it checks."""
    image = tinygan.Tensor(np.broadcast_to(np.float32(0), (1, 1, 1_000_000, 1_000_000)))
    with pytest.raises(ValueError, match="conv2d: groups 2 are not supported"):
        F.conv2d(image, zeros(1, 1, 3, 3), groups=2)
    with pytest.raises(ValueError, match="conv2d: bias must be a tensor of shape"):
        F.conv2d(image, zeros(1, 1, 3, 3), zeros(2))
