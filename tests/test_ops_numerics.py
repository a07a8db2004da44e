"""Far-out values, long sums, and the losses of both players: the numbers that GANs stand on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from op_cases import each_case

import tinygan
import tinygan.functional as F
from tinygan import grad, tensor

DTYPES = ("float32", "float64")


def test_long_sums_of_float32_do_not_drift(device):
    """Adding up in float32 would be off by 1e-3 here: each addition rounds at the sum's size."""
    x = tensor(np.full((200_000, 3), 0.1, np.float32), device=device)
    exact = 200_000 * float(np.float32(0.1))
    bias = tinygan.zeros(3, device=device, requires_grad=True)
    (x + bias).backward(x)  # the gradient of a broadcast input is such a sum
    for result in (x.sum(0), x.mean(0) * 200_000, bias.grad):
        # One rounding of the result; the mean is rounded twice more.
        np.testing.assert_allclose(result.tolist(), [exact] * 3, rtol=2e-7)



@pytest.mark.parametrize("dtype", DTYPES)
@each_case(lambda case: case.extreme)
def test_nothing_overflows_at_1000(case, dtype, device):
    """Warnings are errors here, so that an overflow inside would show, too."""
    far, values, slopes = case.extreme
    x = tensor(far, dtype=dtype, device=device, requires_grad=True)
    y = case.function(x)
    (slope,) = grad(y.sum(), x)
    # log 2 is rounded to the dtype; everything else is exact.
    rtol = {"float32": 1e-7, "float64": 1e-15}[dtype]
    np.testing.assert_allclose(y.tolist(), values, rtol=rtol)
    assert slope.tolist() == slopes


@pytest.mark.parametrize("dtype", DTYPES)
@each_case(lambda case: case.nan)
def test_nan_stays_nan_in_silence(case, dtype, device):
    """A diverged training must show as NaN, and not end in a warning from NumPy."""
    array, *rest = case.arrays(dtype)
    array.flat[0] = np.nan
    result = case.function(*(tensor(a, device=device) for a in (array, *rest)))
    assert np.isnan(result.cpu().numpy().flat[0])


def test_sigmoid_is_accurate_in_its_small_tail(device):
    x = tensor([-80.0, -20.0], device=device)
    # e^-80 is far below the float32 epsilon: 1 - sigmoid(-x) would give 0. Two roundings remain,
    # of an exponent of 80 with a relative error of 6e-8 each.
    np.testing.assert_allclose(F.sigmoid(x).tolist(), np.exp([-80.0, -20.0]), rtol=1e-5)


def slope_of_generator_loss(name: str, probability: float) -> float:
    """The gradient by the logit of one fake sample with D(G(z)) = probability."""
    logit = tensor([math.log(probability / (1 - probability))], "float64", requires_grad=True)
    return grad(F.gan_loss(name).generator(logit), logit)[0].item()


def test_the_minimax_loss_saturates_and_the_other_does_not():
    # d/dx log(1 - sigmoid(x)) = -sigmoid(x); d/dx -log sigmoid(x) = sigmoid(x) - 1.
    assert slope_of_generator_loss("minimax", 1e-4) == pytest.approx(-1e-4, rel=1e-6)
    assert slope_of_generator_loss("non-saturating", 1e-4) == pytest.approx(-0.9999, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        # D = 1/2 everywhere, the optimum against a perfect generator: 2 ln 2 (Goodfellow 2014).
        ("minimax", 2 * math.log(2), -math.log(2)),
        ("non-saturating", 2 * math.log(2), math.log(2)),
        ("least-squares", 0.5, 0.5),
        ("hinge", 2.0, 0.0),
        ("wasserstein", 0.0, 0.0),
        ("relativistic", math.log(2), math.log(2)),
    ],
)
def test_gan_losses_at_logit_zero(name, discriminator, generator, device):
    zeros, loss = tinygan.zeros(4, 1, device=device), F.gan_loss(name)
    # Rounding of float32: 6e-8 per operation.
    assert loss.discriminator(zeros, zeros).item() == pytest.approx(discriminator, rel=2e-7)
    seen = (zeros, zeros) if loss.relativistic else (zeros,)
    assert loss.generator(*seen).item() == pytest.approx(generator, rel=2e-7)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("minimax", math.log1p(math.exp(-2)) + math.log1p(math.exp(3)), -math.log1p(math.exp(3))),
        ("non-saturating", math.log1p(math.exp(-2)) + math.log1p(math.exp(3)),
         math.log1p(math.exp(-3))),
        ("least-squares", (1 + 9) / 2, 4 / 2),
        ("hinge", 0 + 4, -3),
        ("wasserstein", 3 - 2, -3),
        ("relativistic", math.log1p(math.exp(1)), math.log1p(math.exp(-1))),
    ],
)  # fmt: skip
def test_gan_losses_tell_real_from_fake(name, discriminator, generator, device):
    real = tensor([2.0, 2.0], "float64", device)
    fake, loss = tensor([3.0, 3.0], "float64", device), F.gan_loss(name)
    assert loss.discriminator(real, fake).item() == pytest.approx(discriminator, rel=1e-14)
    seen = (fake, real) if loss.relativistic else (fake,)
    assert loss.generator(*seen).item() == pytest.approx(generator, rel=1e-14)


def test_binary_cross_entropy_clamps_at_0_and_1(device):
    p = tensor([0.0, 1.0, 0.0, 1.0], "float64", device, requires_grad=True)
    target = tensor([0.0, 1.0, 1.0, 0.0], "float64", device)
    loss = F.binary_cross_entropy(p, target, reduction="none")
    assert loss.tolist() == [0, 0, 100, 100]
    # (p - t) / max(p (1 - p), 1e-12), as PyTorch; a division, hence one rounding.
    assert grad(loss.sum(), p)[0].tolist() == pytest.approx([0, 0, -1e12, 1e12], rel=1e-15)


def test_dropout_keeps_the_mean(device):
    x = tinygan.ones(100, 100, device=device)
    y = F.dropout(x, 0.2).cpu().numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1.25)}
    # 10,000 draws: the share of zeros has a standard deviation of 0.004; five of them.
    assert abs((y == 0).mean() - 0.2) < 0.02
    assert not F.dropout(x, 1.0).cpu().numpy().any()
    assert F.dropout(x, 0.0) is x


def test_powers_of_tensors_at_their_edges(device):
    base = tensor([-2.0, 0.0, 0.0, 0.0, 3.0], device=device, requires_grad=True)
    exponent = tensor([2.0, 2.0, 0.0, 1.0, 0.0], device=device, requires_grad=True)
    power = base**exponent
    assert power.tolist() == [4, 0, 1, 0, 1]
    power.sum().backward()
    assert base.grad.tolist() == [-4, 0, 0, 1, 0]
    by_exponent = exponent.grad.tolist()
    assert np.isnan(by_exponent[0])  # ln of a negative number, as in PyTorch
    # x^p ln x goes to 0 with x; with p = 3^0 it is ln 3.
    assert by_exponent[1:] == pytest.approx([0, 0, 0, np.log(3)], rel=1e-6)


def test_equal_values_have_a_deviation_with_the_gradient_0(device):
    x = tinygan.tensor([[2.0, 2.0, 2.0], [1.0, 2.0, 4.0]], "float64", device, requires_grad=True)
    (grad,) = tinygan.grad(x.std(1).sum(), x, create_graph=True)
    assert grad[0].tolist() == [0.0, 0.0, 0.0]
    y = x.array[1] - x.array[1].mean()
    np.testing.assert_allclose(grad[1].detach().cpu().numpy(), (y / 2 / y.std(ddof=1)).tolist())
    (second,) = tinygan.grad((grad * grad).sum(), x)
    assert np.isfinite(second.cpu().numpy()).all()
