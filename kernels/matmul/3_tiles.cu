// Matrix product c = a b, rung 3: tiles in shared memory.
//
// Changed:  a block of 32x32 threads computes a tile of c of that size. It walks along k in steps of
//           32, and at each step its threads fetch a tile of a and one of b together, one value
//           each, and then all read from there.
// Faster:   a value that was fetched is used by 32 threads: global memory moves a 32nd of the bytes.
//           A tile's rows are read along whichever direction is contiguous in memory, so that a
//           transposed matrix is fetched in whole sectors, too.
// Bound by: shared memory: two reads for one multiplication and addition, where the units could
//           do many more.

#include "matmul/operands.cuh"
#include "cuda/shared_tiles.cuh"

template <typename T>
__global__ void __launch_bounds__(1024)
matmul(const T* __restrict__ a, const T* __restrict__ b, T* __restrict__ c, int m, int n, int k,
       long long a_row, long long a_column, long long b_row, long long b_column) {
  using Tiles = SharedTiles<T>;
  __shared__ typename Tiles::Shared shared;
  const int first_row = blockIdx.x * Tiles::side, first_column = blockIdx.y * Tiles::side;
  const T sum = Tiles::multiply(
      shared, MatrixOperand<T>{a, a_row, a_column, m}, a_column == 1, first_row,
      MatrixOperand<T>{b, b_column, b_row, n}, b_column != 1, first_column, 0, k);
  const int i = first_row + threadIdx.y, j = first_column + threadIdx.x;
  if (i < m && j < n) c[static_cast<long long>(i) * n + j] = sum;
}
