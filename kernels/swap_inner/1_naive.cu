// y[n, j, i] = x[n, i, j], rung 1: one thread for one value.
//
// Changed:  the loop has become the grid.
// Faster:   all values at once.
// Bound by: memory, badly used: a warp writes 128 consecutive bytes, but what it reads lies b values
//           apart, so that of each sector of 32 bytes 4 are wanted.

template <typename T>
__global__ void swap_inner(const T* __restrict__ x, T* __restrict__ y, int a, int b) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, j = blockIdx.y * blockDim.y + threadIdx.y;
  const long long image = static_cast<long long>(blockIdx.z) * a * b;
  if (i >= a || j >= b) return;
  y[image + static_cast<long long>(j) * a + i] = x[image + static_cast<long long>(i) * b + j];
}
