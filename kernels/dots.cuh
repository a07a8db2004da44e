// A row times few columns, over many terms: by a block, which shares out the terms.
#pragma once

#include "operand.cuh"

constexpr int dot_threads = 128, most_dots = 4;

// The sum over all terms l of rows(row, l) columns(j, l), for thread j. There are at most `most_dots`
// columns; what the other threads get is of no use.
template <typename T, typename Rows, typename Columns>
__device__ __forceinline__ T dots(const Rows& rows, int row, const Columns& columns, int terms) {
  __shared__ T parts[dot_threads / 32][most_dots];
  const auto of_row = rows.outer(row);
  decltype(columns.outer(0)) of_column[most_dots];
  T sums[most_dots] = {};
#pragma unroll
  for (int j = 0; j < most_dots; j++) of_column[j] = columns.outer(j);
#pragma unroll 4
  for (int l = threadIdx.x; l < terms; l += dot_threads) {
    const T value = value_of<T>(rows, of_row, rows.term(l));
    const auto term = columns.term(l);
#pragma unroll
    for (int j = 0; j < most_dots; j++) sums[j] += value * value_of<T>(columns, of_column[j], term);
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
