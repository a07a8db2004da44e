// Batch normalisation, rung 2: the rows are cut into parts.
//
// Changed:  blocks of 32x8 threads compute the moments (or the gradients' sums) of a part of the
//           rows for 32 columns; a second kernel puts the parts together in a fixed order; a third
//           normalises, one thread for one value.
// Faster:   as many blocks as the GPU can hold, whatever c is, and x is read twice, not three times:
//           mean and variance of a part come from one pass over sums of x - x0, with x0 the part's
//           first row, which are small when the spread is, and are merged exactly (Chan 1979,
//           "Updating formulae and a pairwise algorithm for computing sample variances").
// Bound by: memory traffic: two reads and a write of x where one of each is the least.

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

template <typename T>
__global__ void merge_moments(const double* __restrict__ parts, T* __restrict__ mean,
                              T* __restrict__ var, long long m, int c, long long rows) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= c) return;
  double centre = 0, squares = 0, count = 0;
  for (long long first = 0; first < m; first += rows, parts += 2 * c) {
    const double more = static_cast<double>(min(rows, m - first)), all = count + more;
    const double difference = parts[j] - centre;
    centre += difference * more / all;
    squares += parts[c + j] + difference * difference * count * more / all;
    count = all;
  }
  mean[j] = static_cast<T>(centre);
  var[j] = static_cast<T>(squares / m);
}

template <typename T>
__global__ void normalise(const T* __restrict__ x, const T* __restrict__ weight,
                          const T* __restrict__ bias, const T* __restrict__ mean,
                          const T* __restrict__ var, T* __restrict__ y, long long size, int c,
                          T eps, T slope) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= size) return;
  y[i] = Column<T>(weight, bias, mean, var, eps, static_cast<int>(i % c)).y(x[i], slope);
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
    const Column<T> column(weight, bias, mean, var, eps, j);
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

template <typename T>
__global__ void merge_grad_sums(const double* __restrict__ parts, T* __restrict__ grad_weight,
                                T* __restrict__ grad_bias, int count, int c) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= c) return;
  double of_weight = 0, of_bias = 0;
  for (int part = 0; part < count; part++, parts += 2 * c) {
    of_weight += parts[j];
    of_bias += parts[c + j];
  }
  grad_weight[j] = static_cast<T>(of_weight);
  grad_bias[j] = static_cast<T>(of_bias);
}

template <typename T>
__global__ void grad_x(const T* __restrict__ x, const T* __restrict__ grad_y,
                       const T* __restrict__ weight, const T* __restrict__ bias,
                       const T* __restrict__ mean, const T* __restrict__ var,
                       const T* __restrict__ grad_weight, const T* __restrict__ grad_bias,
                       T* __restrict__ result, long long size, int c, T m, T eps, T slope) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= size) return;
  const int j = static_cast<int>(i % c);
  result[i] = Column<T>(weight, bias, mean, var, eps, j)
                  .grad_x(x[i], grad_y[i], slope, grad_weight[j], grad_bias[j], m);
}
