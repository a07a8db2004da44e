// Convolution and its relatives, rung 1: one thread for one value of the result.
//
// Changed:  the loops over the result have become the grid; the loops over the terms are the
//           reference's.
// Faster:   all values at once.
// Bound by: memory, badly used. Neighbouring threads compute neighbouring pixels (or output
//           channels of the weight), whose values lie a whole row of channels apart: of each sector
//           of 32 bytes that is fetched, 4 are wanted.

#include "conv2d/direct.cuh"

template <typename T>
__global__ void conv2d(const T* __restrict__ x, const T* __restrict__ weight,
                       const T* __restrict__ bias, T* __restrict__ y, Shape shape, T slope) {
  const int pixel = blockIdx.x * blockDim.x + threadIdx.x;
  const int k = blockIdx.y * blockDim.y + threadIdx.y;
  if (pixel >= shape.pixels_y() || k >= shape.k) return;
  const T sum = value_of_y(x, weight, shape, pixel, k) + (bias ? bias[k] : T(0));
  y[static_cast<long long>(pixel) * shape.k + k] = activated(sum, slope);
}

template <typename T>
__global__ void conv_transpose2d(const T* __restrict__ y, const T* __restrict__ weight,
                                 const T* __restrict__ bias, T* __restrict__ x, Shape shape) {
  const int pixel = blockIdx.x * blockDim.x + threadIdx.x;
  const int c = blockIdx.y * blockDim.y + threadIdx.y;
  if (pixel >= shape.pixels_x() || c >= shape.c) return;
  const T sum = value_of_x(y, weight, shape, pixel, c) + (bias ? bias[c] : T(0));
  x[static_cast<long long>(pixel) * shape.c + c] = sum;
}

template <typename T>
__global__ void conv2d_weight_grad(const T* __restrict__ x, const T* __restrict__ y,
                                   T* __restrict__ grad, Shape shape) {
  const int k = blockIdx.x * blockDim.x + threadIdx.x;
  const int tap = blockIdx.y * blockDim.y + threadIdx.y, taps = shape.r * shape.s * shape.c;
  if (k >= shape.k || tap >= taps) return;
  grad[shape.at_tap(k, tap)] = value_of_weight(x, y, shape, k, tap);
}
