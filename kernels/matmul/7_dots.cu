// Matrix product c = a b, rung 7: few columns.
//
// Changed:  a block for each row of a, whose threads share out k (dots.cuh).
// Faster:   where c has few columns and the sums are long, as at the end of a discriminator: tiles of
//           64 columns would be empty but for the first few, and two blocks would walk through
//           thousands of terms while the rest of the GPU waits. The factors are not rounded.
// Bound by: reading a, once.

#include "cuda/dots.cuh"
#include "matmul/operands.cuh"

template <typename T>
__global__ void __launch_bounds__(dot_threads)
matmul(const T* __restrict__ a, const T* __restrict__ b, T* __restrict__ c, int m, int n, int k,
       long long a_row, long long a_column, long long b_row, long long b_column) {
  const int row = blockIdx.x, column = threadIdx.x;
  const T sum = dots<T>(MatrixOperand<T>{a, a_row, a_column, m}, row,
                        MatrixOperand<T>{b, b_column, b_row, n}, k);
  if (column < n) c[static_cast<long long>(row) * n + column] = sum;
}
