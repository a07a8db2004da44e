// Convolution of groups of channels, with gaps between the taps, rung 1: one thread for one value.
//
// Changed:  the loops over the result have become the grid. Neighbouring threads compute neighbouring
//           channels; of a weight, whose values are few sums of many terms, the rows of y are cut into
//           parts, which are added up afterwards.
// Faster:   all values at once. Where a group has one channel, a warp reads and writes 128 consecutive
//           bytes of an image.
// Bound by: memory where the groups are narrow: two reads for one multiplication, most of them from
//           the first-level cache. Where they are wide the rung "parts" takes over.

#include "conv2d/parts.cuh"

struct Shape {
  int n, h, w, c, p, q, k, r, s;  // c and k of all groups
  int group_c, group_k;           // channels of one group
  int stride_h, stride_w, top, left, dilation_h, dilation_w;
  long long weight_k, weight_c, weight_r, weight_s;  // strides

  __device__ __forceinline__ bool inside_x(int i, int j) const {
    return i >= 0 && i < h && j >= 0 && j < w;
  }
  __device__ __forceinline__ long long at_x(int image, int i, int j, int channel) const {
    return ((static_cast<long long>(image) * h + i) * w + j) * c + channel;
  }
  __device__ __forceinline__ long long at_y(int image, int i, int j, int channel) const {
    return ((static_cast<long long>(image) * p + i) * q + j) * k + channel;
  }
  __device__ __forceinline__ long long at_weight(int k, int c, int r, int s) const {
    return k * weight_k + c * weight_c + r * weight_r + s * weight_s;
  }
};

template <typename T>
__global__ void conv2d(const T* __restrict__ x, const T* __restrict__ weight,
                       const T* __restrict__ bias, T* __restrict__ y, Shape shape, T slope) {
  const int k = blockIdx.y * blockDim.x + threadIdx.x;
  const int pixel = blockIdx.x * blockDim.y + threadIdx.y;
  if (pixel >= shape.n * shape.p * shape.q || k >= shape.k) return;
  const int q = pixel % shape.q, p = pixel / shape.q % shape.p, image = pixel / shape.q / shape.p;
  const int first = k / shape.group_k * shape.group_c;
  T sum = bias ? bias[k] : T(0);
  for (int r = 0; r < shape.r; r++) {
    for (int s = 0; s < shape.s; s++) {
      const int h = p * shape.stride_h + r * shape.dilation_h - shape.top;
      const int w = q * shape.stride_w + s * shape.dilation_w - shape.left;
      if (!shape.inside_x(h, w)) continue;
      const T* values = x + shape.at_x(image, h, w, first);
      for (int c = 0; c < shape.group_c; c++) sum += values[c] * weight[shape.at_weight(k, c, r, s)];
    }
  }
  y[shape.at_y(image, p, q, k)] = sum > T(0) ? sum : slope * sum;
}

template <typename T>
__global__ void conv_transpose2d(const T* __restrict__ y, const T* __restrict__ weight,
                                 const T* __restrict__ bias, T* __restrict__ x, Shape shape) {
  const int c = blockIdx.y * blockDim.x + threadIdx.x;
  const int pixel = blockIdx.x * blockDim.y + threadIdx.y;
  if (pixel >= shape.n * shape.h * shape.w || c >= shape.c) return;
  const int w = pixel % shape.w, h = pixel / shape.w % shape.h, image = pixel / shape.w / shape.h;
  const int group = c / shape.group_c, first = group * shape.group_k;
  T sum = bias ? bias[c] : T(0);
  for (int r = 0; r < shape.r; r++) {
    for (int s = 0; s < shape.s; s++) {
      // Stride times row and column of y.
      const int i = h + shape.top - r * shape.dilation_h, j = w + shape.left - s * shape.dilation_w;
      if (i < 0 || j < 0 || i % shape.stride_h || j % shape.stride_w) continue;
      const int p = i / shape.stride_h, q = j / shape.stride_w;
      if (p >= shape.p || q >= shape.q) continue;
      const T* values = y + shape.at_y(image, p, q, first);
      for (int k = 0; k < shape.group_k; k++) {
        sum += values[k] * weight[shape.at_weight(first + k, c - group * shape.group_c, r, s)];
      }
    }
  }
  x[shape.at_x(image, h, w, c)] = sum;
}

// parts[blockIdx.z] = the sum over `rows_each` rows of y. A thread's tap is (s, r, c), s fastest.
template <typename T>
__global__ void conv2d_weight_grad(const T* __restrict__ x, const T* __restrict__ y,
                                   T* __restrict__ parts, Shape shape, int rows_each) {
  const int k = blockIdx.y * blockDim.x + threadIdx.x;
  const int tap = blockIdx.x * blockDim.y + threadIdx.y;
  if (tap >= shape.r * shape.s * shape.group_c || k >= shape.k) return;
  const int s = tap % shape.s, r = tap / shape.s % shape.r, c = tap / shape.s / shape.r;
  const int channel = k / shape.group_k * shape.group_c + c;
  const int start = blockIdx.z * rows_each;
  T sum = 0;
  for (int row = start; row < min(start + rows_each, shape.n * shape.p); row++) {
    const int p = row % shape.p, image = row / shape.p;
    const int h = p * shape.stride_h + r * shape.dilation_h - shape.top;
    for (int q = 0; q < shape.q; q++) {
      const int w = q * shape.stride_w + s * shape.dilation_w - shape.left;
      if (!shape.inside_x(h, w)) continue;
      sum += x[shape.at_x(image, h, w, channel)] * y[shape.at_y(image, p, q, k)];
    }
  }
  const long long values = static_cast<long long>(shape.k) * shape.group_c * shape.r * shape.s;
  parts[blockIdx.z * values + shape.at_weight(k, c, r, s)] = sum;
}
