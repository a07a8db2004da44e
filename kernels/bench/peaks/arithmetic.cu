// The peak of arithmetic: fused multiply-adds on values that never leave the registers.
//
// The result of c = c * factor + offset is there for the next step 4 to 8 cycles later. 8 such chains
// in each thread, and 8 warps in each quarter of a multiprocessor, leave no cycle without work.
// Bound by: the units for multiplying and adding; the loop itself costs 1 instruction in 100.

constexpr int chains = 8;

template <typename T>
__global__ void __launch_bounds__(256)
fma_chains(const T* __restrict__ x, T* __restrict__ y, T factor, T offset, int steps, int n) {
  const int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= n) return;
  T c[chains];
#pragma unroll
  for (int k = 0; k < chains; k++) c[k] = x[t] + T(k);
#pragma unroll 32
  for (int step = 0; step < steps; step++) {
#pragma unroll
    for (int k = 0; k < chains; k++) c[k] = fma(c[k], factor, offset);
  }
  T sum = 0;
#pragma unroll
  for (int k = 0; k < chains; k++) sum += c[k];
  y[t] = sum;
}
