"""Modules, layers and initial values."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
from states import arrays_of

import tinygan
from tinygan import nn


class Net(nn.Module):
    """Parts, own parameters and own buffers, mixed, to see their order."""

    def __init__(self):
        self.first = nn.Linear(3, 2)
        self.scale = nn.Parameter(np.ones(2, np.float32))
        self.body = nn.Sequential(nn.BatchNorm1d(2), nn.ReLU(), nn.Dropout(0.5))
        self.count = nn.Buffer(np.zeros((), np.int64))
        self.note = "not part of the state"

    def forward(self, x):
        return self.body(self.first(x) * self.scale)


def test_names_come_in_the_order_of_torch():
    net = Net()
    parameters = ["scale", "first.weight", "first.bias", "body.0.weight", "body.0.bias"]
    statistics = [f"body.0.{x}" for x in ("running_mean", "running_var", "num_batches_tracked")]
    buffers = ["count", *statistics]
    assert [name for name, _ in net.named_parameters()] == parameters
    assert [name for name, _ in net.named_buffers()] == buffers
    assert list(net.state_dict()) == ["scale", "count", *parameters[1:], *statistics]
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]
    assert [id(b) for b in net.buffers()] == [id(b) for _, b in net.named_buffers()]
    assert [type(part).__name__ for part in net.modules()] == [
        "Net", "Linear", "Sequential", "BatchNorm1d", "ReLU", "Dropout"
    ]  # fmt: skip
    assert [name for name, _ in net.named_children()] == ["first", "body"]
    assert list(net.children()) == [net.first, net.body]


def test_a_state_shares_memory_and_loading_copies():
    net, other = Net(), Net()
    state = net.state_dict()
    assert np.shares_memory(state["first.weight"].array, net.first.weight.array)
    assert not state["first.weight"].requires_grad
    assert net.state_dict(keep_vars=True)["first.weight"] is net.first.weight
    assert "part.scale" in net.state_dict(prefix="part.")
    assert other.load_state_dict(state) == ([], [])
    loaded = other.first.weight.tolist()
    assert loaded == net.first.weight.tolist()
    nn.init.constant_(net.first.weight, 7.0)
    assert state["first.weight"].tolist() == [[7.0] * 3] * 2
    assert other.first.weight.tolist() == loaded


def test_load_state_dict_lists_all_that_is_wrong_and_changes_nothing():
    net, other = Net(), Net()
    before, state = arrays_of(net), arrays_of(other)
    del state["scale"], state["count"]
    state |= {"extra": np.zeros(1), "first.weight": np.zeros((3, 2)), "body.0.bias": np.zeros(())}
    expected = (
        "load_state_dict of Net:\n  missing: scale\n  missing: count\n  unexpected: extra\n"
        "  shape of first.weight: (3, 2) given, (2, 3) expected\n"
        "  shape of body.0.bias: () given, (2,) expected"
    )
    for kind in (ValueError, RuntimeError):
        with pytest.raises(kind, match=re.escape(expected)):
            net.load_state_dict(state)
    for name, value in arrays_of(net).items():
        assert value.tolist() == before[name].tolist()


def test_load_state_dict_takes_tensors_keeps_dtype_and_refuses_stale_backward():
    layer = nn.Linear(2, 2)
    x = tinygan.randn(3, 2, requires_grad=True)
    y = layer(x).sum()
    layer.load_state_dict({"weight": tinygan.ones(2, 2).double(), "bias": [1, 2]})
    assert (layer.weight.dtype, layer.weight.tolist()) == (np.float32, [[1, 1], [1, 1]])
    assert layer.bias.tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="was changed in place"):
        y.backward()


@pytest.mark.parametrize(
    "make", [lambda: nn.Conv2d(3, 5, (4, 2)), lambda: nn.ConvTranspose2d(3, 5, (4, 2))]
)
def test_loading_keeps_the_memory_order_of_weights(make):
    layer = make()
    strides = layer.weight.array.strides
    assert not layer.weight.array.flags.c_contiguous
    values = np.arange(120, dtype=np.float32).reshape(layer.weight.shape)
    layer.load_state_dict({"weight": values, "bias": np.zeros(5)})
    assert layer.weight.array.strides == strides
    np.testing.assert_array_equal(layer.weight.array, values)
    assert copy.deepcopy(layer).weight.array.strides == strides


def test_conv_weights_lie_in_memory_as_the_kernels_read_them():
    assert nn.Conv2d(3, 5, (4, 2)).weight.array.transpose(2, 3, 1, 0).flags.c_contiguous
    assert nn.ConvTranspose2d(3, 5, (4, 2)).weight.array.transpose(2, 3, 0, 1).flags.c_contiguous


def test_train_and_eval_reach_all_parts():
    net = Net()
    assert [part.training for part in net.modules()] == [True] * 6
    assert net.eval() is net
    assert [part.training for part in net.modules()] == [False] * 6
    net.train()
    assert [part.training for part in net.modules()] == [True] * 6


def test_requires_grad_and_zero_grad():
    net = Net()
    x = tinygan.randn(4, 3, requires_grad=True)
    assert net.requires_grad_(False) is net
    net(x).sum().backward()
    assert [p.grad for p in net.parameters()] == [None] * 5
    assert x.grad.shape == (4, 3)
    net.requires_grad_()
    net(x).sum().backward()
    assert [p.grad.shape for p in net.parameters()] == [p.shape for p in net.parameters()]
    net.zero_grad()
    assert [p.grad for p in net.parameters()] == [None] * 5


def test_repr_shows_parts_options_and_parameter_counts():
    net = nn.Sequential(
        nn.Linear(100, 6272, bias=False),
        nn.Unflatten(1, (128, 7, 7)),
        nn.Sequential(nn.BatchNorm2d(128), nn.LeakyReLU(0.2)),
        nn.ConvTranspose2d(128, 1, 4, 2, padding="same"),
    )
    assert repr(net) == (
        "Sequential(  # 629,505 parameters\n"
        "  (0): Linear(in_features=100, out_features=6272, bias=False)  # 627,200 parameters\n"
        "  (1): Unflatten(dim=1, unflattened_size=(128, 7, 7))\n"
        "  (2): Sequential(  # 256 parameters\n"
        "    (0): BatchNorm2d(128, eps=1e-05, momentum=0.1, affine=True, "
        "track_running_stats=True)  # 256 parameters\n"
        "    (1): LeakyReLU(negative_slope=0.2)\n"
        "  )\n"
        "  (3): ConvTranspose2d(128, 1, kernel_size=(4, 4), stride=(2, 2), padding=same)"
        "  # 2,049 parameters\n"
        ")"
    )
    assert repr(nn.Dropout(0.3)) == "Dropout(p=0.3, inplace=False)"
    assert repr(nn.MaxPool2d(2)) == (
        "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
    )
    assert repr(nn.Embedding(10, 3)) == "Embedding(10, 3)  # 30 parameters"
    assert repr(nn.Maxout(2, 3, 4)).startswith("Maxout(pieces=4  # 36 parameters\n  (linear): ")


def test_sequential():
    parts = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]
    net = nn.Sequential(*parts)
    assert (len(net), list(net), net[0], net[-1]) == (3, parts, parts[0], parts[2])
    assert isinstance(net[:2], nn.Sequential) and list(net[:2]) == parts[:2]
    x = tinygan.randn(4, 2)
    assert net(x).tolist() == parts[2](net[:2](x)).tolist()
    with pytest.raises(IndexError, match="Sequential: index 3 is out of range of 3"):
        net[3]
    with pytest.raises(TypeError, match="Sequential: part 1 is a int, not a Module"):
        nn.Sequential(nn.ReLU(), 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(0, 3), "Linear: in_features must be a positive integer, got 0"),
        (lambda: nn.Linear(3, 2.5), "Linear: out_features must be a positive integer, got 2.5"),
        (lambda: nn.Conv2d(True, 3, 3), "Conv2d: in_channels must be a positive integer, got True"),
        (lambda: nn.Conv2d(1, 3, 0), "Conv2d: kernel_size must be an integer >= 1 or a pair of "
         "them, got 0"),
        (lambda: nn.Conv2d(1, 3, (3, 3, 3)), "Conv2d: kernel_size must be an integer >= 1 or a "
         "pair of them, got (3, 3, 3)"),
        (lambda: nn.Conv2d(1, 3, 3, stride=0), "Conv2d: stride must be an integer >= 1"),
        (lambda: nn.ConvTranspose2d(1, -3, 3), "ConvTranspose2d: out_channels must be a positive"),
        (lambda: nn.BatchNorm2d(0), "BatchNorm2d: num_features must be a positive integer, got 0"),
        (lambda: nn.BatchNorm1d(3)(tinygan.zeros(2, 3, 1, 1)), "BatchNorm1d: expected 2 or 3 "
         "dimensions with 3 channels, got shape (2, 3, 1, 1)"),
        (lambda: nn.BatchNorm2d(3)(tinygan.zeros(2, 4, 1, 1)), "BatchNorm2d: expected 4 dimensions "
         "with 3 channels, got shape (2, 4, 1, 1)"),
        (lambda: nn.LeakyReLU(-1), "leaky_relu: negative_slope must be >= 0, got -1"),
        (lambda: nn.Dropout(-0.1), "Dropout: p must be in [0, 1], got -0.1"),
        (lambda: nn.Maxout(2, 3, 0), "Maxout: pieces must be a positive integer, got 0"),
        (lambda: nn.Embedding(0, 3), "Embedding: num_embeddings must be a positive integer, got 0"),
        (lambda: nn.Unflatten(2, (1, 3))(tinygan.zeros(2, 3)), "Unflatten: dim 2 is out of range "
         "for 2 dimensions"),
    ],
)  # fmt: skip
def test_options_are_validated(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r"Module\.forward"):
        nn.Module()(1)


def test_dropout_layer(device):
    layer, x = nn.Dropout(0.25), tinygan.ones(200, 50, device=device)
    y = layer(x).cpu().numpy()
    # 10,000 draws: the share of zeros has a standard deviation of 0.0043; five of them.
    assert abs((y == 0).mean() - 0.25) < 0.022
    np.testing.assert_array_equal(y[y != 0], np.float32(1 / 0.75))
    assert (layer(x).cpu().numpy() != y).any()
    tinygan.manual_seed(4)
    first = layer(x).tolist()
    tinygan.manual_seed(4)
    assert layer(x).tolist() == first
    assert layer.eval()(x).tolist() == x.tolist()


@pytest.mark.parametrize(
    ("make", "shape"), [(nn.BatchNorm1d, (6, 2)), (nn.BatchNorm2d, (3, 2, 4, 5))]
)
def test_batch_norm_layer(make, shape, device, rng):
    layer = make(2).to(device)
    axes = (0, 2, 3)[: len(shape) - 1]
    mean, var = np.zeros(2), np.ones(2)
    for _ in range(3):
        x = rng.standard_normal(shape).astype(np.float32) * 3 + 5
        y = layer(tinygan.tensor(x, device=device)).cpu().detach().numpy()
        mean = 0.9 * mean + 0.1 * x.mean(axes)
        var = 0.9 * var + 0.1 * x.var(axes, ddof=1)  # unbiased, as PyTorch
        # Sums of 60 float32 numbers of size 5: rounding of 6e-8 each.
        np.testing.assert_allclose(y.mean(axes), [0, 0], atol=1e-6)
        np.testing.assert_allclose(y.var(axes), [1, 1], rtol=2e-5)
    np.testing.assert_allclose(layer.running_mean.cpu().numpy(), mean, rtol=1e-6)
    np.testing.assert_allclose(layer.running_var.cpu().numpy(), var, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "shape"), [(nn.BatchNorm1d, (6, 2)), (nn.BatchNorm2d, (6, 2, 3, 3))]
)
def test_batch_norm_in_evaluation_looks_at_no_other_sample(make, shape, device):
    layer = make(2).to(device)
    layer(tinygan.randn(*shape, device=device) * 2.0 + 1.0)
    state = arrays_of(layer.eval())
    x = tinygan.randn(*shape, device=device)
    together, alone = layer(x), [layer(x[i : i + 1]) for i in range(6)]
    assert together.tolist() == [y.tolist()[0] for y in alone]
    for name, value in arrays_of(layer).items():
        assert value.tolist() == state[name].tolist()
    channels = (2, *[1] * (len(shape) - 2))
    mean, var = (state[name].reshape(channels) for name in ("running_mean", "running_var"))
    expected = (x.cpu().numpy() - mean) / np.sqrt(var + 1e-5)
    # Three roundings of float32.
    np.testing.assert_allclose(together.detach().cpu().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_batch_norm_refuses_a_backward_with_statistics_that_have_moved(device):
    layer = nn.BatchNorm1d(2).to(device).eval()
    y = layer(tinygan.randn(4, 2, device=device)).sum()
    layer.train()(tinygan.randn(4, 2, device=device))
    with pytest.raises(RuntimeError, match="was changed in place"):
        y.backward()


def test_batch_norm_without_parameters(device):
    layer = nn.BatchNorm1d(3, affine=False).to(device)
    assert list(layer.parameters()) == []
    assert list(arrays_of(layer)) == ["running_mean", "running_var", "num_batches_tracked"]
    assert layer(tinygan.randn(4, 3, device=device)).shape == (4, 3)


def test_maxout_and_embedding(device):
    layer = nn.Maxout(4, 3, 5).to(device)
    x = tinygan.randn(2, 4, device=device)
    expected = layer.linear(x).detach().cpu().numpy().reshape(2, 3, 5).max(2)
    assert layer(x).tolist() == expected.tolist()
    table = nn.Embedding(1000, 20).to(device)
    # 20,000 samples of N(0, 1): mean within 5 / sqrt(20000), deviation within 5 / sqrt(40000).
    values = table.weight.detach().cpu().numpy()
    assert abs(values.mean()) < 0.036 and abs(values.std() - 1) < 0.025
    y = table(tinygan.tensor([[3, 999], [3, 0]], device=device))
    assert y.tolist() == values[[[3, 999], [3, 0]]].tolist()


def test_dcgan_initialisation():
    net = nn.Sequential(
        nn.Linear(10, 200), nn.Unflatten(1, (50, 2, 2)), nn.BatchNorm2d(50),
        nn.ConvTranspose2d(50, 40, 4), nn.Conv2d(40, 1, 3, bias=False),
    )  # fmt: skip
    assert nn.init.dcgan_(net) is net
    for name in ("0.weight", "3.weight"):
        values = arrays_of(net)[name]
        # n samples: the mean has a deviation of 0.02 / sqrt(n), the deviation 0.02 / sqrt(2 n).
        bound = 5 * 0.02 / np.sqrt(values.size)
        assert abs(values.mean()) < bound and abs(values.std() - 0.02) < bound
    scale = arrays_of(net)["2.weight"]
    assert abs(scale.mean() - 1) < 5 * 0.02 / np.sqrt(50) and 0.01 < scale.std() < 0.03
    for name in ("0.bias", "2.bias", "3.bias", "2.running_mean"):
        assert not arrays_of(net)[name].any()
    assert (arrays_of(net)["2.running_var"] == 1).all()
    tinygan.manual_seed(9)
    first = arrays_of(nn.init.dcgan_(net))
    tinygan.manual_seed(9)
    again = arrays_of(nn.init.dcgan_(net))
    assert all(again[name].tobytes() == value.tobytes() for name, value in first.items())
    tinygan.manual_seed(10)
    assert (arrays_of(nn.init.dcgan_(net))["0.weight"] != first["0.weight"]).all()


def test_initialisers_change_in_place_and_count_it():
    layer = nn.Linear(100, 100)
    memory, version = layer.weight.array, layer.weight.version
    nn.init.uniform_(layer.weight, 2.0, 3.0)
    assert layer.weight.array is memory and layer.weight.version == version + 1
    assert memory.min() >= 2 and memory.max() < 3 and abs(memory.mean() - 2.5) < 0.015
    nn.init.constant_(layer.weight, 4.0)
    assert (memory == 4).all()
    nn.init.normal_(layer.weight, -1.0, 0.5)
    # 10,000 samples: five deviations of the mean are 0.025, of the deviation 0.018.
    assert abs(memory.mean() + 1) < 0.025 and abs(memory.std() - 0.5) < 0.018


def test_a_deep_copy_shares_nothing():
    net = Net()
    net(tinygan.randn(4, 3)).sum().backward()
    twin = copy.deepcopy(net)
    states = net.state_dict(keep_vars=True), twin.state_dict(keep_vars=True)
    pairs = list(zip(*(state.items() for state in states), strict=True))
    assert len(pairs) == 9
    for (name, value), (twin_name, twin_value) in pairs:
        assert name == twin_name and value is not twin_value and type(value) is type(twin_value)
        assert not np.shares_memory(value.array, twin_value.array)
        assert value.tolist() == twin_value.tolist()
    nn.init.constant_(twin.scale, 7.0)
    assert net.scale.tolist() == [1, 1]
    assert twin.body[0] is not net.body[0]
