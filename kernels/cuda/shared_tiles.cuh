// The product of a strip of rows and a strip of columns, by 32x32 threads with a value each, through
// tiles in shared memory. Operands (operand.cuh) give the rows and columns: of a matrix, or of the
// windows of an image.
#pragma once

#include "cuda/operand.cuh"

template <typename T>
struct SharedTiles {
  static constexpr int side = 32;

  // One column more than needed: a tile that is written downwards would otherwise have all its 32
  // values in one bank.
  struct Shared {
    T a[side][side + 1], b[side][side + 1];
  };

  // The value of the thread's row and column: the sum of rows(first_row + threadIdx.y, l)
  // columns(l, first_column + threadIdx.x) over first_k <= l < last_k. *_along_k:
  // whether neighbours along k are neighbours in memory, so that neighbouring threads fetch them.
  template <typename Rows, typename Columns>
  __device__ static T multiply(Shared& shared, const Rows& rows, bool rows_along_k,
                               int first_row, const Columns& columns, bool columns_along_k,
                               int first_column, int first_k, int last_k) {
    const int x = threadIdx.x, y = threadIdx.y;
    const int row = rows_along_k ? y : x, row_k = rows_along_k ? x : y;
    const int column = columns_along_k ? y : x, column_k = columns_along_k ? x : y;
    const auto rows_a = rows.row(first_row + row);
    const auto rows_b = columns.row(first_column + column);
    T sum = 0;
    for (int start = first_k; start < last_k; start += side) {
      const int l = start + row_k, h = start + column_k;
      shared.a[row][row_k] = l < last_k ? value_of<T>(rows, rows_a, rows.inner(l)) : T(0);
      shared.b[column_k][column] =
          h < last_k ? value_of<T>(columns, rows_b, columns.inner(h)) : T(0);
      __syncthreads();
#pragma unroll
      for (int s = 0; s < side; s++) sum += shared.a[y][s] * shared.b[s][x];
      __syncthreads();  // before the next round overwrites what others still read
    }
    return sum;
  }
};
