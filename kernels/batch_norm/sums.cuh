// Sums over parts of the rows, of batch normalisation and of its gradient; by blocks of 32x8 threads,
// a column for eight of them.
#pragma once

#include "batch_norm/normalise.cuh"
#include "batch_norm/part.cuh"

constexpr int columns = 32, lines = 8;

// Adds up `value` over the eight threads of a column, of which each gets the sum.
__device__ __forceinline__ double over_lines(double value, double (&sums)[lines][columns]) {
  sums[threadIdx.y][threadIdx.x] = value;
  __syncthreads();
  value = 0;
  for (int line = 0; line < lines; line++) value += sums[line][threadIdx.x];
  __syncthreads();  // before the next call writes there
  return value;
}

// The moments of column j over the parts from `first` on, up to `last`; all threads of a column get
// them. Without a division for each part: first the mean of all, then the squares around that.
struct Moments {
  double count = 0, mean = 0, squares = 0;
  __device__ __forceinline__ Moments(double* parts, int first, int last, int c, int j,
                                     double (&sums)[lines][columns]) {
    double total = 0;
#pragma unroll 4
    for (int i = first + threadIdx.y; i < last; i += lines) {
      const Part part(parts, i, c);
      count += part.count();
      if (j < c && part.count() > 0) total += part.count() * part.mean(j);
    }
    count = over_lines(count, sums);
    mean = over_lines(total, sums) / count;
#pragma unroll 4
    for (int i = first + threadIdx.y; i < last; i += lines) {
      const Part part(parts, i, c);
      if (j < c && part.count() > 0) {
        const double difference = part.mean(j) - mean;
        squares += part.squares(j) + part.count() * difference * difference;
      }
    }
    squares = over_lines(squares, sums);
  }
};

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
    const Part part(parts, blockIdx.y, c);
    if (j == 0) part.count() = count;
    part.mean(j) = shift + sum / count;
    part.squares(j) = squares - sum * sum / count;
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
  double weight_sum = 0, bias_sum = 0;
  if (j < c) {
    const Column<T> column(weight[j], bias[j], mean[j], var[j], eps);
    for (long long i = first + threadIdx.y; i < last; i += lines) {
      const T value = x[i * c + j], grad = column.grad(value, grad_y[i * c + j], slope);
      bias_sum += grad;
      weight_sum += static_cast<double>(grad) * column.z(value);
    }
  }
  weight_sum = over_lines(weight_sum, sums);
  bias_sum = over_lines(bias_sum, sums);
  if (threadIdx.y == 0 && j < c) {
    double* part = parts + 2 * static_cast<long long>(blockIdx.y) * c;
    part[j] = weight_sum;
    part[c + j] = bias_sum;
  }
}
