"""What is no race: equal values, atomic operations with fences, locks; and what is one still."""

from __future__ import annotations

import needs
import numpy as np
import pytest

from tinygan.kernels.emulator import KernelFault, Module

needs.cpp_compiler()

TEXT = """
// Several threads and blocks write one value; `differs` is what the last one adds to it.
__global__ void same(float* out, float* bytes, int differs) {
  out[0] = 1.0f + (threadIdx.x == 63 && differs);
  bytes[threadIdx.x % 16] = differs ? blockIdx.x : 7;
}
__global__ void same_and_read(float* out, int reads) {
  __shared__ int found;
  if (threadIdx.x != 1) found = 3;
  else if (reads) out[0] = found;
  __syncthreads();
  out[threadIdx.x + 64 * blockIdx.x] = found;
}
__global__ void same_in_shared_memory(float* out, int last) {
  __shared__ float many[64];
  if (threadIdx.x < 63) many[threadIdx.x / 9] = 2.0f;
  else many[6] = last;
  __syncthreads();
  out[threadIdx.x + 64 * blockIdx.x] = many[threadIdx.x % 7];
}

// The last block adds the sums of all blocks, as in NVIDIA's sample threadFenceReduction.
enum Mistake { none, no_fence, block_fence, fence_too_early, no_atomic, other_address };
__device__ unsigned done(unsigned* counters, int mistake) {
  if (mistake == no_atomic) return counters[0]++;
  return atomicInc(&counters[mistake == other_address ? 1 + blockIdx.x : 0], gridDim.x);
}
template <int every>  // thread that writes for itself
__global__ void last_block(const float* x, float* sums, unsigned* counters, float* out,
                           int mistake) {
  __shared__ bool last;
  const int i = threadIdx.x, at = blockIdx.x * blockDim.x + i;
  if (mistake == fence_too_early) __threadfence();
  if (i % every == 0) sums[at] = x[at];
  if (every == 1) __syncthreads();
  if (mistake == block_fence) __threadfence_block();
  if (i == 0) {
    if (mistake == none || mistake >= no_atomic) __threadfence();
    const unsigned ticket = done(counters, mistake);
    last = ticket == gridDim.x - 1 || (mistake == other_address && blockIdx.x == 3);
  }
  __syncthreads();
  if (!last) return;
  float sum = 0.0f;
  for (int j = i; j < gridDim.x * blockDim.x; j += blockDim.x) {
    if (j % every == 0) sum += sums[j];
  }
  atomicAdd(out, sum);
  if (i == 0) counters[0] = 0;
}

// Threads of a block, and blocks, that hold one lock after the other.
__global__ void locked(int* lock, int* count, int fence) {
  for (bool held = false; !held;) {
    held = atomicCAS(lock, 0, 1) == 0;
    if (!held) continue;
    *count += 1;
    if (fence) __threadfence();
    atomicExch(lock, 0);
  }
}
__global__ void waits_for_another(int* flag, int* out) {
  if (threadIdx.x == 0) {
    while (atomicAdd(flag, 0) == 0) {}
    out[0] = 1;
  }
  if (threadIdx.x == 40) atomicExch(flag, 1);
}
__global__ void waits_for_nobody(int* flag) {
  if (threadIdx.x == 0) while (atomicAdd(flag, 0) == 0) {}
}
__global__ void tries(int* flag, int* out) {
  int tried = 0;
  while (tried < 10000 && atomicCAS(flag, 1, 2) != 1) tried++;
  out[threadIdx.x] = tried;
}
"""
KERNELS = [
    "same", "same_and_read", "same_in_shared_memory", "last_block<1>", "last_block<64>",
    "locked", "waits_for_another", "waits_for_nobody", "tries",
]  # fmt: skip
ORDERS = ("forward", "backward", "random")


@pytest.fixture(scope="module", params=[False, True], ids=["fast", "checked"])
def module(request) -> Module:
    return Module(TEXT, KERNELS, name="order.cu", checked=request.param)


def fault(module: Module, kernel: str, args: list, order: str, grid: int = 4) -> str:
    """The kind of the fault and its place."""
    with pytest.raises(KernelFault) as caught:
        module.launch(kernel, (grid,), (64,), args, order=order, seed=1)
    return f"{caught.value.kind} at {caught.value.place}"


@pytest.mark.parametrize("order", ORDERS)
def test_a_value_that_several_threads_write_is_a_race_if_it_differs(module, order):
    out, bits = np.zeros(256, np.float32), np.zeros(16, np.float32)
    module.launch("same", (4,), (64,), [out, bits, np.int32(0)], order=order, seed=1)
    assert out[0] == 1 and (bits == 7).all()
    module.launch("same_and_read", (4,), (64,), [out, np.int32(0)], order=order, seed=1)
    assert (out == 3).all()
    module.launch("same_in_shared_memory", (4,), (64,), [out, np.int32(2)], order=order, seed=1)
    assert (out == 2).all()
    if not module.checked:
        return
    found = fault(module, "same", [out, bits, np.int32(1)], order)
    assert found in ("race: two writes at order.cu:4", "race: two writes at order.cu:5")
    found = fault(module, "same_and_read", [out, np.int32(1)], order)
    assert found in ("race: a read after a write at order.cu:10",
                     "race: a write after a read at order.cu:9")  # fmt: skip
    found = fault(module, "same_in_shared_memory", [out, np.int32(3)], order)
    assert found in ("race: two writes at order.cu:16", "race: two writes at order.cu:17")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("every", [1, 64])
def test_the_last_block_may_read_what_fences_and_an_atomic_hand_over(module, order, every, rng):
    x = rng.integers(-9, 10, 256).astype(np.float32)
    out, counters = np.zeros(1, np.float32), np.zeros(8, np.uint32)

    def args(mistake: int) -> list:
        counters[:] = 0
        return [x, np.zeros(256, np.float32), counters, out, np.int32(mistake)]

    module.launch(f"last_block<{every}>", (4,), (64,), args(0), order=order, seed=1)
    assert out[0] == x[::every].sum() and counters[0] == 0
    if not module.checked:
        return
    for mistake in range(1, 6):
        if mistake == 5 and order != "forward":
            continue  # the block that takes itself for the last one is not
        if mistake == 2:
            continue  # a fence for the block alone counts as one for all here
        found = fault(module, f"last_block<{every}>", args(mistake), order)
        assert found.startswith("race: a "), mistake


@pytest.mark.parametrize("order", ORDERS)
def test_threads_that_spin_let_others_run(module, order):
    lock, count = np.zeros(1, np.int32), np.zeros(1, np.int32)
    module.launch("locked", (4,), (64,), [lock, count, np.int32(1)], order=order, seed=1)
    assert (lock[0], count[0]) == (0, 256)
    out = np.zeros(64, np.int32)
    module.launch("waits_for_another", (1,), (64,), [lock, out], order=order, seed=1)
    assert out[0] == 1
    lock[0] = 0
    module.launch("tries", (1,), (64,), [lock, out], order=order, seed=1)
    assert (out == 10000).all()
    if module.checked:
        found = fault(module, "locked", [lock, count, np.int32(0)], order)
        assert found == "race: a read after a write at order.cu:57"


def test_threads_that_spin_for_ever_are_a_deadlock(module):
    flag = np.zeros(1, np.int32)
    said = "threads wait in loops of atomic operations for what does not come"
    with pytest.raises(KernelFault, match=said):
        module.launch("waits_for_nobody", (1,), (64,), [flag])
