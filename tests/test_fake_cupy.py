"""The fake CuPy computes as NumPy does and refuses what CuPy refuses."""

from __future__ import annotations

import sys
import time
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
    assert x[1:].base is x.base and x[1:].base is not y.base


def test_events_have_times_once_they_were_waited_for(cupy):
    cuda = cupy.cuda
    first, second, never = cuda.Event(), cuda.Event(), cuda.Event()
    with pytest.raises(cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidResourceHandle"):
        cuda.get_elapsed_time(first, never)
    first.record()
    time.sleep(0.02)
    second.record()
    assert not first.done and not second.done and never.done
    with pytest.raises(cuda.runtime.CUDARuntimeError, match="cudaErrorNotReady"):
        cuda.get_elapsed_time(first, second)
    second.synchronize()
    assert first.done and second.done
    assert 20 <= cuda.get_elapsed_time(first, second) < 20_000
    untimed = cuda.Event(disable_timing=True)
    untimed.record()
    untimed.synchronize()
    with pytest.raises(cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidResourceHandle"):
        cuda.get_elapsed_time(first, untimed)
    with pytest.raises(ValueError, match="Timing must be disabled for interprocess events"):
        cuda.Event(interprocess=True)


def test_pytorch_takes_arrays_over_without_a_copy(cupy):
    torch = needs.pytorch()
    x = cupy.zeros((2, 3, 4), np.float32).transpose(0, 2, 1)
    tensor = torch.from_dlpack(x)
    tensor[1, 3, 2] = 5
    assert tensor.shape == x.shape and tensor.stride() == (12, 1, 4)
    assert float(x[1, 3, 2]) == 5 and float(x.sum()) == 5


def test_arrays_of_the_host_are_refused(cupy):
    x, host = cupy.zeros(3), np.ones(3)
    for mixed in (lambda: x + host, lambda: host * x, lambda: cupy.maximum(x, host),
                  lambda: cupy.concatenate([x, host]),
                  lambda: x.__setitem__(0, host[:1])):  # fmt: skip
        with pytest.raises(TypeError, match="an array of the host"):
            mixed()
    with pytest.raises(TypeError, match=r"Implicit conversion .* use `.get\(\)`"):
        np.asarray(x)
    with pytest.raises(AttributeError, match="has no 'tobytes'"):
        x.tobytes()


ADD = """
template <typename T>
__global__ void add(const T* x, T* y, T a, int n) {
  extern __shared__ T buffer[];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  buffer[threadIdx.x] = a;
  if (i < n) y[i] = x[i] + buffer[threadIdx.x];
}"""


def test_kernels_run_and_bad_launches_are_refused(cupy, rng):
    module = cupy.RawModule(code=ADD, options=("-std=c++17",), name_expressions=["add<float>"])
    with pytest.raises(RuntimeError, match="not among the name expressions"):
        module.get_function("add<double>")
    add = module.get_function("add<float>")
    host = rng.standard_normal(100).astype(np.float32)
    x, y = cupy.asarray(host), cupy.empty(100, np.float32)
    assert np.isnan(y.get()).all()  # what a kernel forgets to write shows
    sized = (np.float32(2), np.int32(100))
    add((4,), (32,), (x, y, *sized), shared_mem=128)
    np.testing.assert_array_equal(y.get(), host + np.float32(2))
    for args, message in [
        ((x, y, 2.0, np.int32(100)), "parameter 2 has 4 bytes"),
        ((x, y, np.float32(2), 100), "parameter 3 has 4 bytes"),
        ((x[::2], y, *sized), "argument 0 is not contiguous"),
        ((host, y, *sized), "argument 0 is an array of the host"),
    ]:
        with pytest.raises(TypeError, match=message):
            add((4,), (32,), args, shared_mem=128)
    with pytest.raises(RuntimeError, match=r"CUDA_ERROR_INVALID_VALUE: .* above 1024 threads"):
        add((1,), (1025,), (x, y, *sized))
    with pytest.raises(RuntimeError, match="set max_dynamic_shared_size_bytes first"):
        add((1,), (32,), (x, y, *sized), shared_mem=50_000)
    add.max_dynamic_shared_size_bytes = 50_000
    add((4,), (32,), (x, y, *sized), shared_mem=50_000)
    with pytest.raises(emulator.KernelFault, match="out of bounds"):
        add((5,), (32,), (x, y, np.float32(2), np.int32(101)), shared_mem=128)
