// Convolution, rung 7: few output channels.
//
// Changed:  a block for each pixel of y, whose threads share out k (dots.cuh).
// Faster:   where there are few channels and the sums are long, as at the end of a discriminator:
//           tiles of 64 channels would be empty but for the first few, and few blocks would walk
//           through thousands of terms. The factors are not rounded.
// Bound by: reading x, once for each window that a value lies in.

#include "conv2d/operands.cuh"
#include "cuda/dots.cuh"

template <typename T>
__global__ void __launch_bounds__(dot_threads)
conv2d(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
       T* __restrict__ y, Shape shape, T slope) {
  const int pixel = blockIdx.x, k = threadIdx.x;
  const T sum = dots<T>(WindowRows<T>{x, shape}, pixel, WeightColumns<T>{weight, shape},
                        shape.r * shape.s * shape.c);
  if (k < shape.k) {
    y[static_cast<long long>(pixel) * shape.k + k] = activated(sum + (bias ? bias[k] : T(0)), slope);
  }
}
