// The tensor-core rungs store their sums by these functions: `sums` holds a tile of the implicit
// matrix product, from (first_row, first_column) on, in pairs (tensor_sums.cuh).
#pragma once

#include "batch_norm/normalise.cuh"
#include "batch_norm/part.cuh"
#include "conv2d/operands.cuh"
#include "cuda/tensor_sums.cuh"

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

// parts[blockIdx.z] = sums, with the weight's strides; rows: k, columns: taps. The eight rows of a
// warp's tile fill 32 bytes where output channels are neighbours in memory, as four pairs do where the
// others are.
template <typename Sums>
__device__ __forceinline__ void store_part(Sums& sums, int first_row, int first_column,
                                           float* __restrict__ parts, const Shape& shape) {
  const int taps = shape.r * shape.s * shape.c;
  sums.for_each_pair([&](int i, int j, float sum, float next) {
    const int k = first_row + i, tap = first_column + j;
    if (k >= shape.k || tap >= taps) return;
    float* const part = parts + static_cast<long long>(blockIdx.z) * shape.k * taps;
    float* const place = part + shape.at_tap(k, tap);
    if (Sums::even && shape.weight_c == 1) {
      *reinterpret_cast<float2*>(place) = make_float2(sum, next);
    } else {
      *place = sum;
      if (tap + 1 < taps) part[shape.at_tap(k, tap + 1)] = next;
    }
  });
}

// The moments of each column over the first `rows` rows of the tile, as a part (batch_norm/part.cuh)
// of what is stored, bias and all. By side / 32 warps beside two others; `scratch` holds 4 side
// numbers, and is shared memory that all threads are done with.
template <int side, typename Sums>
__device__ __forceinline__ void store_moments(const Sums& sums, int rows, int first_column,
                                              const float* __restrict__ bias, const Part& part,
                                              float* scratch) {
  constexpr int half = side / 2;
  float (*const means)[side] = reinterpret_cast<float (*)[side]>(scratch);  // of either half
  float (*const squares)[side] = means + 2;
  float mean[4][2], square[4][2];
  sums.moments(min(max(rows - sums.row, 0), half), mean, square);
  if (sums.lane < 4) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
#pragma unroll
      for (int e = 0; e < 2; e++) {
        const int column = sums.column + 8 * j + 2 * sums.lane + e;
        means[sums.row / half][column] = mean[j][e];
        squares[sums.row / half][column] = square[j][e];
      }
    }
  }
  __syncthreads();
  const int i = threadIdx.x, column = first_column + i;
  if (i >= side || column >= part.c) return;
  const float first = min(rows, half), second = rows - first, share = second / rows;
  const float difference = means[1][i] - means[0][i];
  if (column == 0) part.count() = rows;
  part.mean(column) = means[0][i] + difference * share + (bias ? bias[column] : 0.0f);
  part.squares(column) = squares[0][i] + squares[1][i] + difference * difference * first * share;
}

// A batch norm whose backward pass takes the sums as its gradient. It has normalised x, which is as
// large as the result; x is null where there is no such batch norm.
struct BatchNormAfter {
  const float *x, *weight, *bias, *mean, *var;
  float eps, slope;
};

// The sums of that backward pass over the first `rows` rows of the tile: part[0][c] of gradient z,
// part[1][c] of the gradient before the activation. The number of channels must be even; place_of
// gives a row's place in x. The rest is as above.
template <int side, typename Sums, typename PlaceOf>
__device__ __forceinline__ void store_grad_sums(const Sums& sums, int rows, int first_column,
                                                const BatchNormAfter& norm, int channels,
                                                PlaceOf place_of, double* part, float* scratch) {
  constexpr int half = side / 2;
  float (*const weights)[side] = reinterpret_cast<float (*)[side]>(scratch);  // of either half
  float (*const biases)[side] = weights + 2;
#pragma unroll
  for (int j = 0; j < 4; j++) {
    const int in_tile = sums.column + 8 * j + 2 * (sums.lane % 4), k = first_column + in_tile;
    float weight_sum[2] = {}, bias_sum[2] = {};
    if (k < channels) {
      const Column<float> column(norm.weight[k], norm.bias[k], norm.mean[k], norm.var[k], norm.eps);
      const Column<float> next(norm.weight[k + 1], norm.bias[k + 1], norm.mean[k + 1],
                               norm.var[k + 1], norm.eps);
      auto add = [&](int e, const Column<float>& of, float x, float grad) {
        grad = of.grad(x, grad, norm.slope);
        weight_sum[e] += grad * of.z(x);
        bias_sum[e] += grad;
      };
      sums.down(j, rows - sums.row, [&](int i, float grad, float grad_next) {
        const float2 x = *reinterpret_cast<const float2*>(norm.x + place_of(i) * channels + k);
        add(0, column, x.x, grad);
        add(1, next, x.y, grad_next);
      });
    }
#pragma unroll
    for (int e = 0; e < 2; e++) {
      const float weight = sums.over_lanes(weight_sum[e]), bias = sums.over_lanes(bias_sum[e]);
      if (sums.lane < 4) {
        weights[sums.row / half][in_tile + e] = weight;
        biases[sums.row / half][in_tile + e] = bias;
      }
    }
  }
  __syncthreads();
  const int i = threadIdx.x, column = first_column + i;
  if (i >= side || column >= channels) return;
  part[column] = weights[0][i] + weights[1][i];
  part[channels + column] = biases[0][i] + biases[1][i];
}
