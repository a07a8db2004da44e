// Adam, rung 1: one thread for one weight, one launch for one parameter.
//
// Changed:  the loop over the weights has become the grid.
// Faster:   all weights of a parameter at once, in one pass over memory.
// Bound by: memory traffic for a large parameter; for small ones, and most are small, by the launch:
//           a few microseconds each, for a bias of 64 numbers.
//
// The host computes one_minus_beta in double: in float, 1 - 0.999 is off by 5e-5 of itself.

#include "adam/advance.cuh"

template <typename T>
__global__ void adam(T* __restrict__ p, const T* __restrict__ grad, T* __restrict__ m,
                     T* __restrict__ v, const double* __restrict__ sizes, long long n, T beta1,
                     T one_minus_beta1, T beta2, T one_minus_beta2, T eps) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const T step_size = static_cast<T>(sizes[0]), correction = static_cast<T>(sizes[1]);
  const T g = grad[i];
  const T mean = beta1 * m[i] + one_minus_beta1 * g;
  const T square = beta2 * v[i] + one_minus_beta2 * g * g;
  m[i] = mean;
  v[i] = square;
  p[i] -= step_size * mean / (sqrt(square) * correction + eps);
}
