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

#include "batch_norm/sums.cuh"

template <typename T>
__global__ void __launch_bounds__(columns * lines, 4)
merge_moments(double* __restrict__ parts, T* __restrict__ mean,
                              T* __restrict__ var, int count, int c) {
  __shared__ double sums[lines][columns];
  const int j = blockIdx.x * columns + threadIdx.x;
  const Moments all(parts, 0, count, c, j, sums);
  if (j >= c || threadIdx.y > 0) return;
  mean[j] = static_cast<T>(all.mean);
  var[j] = static_cast<T>(all.squares / all.count);
}

template <typename T>
__global__ void normalise(const T* __restrict__ x, const T* __restrict__ weight,
                          const T* __restrict__ bias, const T* __restrict__ mean,
                          const T* __restrict__ var, T* __restrict__ y, long long size, int c,
                          T eps, T slope) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= size) return;
  const int j = static_cast<int>(i % c);
  y[i] = Column<T>(weight[j], bias[j], mean[j], var[j], eps).y(x[i], slope);
}

template <typename T>
__global__ void merge_grad_sums(const double* __restrict__ parts, T* __restrict__ grad_weight,
                                T* __restrict__ grad_bias, int count, int c) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= c) return;
  double weight_sum = 0, bias_sum = 0;
  for (int part = 0; part < count; part++, parts += 2 * c) {
    weight_sum += parts[j];
    bias_sum += parts[c + j];
  }
  grad_weight[j] = static_cast<T>(weight_sum);
  grad_bias[j] = static_cast<T>(bias_sum);
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
  result[i] = Column<T>(weight[j], bias[j], mean[j], var[j], eps)
                  .grad_x(x[i], grad_y[i], slope, grad_weight[j] / m, grad_bias[j] / m);
}
