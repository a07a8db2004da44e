// The three sums for one value of the result, term by term: rungs 1 and 2, which differ in the
// thread that computes a value.
#pragma once

#include "conv2d/shape.cuh"

// y at pixel (image, i, j) and channel k.
template <typename T>
__device__ T value_of_y(const T* __restrict__ x, const T* __restrict__ weight, const Shape& shape,
                        int pixel, int k) {
  const int j = pixel % shape.q, i = pixel / shape.q % shape.p, image = pixel / shape.q / shape.p;
  T sum = 0;
  for (int r = 0; r < shape.r; r++) {
    for (int s = 0; s < shape.s; s++) {
      const int h = i * shape.stride_h + r - shape.top, w = j * shape.stride_w + s - shape.left;
      if (!shape.inside_x(h, w)) continue;
      const T* values = x + ((static_cast<long long>(image) * shape.h + h) * shape.w + w) * shape.c;
      for (int c = 0; c < shape.c; c++) sum += values[c] * weight[shape.at_weight(k, c, r, s)];
    }
  }
  return sum;
}

// x at pixel (image, h, w) and channel c, from those y whose windows cover it.
template <typename T>
__device__ T value_of_x(const T* __restrict__ y, const T* __restrict__ weight, const Shape& shape,
                        int pixel, int c) {
  const int w = pixel % shape.w, h = pixel / shape.w % shape.h, image = pixel / shape.w / shape.h;
  T sum = 0;
  for (int r = 0; r < shape.r; r++) {
    for (int s = 0; s < shape.s; s++) {
      const int i = h + shape.top - r, j = w + shape.left - s;  // stride times row and column of y
      if (i < 0 || j < 0 || i % shape.stride_h || j % shape.stride_w) continue;
      const int p = i / shape.stride_h, q = j / shape.stride_w;
      if (p >= shape.p || q >= shape.q) continue;
      const T* values = y + ((static_cast<long long>(image) * shape.p + p) * shape.q + q) * shape.k;
      for (int k = 0; k < shape.k; k++) sum += values[k] * weight[shape.at_weight(k, c, r, s)];
    }
  }
  return sum;
}

// The gradient of weight (k, c, r, s), tap = (r, s, c) in one number, c fastest.
template <typename T>
__device__ T value_of_weight(const T* __restrict__ x, const T* __restrict__ y, const Shape& shape,
                             int k, int tap) {
  const int c = tap % shape.c, s = tap / shape.c % shape.s, r = tap / shape.c / shape.s;
  T sum = 0;
  for (int pixel = 0; pixel < shape.pixels_y(); pixel++) {
    const int j = pixel % shape.q, i = pixel / shape.q % shape.p, image = pixel / shape.q / shape.p;
    const int h = i * shape.stride_h + r - shape.top, w = j * shape.stride_w + s - shape.left;
    if (!shape.inside_x(h, w)) continue;
    sum += x[((static_cast<long long>(image) * shape.h + h) * shape.w + w) * shape.c + c] *
           y[static_cast<long long>(pixel) * shape.k + k];
  }
  return sum;
}
