// A convolution as a matrix product that is never written down (implicit GEMM).
//
// Its factors as operands (operand.cuh), whose `row` and `inner` do the divisions. For
//
//     conv2d               rows: pixels of y      columns: output channels   inner: (r, s, c)
//     conv_transpose2d     rows: pixels of x      columns: input channels    inner: (r', s', k)
//     conv2d_weight_grad   rows: output channels  columns: (r, s, c)         inner: pixels of y
#pragma once

#include "conv2d/shape.cuh"

// A place in one direction: an offset in memory, and the row and column that it adds. Outside of the
// matrix a row's place is not valid when memory would be read there; values that are read past the
// last inner index or column are not used.
struct Place {
  long long offset;
  int row, column;
  bool valid = true;
};

// x as seen through the windows: a pixel of y gives the window, a tap (r, s, c) the value in it.
struct Windows {
  const Shape& shape;
  __device__ __forceinline__ Place pixel(int index) const {
    const int j = index % shape.q, i = index / shape.q % shape.p, image = index / shape.q / shape.p;
    const int h = i * shape.stride_h - shape.top, w = j * shape.stride_w - shape.left;
    return {((static_cast<long long>(image) * shape.h + h) * shape.w + w) * shape.c, h, w,
            image < shape.n};
  }
  __device__ __forceinline__ Place tap(int index) const {
    const int c = index % shape.c, s = index / shape.c % shape.s, r = index / shape.c / shape.s;
    return {(static_cast<long long>(r) * shape.w + s) * shape.c + c, r, s};
  }
  __device__ __forceinline__ bool inside(Place a, Place b) const {
    return a.valid && shape.inside_x(a.row + b.row, a.column + b.column);
  }
};

template <typename T>
struct WindowRows {  // of conv2d
  const T* __restrict__ x;
  const Shape& shape;
  __device__ __forceinline__ Place row(int pixel) const { return Windows{shape}.pixel(pixel); }
  __device__ __forceinline__ Place inner(int tap) const { return Windows{shape}.tap(tap); }
  __device__ __forceinline__ bool inside(Place a, Place b) const {
    return Windows{shape}.inside(a, b);
  }
  __device__ __forceinline__ const T* at(Place a, Place b) const { return x + a.offset + b.offset; }
};

template <typename T>
struct WindowColumns {  // of conv2d_weight_grad
  const T* __restrict__ x;
  const Shape& shape;
  __device__ __forceinline__ Place row(int tap) const { return Windows{shape}.tap(tap); }
  __device__ __forceinline__ Place inner(int pixel) const { return Windows{shape}.pixel(pixel); }
  __device__ __forceinline__ bool inside(Place a, Place b) const {
    return Windows{shape}.inside(a, b);
  }
  __device__ __forceinline__ const T* at(Place a, Place b) const { return x + a.offset + b.offset; }
};

template <typename T>
struct PixelChannels {  // y as the rows of conv2d_weight_grad: (k, pixel)
  const T* __restrict__ y;
  const Shape& shape;
  __device__ __forceinline__ Place row(int k) const { return {k, 0, 0, k < shape.k}; }
  __device__ __forceinline__ Place inner(int pixel) const {
    return {static_cast<long long>(pixel) * shape.k, 0, 0};
  }
  __device__ __forceinline__ bool inside(Place a, Place b) const { return a.valid; }
  __device__ __forceinline__ const T* at(Place a, Place b) const {
    return y + a.offset + b.offset;
  }
};

template <typename T>
struct WeightColumns {  // of conv2d: (k; r, s, c)
  const T* __restrict__ weight;
  const Shape& shape;
  __device__ __forceinline__ Place row(int k) const {
    return {k * shape.weight_k, 0, 0, k < shape.k};
  }
  __device__ __forceinline__ Place inner(int index) const {
    const int c = index % shape.c, s = index / shape.c % shape.s, r = index / shape.c / shape.s;
    return {shape.at_weight(0, c, r, s), 0, 0};
  }
  __device__ __forceinline__ bool inside(Place a, Place b) const { return a.valid; }
  __device__ __forceinline__ const T* at(Place a, Place b) const {
    return weight + a.offset + b.offset;
  }
};

// One phase of the transposed convolution. A row h of x meets the taps r with
// (h + top - r) % stride = 0: those of the phase (h + top) % stride. Rows of one phase are `stride`
// apart and share their taps r = phase + stride r', at rows p = (h + top) / stride - r' of y; so no
// product with an inserted zero is made.
struct Phase {
  const Shape& shape;
  int row, column;             // (h + top) % stride_h, (w + left) % stride_w
  int taps_r, taps_s;          // r', s'
  int first_h, first_w;        // the first row and column of x in the phase
  int rows, columns;           // and how many there are

  __device__ __forceinline__ Phase(const Shape& shape, int number)
      : shape(shape), row(number / shape.stride_w), column(number % shape.stride_w) {
    taps_r = (shape.r - row + shape.stride_h - 1) / shape.stride_h;
    taps_s = (shape.s - column + shape.stride_w - 1) / shape.stride_w;
    first_h = remainder(row - shape.top, shape.stride_h);
    first_w = remainder(column - shape.left, shape.stride_w);
    rows = (shape.h - first_h + shape.stride_h - 1) / shape.stride_h;  // first_h < stride_h
    columns = (shape.w - first_w + shape.stride_w - 1) / shape.stride_w;
  }
  __device__ __forceinline__ static int remainder(int a, int b) { return (a % b + b) % b; }
  __device__ __forceinline__ int pixels() const { return shape.n * rows * columns; }
  __device__ __forceinline__ int terms() const { return taps_r * taps_s * shape.k; }
  // Where a pixel of the phase lies in x.
  __device__ __forceinline__ long long pixel_of_x(int index) const {
    const int j = index % columns, i = index / columns % rows, image = index / columns / rows;
    return (static_cast<long long>(image) * shape.h + first_h + i * shape.stride_h) * shape.w +
           first_w + j * shape.stride_w;
  }
};

template <typename T>
struct PhaseRows {  // y as the rows of a phase: (pixel of x; r', s', k)
  const T* __restrict__ y;
  const Phase& phase;
  __device__ __forceinline__ Place row(int index) const {
    const Shape& shape = phase.shape;
    const int j = index % phase.columns, i = index / phase.columns % phase.rows;
    const int image = index / phase.columns / phase.rows;
    const int p = (phase.first_h + i * shape.stride_h + shape.top) / shape.stride_h;
    const int q = (phase.first_w + j * shape.stride_w + shape.left) / shape.stride_w;
    return {((static_cast<long long>(image) * shape.p + p) * shape.q + q) * shape.k, p, q,
            image < shape.n};
  }
  __device__ __forceinline__ Place inner(int index) const {
    const Shape& shape = phase.shape;
    const int k = index % shape.k, s = index / shape.k % phase.taps_s;
    const int r = index / shape.k / phase.taps_s;
    return {k - (static_cast<long long>(r) * shape.q + s) * shape.k, -r, -s};
  }
  __device__ __forceinline__ bool inside(Place a, Place b) const {
    const int p = a.row + b.row, q = a.column + b.column;
    return a.valid && p >= 0 && p < phase.shape.p && q >= 0 && q < phase.shape.q;
  }
  __device__ __forceinline__ const T* at(Place a, Place b) const { return y + a.offset + b.offset; }
};

template <typename T>
struct PhaseColumns {  // the weight as the columns of a phase: (c; r', s', k)
  const T* __restrict__ weight;
  const Phase& phase;
  __device__ __forceinline__ Place row(int c) const {
    return {c * phase.shape.weight_c, 0, 0, c < phase.shape.c};
  }
  __device__ __forceinline__ Place inner(int index) const {
    const Shape& shape = phase.shape;
    const int k = index % shape.k, s = index / shape.k % phase.taps_s;
    const int r = index / shape.k / phase.taps_s;
    return {shape.at_weight(k, 0, phase.row + r * shape.stride_h, phase.column + s * shape.stride_w),
            0, 0};
  }
  __device__ __forceinline__ bool inside(Place a, Place b) const { return a.valid; }
  __device__ __forceinline__ const T* at(Place a, Place b) const {
    return weight + a.offset + b.offset;
  }
};
