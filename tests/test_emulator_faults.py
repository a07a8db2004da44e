"""Mistakes that the checked emulator must find; beside each, the right kernel passes in silence."""

from __future__ import annotations

import re

import needs
import numpy as np
import pytest

from tinygan.kernels.emulator import KernelFault, Module

needs.cpp_compiler()

# Each kernel takes x (64 floats), out (64 floats) and is launched with 2 blocks of 64 threads
# unless it says otherwise. @wrong|right@ is what is wrong in it.
REVERSE = """
__global__ void kernel(const float* x, float* out) {
  __shared__ float tile[64];
  const int i = threadIdx.x;
  if (blockIdx.x) return;
  tile[i] = x[i];
  @|__syncthreads();@
  out[i] = tile[63 - i];
}"""

TWO_ROUNDS = """
__global__ void kernel(const float* x, float* out) {
  __shared__ float tile[64];
  const int i = threadIdx.x;
  float sum = 0.0f;
  for (int round = 0; round < 2; round++) {
    tile[i] = x[i] + round;
    __syncthreads();
    sum += tile[63 - i];
    @|__syncthreads();@
  }
  if (blockIdx.x == 0) out[i] = sum;
}"""

BOUND = """
__global__ void kernel(const float* x, float* out) {
  const int i = blockIdx.x * 64 + threadIdx.x;
  if (i < @65|64@) out[i] = 2.0f * x[i];
}"""

BEFORE = """
__global__ void kernel(const float* x, float* out) {
  const int i = threadIdx.x;
  if (blockIdx.x == 0 && i > 0) out[i - @2|1@] = x[i];
}"""

VECTOR = """
__global__ void kernel(const float* x, float* out) {
  if (blockIdx.x || threadIdx.x >= 15) return;
  const float4 v = *reinterpret_cast<const float4*>(x + 4 * threadIdx.x + @1|0@);
  out[threadIdx.x] = v.x + v.y + v.z + v.w;
}"""

UNWRITTEN = """
__global__ void kernel(const float* x, float* out) {
  __shared__ float tile[64 + 1];
  const int i = threadIdx.x;
  if (blockIdx.x) return;
  tile[i] = x[i];
  __syncthreads();
  out[i] = tile[i + @1|0@];
}"""

SAME_PLACE = """
__global__ void kernel(const float* x, float* out) {
  if (blockIdx.x == 0) out[threadIdx.x @/ 2|@] = x[threadIdx.x];
}"""

ACROSS_BLOCKS = """
__global__ void kernel(const float* x, float* out) {
  if (threadIdx.x == 0) @out[0] += x[blockIdx.x]|atomicAdd(&out[0], x[blockIdx.x])@;
}"""


DIVERGENT_BARRIER = """
__global__ void kernel(const float* x, float* out) {
  @if (threadIdx.x < 40)|@ __syncthreads();
  if (blockIdx.x == 0) out[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
}"""

DIVERGENT_SHUFFLE = """
__global__ void kernel(const float* x, float* out) {
  float v = x[threadIdx.x];
  @if (threadIdx.x % 32 < 16)|@
  for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
  if (blockIdx.x == 0) out[threadIdx.x] = v;
}"""

LANE_OUTSIDE = """
__global__ void kernel(const float* x, float* out) {
  float v = x[threadIdx.x];
  if (threadIdx.x % 32 < 8) v = __shfl_sync(0xffu, v, @8|7@);
  if (blockIdx.x == 0) out[threadIdx.x] = v;
}"""

CALLER_OUTSIDE = """
__global__ void kernel(const float* x, float* out) {
  float v = x[threadIdx.x];
  if (threadIdx.x % 32 < @9|8@) v = __shfl_sync(0xffu, v, 0);
  if (blockIdx.x == 0) out[threadIdx.x] = v;
}"""

TWO_FUNCTIONS = """
__global__ void kernel(const float* x, float* out) {
  float v = x[threadIdx.x];
  if (threadIdx.x % 2 @|>= 0@) v = __shfl_xor_sync(0xffffffffu, v, 1);
  else v = __any_sync(0xffffffffu, v > 0.0f);
  if (blockIdx.x == 0) out[threadIdx.x] = v;
}"""

WARP_WITHOUT_SYNC = """
__global__ void kernel(const float* x, float* out) {
  __shared__ float tile[64];
  const int i = threadIdx.x;
  if (blockIdx.x) return;
  tile[i] = x[i];
  @|__syncwarp();@
  out[i] = tile[i ^ 1];
}"""

WARP_BEYOND_ITSELF = """
__global__ void kernel(const float* x, float* out) {
  __shared__ float tile[64];
  const int i = threadIdx.x;
  if (blockIdx.x) return;
  tile[i] = x[i];
  @__syncwarp();|__syncthreads();@
  out[i] = tile[63 - i];
}"""

HALF_A_WARP = """
__global__ void kernel(const float* x, float* out) {
  __shared__ float tile[64];
  const int i = threadIdx.x;
  if (blockIdx.x) return;
  tile[i] = x[i];
  __syncwarp(@i % 32 < 16 ? 0xffffu : 0xffff0000u|0xffffffffu@);
  out[i] = tile[i ^ 16];
}"""

COPY_NOT_AWAITED = """
#include "cuda/ptx.cuh"
__global__ void kernel(const float* x, float* out) {
  __shared__ float tile[64];
  const int i = threadIdx.x;
  if (blockIdx.x) return;
  ptx::cp_async<4>(&tile[i], &x[i]);
  ptx::cp_async_commit();
  @|ptx::cp_async_wait<0>();@
  __syncthreads();
  out[i] = tile[63 - i];
  ptx::cp_async_wait<0>();
}"""

COPY_ONE_GROUP_SHORT = """
#include "cuda/ptx.cuh"
__global__ void kernel(const float* x, float* out) {
  __shared__ float tile[2][64];
  const int i = threadIdx.x;
  if (blockIdx.x) return;
  for (int k = 0; k < 2; k++) {
    ptx::cp_async<4>(&tile[k][i], &x[i]);
    ptx::cp_async_commit();
  }
  ptx::cp_async_wait<@2|1@>();
  __syncthreads();
  out[i] = tile[0][63 - i];
  ptx::cp_async_wait<0>();
}"""

COPY_WITHOUT_BARRIER = """
#include "cuda/ptx.cuh"
__global__ void kernel(const float* x, float* out) {
  __shared__ float tile[64];
  const int i = threadIdx.x;
  if (blockIdx.x) return;
  ptx::cp_async<4>(&tile[i], &x[i]);
  ptx::cp_async_commit();
  ptx::cp_async_wait<0>();
  @|__syncthreads();@
  out[i] = tile[63 - i];
}"""

COPY_LEFT_BEHIND = """
#include "cuda/ptx.cuh"
__global__ void kernel(const float* x, float* out) {
  __shared__ float tile[64];
  const int i = threadIdx.x;
  ptx::cp_async<4>(&tile[i], &x[i]);
  ptx::cp_async_commit();
  @|ptx::cp_async_wait<0>();@
  if (blockIdx.x == 0) out[i] = x[i];
}"""

COPY_MISALIGNED = """
#include "cuda/ptx.cuh"
__global__ void kernel(const float* x, float* out) {
  __shared__ float4 tile[16];
  const int i = threadIdx.x;
  if (blockIdx.x) return;
  if (i < 15) ptx::cp_async<16>(&tile[i], x + 4 * i + @2|0@);
  ptx::cp_async_commit();
  ptx::cp_async_wait<0>();
  if (i < 15) out[i] = tile[i].w;
}"""

COPY_OUT_OF_BOUNDS = """
#include "cuda/ptx.cuh"
__global__ void kernel(const float* x, float* out) {
  __shared__ float tile[64];
  const int i = threadIdx.x;
  ptx::cp_async<4>(&tile[i], x + i + 1, @true|i + 1 < 64@);
  ptx::cp_async_commit();
  ptx::cp_async_wait<0>();
  if (blockIdx.x == 0) out[i] = tile[i];
}"""

BEYOND_DYNAMIC = """
__global__ void kernel(const float* x, float* out) {
  extern __shared__ float tile[];
  const int i = threadIdx.x;
  tile[i + @1|0@] = x[i];
  if (blockIdx.x == 0) out[i] = tile[i + @1|0@];
}"""

CONSTANT_WRITTEN = """
__constant__ float factor = 2.0f;
__global__ void kernel(const float* x, float* out) {
  @*const_cast<float*>(&factor) = 3.0f;|@
  if (blockIdx.x == 0) out[threadIdx.x] = factor * x[threadIdx.x];
}"""

MATRIX_ROW_UNWRITTEN = """
#include "cuda/ptx.cuh"
__global__ void kernel(const float* x, float* out) {
  __shared__ uint4 rows[33];
  if (blockIdx.x || threadIdx.x >= 32) return;
  rows[threadIdx.x] = make_uint4(1, 2, 3, 4);
  __syncwarp();
  unsigned r[4];
  ptx::ldmatrix(r, &rows[threadIdx.x + @1|0@]);
  out[threadIdx.x] = x[r[0]];
}"""

DIVISION = """
__global__ void kernel(const float* x, float* out) {
  const int i = threadIdx.x, divisor = static_cast<int>(x[@0|1@]);
  if (blockIdx.x == 0) out[i] = x[i / divisor];
}"""

COUNTER_UNSET = """
__global__ void kernel(const float* x, float* out) {
  __shared__ int count;
  if (threadIdx.x == 0) @|count = 0@;
  __syncthreads();
  atomicAdd(&count, 1);
  __syncthreads();
  if (blockIdx.x == 0) out[threadIdx.x] = count;
}"""

MAXIMUM_UNSET = """
__global__ void kernel(const float* x, float* out) {
  __shared__ unsigned most[2];
  if (threadIdx.x < @1|2@) atomicExch(&most[threadIdx.x], 0u);
  __syncthreads();
  atomicMax(&most[threadIdx.x % 2], static_cast<unsigned>(x[threadIdx.x]));
  __syncthreads();
  if (blockIdx.x == 0) out[threadIdx.x] = most[threadIdx.x % 2];
}"""

FAULTS = {
    "missing barrier": (REVERSE, "uninitialised|race"),
    "missing second barrier": (TWO_ROUNDS, "race"),
    "read beyond the end": (BOUND, "out of bounds"),
    "write before the start": (BEFORE, "out of bounds"),
    "misaligned float4": (VECTOR, "misaligned"),
    "shared memory nobody wrote": (UNWRITTEN, "uninitialised"),
    "two threads, one place": (SAME_PLACE, "race: two writes"),
    "+= across blocks": (ACROSS_BLOCKS, "race"),
    "barrier in a branch": (DIVERGENT_BARRIER, "divergent barrier"),
    "full shuffle in a branch": (DIVERGENT_SHUFFLE, "deadlock"),
    "shuffle from outside the mask": (LANE_OUTSIDE, "warp function"),
    "caller outside the mask": (CALLER_OUTSIDE, "warp function"),
    "two warp functions meet": (TWO_FUNCTIONS, "warp function"),
    "warp without syncwarp": (WARP_WITHOUT_SYNC, "uninitialised|race"),
    "syncwarp for a block": (WARP_BEYOND_ITSELF, "uninitialised|race"),
    "syncwarp of half a warp": (HALF_A_WARP, "race"),
    "copy not waited for": (COPY_NOT_AWAITED, "cp.async"),
    "wait one group short": (COPY_ONE_GROUP_SHORT, "cp.async"),
    "copy without a barrier": (COPY_WITHOUT_BARRIER, "uninitialised|race|cp.async"),
    "copy pending at the end": (COPY_LEFT_BEHIND, "cp.async"),
    "misaligned copy": (COPY_MISALIGNED, "misaligned"),
    "copy out of bounds": (COPY_OUT_OF_BOUNDS, "out of bounds"),
    "beyond dynamic shared memory": (BEYOND_DYNAMIC, "out of bounds"),
    "write to a constant": (CONSTANT_WRITTEN, "constant memory"),
    "atomics on what nobody set": (COUNTER_UNSET, "uninitialised"),
    "maximum of what nobody set": (MAXIMUM_UNSET, "uninitialised"),
    "division by zero": (DIVISION, "crash"),
    "ldmatrix of an unwritten row": (MATRIX_ROW_UNWRITTEN, "uninitialised"),
}
ORDERS = ("forward", "backward", "random")


def variant(text: str, wrong: bool) -> str:
    return re.sub(r"@([^|@]*)\|([^@]*)@", r"\1" if wrong else r"\2", text)


def launch(module: Module, order: str) -> np.ndarray:
    out = np.zeros(64, np.float32)
    x = np.arange(64, dtype=np.float32)
    module.launch("kernel", (2,), (64,), [x, out], shared_bytes=256, order=order, seed=3)
    return out


@pytest.mark.parametrize("name", FAULTS)
def test_the_mistake_is_found_in_every_order(name):
    text, kind = FAULTS[name]
    module = Module(variant(text, True), ["kernel"], checked=True)
    for order in ORDERS:
        with pytest.raises(KernelFault) as caught:
            launch(module, order)
        assert re.search(kind, caught.value.kind), caught.value
        assert "block (" in caught.value.message


@pytest.mark.parametrize("name", FAULTS)
def test_the_right_kernel_passes_and_orders_agree(name):
    text, _ = FAULTS[name]
    checked = Module(variant(text, False), ["kernel"], checked=True)
    fast = Module(variant(text, False), ["kernel"])
    results = [launch(module, order) for module in (checked, fast) for order in ORDERS]
    assert np.isfinite(results[0]).all() and np.abs(results[0]).max() > 0
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_a_fault_names_the_line():
    module = Module(variant(BOUND, True), ["kernel"], name="bound.cu", checked=True)
    with pytest.raises(KernelFault, match=r"^kernel: out of bounds at bound\.cu:4: ") as caught:
        launch(module, "forward")
    assert caught.value.place == "bound.cu:4"
    assert "thread (0,0,0) of block (1,0,0)" in caught.value.message


def test_a_race_names_both_lines():
    module = Module(variant(TWO_ROUNDS, True), ["kernel"], name="rounds.cu", checked=True)
    with pytest.raises(KernelFault, match=r"at rounds\.cu:9: .*the other: .*at rounds\.cu:7"):
        launch(module, "forward")


def test_a_deadlock_says_who_waits_where():
    module = Module(variant(DIVERGENT_SHUFFLE, True), ["kernel"], name="half.cu", checked=True)
    with pytest.raises(KernelFault, match=r"32 threads have exited; 32 threads wait in "
                                          r"__shfl_xor_sync at half\.cu:5"):  # fmt: skip
        launch(module, "forward")


def test_an_address_without_memory_is_a_fault_even_where_nothing_is_watched():
    text = """
    __global__ void kernel(const float* x, float* out) {
      reinterpret_cast<float*>(16)[threadIdx.x] = x[threadIdx.x];
    }"""
    with pytest.raises(KernelFault, match=r"crash at null\.cu:3: no memory at 0x10"):
        launch(Module(text, ["kernel"], name="null.cu"), "forward")


def test_faults_in_functions_of_the_emulator_are_at_the_kernel_s_line():
    """Atomic operations, cached reads and results through pointers, also from a function."""
    text = """
    __device__ void inner(float* p) {
      CALL;
    }
    __global__ void kernel(const float* x, float* out) {
      inner(out + 64 + threadIdx.x);
    }"""
    for call in ("atomicAdd(p, 1.0f)", "atomicExch_block(p, 1.0f)", "atomicAnd((int*) p, 1)",
                 "atomicCAS((unsigned*) p, 1u, 2u)", "p[-64] = __ldcs(p)", "__stcg(p, 2.0f)",
                 "sincosf(1.0f, p, p)", "p[-64] = modff(2.5f, p)",
                 "__match_all_sync(~0u, 1, (int*) p)"):  # fmt: skip
        module = Module(text.replace("CALL", call), ["kernel"], name="line.cu", checked=True)
        with pytest.raises(KernelFault, match=r"^kernel: out of bounds at line\.cu:3: "):
            launch(module, "forward")


def test_the_lowest_number_divided_by_minus_one_is_not_called_a_division_by_zero_alone():
    text = "__global__ void kernel(int* out, int a, int b) { out[0] = a / b; }"
    kernel = Module(text, ["kernel"], checked=True)
    with pytest.raises(KernelFault, match=r"by zero, or of the lowest integer by -1, thread"):
        kernel.launch("kernel", (1,), (1,), [np.zeros(1, np.int32), np.int32(-(2**31)),
                                             np.int32(-1)])  # fmt: skip


def test_a_launch_that_makes_no_sense_is_refused_with_what_is_expected():
    kernel = Module("__global__ void kernel(int* out) { out[0] = 1; }", ["kernel"])
    out = np.zeros(1, np.int32)
    for call in (lambda: kernel.launch("nope", (1,), (1,), [out]),
                 lambda: kernel.parameters("nope")):  # fmt: skip
        with pytest.raises(ValueError, match=r"no kernel 'nope'; this module has \['kernel'\]"):
            call()
    for wrong in (1, (), (1, 1, 1, 1), (1.5,), "1"):
        for grid, block, name in ((wrong, (1,), "grid"), ((1,), wrong, "block")):
            expected = re.escape(f"kernel: {name} must be one to three integers, got {wrong!r}")
            with pytest.raises(TypeError, match=expected):
                kernel.launch("kernel", grid, block, [out])
    kernel.launch("kernel", np.array([1, 1]), [np.int64(1)], [out])
    assert out == 1


@pytest.mark.parametrize("checked", [False, True])
def test_an_array_that_is_read_only_is_refused_where_a_kernel_may_write(checked):
    text = """__global__ void kernel(const float* x, float* out) { out[threadIdx.x] = x[0]; }"""
    kernel = Module(text, ["kernel"], checked=checked)
    locked, out = np.full(4, 3, np.float32), np.zeros(4, np.float32)
    locked.flags.writeable = False
    with pytest.raises(ValueError, match=r"kernel: parameter 1 may be written to.* read-only"):
        kernel.launch("kernel", (1,), (4,), [out, locked])
    np.testing.assert_array_equal(locked, 3)
    kernel.launch("kernel", (1,), (4,), [locked, out])
    kernel.launch("kernel", (1,), (4,), [np.broadcast_to(np.float32(3), (4,)), out])
    np.testing.assert_array_equal(out, 3)
