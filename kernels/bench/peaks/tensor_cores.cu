// The peak of the tensor cores: 16x8 tiles that grow by products of matrices in registers.
//
// By mma.sync, which all tensor cores since Ampere have. (Hopper has a faster instruction, wgmma, but
// no kernel here uses it: what it could reach is not part of this roofline.) As with single numbers,
// 8 tiles in each warp hide how long a product takes.
// Bound by: the tensor cores.

#include "cuda/tensor_sums.cuh"

constexpr int tiles = 8;

// A warp for 32 values of x; each lane fills all that it holds of both factors with its value.
template <Kind kind>
__global__ void __launch_bounds__(128)
tensor_chains(const float* __restrict__ x, float* __restrict__ y, int steps) {
  const int t = blockIdx.x * blockDim.x + threadIdx.x;
  float values[Factor<kind>::per_word];
#pragma unroll
  for (float& value : values) value = x[t];
  const unsigned word = Factor<kind>::word(values);
  const unsigned a[4] = {word, word, word, word}, b[2] = {word, word};
  float d[tiles][4] = {};
#pragma unroll 4
  for (int step = 0; step < steps; step++) {
#pragma unroll
    for (int k = 0; k < tiles; k++) Factor<kind>::add(d[k], a, b);
  }
  float sum = 0;
#pragma unroll
  for (int k = 0; k < tiles; k++) sum += d[k][0] + d[k][1] + d[k][2] + d[k][3];
  y[t] = sum / tiles;
}
