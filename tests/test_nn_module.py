"""Module: registration, names, hooks, moving, state; and the containers. As PyTorch does it."""

from __future__ import annotations

import copy
import pickle
import re
from collections import OrderedDict

import numpy as np
import pytest

import tinygan
from tinygan import nn, optim


class Plain(nn.Module):
    """Registers everything by name, and calls no ``super().__init__()``."""

    def __init__(self):
        self.register_parameter("scale", nn.Parameter(tinygan.ones(2)))
        self.register_parameter("later", None)
        self.register_buffer("mean", tinygan.zeros(2))
        self.register_buffer("scratch", tinygan.zeros(3), persistent=False)
        self.add_module("part", nn.Linear(2, 2))

    def forward(self, x, factor=1.0):
        return self.part(x) * self.scale * factor + self.mean


class Usual(Plain):
    def __init__(self):
        super(Plain, self).__init__()
        Plain.__init__(self)


@pytest.mark.parametrize("make", [Plain, Usual])
def test_what_is_registered_has_its_place(make):
    net = make()
    assert [n for n, _ in net.named_parameters()] == ["scale", "part.weight", "part.bias"]
    assert [n for n, _ in net.named_parameters("net", recurse=False)] == ["net.scale"]
    assert [n for n, _ in net.named_buffers()] == ["mean", "scratch"]
    assert list(net.state_dict()) == ["scale", "mean", "part.weight", "part.bias"]
    assert net.later is None
    net.later = nn.Parameter(tinygan.zeros(1))
    net.scratch = None
    assert [n for n, _ in net.named_parameters(recurse=False)] == ["scale", "later"]
    assert [n for n, _ in net.named_buffers()] == ["mean"]
    net.mean = net.mean + 1.0  # stays a buffer
    assert net.state_dict()["mean"].tolist() == [1, 1]
    net.scale = None
    net.scale = nn.Parameter(tinygan.ones(2))
    assert "scale" in net.state_dict() and "scale" in dir(net) and "part" in dir(net)
    del net.scale
    assert not hasattr(net, "scale") and "scale" not in net.state_dict()
    with pytest.raises(AttributeError, match="has no attribute 'scale'"):
        net.scale  # noqa: B018
    del net.part
    assert list(net.children()) == []


def test_names_lead_to_parts():
    net = nn.Sequential(Plain(), nn.ReLU())
    assert net.get_submodule("0.part") is net[0].part and net.get_submodule("") is net
    assert net.get_parameter("0.part.weight") is net[0].part.weight
    assert net.get_buffer("0.mean") is net[0].mean
    for name in ("0.none", "0.mean"):
        with pytest.raises(AttributeError):
            net.get_submodule(name)
    with pytest.raises(AttributeError, match=r"'0\.mean' is a Tensor, no Parameter"):
        net.get_parameter("0.mean")
    assert [name for name, _ in net.named_modules()] == ["", "0", "0.part", "1"]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda m: setattr(m, "scale", tinygan.zeros(2)), TypeError,
         "Plain.scale is a parameter: it can be set to nn.Parameter(...) or None, not to a Tensor; "
         "to change its values, write ``with no_grad(): x.scale.copy_(values)``"),
        (lambda m: setattr(m, "part", 3), TypeError, "Plain.part is a module: it can be set to a "
         "Module or None, not to a int"),
        (lambda m: setattr(m, "mean", 3), TypeError, "Plain.mean is a buffer"),
        (lambda m: m.register_buffer("scale", tinygan.zeros(1)), KeyError,
         "there is an attribute 'scale' already"),
        (lambda m: m.register_buffer("a.b", tinygan.zeros(1)), KeyError, "have no dot, got 'a.b'"),
        (lambda m: m.register_parameter("a", tinygan.zeros(1)), TypeError,
         "the name of a Parameter 'a' names a Tensor"),
        (lambda m: m.register_buffer("a", m.scale * 2.0), ValueError, "register its .detach()"),
        (lambda m: m.add_module("a", 3), TypeError, "the name of a Module 'a' names a int"),
        (lambda m: m.half(), TypeError, "half: parameters are float32 or float64"),
        (lambda m: m.to("int64"), TypeError, "Module.to: dtype must be float32 or float64"),
        (lambda m: m.train(3), ValueError, "train: mode must be True or False, got 3"),
        (lambda m: m.register_forward_hook(3), TypeError, "a hook must be callable, got int"),
        (lambda m: m.load_state_dict("net.pt"), TypeError, "state must be a dict, got str; it is "
         "what load returned"),
        (lambda m: nn.Parameter(tinygan.tensor([1])), TypeError, "requires_grad needs a floating"),
    ],
)  # fmt: skip
def test_mistakes_are_named(change, kind, message):
    net = Plain()
    before = list(net.state_dict())
    with pytest.raises(kind, match=re.escape(message)):
        change(net)
    assert list(net.state_dict()) == before


def test_what_is_shared_is_listed_once():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert len(list(net.modules())) == 3 and len(list(net.children())) == 2
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    optimizer = optim.SGD(net.parameters(), lr=0.5)
    net(tinygan.ones(1, 2)).sum().backward()
    optimizer.step()
    assert net(tinygan.ones(1, 2)).shape == (1, 2)
    tied = Plain()
    tied.other = tied.part.weight
    assert [name for name, _ in tied.named_parameters()] == ["scale", "other", "part.bias"]
    twin = copy.deepcopy(net)
    assert twin[0] is twin[2] is not layer


def test_apply_goes_from_the_parts_to_the_whole():
    net, seen = nn.Sequential(Plain(), nn.ReLU()), []
    assert net.apply(lambda part: seen.append(type(part).__name__)) is net
    assert seen == ["Linear", "Plain", "ReLU", "Sequential"]


def test_hooks_see_and_change_what_goes_in_and_out():
    net, x = Plain(), tinygan.ones(1, 2)
    expected, seen = net(x).tolist(), []
    look = net.register_forward_hook(lambda m, inputs, output: seen.append((m, inputs, output)))
    y = net(x)
    assert seen[0][0] is net and seen[0][1] == (x,) and seen[0][2] is y
    double = net.register_forward_hook(lambda m, inputs, output: output * 2.0)
    assert net(x).tolist() == (y * 2.0).tolist()
    with net.register_forward_pre_hook(lambda m, inputs: inputs[0] * 0.0):
        assert net(x).tolist() == ((net.part.bias * 2.0).reshape(1, 2)).tolist()
    named = net.register_forward_hook(
        lambda m, inputs, options, output: output * options["factor"], with_kwargs=True
    )
    before = net.register_forward_pre_hook(
        lambda m, inputs, options: (inputs, {"factor": 0.5}), with_kwargs=True
    )
    assert net(x).tolist() == (y * 0.5 * 2.0 * 0.5).tolist()
    for handle in (look, double, named, before):
        handle.remove()
        handle.remove()
    assert net(x).tolist() == expected


@pytest.mark.parametrize("hooked", [0, 1])
def test_a_layer_with_a_hook_is_not_fused(hooked):
    net, seen = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), []
    x = tinygan.randn(1, 1, 4, 4)
    expected = net(x)
    assert type(expected.grad_fn).__name__ != "ReLU"  # one op for both
    handle = net[hooked].register_forward_hook(lambda m, inputs, output: seen.append(output))
    found = net(x)
    assert len(seen) == 1 and type(found.grad_fn).__name__ == "ReLU"
    np.testing.assert_allclose(found.tolist(), expected.tolist(), rtol=1e-6)
    handle.remove()
    assert type(net(x).grad_fn).__name__ != "ReLU"


def test_moving(device):
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    net[0].labels = nn.Buffer(np.zeros(2, np.int64))
    net(tinygan.ones(4, 2)).sum().backward()
    weight = net[0].weight
    name = "cpu" if device == "cpu" else "cuda:0"
    for move in (lambda: net.to(device), lambda: net.to(tinygan.zeros(1, device=device)),
                 lambda: net.to(device=device, dtype="float32", non_blocking=True)):  # fmt: skip
        assert move() is net
        assert net[0].weight is weight and weight.device == weight.grad.device == name
        assert {b.device for b in net.buffers() if b.dtype != "int64"} == {name}
        assert net[0].labels.device == name
        assert net[1].num_batches_tracked.device == "cpu"  # no kernel counts it
        net.cpu()
        assert {x.device for x in [*net.buffers(), *net.parameters()]} == {"cpu"}
    assert net.to(device, tinygan.float64)[1].running_mean.dtype == np.float64
    assert (weight.dtype, weight.grad.dtype) == (np.float64, np.float64)
    assert net[0].labels.dtype == np.int64
    assert net.float()[0].weight.dtype == np.float32
    assert net.double()[0].weight.dtype == np.float64
    assert net.type("float32")[0].weight.dtype == np.float32


def test_cuda_takes_a_number_or_a_name(gpu):
    for argument in ((), (0,), ("cuda:0",)):
        layer = nn.Linear(2, 2).cuda(*argument)
        assert layer.weight.device == layer.cpu().to(0).weight.device == "cuda:0"


def test_zero_grad_forgets_or_fills():
    layer = nn.Linear(2, 2)
    layer(tinygan.ones(1, 2)).sum().backward()
    grad = layer.weight.grad
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad is grad and grad.tolist() == [[0, 0], [0, 0]]
    layer.zero_grad()
    assert layer.weight.grad is None


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_pickles(twin_of):
    net = nn.Sequential(Plain(), nn.BatchNorm1d(2), nn.ReLU()).eval()
    twin = twin_of(net)
    x = tinygan.randn(3, 2)
    assert twin(x).tolist() == net(x).tolist() and not twin[1].training
    assert isinstance(twin[0].scale, nn.Parameter) and twin[0].scale.requires_grad
    nn.init.constant_(twin[0].scale, 3.0)
    assert net[0].scale.tolist() == [1, 1]
    assert list(twin.state_dict()) == list(net.state_dict())


def test_loading_without_strict_names_what_it_passed_over():
    net = Plain()
    state = {**net.state_dict(), "extra": tinygan.zeros(1)}
    del state["mean"]
    result = net.load_state_dict(state, strict=False)
    assert (result.missing_keys, result.unexpected_keys) == (["mean"], ["extra"])
    assert repr(Plain().load_state_dict(net.state_dict())) == "<All keys matched successfully>"
    with pytest.raises(RuntimeError, match=r"shape of scale: \(3,\) given, \(2,\) expected"):
        net.load_state_dict({"scale": tinygan.zeros(3)}, strict=False)


def test_batches_are_counted(device):
    layer = nn.BatchNorm2d(2).to(device)
    net = nn.Sequential(nn.Conv2d(1, 2, 1).to(device), layer, nn.ReLU())
    x = tinygan.randn(2, 1, 2, 2, device=device)
    net(x)
    layer(net[0](x))
    net.eval()(x)
    assert layer.num_batches_tracked.item() == 2
    state = net.state_dict()
    assert state["1.num_batches_tracked"].dtype == np.int64
    del state["1.num_batches_tracked"]  # as in files of older versions
    assert net.load_state_dict(state) == ([], [])
    assert layer.num_batches_tracked.item() == 2
    layer.reset_running_stats()
    assert layer.num_batches_tracked.item() == 0 and layer.running_var.tolist() == [1, 1]


# Containers


def test_sequential_has_names_and_is_a_list():
    a, b, c = nn.Linear(2, 2), nn.ReLU(), nn.Tanh()
    for make in (dict, OrderedDict):
        net = nn.Sequential(make([("first", a), ("second", b)]))
        assert net.first is a and net[1] is b
        assert list(net.state_dict()) == ["first.weight", "first.bias"]
        assert list(net[:1].state_dict()) == ["first.weight", "first.bias"]
    net = nn.Sequential(a).append(c)
    net.insert(1, b).extend([a])
    assert list(net) == [a, b, c, a] and len(net) == 4
    net[-1] = b
    assert list(net) == [a, b, c, b] and list(net[1:3]) == [b, c]
    del net[0]
    assert list(net) == [b, c, b] and [n for n, _ in net.named_children()] == ["0", "1"]
    assert net.pop(1) is c and list(net + nn.Sequential(c)) == [b, b, c]
    assert "0" not in dir(net)
    with pytest.raises(TypeError, match="Sequential: part 0 is a int, not a Module"):
        net[0] = 3
    with pytest.raises(IndexError, match="Sequential: index -3 is out of range of 2"):
        net[-3]


def test_module_list_and_dict():
    a, b = nn.Linear(2, 2), nn.ReLU()
    layers = nn.ModuleList([a]) + nn.ModuleList([b])
    layers += [a]
    assert list(layers) == [a, b, a] and layers[-1] is a and isinstance(layers[:2], nn.ModuleList)
    assert list(layers.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert repr(layers).startswith("ModuleList(  # 6 parameters\n  (0): Linear(")
    with pytest.raises(NotImplementedError, match=r"ModuleList\.forward"):
        layers(1)
    table = nn.ModuleDict({"a": a})
    table["b"] = b
    table.update([("c", b)])
    assert list(table) == list(table.keys()) == ["a", "b", "c"] and "b" in table and len(table) == 3
    assert list(table.values()) == [a, b, b] and dict(table.items())["a"] is a
    assert table.pop("c") is b and list(table.state_dict()) == ["a.weight", "a.bias"]
    del table["b"]
    table.clear()
    assert len(table) == 0


def test_parameter_list_and_dict():
    values = nn.ParameterList([nn.Parameter(tinygan.ones(1)), tinygan.zeros(2)])
    values.append(tinygan.ones(3))
    values += [tinygan.ones(4)]
    assert [p.numel() for p in values] == [1, 2, 3, 4] and len(list(values.parameters())) == 4
    values[-1] = tinygan.zeros(5)
    assert values[3].numel() == 5 and values[3].requires_grad and len(values[1:3]) == 2
    assert list(values.state_dict()) == ["0", "1", "2", "3"]
    with pytest.raises(TypeError, match="ParameterList: entry 4 is a int, no Tensor"):
        values.append(3)
    with pytest.raises(IndexError, match="ParameterList: index 9 is out of range of 4"):
        values[9]
    table = nn.ParameterDict({"a": tinygan.ones(2)})
    table["b"] = nn.Parameter(tinygan.ones(1))
    assert list(table) == list(table.keys()) == ["a", "b"] and "a" in table and len(table) == 2
    assert [p.numel() for p in table.values()] == [2, 1] and len(list(table.parameters())) == 2
    del table["a"]
    assert [name for name, _ in table.items()] == ["b"]
