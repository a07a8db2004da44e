"""Modules beside PyTorch's: what they compute, by which options, and how they print them."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinygan
from tinygan import nn

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

# (constructor of either library, shapes of the inputs)
MODULES = {
    "Identity": (lambda m: m.Identity(3, a=4), [(2, 3)]),
    "ReLU": (lambda m: m.ReLU(True), [(2, 3)]),
    "LeakyReLU": (lambda m: m.LeakyReLU(0.2, inplace=True), [(2, 3)]),
    "PReLU": (lambda m: m.PReLU(3, init=0.1), [(2, 3)]),
    "ReLU6": (lambda m: m.ReLU6(inplace=True), [(2, 3)]),
    "ELU": (lambda m: m.ELU(0.5, True), [(2, 3)]),
    "CELU": (lambda m: m.CELU(0.5), [(2, 3)]),
    "SELU": (lambda m: m.SELU(), [(2, 3)]),
    "GELU": (lambda m: m.GELU(), [(2, 3)]),
    "GELU tanh": (lambda m: m.GELU("tanh"), [(2, 3)]),
    "SiLU": (lambda m: m.SiLU(True), [(2, 3)]),
    "Mish": (lambda m: m.Mish(), [(2, 3)]),
    "Hardsigmoid": (lambda m: m.Hardsigmoid(), [(2, 3)]),
    "Hardswish": (lambda m: m.Hardswish(), [(2, 3)]),
    "Hardtanh": (lambda m: m.Hardtanh(-0.5, 2.0), [(2, 3)]),
    "Threshold": (lambda m: m.Threshold(0.1, 20.0), [(2, 3)]),
    "Softplus": (lambda m: m.Softplus(2.0, 5.0), [(2, 3)]),
    "Softsign": (lambda m: m.Softsign(), [(2, 3)]),
    "Sigmoid": (lambda m: m.Sigmoid(), [(2, 3)]),
    "LogSigmoid": (lambda m: m.LogSigmoid(), [(2, 3)]),
    "Tanh": (lambda m: m.Tanh(), [(2, 3)]),
    "Tanhshrink": (lambda m: m.Tanhshrink(), [(2, 3)]),
    "Softmax": (lambda m: m.Softmax(dim=1), [(2, 3)]),
    "LogSoftmax": (lambda m: m.LogSoftmax(0), [(2, 3)]),
    "Softmin": (lambda m: m.Softmin(dim=-1), [(2, 3)]),
    "Softmax2d": (lambda m: m.Softmax2d(), [(2, 3, 2, 2)]),
    "GLU": (lambda m: m.GLU(), [(2, 4)]),
    "MSELoss": (lambda m: m.MSELoss(), [(2, 3)] * 2),
    "MSELoss old": (lambda m: m.MSELoss(size_average=False), [(2, 3)] * 2),
    "MSELoss old none": (lambda m: m.MSELoss(reduce=False), [(2, 3)] * 2),
    "L1Loss": (lambda m: m.L1Loss(reduction="sum"), [(2, 3)] * 2),
    "SmoothL1Loss": (lambda m: m.SmoothL1Loss(beta=0.5), [(2, 3)] * 2),
    "HuberLoss": (lambda m: m.HuberLoss("none", 0.5), [(2, 3)] * 2),
    "KLDivLoss": (lambda m: m.KLDivLoss(reduction="batchmean", log_target=True), [(2, 3)] * 2),
    "TripletMarginLoss": (lambda m: m.TripletMarginLoss(0.5, swap=True), [(2, 3)] * 3),
    "CosineSimilarity": (lambda m: m.CosineSimilarity(), [(2, 3)] * 2),
    "PairwiseDistance": (lambda m: m.PairwiseDistance(1.0), [(2, 3)] * 2),
    "BatchNorm1d 3-D": (lambda m: m.BatchNorm1d(3), [(4, 3, 2)]),
    "BatchNorm2d plain": (lambda m: m.BatchNorm2d(3, affine=False), [(4, 3, 2, 2)]),
    "BatchNorm2d no statistics": (
        lambda m: m.BatchNorm2d(3, track_running_stats=False), [(4, 3, 2, 2)]
    ),
    "BatchNorm2d average": (lambda m: m.BatchNorm2d(3, momentum=None), [(4, 3, 2, 2)]),
    "InstanceNorm1d": (lambda m: m.InstanceNorm1d(3, affine=True), [(4, 3, 5)]),
    "InstanceNorm2d": (lambda m: m.InstanceNorm2d(3), [(4, 3, 2, 2)]),
    "InstanceNorm2d one": (lambda m: m.InstanceNorm2d(3, 0.1), [(3, 2, 2)]),
    "InstanceNorm2d statistics": (
        lambda m: m.InstanceNorm2d(3, track_running_stats=True), [(4, 3, 2, 2)]
    ),
    "LayerNorm": (lambda m: m.LayerNorm((3, 2)), [(4, 3, 2)]),
    "LayerNorm plain": (lambda m: m.LayerNorm(3, 0.1, elementwise_affine=False), [(4, 3)]),
    "Linear": (lambda m: m.Sequential(m.Flatten(0), m.Unflatten(0, (2, 6))), [(3, 4)]),
    "ZeroPad2d": (lambda m: m.ZeroPad2d((1, 0, 2, 1)), [(2, 2, 3, 3)]),
    "ConstantPad2d": (lambda m: m.ConstantPad2d(2, 1.5), [(2, 2, 3, 3)]),
    "ReflectionPad1d": (lambda m: m.ReflectionPad1d((2, 1)), [(2, 2, 3)]),
    "ReflectionPad2d": (lambda m: m.ReflectionPad2d(1), [(2, 2, 3, 3)]),
    "ReflectionPad2d one": (lambda m: m.ReflectionPad2d(1), [(2, 3, 3)]),
    "ReplicationPad1d": (lambda m: m.ReplicationPad1d(2), [(2, 2, 3)]),
    "ReplicationPad2d": (lambda m: m.ReplicationPad2d((1, 2, 3, 0)), [(2, 2, 3, 3)]),
    "CircularPad2d": (lambda m: m.CircularPad2d(1), [(2, 2, 3, 3)]),
    "Hardshrink": (lambda m: m.Hardshrink(), [(2, 3)]),
    "Softshrink": (lambda m: m.Softshrink(0.2), [(2, 3)]),
    "MaxPool1d": (lambda m: m.MaxPool1d(3, 2, 1, ceil_mode=True), [(2, 2, 8)]),
    "AvgPool1d": (lambda m: m.AvgPool1d(3, 2, (1,), False, False), [(2, 2, 8)]),
    "AdaptiveAvgPool1d": (lambda m: m.AdaptiveAvgPool1d(3), [(2, 2, 8)]),
    "AdaptiveMaxPool1d": (lambda m: m.AdaptiveMaxPool1d(3), [(2, 2, 8)]),
    "AdaptiveMaxPool2d": (lambda m: m.AdaptiveMaxPool2d((2, None)), [(2, 2, 5, 4)]),
    "Upsample bicubic": (
        lambda m: m.Upsample(scale_factor=2, mode="bicubic", align_corners=True), [(2, 2, 3, 3)]
    ),
    "Upsample": (lambda m: m.Upsample(scale_factor=2), [(2, 2, 3, 3)]),
    "Upsample size": (lambda m: m.Upsample((5, 4)), [(2, 2, 3, 3)]),
    "Upsample bilinear": (lambda m: m.Upsample(None, 2, "bilinear"), [(2, 2, 3, 3)]),
    "UpsamplingNearest2d": (lambda m: m.UpsamplingNearest2d(scale_factor=2), [(2, 2, 3, 3)]),
    "UpsamplingBilinear2d": (lambda m: m.UpsamplingBilinear2d(scale_factor=2), [(2, 2, 3, 3)]),
    "PixelShuffle": (lambda m: m.PixelShuffle(2), [(2, 8, 3, 3)]),
    "PixelUnshuffle": (lambda m: m.PixelUnshuffle(3), [(2, 2, 3, 3)]),
    "Dropout of nothing": (lambda m: m.Dropout(0.0, True), [(2, 3)]),
    "Dropout2d of nothing": (lambda m: m.Dropout2d(0.0), [(2, 3, 2, 2)]),
    "GroupNorm": (lambda m: m.GroupNorm(2, 4), [(2, 4, 3, 3)]),
}  # fmt: skip


def without_counts(text: str) -> str:
    return re.sub(r"  # [\d,]+ parameters", "", text)


@pytest.mark.filterwarnings("ignore:size_average and reduce")
@pytest.mark.parametrize("name", MODULES)
def test_values_gradients_statistics_and_print(name, device, rng):
    """Two steps in training, one in evaluation."""
    make, shapes = MODULES[name]
    ours, theirs = make(nn).to(device), make(torch.nn)
    printed = without_counts(repr(ours))
    assert printed == re.sub(r"(affine=\w+), bias=\w+", r"\1", repr(theirs))  # new in 2.13
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for mode in (True, True, False):
        ours.train(mode)
        theirs.train(mode)
        arrays = [rng.standard_normal(shape).astype(np.float32) * 2 for shape in shapes]
        inputs = [tinygan.tensor(a, device=device, requires_grad=True) for a in arrays]
        expected_inputs = [torch.tensor(a, requires_grad=True) for a in arrays]
        # Of clones, because some change their input in place.
        y = ours(*(x.clone() for x in inputs))
        expected = theirs(*(x.clone() for x in expected_inputs))
        (y * y).sum().backward()
        (expected * expected).sum().backward()
        pairs = [(y, expected)]
        pairs += ((a.grad, b.grad) for a, b in zip(inputs, expected_inputs, strict=True))
        pairs += zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
        for a, b in pairs:
            assert (a.shape, str(a.dtype)) == (tuple(b.shape), str(b.dtype).split(".")[1])
            # Some ten roundings of float32, of values up to ten.
            np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().numpy(), rtol=1e-4,
                                       atol=2e-5)  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        lambda m, w: m.CrossEntropyLoss(),
        lambda m, w: m.CrossEntropyLoss(w, ignore_index=1, label_smoothing=0.1),
        lambda m, w: m.CrossEntropyLoss(weight=w, reduction="none"),
        lambda m, w: m.NLLLoss(w, ignore_index=2),
    ],
)
def test_losses_of_classes(make, device, rng):
    x, target = rng.standard_normal((5, 3)), np.array([0, 1, 2, 2, 0])
    weight = np.array([0.5, 2.0, 1.0])
    ours = make(nn, tinygan.tensor(weight)).double().to(device)
    theirs = make(torch.nn, torch.tensor(weight))
    found = ours(tinygan.tensor(x, device=device), tinygan.tensor(target, device=device))
    expected = theirs(torch.tensor(x), torch.tensor(target)).numpy()
    np.testing.assert_allclose(found.cpu().numpy(), expected, rtol=1e-12)
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize(
    "make",
    [
        lambda m, w: m.BCELoss(),
        lambda m, w: m.BCELoss(w, reduction="sum"),
        lambda m, w: m.BCEWithLogitsLoss(),
        lambda m, w: m.BCEWithLogitsLoss(w, pos_weight=w),
    ],
)
def test_losses_of_probabilities(make, device, rng):
    x, target = rng.uniform(0.1, 0.9, (4, 3)), rng.uniform(0, 1, (4, 3))
    weight = np.array([0.5, 2.0, 1.0])
    ours = make(nn, tinygan.tensor(weight)).to(device)
    theirs = make(torch.nn, torch.tensor(weight))
    found = ours(tinygan.tensor(x, device=device), tinygan.tensor(target, device=device))
    expected = theirs(torch.tensor(x), torch.tensor(target)).numpy()
    np.testing.assert_allclose(found.cpu().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (lambda m: m.HingeEmbeddingLoss(), [(5,)]),
        (lambda m: m.HingeEmbeddingLoss(0.5), [(5,)]),
        (lambda m: m.MarginRankingLoss(0.1), [(5,), (5,)]),
        (lambda m: m.SoftMarginLoss(), [(5,)]),
        (lambda m: m.CosineEmbeddingLoss(0.1), [(5, 3), (5, 3)]),
    ],
)
def test_losses_of_signs(make, shapes, rng):
    arrays = [rng.standard_normal(shape) for shape in shapes]
    signs = np.array([1.0, -1.0, 1.0, -1.0, -1.0])
    found = make(nn)(*map(tinygan.tensor, arrays), tinygan.tensor(signs))
    expected = make(torch.nn)(*map(torch.tensor, arrays), torch.tensor(signs))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)


def test_a_loss_of_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="MSELoss: reduction must be one of mean, sum, none, got"):
        nn.MSELoss(reduction="batchmean")
    assert nn.KLDivLoss(reduction="batchmean").reduction == "batchmean"


def test_transposed_convolution_of_sequences(device, rng):
    def make(m):
        return m.ConvTranspose1d(4, 2, 3, 2, 1, 1, groups=2)

    theirs, ours = make(torch.nn), make(nn)
    assert without_counts(repr(ours)) == repr(theirs)
    bound = (1 / 3) ** 0.5  # of the initial values: one output of a group, three taps
    assert 0.8 * bound < abs(ours.weight.array).max() <= bound
    ours.load_state_dict({name: x.numpy() for name, x in theirs.state_dict().items()})
    x = rng.standard_normal((2, 4, 5)).astype(np.float32)
    found = ours.to(device)(tinygan.tensor(x, device=device)).detach().cpu().numpy()
    np.testing.assert_allclose(found, theirs(torch.tensor(x)).detach(), rtol=1e-5, atol=1e-6)


def test_unpooling_reverses_pooling(device, rng):
    x = rng.standard_normal((2, 3, 5, 4)).astype(np.float32)

    def there_and_back(m, image):
        found, places = m.MaxPool2d(2, return_indices=True)(image)
        return m.MaxUnpool2d(2)(found, places, output_size=image.shape)

    found = there_and_back(nn, tinygan.tensor(x, device=device)).cpu().numpy()
    np.testing.assert_array_equal(found, there_and_back(torch.nn, torch.tensor(x)).numpy())
