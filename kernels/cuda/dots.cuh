// A row times few columns of great length k, by a block whose threads share out k.
#pragma once

#include "cuda/operand.cuh"

constexpr int dot_threads = 128, most_dots = 4;

// The sum over all l < k of rows(row, l) columns(j, l), for thread j. There are at most `most_dots`
// columns; the results of the other threads have no meaning.
template <typename T, typename Rows, typename Columns>
__device__ __forceinline__ T dots(const Rows& rows, int row, const Columns& columns, int k) {
  __shared__ T parts[dot_threads / 32][most_dots];
  const auto first = rows.row(row);
  decltype(columns.row(0)) others[most_dots];
  T sums[most_dots] = {};
#pragma unroll
  for (int j = 0; j < most_dots; j++) others[j] = columns.row(j);
#pragma unroll 4
  for (int l = threadIdx.x; l < k; l += dot_threads) {
    const T value = value_of<T>(rows, first, rows.inner(l));
    const auto inner = columns.inner(l);
#pragma unroll
    for (int j = 0; j < most_dots; j++) sums[j] += value * value_of<T>(columns, others[j], inner);
  }
#pragma unroll
  for (int j = 0; j < most_dots; j++) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
      sums[j] += __shfl_xor_sync(0xffffffff, sums[j], distance);
    }
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32][j] = sums[j];
  }
  __syncthreads();
  T sum = 0;
  for (int warp = 0; warp < dot_threads / 32; warp++) sum += parts[warp][threadIdx.x % most_dots];
  return sum;
}
