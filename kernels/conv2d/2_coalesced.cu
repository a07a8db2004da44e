// Convolution and its relatives, rung 2: neighbouring threads compute neighbouring channels.
//
// Changed:  threadIdx.x runs along what is contiguous in the result: the output channels of y, the
//           channels of x, the input channels of the weight; nothing else.
// Faster:   a warp writes 128 consecutive bytes, reads 128 consecutive bytes of the weight (laid out
//           for it: output channels last for conv2d, input channels for the transposed one) and one
//           value of the image for all.
// Bound by: memory still: two reads for one multiplication, and every value of the image is fetched
//           again for each window and each 32 channels.

#include "conv2d/direct.cuh"

template <typename T>
__global__ void conv2d(const T* __restrict__ x, const T* __restrict__ weight,
                       const T* __restrict__ bias, T* __restrict__ y, Shape shape, T slope) {
  const int k = blockIdx.y * blockDim.x + threadIdx.x;
  const int pixel = blockIdx.x * blockDim.y + threadIdx.y;
  if (pixel >= shape.pixels_y() || k >= shape.k) return;
  const T sum = value_of_y(x, weight, shape, pixel, k) + (bias ? bias[k] : T(0));
  y[static_cast<long long>(pixel) * shape.k + k] = activated(sum, slope);
}

template <typename T>
__global__ void conv_transpose2d(const T* __restrict__ y, const T* __restrict__ weight,
                                 const T* __restrict__ bias, T* __restrict__ x, Shape shape) {
  const int c = blockIdx.y * blockDim.x + threadIdx.x;
  const int pixel = blockIdx.x * blockDim.y + threadIdx.y;
  if (pixel >= shape.pixels_x() || c >= shape.c) return;
  const T sum = value_of_x(y, weight, shape, pixel, c) + (bias ? bias[c] : T(0));
  x[static_cast<long long>(pixel) * shape.c + c] = sum;
}

template <typename T>
__global__ void conv2d_weight_grad(const T* __restrict__ x, const T* __restrict__ y,
                                   T* __restrict__ grad, Shape shape) {
  const int tap = blockIdx.y * blockDim.x + threadIdx.x, taps = shape.r * shape.s * shape.c;
  const int k = blockIdx.x * blockDim.y + threadIdx.y;
  if (k >= shape.k || tap >= taps) return;
  grad[shape.at_tap(k, tap)] = value_of_weight(x, y, shape, k, tap);
}
