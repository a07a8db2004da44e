"""What the ops compute: against NumPy, in both dtypes, and in which memory order."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygan
import tinygan.functional as F
from tinygan import grad, tensor
from tinygan.kernels.emulator import standin

DTYPES = ("float32", "float64")

# The same few operations in another order: a few units in the last place of values of size 1-10,
# in float32 6e-8 each, in float64 1e-16.
TOLERANCE = {"float32": {"rtol": 1e-5, "atol": 1e-6}, "float64": {"rtol": 1e-12, "atol": 1e-13}}


def softplus(x):
    return np.log1p(np.exp(x))


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


# name: tinygan's function, NumPy's, the shapes of the inputs (all drawn from [0.5, 2)).
AGAINST_NUMPY = {
    "add": (lambda a, b: a + b, np.add, (2, 3), (3,)),
    "add number": (lambda a: 1.5 + a, lambda a: a + 1.5, (2, 3)),
    "sub": (lambda a, b: a - b, np.subtract, (2, 1), (2, 3)),
    "sub number": (lambda a: 1.5 - a, lambda a: 1.5 - a, (2, 3)),
    "mul": (lambda a, b: a * b, np.multiply, (2, 3), ()),
    "div": (lambda a, b: a / b, np.divide, (2, 1), (1, 3)),
    "div number": (lambda a: 2 / a, lambda a: 2 / a, (2, 3)),
    "neg": (lambda a: -a, np.negative, (2, 3)),
    "pow 2": (lambda a: a**2, np.square, (2, 3)),
    "pow 0.5": (lambda a: a**0.5, np.sqrt, (2, 3)),
    "pow NumPy number": (lambda a: a ** np.float64(3), lambda a: a * a * a, (2, 3)),
    "pow tensors": (lambda a, b: a**b, np.power, (2, 3), (2, 3)),
    "pow of a number": (lambda a: 2.0**a, np.exp2, (2, 3)),
    "exp": (lambda a: a.exp(), np.exp, (2, 3)),
    "log": (lambda a: a.log(), np.log, (2, 3)),
    "sqrt": (lambda a: a.sqrt(), np.sqrt, (2, 3)),
    "abs": (lambda a: (a - 1.0).abs(), lambda a: np.abs(a - 1), (2, 3)),
    "clip": (lambda a: a.clip(0.7, 1.1), lambda a: np.clip(a, 0.7, 1.1), (4, 5)),
    "clip NumPy number": (lambda a: a.clip(np.float64(1)), lambda a: np.maximum(a, 1), (4, 5)),
    "where": (
        lambda a, b: tinygan.where(a > b, a, -1), lambda a, b: np.where(a > b, a, -1), (3, 4), (4,)
    ),
    "sum": (lambda a: a.sum((0, 2)), lambda a: a.sum((0, 2)), (2, 3, 4)),
    "mean": (lambda a: a.mean(-1, True), lambda a: a.mean(-1, keepdims=True), (2, 3, 4)),
    "var": (lambda a: a.var(1), lambda a: a.var(1, ddof=1), (2, 5)),
    "var all": (lambda a: a.var(correction=0), np.var, (2, 5)),
    "std": (lambda a: a.std(0), lambda a: a.std(0, ddof=1), (4, 2)),
    "amax": (lambda a: a.amax((0, 1)), lambda a: a.max((0, 1)), (2, 3, 4)),
    "amin": (lambda a: a.amin(1), lambda a: a.min(1), (2, 3, 4)),
    "max": (lambda a: a.max(), np.max, (2, 3)),
    "max values": (lambda a: a.max(1).values, lambda a: a.max(1), (2, 3)),
    "min values": (lambda a: a.min(0, True)[0], lambda a: a.min(0, keepdims=True), (2, 3)),
    "matmul": (lambda a, b: a @ b, np.matmul, (3, 4), (4, 5)),
    "matmul batch": (lambda a, b: a @ b, np.matmul, (2, 1, 3, 4), (3, 4, 2)),
    "matmul vector": (lambda a, b: a @ b, np.matmul, (4,), (2, 4, 3)),
    "matmul inner": (lambda a, b: a @ b, np.matmul, (4,), (4,)),
    "reshape": (lambda a: a.reshape(3, -1), lambda a: a.reshape(3, 4), (2, 6)),
    "permute": (lambda a: a.permute(2, 0, 1), lambda a: a.transpose(2, 0, 1), (2, 3, 4)),
    "transpose": (lambda a: a.transpose(0, -1), lambda a: a.swapaxes(0, 2), (2, 3, 4)),
    "flatten": (lambda a: a.flatten(1, 2), lambda a: a.reshape(2, 12, 2), (2, 3, 4, 2)),
    "squeeze": (lambda a: a.squeeze(1), lambda a: a[:, 0], (2, 1, 3)),
    "unsqueeze": (lambda a: a.unsqueeze(-1), lambda a: a[..., None], (2, 3)),
    "expand": (lambda a: a.expand(2, 3, 4), lambda a: np.broadcast_to(a, (2, 3, 4)), (3, 1)),
    "getitem": (lambda a: a[1, ::-1, None], lambda a: a[1, ::-1, None], (2, 3)),
    "getitem list": (lambda a: a[[1, 0, 1]], lambda a: a[[1, 0, 1]], (2, 3)),
    "getitem mask": (lambda a: a[a > 1], lambda a: a[a > 1], (4, 5)),
    "cat": (
        lambda a, b: tinygan.cat([a, b], -1), lambda a, b: np.concatenate([a, b], 1), (2, 3), (2, 1)
    ),
    "stack": (
        lambda a, b: tinygan.stack([a, b], 1), lambda a, b: np.stack([a, b], 1), (2, 3), (2, 3)
    ),
    "clone": (lambda a: a.clone(), np.copy, (2, 3)),
    "relu": (lambda a: F.relu(a - 1.0), lambda a: np.maximum(a - 1, 0), (4, 5)),
    "leaky_relu": (
        lambda a: F.leaky_relu(a - 1.0, 0.2), lambda a: np.maximum(a - 1, (a - 1) / 5), (4, 5)
    ),
    "tanh": (F.tanh, np.tanh, (2, 3)),
    "sigmoid": (F.sigmoid, lambda a: 1 / (1 + np.exp(-a)), (2, 3)),
    "softplus": (F.softplus, softplus, (2, 3)),
    "log_softmax": (F.log_softmax, log_softmax, (2, 3)),
    "softmax": (F.softmax, lambda a: np.exp(log_softmax(a)), (2, 3)),
    "maxout": (lambda a: F.maxout(a, 2), lambda a: a.reshape(3, 2, 2).max(2), (3, 4)),
    "linear": (F.linear, lambda x, w, b: x @ w.T + b, (3, 4), (2, 4), (2,)),
    "dropout evaluation": (lambda a: F.dropout(a, 0.5, training=False), np.copy, (2, 3)),
    "mse_loss": (F.mse_loss, lambda a, b: ((a - b) ** 2).mean(), (2, 3), (2, 3)),
    "mse_loss sum": (
        lambda a, b: F.mse_loss(a, b, "sum"), lambda a, b: ((a - b) ** 2).sum(), (2, 3), (2, 3)
    ),
    "batch_norm": (
        lambda a: F.batch_norm(a, None, None, training=True, eps=1e-3),
        lambda a: (a - a.mean(0)) / np.sqrt(a.var(0) + 1e-3), (5, 3),
    ),
    "batch_norm evaluation": (
        lambda a, m, v, w, b: F.batch_norm(a, m, v, w, b, eps=1e-3),
        lambda a, m, v, w, b: w * (a - m) / np.sqrt(v + 1e-3) + b, (5, 3), (3,), (3,), (3,), (3,),
    ),
    "max_pool2d": (
        lambda a: F.max_pool2d(a, 2), lambda a: a.reshape(1, 2, 2, 2, 3, 2).max((3, 5)),
        (1, 2, 4, 6),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", AGAINST_NUMPY)
def test_values_shapes_and_dtypes(name, dtype, device, rng):
    function, expected, *shapes = AGAINST_NUMPY[name]
    arrays = [rng.uniform(0.5, 2.0, shape).astype(dtype) for shape in shapes]
    result = function(*(tensor(array, device=device) for array in arrays))
    wanted = np.asarray(expected(*(array.astype(np.float64) for array in arrays)))
    assert (result.shape, result.dtype) == (wanted.shape, np.dtype(dtype))
    assert result.device.startswith(device)  # "cuda" means "cuda:0"
    np.testing.assert_allclose(result.cpu().numpy(), wanted, **TOLERANCE[dtype])


def convolve(x, weight, stride, padding):
    """The sum of the definition, over an input padded with zeros."""
    top, bottom, left, right = padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    r, s = weight.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(x, (r, s), (2, 3))
    return np.einsum("ncpqrs,kcrs->nkpq", windows[:, :, :: stride[0], :: stride[1]], weight)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("stride", "padding"), [((1, 1), (0, 0, 0, 0)), ((2, 3), (1, 0, 2, 1)), ((4, 5), (0, 0, 0, 0))]
)
def test_convolutions_are_their_definitions(stride, padding, dtype, device, rng):
    x = rng.standard_normal((2, 3, 6, 7)).astype(dtype)
    weight, bias = rng.standard_normal((4, 3, 3, 2)).astype(dtype), np.arange(4, dtype=dtype)
    wanted = convolve(x, weight, stride, padding)
    inputs = [tensor(array, device=device) for array in (x, weight, bias)]
    y = F.conv2d(*inputs, stride=stride, padding=padding)
    # Sums of 18 products of size 1; they may cancel, hence the absolute part.
    close = {"rtol": 0, "atol": {"float32": 2e-5, "float64": 1e-13}[dtype]}
    np.testing.assert_allclose(y.cpu().numpy(), wanted + bias[:, None, None], **close)
    # <g, conv(x)> = <conv_transpose(g), x> defines the transposed convolution.
    g = rng.standard_normal(wanted.shape).astype(dtype)
    back = F.conv_transpose2d(
        tensor(g, device=device), inputs[1], stride=stride, padding=padding, output_size=(6, 7)
    )
    assert (y.dtype, back.dtype, back.shape) == (np.dtype(dtype), np.dtype(dtype), x.shape)
    left, right = (g * wanted).sum(dtype=float), (back.cpu().numpy() * x).sum(dtype=float)
    # Some 400 products: their rounding errors add up to a few times those of one.
    np.testing.assert_allclose(left, right, rtol=0, atol={"float32": 1e-4, "float64": 1e-12}[dtype])


@pytest.mark.parametrize(
    ("size", "outputs", "first", "last"), [(28, 14, 1, 2), (14, 7, 1, 2), (7, 4, 2, 2)]
)
def test_same_pads_as_tensorflow(size, outputs, first, last, device, rng):
    x, weight = rng.standard_normal((1, 2, size, size)), rng.standard_normal((3, 2, 5, 5))
    x, weight = tensor(x, device=device), tensor(weight, device=device)
    y = F.conv2d(x, weight, stride=2, padding="same")
    assert y.shape == (1, 3, outputs, outputs)
    explicit = F.conv2d(x, weight, stride=2, padding=(first, last, first, last))
    assert y.tolist() == explicit.tolist()
    shifted = F.conv2d(x, weight, stride=2, padding=(last + 1, first, last + 1, first))
    assert y.tolist() != shifted.tolist()


def test_same_transposed_goes_back_by_output_size(device, rng):
    x = tensor(rng.standard_normal((1, 2, 4, 4)), device=device)
    weight = tensor(rng.standard_normal((2, 2, 5, 5)), device=device)
    for size in (7, 14, 28):
        smaller = x
        x = F.conv_transpose2d(smaller, weight, stride=2, padding="same", output_size=(size, size))
        assert x.shape == (1, 2, size, size)
        assert F.conv2d(x, weight, stride=2, padding="same").shape == smaller.shape
    assert F.conv_transpose2d(x, weight, stride=2, padding="same").shape == (1, 2, 56, 56)


def channels_last(x) -> bool:
    _, c, h, w = x.shape
    return x.data.strides == tuple(x.data.itemsize * s for s in (c * h * w, 1, w * c, c))


def test_images_stay_channels_last_in_memory(device, rng):
    x = tensor(rng.standard_normal((2, 3, 4, 5)), device=device)
    assert not channels_last(x)
    y = F.conv2d(x, tensor(rng.standard_normal((4, 3, 2, 2)), device=device))
    assert channels_last(y)
    y = F.conv_transpose2d(y, tensor(rng.standard_normal((4, 3, 2, 2)), device=device))
    assert channels_last(y)
    for activation in (F.relu, F.leaky_relu, F.tanh, F.sigmoid):
        assert channels_last(activation(y))
    for training in (True, False):
        zeros, ones = tensor([0.0] * 3, "float64", device), tensor([1.0] * 3, "float64", device)
        assert channels_last(F.batch_norm(y, zeros, ones, training=training))
    assert channels_last(F.batch_norm(x, None, None, training=True))


def test_any_strides_give_the_same_result(device, rng):
    def spread(array):
        """The same values with gaps between them, in another memory order."""
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]))
        wide[..., ::2] = array
        return np.asfortranarray(wide)[..., ::2]

    def run(arrays, function):
        inputs = [tinygan.Tensor(array).to(device=device).detach() for array in arrays]
        inputs = [x.requires_grad_() for x in inputs]
        y = function(*inputs)
        cotangent = tensor(np.linspace(-1, 2, y.numel()).reshape(y.shape), device=device)
        return [x.tolist() for x in (y, *grad(y, inputs, cotangent))]

    for function, shapes in {
        lambda x, w, b: F.conv2d(x, w, b, 2, 1): [(2, 3, 5, 4), (4, 3, 3, 2), (4,)],
        lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1): [(2, 3, 5, 4), (3, 4, 3, 2), (4,)],
        F.linear: [(5, 4), (3, 4), (3,)],
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True): [(3, 2, 2, 2), (2,), (2,)],
        F.tanh: [(2, 3, 4)],
        F.relu: [(2, 3, 4, 2)],
        lambda x: F.max_pool2d(x, 2): [(2, 3, 4, 4)],
    }.items():
        arrays = [rng.standard_normal(shape) for shape in shapes]
        plain, spaced = run(arrays, function), run([spread(array) for array in arrays], function)
        for a, b in zip(plain, spaced, strict=True):
            # The order of a sum may follow the memory: rounding of float64 sums of size 10.
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_empty_batch_goes_forward_and_backward(dtype, device):
    def zeros(*shape):
        return tinygan.zeros(*shape, dtype=dtype, device=device, requires_grad=True)

    for function, shapes, expected in [
        (lambda x, w, b: F.conv2d(x, w, b, 2, 1), [(0, 3, 6, 6), (4, 3, 4, 4), (4,)], (0, 4, 3, 3)),
        (F.conv_transpose2d, [(0, 3, 2, 2), (3, 4, 3, 3), (4,)], (0, 4, 4, 4)),
        (F.linear, [(0, 3), (4, 3), (4,)], (0, 4)),
        *((f, [(0, 3, 2, 2)], (0, 3, 2, 2)) for f in (F.relu, F.leaky_relu, F.tanh, F.sigmoid)),
        *((f, [(0, 3)], (0, 3)) for f in (F.softplus, F.log_softmax, F.softmax, F.dropout)),
        (lambda x: F.max_pool2d(x, 2), [(0, 3, 4, 4)], (0, 3, 2, 2)),
    ]:
        inputs = [zeros(*shape) for shape in shapes]
        y = function(*inputs)
        assert (y.shape, y.dtype) == (expected, np.dtype(dtype))
        y.sum().backward()
        for x, shape in zip(inputs, shapes, strict=True):
            assert (x.grad.shape, x.grad.dtype) == (shape, np.dtype(dtype))
            assert not x.grad.data.any()


def test_indices_of_extremes(device):
    x = tensor([[3.0, 7.0, 7.0], [9.0, 1.0, 1.0]], device=device)
    assert [a.tolist() for a in x.max(1)] == [[7.0, 9.0], [1, 0]]  # the first of equals
    assert [a.tolist() for a in x.min(1)] == [[3.0, 1.0], [0, 1]]
    assert (x.argmax().item(), x.argmin().item(), x.argmax(0).tolist()) == (3, 4, [1, 0, 0])
    assert x.max(1).indices.dtype == tinygan.int64


def test_ties_share_the_gradient_of_amax(device):
    x = tensor([1.0, 5.0, 5.0, 5.0, 5.0], device=device, requires_grad=True)
    assert grad(x.amax(), x)[0].tolist() == [0, 0.25, 0.25, 0.25, 0.25]
    assert grad(x.max(0).values, x)[0].tolist() == [0, 1, 0, 0, 0]


def test_integers_and_bools_meet_floats(device):
    whole, mask = tensor([1, 2], device=device), tensor([True, False], device=device)
    x = tensor([0.5, 0.25], device=device)
    for result in (whole.exp(), whole**0.5, whole**-1, whole / whole, whole * x, F.tanh(whole),
                   whole.clip(1.5), mask * x, whole + 0.5, x @ whole, whole.log(), whole.sqrt(),
                   F.sigmoid(whole), F.softplus(whole), F.log_softmax(whole)):  # fmt: skip
        assert result.dtype == np.float32
    assert (whole.double() * whole).dtype == np.float64
    assert (whole**2).tolist() == [1, 4] and (whole**2).dtype == np.int64
    assert (mask * 3).tolist() == [3, 0] and (1 - mask).tolist() == [0, 1]
    losses = F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.mse_loss
    for loss in losses:
        for dtype in DTYPES:
            given, target = x.to(dtype), tensor([1.0, 0.0], dtype, device)
            assert loss(given, mask).dtype == loss(given, target).dtype == np.dtype(dtype)
            assert loss(given, mask).item() == loss(given, target).item()
            assert loss(given, mask.to("int64")).item() == loss(given, target).item()


def test_one_hot_and_embedding(device):
    target = tensor([[2, 0]], device=device)
    assert F.one_hot(target, 3).tolist() == [[[0, 0, 1], [1, 0, 0]]]
    assert F.one_hot(target, 3).dtype == np.float32
    weight = tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], device=device, requires_grad=True)
    y = F.embedding(tensor([2, 0, 2], device=device), weight)
    assert y.tolist() == [[5, 6], [1, 2], [5, 6]]
    assert grad(y.sum(), weight)[0].tolist() == [[1, 1], [0, 0], [2, 2]]
    assert math.prod(F.embedding(tensor(np.zeros((0, 2), int), device=device), weight).shape) == 0


def test_views_that_begin_anywhere(device, rng):
    """Kernels that load vectors of 16 bytes must not do so where memory is not aligned."""
    standin.checked = True  # where the device is emulated; its fixture sets it back
    x = rng.standard_normal((5, 3)).astype(np.float32)
    for function in (F.relu, F.tanh, lambda x: F.leaky_relu(x, 0.2)):
        on_device = tinygan.tensor(x, device=device)[1:].requires_grad_(True)
        on_cpu = tinygan.tensor(x)[1:].requires_grad_(True)
        results = []
        for view in (on_device, on_cpu):
            y = function(view)
            (gradient,) = tinygan.grad(y.sum(), view)
            results.append((y.detach().cpu().numpy(), gradient.cpu().numpy()))
        for a, b in zip(*results, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
