// Batch normalisation, rung 3: a thread stays in its column.
//
// Changed:  the kernel that normalises (or computes the gradient of x) puts the parts together itself,
//           each block for its 32 columns, and a thread goes down a column.
// Faster:   two launches instead of three, which move the running statistics, too. The square root
//           and the divisions, which take longer than all else that is done with a value, are done
//           once for a column of a block.
// Bound by: memory traffic, as before.

#include "batch_norm/sums.cuh"

template <typename T>
__global__ void __launch_bounds__(columns * lines, 4)
normalise(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
          double* __restrict__ parts, T* __restrict__ mean, T* __restrict__ var,
          T* __restrict__ running_mean, T* __restrict__ running_var, T* __restrict__ y, int count,
          long long m, int c, long long rows, T eps, T slope, T momentum) {
  __shared__ double sums[lines][columns];
  const int j = blockIdx.x * columns + threadIdx.x;
  const Moments all(parts, 0, count, c, j, sums);
  if (j >= c) return;
  const T column_mean = static_cast<T>(all.mean), column_var = static_cast<T>(all.squares / m);
  if (blockIdx.y == 0 && threadIdx.y == 0) {
    mean[j] = column_mean;
    var[j] = column_var;
    if (running_mean) {
      const T unbiased = static_cast<T>(all.squares / (m - 1));
      running_mean[j] = (T(1) - momentum) * running_mean[j] + momentum * column_mean;
      running_var[j] = (T(1) - momentum) * running_var[j] + momentum * unbiased;
    }
  }
  const Column<T> column(weight[j], bias[j], column_mean, column_var, eps);
  const long long first = blockIdx.y * rows, last = min(first + rows, m);
#pragma unroll 4
  for (long long i = first + threadIdx.y; i < last; i += lines) {
    y[i * c + j] = column.y(x[i * c + j], slope);
  }
}

// fewer[i] = the moments of the parts from i * each on, `each` of them.
__global__ void __launch_bounds__(columns * lines, 4)
merge(double* __restrict__ parts, double* __restrict__ fewer, int count, int each, int c) {
  __shared__ double sums[lines][columns];
  const int j = blockIdx.x * columns + threadIdx.x, first = blockIdx.y * each;
  const Moments all(parts, first, min(first + each, count), c, j, sums);
  if (j >= c || threadIdx.y > 0) return;
  const Part part(fewer, blockIdx.y, c);
  if (j == 0) part.count() = all.count;
  part.mean(j) = all.mean;
  part.squares(j) = all.squares;
}

// fewer[i] = the sums of the parts of grad_sums from i * each on, `each` of them.
__global__ void __launch_bounds__(columns * lines)
merge_sums(const double* __restrict__ parts, double* __restrict__ fewer, int count, int each, int c) {
  __shared__ double sums[lines][columns];
  const int j = blockIdx.x * columns + threadIdx.x;
  const int first = blockIdx.y * each, last = min(first + each, count);
  for (int which = 0; which < 2; which++) {  // weight_sum, then bias_sum
    double sum = 0;
    for (int part = first + threadIdx.y; part < last && j < c; part += lines) {
      sum += parts[(2ll * part + which) * c + j];
    }
    sum = over_lines(sum, sums);
    if (threadIdx.y == 0 && j < c) fewer[(2ll * blockIdx.y + which) * c + j] = sum;
  }
}

template <typename T>
__global__ void __launch_bounds__(columns * lines)
grad_x(const T* __restrict__ x, const T* __restrict__ grad_y, const T* __restrict__ weight,
       const T* __restrict__ bias, const T* __restrict__ mean, const T* __restrict__ var,
       const double* __restrict__ parts, T* __restrict__ grad_weight, T* __restrict__ grad_bias,
       T* __restrict__ result, int count, long long m, int c, long long rows, T eps, T slope) {
  __shared__ double weights[lines][columns], biases[lines][columns];
  const int j = blockIdx.x * columns + threadIdx.x;
  double weight_sum = 0, bias_sum = 0;
  if (j < c) {
    for (int part = threadIdx.y; part < count; part += lines) {
      weight_sum += parts[2 * static_cast<long long>(part) * c + j];
      bias_sum += parts[2 * static_cast<long long>(part) * c + c + j];
    }
  }
  weights[threadIdx.y][threadIdx.x] = weight_sum;
  biases[threadIdx.y][threadIdx.x] = bias_sum;
  __syncthreads();
  if (j >= c) return;
  weight_sum = bias_sum = 0;
  for (int line = 0; line < lines; line++) {
    weight_sum += weights[line][threadIdx.x];
    bias_sum += biases[line][threadIdx.x];
  }
  if (blockIdx.y == 0 && threadIdx.y == 0) {
    grad_weight[j] = static_cast<T>(weight_sum);
    grad_bias[j] = static_cast<T>(bias_sum);
  }
  const Column<T> column(weight[j], bias[j], mean[j], var[j], eps);
  const T weight_mean = static_cast<T>(weight_sum / m), bias_mean = static_cast<T>(bias_sum / m);
  const long long first = blockIdx.y * rows, last = min(first + rows, m);
#pragma unroll 4
  for (long long i = first + threadIdx.y; i < last; i += lines) {
    result[i * c + j] = column.grad_x(x[i * c + j], grad_y[i * c + j], slope, weight_mean, bias_mean);
  }
}
