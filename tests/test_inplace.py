"""Changes in place: values, gradients, versions, and what is refused."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygan
import tinygan.nn.functional as F
from tinygan import Tensor, gradcheck, gradgradcheck, nn, no_grad, tensor

# name, arguments, the same of a NumPy array
METHODS = [
    ("add_", (2.0,), lambda x: x + 2),
    ("sub_", (2.0, 3), lambda x: x - 6),
    ("mul_", (2.0,), lambda x: x * 2),
    ("div_", (2.0,), lambda x: x / 2),
    ("pow_", (2,), lambda x: x * x),
    ("neg_", (), lambda x: -x),
    ("exp_", (), np.exp),
    ("log_", (), np.log),
    ("sqrt_", (), np.sqrt),
    ("abs_", (), np.abs),
    ("clamp_", (0.5, 1.0), lambda x: np.clip(x, 0.5, 1.0)),
    ("relu_", (), lambda x: np.maximum(x, 0)),
    ("tanh_", (), np.tanh),
    ("sigmoid_", (), lambda x: 1 / (1 + np.exp(-x))),
    ("fill_", (3.0,), lambda x: np.full_like(x, 3)),
    ("zero_", (), np.zeros_like),
    ("__iadd__", (2.0,), lambda x: x + 2),
    ("__isub__", (2.0,), lambda x: x - 2),
    ("__imul__", (2.0,), lambda x: x * 2),
    ("__itruediv__", (2.0,), lambda x: x / 2),
    ("__ipow__", (2,), lambda x: x * x),
]


@pytest.mark.parametrize(("name", "args", "function"), METHODS, ids=[m[0] for m in METHODS])
def test_outside_of_a_graph_the_memory_changes(name, args, function, device, rng):
    numbers = rng.uniform(0.2, 2, (2, 3)).astype("f")
    x = tensor(numbers, device=device)
    view, version = x[0], x.version
    assert getattr(x, name)(*args) is x
    np.testing.assert_allclose(x.cpu().numpy(), function(numbers), rtol=1e-6)
    assert view.tolist() == x[0].tolist() and view.version == x.version > version


@pytest.mark.parametrize(
    ("name", "args"), [m[:2] for m in METHODS], ids=[m[0] for m in METHODS]
)  # fmt: skip
def test_a_leaf_that_requires_a_gradient_changes_only_under_no_grad(name, args, device):
    w = tensor([1.0, 2.0], device=device, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf that requires a gradient cannot change"):
        getattr(w, name)(*args)
    assert w.tolist() == [1, 2] and w.version == 0
    with no_grad():
        assert getattr(w, name)(*args) is w
    assert w.version == 1 and w.requires_grad and w.is_leaf


@pytest.mark.parametrize("name", ["mul_", "__imul__", "add_", "__isub__", "div_"])
def test_inside_of_a_graph_gradients_go_through_the_change(name, device, rng):
    def change(x, y):
        z = x * 2.0
        z = getattr(z, name)(y)
        return getattr(z, name)(x)

    inputs = [tensor(rng.uniform(1, 2, 3), device=device, requires_grad=True) for _ in range(2)]
    assert gradcheck(change, inputs) and gradgradcheck(change, inputs)


@pytest.mark.parametrize(
    "index", [0, (slice(None), 1), (..., slice(0, 2)), [1, 0], np.array([[True, False, True]] * 2)],
    ids=["row", "column", "slice", "list", "mask"],
)  # fmt: skip
def test_items_are_assigned_and_their_gradients_go_both_ways(index, device, rng):
    numbers = rng.standard_normal((2, 3))
    x = tensor(numbers, device=device)
    shape = numbers[index].shape

    def assign(x, value):
        y = x * 1.0
        y[index] = value
        return y

    for size in (shape, shape[-1:], ()):
        value = tensor(rng.standard_normal(size), device=device, requires_grad=True)
        expected = numbers.copy()
        expected[index] = value.detach().cpu().numpy()
        x = tensor(numbers, device=device)
        x[index] = value.detach()
        assert x.tolist() == expected.tolist()
        inputs = [tensor(numbers, device=device, requires_grad=True), value]
        assert gradcheck(assign, inputs) and gradgradcheck(assign, inputs)


def test_a_leaf_becomes_part_of_the_graph_by_what_is_put_into_it(device):
    w = tensor([1.0, 2.0], device=device, requires_grad=True)
    rows = tinygan.zeros(2, 2, device=device)
    rows[1] = w
    rows += 1
    (rows * rows).sum().backward()
    assert w.grad.tolist() == [4, 6]


def test_who_has_saved_a_changed_tensor_says_so(device):
    w = tensor([1.0, 2.0], device=device, requires_grad=True)
    for change in (lambda y: y.add_(1.0), lambda y: y.data.mul_(2.0), lambda y: y.zero_()):
        y = w * 3.0
        z = y * y
        change(y)
        with pytest.raises(RuntimeError, match="was changed in place"):
            z.sum().backward()
    y = w.exp()
    with no_grad():
        y += 1
    with pytest.raises(RuntimeError, match=r"Exp.backward: its output.*was changed in place"):
        y.sum().backward()


def test_weights_are_updated_by_hand(device):
    for update in (
        lambda w: w.__isub__(w.grad * 0.5),
        lambda w: w.sub_(w.grad, alpha=0.5),
        lambda w: w.data.add_(w.grad.data, alpha=-0.5),
        lambda w: w.copy_(w - w.grad * 0.5),
        lambda w: setattr(w, "data", w.data - w.grad * 0.5),
    ):
        w = tensor([1.0, 2.0], device=device, requires_grad=True)
        (w * w).sum().backward()
        with no_grad():
            update(w)
        assert w.tolist() == [0, 0] and w.is_leaf and w.requires_grad
        w.grad.zero_()
        assert w.grad.tolist() == [0, 0]


def test_random_values_in_place(device):
    tinygan.manual_seed(0)
    x = tinygan.zeros(1000, device=device)
    assert x.normal_(3.0, 2.0) is x
    # Means of 1000 samples, standard error 2 / sqrt(1000) = 0.063 and 0.045 for the deviation.
    assert x.mean().item() == pytest.approx(3, abs=0.3)
    assert x.std().item() == pytest.approx(2, abs=0.25)
    assert sorted(set(x.random_(2, 5).tolist())) == [2, 3, 4]
    assert sorted(set(x.random_(3).tolist())) == [0, 1, 2]
    assert 0.1 < x.bernoulli_(0.2).mean().item() < 0.3  # 8 standard errors
    x.uniform_(-2, -1)
    assert -2 <= x.min().item() < -1.95 and -1.05 < x.max().item() < -1


def test_scatter_and_masks(device):
    index = tensor([[2], [0]], device=device)
    x = tinygan.zeros(2, 3, device=device)
    assert x.scatter_(1, index, 1).tolist() == [[0, 0, 1], [1, 0, 0]]
    x.scatter_(1, index, tensor([[5.0], [6.0]], device=device))
    assert x.tolist() == [[0, 0, 5], [6, 0, 0]]
    assert x.masked_fill_(x > 5, -1).tolist() == [[0, 0, 5], [-1, 0, 0]]
    assert x.masked_fill(x > 4, 7).tolist() == [[0, 0, 7], [-1, 0, 0]]
    with pytest.raises(ValueError, match=r"scatter_: an index is 3, which is outside 0 \.\.\. 2"):
        x.scatter_(1, index + 1, 1)


def test_what_does_not_fit_is_refused_before_anything_changes(device):
    x = tinygan.zeros(2, device=device)
    with pytest.raises(ValueError, match=r"add_: the result of shape \(3, 2\) does not fit"):
        x.add_(tinygan.ones(3, 2, device=device))
    count = tensor([1, 2], device=device)
    with pytest.raises(TypeError, match="div_: a result of float32 does not fit into int64"):
        count.div_(2)
    with pytest.raises(TypeError, match="an index must be of integers or bools, got float32"):
        x[tensor([0.0], device=device)] = 1
    assert x.tolist() == [0, 0] and count.tolist() == [1, 2] and x.version == count.version == 0


def test_integers_change_in_place_too(device):
    x = tensor([1, 2], device=device)
    x += 1
    x[0] = 7.9  # the fraction is cut off, as PyTorch does
    assert x.tolist() == [7, 3] and isinstance(x, Tensor)


def test_results_go_into_tensors_that_are_there(device):
    x = tensor([[1.0, 2.0], [3.0, 4.0]], device=device)
    out = tinygan.zeros(2, 2, device=device)
    view = out[0]
    assert tinygan.matmul(x, x, out=out) is out and out.tolist() == [[7, 10], [15, 22]]
    assert view.tolist() == [7, 10] and out.version == 1
    assert tinygan.mul(x, x, out=x).tolist() == x.tolist() == [[1, 4], [9, 16]]
    assert tinygan.sub(x, 1, alpha=2, out=out).tolist() == [[-1, 2], [7, 14]]
    with pytest.raises(ValueError, match=r"add: the result of shape \(2, 2\) does not fit"):
        tinygan.add(x, x, out=tinygan.zeros(4, device=device))
    with pytest.raises(TypeError, match="div: out must be a Tensor, got list"):
        tinygan.div(x, x, out=[])
    with pytest.raises(RuntimeError, match=r"pow: no gradient flows through out=; write out = pow"):
        tinygan.pow(x.requires_grad_(), 2, out=out)


def test_activations_change_their_input_where_they_are_asked_to(device):
    w = tensor([-1.0, 2.0], device=device, requires_grad=True)
    x = w * 1.0
    y = x + nn.Sequential(nn.ReLU(inplace=True))(x)  # as residual blocks are written
    y.sum().backward()
    assert (y.tolist(), w.grad.tolist()) == ([0.0, 4.0], [0.0, 2.0])
    x = tensor([-2.0, 1.0], device=device)
    for change in (nn.LeakyReLU(0.5, True), lambda x: F.elu(x, 1.0, True), nn.SiLU(inplace=True),
                   lambda x: F.hardtanh(x, 0.0, inplace=True), nn.Dropout(1.0, inplace=True)):
        version, values = x.version, x.tolist()
        assert change(x) is x and x.version == version + 1 and x.tolist() != values
    assert x.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="relu: a leaf that requires a gradient cannot change"):
        F.relu(w, inplace=True)
    kept = w * 1.0
    assert F.relu(kept).tolist() == [0.0, 2.0] and kept.tolist() == [-1.0, 2.0]


def test_augmented_assignment_leaves_what_was_saved(device):
    w = tensor([-1.0, 2.0], device=device, requires_grad=True)
    y = w * 2.0
    same = y
    y += 1.0 + y / 4.0
    same.mul_(3.0)
    assert (same.tolist(), y.tolist()) == ([-6.0, 12.0], [-1.5, 6.0])
    z = w * 2.0
    z += 1.0 + z / 4.0
    z.sum().backward()
    assert w.grad.tolist() == [2.5, 2.5]


def test_what_a_view_shows_changes_with_it_inside_of_a_graph(device):
    w = tensor([[-1.0, 2.0], [3.0, 4.0]], device=device, requires_grad=True)

    def changed(change):
        y = w * 2.0
        change(y)
        w.grad = None
        (y * tensor([[1.0, 10.0], [100.0, 1000.0]], device=device)).sum().backward()
        return y.tolist(), w.grad.tolist()

    a, b = [2.0, 20.0], [200.0, 2000.0]  # w's gradient where nothing changes
    for change, values, slopes in (
        (lambda y: y[0].mul_(5.0), [[-10.0, 20.0], [6.0, 8.0]], [[10.0, 100.0], b]),
        (lambda y: y[:, 0].clamp_(min=3.0), [[3.0, 4.0], [6.0, 8.0]], [[0.0, 20.0], b]),
        (lambda y: y[1].__setitem__(0, 9.0), [[-2.0, 4.0], [9.0, 8.0]], [a, [0.0, 2000.0]]),
        (lambda y: y.view(-1).mul_(2.0), [[-4.0, 8.0], [12.0, 16.0]],
         [[4.0, 40.0], [400.0, 4000.0]]),
        (lambda y: y.view(-1)[1:3].zero_(), [[-2.0, 0.0], [0.0, 8.0]], [[2.0, 0.0], [0.0, 2000.0]]),
        (lambda y: y.t()[0].copy_(w[0].detach()), [[-1.0, 4.0], [2.0, 8.0]],
         [[0.0, 20.0], [0.0, 2000.0]]),
        (lambda y: y.unsqueeze(0).permute(1, 2, 0)[1].fill_(7.0), [[-2.0, 4.0], [7.0, 7.0]],
         [a, [0.0, 0.0]]),
        (lambda y: y[1].__iadd__(w[0]), [[-2.0, 4.0], [5.0, 10.0]], [[102.0, 1020.0], b]),
    ):
        assert changed(change) == (values, slopes)


def test_a_view_that_has_changed_is_still_one(device):
    w = tensor([1.0, 2.0], device=device, requires_grad=True)
    y = w * 2.0
    first = y[0]
    first.mul_(5.0)
    first.add_(1.0)
    y[1] = 7.0
    assert (first.item(), y.tolist()) == (11.0, [11.0, 7.0])
    y.sum().backward()
    assert w.grad.tolist() == [10.0, 0.0]
    kept = (w * 2.0)[0]  # of a tensor without a name
    kept.mul_(5.0)
    assert kept.item() == 10.0
    copy.deepcopy(w[0].detach()), pickle.loads(pickle.dumps(w.detach().view(2, 1)))


def test_a_plain_tensor_comes_into_the_graph_through_its_parts(device):
    w = tensor([[-1.0, 2.0], [3.0, 4.0]], device=device, requires_grad=True)
    plain = tinygan.zeros(2, 2, device=device)
    plain[0][1] = 5.0  # the memory is shared
    assert plain.tolist() == [[0.0, 5.0], [0.0, 0.0]]
    for row, source in zip(plain, w, strict=True):
        row += source
    plain[0][1] = w[1, 1]
    assert plain.tolist() == [[-1.0, 4.0], [3.0, 4.0]]
    plain.sum().backward()
    assert w.grad.tolist() == [[1.0, 0.0], [1.0, 2.0]]
    copied = (w * 2.0)[[0, 1]]
    copied += 1.0  # of chosen rows, a copy
    assert copied.tolist() == [[-1.0, 5.0], [7.0, 9.0]]


def test_views_that_repeat_or_show_a_leaf_refuse(device):
    w = tensor([1.0, 2.0], device=device, requires_grad=True)
    y = w * 2.0
    with pytest.raises(RuntimeError, match="is a view by Expand of another one"):
        y.expand(3, 2).mul_(2.0)
    with pytest.raises(RuntimeError, match="a leaf that requires a gradient cannot change"):
        w[0].mul_(2.0)
    assert (w.tolist(), y.tolist()) == ([1.0, 2.0], [2.0, 4.0])
