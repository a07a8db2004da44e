"""What the emulator counts: requests to memory, bank conflicts, sectors."""

from __future__ import annotations

import needs
import numpy as np
import pytest

from tinygan.kernels import emulator
from tinygan.kernels.emulator import Module

needs.cpp_compiler()

PATTERNS = {
    "[i]": 1, "[32 * i]": 32, "[33 * i]": 1, "[2 * i]": 2, "[0]": 1, "[i / 2]": 1,
    "[i % 2 + 4 * (i / 2)]": 2,
}  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_bank_conflicts_are_counted(pattern):
    text = f"""
    __global__ void kernel(float* out) {{
      __shared__ float tile[33 * 32];
      const int i = threadIdx.x;
      for (int k = i; k < 33 * 32; k += 32) tile[k] = k;
      __syncthreads();
      out[i] = tile{pattern};
    }}"""
    module = Module(text, ["kernel"], name="banks.cu", checked=True)
    module.launch("kernel", (1,), (32,), [np.zeros(32, np.float32)], traffic=True)
    (read,) = [t for t in module.traffic if t.memory == "shared" and not t.write]
    assert (read.place, read.requests, read.cost, read.ideal) == (
        "banks.cu:7", 1, PATTERNS[pattern], 1
    )  # fmt: skip


def test_wide_accesses_and_sectors_are_counted():
    text = """
    __global__ void kernel(const float4* x, float* out) {
      __shared__ float4 tile[32];
      const int i = threadIdx.x;
      tile[i] = x[i];
      __syncthreads();
      out[8 * i] = tile[i].x;
    }"""
    module = Module(text, ["kernel"], checked=True)
    x, out = emulator.empty((32, 4), np.float32), emulator.empty(256, np.float32)
    module.launch("kernel", (1,), (32,), [x, out], traffic=True)
    counts = {(t.memory, t.write): (t.requests, t.cost, t.ideal) for t in module.traffic}
    assert counts["global", False] == (1, 16, 16)  # 512 bytes in whole sectors
    assert counts["global", True] == (1, 32, 4)  # 128 bytes, each 4 in a sector of its own
    assert counts["shared", True] == (1, 4, 4)  # four phases of eight lanes
    assert counts["shared", False] == (1, 4, 1)  # every fourth bank: four words in each


def test_what_is_one_instruction_is_counted_once():
    """An asynchronous copy reads and writes; a vector made of numbers is stored whole."""
    text = """#include "cuda/ptx.cuh"
    __global__ void kernel(const float4* x, float2* out) {
      __shared__ float4 tile[32];
      const int i = threadIdx.x;
      ptx::cp_async<16>(&tile[i], &x[i]);
      ptx::cp_async_commit();
      ptx::cp_async_wait<0>();
      __syncthreads();
      out[i] = make_float2(tile[31 - i].x, tile[31 - i].y);
    }"""
    module = Module(text, ["kernel"], checked=True)
    x, out = emulator.empty((32, 4), np.float32), emulator.empty((32, 2), np.float32)
    x[...] = np.arange(128).reshape(32, 4)
    module.launch("kernel", (1,), (32,), [x, out], traffic=True)
    np.testing.assert_array_equal(out, x[::-1, :2])
    counts = {(t.memory, t.write): (t.requests, t.cost, t.ideal) for t in module.traffic}
    assert counts["global", False] == (1, 16, 16)
    assert counts["shared", True] == (1, 4, 4)
    assert counts["global", True] == (1, 8, 8)
