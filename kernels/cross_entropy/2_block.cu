// Cross-entropy of logits, rung 2: a block computes the mean.
//
// Changed:  256 threads add up every 256th term each, the lanes of a warp add up their sums by
//           shuffles, and the first thread those of the eight warps. The order is fixed.
// Faster:   256 logits are on their way at once.
// Bound by: the launch; a batch has some hundred logits.

#include "cross_entropy/logits.cuh"

constexpr int threads = 256, warps = threads / 32;

template <typename T>
__global__ void __launch_bounds__(threads)
bce(const T* __restrict__ x, T* __restrict__ mean, long long n, T target) {
  __shared__ double sums[warps];
  double sum = 0;
  for (long long i = threadIdx.x; i < n; i += threads) sum += loss_of(x[i], target);
#pragma unroll
  for (int distance = 16; distance; distance /= 2) {
    sum += __shfl_down_sync(0xffffffff, sum, distance);
  }
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int warp = 1; warp < warps; warp++) sum += sums[warp];
    *mean = static_cast<T>(sum / n);
  }
}
