"""The fake CuPy's raw kernels take what CuPy's take, and say what a GPU keeps to itself."""

from __future__ import annotations

import needs
import numpy as np
import pytest

from tinygan.kernels import emulator
from tinygan.kernels.emulator import fake_cupy

needs.emulator()

TEXT = r"""
struct List { const float* begin; int count; };

template <typename T>
__global__ void add(const T* x, T* y, T a, int n) {
  extern __shared__ T buffer[];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  buffer[threadIdx.x] = a;
  if (i < n) y[i] = x[i] + buffer[threadIdx.x];
}
__constant__ float table[4];

extern "C" __global__ void copy(const float* x, float* y, int n) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = x[i];
}
extern "C" {
__global__ void __launch_bounds__(64) listed(List list, float* y) {
  if (threadIdx.x < list.count) y[threadIdx.x] = list.begin[threadIdx.x];
}
/* extern "C" __global__ void commented(float* y) {} */
__global__ void numbers(double a, bool b, long long c, unsigned long long d, float2 e, double* y) {
  y[0] = a, y[1] = b, y[2] = c, y[3] = d / 2, y[4] = e.x, y[5] = e.y;
}
__global__ void constants(float* y) { y[threadIdx.x] = table[threadIdx.x]; }
__global__ void count(int* y) { atomicAdd(y, 1); }
}
__global__ void mangled(float* y) { y[0] = 1; }
"""


@pytest.fixture(params=[False, True], ids=["unchecked", "checked"])
def cupy(request):
    with fake_cupy.installed(checked=request.param) as module:
        yield module


def kernel(cupy, name):
    return cupy.RawKernel(TEXT, name)


def test_kernels_run_and_bad_launches_are_refused(cupy, rng):
    module = cupy.RawModule(code=TEXT, options=("-std=c++17",), name_expressions=["add<float>"])
    add = module.get_function("add<float>")
    host = rng.standard_normal(100).astype(np.float32)
    x, y = cupy.asarray(host), cupy.empty(100, np.float32)
    assert np.isnan(y.get()).all()  # what a kernel forgets to write shows
    sized = (np.float32(2), np.int32(100))
    add((4,), (32,), (x, y, *sized), shared_mem=128)
    np.testing.assert_array_equal(y.get(), host + np.float32(2))
    for args, message in [
        ((x, y, 2.0, np.int32(100)), "parameter 2 has 4 bytes, .* of 8; on a GPU nobody would"),
        ((x, y, np.float32(2), 100), "parameter 3 has 4 bytes"),
        ((x, y, np.float32(2)), "has 4 parameters, got 3 arguments; on a GPU nobody would"),
        ((1.5, y, *sized), "parameter 0 is a pointer"),
        ((host, y, *sized), r"You are trying to pass a numpy\.ndarray of shape \(100,\)"),
        (([1.0], y, *sized), "Unsupported type <class 'list'>"),
    ]:
        with pytest.raises(TypeError, match=message):
            add((4,), (32,), args, shared_mem=128)
    invalid = cupy.cuda.driver.CUDADriverError
    with pytest.raises(invalid, match=r"CUDA_ERROR_INVALID_VALUE: .* above 1024 threads") as found:
        add((1,), (1025,), (x, y, *sized))
    assert found.value.status == 1
    with pytest.raises(TypeError, match=r"'grid' has incorrect type \(expected tuple, got list"):
        add([1], (32,), (x, y, *sized))
    if fake_cupy.checked:
        with pytest.raises(emulator.KernelFault, match="out of bounds"):
            add((5,), (32,), (x, y, np.float32(2), np.int32(101)), shared_mem=128)


def test_a_kernel_gets_the_address_of_an_array_alone(cupy):
    """So one that takes the elements of a view for neighbours reads and writes others."""
    copy = kernel(cupy, "copy")
    x = cupy.arange(24, dtype="f4").reshape(4, 6)

    def copied(source, count):
        y = cupy.empty(24, "f4")
        copy((1,), (8,), (source, y, np.int32(count)))
        return y[:count].tolist()

    for source, first in ((x.T, 0), (x[1:, ::2], 6), (x[::-1], 18), (x[1, 2:5], 8),
                          (x[2, 3], 15), (x.data.ptr + 8, 2), (np.uint64(x.data.ptr), 0),
                          (x.data + 16, 4), (cupy.broadcast_to(x[1, :1], (2, 3)), 6)):  # fmt: skip
        count = 1 if getattr(source, "shape", None) == () else 3
        assert copied(source, count) == list(range(first, first + count))
    y = cupy.zeros((4, 6), "f4")
    copy((1,), (8,), (x, y[1:, ::2], np.int32(3)))
    assert y[1].tolist() == [0, 1, 2, 0, 0, 0]


def test_an_address_that_nobody_has_is_a_fault(cupy):
    copy, y = kernel(cupy, "copy"), cupy.zeros(4, "f4")
    for nowhere in (None, 0, 4096, cupy.empty(0, "f4"), 2**63 + 8):
        copy((1,), (8,), (nowhere, y, np.int32(0)))  # not touched
        with pytest.raises(emulator.KernelFault, match=r"out of bounds|crash"):
            copy((1,), (8,), (nowhere, y, np.int32(1)))


def test_addresses_in_structures(cupy):
    listed, y = kernel(cupy, "listed"), cupy.zeros(64, "f4")
    x = cupy.arange(24, dtype="f4")
    head = x[:1]  # lies at the same address
    dtype = np.dtype([("begin", "u8"), ("count", "i4")], align=True)
    for begin, count in ((x.data.ptr, 24), (x[8:].data.ptr, 16), (x.data.ptr + 8, 22)):
        for value in (np.array((begin, count), dtype), np.array([(begin, count)], dtype),
                      np.array((begin, count), dtype)[()]):  # fmt: skip
            y.fill(-1)
            assert head.data.ptr == x.data.ptr == head.data.ptr  # asked for last, is not in the way
            listed((1,), (64,), (value, y))
            first = (begin - x.data.ptr) // 4
            assert y[:count].tolist() == list(range(first, first + count)) and y[count] == -1
        if fake_cupy.checked:
            with pytest.raises(emulator.KernelFault, match="out of bounds"):
                listed((1,), (64,), (np.array((begin, count + 1), dtype), y))


def test_numbers_have_the_sizes_that_cupy_gives_them(cupy):
    numbers, y = kernel(cupy, "numbers"), cupy.zeros(6)
    pair = np.array((1.5, 2.5), np.dtype([("x", "f4"), ("y", "f4")]))
    numbers((1,), (1,), (0.25, True, -(2**40), 2**63 + 2**20, pair, y))
    assert y.tolist() == [0.25, 1, -(2.0**40), 2.0**62 + 2**19, 1.5, 2.5]
    sized = (np.array([[0.5]]), np.bool_(False), np.int64(3), 4, np.complex64(1 + 2j))
    numbers((1,), (1,), (*sized, y))
    assert y.tolist() == [0.5, 0, 3, 2, 1, 2]
    with pytest.raises(TypeError, match=r"parameter 4 has 8 bytes, got .* of 16"):
        numbers((1,), (1,), (0.5, True, 3, 4, 1 + 2j, y))
    with pytest.raises(TypeError, match=r"parameter 1 has 1 bytes, got .* of 8"):
        numbers((1,), (1,), (0.5, 1, 3, 4, pair, y))
    with pytest.raises(OverflowError):
        numbers((1,), (1,), (0.5, True, 2**64, 4, pair, y))


def test_sizes_of_launches(cupy):
    count, y = kernel(cupy, "count"), cupy.zeros(1, "i4")
    for grid, block in (((0,), (1,)), ((), ()), ((-3, 0, 0), (0,)), ((1, 1, 1, 9), (1, 1, 1, 9))):
        y.fill(0)
        count(grid, block, (y,))
        assert int(y[0]) == 1, (grid, block)  # CuPy makes 1 of what is less
    count((np.int64(2), 1), (3,), [y], stream=cupy.cuda.Stream())
    assert int(y[0]) == 7


def test_names(cupy):
    missing = cupy.cuda.driver.CUDADriverError
    module = cupy.RawModule(code=TEXT)
    for name in ("copy", "listed", "numbers"):
        assert module.get_function(name).name == name
    named = cupy.RawModule(code=TEXT, name_expressions=("add<float>", "mangled"))
    assert named.get_function("copy") and named.get_function("mangled")
    for make, name, message in (
        (module, "mangled", 'mangled is not extern "C", so that its name is mangled'),
        (module, "add<float>", "there is no add<float>"),
        (module, "commented", "CUDA_ERROR_NOT_FOUND: named symbol not found"),
        (named, "add<double>", "CUDA_ERROR_NOT_FOUND: named symbol not found"),
        (named, "table", "table is not among the name expressions"),
    ):
        with pytest.raises(missing, match=message) as found:
            make.get_function(name)
        assert found.value.status == 500
    with pytest.raises(missing, match="there is no copies"):
        cupy.RawKernel(TEXT, "copies").compile()
    cupy.RawKernel(TEXT, "copies")  # is asked for when it is called


def test_constant_memory_is_found_by_its_name(cupy):
    module = cupy.RawModule(code=TEXT)
    table = cupy.ndarray((4,), np.float32, module.get_global("table"))
    table[...] = cupy.asarray([1, 2, 3, 4], "f4")
    y = cupy.zeros(4, "f4")
    module.get_function("constants")((1,), (4,), (y,))
    assert y.tolist() == [1, 2, 3, 4]
    with pytest.raises(cupy.cuda.driver.CUDADriverError, match="there is no variable tables"):
        module.get_global("tables")


def test_constructors_say_what_they_do_not_take(cupy):
    for options, error, message in (
        ({}, TypeError, "Exactly one of `code` and `path`"),
        ({"code": TEXT, "path": "x.cubin"}, TypeError, "Exactly one of `code` and `path`"),
        ({"code": TEXT, "options": ["-DX=1"]}, TypeError, r"'options' has .*\(expected tuple"),
        ({"code": TEXT, "backend": "nvcc", "name_expressions": ["f"]}, ValueError, "only nvrtc"),
        ({"path": "x.cubin", "name_expressions": ["f"]}, ValueError, "need CUDA C"),
        ({"path": "x.cubin"}, NotImplementedError, "cannot load a cubin"),
        ({"code": TEXT, "enable_cooperative_groups": True}, NotImplementedError, "cooperative"),
        ({"code": TEXT, "name": "copy"}, TypeError, "unexpected keyword argument 'name'"),
    ):
        with pytest.raises(error, match=message):
            cupy.RawModule(**options)
    with pytest.raises(NotImplementedError, match=r"cuComplex\.h"):
        cupy.RawKernel(TEXT, "copy", translate_cucomplex=True)
    with pytest.raises(ValueError, match="Invalid backend gcc"):
        cupy.RawKernel(TEXT, "copy", (), "gcc").compile()
    with pytest.raises(TypeError):
        cupy.RawKernel(TEXT, "copy", (), "nvrtc", False)
    with pytest.raises(TypeError, match="'code' has incorrect type"):
        cupy.RawKernel(TEXT.encode(), "copy")


def test_shared_memory_above_48_kib_is_asked_for(cupy):
    """The setting belongs to the kernel of the loaded text, not to the Python object."""
    count, y = kernel(cupy, "count"), cupy.zeros(1, "i4")
    refused = cupy.cuda.driver.CUDADriverError
    with pytest.raises(refused, match=r"wants 49153 bytes .* is 49152"):
        count((1,), (1,), (y,), shared_mem=49153)
    count.max_dynamic_shared_size_bytes = 50_000
    count((1,), (1,), (y,), shared_mem=50_000)
    same = cupy.RawModule(code=TEXT).get_function("count")
    assert same.max_dynamic_shared_size_bytes == 50_000
    assert kernel(cupy, "copy").max_dynamic_shared_size_bytes == 48 * 1024
    known = count.attributes
    assert known["max_dynamic_shared_size_bytes"] == 50_000 and known["num_regs"] == -1
    assert known["binary_version"] == 80 and known["max_threads_per_block"] == 1024
    count.preferred_shared_memory_carveout = 50
    assert same.attributes["preferred_shared_memory_carveout"] == 50
    with pytest.raises(AttributeError):
        count.num_regs = 3


@pytest.mark.parametrize(("capability", "kilobytes"), [((8, 0), 163), ((8, 6), 99), ((8, 9), 99),
                                                       ((9, 0), 227), ((12, 0), 99)])  # fmt: skip
def test_a_device_has_so_much_shared_memory(capability, kilobytes):
    with fake_cupy.installed(compute_capability=capability) as cupy:
        count, y = kernel(cupy, "count"), cupy.zeros(1, "i4")
        assert cupy.cuda.Device().compute_capability == "".join(map(str, capability))
        known = cupy.cuda.runtime.getDeviceProperties(0)
        assert (known["major"], known["minor"], known["name"]) == (*capability, b"emulated GPU")
        assert known["sharedMemPerBlock"] == 48 * 1024
        most = known["sharedMemPerBlockOptin"]
        assert most == kilobytes * 1024
        assert cupy.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"] == most
        count.max_dynamic_shared_size_bytes = most
        count((1,), (1,), (y,), shared_mem=most)
        with pytest.raises(cupy.cuda.driver.CUDADriverError, match="CUDA_ERROR_INVALID_VALUE"):
            count.max_dynamic_shared_size_bytes = most + 1


def test_a_machine_can_be_described():
    with fake_cupy.installed(shared_memory=64 * 1024) as cupy:
        assert cupy.cuda.runtime.getDeviceProperties(0)["sharedMemPerBlockOptin"] == 64 * 1024
        with fake_cupy.installed(devices=2, compute_capability=(9, 0)):
            assert cupy.cuda.runtime.getDeviceCount() == 2
        assert cupy.cuda.runtime.getDeviceCount() == 1
        assert cupy.cuda.Device(0).compute_capability == "80"
    for options, message in (({"devices": 0}, "devices must be at least 1, got 0"),
                             ({"compute_capability": (7, 0)}, "must be one of 8.0, .* got")):
        with pytest.raises(ValueError, match=message), fake_cupy.installed(**options):
            pass
