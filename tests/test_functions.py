"""The functions, methods and names that PyTorch has, beside PyTorch itself."""

from __future__ import annotations

import itertools

import needs
import numpy as np
import pytest

import tinygan
from tinygan import grad, gradcheck, gradgradcheck, tensor

# Of matrices x and y of 3 x 4 with positive elements, each without equal ones, v = x[0], w = y[0].
DIFFERENTIABLE = """
t.sin(x); t.cos(x); t.tan(x); t.exp2(x); t.expm1(x); t.log1p(x); t.log2(x); t.log10(x); t.square(x)
t.reciprocal(x); t.rsqrt(x); t.maximum(x, y); t.minimum(x, y); t.max(x, y); t.min(x, y); x % 0.5
t.lerp(x, y, 0.3); t.addcmul(x, x, y, value=2); t.addcdiv(x, x, y, value=2); t.add(x, y, alpha=3)
t.logsumexp(x, 1); t.logsumexp(x, (0, 1), True); t.prod(x); t.prod(x, 0); x.prod(1, keepdim=True)
x.cumsum(0); x.cumsum(-1); x.norm(); x.norm(1); x.norm(2, 1); x.norm(3, 0, True); t.norm(x, dim=1)
x.norm(float("inf")); x.median(); x.median(1).values; t.median(x, 0, True).values
x.sort(1).values; x.sort(0, True).values; x.topk(2).values; t.topk(x, 2, 0, False).values
x.narrow(1, 1, 2); t.cat(x.split(3, 1)[::-1], 1); t.cat(x.split([1, 2])[::-1])
t.stack(x.chunk(2, 1)); t.stack(x.unbind(1)); x.repeat(2, 1); x.repeat(2, 1, 3); x.tile(2)
x.flip(0); x.flip((0, 1)); x.roll(1, 0); x.roll(-3); x.t(); x.mT; x.swapaxes(0, 1)
x.movedim(0, 1); x.broadcast_to(2, 3, 4); x.expand(2, -1, 4); t.hstack((x, y)); t.vstack([x, y])
x.index_select(1, t.tensor([2, 0, 2])); x.masked_select(x > 0.5); x[x > 0.5]; x.tril(); x.triu(1)
x.diag(); v.diag(); v.diag(1); x.diag(-1); x.trace(); v.dot(w); x.mv(w); x.mm(y.t())
t.bmm(x.reshape(2, 3, 2), y.reshape(2, 2, 3)); t.outer(v, w); t.addmm(x[:, :3], x, y.t(), beta=2)
t.einsum("ij,kj->ik", x, y); t.einsum("ij->ji", x); t.einsum("ij,ij->", x, y); t.einsum("ij", x)
t.einsum("ij,kj,kl->il", x, y, y); t.einsum("i,j->ij", v, w); t.einsum("bi,bj->bij", x, y)
t.abs(x); t.mean(x, 1); t.sum(x, dim=0); t.std(x); t.var(x, 1); t.clamp(x, min=0.5); t.pow(x, y)
t.squeeze(x.reshape(1, 3, 1, 4)); x.unsqueeze(0).squeeze(0); t.flatten(x); x.permute(1, 0)
t.softmax(x, 1); t.log_softmax(x, 0); t.sqrt(x); t.exp(x); t.log(x); t.tanh(x); t.sigmoid(x)
t.where(x > y, x, y); t.amax(x, 1); t.max(x); t.max(x, 1)[0]; t.min(x, 0).values; t.mul(x, 2)
x.gather(1, t.tensor([[0, 1], [2, 3], [1, 1]])); x.scatter(1, t.tensor([[0], [1], [2]]), 5.0)
x.sum(axis=0); x.max(axis=1, keepdims=True).values; t.stack([x, y], axis=-1); x.var(unbiased=False)
t.cat([x, y], axis=1); x.std(False); x.var(0, False); x.std(axis=1, keepdims=True); t.std(x, axis=0)
t.softmax(x, axis=1); t.cumsum(x, axis=1); x.sort(axis=0).values; t.logsumexp(x, axis=(0, 1))
x.softmax(1); x.log_softmax(axis=0)
t.sinh(x); t.cosh(x); t.atan(x); t.arctan(-x); t.asin(x * 0.6); t.acos(x * 0.6); t.arcsin(-x * 0.5)
t.arccos(x * 0.1); t.atan2(x, -y); t.arctan2(-x, y - 2); t.erf(x); t.erfc(x); t.hypot(x, y)
t.logaddexp(x, y); t.xlogy(x, y); t.fmod(x - 0.7, 0.4); t.frac(x - 0.7); t.deg2rad(x); t.sgn(x) * x
t.rad2deg(x); t.positive(x); t.negative(x); t.absolute(-x); t.clamp_min(x, 0.5); x.clamp_max(0.7)
t.clamp_min(x, y); x.clamp_max(y); t.nan_to_num(x / 3, 2.0); x.cumprod(1); t.cumprod(x, dim=0)
t.var_mean(x, 1)[0]; t.std_mean(x)[1]; t.aminmax(x).max; x.aminmax(dim=1).min; t.dist(x, y)
t.cdist(x, y); t.cdist(x, y[:2], p=1.0); t.ravel(x); x.unflatten(1, (2, -1)); x.select(1, 2)
t.diagonal(x); x.diagonal(1); x.diagonal(-1, 1, 0); t.take(x, t.tensor([[0, 5], [11, 5]]))
t.take_along_dim(x, t.tensor([[0], [1], [3]]), 1); t.repeat_interleave(x, 2); x.swapdims(0, 1)
x.repeat_interleave(3, dim=1); t.repeat_interleave(x, t.tensor([1, 0, 2]), 0); t.moveaxis(x, 0, 1)
x.scatter_add(1, t.tensor([[0, 0], [1, 1], [3, 2]]), y); t.index_add(x, 0, t.tensor([2, 2]), y[:2])
x.index_add(1, t.tensor([0, 3, 0]), y[:, :3], alpha=2); t.fliplr(x); t.flipud(x); t.rot90(x)
x.rot90(2); t.rot90(x, 3); t.rot90(x, -1, (1, 0)); t.atleast_1d(x.sum()); t.atleast_2d(v)
t.column_stack([v, w]); t.row_stack([v, x]); t.dstack([x, y]); t.dstack([v, w])
t.tensordot(x, y, dims=2); t.tensordot(x, y, dims=([1], [1])); t.tensordot(v, x, dims=([0], [-1]))
x.where(x > y, y)
x.view_as(y); x.expand_as(x); x.contiguous(); x.float_power(2); x.masked_fill(x > y, 0.0)
t.meshgrid(v, w, indexing="ij")[0] * t.meshgrid(v, w, indexing="xy")[1]
"""
CONSTANT = """
t.floor(x * 5); t.ceil(x * 5); t.round(x * 5); t.trunc(-x * 5); t.sign(x - 0.5); x // 0.3
t.isnan(x); t.isinf(x); t.isfinite(x); t.isclose(x, x + 1e-9); t.tensor(t.allclose(x, y))
t.tensor(t.equal(x, x)); x.argsort(1); t.argsort(x, 0, descending=True); x.sort(1).indices
x.argmax(1, keepdim=True); x.argmin(0); x.max(1).indices; (x > 0.5).any(1); t.all(x > 0.1)
t.nonzero(x > 0.5); (x > 0.5) & (y > 0.5); (x > 0.5) | (y > 0.5); (x * 9).long() % 4; t.eq(x, y)
(x * 9).long() // 2; (x * 9).int(); (x > 0.5).float(); x.double(); x.type(t.float64); t.lt(x, y)
t.arange(3); t.arange(1, 7, 2); t.linspace(0, 1, 5); t.full((2, 3), 4); t.full((2,), 1.5); t.eye(3)
t.eye(2, 3); t.zeros_like(x, dtype=t.long); t.full_like(x, 2); t.logspace(0, 2, 3); t.empty(0, 3)
t.ones(2, 3, dtype=t.int); t.tensor([1, 2]).float(); t.LongTensor([1, 2]); t.FloatTensor([1, 2])
t.as_tensor([1.0, 2.0]); t.from_numpy(n); x.new_zeros(2, 3); x.new_tensor([1, 2])
t.tensor([[1, 2], [3, 4]]) @ t.tensor([1, 1]); t.tensor(x.numel()); t.tensor(x.dim()); x.bool()
t.eye(2, requires_grad=True).detach(); t.logspace(0, 2, 3, requires_grad=True).detach()
t.logical_not(x > 0.5); t.tensor(x.size(1)); t.tensor(x.is_floating_point())
x.argmax(axis=0); t.any(x > 0.5, axis=1, keepdims=True)
x.new_full((2,), 3); t.tensor(list(x.size()))
t.count_nonzero(x > 0.5, 1); t.unique(t.tensor([3, 1, 3])); t.bincount(t.tensor([1, 3, 1]))
t.unique(t.tensor([[3, 1], [3, 3]]), return_inverse=True)[1]; t.unique(x > 1, return_counts=True)[1]
t.bincount(t.tensor([1, 3, 1]), x[0, :3], 6).double(); t.isin(t.tensor([1, 2, 3]), t.tensor([3, 1]))
t.logical_xor(x > 0.5, y > 0.5); t.greater(x, y); t.less_equal(x, y); t.not_equal(x, y)
t.bitwise_not(x > 0.5); t.scalar_tensor(3); t.asarray([1.0]); t.fmod(t.tensor([7, -7]), 3)
x.byte(); x.short(); t.tensor(t.pi); t.tensor(t.inf); x[:, t.newaxis]
t.nan_to_num(t.tensor([t.nan, t.inf, -t.inf]))
t.tensor(t.is_nonzero(x[0, 0])); t.tensor(t.finfo(t.float32).eps)
t.tensor([True, False]).sum(); t.tensor([7, -7]) // 2; t.tensor([7, -7]) % 3; -7 % t.tensor([4, 5])
"""


def expressions(text):
    return [part.strip() for line in text.strip().splitlines() for part in line.split("; ")]


def numbers(rng):
    values = rng.permutation(np.linspace(0.1, 1.4, 24)).reshape(2, 3, 4)
    return values[0], values[1]


def evaluate(library, expression, x, y):
    names = {"t": library, "x": x, "y": y, "v": x[0], "w": y[0], "n": np.arange(3.0)}
    return eval(expression, names)


@pytest.mark.parametrize("expression", expressions(CONSTANT) + expressions(DIFFERENTIABLE))
def test_results_are_pytorchs(expression, rng):
    torch = needs.pytorch()
    arrays = [a.astype("f") for a in numbers(rng)]
    ours = evaluate(tinygan, expression, *map(tensor, arrays))
    theirs = evaluate(torch, expression, *map(torch.tensor, arrays))
    assert f"torch.{ours.dtype}" == str(theirs.dtype)
    assert ours.shape == tuple(theirs.shape)
    # float32: some functions take two roundings where PyTorch takes one.
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("expression", expressions(DIFFERENTIABLE))
def test_derivatives(expression, device, rng):
    inputs = [tensor(a, device=device, requires_grad=True) for a in numbers(rng)]

    def function(x, y):
        return evaluate(tinygan, expression, x, y) + 0.0 * y.sum()

    assert gradcheck(function, inputs) and gradgradcheck(function, inputs)


@pytest.mark.parametrize("expression", expressions(CONSTANT))
def test_what_has_no_derivative_runs_on_each_device(expression, device, rng):
    arrays = numbers(rng)
    here = evaluate(tinygan, expression, *map(tensor, arrays))
    there = evaluate(tinygan, expression, *(tensor(a, device=device) for a in arrays))
    assert there.tolist() == here.tolist()


def test_the_sixth_derivative_of_tanh():
    x = tensor([0.3], "float64", requires_grad=True)
    y = tinygan.tanh(x)
    for _ in range(6):
        (y,) = grad(y.sum(), x, create_graph=True)
    t = np.tanh(0.3)  # the sixth derivative is a polynomial of t, by d/dx t = 1 - t^2
    poly = np.polynomial.Polynomial([0, 1])
    for _ in range(6):
        poly = poly.deriv() * np.polynomial.Polynomial([1, 0, -1])
    assert y.item() == pytest.approx(poly(t), rel=1e-12)


def test_every_function_is_tried():
    tried = DIFFERENTIABLE + CONSTANT
    elsewhere = {
        "baddbmm", "bernoulli", "broadcast_tensors", "multinomial", "normal", "ones", "ones_like",
        "rand", "rand_like", "randint", "randn", "randn_like", "randperm", "tensor", "zeros",
        "empty_like", "floor_divide", "remainder", "tril", "triu",
    }  # fmt: skip
    names = {*tinygan.functions.__all__, *tinygan.creation.__all__} - elsewhere
    assert [name for name in sorted(names) if f".{name}(" not in tried] == []


def test_drawn_numbers_have_their_shapes_and_ranges(device):
    x = tinygan.zeros(3, 4, device=device)
    for like in (tinygan.rand_like(x), tinygan.randn_like(x), tinygan.empty_like(x)):
        assert (like.shape, like.dtype, like.device) == (x.shape, x.dtype, x.device)
    drawn = tinygan.randint(2, 5, (1000,), device=device)
    assert sorted(set(drawn.tolist())) == [2, 3, 4] and drawn.dtype == tinygan.int64
    assert sorted(tinygan.randperm(50).tolist()) == list(range(50))
    with pytest.raises(ValueError, match="randint: needs low < high and a size, got 3, 3"):
        tinygan.randint(3, 3, (2,))
    assert tinygan.normal(x + 5.0, 0.0).tolist() == (x + 5.0).tolist()
    assert tinygan.normal(2.0, 0.0, (2,)).tolist() == [2, 2]
    chances = tensor([0.0, 1.0], device=device)
    assert tinygan.bernoulli(chances).tolist() == [0, 1]
    assert tinygan.multinomial(tensor([[0.0, 2.0], [3.0, 0.0]]), 1).tolist() == [[1], [0]]


WRONG = [
    (lambda x: x.topk(5, 1), r"topk: k must be in 0 \.\.\. 4, got 5"),
    (lambda x: x.split([1, 1], 0), r"split: sizes \[1, 1\] do not add up to 3, that of dim 0"),
    (lambda x: x.chunk(0), "chunk: chunks must be at least 1, got 0"),
    (lambda x: x.narrow(1, 3, 2), "narrow: 2 from 3 on is outside of dim 1"),
    (lambda x: x.repeat(2), r"repeat: 1 numbers for a tensor of shape \(3, 4\)"),
    (lambda x: x.dot(x), "dot: needs tensors of 1 and 1 dimensions"),
    (lambda x: x.norm("nuc"), "norm: p must be a number or 'fro', got 'nuc'"),
    (lambda x: tinygan.einsum("ij,jk->ik", x), "einsum: .* is for 2 tensors, got 1"),
    (lambda x: tinygan.einsum("ii->i", x), "einsum: 'ii' does not name the dimensions"),
    (lambda x: tinygan.einsum("ij->ik", x), "einsum: the result 'ik' has letters"),
    (lambda x: tinygan.einsum("ij,jk->ik", x, x), "einsum: 'j' has two sizes"),
    (lambda x: tinygan.meshgrid(x[0], indexing="a"), "meshgrid: indexing must be 'ij' or 'xy'"),
    (lambda x: x.unflatten(1, (3, 2)), r"unflatten: sizes \(3, 2\) do not multiply to 4, of dim 1"),
    (lambda x: x.diagonal(0, 1, 1), "diagonal: dim1 and dim2 are both 1"),
    (lambda x: tinygan.tensordot(x, x, 1), r"tensordot: sizes \[4\] and \[3\]"),
    (lambda x: tinygan.cdist(x, x[:, :2]), "cdist: needs rows of one length and p > 0"),
    (lambda x: x.bincount(), "bincount: needs a vector of integers >= 0, got float32"),
    (lambda x: x.unique(dim=0), "unique: dim is not supported"),
    (lambda x: x.scatter_add(0, tensor([[3]]), x), "scatter_add: an index is 3"),
    (lambda x: x.index_select(1, tensor([4])), r"index_select: an index is 4, which is outside"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[m.split(":")[0] for _, m in WRONG])
def test_what_does_not_fit_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong(tinygan.zeros(3, 4))


def test_a_dimension_has_one_name():
    with pytest.raises(TypeError, match="sum: give dim or axis, not both"):
        tinygan.zeros(2).sum(0, axis=0, dim=0)
    with pytest.raises(TypeError, match="axis"):
        tinygan.zeros(2).reshape(2, axis=0)


@pytest.mark.parametrize(("shape", "dim"), [((3,), 0), ((2, 3), 1), ((2, 3, 4), 0)])
def test_softmax_without_a_dimension_warns_and_takes_pytorchs(shape, dim, rng):
    x = tensor(rng.standard_normal(shape))
    for name in ("softmax", "log_softmax", "softmin"):
        function = getattr(tinygan.nn.functional, name)
        with pytest.warns(UserWarning, match=f"{name}: without dim it goes along dimension {dim}"):
            found = function(x)
        assert found.tolist() == function(x, dim).tolist()


def test_products_at_zeros(device):
    for zeros in itertools.product((0.0, 2.0), repeat=3):
        x = tensor(zeros, "float64", device, requires_grad=True)
        x.prod().backward()
        others = [np.prod(np.delete(zeros, i)) for i in range(3)]
        assert x.grad.tolist() == others


def test_the_norm_of_zeros_has_no_slope(device):
    x = tinygan.zeros(3, device=device, requires_grad=True)
    x.norm().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_conversions_to_python():
    x = tensor(3)
    assert [10, 20, 30, 40][x] == 40 and list(range(x)) == [0, 1, 2] and f"{x:03d}" == "003"
    assert f"{tensor(2.5):.2f}" == "2.50" and f"{tensor([1, 2])}" == "tensor([1, 2])"
    with pytest.raises(TypeError, match="only a tensor of one integer can be an index"):
        range(tensor(2.0))
    with pytest.raises(TypeError, match="half: tensors are float32 or float64"):
        x.half()


def test_casts_by_name(device):
    x = tensor([1.5, 0.0], device=device)
    assert x.type() == ("torch.FloatTensor" if device == "cpu" else "torch.cuda.FloatTensor")
    assert x.long().type("torch.FloatTensor").dtype == tinygan.float32
    assert x.double().type(tinygan.Tensor).dtype == tinygan.float32
    with pytest.raises(TypeError, match="got object"):
        x.type(object)
    assert x.type(tinygan.long).tolist() == [1, 0] and x.type(tinygan.LongTensor).tolist() == [1, 0]
    assert x.to(tinygan.zeros(1, dtype="int64")).dtype == tinygan.int64
    assert x.to("cpu", non_blocking=True).device == "cpu" and x.type_as(x.long()).dtype.kind == "i"
    with pytest.raises(TypeError, match=r"type: no tensors of 'torch\.HalfTensor'"):
        x.type("torch.HalfTensor")


def test_a_device_prints_as_in_pytorch():
    assert repr(tinygan.device("cpu")) == "device(type='cpu')"
    assert repr(tinygan.device("cuda:1")) == "device(type='cuda', index=1)"
    assert (tinygan.device("cpu").type, tinygan.device("cuda:1").type) == ("cpu", "cuda")


def test_a_kept_gradient_is_what_hooks_made_of_it(device):
    x = tensor([1.0, 2.0], device=device, requires_grad=True)
    h = x * 2.0
    h.retain_grad()
    handle = h.register_hook(lambda g: g * 10.0)
    h.sum().backward(retain_graph=True)
    assert (h.grad.tolist(), x.grad.tolist()) == ([10.0, 10.0], [20.0, 20.0])
    handle.remove()
    h.sum().backward()
    assert h.grad.tolist() == [11.0, 11.0]
