"""The same as PyTorch: values, gradients, gradients of gradients, layers, optimizers, training."""

from __future__ import annotations

import numpy as np
import pytest

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


def transposed_asymmetric(x, weight, bias):
    """PyTorch pads all sides alike; the rest is cut off afterwards."""
    return TF.conv_transpose2d(x, weight, bias, 2, 0)[:, :, 1:-2, 0:-1]


def batch_norm(module):
    return lambda x, weight, bias: module.batch_norm(x, None, None, weight, bias, training=True)


def evaluation(library, functional):
    def run(x, weight, bias):
        mean = library.tensor([0.5, -1.0], dtype=x.dtype, device=x.device)
        var = library.tensor([0.25, 2.0], dtype=x.dtype, device=x.device)
        return functional.batch_norm(x, mean, var, weight, bias)

    return run


# name: (tinygan, PyTorch, shapes of the inputs)
CASES = {
    "conv2d": (
        lambda *i: F.conv2d(*i, 2, 1), lambda *i: TF.conv2d(*i, 2, 1),
        [(2, 3, 6, 7), (4, 3, 4, 3), (4,)],
    ),
    "conv2d strides": (
        lambda *i: F.conv2d(*i, (1, 3), (0, 2)), lambda *i: TF.conv2d(*i, (1, 3), (0, 2)),
        [(2, 3, 5, 7), (2, 3, 2, 3), (2,)],
    ),
    "conv2d asymmetric": (
        lambda *i: F.conv2d(*i, 2, (1, 2, 0, 3)),
        lambda x, *i: TF.conv2d(TF.pad(x, (0, 3, 1, 2)), *i, 2),
        [(2, 3, 6, 5), (4, 3, 5, 4), (4,)],
    ),
    "conv2d same": (
        lambda *i: F.conv2d(*i, 1, "same"), lambda *i: TF.conv2d(*i, 1, "same"),
        [(1, 2, 5, 4), (3, 2, 3, 5), (3,)],
    ),
    "conv_transpose2d": (
        lambda *i: F.conv_transpose2d(*i, 2, 1), lambda *i: TF.conv_transpose2d(*i, 2, 1),
        [(2, 4, 3, 2), (4, 3, 4, 4), (3,)],
    ),
    "conv_transpose2d output_padding": (
        lambda *i: F.conv_transpose2d(*i, (2, 3), 1, (1, 2)),
        lambda *i: TF.conv_transpose2d(*i, (2, 3), 1, (1, 2)),
        [(2, 4, 3, 2), (4, 3, 5, 4), (3,)],
    ),
    "conv_transpose2d asymmetric": (
        lambda *i: F.conv_transpose2d(*i, 2, (1, 2, 0, 1)), transposed_asymmetric,
        [(2, 4, 3, 3), (4, 2, 4, 3), (2,)],
    ),
    "max_pool2d": (
        lambda x: F.max_pool2d(x, 3, 2, 1), lambda x: TF.max_pool2d(x, 3, 2, 1), [(2, 3, 7, 6)]
    ),
    "batch_norm 2-D": (batch_norm(F), batch_norm(TF), [(6, 3), (3,), (3,)]),
    "batch_norm 4-D": (batch_norm(F), batch_norm(TF), [(3, 2, 4, 3), (2,), (2,)]),
    "batch_norm evaluation": (
        evaluation(tinygan, F), evaluation(torch, TF), [(3, 2, 4, 3), (2,), (2,)]
    ),
    "linear": (F.linear, TF.linear, [(5, 4), (3, 4), (3,)]),
    "relu": (F.relu, TF.relu, [(3, 4)]),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), lambda x: TF.leaky_relu(x, 0.2), [(3, 4)]),
    "tanh": (F.tanh, torch.tanh, [(3, 4)]),
    "sigmoid": (F.sigmoid, torch.sigmoid, [(3, 4)]),
    "softplus": (F.softplus, TF.softplus, [(3, 4)]),
    "softmax": (lambda x: F.softmax(x, 1), lambda x: TF.softmax(x, 1), [(3, 4, 2)]),
    "log_softmax": (lambda x: F.log_softmax(x, 0), lambda x: TF.log_softmax(x, 0), [(3, 4)]),
    "mse_loss": (F.mse_loss, TF.mse_loss, [(3, 4), (3, 4)]),
    "bce with logits": (
        lambda x, t: F.binary_cross_entropy_with_logits(x, F.sigmoid(t)),
        lambda x, t: TF.binary_cross_entropy_with_logits(x, torch.sigmoid(t)), [(5, 1), (5, 1)],
    ),
    "bce": (
        lambda x: F.binary_cross_entropy(F.sigmoid(x), (x * 0.0) + 0.25, "sum"),
        lambda x: TF.binary_cross_entropy(torch.sigmoid(x), (x * 0.0) + 0.25, reduction="sum"),
        [(5, 1)],
    ),
    "var": (lambda x: x.var((0, 2)), lambda x: x.var((0, 2)), [(3, 2, 4)]),
    "std": (lambda x: x.std(1, 0), lambda x: x.std(1, correction=0), [(3, 5)]),
    "amax": (lambda x: x.amax((0, 2)), lambda x: x.amax((0, 2)), [(3, 2, 4)]),
    "amin": (lambda x: x.amin(1, True), lambda x: x.amin(1, True), [(3, 4)]),
    "max": (lambda x: x.max(1).values, lambda x: x.max(1).values, [(3, 4)]),
    "matmul": (lambda a, b: a @ b, lambda a, b: a @ b, [(2, 1, 3, 4), (3, 4, 2)]),
    "pow": (lambda x: (x * x) ** 1.5, lambda x: (x * x) ** 1.5, [(3, 4)]),
}  # fmt: skip


def compare(ours, theirs, dtype):
    theirs = theirs.detach().numpy()
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert np.isfinite(theirs).all()
    np.testing.assert_allclose(ours.detach().cpu().numpy(), theirs, **TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_forward_backward_and_twice_backward(name, dtype, device, rng):
    function, reference, shapes = CASES[name]
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    ours = [tinygan.tensor(a, device=device, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, expected = function(*ours), reference(*theirs)
    compare(y, expected, dtype)

    cotangent = rng.standard_normal(y.shape).astype(dtype)
    v = tinygan.tensor(cotangent, device=device, requires_grad=True)
    expected_v = torch.tensor(cotangent, requires_grad=True)
    first = tinygan.grad(y, ours, v, create_graph=True)
    expected_first = torch.autograd.grad(expected, theirs, expected_v, create_graph=True)
    for a, b in zip(first, expected_first, strict=True):
        compare(a, b, dtype)

    # The gradient of a random projection of the gradients, by the inputs and by v.
    directions = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    total = sum((a * tinygan.tensor(u, device=device)).sum()
                for a, u in zip(first, directions, strict=True))  # fmt: skip
    expected_total = sum((a * torch.tensor(u)).sum()
                         for a, u in zip(expected_first, directions, strict=True))  # fmt: skip
    second = tinygan.grad(total, [*ours, v], allow_unused=True)
    expected_second = torch.autograd.grad(expected_total, [*theirs, expected_v], allow_unused=True)
    for a, b in zip(second, expected_second, strict=True):
        # "Does not depend" is None in one and may be zeros in the other.
        if a is not None and b is not None:
            compare(a, b, dtype)
        else:
            assert a is None or not a.cpu().data.any()
            assert b is None or not b.numpy().any()


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
        (F.cross_entropy(ours, i[:, 0].clip(max=2), "none"),
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
    a = F.binary_cross_entropy(ours, target, "none")
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
                 lambda m: m.ConvTranspose2d(30, 20, 5, 2)):  # fmt: skip
        ours, theirs = make(nn), make(torch.nn)
        for (_, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            a, b = a.detach().numpy(), b.detach().numpy()
            # Uniform in +-bound: 20 or more samples come within 30 % of it but for 0.7^20 = 1e-3
            # (and the seed is fixed); the thousands of the weights come within 1 %.
            close = 0.3 if a.size < 1000 else 0.01
            assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=close)


# Optimizers


def quadratic_steps(device, dtype, make_ours, make_theirs, steps=100):
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
def test_adam(dtype, device):
    def both(library, factory):
        def make(params):
            optimizer = factory(params, lr=0.01, betas=(0.5, 0.999))
            return optimizer, library.LinearLR(optimizer, 1.0, 0.1, 70)

        return make

    quadratic_steps(
        device, dtype, both(optim, optim.Adam),
        both(torch.optim.lr_scheduler, torch.optim.Adam),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd(momentum, dtype, device):
    def both(library, factory):
        def make(params):
            optimizer = factory(params, lr=0.002, momentum=momentum)
            return optimizer, library.LinearLR(optimizer, 0.3, 1.0, 5)

        return make

    quadratic_steps(
        device, dtype, both(optim, optim.SGD), both(torch.optim.lr_scheduler, torch.optim.SGD)
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
