"""Kernels of one wrapper of cuda/ptx.cuh each, and what they must do, in NumPy."""

from __future__ import annotations

import numpy as np

from tinygan.kernels.emulator.ptx import PtxModule
from tinygan.kernels.ladder import HERE


def wrappers() -> str:
    """The wrappers' text for a GPU, as a namespace `ptx`."""
    text = (HERE / "cuda/ptx.cuh").read_text()
    begin, end = text.index("namespace ptx {"), text.index("}  // namespace ptx")
    return text[begin:end] + "}\n"


KERNELS = """
template <int bytes>
__global__ void copy(const char* source, char* out, int valid) {
  __shared__ __align__(16) char buffer[32 * bytes];
  char* const own = buffer + threadIdx.x * bytes;
  ptx::cp_async<bytes>(own, source + threadIdx.x * bytes, threadIdx.x < valid);
  ptx::cp_async_commit();
  ptx::cp_async_wait<0>();
  __syncthreads();
  for (int i = 0; i < bytes; i++) out[threadIdx.x * bytes + i] = own[i];
}

// What has arrived of three groups, one copy each, when at most `left` are still on their way.
template <int left>
__global__ void groups(const int* source, int* out) {
  __shared__ int buffer[3][32];
  for (int i = 0; i < 3; i++) {
    ptx::cp_async<4>(&buffer[i][threadIdx.x], source + 32 * i + threadIdx.x);
    ptx::cp_async_commit();
  }
  ptx::cp_async_wait<left>();
  for (int i = 0; i < 3; i++) out[32 * i + threadIdx.x] = buffer[i][threadIdx.x];
  ptx::cp_async_wait<0>();
}

template <bool transposed>
__global__ void load(const uint4* x, unsigned* out) {
  __shared__ uint4 rows[32];
  rows[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  unsigned r[4];
  if (transposed) {
    ptx::ldmatrix_transposed(r, &rows[threadIdx.x]);
  } else {
    ptx::ldmatrix(r, &rows[threadIdx.x]);
  }
  for (int i = 0; i < 4; i++) out[4 * threadIdx.x + i] = r[i];
}

// convert: 0 to tf32, 1 to bf16, 2 to f16.
template <int convert>
__device__ unsigned packed(float low, float high) {
  if constexpr (convert == 0) return ptx::to_tf32(low);
  if constexpr (convert == 1) return ptx::pack_bf16(low, high);
  return ptx::pack_f16(low, high);
}
template <int convert>
__global__ void pack(const float* x, unsigned* out, int n) {
  for (int i = threadIdx.x; i < n; i += 32) out[i] = packed<convert>(x[i], x[n + i]);
}

// d += a b, with the fragments that ptx.cuh describes, whose factors are `bits` of a number.
template <int type>
__global__ void multiply(const unsigned short* a, const unsigned short* b, float* d) {
  const int group = threadIdx.x / 4, member = threadIdx.x % 4;
  unsigned ra[4], rb[2];
  float rd[4];
  for (int i = 0; i < 4; i++) {
    rd[i] = d[(group + 8 * (i / 2)) * 8 + 2 * member + i % 2];
    const int row = group + 8 * (i % 2);
    if (type == 0) {
      ra[i] = reinterpret_cast<const unsigned*>(a)[8 * row + member + 4 * (i / 2)];
    } else {
      const int column = 2 * member + 8 * (i / 2);
      ra[i] = a[16 * row + column] | a[16 * row + column + 1] << 16;
    }
  }
  for (int i = 0; i < 2; i++) {
    if (type == 0) {
      rb[i] = reinterpret_cast<const unsigned*>(b)[8 * (member + 4 * i) + group];
    } else {
      const int row = 2 * member + 8 * i;
      rb[i] = b[8 * row + group] | b[8 * row + 8 + group] << 16;
    }
  }
  if constexpr (type == 0) ptx::mma_tf32(rd, ra, rb);
  if constexpr (type == 1) ptx::mma_bf16(rd, ra, rb);
  if constexpr (type == 2) ptx::mma_f16(rd, ra, rb);
  for (int i = 0; i < 4; i++) d[(group + 8 * (i / 2)) * 8 + 2 * member + i % 2] = rd[i];
}
"""
NAMES = [
    *(f"copy<{bytes}>" for bytes in (4, 8, 16)), *(f"groups<{left}>" for left in (0, 1, 2)),
    "load<false>", "load<true>", *(f"pack<{i}>" for i in range(3)),
    *(f"multiply<{i}>" for i in range(3)),
]  # fmt: skip


def check(module: PtxModule, kernel: str, rng: np.random.Generator) -> None:
    """Runs a kernel, a name of `NAMES` with a namespace in front or not.

    Raises:
        AssertionError: it does not what it should.
        KernelFault: it made a mistake.
    """
    name, _, argument = kernel.rpartition("::")[2].rstrip(">").partition("<")
    {"copy": _copy, "groups": _groups, "load": _load, "pack": _pack, "multiply": _multiply}[name](
        module, kernel, rng, argument)  # fmt: skip


def _copy(module, kernel, rng, argument):
    size, valid = int(argument), 20
    source = rng.integers(1, 255, 32 * size).astype(np.uint8)
    out = np.zeros_like(source)
    module.launch(kernel, (1,), (32,), [source, out, np.int32(valid)])
    expected = np.where(np.arange(32 * size) < valid * size, source, 0)
    np.testing.assert_array_equal(out, expected)


def _groups(module, kernel, rng, argument):
    """The module must not be checked: the kernel reads what has not arrived, all ones here."""
    source = rng.integers(0, 2**30, 96).astype(np.int32)
    out = np.zeros_like(source)
    module.launch(kernel, (1,), (32,), [source, out])
    np.testing.assert_array_equal(out, np.where(np.arange(96) < 96 - 32 * int(argument),
                                                source, -1))  # fmt: skip


def _load(module, kernel, rng, argument):
    x = rng.permutation(256).astype(np.uint16).reshape(4, 8, 8)
    out = np.zeros((32, 4), np.uint32)
    module.launch(kernel, (1,), (32,), [x, out])
    pairs = out.view(np.uint16).reshape(8, 4, 4, 2)  # group, member, matrix, which of the pair
    matrices = x.transpose(0, 2, 1) if argument == "true" else x
    np.testing.assert_array_equal(pairs.transpose(2, 0, 1, 3).reshape(4, 8, 8), matrices)


def _pack(module, kernel, rng, argument):
    n = len(NUMBERS) + 3000
    bits = rng.integers(0, 2**32, (2, 3000), np.uint32).view(np.float32)  # NaN among them
    x = np.concatenate([[NUMBERS, NUMBERS[::-1]], bits], axis=1)
    out = np.zeros(n, np.uint32)
    module.launch(kernel, (1,), (32,), [np.ascontiguousarray(x), out, np.int32(n)])
    if argument == "0":
        _same(out.view(np.float32), rounded(x[0], 10, ties_to_even=False))
        assert (out[~np.isnan(x[0])] & 0x1FFF == 0).all()  # what lies below the last bit
        return
    halves = out.view(np.uint16).reshape(n, 2).T  # the first in the lower half
    if argument == "1":
        _same((halves.astype(np.uint32) << 16).view(np.float32), rounded(x, 7, ties_to_even=True))
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            _same(halves.view(np.float16), x.astype(np.float16))


def _same(x: np.ndarray, expected: np.ndarray) -> None:
    """The same bits, or both NaN."""
    nan = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(x), nan)
    np.testing.assert_array_equal(np.signbit(x[~nan]), np.signbit(expected[~nan]))
    np.testing.assert_array_equal(x[~nan], expected[~nan])


def _multiply(module, kernel, rng, argument):
    """Factors and sums are random. In bits that a tf32 register has too many stands something."""
    depth = 8 if argument == "0" else 16
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((16, depth), (depth, 8)))
    d = rng.standard_normal((16, 8)).astype(np.float32)
    if argument == "0":
        factors = [x.view(np.uint32) for x in (a, b)]
        a, b = ((x.view(np.uint32) & 0xFFFFE000).view(np.float32) for x in (a, b))
    elif argument == "1":
        factors = [(x.view(np.uint32) >> 16).astype(np.uint16) for x in (a, b)]
        a, b = ((x.view(np.uint32) & 0xFFFF0000).view(np.float32) for x in (a, b))
    else:
        a, b = a.astype(np.float16), b.astype(np.float16)
        factors = [x.view(np.uint16) for x in (a, b)]
    expected = d + a.astype(np.float64) @ b.astype(np.float64)
    module.launch(kernel, (1,), (32,), [*factors, d])
    np.testing.assert_allclose(d, expected, rtol=3e-7, atol=3e-7)  # one rounding to float32


def rounded(x: np.ndarray, bits: int, ties_to_even: bool) -> np.ndarray:
    """float32 with so many bits of mantissa behind the point, to the nearest; steps end with the
    exponent -126. float64 holds all of it exactly, and the last step is to infinity."""
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        exponent = np.maximum(np.frexp(np.abs(wide))[1] - 1, -126)
        step = np.exp2(np.where(np.isfinite(wide), exponent, 0).astype(np.float64) - bits)
        steps = np.abs(wide) / step
        whole = np.rint(steps) if ties_to_even else np.floor(steps + 0.5)
        return np.copysign(np.where(np.isfinite(wide), whole * step, np.abs(wide)), wide).astype(
            np.float32)  # fmt: skip


def _numbers() -> np.ndarray:
    """Where roundings differ: middles between neighbours of each type, and next to them."""
    start = np.arange(1, 60, dtype=np.uint32)
    middles = [  # in float32: tf32 has 13 bits less, bf16 16, f16 13 where it is normal
        (start << shift) + (1 << (shift - 1)) + (exponent << 23)
        for shift in (13, 16) for exponent in (0, 1, 120, 127, 141, 253)
    ]  # fmt: skip
    middles = np.concatenate(middles).astype(np.uint32)
    near = np.concatenate([middles - 1, middles, middles + 1]).view(np.float32)
    # Subnormal numbers of f16 and the middles between them, the border to infinity, and the ends.
    small = (np.arange(1, 60) / 2**25).astype(np.float32)
    ends = np.float32([0, np.inf, np.nan, 1e-45, 65503.99, 65504, 65519.99, 65520, 65536,
                       np.finfo(np.float32).max, np.finfo(np.float32).tiny])  # fmt: skip
    numbers = np.concatenate([near, small, ends])
    return np.concatenate([numbers, -numbers])


NUMBERS = _numbers()
