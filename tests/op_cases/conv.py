"""Convolutions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tinygan.functional as F
from op_cases.case import TF, OpCase, normal
from tinygan import zeros

X = (2, 3, 5, 5)  # images, and below the weights that fit them
W = (4, 3, 3, 3)
V = (3, 4, 3, 3)


CONV_TRANSPOSE1D_ERRORS = [
    (lambda: F.conv_transpose1d(zeros(2, 3, 4, 4), zeros(3, 4, 3)),
     "conv_transpose1d: input must be a floating 2-D or 3-D tensor, got float32 (2, 3, 4, 4)"),
    (lambda: F.conv_transpose1d(zeros(2, 3, 4), zeros(3, 4, 3), padding="same"),
     "conv_transpose1d: padding must be an integer >= 0, got 'same'"),
]  # fmt: skip


def refused_conv2d(x=X, w=W, bias=None, **options):
    return lambda: F.conv2d(zeros(x), zeros(w), bias, **options)


def refused_transposed(x=X, w=V, bias=None, **options):
    return lambda: F.conv_transpose2d(zeros(x), zeros(w), bias, **options)


CONV2D_ERRORS = [
    (refused_conv2d(dilation=0), "conv2d: dilation must be an integer >= 1 or a pair of them, got "
     "0"),
    (refused_conv2d(dilation=3), "conv2d: the kernel (3, 3), dilated to (7, 7), is larger than the "
     "padded input (5, 5)"),
    (refused_conv2d(groups=0), "conv2d: groups must be a positive integer, got 0"),
    (refused_conv2d(groups=True), "conv2d: groups must be a positive integer, got True"),
    (refused_conv2d(groups=3), "conv2d: input of shape (2, 3, 5, 5) has 3 channels, weight of "
     "shape (4, 3, 3, 3) expects 9 in 3 groups"),
    (refused_conv2d(w=(4, 1, 3, 3), groups=3), "conv2d: dimension 0 of the weight (4, 1, 3, 3) "
     "must be a multiple of groups, 3"),
    (refused_conv2d(w=(4, 2, 3, 3)), "conv2d: input of shape (2, 3, 5, 5) has 3 channels, weight "
     "of shape (4, 2, 3, 3) expects 2"),
    (refused_conv2d(x=(5, 5)), "conv2d: input must be a floating 3-D or 4-D tensor, got float32 "
     "(5, 5)"),
    (refused_conv2d(x=(2, 5, 5)), "conv2d: input of shape (1, 2, 5, 5) has 2 channels"),
    (refused_conv2d(w=(4, 3)), "conv2d: weight must be a floating 4-D tensor, got float32 (4, 3)"),
    (lambda: F.conv2d(np.zeros(X), zeros(W)),
     "conv2d: input must be a floating 3-D or 4-D tensor, got ndarray"),
    (lambda: F.conv2d(zeros(X).to("int64"), zeros(W)),
     "conv2d: input must be a floating 3-D or 4-D tensor, got int64 (2, 3, 5, 5)"),
    (refused_conv2d(bias=zeros(3)), "conv2d: bias must be a tensor of shape (4,), got shape (3,)"),
    (refused_conv2d(bias=1), "conv2d: bias must be a tensor of shape (4,), got int"),
    (refused_conv2d(w=(4, 3, 6, 3)), "conv2d: the kernel (6, 3) is larger than the padded input "
     "(5, 5)"),
    (refused_conv2d(w=(4, 3, 3, 9), padding=1),
     "conv2d: the kernel (3, 9) is larger than the padded input (7, 7)"),
    (refused_conv2d(x=(2, 3, 0, 5)), "conv2d: empty input (2, 3, 0, 5)"),
    (refused_conv2d(stride=0), "conv2d: stride must be an integer >= 1 or a pair of them, got 0"),
    (refused_conv2d(stride=(1, 2, 3)), "conv2d: stride must be an integer >= 1 or a pair of them, "
     "got (1,"),
    (refused_conv2d(stride=1.5), "conv2d: stride must be an integer >= 1 or a pair of them, got "
     "1.5"),
    (refused_conv2d(padding=-1), "conv2d: padding must be an integer >= 0 or a pair of them, got "
     "-1"),
    (refused_conv2d(padding="full"), "conv2d: padding must be an integer, a pair, (top, bottom, "
     "left, right), 'same' or 'valid', got 'full'"),
    (refused_conv2d(padding=(1, 1, 1, -1)), "conv2d: padding must be an integer, a pair, (top, "
     "bottom, left, right), 'same' or 'valid', got (1, 1, 1, -1)"),
    (lambda: F.conv2d(zeros(X), zeros(W).double()), "Conv2d: inputs of different dtypes",
     TypeError),
]  # fmt: skip

CONV_TRANSPOSE2D_ERRORS = [
    (refused_transposed(dilation=(1, 0)), "conv_transpose2d: dilation must be an integer >= 1"),
    (refused_transposed(groups=2), "conv_transpose2d: dimension 0 of the weight (3, 4, 3, 3) must "
     "be a multiple of groups, 2"),
    (refused_transposed(groups=3, bias=zeros(4)),
     "conv_transpose2d: bias must be a tensor of shape (12,), got shape (4,)"),
    (refused_transposed(stride=2, dilation=3, output_padding=3), "conv_transpose2d: output_padding "
     "(3, 3) must be smaller than stride (2, 2) or dilation (3, 3)"),
    (refused_transposed(w=W), "conv_transpose2d: input of shape (2, 3, 5, 5) has 3 channels, "
     "weight of shape (4, 3, 3, 3) expects 4"),
    (refused_transposed(x=(2, 3)), "conv_transpose2d: input must be a floating 3-D or 4-D tensor"),
    (refused_transposed(bias=zeros(3)),
     "conv_transpose2d: bias must be a tensor of shape (4,), got shape (3,)"),
    (refused_transposed(stride=-2), "conv_transpose2d: stride must be an integer >= 1"),
    (refused_transposed(padding=(1,)), "conv_transpose2d: padding must be an integer >= 0"),
    (refused_transposed(output_padding=1), "conv_transpose2d: output_padding (1, 1) must be "
     "smaller than stride (1, 1)"),
    (refused_transposed(output_padding=-1),
     "conv_transpose2d: output_padding must be an integer >= 0"),
    (refused_transposed(stride=2, output_size=(10, 14)), "conv_transpose2d: output_size (10, 14) "
     "is not between (11, 11) and (12, 12), the sizes that a convolution maps to (5, 5)"),
    (refused_transposed(output_size=0),
     "conv_transpose2d: output_size must be an integer >= 1 or a pair of them"),
    (refused_transposed(stride=2, output_padding=1, output_size=(12, 12)), "conv_transpose2d: give "
     "output_padding or output_size, not both"),
    (refused_transposed(padding=4), "conv_transpose2d: the output would have size (-1, -1)"),
]  # fmt: skip

CONV1D_ERRORS = [
    (lambda: F.conv1d(zeros(2, 3, 4, 4), zeros(4, 3, 3)),
     "conv1d: input must be a floating 2-D or 3-D tensor, got float32 (2, 3, 4, 4)"),
    (lambda: F.conv1d(zeros(2, 3, 4), zeros(4, 3, 3), stride=(1, 1)),
     "conv1d: stride must be an integer >= 1, got (1, 1)"),
]  # fmt: skip


def pair(value) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def four(padding) -> tuple[int, int, int, int]:
    """(top, bottom, left, right)."""
    if isinstance(padding, tuple) and len(padding) == 4:
        return padding
    vertical, horizontal = pair(padding)
    return vertical, vertical, horizontal, horizontal


def windows(x, kernel, stride, padding, value=0.0):
    """All windows of an input that is padded with `value`: (n, c, p, q, r, s)."""
    top, bottom, left, right = padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=value)
    found = np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))
    return found[:, :, :: stride[0], :: stride[1]]


def numpy_conv2d(stride, padding):
    """The sum of the definition, over an input padded with zeros."""

    def run(x, weight, bias=0.0):
        found = windows(x, weight.shape[2:], stride, padding)
        y = np.einsum("ncpqrs,kcrs->nkpq", found, weight)
        return y + np.reshape(bias, (-1, 1, 1))

    return run


def torch_conv2d(stride, padding):
    """PyTorch pads opposite sides alike: all padding is done beforehand."""
    top, bottom, left, right = padding
    return lambda x, *rest: TF.conv2d(TF.pad(x, (left, right, top, bottom)), *rest, stride=stride)


def numpy_conv_transpose2d(stride, padding, size):
    """Each input adds its multiple of the kernel to the output, from which a border is cut."""
    top, _, left, _ = padding

    def run(y, weight, bias=0.0):
        (n, _, p, q), (_, c, r, s) = y.shape, weight.shape
        x = np.zeros((n, c, stride[0] * p + r + top + size[0], stride[1] * q + s + left + size[1]))
        for i, j in np.ndindex(p, q):
            rows = slice(stride[0] * i, stride[0] * i + r)
            columns = slice(stride[1] * j, stride[1] * j + s)
            x[:, :, rows, columns] += np.einsum("nk,kcrs->ncrs", y[:, :, i, j], weight)
        x = x[:, :, top : top + size[0], left : left + size[1]]
        return x + np.reshape(bias, (-1, 1, 1))

    return run


def torch_conv_transpose2d(stride, padding, size):
    """PyTorch's without padding, from which a border is cut; the bias comes last."""
    top, _, left, _ = padding

    def run(y, weight, bias=None):
        x = TF.conv_transpose2d(y, weight, stride=stride)
        below, right = top + size[0] - x.shape[2], left + size[1] - x.shape[3]
        x = TF.pad(x, (-left, right, -top, below))
        return x if bias is None else x + bias[:, None, None]

    return run


# Sums of 18 products of size 1; they may cancel, hence the absolute part.
CANCELLING = 2e-5


def conv2d(name, size, kernel, channels=(2, 3), batch=2, bias=True, same=None, **options):
    """A case; `same` is (top, bottom, left, right) where padding is "same"."""
    c, k = channels
    makers = [normal(batch, c, *size), normal(k, c, *kernel), normal(k)]
    how = pair(options.get("stride", 1)), same or four(options.get("padding", 0))
    return OpCase(
        name, lambda *inputs: F.conv2d(*inputs, **options), makers if bias else makers[:2],
        numpy=numpy_conv2d(*how), torch=torch_conv2d(*how), atol=CANCELLING, batch=True,
        channels_last="made" if name == "conv2d" else None,
        errors=CONV2D_ERRORS if name == "conv2d" else (),
    )  # fmt: skip


def conv_transpose2d(
    name, size, kernel, channels=(2, 3), batch=2, bias=True, same=None, **options
):
    """A case; `same` is (top, bottom, left, right) where padding is "same"."""
    k, c = channels
    makers = [normal(batch, k, *size), normal(k, c, *kernel), normal(c)]
    stride, padding = pair(options.get("stride", 1)), same or four(options.get("padding", 0))
    extra = pair(options.get("output_padding", 0))
    if "output_size" in options:
        outputs = options["output_size"]
    elif same:
        outputs = size[0] * stride[0], size[1] * stride[1]
    else:
        outputs = tuple(
            (size[i] - 1) * stride[i] + kernel[i] - sum(padding[2 * i : 2 * i + 2]) + extra[i]
            for i in range(2)
        )
    how = stride, padding, outputs
    return OpCase(
        name, lambda *inputs: F.conv_transpose2d(*inputs, **options),
        makers if bias else makers[:2], numpy=numpy_conv_transpose2d(*how),
        torch=torch_conv_transpose2d(*how), atol=CANCELLING, batch=True,
        channels_last="made" if name == "conv_transpose2d" else None,
        errors=CONV_TRANSPOSE2D_ERRORS if name == "conv_transpose2d" else (),
    )  # fmt: skip


def convolutions() -> Iterator[OpCase]:
    yield conv2d("conv2d", (3, 4), (2, 3))
    yield conv2d("conv2d no bias", (3, 3), (2, 2), bias=False)
    yield conv2d("conv2d batch 1", (4, 4), (4, 4), batch=1, channels=(1, 1), stride=2, padding=1)
    yield conv2d("conv2d 1x1", (2, 3), (1, 1))
    yield conv2d("conv2d stride 2", (5, 4), (2, 3), stride=2)
    yield conv2d("conv2d strides", (5, 4), (2, 2), stride=(1, 2), padding=(0, 1))
    yield conv2d("conv2d strides 2 3", (6, 7), (3, 2), (3, 4), stride=(2, 3), padding=(1, 0, 2, 1))
    yield conv2d("conv2d strides 4 5", (6, 7), (3, 2), (3, 4), stride=(4, 5))
    yield conv2d("conv2d strides 1 3", (5, 7), (2, 3), (3, 2), stride=(1, 3), padding=(0, 2))
    yield conv2d("conv2d padding 1", (6, 7), (4, 3), (3, 4), stride=2, padding=1)
    yield conv2d("conv2d asymmetric", (3, 3), (3, 2), stride=2, padding=(0, 2, 1, 0))
    yield conv2d("conv2d all sides", (6, 5), (5, 4), (3, 4), stride=2, padding=(1, 2, 0, 3))
    yield conv2d(
        "conv2d same", (5, 4), (3, 3), (1, 2), stride=2, padding="same", same=(1, 1, 0, 1)
    )
    yield conv2d("conv2d same stride 1", (3, 2), (2, 4), (1, 2), padding="same", same=(0, 1, 1, 2))
    yield conv2d("conv2d same 3x5", (5, 4), (3, 5), batch=1, padding="same", same=(1, 1, 2, 2))
    yield conv2d("conv2d stride > kernel", (5, 5), (1, 2), stride=3)
    yield conv2d("conv2d rows left over", (6, 5), (3, 3), stride=2, channels=(1, 2))
    yield conv2d("conv2d wide padding", (1, 1), (2, 2), padding=3, channels=(1, 1))


def transposed_convolutions() -> Iterator[OpCase]:
    yield conv_transpose2d("conv_transpose2d", (2, 3), (2, 3))
    yield conv_transpose2d("conv_transpose2d no bias", (2, 2), (3, 3), bias=False)
    yield conv_transpose2d("conv_transpose2d batch 1", (1, 1), (4, 4), channels=(3, 1), batch=1)
    yield conv_transpose2d("conv_transpose2d 1x1", (2, 3), (1, 1))
    yield conv_transpose2d("conv_transpose2d stride 2", (2, 2), (4, 4), (1, 2), stride=2, padding=1)
    yield conv_transpose2d("conv_transpose2d padding", (3, 2), (4, 4), (4, 3), stride=2, padding=1)
    yield conv_transpose2d(
        "conv_transpose2d strides", (2, 3), (2, 2), (2, 1), stride=(3, 1), padding=(0, 1)
    )
    yield conv_transpose2d(
        "conv_transpose2d asymmetric", (2, 2), (3, 3), (1, 2), stride=2, padding=(0, 2, 1, 0)
    )
    yield conv_transpose2d(
        "conv_transpose2d three sides", (3, 3), (4, 3), (4, 2), stride=2, padding=(1, 2, 0, 1)
    )
    yield conv_transpose2d(
        "conv_transpose2d output_padding", (2, 2), (3, 3), (2, 1),
        stride=(2, 3), padding=1, output_padding=(1, 2),
    )  # fmt: skip
    yield conv_transpose2d(
        "conv_transpose2d output_padding 5x4", (3, 2), (5, 4), (4, 3),
        stride=(2, 3), padding=1, output_padding=(1, 2),
    )  # fmt: skip
    yield conv_transpose2d(
        "conv_transpose2d output_size", (2, 3), (3, 3), (1, 2),
        stride=2, padding=1, output_size=(4, 5),
    )  # fmt: skip
    yield conv_transpose2d(
        "conv_transpose2d same", (2, 2), (3, 3), (1, 2), stride=2, padding="same", same=(0, 1, 0, 1)
    )
    yield conv_transpose2d(
        "conv_transpose2d same output_size", (2, 2), (5, 5), (1, 1),
        stride=2, padding="same", same=(2, 2, 1, 2), output_size=(3, 4),
    )  # fmt: skip
    yield conv_transpose2d("conv_transpose2d stride > kernel", (2, 2), (1, 2), stride=3)


def beside_torch(name, function, shapes, errors=(), **options):
    """A case of a function with arguments that PyTorch's function of this name takes, too."""
    return OpCase(
        name, lambda *inputs: getattr(F, function)(*inputs, **options),
        [normal(*shape) for shape in shapes],
        torch=lambda *inputs: getattr(TF, function)(*inputs, **options), errors=errors,
    )  # fmt: skip


def with_groups_and_dilation() -> Iterator[OpCase]:
    for name, x, w, options in (
        ("groups 2", (2, 4, 4, 5), (6, 2, 3, 2), dict(groups=2, padding=1)),
        ("groups 3 strides", (2, 3, 5, 6), (6, 1, 2, 3), dict(groups=3, stride=(2, 1))),
        ("depthwise", (2, 5, 4, 5), (5, 1, 3, 3), dict(groups=5, padding=(1, 2))),
        ("depthwise dilation", (1, 3, 6, 5), (3, 1, 3, 2),
         dict(groups=3, stride=2, padding=2, dilation=(2, 3))),
        ("groups of wide", (1, 6, 3, 4), (10, 3, 2, 2), dict(groups=2, dilation=2, padding=1)),
        ("dilation 2", (2, 2, 6, 5), (3, 2, 3, 2), dict(dilation=2, padding=1)),
        ("dilation 3 stride 2", (1, 2, 7, 9), (2, 2, 3, 2),
         dict(dilation=(3, 2), stride=(2, 4), padding=(2, 1))),
        ("dilation > input", (2, 2, 2, 1), (2, 2, 2, 2), dict(dilation=4, padding=3)),
        ("same dilation", (2, 2, 4, 5), (2, 2, 2, 3), dict(dilation=(2, 3), padding="same")),
        ("valid", (2, 2, 4, 5), (2, 2, 2, 3), dict(padding="valid", stride=2)),
        ("one image", (4, 4, 5), (2, 2, 3, 2), dict(groups=2, padding=1)),
    ):
        channels = w[:1]
        yield beside_torch(f"conv2d {name}", "conv2d", (x, w, channels), **options)
    for name, y, w, options in (
        ("groups 2", (2, 4, 3, 2), (4, 3, 3, 2), dict(groups=2, padding=1)),
        ("depthwise", (2, 5, 3, 4), (5, 1, 3, 3), dict(groups=5, stride=2, output_padding=1)),
        ("depthwise dilation", (1, 3, 4, 5), (3, 2, 3, 2),
         dict(groups=3, stride=2, padding=2, dilation=(2, 3))),
        ("dilation 2", (2, 2, 4, 3), (2, 3, 3, 2), dict(dilation=2, padding=1)),
        ("dilation 3 stride 2", (1, 2, 4, 3), (2, 2, 3, 2),
         dict(dilation=(3, 2), stride=(2, 4), padding=(2, 1), output_padding=(2, 3))),
        ("one image", (4, 3, 2), (4, 1, 2, 3), dict(groups=2, stride=2)),
    ):
        channels = (w[1] * options.get("groups", 1),)
        yield beside_torch(
            f"conv_transpose2d {name}", "conv_transpose2d", (y, w, channels),
            **options,
        )  # fmt: skip
    for name, x, options in (
        ("", (2, 4, 9), dict(stride=2, padding=1, dilation=2, groups=2)),
        (" one sequence", (4, 5), dict(padding="same", groups=2)),
    ):
        case = beside_torch(f"conv1d{name}", "conv1d", (x, (6, 2, 3), (6,)), **options)
        case.errors = () if name else CONV1D_ERRORS
        yield case
    for name, y, w, options in (
        ("", (2, 4, 5), (4, 3, 3), dict(stride=2, padding=1, output_padding=1, groups=2)),
        (" one sequence", (4, 5), (4, 1, 2), dict(dilation=2, groups=4)),
    ):
        channels = (w[1] * options["groups"],)
        case = beside_torch(f"conv_transpose1d{name}", "conv_transpose1d", (y, w, channels),
                            **options)  # fmt: skip
        case.errors = () if name else CONV_TRANSPOSE1D_ERRORS
        yield case


CASES = [*convolutions(), *transposed_convolutions(), *with_groups_and_dilation()]
