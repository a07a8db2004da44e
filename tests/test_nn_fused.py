"""Layers that are computed as one op: what nn.Sequential puts together, and gradients that bring
the next ones with them."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tinygan
from tinygan import nn
from tinygan.nn import fusion, init
from tinygan.ops import norm
from tinygan.ops.norm import backward_kernel
from tinygan.walk import graph_nodes


@pytest.mark.parametrize("activation", [nn.LeakyReLU(0.2), nn.ReLU()], ids=repr)
@pytest.mark.parametrize("channels", [(1, 5), (40, 48)], ids=["few", "many"])
def test_a_sequence_computes_a_convolution_and_its_activation_as_one(channels, activation, device):
    tinygan.manual_seed(4)
    layer = nn.Conv2d(*channels, 4, stride=2, padding=1).to(device)
    x = tinygan.randn(6, channels[0], 12, 12, device=device, requires_grad=True)
    weight = tinygan.randn(6, channels[1], 6, 6, device=device)
    found = []
    for net in (nn.Sequential(layer, activation), lambda x: activation(layer(x))):
        layer.zero_grad()
        x.grad = None
        y = net(x)
        (y * weight).sum().backward()
        found.append([y.tolist(), x.grad.tolist(), *(p.grad.tolist() for p in layer.parameters())])
    assert type(nn.Sequential(layer, activation)(x).grad_fn).__name__ == "Conv2d"
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)



@pytest.mark.parametrize("outputs", [1, 5])
def test_sequential_flattens_nothing_where_a_kernel_reads_images(outputs, device, rng):
    net = nn.Sequential(nn.Flatten(), nn.Linear(16 * 6 * 6, outputs)).to(device)
    memory = rng.standard_normal((3, 6, 6, 16)).astype("f")
    x = tinygan.tensor(memory, device=device).permute(0, 3, 1, 2).detach().requires_grad_()
    together, apart = net(x), net[1](net[0](x))
    # Sums of 576 products of order 0.04, in two orders.
    assert np.abs((together - apart).detach().cpu().numpy()).max() < 1e-5
    names = [node.name for node in graph_nodes([together])]
    assert ("Conv2d" in names) == (device != "cpu" and outputs == 1)
    cotangent = tinygan.tensor(rng.standard_normal(together.shape), "float32", device)
    wanted = [x, *net.parameters()]
    for y in (together, apart):
        assert y.shape == (3, outputs)
    ours, theirs = (tinygan.grad(y, wanted, cotangent) for y in (together, apart))
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert np.abs((a - b).cpu().numpy()).max() < 1e-5
    with pytest.raises(ValueError, match="linear: input of shape"):
        net(tinygan.zeros(2, 16, 5, 6, device=device))


@pytest.mark.parametrize("used", ["once", "twice"])
@pytest.mark.parametrize("make", [nn.Conv2d, nn.ConvTranspose2d])
def test_a_convolutions_gradient_brings_that_of_the_batch_norm_before_it(
    make, used, device, rng, monkeypatch
):
    calls = []

    def counted(*args):
        calls.append(args[0].shape)
        return backward_kernel(*args)

    monkeypatch.setattr(norm, "backward_kernel", counted)
    # Two batch norms: one by itself, one in a convolution's op.
    first = nn.BatchNorm2d(8)
    second = nn.Sequential(make(8, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
    third, fourth = make(4, 8, 4, 2, 1).to(device), make(8, 4, 4, 2, 1).to(device)
    for part in (first, second):
        part.to(device)
    for part in (first, second[1]):
        init.normal_(part.weight, 1.0, 0.5)
        init.normal_(part.bias)
    x = tinygan.tensor(rng.standard_normal((3, 8, 6, 4)), "float32", device, requires_grad=True)
    u = tinygan.tensor(rng.standard_normal((3, 8, 6, 4)), "float32", device)

    def gradients(identity):
        y = nn.Sequential(first, nn.LeakyReLU(0.2))(x)
        h = second(identity(y))
        result = (third(identity(h)) ** 2).sum()
        if used == "twice":
            result = result + (y * u).sum() + fourth(identity(y)).sum()
        wanted = [x, *(p for part in (first, second, third) for p in part.parameters())]
        return [g.cpu().numpy() for g in tinygan.grad(result, wanted)]

    tinygan.set_float32_matmul_precision("high")
    try:
        theirs = gradients(lambda tensor: tensor * 1.0)  # which no batch norm has computed
        assert calls == [(72, 4), (72, 8)]
        ours = gradients(lambda tensor: tensor)
    finally:
        tinygan.set_float32_matmul_precision("highest")
    by_itself = [] if device != "cpu" else [(72, 4)]
    if device == "cpu" or used == "twice":  # the sum of two gradients is another one
        by_itself.append((72, 8))
    assert calls[2:] == by_itself
    for a, b in zip(ours, theirs, strict=True):
        # The same products, summed up in another order: a gradient that differs in its last bit may
        # be rounded to another tf32, 2^-10 away, as a factor of the next product.
        assert np.abs(a - b).max() <= 2**-10 * np.abs(b).max()


@pytest.mark.parametrize("slope", [None, 0.2])
@pytest.mark.parametrize("make", [nn.Conv2d, nn.ConvTranspose2d])
def test_sequential_computes_convolution_and_batch_norm_as_one(make, slope, device, rng):
    layers = [make(4, 8, 4, 2, 1), nn.BatchNorm2d(8), *([nn.LeakyReLU(slope)] if slope else [])]
    net = nn.Sequential(*layers).to(device)
    init.normal_(net[1].weight, 1.0, 0.5)
    init.normal_(net[1].bias)
    plain = copy.deepcopy(net)
    x = tinygan.tensor(rng.standard_normal((3, 4, 6, 4)), dtype="float32", device=device)
    tinygan.set_float32_matmul_precision("high")
    try:
        together, apart = net(x), x
        for layer in plain:
            apart = layer(apart)
    finally:
        tinygan.set_float32_matmul_precision("highest")
    # The same rounded products; the statistics are rounded in another order.
    assert np.abs((together - apart).detach().cpu().numpy()).max() < 1e-5
    names = [node.name for node in graph_nodes([together])]
    assert ("ConvBatchNorm" in names) == (len(names) == 1) == (device != "cpu")
    cotangent = tinygan.tensor(rng.standard_normal(together.shape), "float32", device)
    for second in (False, True):  # as for a penalty: by the ops that it is made of
        found = [
            tinygan.grad(y, list(each.parameters()), cotangent, create_graph=second,
                         retain_graph=True)
            for y, each in ((together, net), (apart, plain))
        ]  # fmt: skip
        for ours, theirs in zip(*found, strict=True):
            error = np.abs((ours - theirs).detach().cpu().numpy()).max()
            # The bias is cancelled by the mean: its gradient is what rounding leaves of 0. The
            # others are sums of some hundred products of order one, with factors rounded to tf32.
            assert error < 2e-3 * (1 + np.abs(theirs.detach().cpu().numpy()).max())
        assert any(each.requires_grad for each in found[0]) == second
    for ours, theirs in zip(net.buffers(), plain.buffers(), strict=True):
        assert np.allclose(ours.cpu().numpy(), theirs.cpu().numpy(), atol=1e-6)
    net.eval()
    assert "ConvBatchNorm" not in [node.name for node in graph_nodes([net(x)])]


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.LeakyReLU(0.2)])
@pytest.mark.parametrize("training", [True, False])
def test_sequential_computes_batch_norm_and_activation_as_one(activation, training, device, rng):
    net = nn.Sequential(nn.BatchNorm2d(3), activation).to(device).train(training)
    init.normal_(net[0].weight, 1.0, 0.5)
    init.normal_(net[0].bias)
    plain = copy.deepcopy(net[0])
    x = tinygan.tensor(rng.standard_normal((5, 3, 4, 4)), dtype="float32", device=device)
    together, apart = net(x), activation(plain(x))
    # The same arithmetic in another order of rounding.
    assert np.abs((together - apart).detach().cpu().numpy()).max() < 1e-6
    names = [node.name for node in graph_nodes([together])]
    assert names == ["BatchNorm"] or not training
    cotangent = tinygan.tensor(rng.standard_normal(x.shape), dtype="float32", device=device)
    together.backward(cotangent)
    apart.backward(cotangent)
    for ours, theirs in zip(net.parameters(), plain.parameters(), strict=True):
        # Sums of 80 products of order one.
        assert np.abs((ours.grad - theirs.grad).cpu().numpy()).max() < 1e-4
    for ours, theirs in zip(net.buffers(), plain.buffers(), strict=True):
        assert np.array_equal(ours.cpu().numpy(), theirs.cpu().numpy())


# A subclass, or an instance with a forward of its own, may do anything: it is never put together
# with its neighbours.


def squaring(layer: type[nn.Module]) -> type[nn.Module]:
    """A subclass whose forward squares what the layer computes: a batch norm after it sees that,
    which of a doubling it would not."""
    return type(f"Squaring{layer.__name__}", (layer,),
                {"forward": lambda self, x: layer.forward(self, x) ** 2})  # fmt: skip


def with_its_own_forward(layer: nn.Module) -> nn.Module:
    """An instance whose forward was replaced."""
    plain = layer.forward
    layer.forward = lambda x: plain(x) ** 2
    return layer


def one(layer, *arguments):
    return lambda make: make(layer, *arguments)


# The neighbours of a pattern, each as a function of what makes it.
NEIGHBOURS = {
    "conv relu": (one(nn.Conv2d, 2, 3, 3), one(nn.ReLU)),
    "conv leaky relu": (one(nn.Conv2d, 2, 3, 3), one(nn.LeakyReLU, 0.2)),
    "conv norm relu": (one(nn.Conv2d, 2, 3, 3), one(nn.BatchNorm2d, 3), one(nn.ReLU)),
    "transposed norm leaky": (one(nn.ConvTranspose2d, 2, 3, 3), one(nn.BatchNorm2d, 3),
                              one(nn.LeakyReLU, 0.2)),
    "conv norm": (one(nn.Conv2d, 2, 4, 3), one(nn.BatchNorm2d, 4)),
    "norm relu": (one(nn.BatchNorm2d, 2), one(nn.ReLU)),
    "flat norm relu": (one(nn.Flatten), one(nn.BatchNorm1d, 72), one(nn.ReLU)),
    "flatten linear": (one(nn.Flatten), one(nn.Linear, 72, 1)),
}  # fmt: skip
CHANGES = {
    "subclass": lambda layer, *arguments: squaring(layer)(*arguments),
    "instance": lambda layer, *arguments: with_its_own_forward(layer(*arguments)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("name", "changed"),
    [pytest.param(name, i, id=f"{name}-{i}") for name in NEIGHBOURS
     for i in range(len(NEIGHBOURS[name]))],
)  # fmt: skip
def test_a_layer_with_a_forward_of_its_own_is_left_alone(name, changed, change, device, rng):
    make_plain = lambda layer, *arguments: layer(*arguments)  # noqa: E731
    layers = [
        make(CHANGES[change] if i == changed else make_plain).to(device)
        for i, make in enumerate(NEIGHBOURS[name])
    ]
    x = tinygan.tensor(rng.standard_normal((5, 2, 6, 6)), "float32", device)
    together = nn.Sequential(*layers)(x)
    apart = x
    for layer in layers:
        apart = layer(apart)
    # The same products in another order; a square that is left out is another number.
    np.testing.assert_allclose(
        together.detach().cpu().numpy(), apart.detach().cpu().numpy(), rtol=1e-4, atol=1e-5
    )


def test_the_table_of_fusions_is_all_tested():
    """By the test above: a new pattern needs neighbours there."""
    covered = {tuple(type(make(lambda layer, *a: layer(*a))) for make in parts)
               for parts in NEIGHBOURS.values()}  # fmt: skip
    for types, _ in fusion.TABLE:
        kinds = [kind if isinstance(kind, tuple) else (kind,) for kind in types]
        if kinds[0] == (nn.SpectralNorm,):  # which wraps a layer: tests/test_nn_stabilisers.py
            continue
        assert any(len(parts) >= len(kinds) and any(
            all(part in kind for part, kind in zip(parts[start:], kinds, strict=False))
            for start in range(len(parts) - len(kinds) + 1)
        ) for parts in covered), types  # fmt: skip
