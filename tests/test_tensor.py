"""Tensors by themselves: dtypes, indexing, comparisons, conversions, printing."""

from __future__ import annotations

import copy
import operator

import needs
import numpy as np
import pytest

import tinygan
from tinygan import Tensor, grad, tensor

# Dtypes


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (1.5, "float32"),
        ([1.5, 2], "float32"),
        (3, "int64"),
        ([[1, 2], [3, 4]], "int64"),
        (True, "bool"),
        (np.ones(2), "float64"),
        (np.ones(2, np.float32), "float32"),
        (np.ones(2, np.int32), "int32"),
        (np.float64(1.5), "float64"),
    ],
    ids=repr,
)
def test_dtype_of_new_tensors(data, expected, device):
    x = tensor(data, device=device)
    assert x.dtype == expected
    assert x.cpu().tolist() == np.asarray(data).tolist()


@pytest.mark.parametrize(
    "make",
    [
        lambda **options: tinygan.zeros(2, 3, **options),
        lambda **options: tinygan.ones((2, 3), **options),
        lambda **options: tinygan.randn(2, 3, **options),
        lambda **options: tinygan.rand([2, 3], **options),
    ],
    ids=["zeros", "ones", "randn", "rand"],
)
def test_creation(make, device):
    x = make(device=device)
    assert (x.shape, x.dtype, x.requires_grad) == ((2, 3), tinygan.float32, False)
    y = make(dtype="float64", requires_grad=True)
    assert (y.shape, y.dtype, y.requires_grad) == ((2, 3), tinygan.float64, True)


def test_data_is_a_tensor_on_the_same_memory(device):
    x = tensor([1.0, 2.0], device=device, requires_grad=True)
    y = x * 2
    data = y.data
    assert isinstance(data, Tensor) and data.array is y.array
    assert not data.requires_grad and data.is_leaf
    x.data = tensor([[5.0, 6.0, 7.0]], device=device)
    assert x.tolist() == [[5, 6, 7]] and x.requires_grad
    for wrong in ([1.0], x.array, tensor([1.0], "float64", device=device)):
        with pytest.raises(TypeError, match="data must be set to a"):
            x.data = wrong
    assert x.tolist() == [[5, 6, 7]]


def test_arange_and_likes():
    assert tinygan.arange(3).tolist() == [0, 1, 2]
    assert tinygan.arange(1, 2, 0.25).tolist() == [1, 1.25, 1.5, 1.75]
    assert tinygan.arange(1, 2, 0.25).dtype == tinygan.float32
    x = tensor([[1, 2]], "int32")
    assert tinygan.ones_like(x).tolist() == [[1, 1]] and tinygan.zeros_like(x).dtype == np.int32


def test_a_tensor_is_a_copy_of_its_data():
    array = np.ones(2)
    x = tensor(array)
    array[0] = 5
    assert x.tolist() == [1, 1]


def test_float_dtypes_do_not_mix():
    with pytest.raises(TypeError, match="Add: inputs of different dtypes, float32 and float64"):
        tensor([1.0]) + tensor([1.0], "float64")
    with pytest.raises(TypeError, match=r"MatMul: .* float32 and float64; convert one with"):
        tensor([[1.0]]) @ np.ones((1, 1))


@pytest.mark.parametrize(
    ("compute", "dtype", "expected"),
    [
        (lambda i, x: i * x, "float64", [0.5, 3]),
        (lambda i, x: x - i, "float64", [-0.5, -0.5]),
        (lambda i, x: i * 2, "int64", [2, 4]),
        (lambda i, x: i * 0.5, "float32", [0.5, 1]),
        (lambda i, x: i / 2, "float32", [0.5, 1]),
        (lambda i, x: i / i, "float32", [1, 1]),
        (lambda i, x: x + 1, "float64", [1.5, 2.5]),
        (lambda i, x: np.float32(1) + x, "float64", [1.5, 2.5]),
    ],
)
def test_integers_meet_floats(compute, dtype, expected):
    result = compute(tensor([1, 2]), tensor([0.5, 1.5], "float64"))
    assert result.dtype == dtype
    assert result.tolist() == expected


def test_bad_dtypes_and_data_are_refused():
    with pytest.raises(TypeError, match="requires_grad needs a floating dtype, got int64"):
        tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match=r"dtype must be float32, float64, .* got float16"):
        tinygan.zeros(2, dtype="float16")
    with pytest.raises(TypeError, match="dtype must name a dtype such as 'float32', got 'real'"):
        tinygan.zeros(2, dtype="real")
    with pytest.raises(TypeError, match="data must be numbers"):
        tensor(["a"])
    with pytest.raises(ValueError, match="the nested lists are not rectangular"):
        tensor([[1.0], [1.0, 2.0]])
    with pytest.raises(TypeError, match=r"sizes and dimensions must be integers, got 2\.0"):
        tinygan.zeros(2.0)
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\) do not broadcast"):
        tinygan.ones(2) + tinygan.ones(3)
    with pytest.raises(TypeError, match="expected a Tensor, a number or an array, got str"):
        tinygan.ones(2) + "1"


def test_gradients_flow_through_a_change_of_dtype():
    x = tensor([1.0, 2.0], requires_grad=True)
    (x.double() * tensor([3.0, 4.0], "float64")).sum().backward()
    assert x.grad.dtype == tinygan.float32 and x.grad.tolist() == [3, 4]
    assert x.to("float32") is x and x.cpu() is x
    assert not x.to("int64").requires_grad


# Indexing


@pytest.mark.parametrize(
    "index",
    [
        1,
        -1,
        (0, 2),
        slice(None, None, -2),
        (..., 1),
        (slice(0, 2), None, slice(1, 3)),
        (np.array([0, 2, 0]), slice(1, 3)),
        ([0, 0, 1], [3, 3, 3]),
        np.array([[True, False, False, True]] * 3),
        np.array([False, False, False]),
    ],
    ids=["row", "last", "element", "steps", "ellipsis", "new axis", "array and slice",
         "duplicates", "mask", "nothing"],
)  # fmt: skip
def test_indexing_and_its_gradient(index, device, rng):
    array = rng.standard_normal((3, 4))
    x = tensor(array, device=device, requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.detach().cpu().array, array[index])
    v = rng.integers(1, 9, y.shape).astype(float)  # small integers: sums of them are exact
    y.backward(tensor(v, device=device))
    expected = np.zeros_like(array)
    np.add.at(expected, index, v)  # an element named twice receives both
    np.testing.assert_array_equal(x.grad.cpu().array, expected)


def test_indexing_by_tensors():
    x = tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x[tensor([2, 2, 0])].sum() + x[x > 1.5].sum()).backward()
    assert x.grad.tolist() == [1, 1, 3]
    with pytest.raises(TypeError, match="an index must be of integers or bools, got float32"):
        x[tensor([1.0])]
    with pytest.raises(IndexError, match="out of bounds"):
        x[3]


def test_iteration_ends_and_keeps_gradients():
    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    assert len(x) == 2
    assert grad((first * second).sum(), x)[0].tolist() == [[3, 4], [1, 2]]
    with pytest.raises(TypeError, match=r"len\(\) of a 0-d tensor"):
        list(x.sum())


# Operators


def test_comparisons_give_bools_without_gradient():
    x = tensor([1.0, 2.0, 3.0], requires_grad=True)
    results = [x == 2, x != 2, x < 2, x <= 2.0, x > tensor([2, 2, 2]), x >= np.float32(2)]
    assert [r.tolist() for r in results] == [
        [False, True, False], [True, False, True], [True, False, False],
        [True, True, False], [False, False, True], [False, True, True],
    ]  # fmt: skip
    assert {(r.dtype.name, r.requires_grad) for r in results} == {("bool", False)}
    assert (~(x == 2)).tolist() == [True, False, True]
    assert (x > 2).any().item() and not (x > 2).all().item()
    with pytest.raises(TypeError, match="~ needs a tensor of bools or integers, got float32"):
        operator.invert(x)
    with pytest.raises(ValueError, match=r"the truth of a tensor of shape \(3,\) is ambiguous"):
        bool(x > 2)


def test_bools_and_bits(device):
    a, b = (tensor(x, device=device) for x in ([True, True, False], [True, False, False]))
    assert (a & b).tolist() == [True, False, False] and (a | b).tolist() == [True, True, False]
    assert (a ^ b).tolist() == [False, True, False] and (a & True).tolist() == a.tolist()
    x = tensor([6, 3], device=device)
    assert (x & 3).tolist() == [2, 3] and (8 | x).tolist() == [14, 11] and (~x).tolist() == [-7, -4]
    with pytest.raises(TypeError, match="bitwise_and: needs bools or integers, got float32"):
        tensor([1.0], device=device) & b[:1]


def test_tensors_are_hashed_by_identity():
    x, y = tensor([1.0]), tensor([1.0])
    assert len({x, y, x}) == 2


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda a, x: a + x, [11, 22]),
        (lambda a, x: a - x, [9, 18]),
        (lambda a, x: a * x, [10, 40]),
        (lambda a, x: a / x, [10, 10]),
        (lambda a, x: a @ x, 50),
        (lambda a, x: a > x, [True, True]),
        (lambda a, x: 2.0**x, [2, 4]),
        (lambda a, x: 1 - x, [0, -1]),
        (lambda a, x: abs(-x), [1, 2]),
    ],
    ids=["+", "-", "*", "/", "@", ">", "**", "number -", "abs"],
)
def test_operators_with_an_array_or_number_on_the_left(compute, expected):
    result = compute(np.array([10.0, 20.0]), tensor([1.0, 2.0], "float64", requires_grad=True))
    assert isinstance(result, Tensor)
    # exp and log are involved in 2**x: a few units in the last place of float64.
    np.testing.assert_allclose(result.tolist(), expected, rtol=1e-15)


# Out of the graph


def test_conversions():
    x = tensor([[1.5]], "float64")
    assert (float(x), int(x), x.item(), x.tolist()) == (1.5, 1, 1.5, [[1.5]])
    assert x.numpy() is x.array
    copy = np.asarray(x, np.float32)
    copy[0] = 7
    assert copy.dtype == np.float32 and x.item() == 1.5
    assert (x.size(), x.size(0), x.ndim, x.numel()) == ((1, 1), 1, 2, 1)
    with pytest.raises(ValueError, match=r"item: a tensor of shape \(2,\) has not exactly one"):
        tinygan.ones(2).item()


def test_numpy_refuses_a_tensor_that_requires_a_gradient():
    x = tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"requires a gradient; use \.detach\(\)\.numpy\(\)"):
        x.numpy()
    with pytest.raises(RuntimeError, match=r"use \.detach\(\)\.numpy\(\)"):
        np.asarray(x)
    assert x.detach().numpy() is x.array


def test_detach_and_requires_grad():
    x = tensor([1.0], requires_grad=True)
    y = x * 2.0
    assert (x.is_leaf, y.is_leaf, y.detach().is_leaf) == (True, False, True)
    assert not y.detach().requires_grad
    with pytest.raises(RuntimeError, match=r"only a leaf can change; use \.detach\(\) first"):
        y.requires_grad_(False)


def test_a_contiguous_copy_shares_no_memory():
    x = tinygan.arange(6.0).reshape(2, 3)
    y = x.t().contiguous()
    y.add_(100)
    assert x.sum().item() == 15 and y.is_contiguous()
    assert x.contiguous() is x


def test_where_of_numbers_and_of_the_condition_alone(device):
    condition = tinygan.tensor([True, False, True], device=device)
    assert tinygan.where(condition, 1.5, 0.5).tolist() == [1.5, 0.5, 1.5]
    assert tinygan.where(condition, 1, 0).dtype == "int64"
    assert [x.tolist() for x in tinygan.where(condition)] == [[0, 2]]


def test_nothing_is_equal_to_none():
    x = tinygan.zeros(2)
    assert (x == None) is False and (x != None) is True  # noqa: E711


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int32"])
def test_integers_are_summed_as_int64(dtype, device):
    x = tinygan.tensor([200, 1, 100], dtype=dtype, device=device)
    assert x.sum().dtype == x.cumsum(0).dtype == "int64"
    assert x.sum().item() == x.cumsum(0)[-1].item() == (3 if dtype == "bool" else 301)


def test_clone_is_a_copy_with_a_gradient():
    x = tensor([1.0, 2.0], requires_grad=True)
    y = x.clone()
    assert not np.shares_memory(x.array, y.array)
    assert grad((y * y).sum(), x)[0].tolist() == [2, 4]


def test_a_deep_copy_lies_in_memory_as_the_original(device, rng):
    weight = tinygan.nn.Parameter(
        tensor(rng.standard_normal((4, 5, 5, 3)), device=device).array.transpose(0, 3, 1, 2)
    )
    (weight * weight).sum().backward()
    weight.note = ["kept"]
    twin = copy.deepcopy(weight)
    assert isinstance(twin, tinygan.nn.Parameter) and twin.requires_grad and twin.note == ["kept"]
    assert twin.note is not weight.note
    for old, new in ((weight, twin), (weight.grad, twin.grad)):
        assert new.tolist() == old.tolist() and new.array.strides == old.array.strides
    twin.array[...] = 0
    assert float(weight.abs().min()) > 0
    twin.version += 1
    assert weight.version == 0
    shared = copy.deepcopy([weight, weight])
    assert shared[0] is shared[1]
    with pytest.raises(RuntimeError, match=r"deepcopy: .* made by Mul; copy its \.detach\(\)"):
        copy.deepcopy(weight * 2.0)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
        (tensor(1.0, "float64"), "tensor(1., dtype=float64)"),
        (tensor([1, 2], "int32"), "tensor([1, 2], dtype=int32)"),
        (tensor([True]), "tensor([True])"),
        (tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
        (tensor([1.0], requires_grad=True) * 2.0, "tensor([2.], grad_fn=<Mul>)"),
        (tensor([[1, 2], [3, 4]]), "tensor([[1, 2],\n        [3, 4]])"),
    ],
    ids=["floats", "float64", "int32", "bool", "leaf", "node", "matrix"],
)
def test_repr(x, text):
    assert repr(x) == text


@pytest.mark.parametrize("seed", range(40))
def test_tensors_print_as_pytorchs(seed):
    """Of random sizes and magnitudes; a dtype and a node have their own names here."""
    torch = needs.pytorch()
    rng = np.random.default_rng(seed)
    shape = [tuple(rng.integers(0, 5, rng.integers(0, 4))), (rng.integers(900, 1200),),
             (8, rng.integers(2, 200)), (3, 9, 50)][seed % 4]  # fmt: skip
    array = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 9)
    if rng.random() < 0.3:
        array = array.round()
    if rng.random() < 0.3:
        array = np.where(rng.random(shape) < 0.2, [np.nan, np.inf, 0.0][seed % 3], array)
    dtype = ["float32", "float32", "float64", "int64", "int32", "bool"][rng.integers(6)]
    array = np.asarray(np.nan_to_num(array) if "float" not in dtype else array).astype(dtype)
    theirs = torch.from_numpy(array.copy())
    ours = tinygan.tensor(array)
    if dtype == "float32" and seed % 2:
        theirs, ours = theirs.requires_grad_(), ours.requires_grad_()
    expected, got = repr(theirs).replace("dtype=torch.", "dtype="), repr(ours)
    if "dtype=" in got:  # whose shorter name may fit into the line
        expected, got = " ".join(expected.split()), " ".join(got.split())
    assert got == expected


@pytest.mark.parametrize(
    "options", [{"precision": 2}, {"sci_mode": False}, {"profile": "short"}, {"linewidth": 40},
                {"profile": "full"}, {"sci_mode": True, "edgeitems": 1}],
)  # fmt: skip
def test_options_of_printing_are_pytorchs(options, rng):
    torch = needs.pytorch()
    array = rng.standard_normal((1, 1500)).astype(np.float32) / 1e3
    try:
        for library in (torch, tinygan):
            library.set_printoptions(**options)
        assert repr(tinygan.tensor(array)) == repr(torch.from_numpy(array))
    finally:
        for library in (torch, tinygan):
            library.set_printoptions(profile="default")
    with pytest.raises(ValueError, match="profile must be one of default, short, full, got 'long'"):
        tinygan.set_printoptions(profile="long")
