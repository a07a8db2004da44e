"""The fake CuPy's devices, the streams that belong to them, and its pools of memory."""

from __future__ import annotations

import gc

import needs
import pytest
from emulated import in_thread

from tinygan.kernels.emulator import fake_cupy

needs.emulator()


@pytest.fixture
def cupy():
    with fake_cupy.installed() as module:
        yield module


@pytest.fixture
def two():
    """Two GPUs."""
    with fake_cupy.installed(devices=2) as module:
        yield module


def test_each_thread_has_a_current_device(two):
    cuda = two.cuda
    assert cuda.runtime.getDeviceCount() == 2 and cuda.get_device_id() == 0
    with cuda.Device(1) as device:
        assert cuda.Device().id == 1 and in_thread(cuda.runtime.getDevice) == 0
        x = two.ones(3)
        with cuda.Device(0):
            assert cuda.get_device_id() == 0
    assert cuda.get_device_id() == 0 and x.device == device and x.data.device_id == 1
    assert cuda.Device(1).use().id == cuda.get_device_id() == 1
    cuda.runtime.setDevice(0)
    assert cuda.Device(0) < cuda.Device(1) and int(device) == 1 and cuda.Device(device) == device
    assert cuda.Device(0) != 0 and repr(device) == "<CUDA Device 1>"
    with pytest.raises(TypeError, match="unhashable"):
        hash(device)
    for bad in (cuda.Device(2).use, cuda.Device(2).__enter__, cuda.Device(2).synchronize,
                lambda: cuda.Device(-1).compute_capability,
                lambda: cuda.runtime.getDeviceProperties(2)):  # fmt: skip
        with pytest.raises(cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidDevice") as found:
            bad()
        assert found.value.status == 101
    assert cuda.get_device_id() == 0


TWICE = 'extern "C" __global__ void twice(float* x) { x[threadIdx.x] *= 2; }'


def test_arrays_of_another_device_are_refused(two):
    cuda, x = two.cuda, two.ones((2, 3), "f4")
    message = r"resides \(0\) is different from the current device \(1\)\. Peer access is unavail"
    twice = two.RawKernel(TWICE, "twice")
    with cuda.Device(1):
        y = two.ones((2, 3), "f4")
        for call in (lambda: x + 1, lambda: y + x, lambda: x.sum(), lambda: two.where(y > 0, y, x),
                     lambda: x.__iadd__(1), lambda: x.fill(2), lambda: two.concatenate([y, x]),
                     lambda: y.__setitem__(0, x[0]), lambda: two.add(y, y, out=x),
                     lambda: x.astype("f8"), lambda: y[x[0].view("i4")]):  # fmt: skip
            with pytest.raises(ValueError, match=message):
                call()
        with pytest.raises(RuntimeError, match=r"cudaErrorIllegalAddress: argument 0 .* device 0"):
            twice((1,), (6,), (x,))
        with pytest.raises(RuntimeError, match="cudaErrorIllegalAddress"):
            twice((1,), (6,), (x.data,))
        with pytest.raises(cuda.driver.CUDADriverError, match="CUDA_ERROR_INVALID_HANDLE"):
            twice((1,), (6,), (y,), stream=stream_of(two, 0))
        twice((1,), (6,), (y,))
        assert x.tolist() == [[1] * 3] * 2 and x.T.shape == (3, 2) and x[0].device.id == 0
        copies = x.copy(), two.asarray(x), two.array(x.T), x.T.copy()
        assert {each.device.id for each in copies} == {1}
        with pytest.raises(NotImplementedError, match="non-contiguous array between devices"):
            x[:, ::2].copy(order="K")
        two.copyto(x, y)
        assert x.__deepcopy__({}).device.id == 0
    assert x.tolist() == [[2] * 3] * 2
    twice((1,), (6,), (x,))
    assert x.tolist() == [[4] * 3] * 2


def stream_of(cupy, number):
    with cupy.cuda.Device(number):
        return cupy.cuda.Stream()


def test_streams_belong_to_a_device(two):
    cuda, stream = two.cuda, stream_of(two, 1)
    assert stream.device_id == 1 and cuda.Stream.null.device_id == -1
    message = r"stream is created on \(1\) does not match with the current device \(0\)"
    for enter in (stream.__enter__, stream.use):
        with pytest.raises(RuntimeError, match=message):
            enter()
    with cuda.Device(1), stream:
        assert cuda.get_current_stream() is stream
        assert cuda.get_current_stream(0) is cuda.Stream.null
        event = cuda.Event()
    with pytest.raises(cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidResourceHandle"):
        event.record()
    event.record(stream)
    stream.begin_capture()
    cuda.Device(0).synchronize()  # of another device
    stream.end_capture()


def test_pools_count_what_lives(two):
    gc.collect()  # what other tests have left
    cuda, pool = two.cuda, two.cuda.MemoryPool()
    free, total = cuda.runtime.memGetInfo()
    with cuda.using_allocator(pool.malloc):
        x = two.zeros(1000)  # 8,000 bytes, in blocks of 512
        assert pool.used_bytes() == pool.total_bytes() == 8192
        view, sums = x[10:], x.reshape(10, 100).sum(0)
        del x
        assert pool.used_bytes() == 8192 + 1024
        del view
        assert pool.used_bytes() == 1024 and pool.free_bytes() == 8192 and pool.n_free_blocks() == 1
        assert cuda.Device().mem_info == (free - 9216, total)
        again = two.zeros(1000)  # out of what was free
        assert pool.total_bytes() == 9216
        with cuda.Device(1):
            assert pool.used_bytes() == 0
            other = two.ones(1)
            assert pool.used_bytes() == 512
        assert in_thread(cuda.get_allocator) != pool.malloc
        with pytest.raises(ValueError, match="Can't change the global allocator inside"):
            cuda.set_allocator(None)
        assert two.empty((0, 3)).data.ptr == 0
    del again, sums, other
    gc.collect()
    pool.free_all_blocks()
    assert pool.total_bytes() == pool.used_bytes() == 0
    assert cuda.runtime.memGetInfo() == (free, total)
    assert cuda.get_allocator() == two.get_default_memory_pool().malloc


def test_memory_ends(cupy):
    pool, lack = cupy.cuda.MemoryPool(), cupy.cuda.memory.OutOfMemoryError
    pool.set_limit(2048)
    assert pool.get_limit() == 2048
    first = pool.malloc(1500)
    with pytest.raises(lack, match=r"allocating 1,024 bytes \(allocated so far: 1,536 bytes, limit "
                                   r"set to: 2,048 bytes\)"):  # fmt: skip
        pool.malloc(600)
    del first
    pool.malloc(2048)
    pool.set_limit()
    with pytest.raises(MemoryError, match="Out of memory allocating 4,294,967,296 bytes"):
        pool.malloc(2**32)
    with pytest.raises(ValueError, match="fraction out of range: 2"):
        pool.set_limit(fraction=2)
    free = cupy.cuda.runtime.memGetInfo()[0]
    with cupy.cuda.using_allocator():  # straight from the device
        x = cupy.ones(100)
        assert cupy.cuda.runtime.memGetInfo()[0] == free - 800
    assert type(x.data.mem) is cupy.cuda.Memory
