"""The fake CuPy computes as NumPy does and refuses what CuPy refuses."""

from __future__ import annotations

import copy
import pickle
import sys
import types

import needs
import numpy as np
import pytest

from tinygan.kernels import emulator
from tinygan.kernels.emulator import fake_cupy

needs.emulator()


@pytest.fixture
def cupy():
    with fake_cupy.installed(checked=True) as module:
        yield module


def test_it_is_there_inside_the_block_only():
    real = sys.modules.get("cupy")
    with fake_cupy.installed() as outer, fake_cupy.installed(order="backward") as inner:
        import cupy

        assert cupy is outer is inner and fake_cupy.order == "backward"
    assert sys.modules.get("cupy") is real and fake_cupy.order == "forward"


@pytest.mark.parametrize("count", ["none", "an error", "one"])
def test_a_real_cupy_is_replaced_where_it_has_no_gpu(monkeypatch, count):
    def device_count():
        if count == "an error":
            raise OSError("cudaErrorNoDevice: no CUDA-capable device is detected")
        return int(count == "one")

    runtime = types.SimpleNamespace(getDeviceCount=device_count, CUDARuntimeError=OSError)
    real = types.ModuleType("cupy", "CuPy's own text")
    real.cuda = types.SimpleNamespace(runtime=runtime)
    monkeypatch.setitem(sys.modules, "cupy", real)
    monkeypatch.setitem(sys.modules, "cupy.cuda", real.cuda)
    if count == "one":
        with pytest.raises(emulator.EmulatorError, match="a GPU is there"), fake_cupy.installed():
            pass
    else:
        with fake_cupy.installed() as made:
            assert sys.modules["cupy"] is made is not real
    assert sys.modules["cupy"] is real and sys.modules["cupy.cuda"] is real.cuda


def test_it_computes_as_numpy_does(cupy, rng):
    a, b = rng.standard_normal((3, 4)), rng.standard_normal((1, 4))
    x, y = cupy.asarray(a), cupy.asarray(b)
    for ours, numpys in [
        (x + y, a + b), (2 - x, 2 - a), (x @ y.T, a @ b.T), (-x, -a), (x > 0, a > 0),
        (x.sum(0), a.sum(0)), (x.T, a.T), (x[1:, ::2], a[1:, ::2]), (x[x > 0], a[a > 0]),
        (cupy.maximum(x, 0), np.maximum(a, 0)), (np.exp(x), np.exp(a)),
        (cupy.where(x > y, x, y), np.where(a > b, a, b)), (x.argmax(1), a.argmax(1)),
        (cupy.concatenate([x, y]), np.concatenate([a, b])), (x.astype("f4"), a.astype("f4")),
    ]:  # fmt: skip
        assert isinstance(ours, cupy.ndarray) and ours.dtype == numpys.dtype
        np.testing.assert_array_equal(ours.get(), numpys)
    x += 1
    x[0] = y[0]
    a += 1
    a[0] = b[0]
    np.testing.assert_array_equal(x.get(), a)
    assert isinstance(x.sum(), cupy.ndarray) and float(x.sum()) == a.sum()
    assert x.base is None and x[1:].base is x and x[1:].T.base is x


def test_pytorch_takes_arrays_over_without_a_copy(cupy):
    torch = needs.pytorch()
    x = cupy.zeros((2, 3, 4), np.float32).transpose(0, 2, 1)
    tensor = torch.from_dlpack(x)
    tensor[1, 3, 2] = 5
    assert tensor.shape == x.shape and tensor.stride() == (12, 1, 4)
    assert float(x[1, 3, 2]) == 5 and float(x.sum()) == 5


# Results that lie in C order, whatever the order of the operands, which are matrices.
ELEMENTWISE = {
    "add": lambda cupy, x, y: x + y,
    "numbers": lambda cupy, x, y: 2 - x * 3,
    "out of place power": lambda cupy, x, y: x**2 + (y * y + 1) ** 0.5 + abs(x) ** 1.5,
    "comparison": lambda cupy, x, y: (x > y) & ~(x == y),
    "negative": lambda cupy, x, y: -x,
    "exp": lambda cupy, x, y: cupy.exp(x),
    "maximum": lambda cupy, x, y: np.maximum(x, y),
    "where": lambda cupy, x, y: cupy.where(x > 0, x, y),
    "where with a number": lambda cupy, x, y: cupy.where(x > 0, x, 0.0),
    "clip": lambda cupy, x, y: cupy.clip(x, -0.5, 0.5),
    "clip of one side": lambda cupy, x, y: x.clip(max=0.5),
    "round": lambda cupy, x, y: x.round(1),
    "copy": lambda cupy, x, y: x.copy(),
    "deepcopy": lambda cupy, x, y: copy.deepcopy(x),
    "copy.copy": lambda cupy, x, y: copy.copy(x),
    "flatten": lambda cupy, x, y: x.flatten(),
    "ascontiguousarray": lambda cupy, x, y: cupy.ascontiguousarray(x),
    "concatenate": lambda cupy, x, y: cupy.concatenate([x, y], axis=1),
    "stack": lambda cupy, x, y: cupy.stack([x, y], axis=1),
    "take": lambda cupy, x, y: x.take(cupy.asarray([2, 0]), axis=0),
    "indices": lambda cupy, x, y: x[cupy.asarray([2, 0])],
    "mask": lambda cupy, x, y: x[x > 0],
    "roll": lambda cupy, x, y: cupy.roll(x, 1, 0),
    "tile": lambda cupy, x, y: cupy.tile(x, (2, 1)),
    "pad": lambda cupy, x, y: cupy.pad(x, 1),
    "repeat": lambda cupy, x, y: x.repeat(2, axis=1),
    "cumsum": lambda cupy, x, y: x.cumsum(0),
    "argsort": lambda cupy, x, y: x.argsort(0),
    "sum": lambda cupy, x, y: cupy.stack([x, y]).transpose(2, 1, 0).sum(0),
    "mean": lambda cupy, x, y: cupy.stack([x, y]).transpose(2, 1, 0).mean(1, keepdims=True),
    "take_along_axis": lambda cupy, x, y: cupy.take_along_axis(x, x.argsort(0), 0),
    "product": lambda cupy, x, y: x.T @ y,
    "tensordot": lambda cupy, x, y: cupy.tensordot(x, y, ([0], [0])),
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_results_lie_in_c_order(name, cupy, rng):
    """CuPy's kernels allocate so; NumPy would keep the order of the operands."""
    a, b = rng.standard_normal((2, 5, 4))
    x, y = (cupy.asarray(each).T for each in (a, b))
    made = ELEMENTWISE[name](cupy, x, y)
    assert made.flags.c_contiguous and made.flags.owndata
    with cupy.cuda.Device(0):
        plain = ELEMENTWISE[name](cupy, x.copy(), y.copy())
    np.testing.assert_array_equal(made.get(), plain.get())


def test_what_keeps_the_order_of_memory(cupy, rng):
    x = cupy.asarray(rng.standard_normal((2, 3, 4))).transpose(2, 0, 1)
    assert not x.flags.forc
    for kept in (x.astype("f4"), cupy.copy(x), cupy.empty_like(x), cupy.zeros_like(x),
                 cupy.ones_like(x, "f4"), cupy.full_like(x, 3), cupy.array(x)):  # fmt: skip
        ratio = x.itemsize // kept.itemsize
        assert kept.strides == tuple(n // ratio for n in x.strides) and kept.base is None
    for order, given in (("C", x), ("F", x), ("C", x.T), ("F", x.T)):
        for made in (given.copy(order=order), given.astype("f4", order=order),
                     cupy.empty_like(given, order=order), cupy.asarray(given, order=order),
                     cupy.array(given, order=order)):  # fmt: skip
            assert made.flags[f"{order}_CONTIGUOUS"]
    assert x.T.copy(order="A").flags.c_contiguous and x.copy(order="A").flags.c_contiguous
    assert cupy.empty_like(x, shape=(4, 3)).flags.c_contiguous
    f = cupy.ones((3, 4), order="F")
    assert f.copy(order="A").flags.fnc and cupy.asfortranarray(f) is f


def test_views_are_views_and_the_array_itself_where_nothing_changes(cupy, rng):
    x = cupy.asarray(rng.standard_normal((3, 1, 4)))
    views = (x.T, x[1:], x[1, 0, 2], x[..., ::-1], x.reshape(4, 3), x.ravel(), x.squeeze(1),
             x.transpose(2, 0, 1), x.swapaxes(0, 2), cupy.moveaxis(x, 0, 2), x.view("i8"),
             cupy.flip(x, 0), cupy.expand_dims(x, 0), cupy.broadcast_to(x, (2, 3, 5, 4)),
             cupy.transpose(x), x.diagonal(), cupy.einsum("abc->cab", x), cupy.reshape(x, 12),
             cupy.ravel(x), cupy.squeeze(x), cupy.swapaxes(x, 0, 1))  # fmt: skip
    assert all(view.base is x and cupy.may_share_memory(view, x) for view in views)
    assert not cupy.shares_memory(x, x.copy())
    assert x[1, 0, 2].shape == () and isinstance(x[1, 0, 2], cupy.ndarray)
    x[1, 0, 2][...] = 7
    assert float(x[1, 0, 2]) == 7
    flat = cupy.ones(3)
    assert flat.T is flat and x.squeeze() is not x and flat.squeeze() is flat
    assert cupy.asarray(x) is x and x.astype("f8", copy=False) is x
    assert cupy.ascontiguousarray(x) is x and cupy.ascontiguousarray(x[0, 0, 0]).shape == (1,)
    assert x.T.reshape(-1).base is None and x.T.ravel().flags.c_contiguous
    x.shape = (12,)
    assert x.shape == (12,)
    with pytest.raises(ValueError, match="Unable to avoid creating a copy"):
        x.reshape(3, 4).T.reshape(-1, copy=False)


def test_copies_of_the_host_keep_c_and_f_order_only(cupy, rng):
    host = rng.standard_normal((2, 3, 4))
    for given, order in ((host, "C"), (host.T, "F"), (host.transpose(1, 2, 0), "C"),
                         (host[:, ::2], "C"), (host[::-1], "C")):  # fmt: skip
        x = cupy.asarray(given)
        assert x.flags[f"{order}_CONTIGUOUS"]
        assert x.flags.fnc == (order == "F") and x.data.ptr % 256 == 0
        np.testing.assert_array_equal(x.get(), given)
        assert x.get().flags.c_contiguous and x.get(order="F").flags.f_contiguous
        assert x.get(order="A").flags.fnc == (order == "F")
    assert cupy.asarray(host.T, order="C").flags.c_contiguous
    out = np.empty((2, 3, 4))
    assert cupy.asarray(host).get(out=out) is out and (out == host).all()
    with pytest.raises(TypeError, match="float32 array cannot be obtained from float64 array"):
        cupy.asarray(host).get(out=np.empty((2, 3, 4), "f4"))
    x = cupy.zeros((4, 3, 2), order="F")
    x.set(host.T)
    np.testing.assert_array_equal(cupy.asnumpy(x), host.T)
    pieces = cupy.asarray([x[0], x[1]])
    np.testing.assert_array_equal(pieces.get(), host.T[:2])
    assert cupy.array(5.0, ndmin=2).shape == (1, 1)
    with pytest.raises(ValueError, match="Unsupported dtype object"):
        cupy.asarray(np.array([None]))


def test_arrays_of_the_host_are_refused(cupy):
    x, host = cupy.zeros(3), np.ones(3)
    for mixed in (lambda: x + host, lambda: host * x, lambda: cupy.maximum(x, host),
                  lambda: x.__iadd__(host), lambda: x + np.array(2.0), lambda: x > host,
                  lambda: cupy.concatenate([x, host]), lambda: cupy.exp([1.0])):  # fmt: skip
        with pytest.raises(TypeError, match=r"Unsupported type <class '(numpy.ndarray|list)'>"):
            mixed()
    with pytest.raises(ValueError, match=r"non-scalar numpy.ndarray cannot be used for fill"):
        x[0:1] = host[:1]
    with pytest.raises(ValueError, match=r"non-scalar numpy.ndarray cannot be used for copyto"):
        cupy.copyto(x, host)
    with pytest.raises(TypeError, match="Unsupported type"):
        cupy.sum(host)
    with pytest.raises(TypeError, match=r"Implicit conversion .* use `.get\(\)`"):
        np.asarray(x)
    with pytest.raises(AttributeError, match="has no attribute 'newbyteorder'"):
        x.newbyteorder()
    assert (x > np.array(-1.0)).all()  # of no dimensions, and a comparison
    x[cupy.asarray([0, 1])] = host[:2]  # an index that is an array takes them
    np.testing.assert_array_equal(x.get(), [1, 1, 0])


def test_numbers_of_the_host(cupy, rng):
    """They become 8 bytes of a kernel's argument, and change no dtype (NEP 50)."""
    host = rng.standard_normal(3).astype("f4")
    x = cupy.asarray(host)
    for made in (x + 1, x * 2.5, x / 3, 1 - x, x**2, x**0.5, x + np.float32(1)):
        assert made.dtype == np.float32
    assert (x + np.float64(1)).dtype == np.float64
    assert (cupy.arange(3) + 0.5).dtype == np.float64 and (cupy.arange(3) / 2).dtype == np.float64
    assert (cupy.ones(2, "i4") ** 2).dtype == np.int32 and (cupy.ones(2, "?") + 1).dtype == "i8"
    with pytest.raises(OverflowError):
        cupy.ones(2, "i1") + 1000
    total = x.sum()
    assert isinstance(total, cupy.ndarray) and total.shape == () and total.dtype == np.float32
    assert cupy.ones(3, "i4").sum().dtype == np.int64 and x.argmax().dtype == np.int64
    assert isinstance(float(total), float) and int(cupy.asarray(3.7)) == 3
    assert bool(cupy.asarray([[1]])) is True and complex(cupy.asarray(2.0)) == 2
    with pytest.raises(TypeError, match="list indices must be integers or slices"):
        [1, 2][cupy.asarray(1)]  # CuPy's array has no __index__
    with pytest.raises(ValueError, match="more than one element is ambiguous"):
        bool(x)
    with pytest.raises(ValueError, match="array of size 1"):
        x.item()
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    assert np.ndim(x) == 1 and np.shape(x) == (3,) and cupy.result_type(x, 1.0) == np.float32
    assert cupy.get_array_module(x) is cupy and cupy.get_array_module(host) is np


def test_comparisons_with_what_is_no_number(cupy):
    x = cupy.zeros(2)
    for other in (None, ..., object()):
        assert (x == other).tolist() == [False, False] and (x != other).tolist() == [True, True]

    class Other:
        __array_ufunc__ = None

        def __radd__(self, x):
            return "mine"

        def __lt__(self, x):
            return "less"

    assert x + Other() == "mine" and (x > Other()) == "less"
    with pytest.raises(TypeError):
        x += Other()


def test_results_go_where_out_says(cupy, rng):
    host = rng.standard_normal((3, 4))
    x, out = cupy.asarray(host), cupy.empty((4, 3), "f4").T
    assert cupy.add(x, 1, out=out) is out and cupy.add(x, 1, out) is out
    np.testing.assert_array_equal(out.get(), (host + 1).astype("f4"))
    assert cupy.sum(x, axis=0, out=out[0]).tolist() == host.sum(0).astype("f4").tolist()
    with pytest.raises(ValueError, match="Out shape is mismatched"):
        cupy.add(x, 1, out=cupy.empty((2, 3, 4)))
    with pytest.raises(TypeError, match=r"must be cupy\.ndarray"):
        cupy.add(x, 1, out=host)
    numbers = cupy.arange(3)
    with pytest.raises(TypeError, match="same_kind"):
        numbers += 0.5
    with pytest.raises(TypeError, match=r"Cannot cast float64 to int64 in same_kind"):
        cupy.copyto(numbers, cupy.ones(3))
    cupy.copyto(numbers, np.array([[7]]))
    assert numbers.tolist() == [7, 7, 7]
    cupy.copyto(numbers, 1, where=cupy.asarray([True, False, True]))
    assert numbers.tolist() == [1, 7, 1]
    numbers[...] = cupy.asarray([1.5, 2.5, -3.5])  # an assignment converts as it must
    assert numbers.tolist() == [1, 2, -3]
    with pytest.raises(TypeError, match=r"Wrong arguments {'where': 1}"):
        cupy.add(x, 1, where=1)
    with pytest.raises(TypeError, match="Wrong number of arguments for 'cupy_add'"):
        cupy.add(x)


def test_parameters_are_those_of_cupy(cupy):
    x = cupy.ones((2, 3))
    for wrong in (lambda: x.sum(where=x > 0), lambda: x.max(initial=0),
                  lambda: x.take(0, mode="wrap"), lambda: cupy.zeros(3, like=x),
                  lambda: cupy.stack([x], 0, None, "f4"),
                  lambda: x.astype("f4", casting="safe"), lambda: cupy.empty_like(x, subok=True),
                  lambda: cupy.argsort(x, 0, "stable", None)):  # fmt: skip
        with pytest.raises(TypeError):
            wrong()
    for lacking in (lambda: cupy.exp.at(x, 0), lambda: np.maximum.reduce(x),
                    lambda: cupy.multiply.accumulate(x)):  # fmt: skip
        with pytest.raises(NotImplementedError, match="is not supported yet"):
            lacking()


def test_indices(cupy, rng):
    host = rng.standard_normal((4, 5, 6))
    x = cupy.asarray(host)
    chosen, mask = rng.integers(0, 4, (2, 3)), rng.random((4, 5)) < 0.5
    for ours, numpys in [
        (x[cupy.asarray(chosen)], host[chosen]), (x[chosen.tolist()], host[chosen]),
        (x[1, ..., cupy.asarray(chosen)], host[1, ..., chosen]), (x[None, 2], host[None, 2]),
        (x[cupy.asarray(mask)], host[mask]), (x[cupy.asarray(chosen), 2:4], host[chosen, 2:4]),
        (x[cupy.asarray(chosen) + 8], host[chosen]), (x[cupy.asarray([-9])], host[[-1]]),
        (x.take(cupy.asarray(chosen) - 4, 1), host.take(chosen + 1, 1)),
        (x.take(7, 1), host.take(2, 1)), (x[[]], host[[]]),
        (cupy.take_along_axis(x, cupy.asarray([[[9]]]), 2), host[:, :, 3:4]),
    ]:  # fmt: skip
        np.testing.assert_array_equal(ours.get(), numpys)
    for ours, numpys in zip(x[:, 0].nonzero(), host[:, 0].nonzero(), strict=True):
        np.testing.assert_array_equal(ours.get(), numpys)
        assert ours.strides == (16,)  # columns of one array
    with pytest.raises(IndexError):
        x[4]
    with pytest.raises(IndexError, match="must be of integer or boolean type"):
        x[cupy.ones(2)]
    x[cupy.asarray([0, 5])] = 1.0
    host[[0, 1]] = 1.0
    x[cupy.asarray(mask)] = cupy.asarray(2.0)
    host[mask] = 2.0
    np.testing.assert_array_equal(x.get(), host)
    sums = cupy.zeros(3)
    cupy.add.at(sums, cupy.asarray([0, 0, 5]), cupy.asarray([1.0, 2.0, 4.0]))
    cupy.maximum.at(sums, cupy.asarray([1]), 6.0)
    assert sums.tolist() == [3, 6, 4]
    with pytest.raises(TypeError, match=r"cupy\.add\.at does not support int16"):
        cupy.add.at(cupy.zeros(3, "i2"), cupy.asarray([0]), 1)


def test_a_gpu_does_not_warn_of_nan(cupy):
    x = cupy.asarray([-1.0, 0.0])
    assert np.isnan(cupy.log(x).get()[0]) and (1 / x).tolist() == [-1, np.inf]
    x /= 0
    x.astype("i4")


def test_arrays_are_saved_through_the_host(cupy, rng):
    host = rng.standard_normal((3, 4))
    with fake_cupy.installed():
        back = pickle.loads(pickle.dumps(cupy.asarray(host.T)))
        assert back.flags.fnc and (back.get() == host.T).all()
    with pytest.warns(DeprecationWarning, match="truth value of an empty array"):
        assert not bool(cupy.empty(0))
    assert cupy.asarray(host).tobytes() == host.tobytes()
    assert f"{cupy.asarray(1.5):.2f}" == "1.50" and str(cupy.arange(2)) == "[0 1]"
    assert [int(each) for each in cupy.arange(3)] == [0, 1, 2] and len(cupy.arange(3)) == 3
