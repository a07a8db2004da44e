"""What orders the accesses of threads in the checked emulator, in a block and between blocks."""

from __future__ import annotations

import needs
import numpy as np
import pytest

from tinygan.kernels.emulator import KernelFault, Module, module

needs.cpp_compiler()

ORDERS = ("forward", "backward", "random")


def faults(text, make, grid=(8,), block=(32,)):
    """What is wrong in each order; `make` gives new arguments, and the last's first number back
    where nothing is."""
    found = []
    for order in ORDERS:
        kernel, arguments = Module(text, ["kernel"], checked=True), make()
        try:
            kernel.launch("kernel", grid, block, arguments, order=order, seed=7)
            found.append(float(arguments[-1].flat[0]))
        except KernelFault as fault:
            found.append(fault.kind)
    return found


def test_threads_that_have_exited_do_not_count_at_barriers():
    text = """
    __global__ void kernel(const float* x, float* out) {
      __shared__ float tile[64];
      if (threadIdx.x >= 50) return;
      tile[threadIdx.x] = x[threadIdx.x];
      __syncthreads();
      out[threadIdx.x] = tile[49 - threadIdx.x];
      if (threadIdx.x >= 32) return;
      out[50 + threadIdx.x] = __syncthreads_count(threadIdx.x % 4 == 0);
      __syncwarp();
    }"""
    x = np.arange(1, 65, dtype=np.float32)
    for order in ORDERS:
        out = np.zeros(82, np.float32)
        Module(text, ["kernel"], checked=True).launch("kernel", (1,), (64,), [x, out], order=order)
        np.testing.assert_array_equal(out, [*range(50, 0, -1), *[8] * 32])
    wrong = text.replace("if (threadIdx.x >= 50) return;", "if (threadIdx.x % 2) __syncthreads();")
    assert (
        faults(wrong, lambda: [x, np.zeros(82, np.float32)], (1,), (50,))
        == ["divergent barrier"] * 3
    )


def test_writes_of_the_same_value_are_no_race(monkeypatch):
    text = """
    __global__ void kernel(const float* x, float* out) {
      __shared__ float top[2];
      top[threadIdx.x % 2] = WRITTEN;
      __syncthreads();
      out[0] = top[0] + top[1];
    }"""

    def arguments():
        return [np.ones(32, np.float32) + (np.arange(32) == 30), np.zeros(1, np.float32)]

    same = text.replace("WRITTEN", "3.0f")
    assert faults(same, arguments) == [6.0] * 3
    # One of 256 threads has another value: whichever comes first, it is one of two that differ.
    assert faults(text.replace("WRITTEN", "x[threadIdx.x]"), arguments) == ["race: two writes"] * 3
    # A reader between two writers of the same sees them at any time.
    read = same.replace("= 3.0f;", "= 3.0f; if (threadIdx.x == 0) out[0] = top[1];")
    assert all(str(kind).startswith(("race", "uninitialised")) for kind in faults(read, arguments))
    monkeypatch.setattr(module, "same_writes_are_races", True)
    assert faults(same, arguments) == ["race: two writes"] * 3


LAST_BLOCK = """
__device__ unsigned finished = 0;
__global__ void kernel(const float* x, float* parts, float* out) {
  __shared__ bool last;
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = x[blockIdx.x];
    FENCE
    last = COUNT == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x < 8) atomicAdd(out, parts[threadIdx.x]);
  if (last && threadIdx.x == 0) finished = 0;
}"""
ALL_THREADS = """
__device__ unsigned finished = 0;
__global__ void kernel(const float* x, float* parts, float* out) {
  __shared__ bool last;
  parts[32 * blockIdx.x + threadIdx.x] = x[blockIdx.x];
  FENCE
  BARRIER
  if (threadIdx.x == 0) last = COUNT == gridDim.x - 1;
  __syncthreads();
  if (last) {
    float sum = 0.0f;
    for (int i = 0; i < gridDim.x; i++) sum += parts[32 * i + threadIdx.x] / 32;
    atomicAdd(out, sum);
  }
}"""


@pytest.mark.parametrize("text", [LAST_BLOCK, ALL_THREADS], ids=["one writes", "all write"])
def test_the_last_block_sees_what_the_others_have_written(text):
    def arguments():
        return [np.ones(8, np.float32), np.zeros(256, np.float32), np.zeros(1, np.float32)]

    def with_parts(fence="__threadfence();", barrier="__syncthreads();",
                   count="atomicInc(&finished, gridDim.x)"):  # fmt: skip
        made = text.replace("FENCE", fence).replace("BARRIER", barrier).replace("COUNT", count)
        return faults(made, arguments)

    assert with_parts() == [8.0] * 3
    for wrong in (with_parts(fence=""), with_parts(count="finished++"),
                  with_parts(fence="if (blockIdx.x != 3) __threadfence();")):  # fmt: skip
        assert all(str(kind).startswith("race") for kind in wrong), wrong
    if text is ALL_THREADS:
        assert all(str(kind).startswith("race") for kind in with_parts(barrier=""))
        one_less = with_parts(fence="if (threadIdx.x != 5) __threadfence();")
        assert all(str(kind).startswith("race") for kind in one_less)


LOCK = """
__device__ int lock = 0;
__global__ void kernel(float* out) {
  __shared__ int one;
  if (threadIdx.x == 0) one = 1;
  __syncthreads();
  while (TAKE != 0) {}
  __threadfence();
  out[0] += one;
  FENCE
  atomicExch(&lock, 0);
}"""


def test_a_lock_orders_what_it_guards():
    def arguments():
        return [np.zeros(1, np.float32)]

    for take in ("atomicCAS(&lock, 0, 1)", "atomicExch(&lock, 1)"):
        right = LOCK.replace("TAKE", take).replace("FENCE", "__threadfence();")
        assert faults(right, arguments, (3,), (40,)) == [120.0] * 3
        unfenced = faults(LOCK.replace("TAKE", take).replace("FENCE", ""), arguments, (3,), (40,))
        assert all(str(kind).startswith("race") for kind in unfenced)
    without = faults(right.replace(f"while ({take} != 0) {{}}", ""), arguments)
    assert all(str(kind).startswith("race") for kind in without)


def test_a_thread_that_spins_lets_others_run():
    """Whoever comes first, the one that is waited for comes to its turn."""
    text = """
    __global__ void kernel(int* flag, float* out) {
      if (threadIdx.x == AT) {
        out[0] = 5.0f;
        __threadfence();
        atomicExch(flag, 1);
      } else {
        while (atomicAdd(flag, 0) == 0) {WAIT}
        out[threadIdx.x + 1] = out[0];
      }
    }"""
    for at in ("0", "63"):
        for wait in ("", " __nanosleep(100); "):
            made = text.replace("AT", at).replace("WAIT", wait)
            for checked in (False, True):
                out = np.zeros(65, np.float32)
                kernel = Module(made, ["kernel"], checked=checked)
                kernel.launch("kernel", (1,), (64,), [np.zeros(1, np.int32), out])
                assert out.sum() == 5 * 64


def test_blocks_that_wait_for_each_other_are_a_deadlock():
    text = """
    __global__ void kernel(int* arrived, float* out) {
      atomicAdd(arrived, 1);
      while (atomicAdd(arrived, 0) < gridDim.x) {}
    }"""
    for checked in (False, True):
        kernel = Module(text, ["kernel"], name="grid.cu", checked=checked)
        with pytest.raises(KernelFault, match=r"deadlock at grid\.cu:4: .*atomic operations"):
            kernel.launch("kernel", (2,), (1,), [np.zeros(1, np.int32), np.zeros(1, np.float32)])
