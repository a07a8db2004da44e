// y[n, j, i] = x[n, i, j], rung 2: through tiles in shared memory.
//
// Changed:  32x8 threads read a tile of 32x32 row by row, and write it row by row, transposed.
// Faster:   both sides move whole sectors.
// Bound by: memory traffic. (The tile has a column more than needed: without it a warp that reads a
//           column of it would find all its 32 values in one bank.)

constexpr int side = 32, rows = 8;

template <typename T>
__global__ void __launch_bounds__(side * rows)
swap_inner(const T* __restrict__ x, T* __restrict__ y, int a, int b) {
  __shared__ T tile[side][side + 1];
  const int first_i = blockIdx.x * side, first_j = blockIdx.y * side;
  const long long image = static_cast<long long>(blockIdx.z) * a * b;
  for (int row = threadIdx.y; row < side; row += rows) {
    const int i = first_i + row, j = first_j + threadIdx.x;
    if (i < a && j < b) tile[row][threadIdx.x] = x[image + static_cast<long long>(i) * b + j];
  }
  __syncthreads();
  for (int row = threadIdx.y; row < side; row += rows) {
    const int i = first_i + threadIdx.x, j = first_j + row;
    if (i < a && j < b) y[image + static_cast<long long>(j) * a + i] = tile[threadIdx.x][row];
  }
}
