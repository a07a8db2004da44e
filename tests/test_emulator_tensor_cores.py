"""What tensor cores are fed with: narrow types, products of tiles, asynchronous copies."""

from __future__ import annotations

import needs
import numpy as np
import pytest
from emulated import run

from tinygan.kernels.emulator import Module

needs.cpp_compiler()


def test_float16_and_bfloat16_round_as_the_hardware_does(rng):
    text = """
    #include <cuda_bf16.h>
    #include <cuda_fp16.h>
    __global__ void kernel(const float* x, const unsigned short* bits, unsigned short* rounded,
                           float* back, int n) {
      const int i = blockIdx.x * blockDim.x + threadIdx.x;
      if (i < n) {
        __half h = __float2half(x[i]);
        __nv_bfloat16 b = __float2bfloat16(x[i]);
        memcpy(&rounded[i], &h, 2);
        memcpy(&rounded[n + i], &b, 2);
      }
      __half h;
      memcpy(&h, &bits[i], 2);
      back[i] = __half2float(h);
    }"""
    every = np.arange(2**16, dtype=np.uint16)
    halves = every.view(np.float16)
    finite = halves[np.isfinite(halves)].astype(np.float32)
    middles = (finite[1:] + finite[:-1]) / 2  # ties, to even
    x = np.concatenate([finite, middles, np.nextafter(middles, np.float32(np.inf)),
                        np.float32([65519.9, 65520.0, 1e9, np.inf, -np.inf, 2**-25, 1e-9]),
                        rng.standard_normal(5000).astype(np.float32)])  # fmt: skip
    rounded, back = np.zeros(2 * len(x), np.uint16), np.zeros(2**16, np.float32)
    module = Module(text, ["kernel"])
    blocks = -(-len(x) // 1024)
    bits, back = np.resize(every, blocks * 1024), np.zeros(blocks * 1024, np.float32)
    module.launch("kernel", (blocks,), (1024,), [x, bits, rounded, back, np.int32(len(x))])
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(rounded[: len(x)], x.astype(np.float16).view(np.uint16))
    wide = x.view(np.uint32).astype(np.uint64)
    expected = (wide + 0x7FFF + (wide >> 16 & 1)) >> 16
    np.testing.assert_array_equal(rounded[len(x) :], expected.astype(np.uint16))
    np.testing.assert_array_equal(back[: 2**16], halves.astype(np.float32))


MMA = """
#include "cuda/ptx.cuh"
__global__ void kernel(const float* a, const float* b, float* d) {
  const int group = threadIdx.x / 4, member = threadIdx.x % 4;
  unsigned ra[4], rb[2];
  float rd[4];
  for (int i = 0; i < 4; i++) {
    rd[i] = d[(group + 8 * (i / 2)) * 8 + 2 * member + i % 2];
    const int row = group + 8 * (i % 2);
    const float* p = a + row * DEPTH + (DEPTH == 8 ? member + 4 * (i / 2)
                                                   : 2 * member + 8 * (i / 2));
    ra[i] = CONVERT(p[0], p[DEPTH == 8 ? 0 : 1]);
  }
  for (int i = 0; i < 2; i++) {
    const float* p = b + (DEPTH == 8 ? member + 4 * i : 2 * member + 8 * i) * 8 + group;
    rb[i] = CONVERT(p[0], p[DEPTH == 8 ? 0 : 8]);
  }
  ptx::INSTRUCTION(rd, ra, rb);
  for (int i = 0; i < 4; i++) d[(group + 8 * (i / 2)) * 8 + 2 * member + i % 2] = rd[i];
}"""


def round_to(x: np.ndarray, bits: int) -> np.ndarray:
    """x with so many bits of mantissa behind the point, to the nearest."""
    scale = 2.0 ** (bits - np.floor(np.log2(np.abs(x.astype(np.float64)))))
    return np.round(x * scale) / scale


@pytest.mark.parametrize(
    ("instruction", "depth", "convert", "bits"),
    [("mma_tf32", 8, "[](float x, float) { return ptx::to_tf32(x); }", 10),
     ("mma_bf16", 16, "ptx::pack_bf16", 7), ("mma_f16", 16, "ptx::pack_f16", 10)],
)  # fmt: skip
def test_tensor_core_products(instruction, depth, convert, bits, rng):
    a, b = rng.standard_normal((16, depth)), rng.standard_normal((depth, 8))
    a, b = a.astype(np.float32), b.astype(np.float32)
    d = rng.standard_normal((16, 8)).astype(np.float32)
    text = MMA.replace("DEPTH", str(depth)).replace("INSTRUCTION", instruction)
    *_, out = run(text.replace("CONVERT", f"({convert})"), [a, b, d])
    exact = d + round_to(a, bits) @ round_to(b, bits)
    np.testing.assert_allclose(out, exact, rtol=3e-7, atol=3e-7)  # one rounding to float32
    assert np.abs(out - (d + a.astype(np.float64) @ b)).max() > 1e-5  # the factors were rounded


@pytest.mark.parametrize("transposed", [False, True])
def test_ldmatrix(transposed):
    name = "ldmatrix_transposed" if transposed else "ldmatrix"
    text = f"""
    #include "cuda/ptx.cuh"
    __global__ void kernel(const uint4* x, unsigned* out) {{
      __shared__ uint4 rows[32];
      rows[threadIdx.x] = x[threadIdx.x];
      __syncwarp();
      unsigned r[4];
      ptx::{name}(r, &rows[threadIdx.x]);
      for (int i = 0; i < 4; i++) out[4 * threadIdx.x + i] = r[i];
    }}"""
    x = np.arange(4 * 64, dtype=np.uint16).reshape(4, 8, 8)
    _, out = run(text, [x, np.zeros((32, 4), np.uint32)])
    matrices = x.transpose(0, 2, 1) if transposed else x
    pairs = out.view(np.uint16).reshape(8, 4, 4, 2)  # group, member, matrix, which of the pair
    np.testing.assert_array_equal(pairs.transpose(2, 0, 1, 3).reshape(4, 8, 8), matrices)


def test_copies_fill_up_with_zeros_and_arrive_in_order(rng):
    text = """
    #include "cuda/ptx.cuh"
    __global__ void kernel(const float* x, float* out, int n) {
      __shared__ float4 buffer[2][32];
      const int i = threadIdx.x;
      ptx::cp_async<16>(&buffer[0][i], x + 4 * i, 4 * i < n);
      ptx::cp_async_commit();
      ptx::cp_async<8>(&buffer[1][i], x + 4 * i, 4 * i < n);
      ptx::cp_async<4>(&buffer[1][i].z, x + 4 * i + 2, 4 * i < n);
      ptx::cp_async<4>(&buffer[1][i].w, x + 4 * i + 3, false);
      ptx::cp_async_commit();
      ptx::cp_async_wait<1>();
      __syncthreads();
      float4 v = buffer[0][31 - i];
      ptx::cp_async_wait<0>();
      __syncthreads();
      float4 w = buffer[1][31 - i];
      float* p = out + 8 * i;
      p[0] = v.x; p[1] = v.y; p[2] = v.z; p[3] = v.w;
      p[4] = w.x; p[5] = w.y; p[6] = w.z; p[7] = w.w;
    }"""
    x = rng.standard_normal(128).astype(np.float32)
    _, out = run(text, [x, np.zeros((32, 8), np.float32), np.int32(100)])
    expected = np.where(np.arange(128) < 100, x, 0).reshape(32, 4)[::-1]
    np.testing.assert_array_equal(out[:, :4], expected)
    np.testing.assert_array_equal(out[:, 4:7], expected[:, :3])
    assert (out[:, 7] == 0).all()
