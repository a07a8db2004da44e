// Matrix product c = a b, rung 5: tensor cores.
//
// Changed:  the factors are rounded to tf32, bfloat16 or float16 as they come into shared memory, and
//           a warp multiplies 16x8 tiles by one instruction (mma.sync), from fragments that ldmatrix
//           loads, without bank conflicts. Sums stay float.
// Faster:   one instruction does 1,024 multiplications (tf32) or 2,048, for which rung 4 needs 32 or
//           64 of its threads' instructions.
// Bound by: bringing the factors in: a value is loaded, looked at, rounded and stored on its own.

#include "matmul/operands.cuh"
#include "cuda/tensor_tiles.cuh"

template <Kind kind>
__global__ void __launch_bounds__(256, 2)
matmul(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c, int m,
       int n, int k, long long a_row, long long a_column, long long b_row, long long b_column) {
  using Tiles = TensorTiles<kind>;
  __shared__ typename Tiles::Shared shared;
  Tiles tiles(shared);
  const int first_row = blockIdx.x * Tiles::side, first_column = blockIdx.y * Tiles::side;
  tiles.multiply(MatrixOperand<float>{a, a_row, a_column, m}, a_column == 1, first_row,
                 MatrixOperand<float>{b, b_column, b_row, n}, b_column != 1, first_column, 0, k);
  tiles.for_each_pair([&](int i, int j, float value, float next) {
    if (first_row + i < m) {
      float* const row = c + static_cast<long long>(first_row + i) * n;
      store_pair<Tiles::even>(row, first_column + j, n, value, next);
    }
  });
}
