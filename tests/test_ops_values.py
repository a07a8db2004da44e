"""What the ops compute: against NumPy, in both dtypes, and in which memory order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from op_cases import each_case
from op_cases.case import leaf

import tinygan
import tinygan.functional as F
from tinygan import grad, tensor
from tinygan.kernels.emulator import fake_cupy

DTYPES = ("float32", "float64")

# The same few operations in another order: a few units in the last place of values of size 1-10,
# in float32 6e-8 each, in float64 1e-16.
TOLERANCE = {"float32": {"rtol": 1e-5, "atol": 1e-6}, "float64": {"rtol": 1e-12, "atol": 1e-13}}


@pytest.mark.parametrize("dtype", DTYPES)
@each_case(lambda case: case.numpy)
def test_values_shapes_and_dtypes(case, dtype, device):
    result = case.function(*case.tensors(device, dtype))
    arrays = [array.astype(np.float64) if array.dtype.kind == "f" else array
              for array in case.arrays(dtype)]  # fmt: skip
    wanted = np.asarray(case.numpy(*arrays))
    # Formulas are in float64 and stand for both; an index or a truth has its own dtype.
    expected_dtype = np.dtype(dtype) if wanted.dtype == np.float64 else wanted.dtype
    assert (result.shape, result.dtype) == (wanted.shape, expected_dtype)
    assert result.device.startswith(device)  # "cuda" means "cuda:0"
    assert np.isfinite(wanted).all()
    close = dict(TOLERANCE[dtype])
    if dtype == "float32":
        close["atol"] = case.atol
    np.testing.assert_allclose(result.detach().cpu().numpy(), wanted, **close)


@each_case(lambda case: case.integers)
def test_integers(case, device):
    """They give what the same numbers in float32 give."""
    rng = np.random.default_rng(3)
    whole = [tensor(rng.integers(1, 4, array.shape), device=device) for array in case.arrays()]
    result = case.function(*whole)
    assert result.dtype == np.dtype(case.integers)
    assert result.tolist() == case.function(*(x.float() for x in whole)).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@each_case(lambda case: case.batch)
def test_an_empty_batch_goes_forward_and_backward(case, dtype, device):
    arrays = case.arrays(dtype)
    shape = case.function(*case.tensors(device, dtype)).shape
    inputs = [leaf(array, device) for array in (arrays[0][:0], *arrays[1:])]
    y = case.function(*inputs)
    assert shape[0] > 0
    assert (y.shape, y.dtype) == ((0, *shape[1:]), np.dtype(dtype))
    y.sum().backward()
    for x in inputs:
        assert (x.grad.shape, x.grad.dtype) == (x.shape, np.dtype(dtype))
        assert not np.any(x.grad.cpu().numpy())


def channels_last(x) -> bool:
    _, c, h, w = x.shape
    return x.array.strides == tuple(x.array.itemsize * s for s in (c * h * w, 1, w * c, c))


@each_case(lambda case: case.channels_last)
def test_images_are_channels_last_in_memory(case, device):
    (array, *_), (plain, *rest) = case.arrays(), case.tensors(device)
    nhwc = leaf(np.ascontiguousarray(array.transpose(0, 2, 3, 1)), device)
    image = nhwc.permute(0, 3, 1, 2)
    assert channels_last(image) and not channels_last(plain)
    assert channels_last(case.function(image, *rest))
    if case.channels_last == "made":
        assert channels_last(case.function(plain, *rest))


def turned(array, device):
    """The same values with the dimensions in another order in memory, without gaps."""
    order = (0, *range(2, array.ndim), 1) if array.ndim > 2 else (*reversed(range(array.ndim)),)
    inverse = [order.index(i) for i in range(array.ndim)]
    return leaf(array.transpose(order).copy().transpose(inverse), device)


@each_case(lambda case: case.gradient)
def test_the_order_in_memory_is_the_same_on_both_devices(case, gpu):
    """Otherwise the next convolution copies its input into the other order, on one of them."""
    strides = []
    for device in ("cpu", gpu):
        inputs = [turned(array, device) for array in case.arrays()]
        y = case.function(*inputs)
        wanted = [x for x in inputs if x.requires_grad]
        found = [y, *(x for x in grad(y.sum(), wanted, allow_unused=True) if x is not None)]
        strides.append([dict(zip(x.shape, x.array.strides, strict=True)) for x in found])
        for each in strides[-1]:
            each.pop(1, None)  # the step along a single element is noise
    assert strides[0] == strides[1]


def spread(array, device):
    """The same values with gaps between them, in another memory order."""
    if array.dtype.kind != "f" or array.ndim == 0:
        return leaf(array, device)
    wide = np.zeros([2 * size for size in array.shape])
    every_other = (slice(None, None, 2),) * array.ndim
    wide[every_other] = array
    wide = tensor(np.ascontiguousarray(wide.T), device=device)
    return wide.permute(*reversed(range(array.ndim)))[every_other].detach().requires_grad_()


@each_case(lambda case: case.gradient)
def test_any_strides_give_the_same_result(case, device):
    def run(inputs):
        y = case.function(*inputs)
        cotangent = tensor(np.linspace(-1, 2, y.numel()).reshape(y.shape), device=device)
        wanted = [x for x in inputs if x.requires_grad]
        found = grad(y, wanted, cotangent, allow_unused=True)
        return [x.tolist() for x in (y, *found) if x is not None]

    plain = run(case.tensors(device))
    with_gaps = [spread(array, device) for array in case.arrays()]
    for x in with_gaps:
        assert not x.requires_grad or not x.array.flags.c_contiguous or x.numel() == 1
    spaced = run(with_gaps)
    for a, b in zip(plain, spaced, strict=True):
        assert np.isfinite(a).all()
        # The order of a sum may follow the memory: rounding of float64 sums of size 10.
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("stride", "padding"), [((1, 1), (0, 0, 0, 0)), ((2, 3), (1, 0, 2, 1)), ((4, 5), (0, 0, 0, 0))]
)
def test_the_transposed_convolution_is_the_adjoint(stride, padding, dtype, device, rng):
    """<g, conv(x)> = <conv_transpose(g), x> defines it."""
    x = rng.standard_normal((2, 3, 6, 7)).astype(dtype)
    weight = rng.standard_normal((4, 3, 3, 2)).astype(dtype)
    inputs = [tensor(array, device=device) for array in (x, weight)]
    y = F.conv2d(*inputs, stride=stride, padding=padding)
    g = rng.standard_normal(y.shape).astype(dtype)
    back = F.conv_transpose2d(
        tensor(g, device=device), inputs[1], stride=stride, padding=padding, output_size=(6, 7)
    )
    assert (y.dtype, back.dtype, back.shape) == (np.dtype(dtype), np.dtype(dtype), x.shape)
    left = (g * y.cpu().numpy()).sum(dtype=float)
    right = (back.cpu().numpy() * x).sum(dtype=float)
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
    for result in (whole * x, mask * x, x @ whole, whole + 0.5):
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
    assert F.one_hot(target, 3).dtype == np.int64
    weight = tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], device=device, requires_grad=True)
    y = F.embedding(tensor([2, 0, 2], device=device), weight)
    assert y.tolist() == [[5, 6], [1, 2], [5, 6]]
    assert grad(y.sum(), weight)[0].tolist() == [[1, 1], [0, 0], [2, 2]]
    assert math.prod(F.embedding(tensor(np.zeros((0, 2), int), device=device), weight).shape) == 0


def test_views_that_begin_anywhere(device, rng):
    """Kernels that load vectors of 16 bytes must not do so where memory is not aligned."""
    fake_cupy.checked = True  # where the device is emulated; its fixture sets it back
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


def test_gumbel_softmax_draws_by_its_logits(device):
    tinygan.manual_seed(0)
    p = np.array([0.2, 0.5, 0.3], "f")
    logits = tinygan.tensor(np.log(np.tile(p, (4000, 1))), device=device, requires_grad=True)
    hard = F.gumbel_softmax(logits, 0.5, hard=True)
    assert sorted(set(hard.detach().cpu().numpy().round(6).ravel().tolist())) == [0, 1]
    # The standard deviation of a share of 4000 is below 0.008.
    np.testing.assert_allclose(hard.detach().cpu().numpy().mean(0), p, atol=0.03)
    (hard * hard.detach()).sum().backward()
    soft = F.gumbel_softmax(logits.detach(), 0.5)
    assert abs(soft.sum(1).cpu().numpy() - 1).max() < 1e-6
    assert abs(logits.grad.cpu().numpy()).max() > 0
