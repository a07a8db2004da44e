"""The same as PyTorch: values, gradients, gradients of gradients, layers, optimizers, training."""

from __future__ import annotations

import numpy as np
import pytest
from op_cases import each_case
from optimizer_cases import each_optimizer

import tinygan
import tinygan.functional as F
from tinygan import nn, optim

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
TF = torch.nn.functional

# Sums of up to 100 terms of size 1 in another order, three of them on the way to a second
# derivative: some 100 roundings, of 6e-8 in float32 and 1e-16 in float64. But PyTorch's second
# derivative of the binary cross-entropy adds 1e-12 to a denominator of size 1e-2.
TOLERANCE = {np.float32: {"rtol": 1e-4, "atol": 5e-5}, np.float64: {"rtol": 1e-9, "atol": 1e-12}}


def compare(ours, theirs, dtype):
    theirs = theirs.detach().numpy(force=True)  # zeros that PyTorch has not written down, too
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert np.isfinite(theirs).all()
    np.testing.assert_allclose(ours.detach().cpu().numpy(), theirs, **TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_case(lambda case: case.torch)
def test_forward_backward_and_twice_backward(case, dtype, device, rng):
    arrays = case.arrays(dtype)
    ours = case.tensors(device, dtype)
    theirs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y, expected = case.function(*ours), case.torch(*theirs)
    compare(y, expected, dtype)
    if not case.gradient:
        return

    ours, theirs = ([x for x in inputs if x.requires_grad] for inputs in (ours, theirs))
    cotangent = rng.standard_normal(y.shape).astype(dtype)
    v = tinygan.tensor(cotangent, device=device, requires_grad=True)
    expected_v = torch.tensor(cotangent, requires_grad=True)
    first = tinygan.grad(y, ours, v, create_graph=True, allow_unused=True)
    expected_first = torch.autograd.grad(
        expected, theirs, expected_v, create_graph=True, allow_unused=True
    )
    compare_gradients(first, expected_first, dtype)

    # The gradient of a random projection of the gradients, by the inputs and by v.
    directions = [rng.standard_normal(x.shape).astype(dtype) for x in ours]
    total = sum((a * tinygan.tensor(u, device=device)).sum()
                for a, u in zip(first, directions, strict=True) if a is not None)  # fmt: skip
    expected_total = sum((a * torch.tensor(u)).sum()
                         for a, u in zip(expected_first, directions, strict=True)
                         if a is not None)  # fmt: skip
    second = tinygan.grad(total, [*ours, v], allow_unused=True)
    expected_second = [None] * len(second)
    if expected_total.requires_grad:  # unless all is zero
        expected_second = torch.autograd.grad(
            expected_total, [*theirs, expected_v], allow_unused=True
        )
    compare_gradients(second, expected_second, dtype)


def compare_gradients(ours, theirs, dtype):
    """"Does not depend" is None in one and may be zeros in the other."""
    for a, b in zip(ours, theirs, strict=True):
        if a is not None and b is not None:
            compare(a, b, dtype)
        else:
            assert a is None or not np.any(a.detach().cpu().numpy())
            assert b is None or not b.detach().numpy(force=True).any()


def test_ties_share_the_gradient_as_in_torch(device):
    x = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]
    ours = tinygan.tensor(x, device=device, requires_grad=True)
    theirs = torch.tensor(x, requires_grad=True)
    for reduce in (lambda x: x.amax(1).sum(), lambda x: x.amin(1).sum(), lambda x: x.amax((0, 1)),
                   lambda x: x.max(1).values.sum()):  # fmt: skip
        (expected,) = torch.autograd.grad(reduce(theirs), theirs)
        # Thirds may round differently: one unit in the last place of float32.
        np.testing.assert_allclose(
            tinygan.grad(reduce(ours), ours)[0].tolist(), expected.tolist(), rtol=1.2e-7
        )


def test_indexing_as_in_torch(device, rng):
    x, index = rng.standard_normal((4, 3)), np.array([[0, 2, 1, 1], [3, 0, 0, 2], [1, 1, 1, 1]]).T
    ours = tinygan.tensor(x, device=device, requires_grad=True)
    theirs = torch.tensor(x, requires_grad=True)
    i, j = tinygan.tensor(index, device=device), torch.tensor(index)
    for a, b in [
        (ours.gather(0, i), theirs.gather(0, j)),
        (ours.gather(1, i.clip(max=2)), theirs.gather(1, j.clip(max=2))),
        (F.embedding(i, ours), TF.embedding(j, theirs)),
        (ours[i[:, 0]], theirs[j[:, 0]]),
        (F.cross_entropy(ours, i[:, 0].clip(max=2), reduction="none"),
         TF.cross_entropy(theirs, j[:, 0].clip(max=2), reduction="none")),
    ]:  # fmt: skip
        compare(a, b, np.float64)
        compare(tinygan.grad((a * a).sum(), ours)[0],
                torch.autograd.grad((b * b).sum(), theirs)[0], np.float64)  # fmt: skip


def test_binary_cross_entropy_at_0_and_1(device):
    p, t = [0.0, 1.0, 0.0, 1.0, 1e-30], [0.0, 1.0, 1.0, 0.0, 0.5]
    ours = tinygan.tensor(p, device=device, requires_grad=True)
    theirs = torch.tensor(p, requires_grad=True)
    target = tinygan.tensor(t, device=device)
    a = F.binary_cross_entropy(ours, target, reduction="none")
    b = TF.binary_cross_entropy(theirs, torch.tensor(t), reduction="none")
    # Logarithms and a quotient: a few roundings of float32.
    np.testing.assert_allclose(a.tolist(), b.tolist(), rtol=1e-6)
    a.sum().backward()
    b.sum().backward()
    np.testing.assert_allclose(ours.grad.tolist(), theirs.grad.tolist(), rtol=1e-6)


def load(ours: nn.Module, theirs) -> None:
    """PyTorch's values by PyTorch's names; it also counts batches, which tinygan does not."""
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    ours.load_state_dict({n: v for n, v in state.items() if "num_batches" not in n})


LAYERS = {
    "Linear": (lambda m: m.Linear(4, 3), (5, 4)),
    "Linear no bias": (lambda m: m.Linear(4, 3, bias=False), (5, 4)),
    "Conv2d": (lambda m: m.Conv2d(3, 4, (4, 3), 2, 1), (2, 3, 6, 7)),
    "Conv2d no bias": (lambda m: m.Conv2d(3, 1, 3, padding=(0, 2), bias=False), (2, 3, 6, 7)),
    "ConvTranspose2d": (
        lambda m: m.ConvTranspose2d(4, 3, 5, stride=2, padding=2, output_padding=1), (2, 4, 3, 2)
    ),
    "Conv2d by position": (lambda m: m.Conv2d(4, 6, 3, 1, 2, 3, 2, False), (2, 4, 6, 7)),
    "Conv2d depthwise": (lambda m: m.Conv2d(3, 6, 3, padding="same", groups=3), (2, 3, 4, 5)),
    "ConvTranspose2d by position": (
        lambda m: m.ConvTranspose2d(4, 6, (3, 2), 2, 1, 1, 2, False, 3), (2, 4, 3, 2)
    ),
    "Conv1d": (lambda m: m.Conv1d(4, 6, 3, 2, 1, 2, 2), (2, 4, 9)),
    "BatchNorm1d": (lambda m: m.BatchNorm1d(3), (6, 3)),
    "BatchNorm2d": (lambda m: m.BatchNorm2d(3, 1e-3, 0.3), (4, 3, 2, 5)),
    "LeakyReLU": (lambda m: m.LeakyReLU(0.2), (3, 4)),
    "ReLU": (lambda m: m.ReLU(), (3, 4)),
    "Tanh": (lambda m: m.Tanh(), (3, 4)),
    "Sigmoid": (lambda m: m.Sigmoid(), (3, 4)),
    "Softplus": (lambda m: m.Softplus(), (3, 4)),
    "Flatten": (lambda m: m.Flatten(), (3, 2, 4)),
    "Unflatten": (lambda m: m.Unflatten(1, (2, 3)), (4, 6)),
    "MaxPool2d": (lambda m: m.MaxPool2d(2), (1, 2, 5, 6)),
    "MaxPool2d by position": (lambda m: m.MaxPool2d(3, 2, 1, 2, False, True), (1, 2, 6, 7)),
    "AvgPool2d": (lambda m: m.AvgPool2d(3, 2, 1, True, False), (1, 2, 5, 6)),
    "AdaptiveAvgPool2d": (lambda m: m.AdaptiveAvgPool2d((2, None)), (1, 2, 5, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_with_the_weights_of_torch(name, device, rng):
    """Three training steps (batch norms follow three batches), then evaluation."""
    make, shape = LAYERS[name]
    torch.manual_seed(1)
    theirs, ours = make(torch.nn), make(nn)
    load(ours, theirs)
    ours.to(device)
    for mode in (True, True, True, False):
        ours.train(mode)
        theirs.train(mode)
        array = rng.standard_normal(shape).astype(np.float32) + 0.5
        x = tinygan.tensor(array, device=device, requires_grad=True)
        expected_x = torch.tensor(array, requires_grad=True)
        y, expected = ours(x), theirs(expected_x)
        compare(y, expected, np.float32)
        (y * y).sum().backward()
        (expected * expected).sum().backward()
        compare(x.grad, expected_x.grad, np.float32)
    for (a, ours_p), (b, theirs_p) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert a == b
        compare(ours_p.grad, theirs_p.grad, np.float32)
    for a, ours_b in ours.named_buffers():
        compare(ours_b, dict(theirs.named_buffers())[a], np.float32)


def test_embedding_layer(device):
    theirs, ours = torch.nn.Embedding(5, 3), nn.Embedding(5, 3)
    load(ours, theirs)
    ours.to(device)
    indices = np.array([[0, 4, 4], [2, 1, 0]])
    y, expected = ours(tinygan.tensor(indices, device=device)), theirs(torch.tensor(indices))
    compare(y, expected, np.float32)
    (y * y).sum().backward()
    (expected * expected).sum().backward()
    compare(ours.weight.grad, theirs.weight.grad, np.float32)


def test_default_weights_have_the_distribution_of_torch():
    for make in (lambda m: m.Linear(300, 100), lambda m: m.Conv2d(20, 30, 5),
                 lambda m: m.ConvTranspose2d(30, 20, 5, 2),
                 lambda m: m.Conv2d(80, 40, 5, groups=4), lambda m: m.Conv1d(80, 40, 5, groups=2),
                 lambda m: m.ConvTranspose2d(40, 80, 5, groups=4)):  # fmt: skip
        ours, theirs = make(nn), make(torch.nn)
        for (_, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            a, b = a.detach().numpy(), b.detach().numpy()
            # Uniform in +-bound: 20 or more samples come within 30 % of it but for 0.7^20 = 1e-3
            # (and the seed is fixed); the thousands of the weights come within 1 %.
            close = 0.3 if a.size < 1000 else 0.01
            assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=close)


# Optimizers


def quadratic_steps(device, dtype, make_ours, make_theirs, steps):
    """Both minimise |A p + q - c|^2 with p a matrix, q a vector, from the same start."""
    rng = np.random.default_rng(5)
    a, c = rng.standard_normal((4, 4)).astype(dtype), rng.standard_normal((4, 3)).astype(dtype)
    starts = rng.standard_normal((4, 3)).astype(dtype), rng.standard_normal((3,)).astype(dtype)
    ours = [tinygan.tensor(s, device=device, requires_grad=True) for s in starts]
    theirs = [torch.tensor(s, requires_grad=True) for s in starts]
    (optimizer, schedule), (reference, expected_schedule) = make_ours(ours), make_theirs(theirs)
    for _ in range(steps):
        for params, convert, opt in (
            (ours, lambda x: tinygan.tensor(x, device=device), optimizer),
            (theirs, torch.tensor, reference),
        ):
            opt.zero_grad()
            residual = convert(a) @ params[0] + params[1] - convert(c)
            (residual * residual).sum().backward()
            opt.step()
        schedule.step()
        expected_schedule.step()
        assert optimizer.lr == pytest.approx(reference.param_groups[0]["lr"], rel=1e-12, abs=1e-18)
    # The steps contract towards the same minimum, so that rounding does not grow: a few units in
    # the last place of values of size 1 in float32, less in float64.
    close = {"rtol": 0, "atol": 1e-6 if dtype == np.float32 else 1e-12}
    for p, expected in zip(ours, theirs, strict=True):
        assert np.isfinite(p.detach().cpu().numpy()).all()
        np.testing.assert_allclose(p.detach().cpu().numpy(), expected.detach().numpy(), **close)
    moved = np.abs(ours[0].detach().cpu().numpy() - starts[0]).max()
    assert moved > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_optimizer
def test_optimizers_and_schedules(make, dtype, device):
    def both(optimizers, schedules):
        def start(params):
            factory = getattr(optimizers, make.name.split()[0])
            optimizer = factory(params, **make.options)
            return optimizer, schedules.LinearLR(optimizer, *make.schedule)

        return start

    quadratic_steps(
        device, dtype, both(optim, optim), both(torch.optim, torch.optim.lr_scheduler), make.steps
    )


# A whole GAN


def networks(m):
    generator = m.Sequential(
        m.Linear(5, 48), m.Unflatten(1, (3, 4, 4)), m.BatchNorm2d(3), m.ReLU(),
        m.ConvTranspose2d(3, 4, 4, 2, 1, bias=False), m.BatchNorm2d(4), m.ReLU(),
        m.ConvTranspose2d(4, 1, 4, 2, 1), m.Tanh(),
    )  # fmt: skip
    discriminator = m.Sequential(
        m.Conv2d(1, 4, 4, 2, 1), m.LeakyReLU(0.2),
        m.Conv2d(4, 6, 4, 2, 1, bias=False), m.BatchNorm2d(6), m.LeakyReLU(0.2),
        m.Flatten(), m.Linear(96, 1),
    )  # fmt: skip
    return generator, discriminator


def train(nets, adam, bce, convert, images, noise):
    """Five steps of both players by the usual recipe; the losses of D and G at each."""
    generator, discriminator = nets
    g = adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    d = adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    losses = []
    for real, z in zip(images, noise, strict=True):
        real, z = convert(real), convert(z)
        ones, zeros = convert(np.ones((8, 1), np.float32)), convert(np.zeros((8, 1), np.float32))
        fake = generator(z)
        d_loss = bce(discriminator(real), ones) + bce(discriminator(fake.detach()), zeros)
        d.zero_grad()
        d_loss.backward()
        d.step()
        g_loss = bce(discriminator(fake), ones)
        g.zero_grad()
        g_loss.backward()
        g.step()
        losses.append([d_loss.item(), g_loss.item()])
    return np.array(losses)


def test_training_a_dcgan_follows_torch(device, rng):
    images = np.tanh(rng.standard_normal((5, 8, 1, 16, 16))).astype(np.float32)
    noise = rng.standard_normal((5, 8, 5)).astype(np.float32)
    torch.manual_seed(2)
    theirs, ours = networks(torch.nn), networks(nn)
    for a, b in zip(ours, theirs, strict=True):
        load(a, b)
        a.to(device)
    expected = train(theirs, torch.optim.Adam, TF.binary_cross_entropy_with_logits,
                     torch.tensor, images, noise)  # fmt: skip
    found = train(ours, optim.Adam, F.binary_cross_entropy_with_logits,
                  lambda array: tinygan.tensor(array, device=device), images, noise)  # fmt: skip
    assert np.isfinite(found).all()
    assert np.ptp(expected, 0).min() > 0.01  # the losses move: it is a training
    # Adam's first steps divide a gradient by its own size: where that is nearly 0, rounding of
    # float32 decides the sign of a step of size 2e-3.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
