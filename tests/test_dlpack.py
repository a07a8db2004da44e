"""Memory that is handed over between tinygan and other libraries."""

from __future__ import annotations

import needs
import numpy as np
import pytest

import tinygan
from tinygan import Tensor
from tinygan.dlpack import export, from_dlpack

DTYPES = ["float32", "float64", "int64", "int32", "uint8", "bool"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_reads_the_memory_of_a_tensor(dtype, device, rng):
    x = tinygan.tensor(rng.integers(0, 2, (2, 3, 4)).astype(dtype), device=device).transpose(0, 2)
    array = np.from_dlpack(x)
    assert array.dtype == dtype and array.tolist() == x.tolist()
    if device == "cpu":
        assert np.shares_memory(array, x.array) and array.strides == x.array.strides
    array[1, 2, 1] = 1 - array[1, 2, 1]
    assert array.tolist() == x.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tensor_reads_the_memory_of_an_array(dtype, rng):
    array = rng.integers(0, 2, (2, 3, 4)).astype(dtype).T[:, 1:]
    x = from_dlpack(array)
    assert type(x) is Tensor and x.dtype == dtype and not x.requires_grad
    assert np.shares_memory(x.array, array) and x.array.strides == array.strides
    x.array[0, 0, 0] = 1 - x.array[0, 0, 0]
    assert x.tolist() == array.tolist()


def test_tensors_read_each_other():
    x = tinygan.tensor([1.0, 2.0])
    assert np.shares_memory(from_dlpack(x).array, x.array)


def test_what_is_read_only_stays_so():
    array = np.arange(3.0)
    array.flags.writeable = False
    x = from_dlpack(array)
    assert not x.array.flags.writeable
    assert not np.from_dlpack(Tensor(array)).flags.writeable
    with pytest.raises(BufferError, match="read"):
        Tensor(array).__dlpack__()  # a reader that does not know of read-only memory


def test_a_tensor_that_requires_a_gradient_is_not_handed_over(device):
    x = tinygan.tensor([1.0], device=device, requires_grad=True)
    for y in (x, x * 2.0):
        with pytest.raises(BufferError, match=r"requires a gradient; hand over its \.detach\(\)"):
            np.from_dlpack(y)
    assert np.from_dlpack(x.detach()).tolist() == [1]


class Elsewhere:
    """An object on another kind of device."""

    def __dlpack__(self, **request):
        raise AssertionError("is not asked for")

    def __dlpack_device__(self):
        return 8, 0  # Metal


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([1.0], TypeError, "from_dlpack: x must have __dlpack__ .*; got list"),
        (np.ones(2, np.float16), TypeError, "got float16"),
        (np.ones(2, np.complex64), TypeError, "got complex64"),
        (Elsewhere(), ValueError, "must be on the CPU or a CUDA device .* got kind 8"),
    ],
)
def test_what_cannot_be_read(x, error, message):
    with pytest.raises(error, match=message):
        from_dlpack(x)


def test_an_error_of_the_other_side_is_passed_on():
    class Busy(Elsewhere):
        def __dlpack_device__(self):
            return 1, 0

        def __dlpack__(self, **request):
            raise RuntimeError("busy")

    with pytest.raises(RuntimeError, match="busy"):
        from_dlpack(Busy())


def test_the_request_reaches_the_array():
    """What NumPy can do with it is NumPy's: this one asks for a copy."""
    x = tinygan.tensor([1.0, 2.0])
    if np.lib.NumpyVersion(np.__version__) < "2.1.0":
        pytest.skip("NumPy 2.0 takes no requests")

    class Copied:
        def __dlpack__(self, **request):
            return export(x, **{**request, "copy": True})

        def __dlpack_device__(self):
            return x.__dlpack_device__()

    array = np.from_dlpack(Copied())
    assert array.tolist() == [1, 2] and not np.shares_memory(array, x.array)


def test_pytorch_and_tinygan_share_memory(rng):
    torch = needs.pytorch()
    theirs = torch.tensor(rng.standard_normal((2, 3, 4, 5))).to(memory_format=torch.channels_last)
    ours = from_dlpack(theirs)
    assert ours.array.strides == tuple(8 * step for step in theirs.stride())
    ours.array[1, 2, 3, 4] = 7.0
    assert theirs[1, 2, 3, 4] == 7
    back = torch.from_dlpack(ours)
    assert back.data_ptr() == theirs.data_ptr() and back.stride() == theirs.stride()
    back[0, 0, 0, 0] = 9.0
    assert ours[0, 0, 0, 0].item() == 9
    with pytest.raises(TypeError, match="a dtype that NumPy does not have"):
        from_dlpack(theirs.bfloat16())
    with pytest.raises(BufferError, match="gradient"):
        from_dlpack(theirs.requires_grad_())
    with pytest.raises(BufferError, match="gradient"):
        torch.from_dlpack(tinygan.ones(2, requires_grad=True))
