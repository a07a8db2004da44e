// Shared by the tensor-core kernels: the kinds of factors, and a warp's share of the sums.
#pragma once

#include "cuda/ptx.cuh"

enum class Kind { tf32, bf16, f16 };

// The kinds differ in how many values along k share a word of 32 bits, and in the instruction.
template <Kind kind>
struct Factor {
  static constexpr int per_word = kind == Kind::tf32 ? 1 : 2;
  __device__ __forceinline__ static unsigned word(const float (&values)[per_word]) {
    if constexpr (kind == Kind::tf32) return ptx::to_tf32(values[0]);
    if constexpr (kind == Kind::bf16) return ptx::pack_bf16(values[0], values[1]);
    if constexpr (kind == Kind::f16) return ptx::pack_f16(values[0], values[1]);
  }
  // A 16x8 tile of sums, plus the product of 16 rows and 8 columns of 8 words.
  __device__ __forceinline__ static void add(float (&sums)[4], const unsigned (&a)[4],
                                             const unsigned (&b)[2]) {
    if constexpr (kind == Kind::tf32) ptx::mma_tf32(sums, a, b);
    if constexpr (kind == Kind::bf16) ptx::mma_bf16(sums, a, b);
    if constexpr (kind == Kind::f16) ptx::mma_f16(sums, a, b);
  }
};

// The sums of one warp: per_m x per_n tiles of 16x8, from (row, column) of the block's tile on.
template <Kind kind, int per_m, int per_n>
struct WarpSums {
  const int lane, row, column;
  float sums[per_m][per_n][4] = {};

  // warps_n: how many warps lie side by side in the block.
  __device__ explicit WarpSums(int warps_n)
      : lane(threadIdx.x % 32), row(threadIdx.x / 32 / warps_n * (16 * per_m)),
        column(threadIdx.x / 32 % warps_n * (8 * per_n)) {}

  // sums += the product of 16 per_m rows and 8 per_n columns, of eight words each.
  __device__ __forceinline__ void add(const unsigned (&of_a)[per_m][4],
                                      const unsigned (&of_b)[per_n][2]) {
#pragma unroll
    for (int i = 0; i < per_m; i++) {
#pragma unroll
      for (int j = 0; j < per_n; j++) Factor<kind>::add(sums[i][j], of_a[i], of_b[j]);
    }
  }

  // Of each of this thread's columns (two for each tile, as in for_each_pair): the mean of the warp's
  // first `rows` rows, and the sum of squares around it. The eight lanes of a column each get them.
  __device__ __forceinline__ void moments(int rows, float (&means)[per_n][2],
                                          float (&squares)[per_n][2]) const {
#pragma unroll
    for (int j = 0; j < per_n; j++) {
      float first = 0, second = 0;
      down(j, rows, [&](int, float value, float next) { first += value, second += next; });
      const float mean = over_lanes(first) / max(rows, 1);
      const float mean_next = over_lanes(second) / max(rows, 1);
      first = second = 0;
      down(j, rows, [&](int, float value, float next) {
        first += (value - mean) * (value - mean);
        second += (next - mean_next) * (next - mean_next);
      });
      means[j][0] = mean, means[j][1] = mean_next;
      squares[j][0] = over_lanes(first), squares[j][1] = over_lanes(second);
    }
  }

  // Calls function(row, value, next) for the pairs that this thread holds in its j-th two columns, as
  // far as they are in the warp's first `rows` rows.
  template <typename Function>
  __device__ __forceinline__ void down(int j, int rows, Function function) const {
#pragma unroll
    for (int i = 0; i < per_m; i++) {
#pragma unroll
      for (int k = 0; k < 4; k += 2) {
        const int place = 16 * i + lane / 4 + 4 * k;
        if (place < rows) function(row + place, sums[i][j][k], sums[i][j][k + 1]);
      }
    }
  }

  // Adds up `value` over the eight lanes of a column, of which each gets the sum.
  __device__ __forceinline__ static float over_lanes(float value) {
#pragma unroll
    for (int distance = 4; distance < 32; distance *= 2) {
      value += __shfl_xor_sync(0xffffffff, value, distance);
    }
    return value;
  }

  // Calls function(row, column, value, next) for each pair of neighbours in a row that this thread
  // holds: `next` is the value of column + 1. Both are places within the tile.
  template <typename Function>
  __device__ __forceinline__ void for_each_pair(Function function) {
#pragma unroll
    for (int i = 0; i < per_m; i++) {
#pragma unroll
      for (int j = 0; j < per_n; j++) {
#pragma unroll
        for (int k = 0; k < 4; k += 2) {
          function(row + 16 * i + lane / 4 + 4 * k, column + 8 * j + 2 * (lane % 4),
                   sums[i][j][k], sums[i][j][k + 1]);
        }
      }
    }
  }
};

// Writes a pair into a row of `columns` values, as far as they are in it; as one, if `even`: when all
// rows begin at even places.
template <bool even>
__device__ __forceinline__ void store_pair(float* row, int column, int columns, float value,
                                           float next) {
  if (even) {
    if (column < columns) *reinterpret_cast<float2*>(row + column) = make_float2(value, next);
  } else {
    if (column < columns) row[column] = value;
    if (column + 1 < columns) row[column + 1] = next;
  }
}
