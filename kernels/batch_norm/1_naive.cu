// Batch normalisation, rung 1: one thread for one column.
//
// Changed:  the loop over the columns has become the grid.
// Faster:   all columns at once, and neighbouring threads read neighbouring values.
// Bound by: the wait for memory: c columns keep c threads busy, and each walks through its column
//           three times.

#include "batch_norm/normalise.cuh"

template <typename T>
__global__ void batch_norm(const T* __restrict__ x, const T* __restrict__ weight,
                           const T* __restrict__ bias, T* __restrict__ y, T* __restrict__ mean,
                           T* __restrict__ var, long long m, int c, T eps, T slope) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= c) return;
  double sum = 0, squares = 0;
  for (long long i = 0; i < m; i++) sum += x[i * c + j];
  const double centre = sum / m;
  for (long long i = 0; i < m; i++) squares += (x[i * c + j] - centre) * (x[i * c + j] - centre);
  mean[j] = static_cast<T>(centre);
  var[j] = static_cast<T>(squares / m);
  const Column<T> column(weight[j], bias[j], mean[j], var[j], eps);
  for (long long i = 0; i < m; i++) y[i * c + j] = column.y(x[i * c + j], slope);
}

template <typename T>
__global__ void batch_norm_backward(const T* __restrict__ x, const T* __restrict__ grad_y,
                                    const T* __restrict__ weight, const T* __restrict__ bias,
                                    const T* __restrict__ mean, const T* __restrict__ var,
                                    T* __restrict__ grad_x, T* __restrict__ grad_weight,
                                    T* __restrict__ grad_bias, long long m, int c, T eps,
                                    T slope) {
  const int j = blockIdx.x * blockDim.x + threadIdx.x;
  if (j >= c) return;
  const Column<T> column(weight[j], bias[j], mean[j], var[j], eps);
  double weight_sum = 0, bias_sum = 0;
  for (long long i = 0; i < m; i++) {
    const T value = x[i * c + j], grad = column.grad(value, grad_y[i * c + j], slope);
    bias_sum += grad;
    weight_sum += static_cast<double>(grad) * column.z(value);
  }
  grad_weight[j] = static_cast<T>(weight_sum);
  grad_bias[j] = static_cast<T>(bias_sum);
  for (long long i = 0; i < m; i++) {
    grad_x[i * c + j] = column.grad_x(x[i * c + j], grad_y[i * c + j], slope,
                                      static_cast<T>(weight_sum / m), static_cast<T>(bias_sum / m));
  }
}
