// Uniform and normal random numbers, rung 1: one thread for one number.
//
// Changed:  the loop over the numbers has become the grid.
// Faster:   all numbers at once: a number depends on its position, not on the number before.
// Bound by: 64-bit multiplications, each four or more of a GPU's; of a block that gives eight floats
//           a thread uses one, or two where a normal number takes two.

#include "philox.cuh"

// Number i of the stream.
__device__ __forceinline__ float number(const Word* state, long long i, float) {
  const bool has = state[has_at];
  if (has && i == 0) return to_float(state[first_at]);
  const Word half = state[word_at] + i - has;
  const Word word = philox(state, half / 8).at(half / 2 % 4);
  return to_float(word >> 32 * (half % 2));
}

__device__ __forceinline__ double number(const Word* state, long long i, double) {
  const Word index = state[word_at] / 2 + i;
  return to_double(philox(state, index / 4).at(index % 4));
}

template <typename T>
__global__ void uniform(const Word* __restrict__ state, T* __restrict__ result, long long count) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  result[i] = number(state, i, T());
}

template <typename T>
__global__ void normal(const Word* __restrict__ state, T* __restrict__ result, long long count) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  result[i] = box_muller(number(state, 2 * i, T()), number(state, 2 * i + 1, T()));
}
