// Matrix product c = a b, rung 4: a small tile of c in the registers of each thread.
//
// Changed:  a thread computes 8x8 values of c (or 4x4), from 8 values of a and 8 of b at a time.
//           While a block computes with one pair of tiles, the next pair is on its way: first into
//           registers, then into a second set of shared tiles.
// Faster:   16 reads of shared memory, in vectors of four, serve 64 multiplications instead of 128
//           reads; and no thread waits for global memory, which has the time of a whole tile.
//           One barrier per step instead of two.
// Bound by: the multipliers, when m and n fill the GPU with tiles; otherwise by the few blocks that
//           there are.

#include "matmul/operands.cuh"
#include "cuda/register_tiles.cuh"

template <typename T, int tile_m, int tile_n>
__global__ void __launch_bounds__(256, tile_m == 64 ? 2 : 1)
matmul(const T* __restrict__ a, const T* __restrict__ b, T* __restrict__ c, int m, int n, int k,
       long long a_row, long long a_column, long long b_row, long long b_column) {
  using Tiles = RegisterTiles<T, tile_m, tile_n>;
  __shared__ typename Tiles::Shared shared;
  Tiles tiles(shared);
  const int first_row = blockIdx.x * tile_m, first_column = blockIdx.y * tile_n;
  tiles.multiply(MatrixOperand<T>{a, a_row, a_column, m}, a_column == 1, first_row,
                 MatrixOperand<T>{b, b_column, b_row, n}, b_column != 1, first_column, 0, k);
  tiles.for_each([&](int i, int j, T value) {
    if (first_row + i < m && first_column + j < n) {
      c[static_cast<long long>(first_row + i) * n + first_column + j] = value;
    }
  });
}
