// The sizes of a convolution, as in conv2d/__init__.py: x (n, h, w, c), y (n, p, q, k), both with
// channels last in memory; weight (k, c, r, s) with any strides. h = stride_h p + r - top.
#pragma once

struct Shape {
  int n, h, w, c, p, q, k, r, s;
  int stride_h, stride_w, top, left;
  long long weight_k, weight_c, weight_r, weight_s;  // strides

  __device__ __forceinline__ int pixels_y() const { return n * p * q; }
  __device__ __forceinline__ int pixels_x() const { return n * h * w; }
  __device__ __forceinline__ bool inside_x(int i, int j) const {
    return i >= 0 && i < h && j >= 0 && j < w;
  }
  __device__ __forceinline__ long long at_weight(int k, int c, int r, int s) const {
    return k * weight_k + c * weight_c + r * weight_r + s * weight_s;
  }
  // The same of a tap: (r, s, c) in one number, c fastest.
  __device__ __forceinline__ long long at_tap(int k, int tap) const {
    return at_weight(k, tap % c, tap / c / s, tap / c % s);
  }
};

// v where it is positive, slope v elsewhere; slope 1 is no activation.
template <typename T>
__device__ __forceinline__ T activated(T v, T slope) {
  return v > T(0) ? v : slope * v;
}
