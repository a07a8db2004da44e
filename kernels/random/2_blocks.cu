// Uniform and normal random numbers, rung 2: one thread for one block of Philox.
//
// Changed:  a thread turns all words of its block into numbers: 8 floats or 4 doubles. It stores 16
//           bytes at a time where the stream's position lets a block begin at a multiple of them.
// Faster:   an eighth (a quarter) of the multiplications, a quarter (half) of the stores.
// Bound by: 64-bit multiplications still, then the logarithm; the stores come last.

#include "philox.cuh"

// The numbers of a block, and where they lie: number k of thread t has index t * size + k - offset.
template <typename T>
struct Numbers;

template <>
struct Numbers<float> {
  static constexpr int size = 8;
  static __device__ int offset(const Word* state) {
    return static_cast<int>(state[word_at] % 8) - static_cast<int>(state[has_at]);
  }
  static __device__ float of(const Block& block, int k) {
    return to_float(block.words[k / 2] >> 32 * (k % 2));
  }
};

template <>
struct Numbers<double> {
  static constexpr int size = 4;
  static __device__ int offset(const Word* state) {
    return static_cast<int>(state[word_at] / 2 % 4);
  }
  static __device__ double of(const Block& block, int k) { return to_double(block.words[k]); }
};

// The half that was pending is number 0 of the floats.
__device__ __forceinline__ bool begins_pending(const Word* state, float) { return state[has_at]; }
__device__ __forceinline__ bool begins_pending(const Word*, double) { return false; }

// result[first + k] = values[k], for indices within 0 .. count - 1. `first` may be negative.
template <typename T, int size>
__device__ __forceinline__ void store(T* __restrict__ result, long long first,
                                      const T (&values)[size], long long count) {
  constexpr int width = 16 / sizeof(T);
  struct alignas(16) Vector {
    T values[width];
  };
#pragma unroll
  for (int k = 0; k < size; k += width) {
    const long long at = first + k;
    if (at % width == 0 && at >= 0 && at + width <= count) {
      Vector vector;
#pragma unroll
      for (int n = 0; n < width; n++) vector.values[n] = values[k + n];
      *reinterpret_cast<Vector*>(result + at) = vector;
    } else {
#pragma unroll
      for (int n = 0; n < width; n++) {
        if (at + n >= 0 && at + n < count) result[at + n] = values[k + n];
      }
    }
  }
}

template <typename T>
__global__ void uniform(const Word* __restrict__ state, T* __restrict__ result, long long count) {
  constexpr int size = Numbers<T>::size;
  const long long thread = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  const Block block = philox(state, state[word_at] / 8 + thread);
  T values[size];
#pragma unroll
  for (int k = 0; k < size; k++) values[k] = Numbers<T>::of(block, k);
  store(result, thread * size - Numbers<T>::offset(state), values, count);
  if (thread == 0 && begins_pending(state, T())) result[0] = to_float(state[first_at]);
}

// A pair of numbers begins at an even index. When the offset is odd, the last pair of a block ends
// in the next block, whose first number the thread computes as well.
template <typename T>
__global__ void normal(const Word* __restrict__ state, T* __restrict__ result, long long count) {
  constexpr int size = Numbers<T>::size;
  const long long thread = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  const Word index = state[word_at] / 8 + thread;
  const int offset = Numbers<T>::offset(state);
  const bool odd = offset & 1;
  const Block block = philox(state, index);
  T r[size + 1], values[size / 2];
#pragma unroll
  for (int k = 0; k < size; k++) r[k] = Numbers<T>::of(block, k);
  r[size] = odd ? Numbers<T>::of(philox(state, index + 1), 0) : T(0);
#pragma unroll
  for (int k = 0; k < size; k += 2) {
    values[k / 2] = box_muller(odd ? r[k + 1] : r[k], odd ? r[k + 2] : r[k + 1]);
  }
  store(result, (thread * size - offset + odd) / 2, values, count);
  if (thread == 0 && begins_pending(state, T())) {
    T second = r[0];
#pragma unroll
    for (int k = 1; k < size; k++) second = offset + 1 == k ? r[k] : second;
    result[0] = box_muller(T(to_float(state[first_at])), second);
  }
}
