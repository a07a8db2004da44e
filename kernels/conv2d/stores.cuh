// What becomes of the sums of the tensor-core rungs: `sums` holds a tile of the implicit matrix product
// whose first value is that of (first_row, first_column), in pairs (tensor_sums.cuh).
#pragma once

#include "conv2d/operands.cuh"
#include "tensor_sums.cuh"

// y = activated(sums + bias); rows: pixels of y, columns: k.
template <typename Sums>
__device__ __forceinline__ void store_y(Sums& sums, int first_row, int first_column,
                                        const float* __restrict__ bias, float* __restrict__ y,
                                        const Shape& shape, float slope) {
  auto finished = [&](float sum, int k) {
    return activated(sum + (bias && k < shape.k ? bias[k] : 0.0f), slope);
  };
  sums.for_each_pair([&](int i, int j, float sum, float next) {
    const int pixel = first_row + i, k = first_column + j;
    if (pixel < shape.pixels_y()) {
      float* const row = y + static_cast<long long>(pixel) * shape.k;
      store_pair<Sums::even>(row, k, shape.k, finished(sum, k), finished(next, k + 1));
    }
  });
}

// x = sums + bias; rows: pixels of the phase, columns: c.
template <typename Sums>
__device__ __forceinline__ void store_x(Sums& sums, int first_row, int first_column,
                                        const float* __restrict__ bias, float* __restrict__ x,
                                        const Phase& phase) {
  const int channels = phase.shape.c;
  auto finished = [&](float sum, int c) {
    return sum + (bias && c < channels ? bias[c] : 0.0f);
  };
  sums.for_each_pair([&](int i, int j, float sum, float next) {
    const int pixel = first_row + i, c = first_column + j;
    if (pixel < phase.pixels()) {
      float* const row = x + phase.pixel_of_x(pixel) * channels;
      store_pair<Sums::even>(row, c, channels, finished(sum, c), finished(next, c + 1));
    }
  });
}

// parts[blockIdx.z] = sums; rows: k, columns: taps.
template <typename Sums>
__device__ __forceinline__ void store_part(Sums& sums, int first_row, int first_column,
                                           float* __restrict__ parts, const Shape& shape) {
  const int taps = shape.r * shape.s * shape.c;
  sums.for_each_pair([&](int i, int j, float sum, float next) {
    const int k = first_row + i, tap = first_column + j;
    if (k < shape.k) {
      float* const row = parts + (static_cast<long long>(blockIdx.z) * shape.k + k) * taps;
      store_pair<Sums::even>(row, tap, taps, sum, next);
    }
  });
}
