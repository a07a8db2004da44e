// Sums over parts of the rows, of batch normalisation and of its gradient; by blocks of 32x8 threads,
// a column for eight of them.
#pragma once

#include "batch_norm/normalise.cuh"

constexpr int columns = 32, lines = 8;

// Adds up `value` over the eight threads of a column; the first of them gets the sum.
__device__ __forceinline__ double over_lines(double value, double (&sums)[lines][columns]) {
  sums[threadIdx.y][threadIdx.x] = value;
  __syncthreads();
  if (threadIdx.y == 0) {
    for (int line = 1; line < lines; line++) value += sums[line][threadIdx.x];
  }
  __syncthreads();  // before the next call writes there
  return value;
}

// Mean, and the sum of squares around it, of the rows that were added.
struct Moments {
  double centre = 0, squares = 0, count = 0;
  __device__ __forceinline__ void add(double other_centre, double other_squares, double more) {
    if (more == 0) return;
    const double share = more / (count + more), difference = other_centre - centre;
    centre += difference * share;
    squares += other_squares + difference * difference * count * share;
    count += more;
  }
};

// parts[part][0][j] and [1][j]: mean of rows `part` * rows ... and the sum of squares around it.
template <typename T>
__global__ void __launch_bounds__(columns * lines)
moments(const T* __restrict__ x, double* __restrict__ parts, long long m, int c, long long rows) {
  __shared__ double sums[lines][columns];
  const int j = blockIdx.x * columns + threadIdx.x;
  const long long first = blockIdx.y * rows, last = min(first + rows, m);
  const double shift = j < c ? static_cast<double>(x[first * c + j]) : 0.0;
  double sum = 0, squares = 0;
  if (j < c) {
    for (long long i = first + threadIdx.y; i < last; i += lines) {
      const double d = x[i * c + j] - shift;
      sum += d;
      squares += d * d;
    }
  }
  sum = over_lines(sum, sums);
  squares = over_lines(squares, sums);
  if (threadIdx.y == 0 && j < c) {
    const double count = static_cast<double>(last - first);
    double* part = parts + 2 * static_cast<long long>(blockIdx.y) * c;
    part[j] = shift + sum / count;
    part[c + j] = squares - sum * sum / count;
  }
}

// parts[part][0][j] and [1][j]: sums of grad z and of grad.
template <typename T>
__global__ void __launch_bounds__(columns * lines)
grad_sums(const T* __restrict__ x, const T* __restrict__ grad_y, const T* __restrict__ weight,
          const T* __restrict__ bias, const T* __restrict__ mean, const T* __restrict__ var,
          double* __restrict__ parts, long long m, int c, long long rows, T eps, T slope) {
  __shared__ double sums[lines][columns];
  const int j = blockIdx.x * columns + threadIdx.x;
  const long long first = blockIdx.y * rows, last = min(first + rows, m);
  double of_weight = 0, of_bias = 0;
  if (j < c) {
    const Column<T> column(weight[j], bias[j], mean[j], var[j], eps);
    for (long long i = first + threadIdx.y; i < last; i += lines) {
      const T value = x[i * c + j], grad = column.grad(value, grad_y[i * c + j], slope);
      of_bias += grad;
      of_weight += static_cast<double>(grad) * column.z(value);
    }
  }
  of_weight = over_lines(of_weight, sums);
  of_bias = over_lines(of_bias, sums);
  if (threadIdx.y == 0 && j < c) {
    double* part = parts + 2 * static_cast<long long>(blockIdx.y) * c;
    part[j] = of_weight;
    part[c + j] = of_bias;
  }
}
